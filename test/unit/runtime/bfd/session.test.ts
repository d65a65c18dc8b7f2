import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DIAGNOSTIC, type ControlPacket, type SessionState } from "../../../../src/runtime/bfd/packet.js";
import {
  createBfdSession,
  detectionTime,
  step,
  transmitInterval,
  type BfdOptions,
  type BfdSession,
} from "../../../../src/runtime/bfd/session.js";
import { runs } from "../../runs.js";
import { createPair, established, MS, options } from "./session-pair.js";

it("comes up on both sides by way of Init, within a few packets", () => {
  const pair = createPair(options(1), options(2));
  pair.tell(0, { type: "start" });
  pair.tell(1, { type: "start" });
  pair.run(2000);
  expect(pair.changes.map(({ who, to }) => [who, to])).toEqual(
    expect.arrayContaining([
      [0, "Down"],
      [1, "Down"],
      [0, "Up"],
      [1, "Up"],
    ]),
  );
  expect(pair.states()).toEqual(["Up", "Up"]);
  expect([pair.session(0).remoteDiscriminator, pair.session(1).remoteDiscriminator]).toEqual([2, 1]);
});

// RFC 5880 §6.2 and §6.8.6
describe.each<{ state: SessionState; rows: readonly (readonly [SessionState, SessionState])[] }>([
  {
    state: "Down",
    rows: [
      ["AdminDown", "Down"],
      ["Down", "Init"],
      ["Init", "Up"],
      ["Up", "Down"],
    ],
  },
  {
    state: "Init",
    rows: [
      ["AdminDown", "Down"],
      ["Down", "Init"],
      ["Init", "Up"],
      ["Up", "Up"],
    ],
  },
  {
    state: "Up",
    rows: [
      ["AdminDown", "Down"],
      ["Down", "Down"],
      ["Init", "Up"],
      ["Up", "Up"],
    ],
  },
  {
    state: "AdminDown",
    rows: [
      ["AdminDown", "AdminDown"],
      ["Down", "AdminDown"],
      ["Init", "AdminDown"],
      ["Up", "AdminDown"],
    ],
  },
])("in $state", ({ state, rows }) => {
  it.each(rows)("the peer's %s leads to %s", (received, next) => {
    const session: BfdSession = { ...createBfdSession(options(1)), state };
    const packet: ControlPacket = {
      diagnostic: 0,
      state: received,
      poll: false,
      final: false,
      controlPlaneIndependent: false,
      demand: false,
      detectMult: 3,
      myDiscriminator: 2,
      yourDiscriminator: 1,
      desiredMinTxMicroseconds: 300 * MS,
      requiredMinRxMicroseconds: 300 * MS,
      requiredMinEchoRxMicroseconds: 0,
    };
    const [after, effects] = step(session, { type: "received", packet });
    expect(after.state).toBe(next);
    expect(effects.some((effect) => effect.do === "stateChanged")).toBe(state !== next);
    if (state === "Up" && next === "Down") expect(after.localDiagnostic).toBe(DIAGNOSTIC.neighborSignaledSessionDown);
  });
});

