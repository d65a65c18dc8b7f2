import { expect, it } from "vitest";
import { encodeControlPacket, type ControlPacket } from "../../../../src/runtime/bfd/packet.js";
import {
  createBfdSession,
  packetOf,
  step,
  transmitInterval,
  type BfdEffect,
  type BfdOptions,
} from "../../../../src/runtime/bfd/session.js";
import { createPair, established, MS, options } from "./session-pair.js";

const said = (effects: readonly BfdEffect[]): ControlPacket[] =>
  effects.flatMap((effect) => (effect.do === "send" ? [effect.packet] : []));

/** A session that is Up, and what its peer says again and again. */
function upSession(fields: Partial<BfdOptions> = {}) {
  const pair = established(options(1, fields));
  const heard = pair.sent.findLast(({ from }) => from === 1)?.packet;
  if (heard === undefined) throw new Error("nothing was sent");
  expect(heard).toMatchObject({ poll: false, final: false, state: "Up" });
  return { session: pair.session(0), heard };
}

const tx = (milliseconds: number) =>
  ({ type: "reconfigure", options: options(1, { desiredMinTxMicroseconds: milliseconds * MS }) }) as const;

// RFC 5880 §6.8.3: what a Final answers is to be clear.
it("asks for one change after the other, the next once a packet without the Final bit has come", () => {
  const { session, heard } = upSession();
  const [first, atFirst] = step(session, tx(600));
  expect(said(atFirst)).toMatchObject([{ poll: true, desiredMinTxMicroseconds: 600 * MS }]);
  const [second, atSecond] = step(first, tx(900));
  expect([said(atSecond), packetOf(second).desiredMinTxMicroseconds]).toEqual([[], 600 * MS]);
  const [answered, atAnswer] = step(second, { type: "received", packet: { ...heard, final: true } });
  expect([said(atAnswer), answered.isPolling, transmitInterval(answered)]).toEqual([[], false, 600 * MS]);
  const [late, atLate] = step(answered, { type: "received", packet: { ...heard, final: true } });
  expect([said(atLate), late.isPolling]).toEqual([[], false]);
  const [third, atThird] = step(late, { type: "received", packet: heard });
  expect(said(atThird)).toMatchObject([{ poll: true, desiredMinTxMicroseconds: 900 * MS }]);
  expect(transmitInterval(third)).toBe(600 * MS);
  const [done] = step(third, { type: "received", packet: { ...heard, final: true } });
  expect(transmitInterval(done)).toBe(900 * MS);
});

it("asks in the packets that are sent anyway", () => {
  const pair = established();
  pair.cut(true);
  pair.sent.length = 0;
  pair.tell(0, tx(200));
  const changedAt = pair.now();
  pair.run(800);
  const ours = pair.sent.filter(({ from }) => from === 0);
  expect(ours.every(({ packet }) => packet.poll)).toBe(true);
  const periodic = ours.filter(({ at }) => at > changedAt);
  expect(ours.length - periodic.length).toBe(1); // what is new is said at once. §6.8.7
  // The peer takes a packet every 300 ms, and an eighth is taken off here.
  expect(periodic.length).toBeLessThanOrEqual(Math.ceil(800 / 262.5));
  expect(periodic.length).toBeGreaterThan(1);
});

it("asks a peer that it knows while the session is not Up, too, and is slow at once", () => {
  const { session, heard } = upSession();
  const [down, effects] = step(session, { type: "received", packet: { ...heard, state: "Down" } });
  expect(said(effects)).toMatchObject([{ state: "Down", poll: true, desiredMinTxMicroseconds: 1000 * MS }]);
  expect(transmitInterval(down)).toBe(1000 * MS);
  const [answered] = step(down, { type: "received", packet: { ...heard, state: "Down", final: true } });
  expect(answered.isPolling).toBe(false);
  const [fresh] = step(createBfdSession(options(1)), { type: "start" });
  expect(packetOf(fresh).poll).toBe(false); // nobody is there to ask
});

it("asks later for what it said while another poll was on, and sends nothing for that alone", () => {
  const { session, heard } = upSession();
  const [asking] = step(session, tx(600));
  const [down] = step(asking, { type: "received", packet: { ...heard, state: "Down" } });
  const [answered] = step(down, { type: "received", packet: { ...heard, final: true } });
  expect([answered.state, answered.isPolling]).toEqual(["Down", false]);
  const [again, effects] = step(answered, { type: "received", packet: heard });
  expect([again.state, again.isPolling, said(effects)]).toEqual(["Down", true, []]);
});

