import { drop, report, type Turn } from "./effects.js";
import { placeOnRing } from "./heartbeats.js";
import { findMember, loseMember } from "./lost-members.js";
import type { Alive, Dead, PushedMember, Suspect, Versions } from "./messages.js";
import { MAX_INCARNATION } from "./messages.js";
import { randomIndex } from "./random.js";
import { broadcast, sayFarewell, tellAll } from "./spreading.js";
import { isLive, MAX_MEMBERS, NO_VERSIONS, textOf, type Endpoint, type Member } from "./state.js";
import { confirmSuspicion, startSuspicion } from "./suspicion.js";
import { WATCH } from "./watch-parameters.js";
import { isOnRing } from "./watch-state.js";

/*
 * What is said of members, and what is believed of it: SWIM (Das, Gupta, Motivala, 2002), §4.2. A larger incarnation, which
 * only the member itself counts up, beats a smaller one; at the same, suspicion beats life and death beats both.
 */

/** Somebody says that a member lives. */
export function hearAlive(turn: Turn, alive: Alive): void {
  const { state } = turn;
  const known = state.members.get(alive.node);
  const isWhereItWas = known?.endpoint.port === alive.port && sameOctets(known.address, alive.address);
  const endpoint = isWhereItWas ? known.endpoint : endpointOf(turn, alive.address, alive.port);
  if (known === undefined) {
    if (state.members.size >= MAX_MEMBERS) return drop(turn, "membersFull");
    return believeAlive(turn, addMember(turn, alive, endpoint), alive, endpoint);
  }
  const moved = known.endpoint.address !== endpoint.address || known.endpoint.port !== endpoint.port;
  // Only who has left may be somewhere else: a second member of the same name would else take the place of the first.
  if (moved && known.state !== "left") {
    report(turn, { what: "conflict", name: alive.node, known: known.endpoint, claimed: endpoint });
    return drop(turn, "conflict");
  }
  if (known === state.self) return hearOfSelf(turn, alive);
  if (alive.incarnation <= known.incarnation && !moved) return drop(turn, "stale");
  believeAlive(turn, known, alive, endpoint);
}

/** A former life of this one is still told of, or its death was: both are outdone. */
function hearOfSelf(turn: Turn, alive: Alive): void {
  const { self, leaving } = turn.state;
  if (leaving || alive.incarnation < self.incarnation) return drop(turn, "stale");
  const same = sameOctets(alive.metadata, self.metadata) && sameVersions(alive.versions, self.versions);
  if (alive.incarnation === self.incarnation && same) return;
  refute(turn, alive.incarnation, "other", undefined);
}

function addMember({ state, now }: Turn, { node, address, incarnation }: Alive, endpoint: Endpoint): Member {
  const member: Member = {
    name: node,
    address,
    endpoint,
    metadata: NOTHING,
    versions: NO_VERSIONS,
    incarnation,
    state: "dead",
    stateSince: now,
    suspicion: undefined,
  };
  state.members.set(node, member);
  // At a random place, so that a newcomer is not always the last to be probed.
  const { order, random } = state;
  const place = randomIndex(random, order.length + 1);
  order.push(order[place] ?? member);
  order[place] = member;
  return member;
}

const NOTHING = new Uint8Array(0);

function believeAlive(turn: Turn, member: Member, alive: Alive, endpoint: Endpoint): void {
  const { now, effects } = turn;
  const wasLive = isLive(member);
  const updated = !sameOctets(alive.metadata, member.metadata);
  endSuspicion(turn, member);
  broadcast(turn, alive);
  // Copies: what came lies in a packet or a stream that is not to be kept.
  member.address = alive.address.slice();
  member.metadata = alive.metadata.slice();
  member.endpoint = endpoint;
  member.versions = alive.versions ?? member.versions;
  member.incarnation = alive.incarnation;
  if (member.state !== "alive") {
    member.state = "alive";
    member.stateSince = now;
  }
  findMember(turn, member);
  placeOnRing(turn, member);
  if (!wasLive) effects.push({ do: "changed", change: { what: "joined", name: member.name } });
  else if (updated) effects.push({ do: "changed", change: { what: "updated", name: member.name } });
}