describe("intervals", () => {
  it("are a second and more before the session is Up, and what both want afterwards", () => {
    const pair = established(
      options(1, { desiredMinTxMicroseconds: 50 * MS }),
      options(2, { requiredMinRxMicroseconds: 100 * MS, detectMult: 5 }),
    );
    const early = pair.sent.filter(({ packet }) => packet.state !== "Up");
    expect(early.every(({ packet }) => packet.desiredMinTxMicroseconds === 1000 * MS)).toBe(true);
    expect(transmitInterval(pair.session(0))).toBe(100 * MS); // 50 wanted, 100 accepted
    expect(transmitInterval(pair.session(1))).toBe(300 * MS);
    expect(detectionTime(pair.session(0))).toBe(5 * 300 * MS); // the peer's multiplier, its interval
    expect(detectionTime(pair.session(1))).toBe(3 * 100 * MS);
  });

  it("are shortened at random by up to a quarter, never lengthened", () => {
    const pair = established(options(1), options(2), () => 0);
    const times = pair.sent
      .filter(({ from, at, packet }) => from === 0 && at > 5_000 * MS && packet.state === "Up")
      .map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.75 * 300 * MS);
  });

  it("are never so long that one late packet is the end, with a multiplier of 1", () => {
    const pair = established(options(1, { detectMult: 1 }), options(2, { detectMult: 1 }), () => 1);
    pair.run(60_000);
    expect(pair.states()).toEqual(["Up", "Up"]);
  });

  it("are changed by a poll: sooner at once, later when the peer has said that it knows", () => {
    const pair = established();
    pair.tell(0, {
      type: "reconfigure",
      options: options(1, { desiredMinTxMicroseconds: 900 * MS, requiredMinRxMicroseconds: 100 * MS }),
    });
    expect(transmitInterval(pair.session(0))).toBe(300 * MS);
    expect(detectionTime(pair.session(0))).toBe(900 * MS);
    expect(pair.sent.at(-1)?.packet).toMatchObject({
      poll: true,
      desiredMinTxMicroseconds: 900 * MS,
      requiredMinRxMicroseconds: 100 * MS,
    });
    pair.run(5);
    expect(pair.session(0).isPolling).toBe(false);
    expect(transmitInterval(pair.session(0))).toBe(900 * MS);
    expect(detectionTime(pair.session(1))).toBe(3 * 900 * MS);
    pair.run(60_000);
    expect(pair.states()).toEqual(["Up", "Up"]);
  });

  it("go on being asked for until the peer answers", () => {
    const pair = established();
    pair.cut(true);
    pair.tell(0, { type: "reconfigure", options: options(1, { desiredMinTxMicroseconds: 200 * MS }) });
    pair.run(500);
    const polls = pair.sent.filter(({ from, packet }) => from === 0 && packet.poll);
    expect(polls.length).toBeGreaterThan(1);
    pair.cut(false);
    pair.run(2000);
    expect([pair.session(0).isPolling, ...pair.states()]).toEqual([false, "Up", "Up"]);
  });
});

describe("the end of a session", () => {
  it("is a silence of the detection time, no sooner", () => {
    const pair = established();
    pair.cut(true);
    const lastHeard = pair.now();
    pair.changes.length = 0;
    pair.run(5000);
    for (const who of [0, 1] as const) {
      const down = pair.changes.find((change) => change.who === who);
      expect(down?.to).toBe("Down");
      expect(down?.reason).toBe("control detection time expired");
      expect((down?.at ?? 0) - lastHeard).toBeGreaterThan(600 * MS);
      expect((down?.at ?? 0) - lastHeard).toBeLessThanOrEqual(902 * MS);
    }
    pair.cut(false);
    pair.run(5000);
    expect(pair.states()).toEqual(["Up", "Up"]);
  });

  it("is told to the peer at once", () => {
    const pair = established();
    pair.changes.length = 0;
    pair.tell(0, { type: "stop" });
    pair.run(2);
    expect(pair.changes.map(({ who, to, reason }) => [who, to, reason])).toEqual([
      [0, "AdminDown", "stopped"],
      [1, "Down", "the peer is AdminDown (administratively down)"],
    ]);
    pair.run(10_000);
    expect(pair.states()).toEqual(["AdminDown", "Down"]);
    pair.tell(0, { type: "start" });
    pair.run(5000);
    expect(pair.states()).toEqual(["Up", "Up"]);
  });

  it("is what a path that is known to be gone means", () => {
    const pair = established();
    pair.tell(0, { type: "fail", diagnostic: DIAGNOSTIC.pathDown });
    expect(pair.session(0)).toMatchObject({ state: "Down", localDiagnostic: DIAGNOSTIC.pathDown });
  });
});

it("says nothing before the peer has, where it is passive, and stays silent once it has forgotten it", () => {
  const pair = createPair(options(1, { passive: true }), options(2));
  pair.tell(0, { type: "start" });
  pair.run(5000);
  expect(pair.sent).toEqual([]);
  pair.tell(1, { type: "start" });
  pair.run(5000);
  expect(pair.states()).toEqual(["Up", "Up"]);
  pair.tell(1, { type: "stop" });
  pair.run(20_000);
  pair.sent.length = 0;
  pair.run(20_000);
  expect(pair.sent).toEqual([]);
});

