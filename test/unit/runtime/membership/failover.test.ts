import { describe, expect, it } from "vitest";
import { runs } from "../../runs.js";
import { percentile, simulateFailovers } from "./failovers.js";
import { createSimulation } from "./simulation.js";

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);
const isSoak = runs(1) > 1;

describe("who dies", () => {
  it.each([
    { members: 3, crashes: runs(8), median: 350, slowest: 1000 },
    { members: 100, crashes: runs(1), median: 350, slowest: 1000 },
    ...(isSoak ? [{ members: 1000, crashes: 8, median: 350, slowest: 1500 }] : []),
  ])("of $members is found by all others in half a second, with 2 % lost", ({ members, crashes, median, slowest }) => {
    const { first, last, wrong } = simulateFailovers({ members, crashes, quietMilliseconds: 0 });
    expect(wrong).toEqual([]);
    // From the last heartbeat on: up to 60 ms before.
    expect(percentile(first, 0.01)).toBeGreaterThanOrEqual(270);
    expect(percentile(last, 0.5)).toBeLessThanOrEqual(median);
    expect(percentile(last, 0.99)).toBeLessThanOrEqual(slowest);
  });

  it("of two is found by the other one alone, later", () => {
    const fleet = createSimulation({ members: 2, heartbeats: true, loss: 0.02 });
    const diedAt = fleet.now();
    fleet.kill("n1");
    fleet.run(5000);
    const [found] = fleet.changes;
    expect(found).toMatchObject({ what: "failed", by: "n0", name: "n1" });
    expect((found?.atMilliseconds ?? 0) - diedAt).toBeGreaterThan(430);
    expect((found?.atMilliseconds ?? 0) - diedAt).toBeLessThanOrEqual(560);
  });

  it("together with another one of three is found by the last, though nobody agrees", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true, loss: 0.02 });
    const diedAt = fleet.now();
    fleet.kill("n1");
    fleet.kill("n2");
    fleet.run(1000);
    expect(fleet.alive("n0")).toEqual(["n0"]);
    const found = fleet.changes.map(({ atMilliseconds }) => atMilliseconds - diedAt);
    expect(Math.min(...found)).toBeGreaterThan(700);
  });

  it("is told to members of the releases at once, too, who take it as their own word", () => {
    const fleet = createSimulation({ members: 6, heartbeats: true, old: ["n4", "n5"] });
    const diedAt = fleet.now();
    fleet.kill("n1");
    fleet.run(500);
    expect(fleet.changes.map(({ by }) => by).toSorted()).toEqual(["n0", "n2", "n3", "n4", "n5"]);
    const found = fleet.changes.map(({ atMilliseconds }) => atMilliseconds - diedAt);
    expect(Math.max(...found) - Math.min(...found)).toBeLessThanOrEqual(5);
  });

  it("and is of a release is left to the probes of the protocol", () => {
    const fleet = createSimulation({ members: 4, heartbeats: true, old: ["n3"] });
    fleet.kill("n3");
    fleet.run(2000);
    expect(fleet.changes).toEqual([]);
    fleet.run(20_000);
    expect(fleet.alive("n0")).toEqual(["n0", "n1", "n2"]);
  });

  it("and comes back is there again as soon as it has joined", () => {
    const fleet = createSimulation({ members: 5, heartbeats: true });
    fleet.kill("n2");
    fleet.run(1000);
    fleet.changes.length = 0;
    const startedAt = fleet.now();
    fleet.start("n2");
    fleet.run(1000);
    const back = fleet.changes.filter(({ what, name }) => what === "joined" && name === "n2");
    expect(back.map(({ by }) => by).toSorted()).toEqual(["n0", "n1", "n3", "n4"]);
    expect(Math.max(...back.map(({ atMilliseconds }) => atMilliseconds)) - startedAt).toBeLessThanOrEqual(20);
  });
});

