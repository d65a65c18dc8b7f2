import type { MemberChange } from "../membership/effects.js";
import type { Endpoint } from "../membership/state.js";
import type { Joined } from "./membership.js";

export type JoinFailure = Joined["failed"][number];

const MAX_NAMED = 10;

export function describeChange({ what, name }: MemberChange): string {
  switch (what) {
    case "joined":
      return `the speaker of ${name} is here`;
    case "left":
      return `the speaker of ${name} has left`;
    case "failed":
      return `the speaker of ${name} is dead`;
    case "updated":
      return `the speaker of ${name} says something else of itself`;
  }
}

/** One sentence about those that could not be joined; "" where there are none. */
export function describeFailures(failed: readonly JoinFailure[]): string {
  if (failed.length === 0) return "";
  const named = failed
    .slice(0, MAX_NAMED)
    .map(({ to: { address, port }, reason }) => `${address} port ${port} (${reason})`);
  const more = failed.length > MAX_NAMED ? ` and ${failed.length - MAX_NAMED} more` : "";
  const remedy = "let TCP and UDP of speakers through, and give all the same key";
  return `Cannot join the speakers at ${named.join(", ")}${more}: they do not answer: ${remedy}`;
}

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: "somebody has that port: end the other speaker of this node, or give all speakers another --ml-bindport",
  EADDRNOTAVAIL: "this machine has no such address: give an address of this node as --ml-bindaddr",
  EACCES: "it is not permitted: give all speakers a --ml-bindport above 1023",
};

/** Why the sockets for gossip cannot be opened, and what helps. */
export function explainRefusal({ address, port }: Endpoint, { code = "", message }: NodeJS.ErrnoException): string {
  const remedy = REMEDIES[code];
  if (remedy === undefined)
    return message.startsWith("Cannot ") ? message : `Cannot gossip at ${address} port ${port}: ${message}`;
  return `Cannot gossip at ${address} port ${port}: ${remedy}`;
}
