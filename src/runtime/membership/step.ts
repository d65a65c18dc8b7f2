import { drop, report, type MembershipEffect, type MembershipEvent, type Turn } from "./effects.js";
import { placeOnRing } from "./heartbeats.js";
import { answerLost, seekAllLost, seekLost } from "./lost-members.js";
import { encodeMessage, type Dead, type Message, type Suspect } from "./messages.js";
import { askAboutSelf, continueQuestion, hearExchange, hearQuestion, hearVerdict } from "./own-question.js";
import { continueProbes, hearAck, hearIndirectPing, hearNack, hearPing, hearStreamAck, startProbe } from "./probing.js";
import {
  announceSelf,
  changeHealth,
  hearAlive,
  hearDead,
  hearOldVerdict,
  hearSuspect,
  judgeSuspects,
  mergeRemoteState,
  selfAlive,
} from "./rumours.js";
import { gossip, pushPull, reportLeft, schedule, sendAlone } from "./spreading.js";
import { earliestDeadline, hasGossip, type Endpoint, type MembershipState } from "./state.js";
import { decodeWatchMessage } from "./watch-messages.js";
import { isOnRing } from "./watch-state.js";
import { continueWatching, forgiveLateness, hearAccusation, hearBeat, hearDenial } from "./watching.js";

/** A judgement that is so late means that this process stood still; timers alone are late by a few milliseconds. */
const STALL_MILLISECONDS = 250;

/**
 * One step: changes `state` in place and says what to do. The same state, event and time always do the same. Never throws.
 * The driver calls it with "tick" when nextTimeoutAt() is reached, packets that have arrived by then first.
 * @param now milliseconds of a clock that never goes back
 */
export function step(state: MembershipState, event: MembershipEvent, now: number): readonly MembershipEffect[] {
  const turn: Turn = { state, now, effects: [] };
  forgiveStall(turn);
  forgiveLateness(turn);
  state.steppedAt = now;
  handle(turn, event);
  reportLeft(turn);
  return turn.effects;
}

function handle(turn: Turn, event: MembershipEvent): void {
  switch (event.type) {
    case "start":
      placeOnRing(turn, turn.state.self);
      return schedule(turn);
    case "tick":
      return tick(turn);
    case "message":
      hear(turn, event.message, event.from);
      return answerLost(turn, event.from);
    case "streamAck":
      return hearStreamAck(turn, event.sequence);
    case "remoteState":
      mergeRemoteState(turn, event.members);
      return hearExchange(turn, event.members, event.nonce);
    case "confirm":
      return askAboutSelf(turn, event.unsureMilliseconds, event.ranOn);
    case "seek":
      return seekAllLost(turn);
    case "keys":
      turn.state.keysDiffer = event.differ;
      return;
    case "leave":
      return leave(turn);
    case "setMetadata": {
      const { self } = turn.state;
      self.metadata = event.metadata;
      self.incarnation += 1;
      placeOnRing(turn, self);
      return announceSelf(turn);
    }
  }
}

/**
 * While this process stood still nobody could be heard: all that is to end in a judgement has as much time left as it had
 * before, or a member that stalled would take all others for dead as its first act.
 */
function forgiveStall(turn: Turn): void {
  const { state, now } = turn;
  if (now - earliestDeadline(state) < STALL_MILLISECONDS) return;
  const lost = now - state.steppedAt;
  report(turn, { what: "stalled", milliseconds: Math.round(lost) });
  changeHealth(turn, 1);
  const { probe } = state;
  if (probe !== undefined) {
    state.probe = { ...probe, answerBy: probe.answerBy + lost, deadline: probe.deadline + lost };
  }
  for (const [sequence, relay] of state.relays) {
    state.relays.set(sequence, { ...relay, deadline: relay.deadline + lost });
  }
  for (const { suspicion } of state.suspects) if (suspicion !== undefined) suspicion.deadline += lost;
}

function tick(turn: Turn): void {
  const { state, now } = turn;
  continueProbes(turn);
  judgeSuspects(turn);
  continueWatching(turn);
  continueQuestion(turn);
  if (state.watch.nextSeekAt <= now) seekLost(turn);
  if (state.probe === undefined && state.nextProbeAt <= now) startProbe(turn);
  if (state.nextPushPullAt <= now) pushPull(turn);
  if (state.nextGossipAt <= now && hasGossip(state)) gossip(turn);
}

function hear(turn: Turn, message: Message, from: Endpoint): void {
  switch (message.type) {
    case "ping":
      return hearPing(turn, message, from);
    case "indirectPing":
      return hearIndirectPing(turn, message, from);
    case "ack":
      return hearAck(turn, message);
    case "nack":
      return hearNack(turn, message);
    case "alive":
      return hearAlive(turn, message);
    case "suspect":
      hearSuspect(turn, message);
      return answerAccuser(turn, message, from);
    case "dead": {
      const isOld = message.incarnation < turn.state.self.incarnation;
      hearDead(turn, message);
      if (isOld) hearOldVerdict(turn, message, from);
      return answerAccuser(turn, message, from);
    }
    case "user":
      return hearUser(turn, message.body, from);
  }
}

function hearUser(turn: Turn, body: Uint8Array, from: Endpoint): void {
  const read = decodeWatchMessage(body);
  if (!read.ok) return drop(turn, read.fault === "watchKind" ? "userMessage" : read.fault);
  switch (read.value.kind) {
    case "beat":
      return hearBeat(turn, read.value);
    case "accusation":
      return hearAccusation(turn, read.value);
    case "denial":
      return hearDenial(turn, read.value);
    case "question":
      return hearQuestion(turn, read.value, from);
    case "verdict":
      return hearVerdict(turn, read.value);
  }
}

/**
 * Whoever takes this member for dead is told at once that it is not, also where that is not news: the word of an earlier
 * protest may not have reached him, as when the network was cut in two.
 */
function answerAccuser(turn: Turn, { node }: Suspect | Dead, from: Endpoint): void {
  const { self, watch, leaving } = turn.state;
  if (node !== self.name || leaving || !isOnRing(watch)) return;
  sendAlone(turn, from, undefined, encodeMessage(selfAlive(turn)));
}

/** By its own word a member is gone at once, for good until it says that it lives with a larger incarnation. */
function leave(turn: Turn): void {
  const { state } = turn;
  if (state.leaving) return;
  state.leaving = true;
  state.probe = undefined;
  // From now on this member only answers, and passes on what it hears.
  state.nextProbeAt = Number.POSITIVE_INFINITY;
  state.nextPushPullAt = Number.POSITIVE_INFINITY;
  const { name, incarnation } = state.self;
  hearDead(turn, { type: "dead", incarnation, node: name, from: name });
}
