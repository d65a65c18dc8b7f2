/** Whether a fault came out as it has to. Pure. */
import type { AskedClaim } from "../lab/asked-record.js";
import { machinesOf, type Move, type Verdict } from "./verdict.js";

export type FaultOutcome = Readonly<{
  /** The MAC address of the node that had the fault. */
  victim: string;
  /** Who is to serve each of its addresses after it, by address. */
  heirs: ReadonlyMap<string, string>;
  /** From before the fault until it was made good, and on until all was as before. */
  during: Verdict;
  whole: Verdict;
  /** Who claimed what between fault and end. */
  claims: readonly AskedClaim[];
}>;

/**
 * What is wrong with the outcome, in sentences; [] is as it should be: each address of the victim moved to its heir and
 * back again, no other one moved, no request was answered by two machines, and the heir, nobody else, told the link first.
 */
export function problemsOf(outcome: FaultOutcome): readonly string[] {
  const { victim, heirs, during, whole, claims } = outcome;
  const away = Array.from(heirs, ([address, heir]) => describeMove({ address, from: victim, to: heir }));
  const back = Array.from(heirs, ([address, heir]) => describeMove({ address, from: heir, to: victim }));
  return [
    ...differences("during the fault", away, during.moves.map(describeMove)),
    ...differences("until it was over", [...away, ...back], whole.moves.map(describeMove)),
    ...describeDoubles(whole.byTwo),
    ...whole.repeated.map(({ address }) => `${address}: one request was answered twice`),
    ...claimProblems(victim, heirs, claims),
  ];
}

const describeMove = ({ address, from, to }: Omit<Move, "at">): string => `${address} moves from ${from} to ${to}`;

function differences(when: string, expected: readonly string[], seen: readonly string[]): readonly string[] {
  const [wanted, found] = [new Set(expected), new Set<string>()];
  const unwanted: string[] = [];
  for (const move of seen) {
    if (wanted.has(move) && !found.has(move)) found.add(move);
    else unwanted.push(`${when} ${move}, which it should not`);
  }
  return [
    ...unwanted,
    ...expected.filter((move) => !found.has(move)).map((move) => `${when} it is not so that ${move}`),
  ];
}

/** Requests that more than one machine answered, and which. */
export function describeDoubles(requests: Verdict["byTwo"]): readonly string[] {
  return requests.map((request) => {
    const { address, at, answers } = request;
    const when = answers.map(({ mac, at: answered }) => `${mac} after ${(answered - at).toFixed(0)} ms`).join(", ");
    return `${address}: ${machinesOf(request).size} machines answered the request of ${at.toFixed(0)}: ${when}`;
  });
}

function claimProblems(
  victim: string,
  heirs: ReadonlyMap<string, string>,
  claims: readonly AskedClaim[],
): readonly string[] {
  const told = new Set<string>();
  const problems: string[] = [];
  for (const { address, mac } of claims) {
    const heir = heirs.get(address);
    if (heir === undefined || mac === victim) continue; // of others, and what the victim still had to say
    told.add(address);
    if (mac !== heir) problems.push(`${mac} claimed ${address}, whose heir is ${heir}`);
  }
  const silent = [...heirs.keys()].filter((address) => !told.has(address));
  return [...problems, ...silent.map((address) => `the link was never told who has ${address} now`)];
}
