import type { IpAddress } from "../net/address.js";
import { CEASE, ERROR_CODE, FSM_ERROR } from "./fault.js";
import { MESSAGE_TYPE, type MessageType } from "./frame.js";
import {
  cease,
  countFailure,
  describeFailure,
  describeNotification,
  holdTimer,
  keepaliveTimer,
  notificationOf,
  notificationOfFault,
  retryTimer,
  sendHoldTimer,
} from "./fsm-effects.js";
import {
  establishedSession,
  INITIAL_STATE,
  type BgpEffect,
  type BgpEvent,
  type Connection,
  type PeerOptions,
  type PeerState,
  type Side,
  type Step,
} from "./fsm-types.js";
import { negotiate, openMessage, type LocalSpeaker, type Negotiated } from "./negotiate.js";
import type { NotificationMessage } from "./notification.js";
import type { OpenMessage } from "./open.js";

/*
 * The state machine of RFC 4271 §8 for one peer, collisions included: a peer has one connection that we open and one
 * that it opens, until one of them is left. Time is an input, what is to be done is output: the driver performs the
 * effects in their order, and tells each timer, connection and message as an event.
 */

/** How long an OPEN is waited for. RFC 4271 §8.2.2 suggests 4 minutes */
const OPEN_WAIT_SECONDS = 240;
/** A session that is lost sooner than this counts as one that comes and goes. */
const STABLE_SECONDS = 30;

/** One step: same input, same output; no clock, socket, log, exception. An event that does not fit changes nothing. */
export function step(options: PeerOptions, state: PeerState, event: BgpEvent): Step {
  switch (event.type) {
    case "ManualStart":
      return state.starter === "idle" ? start(options, state) : [state, []];
    case "ManualStop":
      return stop(state, event.notification);
    case "ConnectRetryTimer_Expires":
      return retry(options, state);
    case "BfdDown":
      return endAll(options, state, cease(CEASE.bfdDown), "BFD says that the peer cannot be reached");
    case "StableTimer_Expires":
      return [establishedSession(state) === undefined ? state : { ...state, flaps: 0 }, []];
    case "TcpConnectionConfirmed":
      return confirm(options, state, event.side);
    default:
      return stepConnection(options, state, event);
  }
}

type ConnectionEvent = Extract<BgpEvent, { side: Side }>;

function stepConnection(
  options: PeerOptions,
  state: PeerState,
  event: Exclude<ConnectionEvent, { type: "TcpConnectionConfirmed" }>,
): Step {
  const { side } = event;
  const connection = state.connections[side];
  if (connection === undefined) {
    const isOurAttempt = event.type === "TcpConnectionFails" && side === "outgoing" && state.starter === "connecting";
    return isOurAttempt ? fail(options, state, describeFailure(event.reason), false) : [state, []];
  }
  switch (event.type) {
    case "TcpConnectionFails":
      return lose(options, state, side, undefined, describeFailure(event.reason));
    case "HoldTimer_Expires": {
      const notification = notificationOf(ERROR_CODE.holdTimerExpired, 0);
      return lose(options, state, side, notification, "the peer was silent for the hold time");
    }
    case "TcpSendBlocked":
      return [state, connection.phase === "Established" ? sendHoldTimer(side, connection.negotiated) : []];
    case "TcpSendReady":
      return [state, connection.phase === "Established" ? [{ do: "stopTimer", timer: "SendHoldTimer", side }] : []];
    case "SendHoldTimer_Expires": {
      const notification = notificationOf(ERROR_CODE.sendHoldTimerExpired, 0); // it may get through yet
      return lose(options, state, side, notification, "the peer took nothing of what was sent for the send hold time");
    }
    case "MessageErr":
      // Whatever is wrong with it, there is no place for an OPEN any more. RFC 4271 §8.2.2, Established
      if (event.fault.errorCode === ERROR_CODE.openMessage && connection.phase === "Established")
        return unexpected(options, state, side, connection.phase, "OPEN");
      return lose(options, state, side, notificationOfFault(event.fault), event.fault.message);
    case "NotifMsg":
      return lose(options, state, side, undefined, describeNotification(event.notification));
    case "KeepaliveTimer_Expires":
      if (connection.phase === "OpenSent") return [state, []];
      return [state, [{ do: "sendKeepalive", side }, ...keepaliveTimer(side, connection.negotiated)]];
    case "BGPOpen":
      if (connection.phase === "OpenSent") return acceptOpen(options, state, side, event.open);
      return unexpected(options, state, side, connection.phase, "OPEN");
    case "KeepAliveMsg":
      if (connection.phase === "OpenSent") return unexpected(options, state, side, "OpenSent", "KEEPALIVE");
      if (connection.phase === "OpenConfirm") return establish(state, side, connection.negotiated);
      return [state, holdTimer(side, connection.negotiated)];
    case "UpdateMsg":
    case "RouteRefreshMsg": {
      const what = event.type === "UpdateMsg" ? "UPDATE" : "ROUTE-REFRESH";
      if (connection.phase !== "Established") return unexpected(options, state, side, connection.phase, what);
      return [state, holdTimer(side, connection.negotiated)];
    }
  }
}

