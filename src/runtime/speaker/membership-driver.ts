import type {
  MemberChange,
  MembershipEffect,
  MembershipEvent,
  MembershipReport,
  Ownership,
} from "../membership/effects.js";
import { ENCRYPTION_OCTETS } from "../membership/encryption.js";
import type { KeyRing } from "../membership/keys.js";
import { encodeMessage, encodePushPull, MESSAGE_TYPE, type MemberState } from "../membership/messages.js";
import { decodeMetadata, requireMetadata } from "../membership/metadata.js";
import type { MembershipParameters } from "../membership/parameters.js";
import { localState } from "../membership/rumours.js";
import { createMembershipState, isLive, nextTimeoutAt, type Endpoint } from "../membership/state.js";
import { step } from "../membership/step.js";
import type { MembershipPorts, StreamStep, StreamTalk } from "./membership-ports.js";
import { createMembershipReports } from "./membership-reports.js";
import { createStreamAsker, type Asked } from "./membership-streams.js";
import { createMembershipWire } from "./membership-wire.js";

export type MembershipOptions = Readonly<{
  /** The name of this Node; others match it with Nodes and endpoints. */
  name: string;
  /** Of this node, as others reach it; UDP and TCP. No wildcard. */
  bindAddress: string;
  port: number;
  /** At most 512 octets that all others see; the releases have none. */
  metadata?: Uint8Array;
  parameters: MembershipParameters;
  /** See deriveKeyRing(); empty: in clear. */
  keys: KeyRing;
  /** Only members with the same are heard; the releases have none. */
  label?: string;
  /** After each change of alive(), or of what a member says of itself. */
  onChange: (change: MemberChange) => void;
  /** Worth a line in the log; explainReport() has the words. The same about one member once a minute at most. */
  onReport: (report: MembershipReport) => void;
  /**
   * Another speaker of ours has said something by tellOurs(). Told of every message that is none of memberlist's own.
   * @returns whether it could be read
   */
  hearOurs?: (body: Uint8Array, from: Endpoint) => boolean;
  /** A socket is of no use any more: this member hears nothing, and should be made anew. */
  onError: (error: Error) => void;
}>;

export type MemberView = Readonly<{ name: string; endpoint: Endpoint; state: MemberState; metadata: Uint8Array }>;

export type MembershipCounters = Readonly<{
  packetsSent: number;
  packetsReceived: number;
  /** By reason: packets, messages and streams that came to nothing. */
  dropped: ReadonlyMap<string, number>;
  /** By what they say: foundDead is a verdict of this member on another, refuted one of others on this, which it survived. */
  reports: ReadonlyMap<string, number>;
  /** 0: healthy; up to 7 as this member finds itself slow. */
  healthScore: number;
  /** Rumours that wait to be told, of as many members at most. */
  waitingRumours: number;
}>;

/** This node's part in the gossip of all speakers. */
export type Membership = Readonly<{
  /** Names of those who live, suspects and this one included; this one not after leave(). The same set until it changes. */
  alive: () => ReadonlySet<string>;
  /** All that is known, the dead of the last 30 s included. */
  members: () => readonly MemberView[];
  /**
   * Exchanges all that is known with each, eight at a time; who is a member already does no harm.
   * @returns how many were reached, and why the others were not; never rejects
   */
  join: (endpoints: readonly Endpoint[]) => Promise<Joined>;
  /** @throws RangeError above 512 octets */
  setMetadata: (metadata: Uint8Array) => void;
  /** Takes other keys, the primary first. Add a new key everywhere, then make it the primary, then take the old one away. */
  setKeys: (keys: KeyRing) => void;
  counters: () => MembershipCounters;
  /**
   * This thread stood still for so long, until now: asks others what this member is to them. Their answer takes a round trip; 1 s where
   * others were alive lately and none is now, 5 s at the most. Calls while it is being asked begin anew, and all get the last
   * answer. `unanswered` after stop(); never rejects.
   */
  confirm: (stalledMilliseconds: number) => Promise<Ownership>;
  /** Tells those that were found dead so, who protest if they are back: another machine says that it has one of our addresses. */
  seek: () => void;
  /** Says something, once and unconfirmed, to all speakers of ours that live. At most 1,200 octets. */
  tellOurs: (body: Uint8Array) => void;
  /** Tells the others; resolves when that is done or the time is over. Answers go on until stop(). */
  leave: (timeoutMilliseconds: number) => Promise<void>;
  /** Closes all sockets. Others find out unless leave() went before. Idempotent. */
  stop: () => Promise<void>;
}>;

export type Joined = Readonly<{ reached: number; failed: readonly Readonly<{ to: Endpoint; reason: string }>[] }>;