// RFC 5880 §6.6
it("asks a peer in demand mode whenever its packets would say something new", () => {
  const { session, heard } = upSession();
  const [quiet] = step(session, { type: "received", packet: { ...heard, demand: true } });
  const [asking, effects] = step(quiet, { type: "reconfigure", options: options(1, { detectMult: 7 }) });
  expect(said(effects)).toMatchObject([{ poll: true, detectMult: 7 }]);
  const [same, atSame] = step(asking, { type: "received", packet: { ...heard, demand: true, final: true } });
  expect([said(atSame), same.isPolling, same.transmitMicroseconds]).toEqual([[], false, undefined]);
  // One that is not hears of it with the next packet.
  const [periodic, none] = step(session, { type: "reconfigure", options: options(1, { detectMult: 7 }) });
  expect([said(none), periodic.isPolling, packetOf(periodic).detectMult]).toEqual([[], false, 7]);
});

it("begins to send again by itself where the peer's demand mode ends", () => {
  const { session, heard } = upSession();
  const [quiet] = step(session, { type: "received", packet: { ...heard, demand: true } });
  expect(quiet.transmitMicroseconds).toBeUndefined();
  const [periodic] = step(quiet, { type: "received", packet: heard });
  expect(periodic.transmitMicroseconds).toBe(300 * MS);
});

it("sends sooner at once where the peer takes more, counted from the last packet", () => {
  const pair = established(
    options(1, { desiredMinTxMicroseconds: 100 * MS }),
    options(2, { requiredMinRxMicroseconds: 1000 * MS }),
  );
  const heard = pair.sent.findLast(({ from }) => from === 1)?.packet;
  if (heard === undefined) throw new Error("nothing was sent");
  const ours = (): readonly number[] => pair.sent.filter(({ from }) => from === 0).map(({ at }) => at);
  const count = ours().length;
  while (ours().length === count) pair.run(1);
  const last = ours().at(-1) ?? 0;
  pair.run(60);
  expect(ours().at(-1)).toBe(last);
  pair.tell(0, { type: "received", packet: { ...heard, requiredMinRxMicroseconds: 100 * MS } });
  pair.run(100);
  const next = ours().find((at) => at > last) ?? Infinity;
  expect(next - last).toBeLessThanOrEqual(100 * MS);
  expect(next - last).toBeGreaterThanOrEqual(75 * MS);
});

// RFC 5880 §6.8.1
it("begins with what the RFC says", () => {
  const session = createBfdSession(options(9));
  expect(session).toMatchObject({
    remoteState: "Down",
    remoteDiscriminator: 0,
    localDiagnostic: 0,
    remoteMinRxMicroseconds: 1,
    remoteDemand: false,
    isPolling: false,
  });
  expect(step(session, { type: "start" })[0].state).toBe("Down");
});

it("is active: it sends to who has never been heard, once a second and less often than that", () => {
  const pair = createPair(options(1), options(2), () => 1);
  pair.tell(0, { type: "start" });
  pair.run(10_500);
  expect(pair.sent.length).toBe(11);
  expect(pair.sent.every(({ packet }) => packet.yourDiscriminator === 0 && packet.state === "Down")).toBe(true);
});

it("forgets the peer's discriminator after a silence also while it is AdminDown", () => {
  const { session, heard } = upSession();
  const [stopped] = step(session, { type: "stop" });
  const [listening, effects] = step(stopped, { type: "received", packet: { ...heard, myDiscriminator: 8 } });
  expect(effects).toEqual([{ do: "startDetectionTimer", microseconds: 900 * MS }]);
  expect([listening.state, listening.remoteDiscriminator]).toEqual(["AdminDown", 8]);
  const [silent, none] = step(listening, { type: "detectionTimerExpires" });
  expect([silent.state, silent.remoteDiscriminator, none]).toEqual(["AdminDown", 0, []]);
});

// RFC 5880 §6.5, §6.6, §6.8.7
it("never says Poll and Final at once, nor Demand, Multipoint or authentication, whatever happens", () => {
  const pair = established();
  pair.tell(0, tx(100));
  pair.tell(1, { type: "reconfigure", options: options(2, { requiredMinRxMicroseconds: 50 * MS }) });
  pair.run(2000);
  pair.tell(1, { type: "stop" });
  pair.run(2000);
  expect(pair.sent.some(({ packet }) => packet.final)).toBe(true);
  for (const { packet } of pair.sent) {
    expect(packet.poll && packet.final).toBe(false);
    expect((encodeControlPacket(packet)[1] ?? 0) & 0b0000_0111).toBe(0);
  }
});

it("says in its packets what its variables are", () => {
  const { session } = upSession({ requiredMinEchoRxMicroseconds: 0, detectMult: 5 });
  expect(packetOf(session)).toEqual({
    diagnostic: session.localDiagnostic,
    state: "Up",
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    detectMult: 5,
    myDiscriminator: 1,
    yourDiscriminator: 2,
    desiredMinTxMicroseconds: 300 * MS,
    requiredMinRxMicroseconds: 300 * MS,
    requiredMinEchoRxMicroseconds: 0,
  });
});
