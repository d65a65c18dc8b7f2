import { listenAnew, noteArrival, createArrivals, silenceLimit } from "./arrivals.js";
import { drop, report, type Turn } from "./effects.js";
import { memberAt, sendBeats, signOfLife } from "./heartbeats.js";
import { encodeMessage, MAX_INCARNATION, type Dead } from "./messages.js";
import { changeHealth, hearDead } from "./rumours.js";
import { sendAlone, tellAll } from "./spreading.js";
import { isLive, type Member } from "./state.js";
import { encodeWatchMessage, type Accusation, type Beat, type Denial } from "./watch-messages.js";
import { WATCH } from "./watch-parameters.js";
import { followers, ringKey } from "./watch-ring.js";
import { dueAt, isOnRing, type Accused, type Watched } from "./watch-state.js";

/*
 * Who is silent for too long is accused before the others who watch it. One of them who hears nothing either makes it a verdict,
 * which is memberlist's own word for it; one who does hear it denies. docs/failure-detection.md has the whole.
 */

const MAX_ACCUSERS = 8;

/** A member that lives says so. */
export function hearBeat(turn: Turn, { name, incarnation, epoch, sequence, watchers }: Beat): void {
  const { state, now } = turn;
  const { watch, members, self } = state;
  const member = members.get(name);
  if (member === undefined) return drop(turn, "memberUnknown");
  if (member === self || !isLive(member) || !isOnRing(watch)) return drop(turn, "stale");
  const isMine = watchers.includes(watch.key);
  const known = watch.watched.get(name);
  if (known === undefined && !isMine) return;
  const watched = known ?? startWatching(turn, name);
  if (watched === undefined) return drop(turn, "watchesFull");
  if (!noteArrival(watched.arrivals, epoch, sequence, now)) return drop(turn, "stale");
  watched.watchers = watchers;
  watched.incarnation = Math.max(watched.incarnation, incarnation);
  absolve(turn, watched);
  if (!isMine) watch.watched.delete(name);
}

/** A member said something else by which it is known that it lives at this moment. */
export function hearSign(turn: Turn, name: string): void {
  const watched = turn.state.watch.watched.get(name);
  if (watched === undefined) return;
  watched.arrivals.silentSince = turn.now;
  watched.arrivals.heard = true;
  absolve(turn, watched);
}

/** It is heard: what this one said against it is taken back, what others say is denied. */
function absolve(turn: Turn, watched: Watched): void {
  const told = new Set(watched.accusers.keys()); // BOUNDED by those who watch it
  if (watched.accused !== undefined) {
    for (const { name } of witnesses(turn, watched.name, watched.watchers)) told.add(name);
  }
  watched.accused = undefined;
  watched.accusers.clear();
  for (const name of told) deny(turn, watched, name);
}

function startWatching({ state: { watch }, now }: Turn, name: string): Watched | undefined {
  if (watch.watched.size >= WATCH.mostWatched) return undefined;
  const nothing = { watchers: [], incarnation: 0, accused: undefined };
  const watched: Watched = { name, arrivals: createArrivals(now), accusers: new Map(), ...nothing };
  watch.watched.set(name, watched);
  return watched;
}

/**
 * A tick that comes late means that this process stood still, or was starved: what it has not heard says nothing of others. All
 * silences begin anew, and nobody is accused.
 */
export function forgiveLateness(turn: Turn): void {
  const { state, now } = turn;
  const late = now - state.watch.nextBeatAt;
  if (!(late > WATCH.lateMilliseconds)) return;
  listenToAllAnew(turn);
  state.watch.nextBeatAt = now; // what else has come meanwhile is late no more
  changeHealth(turn, 1);
  report(turn, { what: "stalled", milliseconds: Math.round(late) });
}

export function listenToAllAnew({ state, now }: Turn): void {
  for (const watched of state.watch.watched.values()) {
    listenAnew(watched.arrivals, now);
    watched.accused = undefined;
    watched.accusers.clear();
  }
}

/** What is due: heartbeats, and silences that are too long. */
export function continueWatching(turn: Turn): void {
  const { state, now } = turn;
  const { watch } = state;
  if (watch.nextBeatAt <= now) sendBeats(turn);
  for (const watched of watch.watched.values()) {
    if (dueAt(watched, state.healthScore) > now) continue;
    watched.accused ??= { nextRoundAt: now, rounds: 0, unanswered: 0 };
    accuse(turn, watched, watched.accused);
  }
}

/** Accuses once more, unless there is enough for a verdict. */
function accuse(turn: Turn, watched: Watched, accused: Accused): void {
  const { state, now } = turn;
  const { name, watchers, accusers } = watched;
  for (const [accuser, at] of accusers) {
    if (now - at <= WATCH.accusationMilliseconds) return convict(turn, watched, accuser);
    accusers.delete(accuser);
  }
  const others = witnesses(turn, name, watchers);
  const aloneAt = whenAlone(turn, watched, accused, others.length);
  if (aloneAt <= now) return convict(turn, watched, undefined);
  accused.rounds += 1;
  accused.unanswered += 1;
  const isSlow = accused.rounds > WATCH.quickRounds && accused.unanswered <= 1;
  accused.nextRoundAt = Math.min(aloneAt, now + (isSlow ? WATCH.slowRoundMilliseconds : WATCH.beatMilliseconds));
  const subject = state.members.get(name);
  const incarnation = subject?.incarnation ?? 0;
  const octets = encodeWatchMessage({ kind: "accusation", incarnation, subject: name, from: state.self.name });
  // The accused is told too, and answers if it can.
  for (const member of subject === undefined ? others : [...others, subject]) {
    sendAlone(turn, member.endpoint, member, octets);
  }
}

