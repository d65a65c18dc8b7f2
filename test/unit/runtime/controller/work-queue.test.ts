import { expect, it } from "vitest";
import { createKeyFifo } from "../../../../src/runtime/controller/key-fifo.js";
import { createWorkQueue, type WorkEnd } from "../../../../src/runtime/controller/work-queue.js";
import { createManualClock } from "./fixtures.js";

function createQueue(work: (key: string) => Promise<WorkEnd> | undefined, random = 1) {
  const clock = createManualClock();
  const worked: string[] = [];
  const idle: number[] = [];
  const queue = createWorkQueue({
    inFlight: 2,
    work(key) {
      worked.push(key);
      return work(key);
    },
    onDrained: () => undefined,
    onIdle: () => void idle.push(clock.now()),
    clock,
    random: () => random,
  });
  return { clock, worked, idle, queue };
}

it("works on each key once, in the order of arrival, and on nothing before it is opened", async () => {
  const { clock, worked, queue } = createQueue(() => undefined);
  for (const key of ["b", "a", "b", "c", "a"]) queue.add(key);
  await clock.advance(1000);
  expect(worked).toEqual([]);
  queue.open();
  await clock.advance(0);
  expect(worked).toEqual(["b", "a", "c"]);
});

it("works on a key again that was added while it was worked on, and never twice at a time", async () => {
  let end: (end: WorkEnd) => void = () => undefined;
  const { clock, worked, queue } = createQueue(() => new Promise((resolve) => void (end = resolve)));
  queue.open();
  queue.add("a");
  await clock.advance(0);
  queue.add("a");
  queue.add("a");
  await clock.advance(0);
  expect(worked).toEqual(["a"]);
  end(undefined);
  await clock.advance(0);
  expect(worked).toEqual(["a", "a"]);
  end(undefined);
  await clock.advance(0);
  expect(worked).toEqual(["a", "a"]);
  expect(queue.busy()).toBe(false);
});

it("works on a key again, and never twice at a time, that its own work adds", async () => {
  const ends: ((end: WorkEnd) => void)[] = [];
  const { clock, worked, queue } = createQueue((key) => {
    if (worked.length === 1) queue.add(key);
    return new Promise((resolve) => void ends.push(resolve));
  });
  queue.open();
  queue.add("a");
  await clock.advance(0);
  expect(worked).toEqual(["a"]);
  ends[0]?.(undefined);
  await clock.advance(0);
  expect(worked).toEqual(["a", "a"]);
});

it("works again, after those that wait, on a key that its own quick work adds", async () => {
  const { clock, worked, queue } = createQueue((key) => {
    if (worked.length === 1) queue.add(key);
    return undefined;
  });
  queue.open();
  for (const key of ["a", "b"]) queue.add(key);
  await clock.advance(0);
  expect(worked).toEqual(["a", "b", "a"]);
  expect(queue.busy()).toBe(false);
});

it.each([
  { random: 1, delays: [100, 200, 400, 800, 1000, 1000] },
  { random: 0, delays: [50, 100, 200, 400, 500, 500] },
])("waits $delays ms after failures in a row where chance is $random", async ({ random, delays }) => {
  const backoff = { baseMilliseconds: 100, limitMilliseconds: 1000 };
  const { clock, worked, queue } = createQueue(async () => ({ retry: "key", backoff }), random);
  queue.open();
  queue.add("a");
  await clock.advance(0);
  const seen: number[] = [];
  for (const delay of delays) {
    seen.push(...clock.waiting());
    await clock.advance(delay);
  }
  expect(seen).toEqual(delays);
  expect(worked).toHaveLength(delays.length + 1);
});

it("gives other events their turn during a long row of quick keys", async () => {
  const { clock, worked, queue } = createQueue(() => undefined);
  queue.open();
  for (let index = 0; index < 1200; index += 1) queue.add(`k${index}`);
  let workedWhenTimerRan = 0;
  clock.setTimer(0, () => void (workedWhenTimerRan = worked.length));
  await clock.advance(0);
  expect(workedWhenTimerRan).toBe(500);
  expect(worked).toHaveLength(1200);
});

it("keeps keys in order in constant time, however long the queue is", () => {
  const fifo = createKeyFifo();
  for (let index = 0; index < 5000; index += 1) fifo.push(`k${index}`);
  const taken: (string | undefined)[] = [];
  for (let index = 0; index < 2000; index += 1) taken.push(fifo.shift());
  fifo.push("k0"); // taken before, so it waits anew
  fifo.push("k2000"); // waits already, and keeps its place
  expect(fifo.size).toBe(3001);
  while (fifo.size > 0) taken.push(fifo.shift());
  expect(taken).toEqual([...Array.from({ length: 5000 }, (_, index) => `k${index}`), "k0"]);
  expect(fifo.shift()).toBeUndefined();
});

it("waits as long as each of those in flight was asked to, from when it was asked", async () => {
  const ends: ((end: WorkEnd) => void)[] = [];
  const { clock, worked, queue } = createQueue(() => new Promise((resolve) => void ends.push(resolve)), 0);
  queue.open();
  for (const key of ["a", "b"]) queue.add(key);
  await clock.advance(0);
  ends[0]?.({ retry: "all", atLeastMilliseconds: 2_000 });
  await clock.advance(1_500);
  ends[1]?.({ retry: "all", atLeastMilliseconds: 2_000 });
  await clock.advance(1_999);
  expect(worked).toEqual(["a", "b"]);
  await clock.advance(1);
  expect(worked).toEqual(["a", "b", "a", "b"]);
});
