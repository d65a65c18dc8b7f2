import type { Options } from "yargs";
import { CONFLICT_POLICIES, type ConflictPolicy } from "../runtime/layer2/address-conflict.js";
import type { AnnouncerPolicy } from "../runtime/layer2/messages.js";
import { parseGoDuration } from "../runtime/net/go-duration.js";

const SHORTEST_REFRESH_MILLISECONDS = 5000; // the bursts of a first announcement take about as long

/** How the speaker looks after addresses that it announces by ARP and NDP. */
export const layer2Options = {
  "address-conflict": {
    choices: CONFLICT_POLICIES,
    default: "report" as ConflictPolicy,
    describe:
      "What to do where another machine has an address too: tell the link again that it is ours, stop announcing it, or only say so",
  },
  "refresh-interval": {
    type: "string",
    default: "0",
    describe: "Tell the link of each announced address again this often, for switches that forget; 0: not",
    coerce: readRefresh,
    requiresArg: true,
  },
} as const satisfies Record<string, Options>;

export function layer2OptionsOf(args: Readonly<Record<string, unknown>>): AnnouncerPolicy {
  return {
    conflicts: args["addressConflict"] as ConflictPolicy,
    refreshMilliseconds: args["refreshInterval"] as number,
  };
}

function readRefresh(text: string): number {
  const duration = parseGoDuration(text);
  if (duration.ok && duration.value === 0n) return 0;
  const milliseconds = duration.ok ? Number(duration.value / 1_000_000n) : Number.NaN;
  // setTimeout() of Node.js takes no more than this.
  if (milliseconds >= SHORTEST_REFRESH_MILLISECONDS && milliseconds < 2 ** 31) return milliseconds;
  const problem = duration.ok ? "is neither 0 nor from 5s to 596h" : duration.fault;
  throw new Error(`--refresh-interval is ${JSON.stringify(text)}, which ${problem}: write a duration such as 1m`);
}