/** Those who watch a member beside this one, as it said itself; none of them alive: as the ring says. */
function witnesses({ state }: Turn, name: string, watchers: readonly string[]): Member[] {
  const { watch, self } = state;
  const living = (keys: readonly string[]): Member[] =>
    keys.flatMap((key) => {
      const member = memberAt(state, key);
      return member === undefined || member === self || member.name === name || !isLive(member) ? [] : [member];
    });
  const said = living(watchers);
  return said.length > 0 ? said : living(followers(watch.ring, ringKey(name), WATCH.watchers));
}

/** Since when nobody is there to agree: no other watcher, or none who answers. Infinity while one does. */
function whenAlone({ state }: Turn, { arrivals }: Watched, { unanswered }: Accused, others: number): number {
  const { silentSince } = arrivals;
  if (others > 0 && unanswered < WATCH.aloneRounds) return Number.POSITIVE_INFINITY;
  if (others > 0) return silentSince + WATCH.aloneMilliseconds;
  const patience = silenceLimit(arrivals, state.healthScore) + WATCH.singleExtraMilliseconds;
  return silentSince + Math.max(WATCH.singleMilliseconds, patience);
}

/** Another one hears nothing of a member that this one watches, or of this one itself. */
export function hearAccusation(turn: Turn, { subject, from }: Accusation): void {
  const { state, now } = turn;
  const { watch, self, members } = state;
  const accuser = members.get(from);
  if (accuser === undefined || accuser === self) return drop(turn, "memberUnknown");
  if (!isLive(accuser) || !isOnRing(watch)) return drop(turn, "stale");
  if (subject === self.name) return sendAlone(turn, accuser.endpoint, accuser, signOfLife(turn, 0));
  const member = members.get(subject);
  if (member === undefined) return drop(turn, "memberUnknown");
  if (!isLive(member)) {
    // The verdict has not reached the accuser.
    const said = {
      incarnation: member.incarnation,
      node: subject,
      from: member.state === "left" ? subject : self.name,
    };
    return sendAlone(turn, accuser.endpoint, accuser, encodeMessage({ type: "dead", ...said }));
  }
  const watched = watch.watched.get(subject) ?? listenFor(turn, member);
  if (watched === undefined) return drop(turn, "watchesFull");
  if (watched.accusers.size < MAX_ACCUSERS || watched.accusers.has(from)) watched.accusers.set(from, now);
  if (watched.accused !== undefined) {
    // Of two who agree one speaks at once; the other only where that is not heard until its next round.
    if (watch.key < ringKey(from)) convict(turn, watched, from);
  } else if (watched.arrivals.heard) deny(turn, watched, from);
}

/** Asked about a member that does not send heartbeats to this one: it is asked for a sign of life, and listened for. */
function listenFor(turn: Turn, member: Member): Watched | undefined {
  const watched = startWatching(turn, member.name);
  if (watched === undefined) return undefined;
  const { name: subject, incarnation } = member;
  const octets = encodeWatchMessage({ kind: "accusation", incarnation, subject, from: turn.state.self.name });
  sendAlone(turn, member.endpoint, member, octets);
  return watched;
}

function deny(turn: Turn, { name: subject, incarnation }: Watched, to: string): void {
  const { members, self } = turn.state;
  const member = members.get(to);
  if (member === undefined) return;
  const octets = encodeWatchMessage({ kind: "denial", incarnation, subject, from: self.name });
  sendAlone(turn, member.endpoint, member, octets);
}

export function hearDenial(turn: Turn, { subject, from }: Denial): void {
  const watched = turn.state.watch.watched.get(subject);
  watched?.accusers.delete(from);
  if (watched?.accused === undefined) return drop(turn, "stale");
  watched.accused.unanswered = 0;
}

/** The verdict: told to all at once, also to the dead, who may protest. */
function convict(turn: Turn, watched: Watched, witness: string | undefined): void {
  const { state, now } = turn;
  const { name, arrivals } = watched;
  const member = state.members.get(name);
  state.watch.watched.delete(name);
  if (member === undefined || !isLive(member)) return;
  report(turn, { what: "foundDead", name, silenceMilliseconds: now - arrivals.silentSince, witness });
  // It may have protested against something that is not known here: this is about the life it leads now.
  const incarnation = Math.min(MAX_INCARNATION - 1, Math.max(member.incarnation, watched.incarnation));
  const verdict: Dead = { type: "dead", incarnation, node: name, from: state.self.name };
  tellAll(turn, verdict);
  hearDead(turn, verdict);
}
