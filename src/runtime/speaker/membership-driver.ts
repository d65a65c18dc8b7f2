import type { MembershipEffect, MembershipEvent, Ownership } from "../membership/effects.js";
import { ENCRYPTION_OCTETS } from "../membership/encryption.js";
import { encodeMessage, encodePushPull, MESSAGE_TYPE } from "../membership/messages.js";
import { decodeMetadata, requireMetadata } from "../membership/metadata.js";
import { localState } from "../membership/rumours.js";
import { createMembershipState, isLive, nextTimeoutAt, type Endpoint } from "../membership/state.js";
import { step } from "../membership/step.js";
import type { BodiesFor, Joined, Membership, MembershipOptions } from "./membership.js";
import type { MembershipPorts, StreamStep, StreamTalk } from "./membership-ports.js";
import { createMembershipReports } from "./membership-reports.js";
import { createStreamAsker, type Asked } from "./membership-streams.js";
import { createMembershipWire } from "./membership-wire.js";

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
    // What was just read may have been in another key than anything before.
    if (state.keysDiffer !== wire.keysDiffer()) inbox.unshift({ type: "keys", differ: !state.keysDiffer });
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
      case "takenForDead":
        return options.onTakenForDead?.(effect.incarnation);
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

  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    ended.abort();
    disarm();
    for (const resolve of leavers) resolve();
    answerAskers("unanswered");
    packets.close();
    await streams.close();
  }

  function tellOurs(bodiesFor: BodiesFor): void {
    if (ended.signal.aborted) return;
    for (const member of state.members.values()) {
      if (member.name === name || !isLive(member) || decodeMetadata(member.metadata) === undefined) continue;
      for (const body of bodiesFor(member.name, member.incarnation)) {
        const message = Uint8Array.of(MESSAGE_TYPE.user, ...body);
        packetsSent += 1;
        packets.send(wire.encodePacket([message], member.endpoint, true), member.endpoint);
      }
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
    confirm(unsureMilliseconds, ranOn = false) {
      if (ended.signal.aborted) return Promise.resolve("unanswered");
      return new Promise((resolve) => {
        askers.add(resolve);
        dispatch({ type: "confirm", unsureMilliseconds, ranOn });
      });
    },
    nextBeatAt: () => state.watch.nextBeatAt,
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
