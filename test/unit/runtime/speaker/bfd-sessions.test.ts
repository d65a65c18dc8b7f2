import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONTROL_PORT, decodeControlPacket } from "../../../../src/runtime/bfd/packet.js";
import { runs } from "../../runs.js";
import { createNetwork, spec } from "./bfd-network.js";

const [A, B] = ["10.0.0.1", "10.0.0.2"];

/** Two machines with a session between them that is up. */
function established(fieldsOfA: Parameters<typeof spec>[1] = {}, fieldsOfB: Parameters<typeof spec>[1] = fieldsOfA) {
  const world = createNetwork();
  const [a, b] = [world.addMachine(A), world.addMachine(B)];
  a.sessions.use([spec(B, fieldsOfA)]);
  b.sessions.use([spec(A, fieldsOfB)]);
  world.run(5000);
  expect([a, b].map(({ states }) => states().at(-1)?.to)).toEqual(["Up", "Up"]);
  a.reports.length = 0;
  b.reports.length = 0;
  return { ...world, a, b };
}

it.each([
  { name: "one hop", a: {}, b: {} },
  { name: "several hops", a: { isMultihop: true }, b: { isMultihop: true } },
  { name: "one side that waits for the other", a: { passive: true }, b: {} },
  { name: "10 ms", a: { desiredMinTxMicroseconds: 10_000, requiredMinRxMicroseconds: 10_000 }, b: {} },
])("comes up over $name, and stays so", ({ a: ofA, b: ofB }) => {
  const { a, b, run } = established(ofA, ofB);
  run(60_000);
  expect([a.states(), b.states()]).toEqual([[], []]);
  const { sessions, drops } = a.counters();
  expect(sessions).toMatchObject([{ session: `with ${B}`, state: "Up", ups: 1, downs: 0, unsent: 0 }]);
  expect(Object.values(drops).every((count) => count === 0)).toBe(true);
});

it("speaks IPv6", () => {
  const world = createNetwork();
  const [a, b] = [world.addMachine("fd00::1"), world.addMachine("fd00::2")];
  a.sessions.use([spec("fd00::2")]);
  b.sessions.use([spec("fd00::1")]);
  world.run(5000);
  expect([a, b].map(({ states }) => states().at(-1)?.to)).toEqual(["Up", "Up"]);
});

it("hears a peer by address on a link that another session is bound to", () => {
  const world = createNetwork();
  const [a, b] = [world.addMachine("fd00::1"), world.addMachine("fd00::2")];
  a.sessions.use([spec("fd00::2"), spec("fe80::9", { device: "eth0" })]);
  b.sessions.use([spec("fd00::1")]);
  world.run(5000);
  expect([a, b].map(({ states }) => states().at(-1)?.to)).toEqual(["Up", "Up"]);
  expect(a.counters().drops).toMatchObject({ noSession: 0 });
});

it("asks the peer for no echo packets", () => {
  const { network } = established();
  for (const { octets } of network.sent) {
    expect(decodeControlPacket(octets)).toMatchObject({ value: { requiredMinEchoRxMicroseconds: 0 } });
  }
});

it("says at once when the peer has been silent for too long, and when it is back", () => {
  const { a, run, network } = established();
  network.isCut = true;
  run(599);
  expect(a.states()).toEqual([]);
  run(400);
  expect(a.states()).toEqual([
    {
      session: `with ${B}`,
      from: "Up",
      to: "Down",
      isByPeersAdministrator: false,
      reason: "control detection time expired",
    },
  ]);
  network.isCut = false;
  run(5000);
  expect(a.states().at(-1)).toMatchObject({ to: "Up" });
  expect(a.counters().sessions).toMatchObject([{ ups: 2, downs: 1 }]);
});

it("tells the peer of an orderly end three times, and the peer takes it for what it is", () => {
  const { a, b, run, network } = established();
  network.sent.length = 0;
  let isEnded = false;
  b.sessions.stop(() => (isEnded = true));
  run(1000);
  expect(isEnded).toBe(true);
  expect([b.receivers.size, b.senderPorts.size]).toEqual([0, 0]);
  const goodbyes = network.sent.filter(({ from }) => from === B).map(({ octets }) => decodeControlPacket(octets));
  expect(goodbyes).toHaveLength(3);
  for (const goodbye of goodbyes)
    expect(goodbye).toMatchObject({ ok: true, value: { state: "AdminDown", diagnostic: 7 } });
  expect(a.states()).toMatchObject([{ from: "Up", to: "Down", isByPeersAdministrator: true }]);
  expect(b.states()).toEqual([]);
});

