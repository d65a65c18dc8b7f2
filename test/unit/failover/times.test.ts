import { expect, it } from "vitest";
import { failoverTimes, percentile, type Timed } from "../../failover/times.js";

it.each([
  { values: [3, 1, 2], percent: 50, expected: 2 },
  { values: [1, 2, 3, 4], percent: 50, expected: 2 },
  { values: Array.from({ length: 400 }, (_, index) => index + 1), percent: 99, expected: 396 },
  { values: [1, Infinity], percent: 99, expected: Infinity },
  { values: [], percent: 50, expected: Number.NaN },
])("percentile() of $values.length values, $percent percent", ({ values, percent, expected }) => {
  expect(percentile(values, percent)).toBe(expected);
});

it("failoverTimes() tells of each kind of fault and of all, and of what never came about", () => {
  const run = (kind: Timed["kind"], firstFrameMs: number | undefined): Timed => ({
    kind,
    failover: { firstFrameMs, firstAnswerMs: 5, allAnsweredMs: 6 },
    healMs: 7,
  });
  const times = failoverTimes([run("SIGKILL", 1), run("SIGKILL", 3), run("cable cut", undefined)]);
  expect(times).toHaveLength(12);
  expect(times.filter(({ name }) => name.endsWith("first frame"))).toEqual([
    { name: "SIGKILL, first frame", p50: 1, p99: 3, runs: 2 },
    { name: "cable cut, first frame", p50: Infinity, p99: Infinity, runs: 1 },
    { name: "all faults, first frame", p50: 3, p99: Infinity, runs: 3 },
  ]);
});
