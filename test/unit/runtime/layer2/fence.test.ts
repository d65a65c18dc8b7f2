import { expect, it } from "vitest";
import {
  createFence,
  doubt,
  noteRunning,
  openFence,
  STALL_MILLISECONDS,
} from "../../../../src/runtime/layer2/fence.js";

it.each<{ name: string; at: readonly number[]; closedAt: readonly number[] }>([
  { name: "stays open while the thread looks often", at: [1050, 1100, 1150, 1350], closedAt: [] },
  { name: "stays open at the limit", at: [1000 + STALL_MILLISECONDS], closedAt: [] },
  { name: "closes beyond the limit", at: [1001 + STALL_MILLISECONDS], closedAt: [1001 + STALL_MILLISECONDS] },
  { name: "closes again at each stall", at: [1300, 1400, 1700], closedAt: [1300, 1700] },
  { name: "closes at one look after the other", at: [1201, 1402], closedAt: [1201, 1402] },
  { name: "takes no notice of a clock that goes back", at: [1100, 900, 1290], closedAt: [] },
])("the fence $name", ({ at, closedAt }) => {
  const fence = createFence(1000);
  expect(at.filter((now) => noteRunning(fence, now) === "stalled")).toEqual(closedAt);
  expect([fence.open, fence.stalls]).toEqual([closedAt.length === 0, closedAt.length]);
});

it("opens for an answer to the last stall alone, and tells the longest since it was open", () => {
  const fence = createFence(0);
  noteRunning(fence, 5000);
  const first = fence.closings;
  noteRunning(fence, 5100);
  noteRunning(fence, 5400);
  expect(openFence(fence, first)).toBe(false);
  expect(fence.open).toBe(false);
  expect(openFence(fence, fence.closings)).toBe(true);
  expect(fence).toMatchObject({ open: true, stalledMilliseconds: 5000, closedMilliseconds: 5000 });
  expect(openFence(fence, fence.closings)).toBe(false); // it is open
  noteRunning(fence, 5700);
  expect(fence).toMatchObject({ open: false, stalledMilliseconds: 300, closedMilliseconds: 5700 });
});

it("closes at a doubt too, which is no stall, and again at each: what was answered before may not know of it", () => {
  const fence = createFence(0);
  doubt(fence, 100);
  const first = fence.closings;
  doubt(fence, 110);
  expect(openFence(fence, first)).toBe(false);
  expect(fence).toMatchObject({ open: false, stalls: 0, stalledMilliseconds: 0, closedMilliseconds: 100 });
  const closing = fence.closings;
  noteRunning(fence, 400);
  expect(openFence(fence, closing)).toBe(false);
  expect(fence).toMatchObject({ stalls: 1, stalledMilliseconds: 400, closedMilliseconds: 100 });
  expect(openFence(fence, fence.closings)).toBe(true);
});

it("knows until when it was sure: before the first halt, or heartbeat that was late, or doubt", () => {
  const halted = createFence(1000);
  for (const now of [1300, 1400, 1700, 2500]) noteRunning(halted, now);
  const silent = createFence(1000);
  for (const now of [1100, 1200, 1300, 1310, 2000]) noteRunning(silent, now, 1090);
  const doubted = createFence(1000);
  noteRunning(doubted, 1050);
  doubt(doubted, 1060);
  noteRunning(doubted, 2000);
  expect([halted, silent, doubted].map(({ sureMilliseconds }) => sureMilliseconds)).toEqual([1000, 1090, 1050]);
});

it("closes where a heartbeat is too late, though the thread looked often, once for each", () => {
  const fence = createFence(0);
  const look = (now: number, beatDueAt: number): string | undefined => noteRunning(fence, now, beatDueAt);
  expect([100, 200, 260].map((now) => look(now, 60))).toEqual([undefined, undefined, undefined]);
  expect([261, 300, 350].map((now) => look(now, 60))).toEqual(["silent", undefined, undefined]);
  expect(fence).toMatchObject({ open: false, stalls: 1, stalledMilliseconds: 201 });
  expect([look(500, 300), look(501, 300), look(800, 300)]).toEqual([undefined, "silent", "stalled"]);
  expect([look(900, Infinity), look(1000, 1200)]).toEqual([undefined, undefined]);
});
