import { expect, it } from "vitest";
import type { AddressKey } from "../../../../src/runtime/layer2/address-key.js";
import {
  createGratuitousSchedule,
  nextBurstAt,
  scheduleGratuitous,
  takeDueBursts,
  unscheduleGratuitous,
  type GratuitousSchedule,
} from "../../../../src/runtime/layer2/gratuitous-schedule.js";

/** Runs the schedule as its driver does, from `now` on, until nothing is planned: [time, key] of each burst. */
function run(schedule: GratuitousSchedule, events: Readonly<Record<number, () => void>> = {}): [number, AddressKey][] {
  const bursts: [number, AddressKey][] = [];
  const times = Object.keys(events)
    .map(Number)
    .toSorted((a, b) => a - b);
  for (;;) {
    const next = nextBurstAt(schedule);
    const event = times[0];
    if (next === undefined && event === undefined) return bursts;
    if (event !== undefined && (next === undefined || event <= next)) {
      times.shift();
      events[event]?.();
    } else if (next !== undefined) {
      for (const key of takeDueBursts(schedule, next, 100)) bursts.push([next, key]);
    }
  }
}

it("one announcement makes five bursts, 1.1 s apart", () => {
  const schedule = createGratuitousSchedule();
  scheduleGratuitous(schedule, 7, 1000);
  expect(run(schedule)).toEqual([
    [1000, 7],
    [2100, 7],
    [3200, 7],
    [4300, 7],
    [5400, 7],
  ]);
});

it("a shorter period makes fewer of them, beside others of the usual period", () => {
  const schedule = createGratuitousSchedule();
  scheduleGratuitous(schedule, "six", 0, 2750);
  scheduleGratuitous(schedule, 4, 0);
  const bursts = run(schedule);
  expect(bursts.filter(([, key]) => key === "six").map(([at]) => at)).toEqual([0, 1100, 2200]);
  expect(bursts.filter(([, key]) => key === 4)).toHaveLength(5);
});

it("announcing again makes them go on for longer, but none comes sooner", () => {
  const schedule = createGratuitousSchedule();
  scheduleGratuitous(schedule, 7, 0);
  const bursts = run(schedule, { 2000: () => scheduleGratuitous(schedule, 7, 2000) });
  expect(bursts.map(([at]) => at)).toEqual([0, 1100, 2200, 3300, 4400, 5500, 6600]);
});

it.each([
  { name: "alone", before: undefined, at: [5000] },
  { name: "during the first ones adds none that would be too early", before: 4000, at: [4000, 5100, 6200, 7300, 8400] },
  {
    name: "just after the last one comes when the next would have",
    before: 600,
    at: [600, 1700, 2800, 3900, 5000, 6100],
  },
])("a single burst $name", ({ before, at }) => {
  const schedule = createGratuitousSchedule();
  if (before !== undefined) scheduleGratuitous(schedule, 7, before);
  const told = { 5000: () => scheduleGratuitous(schedule, 7, 5000, 0) };
  const bursts = run(schedule, before === 600 ? { 5001: () => scheduleGratuitous(schedule, 7, 5001, 0) } : told);
  expect(bursts.map(([when]) => when)).toEqual(at);
});

it("announcing again after the last burst begins anew", () => {
  const schedule = createGratuitousSchedule();
  scheduleGratuitous(schedule, 7, 0);
  const bursts = run(schedule, { 5600: () => scheduleGratuitous(schedule, 7, 5600) });
  expect(bursts.map(([at]) => at)).toEqual([0, 1100, 2200, 3300, 4400, 5600, 6700, 7800, 8900, 10_000]);
});

it("each address has its own beat", () => {
  const schedule = createGratuitousSchedule();
  scheduleGratuitous(schedule, 1, 0);
  const bursts = run(schedule, { 500: () => scheduleGratuitous(schedule, 2, 500) });
  expect(bursts.filter(([, key]) => key === 2).map(([at]) => at)).toEqual([500, 1600, 2700, 3800, 4900]);
  expect(bursts.filter(([, key]) => key === 1).map(([at]) => at)).toEqual([0, 1100, 2200, 3300, 4400]);
});

it.each([
  { name: "before its first burst", at: 0, bursts: [] },
  { name: "in between", at: 1200, bursts: [0, 1100] },
])("a withdrawn address is not told about any more, $name", ({ at, bursts }) => {
  const schedule = createGratuitousSchedule();
  scheduleGratuitous(schedule, 7, 0);
  expect(run(schedule, { [at]: () => unscheduleGratuitous(schedule, 7) }).map(([time]) => time)).toEqual(bursts);
  expect(nextBurstAt(schedule)).toBeUndefined();
});

it("many addresses at once are worked off in parts, in the order of their announcement", () => {
  const schedule = createGratuitousSchedule();
  for (let key = 0; key < 5000; key += 1) scheduleGratuitous(schedule, key, 0);
  const parts: AddressKey[][] = [];
  let now = 0;
  while ((nextBurstAt(schedule) ?? Infinity) <= now) {
    parts.push(takeDueBursts(schedule, now, 32));
    now += 0.1;
  }
  expect(parts.flat()).toEqual(Array.from({ length: 5000 }, (_, key) => key));
  expect(Math.max(...parts.map((part) => part.length))).toBe(32);
  expect(nextBurstAt(schedule)).toBe(1100);
});

it("a new address goes before those whose turn it is again", () => {
  const schedule = createGratuitousSchedule();
  scheduleGratuitous(schedule, 1, 0);
  takeDueBursts(schedule, 0, 10);
  scheduleGratuitous(schedule, 2, 1100);
  expect(takeDueBursts(schedule, 1100, 10)).toEqual([2, 1]);
});

it("what was missed while the process stood still is not made up for", () => {
  const schedule = createGratuitousSchedule();
  scheduleGratuitous(schedule, 7, 0);
  takeDueBursts(schedule, 0, 10);
  expect(takeDueBursts(schedule, 3500, 10)).toEqual([7]);
  expect(takeDueBursts(schedule, 3500, 10)).toEqual([]);
  expect(nextBurstAt(schedule)).toBe(4400); // in step still
});

it("after a halt that is longer than the whole period there are no more bursts", () => {
  const schedule = createGratuitousSchedule();
  scheduleGratuitous(schedule, 7, 0);
  takeDueBursts(schedule, 0, 10);
  expect(takeDueBursts(schedule, 60_000, 10)).toEqual([7]); // planned for 1100, late
  expect(takeDueBursts(schedule, 120_000, 10)).toEqual([]);
  expect(nextBurstAt(schedule)).toBeUndefined();
});
