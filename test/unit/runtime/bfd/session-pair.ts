/** Two sessions that talk to each other, for tests. */
import { expect } from "vitest";
import type { ControlPacket, SessionState } from "../../../../src/runtime/bfd/packet.js";
import {
  createBfdSession,
  step,
  type BfdEffect,
  type BfdEvent,
  type BfdOptions,
  type BfdSession,
} from "../../../../src/runtime/bfd/session.js";

/** Microseconds. */
export const MS = 1000;
export const options = (localDiscriminator: number, fields: Partial<BfdOptions> = {}): BfdOptions => ({
  localDiscriminator,
  desiredMinTxMicroseconds: 300 * MS,
  requiredMinRxMicroseconds: 300 * MS,
  requiredMinEchoRxMicroseconds: 0,
  detectMult: 3,
  passive: false,
  ...fields,
});

/** Two sessions, a clock that stands still unless it is moved, and a path of one millisecond that can be cut. */
export function createPair(a: BfdOptions, b: BfdOptions, random: () => number = () => 0.5) {
  let now = 0;
  const sessions: [BfdSession, BfdSession] = [createBfdSession(a), createBfdSession(b)];
  const due: { at: number; who: 0 | 1; event: BfdEvent; timer?: "transmit" | "detection" }[] = [];
  const changes: { at: number; who: 0 | 1; to: SessionState; reason: string }[] = [];
  const sent: { at: number; from: 0 | 1; packet: ControlPacket }[] = [];
  const lastSent: [number, number] = [-Infinity, -Infinity];
  let isCut = false;
  const setTimer = (who: 0 | 1, timer: "transmit" | "detection", at: number | undefined): void => {
    const index = due.findIndex((one) => one.who === who && one.timer === timer);
    if (index >= 0) due.splice(index, 1);
    if (at !== undefined) due.push({ at, who, timer, event: { type: `${timer}TimerExpires` } });
  };
  const perform = (who: 0 | 1, effect: BfdEffect): void => {
    if (effect.do === "send") {
      sent.push({ at: now, from: who, packet: effect.packet });
      lastSent[who] = now;
      if (!isCut)
        due.push({ at: now + MS, who: who === 0 ? 1 : 0, event: { type: "received", packet: effect.packet } });
    } else if (effect.do === "startTransmitTimer") {
      const [least, most] = effect.atLeastTenth ? [0.75, 0.9] : [0.75, 1];
      const interval = effect.microseconds * (least + (most - least) * random());
      setTimer(who, "transmit", Math.max(now, lastSent[who] + interval));
    } else if (effect.do === "startDetectionTimer") setTimer(who, "detection", now + effect.microseconds);
    else if (effect.do === "stopTransmitTimer") setTimer(who, "transmit", undefined);
    else if (effect.do === "stateChanged") changes.push({ at: now, who, to: effect.to, reason: effect.reason });
  };
  const tell = (who: 0 | 1, event: BfdEvent): void => {
    const [next, effects] = step(sessions[who], event);
    sessions[who] = next;
    for (const effect of effects) perform(who, effect);
  };
  return {
    tell,
    cut: (cut: boolean) => void (isCut = cut),
    run(milliseconds: number) {
      const end = now + milliseconds * MS;
      for (;;) {
        due.sort((one, other) => one.at - other.at);
        const next = due[0];
        if (next === undefined || next.at > end) break;
        due.shift();
        now = next.at;
        tell(next.who, next.event);
      }
      now = end;
    },
    states: () => sessions.map(({ state }) => state),
    session: (who: 0 | 1) => sessions[who],
    changes,
    sent,
    now: () => now,
  };
}

export function established(a = options(1), b = options(2), random?: () => number) {
  const pair = createPair(a, b, random);
  pair.tell(0, { type: "start" });
  pair.tell(1, { type: "start" });
  pair.run(10_000);
  expect(pair.states()).toEqual(["Up", "Up"]);
  return pair;
}
