import { beforeEach, expect, it } from "vitest";
import { createStallGuard, type StallGuard } from "../../../../src/runtime/speaker/stall-guard.js";

let now: number;
let log: string[];
let timers: { at: number; run: () => void }[];
let answers: ((answer: boolean | Error) => void)[]; // of those who were asked
let asked: (number | undefined)[];
let beatDueAt: number;
let guard: StallGuard;

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets time pass as a thread that runs sees it. */
function passTo(end: number): void {
  for (;;) {
    const next = timers.toSorted((a, b) => a.at - b.at)[0];
    if (next === undefined || next.at > end) break;
    timers.splice(timers.indexOf(next), 1);
    now = Math.max(now, next.at);
    next.run();
  }
  now = end;
}

beforeEach(() => {
  [now, log, timers, answers, asked] = [0, [], [], [], []];
  beatDueAt = Infinity;
  guard = createStallGuard({
    now: () => now,
    beatDueAt: () => beatDueAt,
    startTimer(milliseconds, run) {
      const timer = { at: now + milliseconds, run };
      timers.push(timer);
      return () => void (timers = timers.filter((each) => each !== timer));
    },
    confirmOwnership: (stalledMilliseconds) =>
      new Promise((resolve, reject) => {
        asked.push(stalledMilliseconds);
        answers.push((answer) => (typeof answer === "boolean" ? resolve(answer) : reject(answer)));
      }),
    onUnconfirmed: (error) => log.push(`unconfirmed: ${(error as Error).message}`),
    onClosed: (stalled) => log.push(stalled ? "closed" : "closed, though it ran"),
    onOpened: ({ stalledMilliseconds, heldMilliseconds }) =>
      log.push(`opened ${stalledMilliseconds} ${heldMilliseconds}`),
  });
});

it("lets answers through while the thread runs, also without traffic", () => {
  passTo(60_000);
  expect([guard.mayAnswer(now), guard.stalls(), log]).toEqual([true, 0, []]);
});

it("closes before the first frame after a stall is answered, and opens once the ownership is confirmed", async () => {
  passTo(1000);
  now = 6000; // stopped meanwhile
  expect(guard.mayAnswer(now)).toBe(false);
  passTo(6010);
  expect([guard.mayAnswer(now), log]).toEqual([false, ["closed"]]);
  answers[0]?.(true);
  await settled();
  expect([guard.mayAnswer(now), guard.stalls(), log]).toEqual([true, 1, ["closed", "opened 5000 10"]]);
});

it("notices a stall by itself where no frame arrives", () => {
  passTo(1000);
  now = 1300;
  passTo(1300); // the tick that was due at 1050
  expect([guard.isOpen(), log]).toEqual([false, ["closed"]]);
});

it("asks again where it is not confirmed, and says why", async () => {
  passTo(1000);
  now = 2000;
  passTo(2000);
  answers[0]?.(false);
  await settled();
  passTo(2250);
  answers[1]?.(new Error("nobody there"));
  await settled();
  passTo(2500);
  expect(guard.isOpen()).toBe(false);
  answers[2]?.(true);
  await settled();
  expect(log).toEqual(["closed", "unconfirmed: nobody there", "opened 1000 500"]);
});

it("an answer to a question from before one more stall opens nothing", async () => {
  passTo(1000);
  now = 2000;
  guard.mayAnswer(now);
  answers[0]?.(true);
  now = 3000; // stopped again before the answer is looked at
  await settled();
  expect([guard.isOpen(), log]).toEqual([false, ["closed", "closed"]]);
  answers[1]?.(true);
  await settled();
  expect([guard.isOpen(), guard.stalls()]).toEqual([true, 2]);
});

it("asks nobody and waits for nothing after stop()", async () => {
  passTo(1000);
  now = 2000;
  guard.mayAnswer(now);
  answers[0]?.(false);
  await settled();
  guard.stop();
  expect(timers).toEqual([]);
});

it("closes where somebody found this machine dead, and opens once the ownership is confirmed", async () => {
  passTo(1000);
  guard.doubt();
  expect([guard.mayAnswer(now), guard.stalls(), asked]).toEqual([false, 0, [undefined]]);
  passTo(1020);
  answers[0]?.(true);
  await settled();
  expect([guard.mayAnswer(now), log]).toEqual([true, ["closed, though it ran", "opened 0 20"]]);
});

it("found dead once more while it asks, it asks once more: the answer to the first question is none", async () => {
  passTo(1000);
  guard.doubt();
  answers[0]?.(false);
  await settled();
  guard.doubt();
  expect([timers.length, asked]).toEqual([1, [undefined, undefined]]); // nor is the first to be asked again
  guard.doubt();
  answers[1]?.(true);
  await settled();
  expect(guard.isOpen()).toBe(false);
  answers[2]?.(true);
  await settled();
  expect(guard.isOpen()).toBe(true);
});

it("asks since before the first of several halts, however long the others were", async () => {
  passTo(1000);
  for (const at of [1300, 1600]) {
    now = at;
    passTo(at);
  }
  answers[1]?.(false);
  await settled();
  passTo(1850);
  expect(asked).toEqual([300, 600, 850]);
});

it("a stall during a doubt is a stall", async () => {
  passTo(1000);
  guard.doubt();
  now = 1500;
  expect(guard.mayAnswer(now)).toBe(false);
  answers[0]?.(true);
  await settled();
  expect([guard.isOpen(), asked]).toEqual([false, [undefined, 500]]);
  answers[1]?.(true);
  await settled();
  expect([guard.isOpen(), log]).toEqual([true, ["closed, though it ran", "closed", "opened 500 500"]]);
});

it("closes where heartbeats are late, though it looks often", () => {
  beatDueAt = 1000;
  passTo(1200);
  expect(guard.isOpen()).toBe(true);
  passTo(1250);
  expect([guard.isOpen(), log, asked]).toEqual([false, ["closed, though it ran"], [250]]);
});