const MAX_STREAMS_IN = 32;
const MAX_JOINS = 8;
/** Type, checksum. */
const CRC_OCTETS = 5;

/**
 * Opens the sockets and takes part in gossip, at first alone: join() finds the others.
 * @throws SystemError (EADDRINUSE, EADDRNOTAVAIL) by rejection, RangeError where the address is none
 */
export async function createMembership(options: MembershipOptions, ports: MembershipPorts): Promise<Membership> {
  const { name, bindAddress, port, parameters, keys, label = "", onChange, onReport, onError } = options;
  if (/^(0\.0\.0\.0|::)$/.test(bindAddress)) {
    throw new RangeError(`Cannot gossip at ${bindAddress}: others cannot reach it: give an address of this node`);
  }
  const dropped = new Map<string, number>(); // BOUNDED by the reasons, and the codes of errno(3)
  const drop = (reason: string): void => void dropped.set(reason, (dropped.get(reason) ?? 0) + 1);
  const wire = createMembershipWire({ keys, label, parameters, randomOctets: ports.randomOctets });
  const labelOctets = label === "" ? 0 : 2 + Buffer.byteLength(label);
  const state = createMembershipState(
    {
      name,
      address: bindAddress,
      port,
      ...(options.metadata === undefined ? {} : { metadata: requireMetadata(options.metadata) }),
      parameters,
      packetOverheadOctets: ENCRYPTION_OCTETS + CRC_OCTETS + labelOctets,
      seed: new DataView(ports.randomOctets(4).slice().buffer).getInt32(0),
    },
    ports.now(),
  );
  const ended = new AbortController();
  const ask = createStreamAsker({
    wire,
    dial: ports.dialStream,
    localAddress: bindAddress,
    signal: ended.signal,
    drop,
  });

  let [packetsSent, packetsReceived] = [0, 0];
  let live: ReadonlySet<string> | undefined;
  let armedFor = Number.POSITIVE_INFINITY;
  let disarm = (): void => {};
  const inbox: MembershipEvent[] = []; // BOUNDED by what the effects of one event raise before they return
  let busy = false;
  const askers = new Set<(ownership: Ownership) => void>(); // BOUNDED by the callers that wait
  const leavers = new Set<() => void>(); // BOUNDED by the callers that wait
  const reports = createMembershipReports(ports.now, onReport);

  function dispatch(event: MembershipEvent): void {
    inbox.push(event);
    if (busy || ended.signal.aborted) return;
    busy = true;
    for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
      for (const effect of step(state, next, ports.now())) perform(effect);
    }
    busy = false;
    arm();
  }

  function arm(): void {
    const at = nextTimeoutAt(state);
    if (at === armedFor || ended.signal.aborted) return;
    disarm();
    armedFor = at;
    if (!Number.isFinite(at)) return;
    disarm = ports.startTimer(Math.max(0, Math.ceil(at - ports.now())), () => {
      armedFor = Number.POSITIVE_INFINITY;
      dispatch({ type: "tick" });
    });
  }

  function perform(effect: MembershipEffect): void {
    switch (effect.do) {
      case "sendPacket":
        packetsSent += 1;
        return packets.send(wire.encodePacket(effect.messages, effect.to, effect.crc), effect.to);
      case "pingByStream":
        return void pingByStream(effect);
      case "pushPull":
        return void pushPull(effect.to, false, effect.nonce);
      case "owned":
        return answerAskers(effect.ownership);
      case "changed":
        live = undefined;
        return onChange(effect.change);
      case "report":
        return reports.tell(effect.report);
      case "drop":
        return drop(effect.reason);
      case "left":
        for (const resolve of leavers) resolve();
        return leavers.clear();
    }
  }

  function answerAskers(ownership: Ownership): void {
    for (const resolve of askers) resolve(ownership);
    askers.clear();
  }

  async function pingByStream(effect: Extract<MembershipEffect, { do: "pingByStream" }>): Promise<void> {
    const { to, node, sequence, timeoutMilliseconds } = effect;
    const asker = { address: state.self.address, port, node: name };
    const asked = await ask(to, encodeMessage({ type: "ping", sequence, node, asker }), timeoutMilliseconds);
    if (!asked.ok) return drop(asked.reason);
    if (asked.message.type === "ack") dispatch({ type: "streamAck", sequence: asked.message.sequence });
    else drop("messageType");
  }

  async function pushPull(to: Endpoint, join: boolean, nonce?: number): Promise<Asked> {
    const question = encodePushPull(join, localState(state));
    const asked = await ask(to, question, parameters.tcpTimeoutMilliseconds);
    if (!asked.ok) drop(asked.reason);
    else if (asked.message.type === "pushPull") {
      const { members } = asked.message;
      dispatch({ type: "remoteState", members, ...(nonce === undefined ? {} : { nonce }) });
    } else return { ok: false, reason: "messageType" };
    return asked;
  }

  /** Somebody asks on a stream. */
  function onStream(address: string): StreamTalk {
    const reader = wire.createReader();
    return { onOctets: (octets) => answer(address, reader.read(octets)) };
  }

  function answer(address: string, read: ReturnType<ReturnType<typeof wire.createReader>["read"]>): StreamStep {
    if (read.kind === "incomplete") return { kind: "wait" };
    if (read.kind === "malformed") {
      drop(read.fault);
      return { kind: "close" };
    }
    const { message, key } = read;
    wire.heard(address, undefined, key);
    const say = (octets: Uint8Array): StreamStep => ({
      kind: "answer",
      octets: wire.encodeStream(octets, wire.answerKey(address, key)),
    });
    switch (message.type) {
      case "pushPull": {
        const ours = say(encodePushPull(message.join, localState(state)));
        dispatch({ type: "remoteState", members: message.members });
        return ours;
      }
      case "ping":
        if (message.node === "" || message.node === name)
          return say(encodeMessage({ type: "ack", sequence: message.sequence }));
        drop("pingForAnother");
        return { kind: "close" };
      case "ack":
      case "error":
        drop("messageType");
        return { kind: "close" };
    }
  }

  const at: Endpoint = { address: bindAddress, port };
  const packets = await ports.openPackets(at, {
    onPacket(octets, from) {
      packetsReceived += 1;
      for (const message of wire.decodePacket(octets, from, drop)) {
        if (message.type === "user" && options.hearOurs?.(message.body, from) === true) continue;
        dispatch({ type: "message", from, message });
      }
    },
    onUnsent: drop,
    onError,
  });
  const listening = { ...at, maxStreams: MAX_STREAMS_IN, timeoutMilliseconds: parameters.tcpTimeoutMilliseconds };
  const streams = await ports
    .listenStreams(listening, { onStream, onFailed: drop, onError })
    .catch((error: unknown) => {
      packets.close();
      throw error;
    });
  dispatch({ type: "start" });

  async function join(endpoints: readonly Endpoint[]): Promise<Joined> {
    const failed: { to: Endpoint; reason: string }[] = [];
    const waiting = [...endpoints];
    async function work(): Promise<void> {
      for (let to = waiting.shift(); to !== undefined; to = waiting.shift()) {
        const asked = await pushPull(to, true);
        if (!asked.ok) failed.push({ to, reason: asked.reason });
      }
    }
    await Promise.all(Array.from({ length: MAX_JOINS }, work));
    return { reached: endpoints.length - failed.length, failed };
  }

  const unanswered = (): Ownership => ({ outcome: "unanswered", incarnation: state.self.incarnation, by: [] });

  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    ended.abort();
    disarm();
    for (const resolve of leavers) resolve();
    answerAskers(unanswered());
    packets.close();
    await streams.close();
  }

  function tellOurs(body: Uint8Array): void {
    if (ended.signal.aborted) return;
    const message = Uint8Array.of(MESSAGE_TYPE.user, ...body);
    for (const member of state.members.values()) {
      if (member.name === name || !isLive(member) || decodeMetadata(member.metadata) === undefined) continue;
      packetsSent += 1;
      packets.send(wire.encodePacket([message], member.endpoint, true), member.endpoint);
    }
  }

  return {
    tellOurs,
    alive: () => (live ??= new Set([...state.members.values()].filter(isLive).map((member) => member.name))),
    members: () =>
      Array.from(state.members.values(), (member) => ({
        name: member.name,
        endpoint: member.endpoint,
        state: member.state,
        metadata: member.metadata,
      })),
    join,
    setMetadata: (metadata) => dispatch({ type: "setMetadata", metadata: requireMetadata(metadata) }),
    setKeys: wire.setKeys,
    counters: () => ({
      packetsSent,
      packetsReceived,
      dropped,
      reports: reports.counts(),
      healthScore: state.healthScore,
      waitingRumours: state.broadcasts.tierOf.size,
    }),
    confirm(stalledMilliseconds) {
      if (ended.signal.aborted) return Promise.resolve(unanswered());
      return new Promise((resolve) => {
        askers.add(resolve);
        dispatch({ type: "confirm", stalledMilliseconds });
      });
    },
    seek: () => dispatch({ type: "seek" }),
    async leave(timeoutMilliseconds) {
      if (ended.signal.aborted) return;
      await new Promise<void>((resolve) => {
        leavers.add(resolve);
        const cancel = ports.startTimer(timeoutMilliseconds, resolve);
        leavers.add(cancel);
        dispatch({ type: "leave" });
      });
    },
    stop: () => (stopped ??= stop()),
  };
}
