import type { Turn } from "./effects.js";
import { decodeMetadata } from "./metadata.js";
import { encodeMessage } from "./messages.js";
import { sendAlone } from "./spreading.js";
import type { Endpoint, Member } from "./state.js";
import { WATCH } from "./watch-parameters.js";
import { followers, ringKey } from "./watch-ring.js";
import { isOnRing, type Lost } from "./watch-state.js";

/*
 * Members of ours that were found dead are told so now and then, for an hour: who is back, or was only cut off, protests as
 * memberlist has it, and both sides know each other again. It is those who would watch a member that look for it, so that neither
 * its cost nor what the network bears for an address that nobody has grows with the fleet.
 */

/** A member was found dead. */
export function loseMember({ state, now }: Turn, { name, endpoint, incarnation, metadata }: Member): void {
  if (decodeMetadata(metadata)?.heartbeats !== true) return;
  const { watch } = state;
  forget(watch, name);
  const [oldest] = watch.lost.keys();
  if (watch.lost.size >= WATCH.mostLost && oldest !== undefined) forget(watch, oldest);
  const since = { since: now, toldAt: Number.NEGATIVE_INFINITY };
  watch.lost.set(name, { name, key: ringKey(name), endpoint, incarnation, ...since });
  watch.lostAt.set(placeOf(endpoint), name);
  if (!Number.isFinite(watch.nextSeekAt)) watch.nextSeekAt = now + WATCH.seekMilliseconds;
}

/** A member is alive; who was at its place before is so no more. */
export function findMember({ state: { watch } }: Turn, { name, endpoint }: Member): void {
  if (watch.lost.size === 0) return;
  forget(watch, name);
  const other = watch.lostAt.get(placeOf(endpoint));
  if (other !== undefined) forget(watch, other);
}

function forget(watch: Turn["state"]["watch"], name: string): void {
  const lost = watch.lost.get(name);
  if (lost === undefined) return;
  watch.lost.delete(name);
  const place = placeOf(lost.endpoint);
  if (watch.lostAt.get(place) === name) watch.lostAt.delete(place);
}

const placeOf = ({ address, port }: Endpoint): string => `${address} ${port}`;

/** Tells the next one whose turn it is. */
export function seekLost(turn: Turn): void {
  const { state, now } = turn;
  const { watch } = state;
  watch.nextSeekAt = now + WATCH.seekMilliseconds;
  for (const lost of watch.lost.values()) {
    if (now - lost.since > WATCH.lostMilliseconds) {
      forget(watch, lost.name);
      continue;
    }
    if (!isOnRing(watch) || !followers(watch.ring, lost.key, WATCH.watchers).includes(watch.key)) continue;
    watch.lost.delete(lost.name); // to the end of the queue
    watch.lost.set(lost.name, lost);
    tellLost(turn, lost);
    break;
  }
  if (watch.lost.size === 0) watch.nextSeekAt = Number.POSITIVE_INFINITY;
}

/** Tells all of them, as often as one is told otherwise. */
export function seekAllLost(turn: Turn): void {
  const { state, now } = turn;
  if (!isOnRing(state.watch)) return;
  for (const lost of state.watch.lost.values()) {
    if (now - lost.toldAt >= WATCH.seekMilliseconds) tellLost(turn, lost);
  }
}

/** Who is dead here does not know it, as it sends packets: it is told at once. */
export function answerLost(turn: Turn, from: Endpoint): void {
  const { state, now } = turn;
  const { lost, lostAt } = state.watch;
  if (lost.size === 0 || state.leaving) return;
  const sender = lost.get(lostAt.get(placeOf(from)) ?? "");
  if (sender !== undefined && now - sender.toldAt >= WATCH.answerMilliseconds) tellLost(turn, sender);
}

function tellLost(turn: Turn, lost: Lost): void {
  const { name: node, endpoint, incarnation } = lost;
  lost.toldAt = turn.now;
  const member = turn.state.members.get(node);
  sendAlone(turn, endpoint, member, encodeMessage({ type: "dead", incarnation, node, from: turn.state.self.name }));
}