/** Leaves Idle: the first attempt is made at once. */
function start(options: PeerOptions, state: PeerState): Step {
  return options.passive ? [{ ...state, starter: "waiting" }, []] : connect(options, state);
}

function connect({ connectRetrySeconds }: PeerOptions, state: PeerState): Step {
  return [
    { ...state, starter: "connecting", awaitsRetry: false },
    [retryTimer(connectRetrySeconds), { do: "connect" }],
  ];
}

/** An attempt that takes too long is given up for a new one. */
function retry(options: PeerOptions, state: PeerState): Step {
  const isConnected = state.connections.outgoing !== undefined || establishedSession(state) !== undefined;
  if (state.starter === "idle" || isConnected) return [state, []];
  if (options.passive) return [{ ...state, starter: "waiting", awaitsRetry: false }, []]; // damped no more
  const [next, effects] = connect(options, state);
  return [next, state.starter === "connecting" ? [{ do: "close", side: "outgoing" }, ...effects] : effects];
}

/** A connection is there: both sides say who they are. */
function confirm({ local }: PeerOptions, state: PeerState, side: Side): Step {
  const { starter: before } = state;
  const isWanted = before === "connecting" || (side === "incoming" && before === "waiting");
  if (state.connections[side] !== undefined) return [state, []]; // the driver has refused it
  if (!isWanted) return [state, [{ do: "close", side }]]; // Idle refuses all connections. RFC 4271 §8.2.2
  const starter = side === "outgoing" ? "waiting" : before;
  const awaitsRetry = side === "outgoing" ? false : state.awaitsRetry;
  const connections = { ...state.connections, [side]: { phase: "OpenSent" } as const };
  return [
    { ...state, starter, awaitsRetry, connections },
    [
      ...(side === "outgoing" ? ([{ do: "stopTimer", timer: "ConnectRetryTimer" }] as const) : []),
      { do: "sendOpen", side, open: openMessage(local) },
      { do: "startTimer", timer: "HoldTimer", side, seconds: OPEN_WAIT_SECONDS, jitter: false },
    ],
  ];
}

function acceptOpen(options: PeerOptions, state: PeerState, side: Side, open: OpenMessage): Step {
  const result = negotiate(options.local, open);
  if (!result.ok) return lose(options, state, side, notificationOfFault(result.fault), result.fault.message);
  const loser = collisionLoser(options.local, state, side, result.value);
  if (loser === side) return drop(state, side, cease(CEASE.connectionCollisionResolution));
  const [cleared, dropped]: Step =
    loser === undefined ? [state, []] : drop(state, loser, cease(CEASE.connectionCollisionResolution));
  const connection = { phase: "OpenConfirm", negotiated: result.value } as const;
  return [
    { ...cleared, connections: { ...cleared.connections, [side]: connection } },
    [
      ...dropped,
      { do: "sendKeepalive", side },
      ...keepaliveTimer(side, result.value),
      ...(result.value.holdTimeSeconds === 0
        ? ([{ do: "stopTimer", timer: "HoldTimer", side }] as const)
        : holdTimer(side, result.value)),
    ],
  ];
}