/** Somebody, this one perhaps, suspects that a member is dead. */
export function hearSuspect(turn: Turn, suspect: Suspect): void {
  const { state, now } = turn;
  const member = state.members.get(suspect.node);
  if (member === undefined) return drop(turn, "memberUnknown");
  if (suspect.incarnation < member.incarnation) return drop(turn, "stale");
  if (member.suspicion !== undefined) {
    // Passed on, so that others hear of every accuser.
    if (confirmSuspicion(member.suspicion, suspect.from)) broadcast(turn, suspect);
    return;
  }
  if (member.state !== "alive") return drop(turn, "stale");
  if (member === state.self) return refute(turn, suspect.incarnation, "suspect", suspect.from);
  broadcast(turn, suspect);
  report(turn, { what: "suspected", name: member.name, from: suspect.from });
  member.incarnation = suspect.incarnation;
  member.state = "suspect";
  member.stateSince = now;
  member.suspicion = startSuspicion(state.parameters, state.order.length, suspect.from, now);
  state.suspects.add(member);
}

/** Somebody, this one perhaps, is sure that a member is dead; or the member itself says that it leaves. */
export function hearDead(turn: Turn, dead: Dead): void {
  const { state, now, effects } = turn;
  const member = state.members.get(dead.node);
  if (member === undefined) return drop(turn, "memberUnknown");
  if (dead.incarnation < member.incarnation) return drop(turn, "stale");
  endSuspicion(turn, member);
  if (!isLive(member)) return drop(turn, "stale");
  if (member === state.self && !state.leaving) return refute(turn, dead.incarnation, "dead", dead.from);
  if (member === state.self) sayFarewell(turn, dead);
  else broadcast(turn, dead);
  const what = dead.from === dead.node ? "left" : "failed";
  member.incarnation = dead.incarnation;
  member.state = what === "left" ? "left" : "dead";
  member.stateSince = now;
  if (what === "failed") loseMember(turn, member);
  placeOnRing(turn, member);
  effects.push({ do: "changed", change: { what, name: member.name } });
}

/** Suspicions whose time is up: the member is dead. */
export function judgeSuspects(turn: Turn): void {
  const { state, now } = turn;
  for (const member of state.suspects) {
    if (member.suspicion === undefined || member.suspicion.deadline > now) continue;
    hearDead(turn, { type: "dead", incarnation: member.incarnation, node: member.name, from: state.self.name });
  }
}

function endSuspicion({ state }: Turn, member: Member): void {
  member.suspicion = undefined;
  state.suspects.delete(member);
}

/** Says that this member lives, with a larger incarnation than whoever says otherwise knows of. */
function refute(turn: Turn, accused: number, as: "suspect" | "dead" | "other", by: string | undefined): void {
  const { state, now } = turn;
  const { self, watch } = state;
  const from = by === self.name ? undefined : by; // what came with much else, or is of a former life
  self.incarnation = Math.max(self.incarnation, Math.min(accused, MAX_INCARNATION - 1)) + 1;
  changeHealth(turn, 1); // who is taken for dead is slow
  report(turn, { what: "refuted", as, from });
  announceSelf(turn);
  if (as === "dead") noteFoundDead(turn, accused, from);
  // So many accusations as anybody likes to send are not to become packets to everybody each.
  if (!isOnRing(watch) || now - watch.toldAllAt < WATCH.answerMilliseconds) return;
  watch.toldAllAt = now;
  const lost = Array.from(watch.lost.values(), ({ endpoint }) => endpoint);
  tellAll(turn, selfAlive(turn), lost);
}

/** @param accuser undefined: it is not known who says so */
function noteFoundDead(
  { state: { watch }, now, effects }: Turn,
  incarnation: number,
  accuser: string | undefined,
): void {
  watch.refutedAt = now;
  watch.accuser = accuser;
  effects.push({ do: "takenForDead", incarnation });
}

