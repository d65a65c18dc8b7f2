import { expect, it } from "vitest";
import { createSimulation } from "./simulation.js";

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);

it.each([
  { members: 3, loss: 0.02, disableTcpPings: false, minutes: 10 },
  { members: 20, loss: 0.02, disableTcpPings: false, minutes: 3 },
  { members: 100, loss: 0.02, disableTcpPings: false, minutes: 1 },
  { members: 20, loss: 0.02, disableTcpPings: true, minutes: 3 },
  { members: 20, loss: 0.2, disableTcpPings: false, minutes: 2 },
])(
  "no member of $members is taken for dead in $minutes minutes with $loss of all packets lost (TCP pings off: $disableTcpPings)",
  ({ members, loss, disableTcpPings, minutes }) => {
    const fleet = createSimulation({ members, loss, parameters: { disableTcpPings } });
    fleet.run(minutes * 60_000);
    expect(fleet.changes).toEqual([]);
  },
);

// The first to know and the last: probe, suspicion of 4 s and more, and the way round.
it.each([
  { members: 3, seeds: [1, 2, 3], first: [5000, 8000], last: [5000, 8500] },
  { members: 20, seeds: [1, 2, 3], first: [5200, 9000], last: [5200, 9500] },
  { members: 100, seeds: [1], first: [8000, 13_000], last: [8000, 14_000] },
])("the others of $members know that a member died within $last ms", ({ members, seeds, first, last }) => {
  for (const seed of seeds) {
    const fleet = createSimulation({ members, loss: 0.02, seed });
    const diedAt = fleet.now();
    fleet.kill("n1");
    fleet.run(20_000);
    const found = fleet.changes.map(({ atMilliseconds }) => atMilliseconds - diedAt);
    expect(fleet.changes.every(({ what, name }) => what === "failed" && name === "n1")).toBe(true);
    expect(found).toHaveLength(members - 1);
    for (const [milliseconds, [from, to]] of [
      [Math.min(...found), first],
      [Math.max(...found), last],
    ] as [number, [number, number]][]) {
      expect(milliseconds).toBeGreaterThanOrEqual(from);
      expect(milliseconds).toBeLessThanOrEqual(to);
    }
    expect(fleet.alive("n0")).toEqual(
      names(members)
        .filter((name) => name !== "n1")
        .toSorted(),
    );
  }
});

it("who leaves is gone for all at once, and is not suspected", () => {
  const fleet = createSimulation({ members: 20, loss: 0.02 });
  const leftAt = fleet.now();
  fleet.dispatch("n5", { type: "leave" });
  fleet.run(5000);
  expect(fleet.left()).toBe(1);
  const seen = fleet.changes.filter(({ by }) => by !== "n5");
  expect(seen).toHaveLength(19);
  expect(seen.every(({ what, name }) => what === "left" && name === "n5")).toBe(true);
  expect(Math.max(...seen.map(({ atMilliseconds }) => atMilliseconds)) - leftAt).toBeLessThanOrEqual(1000);
  expect(fleet.reports).toEqual([]);
});

it.each([
  { name: "killed", end: "kill" as const },
  { name: "left", end: "leave" as const },
])("who was $name is back as soon as it has joined again", ({ end }) => {
  const fleet = createSimulation({ members: 5 });
  if (end === "kill") fleet.kill("n2");
  else fleet.dispatch("n2", { type: "leave" });
  fleet.run(end === "kill" ? 20_000 : 1000);
  fleet.kill("n2");
  expect(fleet.alive("n0")).toEqual(["n0", "n1", "n3", "n4"]);
  fleet.start("n2");
  fleet.run(1000);
  for (const name of names(5)) expect(fleet.alive(name)).toEqual(names(5));
});

it("two halves of a fleet that heard nothing of each other find together again by themselves", () => {
  const fleet = createSimulation({ members: 6, loss: 0.02 });
  for (const name of ["n3", "n4", "n5"]) fleet.move(name, 1);
  fleet.run(20_000);
  expect(fleet.alive("n0")).toEqual(["n0", "n1", "n2"]);
  expect(fleet.alive("n5")).toEqual(["n3", "n4", "n5"]);
  for (const name of names(6)) fleet.move(name, 0);
  // The dead are told of their death for 30 s, and protest.
  fleet.join("n0", "n5");
  fleet.run(2000);
  for (const name of names(6)) expect(fleet.alive(name)).toEqual(names(6));
});

it("what a member says of itself reaches all", () => {
  const fleet = createSimulation({ members: 20, loss: 0.02 });
  fleet.dispatch("n7", { type: "setMetadata", metadata: new TextEncoder().encode("hello") });
  fleet.run(3000);
  const updates = fleet.changes.filter(({ what, name }) => what === "updated" && name === "n7");
  expect(updates).toHaveLength(19);
  expect(new TextDecoder().decode(fleet.metadata("n7", "n12"))).toBe("hello");
});

it("who stood still for less than the suspicion is not dead, and takes nobody for dead", () => {
  const fleet = createSimulation({ members: 5 });
  for (let round = 0; round < 10; round += 1) {
    fleet.stall("n3", 3500);
    fleet.run(20_000);
  }
  expect(fleet.changes).toEqual([]);
  expect(fleet.reports.some(({ what, by }) => what === "refuted" && by === "n3")).toBe(true);
});

it("a whole fleet that stood still for a minute goes on as before", () => {
  const fleet = createSimulation({ members: 5 });
  for (const name of names(5)) fleet.stall(name, 60_000);
  fleet.run(90_000);
  expect(fleet.changes).toEqual([]);
});

it("a member whose packets all get lost, but whose streams do not, stays", () => {
  const fleet = createSimulation({ members: 3 });
  fleet.lose(1);
  fleet.run(60_000);
  expect(fleet.changes).toEqual([]);
  expect(fleet.reports.some(({ what }) => what === "onlyByStream")).toBe(true);
});

it("a quiet fleet sends two packets for each member and second, whatever its size", () => {
  const perMember = [3, 50].map((members) => {
    const fleet = createSimulation({ members });
    const before = fleet.traffic().packets;
    fleet.run(30_000);
    return (fleet.traffic().packets - before) / members / 30;
  });
  for (const packets of perMember) expect(packets).toBeCloseTo(2, 1);
});
