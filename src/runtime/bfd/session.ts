import { DIAGNOSTIC, describeDiagnostic, type ControlPacket, type SessionState } from "./packet.js";

/*
 * One BFD session in asynchronous mode, RFC 5880 §6.8, as a pure reducer: packets and expired timers in, packets and
 * timers out. Names are those of the RFC's state variables. Times are in microseconds.
 */

export type BfdOptions = Readonly<{
  /** bfd.LocalDiscr: not 0, and of no other session of ours. */
  localDiscriminator: number;
  /** What we would like, while Up; before that no packet goes out more often than once a second. */
  desiredMinTxMicroseconds: number;
  /** More than 0: silence always means something. */
  requiredMinRxMicroseconds: number;
  /** 0: no echo packets are to be sent to us. */
  requiredMinEchoRxMicroseconds: number;
  /** 1 to 255. */
  detectMult: number;
  /** Says nothing before the peer has. §6.1 */
  passive: boolean;
}>;

/** bfd.DesiredMinTxInterval and bfd.RequiredMinRxInterval. */
export type Intervals = Readonly<{ desiredMinTxMicroseconds: number; requiredMinRxMicroseconds: number }>;

/** `detectMult` matters for a peer that hears of changes by polls alone. §6.6 */
export type Asked = Intervals & Readonly<{ detectMult: number }>;

export type BfdSession = Readonly<{
  options: BfdOptions;
  state: SessionState;
  remoteState: SessionState;
  /** 0: not known. */
  remoteDiscriminator: number;
  localDiagnostic: number;
  /** What packets say now. */
  wanted: Intervals;
  /** What the peer was last asked to acknowledge by a poll, or has known from its first packet on. */
  asked: Asked;
  /** What timers go by: the same as `wanted`, or with what may not change before the poll has ended. §6.8.3 */
  agreed: Intervals;
  remoteMinRxMicroseconds: number;
  remoteDesiredMinTxMicroseconds: number;
  remoteDemand: boolean;
  remoteDetectMult: number;
  /** A poll sequence is on. §6.5 */
  isPolling: boolean;
  /** One has ended, and all that came since could be an answer to it: no other one may begin. §6.8.3 */
  awaitsPlainPacket: boolean;
  /** The interval of the transmit timer that runs; undefined: it stands still. */
  transmitMicroseconds: number | undefined;
}>;

export type BfdEvent =
  | Readonly<{ type: "start" | "stop" | "transmitTimerExpires" | "detectionTimerExpires" }>
  /** A packet of this session, which decodeControlPacket took. */
  | Readonly<{ type: "received"; packet: ControlPacket }>
  /** Other intervals are wanted. */
  | Readonly<{ type: "reconfigure"; options: BfdOptions }>
  /** The echo packets do not come back, or the path is known to be gone. */
  | Readonly<{ type: "fail"; diagnostic: number }>;

export type BfdEffect =
  | Readonly<{ do: "send"; packet: ControlPacket }>
  /**
   * Begins the timer anew, and counts from the last packet that was sent: a peer that asks for more does not wait longer
   * than what it asks for (§6.8.3). It is to be shortened at random by up to a quarter, and by a tenth at least where the
   * peer would take a single packet that is late for the end (`atLeastTenth`). §6.8.7
   */
  | Readonly<{ do: "startTransmitTimer"; microseconds: number; atLeastTenth: boolean }>
  | Readonly<{ do: "startDetectionTimer"; microseconds: number }>
  | Readonly<{ do: "stopTransmitTimer" }>
  /** `reason` is a phrase for people. */
  | Readonly<{ do: "stateChanged"; from: SessionState; to: SessionState; reason: string }>;

export type BfdStep = readonly [BfdSession, readonly BfdEffect[]];

/** Not Up, nobody may be talked to more often. §6.8.3 */
const SLOW_MICROSECONDS = 1_000_000;

/** A session that has not been started: it is AdminDown and silent. */
export function createBfdSession(options: BfdOptions): BfdSession {
  const wanted = intervalsIn("AdminDown", options);
  return {
    options,
    state: "AdminDown",
    remoteState: "Down",
    remoteDiscriminator: 0,
    localDiagnostic: DIAGNOSTIC.none,
    wanted,
    asked: { ...wanted, detectMult: options.detectMult },
    agreed: wanted,
    remoteMinRxMicroseconds: 1,
    remoteDesiredMinTxMicroseconds: 0,
    remoteDemand: false,
    remoteDetectMult: 0,
    isPolling: false,
    awaitsPlainPacket: false,
    transmitMicroseconds: undefined,
  };
}

/** One step: same input, same output; no clock, socket, exception. */
export function step(session: BfdSession, event: BfdEvent): BfdStep {
  switch (event.type) {
    case "start":
      if (session.state !== "AdminDown") return [session, []];
      return settle(session, { ...session, localDiagnostic: DIAGNOSTIC.none }, "Down", "started", false);
    case "stop":
      if (session.state === "AdminDown") return [session, []];
      return settle(
        session,
        { ...session, localDiagnostic: DIAGNOSTIC.administrativelyDown },
        "AdminDown",
        "stopped",
        false,
      );
    case "transmitTimerExpires":
      return transmit(session);
    case "detectionTimerExpires":
      return detectionExpired(session);
    case "fail":
      return goDown(session, event.diagnostic);
    case "reconfigure":
      return reconfigure(session, event.options);
    case "received":
      return receive(session, event.packet);
  }
}

