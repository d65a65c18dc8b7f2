import type { Turn } from "./effects.js";
import { decodeMetadata } from "./metadata.js";
import { sendAlone } from "./spreading.js";
import { isLive, type Member, type MembershipState } from "./state.js";
import { encodeWatchMessage } from "./watch-messages.js";
import { WATCH } from "./watch-parameters.js";
import { addToRing, followers, removeFromRing } from "./watch-ring.js";
import { isOnRing } from "./watch-state.js";

/** After a change of a member, this one included: it takes its place on the ring, or leaves it. */
export function placeOnRing(turn: Turn, member: Member): void {
  const { ring, watched } = turn.state.watch;
  const belongs = isLive(member) && decodeMetadata(member.metadata)?.heartbeats === true;
  if (!belongs) watched.delete(member.name);
  const changed = belongs ? addToRing(ring, member.name) : removeFromRing(ring, member.name);
  if (changed) chooseWatchers(turn);
}

/** Whoever is new among the watchers begins to listen with his first heartbeat; who is none any more ends with the last. */
function chooseWatchers(turn: Turn): void {
  const { state, now } = turn;
  const { watch } = state;
  const before = watch.watchers;
  const isPart = isOnRing(watch);
  const after = isPart ? followers(watch.ring, watch.key, WATCH.watchers) : [];
  if (!isPart) watch.watched.clear();
  if (before.length === after.length && before.every((key, index) => key === after[index])) return;
  watch.watchers = after;
  if (after.length === 0) watch.nextBeatAt = Number.POSITIVE_INFINITY;
  else if (!Number.isFinite(watch.nextBeatAt)) watch.nextBeatAt = now + WATCH.beatMilliseconds;
  if (!isPart) return;
  const octets = signOfLife(turn, 0);
  for (const key of [...before, ...after]) {
    if (before.includes(key) !== after.includes(key)) sendByKey(turn, key, octets);
  }
}

/** One heartbeat to each watcher, in step with those before; what was missed is not made up for. */
export function sendBeats(turn: Turn): void {
  const { state, now } = turn;
  const { watch } = state;
  const missed = Math.floor((now - watch.nextBeatAt) / WATCH.beatMilliseconds);
  watch.nextBeatAt += (1 + Math.max(0, missed)) * WATCH.beatMilliseconds;
  watch.sequence = (watch.sequence + 1) >>> 0;
  const octets = signOfLife(turn, watch.sequence);
  for (const key of watch.watchers) sendByKey(turn, key, octets);
}

/** @param sequence 0: out of the row */
export function signOfLife({ state: { self, watch } }: Turn, sequence: number): Uint8Array {
  const { name, incarnation } = self;
  return encodeWatchMessage({
    kind: "beat",
    incarnation,
    epoch: watch.epoch,
    sequence,
    name,
    watchers: watch.watchers,
  });
}

function sendByKey(turn: Turn, key: string, octets: Uint8Array): void {
  const member = memberAt(turn.state, key);
  if (member !== undefined) sendAlone(turn, member.endpoint, member, octets);
}

/** Who has this place on the ring. */
export function memberAt({ members, watch }: MembershipState, key: string): Member | undefined {
  const name = watch.ring.names.get(key);
  return name === undefined ? undefined : members.get(name);
}
