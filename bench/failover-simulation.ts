import { percentile, simulateFailovers } from "../test/unit/runtime/membership/failovers.js";
import type { Report } from "./run.js";

/** Fewer where each costs more time; the machine's speed has no part in what is found, for all is virtual time. */
const FLEETS = [
  { members: 3, crashes: 400 },
  { members: 100, crashes: 40 },
  { members: 1000, crashes: 8 },
] as const;

/**
 * Failure detection in simulation, with 2 % of all packets lost: from a crash until the first, and until the last of the others
 * knows of it, and what each member sends while nothing happens (octets with the headers of IPv4 and UDP).
 */
export async function run(report: Report): Promise<void> {
  for (const { members, crashes } of FLEETS) {
    const { first, last, wrong, packets, octets } = simulateFailovers({ members, crashes });
    const tell = (what: string, value: number, unit: string): void =>
      report({
        bench: "failover-simulation",
        case: `${members} members, ${what}`,
        value,
        unit,
        floor: null,
        ratio: null,
      });
    tell("first knows, p50", percentile(first, 0.5), "ms");
    tell("first knows, p99", percentile(first, 0.99), "ms");
    tell("all know, p50", percentile(last, 0.5), "ms");
    tell("all know, p99", percentile(last, 0.99), "ms");
    tell("all know, slowest", last.at(-1) ?? Number.NaN, "ms");
    tell("taken for dead in error", wrong.length, "members");
    tell("packets sent by each", packets, "packets/s");
    tell("octets sent by each", octets, "octets/s");
  }
}