it("ends at once where nobody was ever heard", () => {
  const world = createNetwork();
  const a = world.addMachine(A);
  let ended = 0;
  a.sessions.use([spec(B), spec("10.0.0.3")]);
  a.sessions.stop(() => (ended += 1));
  a.sessions.stop(() => (ended += 1));
  a.sessions.use([spec(B)]);
  world.run(5000);
  expect([ended, a.receivers.size, a.senderPorts.size]).toEqual([1, 0, 0]);
});

it("takes other intervals, multiplier and hop limit while the session goes on", () => {
  const fields = { isMultihop: true, minimumTtl: 1 };
  const { a, b, run, network } = established(fields);
  const faster = { desiredMinTxMicroseconds: 50_000, requiredMinRxMicroseconds: 50_000, detectMult: 5 };
  a.sessions.use([spec(B, { ...fields, ...faster, minimumTtl: 200 })]);
  run(1000);
  b.sessions.use([spec(A, { ...fields, ...faster })]);
  run(1000);
  expect([a.states(), b.states()]).toEqual([[], []]);
  for (const { counters } of [a, b]) {
    expect(counters().sessions).toMatchObject([
      { transmitIntervalMicroseconds: 50_000, detectionTimeMicroseconds: 250_000 },
    ]);
  }
  network.hopLimit = 199;
  run(1000);
  expect(a.states()).toMatchObject([{ to: "Down" }]);
  expect(a.counters().drops.hopLimit).toBeGreaterThan(0);
});

// RFC 5880 §6.8.1
it("has a discriminator for each session, of no other and not 0", () => {
  const world = createNetwork();
  const a = world.addMachine(A, [0, 7, 50_000, 7, 0, 9, 50_001]); // the others are for ports
  a.sessions.use([spec(B), spec("10.0.0.3")]);
  const said = world.network.sent.map(({ octets }) => decodeControlPacket(octets));
  expect(said).toMatchObject([{ value: { myDiscriminator: 7 } }, { value: { myDiscriminator: 9 } }]);
});

// RFC 5880 §6.8.3
it("does not wait longer than a peer that takes more asks for", () => {
  const { network, run, deliver } = established(
    { desiredMinTxMicroseconds: 100_000 },
    { requiredMinRxMicroseconds: 1_000_000 },
  );
  const ours = () => network.sent.filter(({ from }) => from === A).map(({ at }) => at);
  const count = ours().length;
  while (ours().length === count) run(1);
  const last = ours().at(-1) ?? 0;
  run(60);
  const packet = network.sent.findLast(({ from }) => from === B)?.octets.slice();
  if (packet === undefined) throw new Error("nothing was sent");
  new DataView(packet.buffer).setUint32(16, 100_000); // without a poll
  deliver(B, A, CONTROL_PORT.singleHop, packet);
  run(100);
  const next = ours().find((at) => at > last) ?? Infinity;
  expect(next - last).toBeLessThanOrEqual(100);
  expect(next - last).toBeGreaterThanOrEqual(75);
});

it("does not hear who is further away than one hop, and counts it", () => {
  const world = createNetwork();
  const [a, b] = [world.addMachine(A), world.addMachine(B)];
  world.network.hopLimit = 254;
  a.sessions.use([spec(B)]);
  b.sessions.use([spec(A)]);
  world.run(10_000);
  expect(a.states().map(({ to }) => to)).toEqual(["Down"]);
  const { drops, sessions } = a.counters();
  expect(drops.hopLimit).toBeGreaterThan(5);
  expect(sessions).toMatchObject([{ packetsReceived: 0 }]);
});

