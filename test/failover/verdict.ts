/** What the requests of a stretch of time say about who serves: pure functions of a ledger's content. */
import type { AskedClaim } from "../lab/asked-record.js";
import type { Request } from "./ledger.js";

export type Requests = ReadonlyMap<string, readonly Request[]>;

/** An address that was answered for by one machine, and then by another. */
export type Move = Readonly<{
  address: string;
  from: string;
  to: string;
  /** When the first request was sent that the other one answered, in milliseconds since 1970. */
  at: number;
}>;

export type Verdict = Readonly<{
  asked: number;
  /** No answer within the time allowed. */
  unanswered: readonly Request[];
  /** Answered by more than one machine, however late. */
  byTwo: readonly Request[];
  /** Answered more than once by one machine. */
  repeated: readonly Request[];
  moves: readonly Move[];
  /** The most that any request waited for its first answer; 0 where there was none. */
  longestMs: number;
  /** The most that any request was sent too late: what the machine itself was behind. */
  lateMs: number;
}>;

export const machinesOf = ({ answers }: Request): ReadonlySet<string> => new Set(answers.map(({ mac }) => mac));

/** @param withinMs an answer that comes later counts as none */
export function judge(requests: Requests, { withinMs }: Readonly<{ withinMs: number }>): Verdict {
  const all = [...requests.values()].flat();
  const waits = all.flatMap(({ at, answers }) => answers.slice(0, 1).map((answer) => answer.at - at));
  return {
    asked: all.length,
    unanswered: all.filter(({ at, answers }) => answers[0] === undefined || answers[0].at - at > withinMs),
    byTwo: all.filter((request) => machinesOf(request).size > 1),
    repeated: all.filter((request) => machinesOf(request).size < request.answers.length),
    moves: [...requests].flatMap(([address, list]) => movesOf(address, list)),
    longestMs: waits.reduce((most, wait) => Math.max(most, wait), 0),
    lateMs: all.reduce((most, { lateMs }) => Math.max(most, lateMs), 0),
  };
}

/** In the order of the requests; one that two machines answered belongs to none of them. */
function movesOf(address: string, list: readonly Request[]): readonly Move[] {
  const moves: Move[] = [];
  let owner: string | undefined;
  for (const request of list) {
    const [mac, another] = machinesOf(request);
    if (mac === undefined || another !== undefined) continue;
    if (owner !== undefined && mac !== owner) moves.push({ address, from: owner, to: mac, at: request.at });
    owner = mac;
  }
  return moves;
}

/** How often each address moved that did. */
export function movesByAddress(moves: readonly Move[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { address } of moves) counts.set(address, (counts.get(address) ?? 0) + 1);
  return counts;
}

export type Settlement = Readonly<{
  /** Since then each address was answered for by whom it should be; undefined: it is not so yet. */
  at: number | undefined;
  /** What stands in the way: addresses, with what was seen last. A few of them, for a message. */
  wanting: readonly string[];
}>;

/**
 * Whether all addresses have come to their owners, and when: from the last request on that was answered by someone
 * else, by two, or by nobody, each address was answered for by its owner alone, `times` times in a row at least.
 * @param requests those since the change that is looked at
 * @param until the time at which the record ends: a request may still be answered for `withinMs`
 */
export function settlement(
  requests: Requests,
  owners: ReadonlyMap<string, string>,
  { until, withinMs, times }: Readonly<{ until: number; withinMs: number; times: number }>,
): Settlement {
  let at = -Infinity;
  const wanting: string[] = [];
  for (const [address, owner] of owners) {
    const list = (requests.get(address) ?? []).filter(
      ({ answers, at: sent }) => answers.length > 0 || sent + withinMs < until,
    );
    const wrong = list.findLastIndex((request) => !isOwners(request, owner));
    const request = list[wrong];
    if (list.length - 1 - wrong < times) {
      const seen = request === undefined ? "too few requests" : [...machinesOf(request)].join(" and ") || "nobody";
      wanting.push(`${address}: ${seen} instead of ${owner}`);
    }
    if (request !== undefined) at = Math.max(at, request.at, ...request.answers.map((answer) => answer.at));
  }
  return { at: wanting.length === 0 ? at : undefined, wanting };
}

function isOwners(request: Request, owner: string): boolean {
  const machines = machinesOf(request);
  return machines.size === 1 && machines.has(owner);
}

/** Milliseconds from a fault on; undefined: it did not come about in this record. */
export type Failover = Readonly<{
  /** The first frame by which another machine claims one of the addresses. */
  firstFrameMs: number | undefined;
  /** The first request for one of the addresses that another machine answered; of those that are asked for. */
  firstAnswerMs: number | undefined;
  /** When the last of them was answered for by another machine for the first time. */
  allAnsweredMs: number | undefined;
}>;

/**
 * How long the addresses of a machine were without an owner.
 * @param fault when it happened, to whom, and which addresses that machine had
 */
export function measureFailover(
  requests: Requests,
  claims: readonly AskedClaim[],
  { at, mac, addresses }: Readonly<{ at: number; mac: string; addresses: ReadonlySet<string> }>,
): Failover {
  const claim = claims.find((each) => each.at >= at && each.mac !== mac && addresses.has(each.address));
  const asked = [...requests].filter(([address]) => addresses.has(address));
  const firstAnswers = asked.map(([, list]) =>
    list
      .flatMap(({ answers }) => answers)
      .filter((answer) => answer.at >= at && answer.mac !== mac)
      .reduce((first, answer) => Math.min(first, answer.at), Infinity),
  );
  const since = (time: number | undefined): number | undefined =>
    time === undefined || !Number.isFinite(time) ? undefined : time - at;
  return {
    firstFrameMs: since(claim?.at),
    firstAnswerMs: since(Math.min(...firstAnswers)),
    allAnsweredMs: since(Math.max(...firstAnswers)),
  };
}

/** How long, in all, requests were answered by two machines: from the first one that was to the last. 0: none was. */
export function doubleAnswerMs(requests: Requests): number {
  const times = [...requests.values()].flat().flatMap((request) => (machinesOf(request).size > 1 ? [request.at] : []));
  return times.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
}