describe("who lives", () => {
  it.each([
    { members: 3, loss: 0.02, minutes: runs(3) },
    { members: 2, loss: 0.02, minutes: runs(1) },
    { members: 3, loss: 0.1, minutes: runs(1) },
    { members: 100, loss: 0.02, minutes: runs(0.02) },
  ])("is not taken for dead in $minutes minutes with $members members and $loss lost", ({ members, loss, minutes }) => {
    const fleet = createSimulation({ members, loss, heartbeats: true });
    fleet.run(minutes * 60_000);
    expect(fleet.changes).toEqual([]);
  });

  it("goes on where one watcher does not hear it any more", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true });
    fleet.cut("n1", "n0");
    fleet.run(60_000);
    expect(fleet.changes).toEqual([]);
  });

  it("is not accused by who stood still himself, be it shorter or longer than what is death", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true });
    for (let milliseconds = 20; milliseconds <= 3000; milliseconds += 170) {
      fleet.changes.length = 0;
      fleet.stall("n0", milliseconds);
      fleet.run(milliseconds + 1500);
      // Of him they may have thought so, and he was back.
      expect(fleet.changes.filter(({ name }) => name !== "n0")).toEqual([]);
      if (milliseconds < 200) expect(fleet.changes).toEqual([]);
      for (const name of names(3)) expect(fleet.alive(name)).toEqual(names(3));
    }
  });

  it("is not accused while another one runs for a tenth of the time", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true, loss: 0.02 });
    for (const name of names(3)) {
      fleet.throttle(name, 15_000);
      fleet.run(20_000);
      expect(fleet.changes.filter((change) => change.name !== name)).toEqual([]);
      fleet.changes.length = 0;
    }
  });

  it("is back within a round trip where it stood still for too long", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true });
    fleet.stall("n1", 2000);
    fleet.run(1999);
    expect(fleet.alive("n0")).toEqual(["n0", "n2"]);
    fleet.run(10);
    for (const name of names(3)) expect(fleet.alive(name)).toEqual(names(3));
  });

  it("is not accused after the whole fleet stood still", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true });
    for (const name of names(3)) fleet.stall(name, 60_000);
    fleet.run(90_000);
    expect(fleet.changes).toEqual([]);
  });
});

describe("a network in two", () => {
  it.each([
    { members: 3, apart: 1, seconds: 3, loss: 0 },
    { members: 3, apart: 1, seconds: 40, loss: 0.02 },
    { members: 10, apart: 5, seconds: 3, loss: 0.02 },
    { members: 16, apart: 6, seconds: 3, loss: 0.02 },
  ])("of $members with $apart apart for $seconds s is one within a second", ({ members, apart, seconds, loss }) => {
    const fleet = createSimulation({ members, heartbeats: true, loss });
    const far = names(members).slice(0, apart);
    for (const name of far) fleet.move(name, 1);
    fleet.run(seconds * 1000);
    for (const name of far) fleet.move(name, 0);
    fleet.run(1000);
    for (const name of names(members)) expect(fleet.alive(name)).toEqual(names(members).toSorted());
  });

  it("is one at once where one of them hears of the other otherwise", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true });
    fleet.move("n2", 1);
    fleet.run(5000);
    fleet.move("n2", 0);
    fleet.dispatch("n2", { type: "seek" });
    fleet.run(10);
    for (const name of names(3)) expect(fleet.alive(name)).toEqual(names(3));
  });
});

describe("who stood still asks what it is to the others", () => {
  const confirm = (fleet: ReturnType<typeof createSimulation>, name: string, unsureMilliseconds: number): void => {
    fleet.stall(name, unsureMilliseconds);
    fleet.dispatch(name, { type: "confirm", unsureMilliseconds });
  };

  it.each([
    { name: "alive all the time", stalled: 220, outcome: "alive", incarnation: 1 },
    { name: "dead, and alive again", stalled: 2000, outcome: "returned", incarnation: 2 },
  ])("$name", ({ stalled, outcome, incarnation }) => {
    const fleet = createSimulation({ members: 3, heartbeats: true });
    confirm(fleet, "n1", stalled);
    fleet.run(stalled + 10);
    expect(fleet.owned).toMatchObject([{ outcome }]);
    expect(fleet.owned[0]?.incarnation).toBeGreaterThanOrEqual(incarnation);
    expect(fleet.owned[0]?.atMilliseconds).toBeLessThanOrEqual(fleet.now());
  });

  it("and hears it, though much gets lost", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true });
    fleet.lose(0.3);
    confirm(fleet, "n1", 220);
    fleet.run(1500);
    expect(fleet.owned).toHaveLength(1);
  });

  it("and is alone at once where there never was another, and after a second where there was one lately", () => {
    const alone = createSimulation({ members: 1, heartbeats: true });
    alone.dispatch("n0", { type: "confirm", unsureMilliseconds: 300 });
    expect(alone.owned).toMatchObject([{ outcome: "alone" }]);

    const left = createSimulation({ members: 2, heartbeats: true });
    left.kill("n1");
    left.run(2000);
    left.dispatch("n0", { type: "confirm", unsureMilliseconds: 300 });
    left.run(900);
    expect(left.owned).toEqual([]);
    left.run(200);
    expect(left.owned).toMatchObject([{ outcome: "alone" }]);
  });

  it("and asks members of the releases in their own way", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true, old: ["n1", "n2"] });
    fleet.dispatch("n0", { type: "confirm", unsureMilliseconds: 300 });
    fleet.run(100);
    expect(fleet.owned).toMatchObject([{ outcome: "alive", incarnation: 1 }]);
  });

  it("and knows after five seconds that nobody answers whom it takes for alive", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true, old: ["n1", "n2"] });
    for (const name of ["n1", "n2"]) fleet.move(name, 1);
    fleet.dispatch("n0", { type: "confirm", unsureMilliseconds: 300 });
    fleet.run(5100);
    expect(fleet.owned).toMatchObject([{ outcome: "unanswered" }]);
  });
});

