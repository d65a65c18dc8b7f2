import { HIDDEN_VALUE, type Fault } from "../net/fault.js";
import { parseGoDuration } from "../net/go-duration.js";
import { refuse, succeed, type Result } from "../net/result.js";
import { LAN_PARAMETERS, type MembershipParameters } from "./parameters.js";

type Kind = "duration" | "count" | "flag";

/** The fields of the file by their names in it. */
const FIELDS: Readonly<Record<string, readonly [keyof MembershipParameters, Kind]>> = {
  TCPTimeout: ["tcpTimeoutMilliseconds", "duration"],
  IndirectChecks: ["indirectChecks", "count"],
  RetransmitMult: ["retransmitMultiplier", "count"],
  SuspicionMult: ["suspicionMultiplier", "count"],
  SuspicionMaxTimeoutMult: ["suspicionMaxTimeoutMultiplier", "count"],
  PushPullInterval: ["pushPullIntervalMilliseconds", "duration"],
  ProbeTimeout: ["probeTimeoutMilliseconds", "duration"],
  ProbeInterval: ["probeIntervalMilliseconds", "duration"],
  DisableTcpPings: ["disableTcpPings", "flag"],
  AwarenessMaxMultiplier: ["awarenessMaxMultiplier", "count"],
  GossipNodes: ["gossipNodes", "count"],
  GossipInterval: ["gossipIntervalMilliseconds", "duration"],
  GossipToTheDeadTime: ["gossipToTheDeadMilliseconds", "duration"],
  GossipVerifyIncoming: ["gossipVerifyIncoming", "flag"],
  GossipVerifyOutgoing: ["gossipVerifyOutgoing", "flag"],
  EnableCompression: ["enableCompression", "flag"],
  HandoffQueueDepth: ["handoffQueueDepth", "count"],
  UDPBufferSize: ["udpBufferOctets", "count"],
  QueueCheckInterval: ["queueCheckIntervalMilliseconds", "duration"],
};

const MAX_COUNT = 1_000_000;

/**
 * Reads the file `config.json` of the ConfigMap `metallb-memberlist-config`, which v0.16 mounts: it takes the place of both
 * sets of parameters. A number or flag that is missing is 0 or false; a duration has to be there. Names match in any case.
 * @param file as messages name it
 * @returns all faults at once
 */
export function readParametersFile(text: string, file: string): Result<MembershipParameters, readonly Fault[]> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const problem = `is no JSON (${(error as Error).message})`;
    return refuse([{ object: file, path: "", value: HIDDEN_VALUE, problem, remedy: "write one object of JSON" }]);
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    const problem = "is no object";
    return refuse([{ object: file, path: "", value: document, problem, remedy: "write one object of JSON" }]);
  }
  const values = new Map(Object.entries(document).map(([name, value]) => [name.toLowerCase(), value as unknown]));
  const faults: Fault[] = [];
  const read = Object.entries(FIELDS).map(([name, [parameter, kind]]) => {
    const value = values.get(name.toLowerCase()) ?? undefined; // null leaves a field as it is, as if it were missing
    const result = READERS[kind](value);
    if (!result.ok) faults.push({ object: file, path: `/${name}`, value, ...result.fault });
    return [parameter, result.ok ? result.value : 0] as const;
  });
  return faults.length > 0 ? refuse(faults) : succeed({ ...LAN_PARAMETERS, ...Object.fromEntries(read) });
}

type ValueFault = Pick<Fault, "problem" | "remedy">;

const READERS: Readonly<Record<Kind, (value: unknown) => Result<number | boolean, ValueFault>>> = {
  flag: (value = false) =>
    typeof value === "boolean" ? succeed(value) : refuse({ problem: "is no flag", remedy: "write true or false" }),
  count: (value = 0) => {
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_COUNT) {
      return succeed(value as number);
    }
    return refuse({ problem: "is no count", remedy: `write a whole number of 0 to ${MAX_COUNT}` });
  },
  duration: (value) => {
    const remedy = 'write one as "500ms" or "1m30s"';
    if (value === undefined) return refuse({ problem: "has to be given", remedy });
    const parsed = typeof value === "string" ? parseGoDuration(value) : refuse("is no duration");
    if (!parsed.ok) return refuse({ problem: parsed.fault, remedy });
    const milliseconds = Number(parsed.value) / 1e6;
    if (milliseconds < 0) return refuse({ problem: "is negative", remedy });
    return succeed(milliseconds);
  },
};