/**
 * Somebody found this member dead at an incarnation that it has outdone since, as it was accused of something else: that is no news of
 * it, but it is of the accuser, who may have taken over. What others pass on of such verdicts is not: they know better.
 */
export function hearOldVerdict(turn: Turn, { node, from, incarnation }: Dead, sender: Endpoint): void {
  const { self, members, leaving } = turn.state;
  if (node !== self.name || from === node || leaving) return;
  const accuser = members.get(from)?.endpoint;
  if (accuser?.address === sender.address && accuser.port === sender.port) noteFoundDead(turn, incarnation, from);
}

/** Counts the health score up or down within its bounds. */
export function changeHealth({ state }: Turn, delta: number): void {
  const worst = Math.max(0, state.parameters.awarenessMaxMultiplier - 1);
  state.healthScore = Math.min(worst, Math.max(0, state.healthScore + delta));
}

export function announceSelf(turn: Turn): void {
  broadcast(turn, selfAlive(turn));
}

/** What this member says of itself. */
export function selfAlive({ state: { self } }: Turn): Alive {
  const { name, address, endpoint, metadata, versions, incarnation } = self;
  return { type: "alive", incarnation, node: name, address, port: endpoint.port, metadata, versions };
}

/**
 * Takes over what another member knows; who is dead to it is only suspected here, until that is sure. Only of itself this member
 * knows what it means: it is dead there.
 */
export function mergeRemoteState(turn: Turn, members: readonly PushedMember[]): void {
  const incompatible = findIncompatible(turn, members);
  if (incompatible !== undefined) {
    report(turn, { what: "incompatible", name: incompatible });
    return drop(turn, "incompatible");
  }
  const { self } = turn.state;
  for (const { state, ...subject } of members) {
    const { incarnation, node } = subject;
    if (state === "alive") hearAlive(turn, { type: "alive", ...subject });
    else if (state === "left") hearDead(turn, { type: "dead", incarnation, node, from: node });
    else if (state === "dead" && node === self.name)
      hearDead(turn, { type: "dead", incarnation, node, from: self.name });
    else hearSuspect(turn, { type: "suspect", incarnation, node, from: self.name });
  }
}

/** The first member that speaks a protocol which not all living members of both sides understand. */
function findIncompatible({ state }: Turn, remote: readonly PushedMember[]): string | undefined {
  const all = [
    ...remote.map(({ node, versions, state: remoteState }) => ({ name: node, versions, state: remoteState })),
    ...state.order,
  ];
  const living = all.flatMap((member) =>
    member.state === "alive" && member.versions !== undefined ? [member.versions] : [],
  );
  const highest = (pick: (versions: Versions) => number) => living.reduce((most, one) => Math.max(most, pick(one)), 0);
  const lowest = (pick: (versions: Versions) => number) =>
    living.reduce((least, one) => Math.min(least, pick(one)), 255);
  const [min, max] = [highest((one) => one.min), lowest((one) => one.max)];
  const [delegateMin, delegateMax] = [highest((one) => one.delegateMin), lowest((one) => one.delegateMax)];
  return all.find(({ versions = NO_VERSIONS }) => {
    const { current, delegateCurrent } = versions;
    return current < min || current > max || delegateCurrent < delegateMin || delegateCurrent > delegateMax;
  })?.name;
}

/** All that this member knows, for another one. */
export function localState({ order }: Turn["state"]): PushedMember[] {
  return order.map(({ name, address, endpoint, metadata, versions, incarnation, state }) => {
    const known = versions === NO_VERSIONS ? {} : { versions };
    return { node: name, address, port: endpoint.port, metadata, incarnation, state, ...known };
  });
}

/** Where a member is. Port 0 is from a time when all had the same. */
export function endpointOf({ state }: Turn, address: Uint8Array, port: number): Endpoint {
  return { address: textOf(address), port: port === 0 ? state.self.endpoint.port : port };
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}

function sameVersions(a: Versions | undefined, b: Versions): boolean {
  if (a === undefined) return false;
  return (Object.keys(b) as (keyof Versions)[]).every((part) => a[part] === b[part]);
}
