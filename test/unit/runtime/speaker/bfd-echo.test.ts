import { expect, it } from "vitest";
import { CONTROL_PORT } from "../../../../src/runtime/bfd/packet.js";
import { createNetwork, spec } from "./bfd-network.js";

const [A, B] = ["10.0.0.1", "10.0.0.2"];
const ECHO = { echoIntervalMicroseconds: 50_000 };

/** A session that is up, of which A sends Echo packets, and B says that it takes them. */
function established(prepare: (world: ReturnType<typeof createNetwork>) => void = () => {}, fields = ECHO) {
  const world = createNetwork();
  const [a, b] = [world.addMachine(A), world.addMachine(B)];
  world.network.minEchoRxOf.set(B, 20_000);
  prepare(world);
  a.sessions.use([spec(B, fields)]);
  b.sessions.use([spec(A)]);
  world.run(5000);
  expect([a, b].map(({ states }) => states().at(-1)?.to)).toEqual(["Up", "Up"]);
  a.reports.length = 0;
  const echoes = (): number => world.network.echoesSent.length;
  return { ...world, a, b, echoes };
}

it("sends packets that the peer brings back, and wants Control packets once a second meanwhile", () => {
  const { a, run, echoes } = established();
  const before = echoes();
  run(1000);
  expect(echoes() - before).toBeGreaterThanOrEqual(20);
  const [counters] = a.counters().sessions;
  expect(counters?.echoReceived).toBeGreaterThan((counters?.echoSent ?? 0) - 3);
  expect(counters?.detectionTimeMicroseconds).toBe(3_000_000);
  run(60_000);
  expect(a.states()).toEqual([]);
});

// RFC 5880 §6.8.9
it("sends packets no more often than the peer takes them", () => {
  const { run, echoes } = established(({ network }) => void network.minEchoRxOf.set(B, 200_000));
  const before = echoes();
  run(2000);
  expect(echoes() - before).toBeLessThanOrEqual(Math.ceil(2000 / 150));
  expect(echoes() - before).toBeGreaterThanOrEqual(2000 / 200);
});

it("ends the session when packets do not come back any more, and is content without them afterwards", () => {
  const { a, b, run } = established();
  b.forwards.now = false;
  run(250);
  expect(a.states()[0]).toMatchObject({ from: "Up", to: "Down", reason: "echo function failed" });
  run(10_000);
  expect(a.states().at(-1)).toMatchObject({ to: "Up" });
  expect(a.counters().sessions).toMatchObject([{ downs: 1, detectionTimeMicroseconds: 900_000 }]);
});

it("notices a lost path as soon as the packets are missed, long before the Control packets are", () => {
  const { a, run, network } = established();
  network.isCut = true;
  run(250);
  expect(a.states()[0]).toMatchObject({ to: "Down", reason: "echo function failed" });
});

it.each<{ name: string; prepare: Parameters<typeof established>[0]; echoes: boolean }>([
  { name: "the peer takes none", prepare: ({ network }) => void network.minEchoRxOf.set(B, 0), echoes: false },
  {
    name: "the neighbour's MAC address is not known",
    prepare: ({ machine }) => void (machine(A).knowsNeighbor.now = false),
    echoes: false,
  },
  {
    name: "there can be no socket",
    prepare: ({ machine }) => void (machine(A).failWith.echo = "EPERM"),
    echoes: false,
  },
  { name: "the peer does not forward", prepare: ({ machine }) => void (machine(B).forwards.now = false), echoes: true },
])("does as well as without where $name", ({ prepare, echoes: areSent }) => {
  const { a, run, echoes } = established(prepare);
  run(10_000);
  expect(a.states()).toEqual([]);
  expect(echoes() > 0).toBe(areSent);
  expect(a.counters().sessions).toMatchObject([{ state: "Up", detectionTimeMicroseconds: 900_000 }]);
  expect(a.reports.filter(({ type }) => type === "error").length).toBeLessThanOrEqual(1);
});

it("begins and ends with the profile, and ends with the session", () => {
  const { a, run, echoes } = established();
  a.sessions.use([spec(B)]);
  run(1000);
  const quiet = echoes();
  run(1000);
  expect([echoes(), a.echoes.length]).toEqual([quiet, 0]);
  expect(a.counters().sessions).toMatchObject([{ detectionTimeMicroseconds: 900_000 }]);
  a.sessions.use([spec(B, ECHO)]);
  run(1000);
  expect(echoes()).toBeGreaterThan(quiet);
  expect(a.states()).toEqual([]);
  a.sessions.use([]);
  expect(a.echoes.length).toBe(0);
});

it("does not take packets of a stranger for its own", () => {
  const { a, b, run, deliver } = established(({ machine }) => void (machine(B).forwards.now = false));
  void deliver(B, A, CONTROL_PORT.singleHop, new Uint8Array(54));
  a.feedEcho(new Uint8Array(54));
  run(1000);
  expect(a.counters().sessions).toMatchObject([{ echoReceived: 0 }]);
  expect(b.states().at(-1)?.to).toBe("Up");
});

it("is not fooled by its own standing still", () => {
  const { a, run, standStill } = established();
  standStill(2000);
  run(1000);
  expect(a.states()).toEqual([]);
});