describe("a thread that stood still", () => {
  it("does not take its own silence for the peer's", () => {
    const { a, run, standStill } = established({ detectMult: 50 }, { detectMult: 3 });
    standStill(5000); // and all that the peer sent meanwhile was lost
    run(2000);
    expect(a.states()).toEqual([]);
  });

  it("waits for one interval more, not for ever", () => {
    const { a, run, standStill, network } = established({ detectMult: 50 }, { detectMult: 3 });
    network.isCut = true;
    standStill(5000);
    run(350);
    expect(a.states()).toMatchObject([{ to: "Down" }]);
  });

  it("is excused once in a silence, however often it stands still", () => {
    const { a, run, standStill, network } = established({ detectMult: 50 }, { detectMult: 3 });
    network.isCut = true;
    standStill(5000);
    run(10);
    expect(a.states()).toEqual([]);
    standStill(5000);
    run(10);
    expect(a.states()).toMatchObject([{ to: "Down" }]);
  });
});

describe("sockets", () => {
  it("are there as long as a session needs them", () => {
    const world = createNetwork();
    const a = world.addMachine(A);
    const open = (): string[] => [...a.receivers].map(({ port, device }) => `${port} ${device}`).toSorted();
    const other = spec("10.0.0.3", { key: "other" });
    a.sessions.use([spec(B), other, spec(B, { key: "far", isMultihop: true }), spec(B, { key: "red", device: "red" })]);
    expect(open()).toEqual(["3784 ", "3784 red", "4784 "]);
    expect(a.senderPorts.size).toBe(4); // RFC 5881 §4: each from a port of its own
    expect([...a.senderPorts].every((port) => port >= 49_152 && port <= 65_535)).toBe(true);
    a.sessions.use([other]);
    expect(open()).toEqual(["3784 "]);
    a.sessions.use([]);
    expect(open()).toEqual([]);
  });

  it("that cannot be opened are said once and tried again", () => {
    const world = createNetwork();
    const [a, b] = [world.addMachine(A), world.addMachine(B)];
    a.failWith.receiver = "EADDRINUSE";
    a.failWith.sender = "EADDRNOTAVAIL";
    a.sessions.use([spec(B)]);
    b.sessions.use([spec(A)]);
    world.run(5000);
    expect(a.reports.flatMap((report) => (report.type === "error" ? [report.error.code] : []))).toEqual([
      "EADDRINUSE",
      "EADDRNOTAVAIL",
    ]);
    expect(a.counters().sessions[0]?.unsent).toBeGreaterThan(3);
    delete a.failWith.receiver;
    delete a.failWith.sender;
    world.run(5000);
    expect(a.states().at(-1)?.to).toBe("Up");
  });

  it("that cannot send are said once, and again after it worked", () => {
    const { a, run } = established();
    const codes = (): string[] => a.reports.flatMap((report) => (report.type === "error" ? [report.error.code] : []));
    a.failWith.send = "ENETUNREACH";
    run(500);
    delete a.failWith.send;
    run(500);
    a.failWith.send = "ENETUNREACH";
    run(500);
    expect(codes()).toEqual(["ENETUNREACH", "ENETUNREACH"]);
  });

  it("of an interface that was made anew are opened again", () => {
    const { a, run } = established({ device: "eth0" });
    const before = [...a.receivers];
    a.sessions.linksChanged();
    expect([...a.receivers]).toEqual(before);
    a.interfaces.set("eth0", 7);
    a.sessions.linksChanged();
    expect(a.receivers.size).toBe(1);
    expect([...a.receivers][0]).not.toBe(before[0]);
    run(5000);
    expect(a.states()).toEqual([]);
  });
});

it("takes whatever arrives, and has no more of anything afterwards", () => {
  const { a, deliver, run } = established();
  const octets = fc.tuple(fc.constantFrom(0x20, 0x00), fc.uint8Array({ minLength: 23, maxLength: 30 }), fc.boolean());
  fc.assert(
    fc.property(octets, fc.nat(20), ([first, rest, isPlausible], pause) => {
      const payload = Uint8Array.of(first, ...rest);
      if (isPlausible) payload.set([24, 0, 0, 0, 7, 0, 0, 0, 0], 3);
      deliver(B, A, 3784, payload);
      run(pause);
    }),
    { numRuns: runs(1000) },
  );
  expect([a.receivers.size, a.senderPorts.size, a.counters().sessions.length]).toEqual([1, 1, 1]);
  run(60_000);
  expect(a.counters().sessions).toMatchObject([{ state: "Up" }]); // and it found its peer again
});