describe("who was cut off asks what it is to the others", () => {
  it.each([
    { name: "for a second", milliseconds: 1000, loss: 0 },
    { name: "for ten minutes", milliseconds: 600_000, loss: 0 },
    { name: "for a second, while much gets lost", milliseconds: 1000, loss: 0.1 },
  ])("$name, and knows all of them again when it hears it", ({ milliseconds, loss }) => {
    for (let seed = 1; seed <= runs(5); seed += 1) {
      const fleet = createSimulation({ members: 3, heartbeats: true, seed });
      fleet.lose(loss);
      fleet.move("n1", 1);
      fleet.run(milliseconds);
      expect(fleet.alive("n1")).toEqual(["n1"]);
      fleet.owned.length = 0;
      fleet.move("n1", 0);
      const at = fleet.now();
      fleet.dispatch("n1", { type: "confirm", unsureMilliseconds: milliseconds });
      let aliveThen: readonly string[] = [];
      while (fleet.owned.length === 0 && fleet.now() - at < 5000) {
        fleet.run(1);
        aliveThen = fleet.alive("n1");
      }
      expect(fleet.owned).toMatchObject([{ name: "n1", outcome: "returned" }]);
      expect(aliveThen).toEqual(names(3));
      expect(fleet.now() - at).toBeLessThan(1100);
    }
  });

  it("and was not, for what carries gossip went another way", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true });
    fleet.run(5000);
    fleet.dispatch("n1", { type: "confirm", unsureMilliseconds: 5000 });
    fleet.run(100);
    expect(fleet.owned).toMatchObject([{ name: "n1", outcome: "alive" }]);
  });

  it("and is alone after a second where nobody answers, however long it was cut off", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true });
    fleet.move("n1", 1);
    fleet.run(600_000);
    fleet.dispatch("n1", { type: "confirm", unsureMilliseconds: 600_000 });
    fleet.run(900);
    expect(fleet.owned).toEqual([]);
    fleet.run(200);
    expect(fleet.owned).toMatchObject([{ name: "n1", outcome: "alone" }]);
  });

  it("from members of the releases, too, whom it found dead meanwhile", () => {
    const fleet = createSimulation({ members: 3, heartbeats: true, old: ["n0", "n2"] });
    fleet.move("n1", 1);
    fleet.run(20_000);
    expect(fleet.alive("n1")).toEqual(["n1"]);
    fleet.move("n1", 0);
    fleet.dispatch("n1", { type: "confirm", unsureMilliseconds: 20_000 });
    fleet.run(1000);
    expect(fleet.owned).toMatchObject([{ name: "n1", outcome: "returned" }]);
  });
});

it("who is found dead, and lives, is told so before it asks, and knows all others again when it hears what it is", () => {
  const fleet = createSimulation({ members: 5, heartbeats: true });
  for (const name of ["n3", "n4"]) fleet.move(name, 1);
  fleet.run(60_000);
  for (const name of ["n3", "n4"]) fleet.move(name, 0);
  const doubted = new Set<string>();
  const sure = new Map<string, readonly string[]>();
  for (let passed = 0; passed < 3000; passed += 1) {
    fleet.run(1);
    for (const { name } of fleet.takenForDead.splice(0)) {
      if (doubted.has(name)) continue;
      doubted.add(name);
      fleet.dispatch(name, { type: "confirm", unsureMilliseconds: undefined });
    }
    for (const { name, outcome } of fleet.owned.splice(0)) {
      expect(outcome).toBe("returned");
      sure.set(name, fleet.alive(name));
    }
  }
  expect([...doubted].toSorted()).toEqual(names(5));
  for (const name of names(5)) expect([name, sure.get(name)]).toEqual([name, names(5)]);
});

it("costs each member the same in a fleet of any size", () => {
  for (const members of [10, 50]) {
    const { packets, octets } = simulateFailovers({ members, crashes: 0, quietMilliseconds: 1000 });
    expect(Math.round(packets / 10)).toBe(5); // 50 heartbeats, and the probes of the protocol
    expect(octets).toBeLessThan(8000);
  }
});
