import { expect, it } from "vitest";
import { createLedger } from "../../failover/ledger.js";
import { asked, answered, claimed } from "./records.js";

const A = "10.0.0.1";
const B = "10.0.0.2";

it("gives each answer to its own request, however late it comes", () => {
  const ledger = createLedger();
  ledger.add({ records: [asked(A, 0, 0), asked(A, 1, 200), answered(A, 1, 201, "n1")], until: 300 });
  ledger.add({ records: [answered(A, 0, 350, "n2"), answered(A, 0, 360, "n1")], until: 400 });
  expect(ledger.until()).toBe(400);
  expect(ledger.requests().get(A)).toMatchObject([
    {
      at: 0,
      answers: [
        { mac: "n2", at: 350 },
        { mac: "n1", at: 360 },
      ],
    },
    { at: 200, answers: [{ mac: "n1", at: 201 }] },
  ]);
});

it("takes the last request of a round for the one that is answered, when rounds begin again", () => {
  const ledger = createLedger();
  ledger.add({ records: [asked(A, 7, 0), asked(A, 7, 51_200), answered(A, 7, 51_201, "n1")], until: 60_000 });
  expect(
    ledger
      .requests()
      .get(A)
      ?.map(({ answers }) => answers.length),
  ).toEqual([0, 1]);
});

it("counts answers to what was not asked", () => {
  const ledger = createLedger();
  ledger.add({ records: [asked(A, 0, 0), answered(A, 1, 1, "n1"), answered(B, 0, 1, "n1")], until: 2 });
  expect(ledger.strays()).toBe(2);
});

it("tells of a stretch of time, its end left out, and forgets what was before", () => {
  const ledger = createLedger();
  const records = [asked(A, 0, 0), claimed(A, 50, "n1"), asked(A, 1, 100), asked(A, 2, 200), claimed(A, 200, "n2")];
  ledger.add({ records, until: 300 });
  const times = (stretch?: { from?: number; to?: number }) =>
    ledger
      .requests(stretch)
      .get(A)
      ?.map(({ at }) => at);
  expect(times({ from: 100, to: 200 })).toEqual([100]);
  expect(ledger.claims({ from: 51 })).toMatchObject([{ mac: "n2" }]);
  ledger.forget(100);
  expect([times(), ledger.claims().length]).toEqual([[100, 200], 1]);
  ledger.forget(1000);
  expect([times(), ledger.claims().length]).toEqual([[], 0]);
});