/**
 * Which of two connections is one too many, now that an OPEN has come on `side`. RFC 4271 §6.8, RFC 6286 §2.3
 * @returns undefined where there is no other that got as far
 */
function collisionLoser(local: LocalSpeaker, state: PeerState, side: Side, negotiated: Negotiated): Side | undefined {
  const other = state.connections[otherSide(side)];
  if (other === undefined || other.phase === "OpenSent") return undefined;
  if (other.phase === "Established") return side;
  return weAreAhead(local, negotiated) ? "incoming" : "outgoing";
}

/** The connection that is kept is the one opened by the speaker with the higher identifier, or AS number where they are equal. */
function weAreAhead(local: LocalSpeaker, { peerIdentifier, peerAs }: Negotiated): boolean {
  const ours: IpAddress = local.bgpIdentifier;
  return ours.value === peerIdentifier.value ? local.asn > peerAs : ours.value > peerIdentifier.value;
}

function otherSide(side: Side): Side {
  return side === "outgoing" ? "incoming" : "outgoing";
}

function establish(state: PeerState, side: Side, negotiated: Negotiated): Step {
  // What the other side has got to is of no use any more: its OPEN would only lose the collision.
  const other = otherSide(side);
  const [cleared, dropped]: Step =
    state.connections[other] === undefined
      ? [state, []]
      : drop(state, other, cease(CEASE.connectionCollisionResolution));
  const attempt: readonly BgpEffect[] = cleared.starter === "connecting" ? [{ do: "close", side: "outgoing" }] : [];
  const connections = { ...cleared.connections, [side]: { phase: "Established", negotiated } as const };
  return [
    { ...cleared, starter: "waiting", awaitsRetry: false, connections, failures: 0 },
    [
      ...dropped,
      ...attempt,
      { do: "stopTimer", timer: "ConnectRetryTimer" },
      { do: "startTimer", timer: "StableTimer", seconds: STABLE_SECONDS, jitter: false },
      ...holdTimer(side, negotiated),
      { do: "established", side, negotiated },
    ],
  ];
}

/** One connection ends; where it was the last one, the peer is tried again after a while. */
function lose(
  options: PeerOptions,
  state: PeerState,
  side: Side,
  notification: NotificationMessage | undefined,
  reason: string,
): Step {
  const wasEstablished = state.connections[side]?.phase === "Established";
  const [next, effects] = drop(state, side, notification);
  const down = { do: "down", wasEstablished, reason } as const;
  // Others go on, and may come to something.
  if (Object.keys(next.connections).length > 0 || next.starter === "connecting") {
    const [left, more] = leave(options, next, wasEstablished);
    return [left, [...effects, ...(wasEstablished ? [down] : []), ...more]];
  }
  // Our own attempt comes when it would have come: peers that open connections in vain do not put it off.
  if (next.awaitsRetry) return [next, [...effects, down]];
  const [failed, more] = fail(options, next, reason, wasEstablished);
  return [failed, [...effects, ...more]];
}

/**
 * What is left when a connection has ended. One that the peer has opened may say nothing for as long as an OPEN is waited
 * for: our next attempt is made beside it, after the time that it would have taken without.
 */
function leave(options: PeerOptions, state: PeerState, wasEstablished: boolean): Step {
  const { failures, flaps, seconds } = countFailure(options, state, wasEstablished);
  const isOurTurn = state.starter === "waiting" && !state.awaitsRetry && state.connections.outgoing === undefined;
  if (options.passive || !isOurTurn) return [wasEstablished ? { ...state, flaps } : state, []];
  return [{ ...state, awaitsRetry: true, failures, flaps }, [retryTimer(seconds)]];
}

