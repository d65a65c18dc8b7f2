import { hasBroadcasts, queueBroadcast, takeBroadcasts } from "./broadcast-queue.js";
import type { Turn } from "./effects.js";
import { encodeMessage, type Alive, type Dead, type Message, type Suspect, type UserMessage } from "./messages.js";
import { COMPOUND_OCTETS } from "./packet.js";
import { pushPullInterval, retransmitLimit } from "./parameters.js";
import { nextRandom, pickRandom } from "./random.js";
import { isLive, type Endpoint, type Member, type MembershipState } from "./state.js";

/**
 * How much oftener than the parameters say a rumour is sent where keys differ. Gossip reaches everybody because everybody passes it
 * on; where only those with both keys do so for all, what a few of them send four times misses a member now and then, and
 * the exchange of everything, every 30 s with whom chance names, may take minutes to make it good.
 */
const OFTENER_WHERE_KEYS_DIFFER = 3;

/** Messages in a compound one: their number is one octet. */
const MAX_COMPOUND = 255;

/** Sends a message to one member, and with it whatever else has room. `member` undefined: not known by name. */
export function send(
  turn: Turn,
  to: Endpoint,
  member: Member | undefined,
  ...messages: Exclude<Message, UserMessage>[]
) {
  const encoded = messages.map(encodeMessage);
  const used = encoded.reduce((sum, { length }) => sum + length + COMPOUND_OCTETS, COMPOUND_OCTETS);
  const extra = takeRumours(turn.state, used, MAX_COMPOUND - encoded.length);
  turn.effects.push({ do: "sendPacket", to, messages: [...encoded, ...extra], crc: understandsCrc(member) });
}

/** Sends messages that are encoded already, and nothing with them: what is told to the same few again and again is not gossip. */
export function sendAlone(
  { effects }: Turn,
  to: Endpoint,
  member: Member | undefined,
  ...messages: Uint8Array[]
): void {
  effects.push({ do: "sendPacket", to, messages, crc: understandsCrc(member) });
}

/**
 * Tells it to all who live, and `others`, at once and directly, so that they know within a round trip and do not have to wait
 * for gossip, which makes good what gets lost.
 */
export function tellAll(turn: Turn, message: Alive | Dead, others: readonly Endpoint[] = []): void {
  const octets = encodeMessage(message);
  for (const member of turn.state.order) {
    if (member !== turn.state.self && isLive(member)) sendAlone(turn, member.endpoint, member, octets);
  }
  for (const endpoint of others) sendAlone(turn, endpoint, undefined, octets);
}

/** Checksums came with protocol version 5. */
function understandsCrc(member: Member | undefined): boolean {
  return member !== undefined && member.versions.max >= 5;
}

function takeRumours(state: MembershipState, usedOctets: number, maxRumours: number): Uint8Array[] {
  const { parameters, packetOverheadOctets, broadcasts, order, keysDiffer } = state;
  const free = parameters.udpBufferOctets - packetOverheadOctets - usedOctets;
  const limit = retransmitLimit(parameters, order.length) * (keysDiffer ? OFTENER_WHERE_KEYS_DIFFER : 1);
  return takeBroadcasts(broadcasts, free, COMPOUND_OCTETS, limit, maxRumours);
}

/** Has everybody told, in place of what was to be told about the same member before. */
export function broadcast({ state }: Turn, message: Alive | Suspect | Dead): void {
  queueBroadcast(state.broadcasts, message.node, encodeMessage(message));
}

/** One round of gossip, to some who are alive, suspected, or died just now: those may protest. */
export function gossip(turn: Turn): void {
  const { state, now } = turn;
  const { parameters, random, order, self } = state;
  state.nextGossipAt = now + parameters.gossipIntervalMilliseconds;
  const known = order.filter((member) => {
    if (member === self || member.state === "left") return false;
    return member.state !== "dead" || now - member.stateSince <= parameters.gossipToTheDeadMilliseconds;
  });
  for (const member of pickRandom(random, known, parameters.gossipNodes)) {
    const messages = takeRumours(state, COMPOUND_OCTETS, MAX_COMPOUND);
    if (messages.length === 0) return;
    turn.effects.push({ do: "sendPacket", to: member.endpoint, messages, crc: understandsCrc(member) });
  }
}

/** Exchanges all that is known with one member that is alive, and plans the next time. */
export function pushPull(turn: Turn): void {
  const { state, now, effects } = turn;
  state.nextPushPullAt = now + pushPullInterval(state.parameters, state.order.length);
  const alive = state.order.filter((member) => member !== state.self && member.state === "alive");
  const [member] = pickRandom(state.random, alive, 1);
  if (member !== undefined) effects.push({ do: "pushPull", to: member.endpoint });
}

/** At a random place in the first interval, so that members that start together do not act together. */
export function schedule({ state, now }: Turn): void {
  const { parameters, random } = state;
  const { probeIntervalMilliseconds, pushPullIntervalMilliseconds } = parameters;
  if (probeIntervalMilliseconds > 0) state.nextProbeAt = now + nextRandom(random) * probeIntervalMilliseconds;
  if (pushPullIntervalMilliseconds > 0) {
    state.nextPushPullAt = now + (1 + nextRandom(random)) * pushPullIntervalMilliseconds;
  }
}

/** Tells that this member leaves: all others at once, and by gossip as everything. */
export function sayFarewell(turn: Turn, farewell: Dead): void {
  broadcast(turn, farewell);
  tellAll(turn, farewell);
}

/** Once nobody is left to tell, or what was to be told has been, as often as it is to be. */
export function reportLeft({ state, effects }: Turn): void {
  if (!state.leaving || state.leftReported) return;
  const alone = !state.order.some((member) => member !== state.self && isLive(member));
  if (!alone && hasBroadcasts(state.broadcasts, state.self.name)) return;
  state.leftReported = true;
  effects.push({ do: "left" });
}
