/** How long addresses were answered for by nobody, out of what a client asked and what was answered. Pure. */
import { machinesOf, type Requests } from "../failover/verdict.js";
import type { Request } from "../failover/ledger.js";

/** An address that nobody answered for: from the first request in vain to the first one that was answered again. */
export type Gap = Readonly<{ address: string; at: number; milliseconds: number }>;

/**
 * Gaps in the order of the addresses. A request that is answered late was answered: it waits for its answer, if that comes
 * before the next request is answered. Requests of the last `openMs` may be answered still, and are not looked at.
 */
export function gapsOf(requests: Requests, until: number, openMs: number): readonly Gap[] {
  return [...requests].flatMap(([address, list]) => {
    const gaps: Gap[] = [];
    let since: number | undefined;
    for (const { at, answers } of list) {
      if (at + openMs > until) break;
      const answered = answers[0]?.at;
      since ??= at;
      if (answered === undefined) continue;
      gaps.push({ address, at: since, milliseconds: answered - since });
      since = undefined;
    }
    return gaps;
  });
}

/** Requests that more than one machine answered. */
export function answeredTwice(requests: Requests): readonly Request[] {
  return [...requests.values()].flat().filter((request) => machinesOf(request).size > 1);
}
