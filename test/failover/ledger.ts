/** Who answered which request, out of a record of what was asked, answered and claimed. Pure. */
import type { AskedClaim, AskedRecord } from "../lab/asked-record.js";

export type RequestAnswer = Readonly<{ mac: string; at: number }>;

/** One request, with all answers to it so far in the order of their arrival. Times are milliseconds since 1970. */
export type Request = Readonly<{
  address: string;
  at: number;
  /** How much later than planned it was sent. */
  lateMs: number;
  answers: readonly RequestAnswer[];
}>;

export type Stretch = Readonly<{ from?: number; to?: number }>;

export interface Ledger {
  /** Parts in their order. `until`: all that happened before is in this part or an earlier one. */
  add(part: Readonly<{ records: readonly AskedRecord[]; until: number }>): void;
  until(): number;
  /** Requests sent in this stretch of time (`to` itself is out of it), by address, each address's in order. */
  requests(stretch?: Stretch): ReadonlyMap<string, readonly Request[]>;
  claims(stretch?: Stretch): readonly AskedClaim[];
  /** Answers to no request that is known. */
  strays(): number;
  /** Lets go of what is older. */
  forget(before: number): void;
}

type Growing = Request & { readonly round: number; readonly answers: RequestAnswer[] };

export function createLedger(): Ledger {
  const requests = new Map<string, Growing[]>(); // by address. BOUNDED by what is asked, and by forget()
  let claims: AskedClaim[] = []; // BOUNDED likewise
  let until = 0;
  let strays = 0;

  function addRecord(record: AskedRecord): void {
    if (record.kind === "claimed") {
      claims.push(record);
      return;
    }
    const { address, at, round } = record;
    const list = requests.get(address) ?? [];
    requests.set(address, list);
    if (record.kind === "asked") {
      list.push({ address, at, round, lateMs: record.lateMs, answers: [] });
      return;
    }
    const asked = list.findLast((request) => request.round === round);
    if (asked === undefined) strays += 1;
    else asked.answers.push({ mac: record.mac, at });
  }

  return {
    add(part) {
      for (const record of part.records) addRecord(record);
      until = part.until;
    },
    until: () => until,
    requests: ({ from = -Infinity, to = Infinity } = {}) =>
      new Map(Array.from(requests, ([address, list]) => [address, list.filter(({ at }) => at >= from && at < to)])),
    claims: ({ from = -Infinity, to = Infinity } = {}) => claims.filter(({ at }) => at >= from && at < to),
    strays: () => strays,
    forget(before) {
      for (const [address, list] of requests) {
        const kept = list.findIndex(({ at }) => at >= before);
        if (kept > 0) requests.set(address, list.slice(kept));
        else if (kept < 0) requests.set(address, []);
      }
      claims = claims.filter(({ at }) => at >= before);
    },
  };
}
