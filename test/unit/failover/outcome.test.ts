import { expect, it } from "vitest";
import { problemsOf, type FaultOutcome } from "../../failover/outcome.js";
import type { Move, Verdict } from "../../failover/verdict.js";
import { claimed } from "./records.js";

const A = "10.0.0.1";
const move = (address: string, from: string, to: string): Move => ({ address, from, to, at: 0 });
const double = {
  address: A,
  at: 0,
  lateMs: 0,
  answers: [
    { mac: "n1", at: 3 },
    { mac: "n2", at: 90 },
  ],
};

function verdict(moves: readonly Move[], more: Partial<Verdict> = {}): Verdict {
  return { asked: 9, unanswered: [], byTwo: [], repeated: [], moves, longestMs: 1, lateMs: 0, ...more };
}

const away = [move(A, "n1", "n2")];
const good: FaultOutcome = {
  victim: "n1",
  heirs: new Map([[A, "n2"]]),
  during: verdict(away),
  whole: verdict([...away, move(A, "n2", "n1")]),
  claims: [claimed(A, 1, "n1"), claimed(A, 5, "n2")],
};

it.each<{ name: string; outcome: Partial<FaultOutcome>; problems: readonly string[] }>([
  { name: "nothing where it is as it should be", outcome: {}, problems: [] },
  {
    name: "an address that did not move",
    outcome: { during: verdict([]) },
    problems: [`during the fault it is not so that ${A} moves from n1 to n2`],
  },
  {
    name: "another address that moved",
    outcome: { during: verdict([...away, move("10.0.0.9", "n2", "n3")]) },
    problems: ["during the fault 10.0.0.9 moves from n2 to n3, which it should not"],
  },
  {
    name: "an address that went back and forth",
    outcome: { whole: verdict([...away, move(A, "n2", "n1"), ...away, move(A, "n2", "n1")]) },
    problems: [
      `until it was over ${A} moves from n1 to n2, which it should not`,
      `until it was over ${A} moves from n2 to n1, which it should not`,
    ],
  },
  {
    name: "a request that waited in a stopped machine and was answered then",
    outcome: { whole: verdict(good.whole.moves, { byTwo: [double] }) },
    problems: [`${A}: 2 machines answered the request of 0: n1 after 3 ms, n2 after 90 ms`],
  },
  {
    name: "a claim of somebody else",
    outcome: { claims: [...good.claims, claimed(A, 6, "n3")] },
    problems: [`n3 claimed ${A}, whose heir is n2`],
  },
  {
    name: "a link that was not told",
    outcome: { claims: [claimed(A, 1, "n1")] },
    problems: [`the link was never told who has ${A} now`],
  },
  {
    name: "a request that one machine answered twice",
    outcome: { whole: verdict(good.whole.moves, { repeated: [double] }) },
    problems: [`${A}: one request was answered twice`],
  },
])("problemsOf() finds $name", ({ outcome, problems }) => {
  expect(problemsOf({ ...good, ...outcome })).toEqual(problems);
});
