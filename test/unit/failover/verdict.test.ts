import { describe, expect, it } from "vitest";
import { createLedger } from "../../failover/ledger.js";
import {
  doubleAnswerMs,
  judge,
  measureFailover,
  movesByAddress,
  settlement,
  type Requests,
} from "../../failover/verdict.js";
import { answered, asked, claimed } from "./records.js";

const A = "10.0.0.1";
const B = "10.0.0.2";

/** One request each 100 ms; who answers it, as "n1" or "n1@350" (350 ms after the request). */
function requestsOf(answersOf: Readonly<Record<string, readonly (readonly string[])[]>>): Requests {
  const ledger = createLedger();
  const records = Object.entries(answersOf).flatMap(([address, list]) =>
    list.flatMap((answers, round) => [
      asked(address, round, round * 100),
      ...answers.map((answer) => {
        const [mac = "", after = "1"] = answer.split("@");
        return answered(address, round, round * 100 + Number(after), mac);
      }),
    ]),
  );
  ledger.add({ records, until: 0 });
  return ledger.requests();
}

describe("judge()", () => {
  it("finds what no machine, two machines, or one machine twice answered", () => {
    const verdict = judge(
      requestsOf({ [A]: [["n1"], [], ["n1@700"], ["n1", "n2@500"]], [B]: [["n1", "n1"], ["n1"]] }),
      { withinMs: 600 },
    );
    const places = (list: typeof verdict.byTwo) => list.map(({ address, at }) => [address, at]);
    expect(verdict.asked).toBe(6);
    expect(places(verdict.unanswered)).toEqual([
      [A, 100],
      [A, 200],
    ]);
    expect(places(verdict.byTwo)).toEqual([[A, 300]]);
    expect(places(verdict.repeated)).toEqual([[B, 0]]);
    expect(verdict.longestMs).toBe(700);
  });

  it("counts a move where the next request with an answer was answered by another machine", () => {
    const { moves } = judge(requestsOf({ [A]: [["n1"], [], ["n2"], ["n2"], ["n1"]], [B]: [[], ["n1"], ["n1"]] }), {
      withinMs: 1000,
    });
    expect(moves).toEqual([
      { address: A, from: "n1", to: "n2", at: 200 },
      { address: A, from: "n2", to: "n1", at: 400 },
    ]);
    expect([...movesByAddress(moves)]).toEqual([[A, 2]]);
  });

  it("sees no move in a request that both answered", () => {
    expect(judge(requestsOf({ [A]: [["n1"], ["n1", "n2"], ["n1"]] }), { withinMs: 1000 }).moves).toEqual([]);
    expect(judge(requestsOf({ [A]: [["n1"], ["n1", "n2"], ["n2"]] }), { withinMs: 1000 }).moves).toHaveLength(1);
  });
});

describe("settlement()", () => {
  const owners = new Map([[A, "n1"]]);
  const bounds = { until: 10_000, withinMs: 1000, times: 2 };
  it.each([
    { name: "from the beginning", list: [["n1"], ["n1"]], at: -Infinity },
    { name: "after another one's last answer", list: [["n2@50"], ["n1"], ["n1"]], at: 50 },
    { name: "after the last of two answers, however late", list: [["n1", "n2@900"], ["n1"], ["n1"]], at: 900 },
    { name: "after a request without answer", list: [["n1"], [], ["n1"], ["n1"]], at: 100 },
    { name: "not before it was so often enough", list: [["n2"], ["n1"]], at: undefined },
    { name: "not while somebody else answers too", list: [["n1"], ["n1"], ["n1", "n2"]], at: undefined },
    { name: "not without requests", list: [], at: undefined },
  ])("$name", ({ list, at }) => {
    expect(settlement(requestsOf({ [A]: list }), owners, bounds).at).toBe(at);
  });

  it("leaves out a request that may still be answered", () => {
    const requests = requestsOf({ [A]: [["n1"], ["n1"], []] });
    expect(settlement(requests, owners, { ...bounds, until: 300 }).at).toBe(-Infinity);
    expect(settlement(requests, owners, { ...bounds, until: 1300 }).at).toBe(undefined);
  });

  it("says what is wanting", () => {
    const { wanting } = settlement(requestsOf({ [A]: [["n1", "n2"]] }), new Map([...owners, [B, "n2"]]), bounds);
    expect(wanting).toEqual([`${A}: n1 and n2 instead of n1`, `${B}: too few requests instead of n2`]);
  });
});

describe("measureFailover()", () => {
  const fault = { at: 100, mac: "n1", addresses: new Set([A, B]) };
  const requests = requestsOf({ [A]: [["n1"], [], ["n2@5"]], [B]: [["n1"], ["n1@1", "n3@250"]] });

  it("measures from the fault to the first frame and the first answer of another machine, and to the last address", () => {
    const claims = [claimed(A, 90, "n2"), claimed(A, 120, "n1"), claimed("10.0.0.9", 130, "n2"), claimed(B, 180, "n3")];
    expect(measureFailover(requests, claims, fault)).toEqual({
      firstFrameMs: 80,
      firstAnswerMs: 105,
      allAnsweredMs: 250,
    });
  });

  it("says where nothing came about", () => {
    expect(measureFailover(requestsOf({ [A]: [["n1"], ["n1"]], [B]: [["n1"], ["n2"]] }), [], fault)).toEqual({
      firstFrameMs: undefined,
      firstAnswerMs: 1,
      allAnsweredMs: undefined,
    });
  });
});

it("tells how long requests were answered by two", () => {
  expect(doubleAnswerMs(requestsOf({ [A]: [["n1", "n2"], ["n1"], ["n1", "n2"]], [B]: [["n1"]] }))).toBe(200);
  expect(doubleAnswerMs(requestsOf({ [A]: [["n1"]] }))).toBe(0);
});
