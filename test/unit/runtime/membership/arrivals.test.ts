import { expect, it } from "vitest";
import { createArrivals, listenAnew, noteArrival, silenceLimit } from "../../../../src/runtime/membership/arrivals.js";
import { nextRandom } from "../../../../src/runtime/membership/random.js";

const EPOCH = 7;

/** Heartbeats for a minute, of which some get lost and some are late. */
function listen(lostShare: number, lateMilliseconds: number) {
  const random = { seed: 5 };
  const arrivals = createArrivals(0);
  for (let sequence = 1; sequence <= 1000; sequence += 1) {
    if (nextRandom(random) < lostShare) continue;
    noteArrival(arrivals, EPOCH, sequence, sequence * 60 + lateMilliseconds * nextRandom(random));
  }
  return arrivals;
}

it.each([
  { lost: 0, late: 0, least: 340, most: 340 },
  { lost: 0.02, late: 2, least: 340, most: 340 },
  { lost: 0.1, late: 2, least: 400, most: 460 },
  { lost: 0.3, late: 2, least: 600, most: 600 },
  { lost: 0.02, late: 50, least: 360, most: 400 },
])(
  "a silence of $least ms means nothing where $lost are lost and others up to $late ms late",
  ({ lost, late, least, most }) => {
    const limit = silenceLimit(listen(lost, late), 0);
    expect(limit).toBeGreaterThanOrEqual(least);
    expect(limit).toBeLessThanOrEqual(most);
  },
);

it("who is slow himself gives others more time, within bounds", () => {
  const arrivals = listen(0, 0);
  expect(silenceLimit(arrivals, 1)).toBe(425);
  expect(silenceLimit(arrivals, 7)).toBe(600);
});

it("what is older than the last says nothing; after a start the row begins anew", () => {
  const arrivals = createArrivals(0);
  expect(noteArrival(arrivals, EPOCH, 5, 100)).toBe(true);
  expect(noteArrival(arrivals, EPOCH, 5, 110)).toBe(false);
  expect(noteArrival(arrivals, EPOCH, 4, 120)).toBe(false);
  expect(arrivals.silentSince).toBe(100);
  expect(noteArrival(arrivals, EPOCH, 0, 130)).toBe(true); // asked for
  expect(noteArrival(arrivals, EPOCH + 1, 1, 140)).toBe(true);
  expect(noteArrival(arrivals, EPOCH + 1, 2, 200)).toBe(true);
  expect(arrivals).toMatchObject({ sequence: 2, silentSince: 200 });
});

it("a pause says nothing of the way, whosever it was", () => {
  const arrivals = listen(0, 0);
  const { lostShare, jitterMilliseconds } = arrivals;
  noteArrival(arrivals, EPOCH, 1100, 70_000); // the sender stood still
  listenAnew(arrivals, 80_000); // this one did
  noteArrival(arrivals, EPOCH, 1101, 80_001);
  expect(arrivals).toMatchObject({ lostShare, jitterMilliseconds, silentSince: 80_001 });
});