/** A passive system says nothing before it has heard of the peer. §6.8.7 */
function maySend({ options, remoteDiscriminator }: BfdSession): boolean {
  return !options.passive || remoteDiscriminator !== 0;
}

/** Packets go out by themselves unless the peer wants none. §6.8.7 */
function isPeriodic(session: BfdSession): boolean {
  if (!maySend(session) || session.remoteMinRxMicroseconds === 0) return false;
  return session.isPolling || !isInDemandMode(session);
}

/** The peer wants no periodic packets for now. §6.6 */
function isInDemandMode({ state, remoteState, remoteDemand }: BfdSession): boolean {
  return remoteDemand && state === "Up" && remoteState === "Up";
}

/** What lies between two packets of ours. §6.8.7 */
export function transmitInterval({ agreed, remoteMinRxMicroseconds }: BfdSession): number {
  return Math.max(agreed.desiredMinTxMicroseconds, remoteMinRxMicroseconds);
}

/** After how long a silence the session is down; 0: nothing has been heard yet. §6.8.4 */
export function detectionTime({ agreed, remoteDetectMult, remoteDesiredMinTxMicroseconds }: BfdSession): number {
  return remoteDetectMult * Math.max(agreed.requiredMinRxMicroseconds, remoteDesiredMinTxMicroseconds);
}

function transmit(session: BfdSession): BfdStep {
  if (session.transmitMicroseconds === undefined) return [session, []];
  const next = { ...session, transmitMicroseconds: undefined };
  const [timed, timers] = withTransmitTimer(next);
  return [timed, [{ do: "send", packet: packetOf(session) }, ...timers]];
}

function receive(session: BfdSession, packet: ControlPacket): BfdStep {
  const heard: BfdSession = {
    ...session,
    remoteDiscriminator: packet.myDiscriminator,
    remoteState: packet.state,
    remoteDemand: packet.demand,
    remoteMinRxMicroseconds: packet.requiredMinRxMicroseconds,
    remoteDesiredMinTxMicroseconds: packet.desiredMinTxMicroseconds,
    remoteDetectMult: packet.detectMult,
    ...(packet.final && session.isPolling ? { isPolling: false, agreed: session.wanted } : {}),
    awaitsPlainPacket: packet.final && (session.isPolling || session.awaitsPlainPacket),
  };
  if (session.state === "AdminDown") {
    // Discarded, but for what is known of the peer until it has been silent for long.
    return [heard, [{ do: "startDetectionTimer", microseconds: detectionTime(heard) }]];
  }
  const [next, reason, diagnostic] = nextState(session.state, packet);
  const told = diagnostic === undefined ? heard : { ...heard, localDiagnostic: diagnostic };
  const [settled, effects] = settle(session, told, next, reason, packet.poll);
  const microseconds = detectionTime(settled);
  return [settled, [...effects, { do: "startDetectionTimer", microseconds }]];
}

/** The state machine of §6.2, and the diagnostic that goes with a change. */
function nextState(state: SessionState, packet: ControlPacket): readonly [SessionState, string, number?] {
  const { neighborSignaledSessionDown, none } = DIAGNOSTIC;
  const signaled = `the peer is ${packet.state} (${describeDiagnostic(packet.diagnostic)})`;
  if (packet.state === "AdminDown")
    return state === "Down" ? [state, ""] : ["Down", signaled, neighborSignaledSessionDown];
  if (state === "Down") {
    if (packet.state === "Down") return ["Init", "the peer is there"];
    if (packet.state === "Init") return ["Up", "the peer hears us", none];
    return [state, ""];
  }
  if (state === "Init") return packet.state === "Down" ? [state, ""] : ["Up", "the peer hears us", none];
  return packet.state === "Down" ? ["Down", signaled, neighborSignaledSessionDown] : [state, ""];
}

function detectionExpired(session: BfdSession): BfdStep {
  // bfd.RemoteDiscr is forgotten, or one that starts anew with another would not be heard. §6.8.1
  const forgotten = { ...session, remoteDiscriminator: 0, remoteMinRxMicroseconds: 1, remoteDemand: false };
  if (session.state !== "Init" && session.state !== "Up") return settle(session, forgotten, session.state, "", false);
  return settle(session, ...downFor(forgotten, DIAGNOSTIC.controlDetectionTimeExpired), false);
}

function goDown(session: BfdSession, diagnostic: number): BfdStep {
  if (session.state !== "Init" && session.state !== "Up") return [session, []];
  return settle(session, ...downFor(session, diagnostic), false);
}

function downFor(session: BfdSession, localDiagnostic: number): readonly [BfdSession, "Down", string] {
  return [{ ...session, localDiagnostic }, "Down", describeDiagnostic(localDiagnostic)];
}

