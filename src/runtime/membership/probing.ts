import { drop, report, type Turn } from "./effects.js";
import type { Ack, Asker, IndirectPing, Nack, Ping } from "./messages.js";
import { pickRandom, shuffle } from "./random.js";
import { changeHealth, endpointOf, hearSuspect } from "./rumours.js";
import { send } from "./spreading.js";
import { isLive, MAX_RELAYS, type Endpoint, type Member, type Probe } from "./state.js";

/*
 * Failure detection: SWIM (Das, Gupta, Motivala, 2002), §3.1 and §4.3, with the health score and the nacks of Lifeguard
 * (Dadgar, Phillips, Currey, 2017), §IV-A. Each member is asked once in each round, in an order that is new each round.
 */

/** Since which protocol version a member answers pings on streams, and tells that one for another went unanswered. */
const STREAM_PING_VERSION = 3;
const NACK_VERSION = 4;

/** Begins with the next member, unless a probe is under way: then the next begins when that has ended. */
export function startProbe(turn: Turn): void {
  const { state, now } = turn;
  const { probeIntervalMilliseconds, probeTimeoutMilliseconds } = state.parameters;
  // In step with the probes before; what was missed is not made up for.
  const missed = Math.floor((now - state.nextProbeAt) / probeIntervalMilliseconds);
  state.nextProbeAt += (1 + Math.max(0, missed)) * probeIntervalMilliseconds;
  const member = nextToProbe(turn);
  if (member === undefined) return;
  const sequence = nextSequence(turn);
  const deadline = now + probeIntervalMilliseconds * (state.healthScore + 1);
  state.probe = {
    member,
    sequence,
    answerBy: Math.min(deadline, now + probeTimeoutMilliseconds),
    deadline,
    askedOthers: false,
    nacksExpected: 0,
    nacks: 0,
    answeredByStream: false,
  };
  const { name, incarnation } = member;
  const ping = { type: "ping", sequence, node: name, asker: ourselves(turn) } as const;
  // A suspect is told so, that it may protest.
  const suspicion = { type: "suspect", incarnation, node: name, from: state.self.name } as const;
  send(turn, member.endpoint, member, ping, ...(member.state === "alive" ? [] : [suspicion]));
}

function nextToProbe(turn: Turn): Member | undefined {
  const { state } = turn;
  for (let looked = 0; looked <= state.order.length; looked += 1) {
    if (state.probeIndex >= state.order.length) {
      startRound(turn);
      if (state.order.length === 1) return undefined;
    }
    const member = state.order[state.probeIndex];
    state.probeIndex += 1;
    if (member !== undefined && member !== state.self && isLive(member)) return member;
  }
  return undefined;
}

/** Forgets those who are dead for long, and mixes the others. */
function startRound({ state, now }: Turn): void {
  state.probeIndex = 0;
  const kept = state.order.filter(
    (member) => isLive(member) || now - member.stateSince <= state.parameters.gossipToTheDeadMilliseconds,
  );
  state.members.clear();
  for (const member of kept) state.members.set(member.name, member);
  shuffle(state.random, kept);
  state.order.splice(0, state.order.length, ...kept);
}

function nextSequence({ state }: Turn): number {
  state.sequence = (state.sequence + 1) >>> 0;
  return state.sequence;
}

function ourselves({ state: { self } }: Turn): Asker {
  return { address: self.address, port: self.endpoint.port, node: self.name };
}

/** What is due of the probe and of the pings for others. */
export function continueProbes(turn: Turn): void {
  const { state, now } = turn;
  const { probe } = state;
  if (probe !== undefined && !probe.askedOthers && probe.answerBy <= now) askOthers(turn, probe);
  if (probe !== undefined && probe.deadline <= now) endProbe(turn, probe);
  for (const [sequence, relay] of state.relays) {
    if (relay.deadline > now) continue;
    state.relays.delete(sequence);
    if (relay.nack) send(turn, relay.to, state.members.get(relay.asker), { type: "nack", sequence: relay.sequence });
  }
}