it("sends nothing by itself to a peer that asks for nothing, and answers its polls", () => {
  const pair = established();
  const heard = pair.sent.findLast(({ from }) => from === 1)?.packet;
  if (heard === undefined) throw new Error("nothing was sent");
  const quiet: ControlPacket = { ...heard, poll: true, final: false, requiredMinRxMicroseconds: 0 };
  const [after, effects] = step(pair.session(0), { type: "received", packet: quiet });
  expect(after.transmitMicroseconds).toBeUndefined();
  expect(effects.map(({ do: what }) => what)).toEqual(["send", "stopTransmitTimer", "startDetectionTimer"]);
  expect(effects[0]).toMatchObject({ packet: { final: true, poll: false, state: "Up" } });
});

it("sends nothing by itself to a peer in demand mode while both are Up, but polls it, and goes on once the path is in doubt", () => {
  const pair = established();
  const heard = pair.sent.findLast(({ from }) => from === 1)?.packet;
  if (heard === undefined) throw new Error("nothing was sent");
  const [quiet, effects] = step(pair.session(0), { type: "received", packet: { ...heard, demand: true } });
  expect(quiet.transmitMicroseconds).toBeUndefined();
  expect(effects.map(({ do: what }) => what)).toEqual(["stopTransmitTimer", "startDetectionTimer"]);
  const [polling, polls] = step(quiet, {
    type: "reconfigure",
    options: options(1, { desiredMinTxMicroseconds: 200 * MS }),
  });
  expect(polls).toMatchObject([{ do: "send", packet: { poll: true } }, { do: "startTransmitTimer" }]);
  const [answered] = step(polling, { type: "received", packet: { ...heard, demand: true, final: true } });
  expect([answered.isPolling, answered.transmitMicroseconds]).toEqual([false, undefined]);
  const [down] = step(answered, { type: "received", packet: { ...heard, demand: true, state: "Down" } });
  expect(down).toMatchObject({ state: "Down", transmitMicroseconds: 1000 * MS });
});

it("knows a peer that began anew with another discriminator", () => {
  const pair = established();
  pair.tell(1, { type: "stop" });
  pair.run(3000);
  const other = createPair(options(1), options(3));
  other.tell(0, { type: "start" });
  other.tell(1, { type: "start" });
  other.run(3000);
  expect(other.session(0).remoteDiscriminator).toBe(3);
});

it("settles whatever is lost, delayed and reconfigured in between: Up on both sides when the path is whole again", () => {
  const change = fc.record({
    who: fc.constantFrom<0 | 1>(0, 1),
    after: fc.nat(1500),
    what: fc.oneof(
      fc.constantFrom("cut" as const, "mend" as const, "fail" as const),
      fc.record({ tx: fc.integer({ min: 10, max: 1000 }), rx: fc.integer({ min: 10, max: 1000 }) }),
    ),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), fc.integer({ min: 1, max: 5 }), (changes, detectMult) => {
      const base: [BfdOptions, BfdOptions] = [options(1, { detectMult }), options(2, { detectMult })];
      const pair = createPair(...base);
      pair.tell(0, { type: "start" });
      pair.tell(1, { type: "start" });
      for (const { who, after, what } of changes) {
        pair.run(after);
        if (what === "cut" || what === "mend") pair.cut(what === "cut");
        else if (what === "fail") pair.tell(who, { type: "fail", diagnostic: DIAGNOSTIC.pathDown });
        else {
          base[who] = { ...base[who], desiredMinTxMicroseconds: what.tx * MS, requiredMinRxMicroseconds: what.rx * MS };
          pair.tell(who, { type: "reconfigure", options: base[who] });
        }
      }
      pair.cut(false);
      pair.run(30_000);
      expect(pair.states()).toEqual(["Up", "Up"]);
      expect([pair.session(0).isPolling, pair.session(1).isPolling]).toEqual([false, false]);
      pair.changes.length = 0;
      pair.run(60_000);
      expect(pair.changes).toEqual([]); // and it stays so
      expect(transmitInterval(pair.session(0))).toBe(
        Math.max(base[0].desiredMinTxMicroseconds, base[1].requiredMinRxMicroseconds),
      );
    }),
    { numRuns: runs(60) },
  );
});