function reconfigure(session: BfdSession, options: BfdOptions): BfdStep {
  return settle(session, { ...session, options }, session.state, "", false);
}

/** Brings intervals, poll and timers into line with a state, and tells the peer at once what it should know. §6.8.7 */
function settle(
  before: BfdSession,
  session: BfdSession,
  state: SessionState,
  reason: string,
  answersPoll: boolean,
): BfdStep {
  const effects: BfdEffect[] = []; // BOUNDED by what is listed here
  const moved = withIntervals({ ...session, state });
  if (state !== before.state) effects.push({ do: "stateChanged", from: before.state, to: state, reason });
  // A poll needs no packets of its own, but what is new is said at once. §6.5, §6.8.7
  const asksForNews = moved.isPolling && !before.isPolling && !sameAsked(askedBy(moved), askedBy(before));
  if (answersPoll) effects.push({ do: "send", packet: { ...packetOf(moved), poll: false, final: true } });
  else if ((state !== before.state || asksForNews) && maySend(moved)) {
    effects.push({ do: "send", packet: packetOf(moved) });
  }
  const [timed, timers] = withTransmitTimer(moved);
  return [timed, [...effects, ...timers]];
}

function intervalsIn(state: SessionState, options: BfdOptions): Intervals {
  const { desiredMinTxMicroseconds, requiredMinRxMicroseconds } = options;
  if (state === "Up") return { desiredMinTxMicroseconds, requiredMinRxMicroseconds };
  return { desiredMinTxMicroseconds: Math.max(SLOW_MICROSECONDS, desiredMinTxMicroseconds), requiredMinRxMicroseconds };
}

/**
 * What is wanted in this state, and whether the peer has to be asked first: each change of it is a poll, one after the
 * other, so that it is clear what a Final answers. §6.8.3
 */
function withIntervals(session: BfdSession): BfdSession {
  const { options, state, agreed, asked, isPolling, awaitsPlainPacket } = session;
  const wanted = intervalsIn(state, options);
  const ask: Asked = { ...wanted, detectMult: options.detectMult };
  if (state === "AdminDown" || session.remoteDiscriminator === 0) {
    // There is nobody to ask: the first packet that is heard of us says it.
    return { ...session, wanted, asked: ask, agreed: wanted, isPolling: false, awaitsPlainPacket: false };
  }
  const isBusy = isPolling || awaitsPlainPacket;
  const isKnown = sameIntervals(wanted, asked) && (ask.detectMult === asked.detectMult || !isInDemandMode(session));
  if (state !== "Up") {
    // To be slow is no wish that could wait.
    const slow = { ...session, wanted, agreed: wanted };
    return isBusy || isKnown ? slow : { ...slow, asked: ask, isPolling: true };
  }
  if (isBusy || (isKnown && sameIntervals(wanted, session.wanted))) return session;
  // To send sooner and to wait longer is safe at once; the rest waits for the peer's word.
  const meanwhile = {
    desiredMinTxMicroseconds: Math.min(agreed.desiredMinTxMicroseconds, wanted.desiredMinTxMicroseconds),
    requiredMinRxMicroseconds: Math.max(agreed.requiredMinRxMicroseconds, wanted.requiredMinRxMicroseconds),
  };
  return { ...session, wanted, asked: ask, agreed: meanwhile, isPolling: true };
}

/** What the session's packets say of what a poll may be about. */
function askedBy({ wanted, options }: BfdSession): Asked {
  return { ...wanted, detectMult: options.detectMult };
}

function sameAsked(one: Asked, other: Asked): boolean {
  return sameIntervals(one, other) && one.detectMult === other.detectMult;
}

function sameIntervals(one: Intervals, other: Intervals): boolean {
  return (
    one.desiredMinTxMicroseconds === other.desiredMinTxMicroseconds &&
    one.requiredMinRxMicroseconds === other.requiredMinRxMicroseconds
  );
}

/** Runs the timer at the interval that counts now: one that runs at it already goes on. §6.8.7 */
function withTransmitTimer(session: BfdSession): BfdStep {
  if (session.state === "AdminDown" || !isPeriodic(session)) {
    if (session.transmitMicroseconds === undefined) return [session, []];
    return [{ ...session, transmitMicroseconds: undefined }, [{ do: "stopTransmitTimer" }]];
  }
  const microseconds = transmitInterval(session);
  if (session.transmitMicroseconds === microseconds) return [session, []];
  const atLeastTenth = session.options.detectMult === 1;
  return [
    { ...session, transmitMicroseconds: microseconds },
    [{ do: "startTransmitTimer", microseconds, atLeastTenth }],
  ];
}

/** What the session says now, unless it answers a poll. */
export function packetOf(session: BfdSession): ControlPacket {
  const { options, state, localDiagnostic, remoteDiscriminator, isPolling } = session;
  return {
    diagnostic: localDiagnostic,
    state,
    poll: isPolling,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    detectMult: options.detectMult,
    myDiscriminator: options.localDiscriminator,
    yourDiscriminator: remoteDiscriminator,
    ...session.wanted,
    requiredMinEchoRxMicroseconds: options.requiredMinEchoRxMicroseconds,
  };
}