/** Ends a connection, without anything else that follows. */
function drop(state: PeerState, side: Side, notification: NotificationMessage | undefined): Step {
  const { [side]: ended, ...connections } = state.connections;
  const farewell: readonly BgpEffect[] =
    notification === undefined ? [] : [{ do: "sendNotification", side, notification }];
  const ofSession: readonly BgpEffect[] =
    ended?.phase === "Established"
      ? [
          { do: "stopTimer", timer: "SendHoldTimer", side },
          { do: "stopTimer", timer: "StableTimer" },
        ]
      : [];
  return [
    { ...state, connections },
    [
      ...farewell,
      { do: "stopTimer", timer: "HoldTimer", side },
      { do: "stopTimer", timer: "KeepaliveTimer", side },
      ...ofSession,
      { do: "close", side },
    ],
  ];
}

/**
 * Nothing came of it: to Idle, and by AutomaticStart_with_PassiveTcpEstablishment out of it, to Active, where the peer may
 * open a connection. Ours follows after a time that doubles with each failure, as DampPeerOscillations would have it
 * (RFC 4271 §8.1.1); after a session that was there, at once. A peer whose sessions come and go is left in Idle for a time
 * that doubles with each of them: neither side opens a connection.
 */
function fail(options: PeerOptions, state: PeerState, reason: string, wasEstablished: boolean): Step {
  const { failures, flaps, seconds } = countFailure(options, state, wasEstablished);
  const isDamped = wasEstablished && seconds > 0;
  const awaitsRetry = isDamped || !options.passive;
  return [
    { ...state, starter: isDamped ? "damped" : "waiting", awaitsRetry, failures, flaps },
    [{ do: "down", wasEstablished, reason }, ...(awaitsRetry ? [retryTimer(seconds)] : [])],
  ];
}

function stop(state: PeerState, notification: NotificationMessage): Step {
  const [, effects] = closeEverything(state, notification);
  const wasEstablished = establishedSession(state) !== undefined;
  if (state.starter === "idle") return [state, []];
  const down = { do: "down", wasEstablished, reason: "stopped" } as const;
  return [INITIAL_STATE, [...effects, { do: "stopTimer", timer: "ConnectRetryTimer" }, down]];
}

function endAll(options: PeerOptions, state: PeerState, notification: NotificationMessage, reason: string): Step {
  if (state.starter === "idle" || state.starter === "damped") return [state, []]; // there is nothing to end
  const wasEstablished = establishedSession(state) !== undefined;
  const [ended, effects] = closeEverything(state, notification);
  const [failed, more] = fail(options, ended, reason, wasEstablished);
  return [failed, [...effects, ...more]];
}

function closeEverything(state: PeerState, notification: NotificationMessage): Step {
  const effects: BgpEffect[] = []; // BOUNDED by both sides
  let next = state;
  for (const side of ["outgoing", "incoming"] as const) {
    if (next.connections[side] === undefined) continue;
    const [dropped, more] = drop(next, side, notification);
    effects.push(...more);
    next = dropped;
  }
  if (state.starter === "connecting") effects.push({ do: "close", side: "outgoing" });
  return [next, effects];
}

function unexpected(
  options: PeerOptions,
  state: PeerState,
  side: Side,
  phase: Connection["phase"],
  what: keyof typeof TYPE_OF,
): Step {
  const subcode = {
    OpenSent: FSM_ERROR.openSent,
    OpenConfirm: FSM_ERROR.openConfirm,
    Established: FSM_ERROR.established,
  };
  const data = Uint8Array.of(TYPE_OF[what]); // RFC 6608 §4
  const notification = { errorCode: ERROR_CODE.finiteStateMachine, errorSubcode: subcode[phase], data };
  return lose(options, state, side, notification, `the peer sent a message of type ${what} in state ${phase}`);
}

const TYPE_OF = {
  OPEN: MESSAGE_TYPE.open,
  UPDATE: MESSAGE_TYPE.update,
  KEEPALIVE: MESSAGE_TYPE.keepalive,
  "ROUTE-REFRESH": MESSAGE_TYPE.routeRefresh,
} as const satisfies Readonly<Record<string, MessageType>>;