/** No answer: others are asked to try, and a stream is tried, since packets alone may be what is lost. */
function askOthers(turn: Turn, probe: Probe): void {
  const { state, now, effects } = turn;
  const { member, sequence } = probe;
  probe.askedOthers = true;
  const others = state.order.filter((one) => one !== state.self && one !== member && one.state === "alive");
  for (const other of pickRandom(state.random, others, state.parameters.indirectChecks)) {
    const nack = other.versions.max >= NACK_VERSION;
    if (nack) probe.nacksExpected += 1;
    const [target, port] = [member.address, member.endpoint.port];
    const request = { type: "indirectPing", sequence, node: member.name, target, port, nack } as const;
    send(turn, other.endpoint, other, { ...request, asker: ourselves(turn) });
  }
  if (state.parameters.disableTcpPings || member.versions.max < STREAM_PING_VERSION) return;
  const timeoutMilliseconds = Math.max(1, probe.deadline - now);
  effects.push({ do: "pingByStream", to: member.endpoint, node: member.name, sequence, timeoutMilliseconds });
}

function endProbe(turn: Turn, probe: Probe): void {
  const { state } = turn;
  const { member, nacks, nacksExpected } = probe;
  state.probe = undefined;
  if (probe.answeredByStream) {
    report(turn, { what: "onlyByStream", name: member.name });
    return changeHealth(turn, -1);
  }
  // Others answered that they heard nothing either: then it is not this one that does not hear.
  changeHealth(turn, nacksExpected > 0 ? Math.max(0, nacksExpected - nacks) : 1);
  const { incarnation, name } = member;
  hearSuspect(turn, { type: "suspect", incarnation, node: name, from: state.self.name });
}

export function hearAck(turn: Turn, { sequence }: Ack): void {
  const { state } = turn;
  if (state.probe?.sequence === sequence) {
    state.probe = undefined;
    return changeHealth(turn, -1);
  }
  const relay = state.relays.get(sequence);
  if (relay === undefined) return drop(turn, "ackUnknown");
  state.relays.delete(sequence);
  send(turn, relay.to, state.members.get(relay.asker), { type: "ack", sequence: relay.sequence });
}

/** Not the end of the probe: whether packets get through is still to be seen. */
export function hearStreamAck(turn: Turn, sequence: number): void {
  const { probe } = turn.state;
  if (probe?.sequence === sequence) probe.answeredByStream = true;
  else drop(turn, "ackUnknown");
}

export function hearNack(turn: Turn, { sequence }: Nack): void {
  const { probe } = turn.state;
  if (probe?.sequence === sequence) probe.nacks += 1;
  else drop(turn, "nackUnknown");
}

/** Answers where the asker says it is, which releases before v0.13 do not, else where the packet came from. */
export function hearPing(turn: Turn, { sequence, node, asker }: Ping, from: Endpoint): void {
  const { state } = turn;
  // An address may have changed hands since.
  if (node !== "" && node !== state.self.name) return drop(turn, "pingForAnother");
  const member = asker === undefined ? undefined : state.members.get(asker.node);
  send(turn, askerEndpoint(turn, asker, from), member, { type: "ack", sequence });
}

function askerEndpoint(turn: Turn, asker: Asker | undefined, from: Endpoint): Endpoint {
  return asker === undefined ? from : endpointOf(turn, asker.address, asker.port);
}

/** Pings for another member; continueProbes() tells it where there is no answer in time. */
export function hearIndirectPing(turn: Turn, request: IndirectPing, from: Endpoint): void {
  const { state, now } = turn;
  if (state.relays.size >= MAX_RELAYS) return drop(turn, "relaysFull");
  const { node, target, port, nack, asker } = request;
  const sequence = nextSequence(turn);
  const to = askerEndpoint(turn, asker, from);
  const deadline = now + state.parameters.probeTimeoutMilliseconds;
  state.relays.set(sequence, { sequence: request.sequence, to, asker: asker?.node ?? "", nack, deadline });
  const ping = { type: "ping", sequence, node, asker: ourselves(turn) } as const;
  send(turn, endpointOf(turn, target, port), state.members.get(node), ping);
}
