import type { BgpFault } from "./fault.js";
import type { LocalSpeaker, Negotiated } from "./negotiate.js";
import type { NotificationMessage } from "./notification.js";
import type { OpenMessage } from "./open.js";

/** Who opened a connection: we, or the peer. */
export type Side = "outgoing" | "incoming";

export type BgpStateName = "Idle" | "Connect" | "Active" | "OpenSent" | "OpenConfirm" | "Established";

export type Connection =
  Readonly<{ phase: "OpenSent" }> | Readonly<{ phase: "OpenConfirm" | "Established"; negotiated: Negotiated }>;

export type PeerState = Readonly<{
  /**
   * Idle: stopped. Damped: sessions came and went, so nobody opens one before the timer says so. Waiting: for the timer,
   * or for the peer. Connecting: our TCP connection is on its way.
   */
  starter: "idle" | "damped" | "waiting" | "connecting";
  /** The ConnectRetryTimer runs, for the next attempt. */
  awaitsRetry: boolean;
  connections: Readonly<Partial<Record<Side, Connection>>>;
  /** ConnectRetryCounter of RFC 4271 §8.1.1: attempts in a row that came to nothing. */
  failures: number;
  /** Sessions in a row that were lost before they were stable. */
  flaps: number;
}>;

/** Names as in RFC 4271 §8.1, so that a search there finds them. */
export type BgpEvent =
  | Readonly<{ type: "ManualStart" }>
  /** `notification`: why, for the peer. */
  | Readonly<{ type: "ManualStop"; notification: NotificationMessage }>
  | Readonly<{ type: "ConnectRetryTimer_Expires" }>
  /** The connection that we opened is there, or one that the peer opened; a second one of its is the driver's to refuse. */
  | Readonly<{ type: "TcpConnectionConfirmed"; side: Side }>
  | Readonly<{ type: "TcpConnectionFails"; side: Side; reason: string }>
  | Readonly<{ type: "HoldTimer_Expires" | "KeepaliveTimer_Expires"; side: Side }>
  /** RFC 9687 §4.2 */
  | Readonly<{ type: "SendHoldTimer_Expires"; side: Side }>
  /** The connection takes no more for now, and then something again. */
  | Readonly<{ type: "TcpSendBlocked" | "TcpSendReady"; side: Side }>
  /** The session has lasted so long that its end would be no oscillation. */
  | Readonly<{ type: "StableTimer_Expires" }>
  | Readonly<{ type: "BGPOpen"; side: Side; open: OpenMessage }>
  | Readonly<{ type: "KeepAliveMsg" | "UpdateMsg" | "RouteRefreshMsg"; side: Side }>
  | Readonly<{ type: "NotifMsg"; side: Side; notification: NotificationMessage }>
  /** BGPHeaderErr, BGPOpenMsgErr, UpdateMsgErr: octets that were refused. */
  | Readonly<{ type: "MessageErr"; side: Side; fault: BgpFault }>
  /** BFD says that the peer is gone. RFC 9384 */
  | Readonly<{ type: "BfdDown" }>;

export type Timer = "ConnectRetryTimer" | "StableTimer" | "HoldTimer" | "KeepaliveTimer" | "SendHoldTimer";

export type BgpEffect =
  | Readonly<{ do: "connect" }>
  /** Also what is on its way. Nothing is heard of it any more. */
  | Readonly<{ do: "close"; side: Side }>
  | Readonly<{ do: "sendOpen"; side: Side; open: OpenMessage }>
  | Readonly<{ do: "sendKeepalive"; side: Side }>
  | Readonly<{ do: "sendNotification"; side: Side; notification: NotificationMessage }>
  /** Begins the timer anew. `jitter`: a random quarter of it is to be taken off. RFC 4271 §10 */
  | Readonly<{ do: "startTimer"; timer: Timer; side?: Side; seconds: number; jitter: boolean }>
  | Readonly<{ do: "stopTimer"; timer: Timer; side?: Side }>
  /** Routes may be sent. */
  | Readonly<{ do: "established"; side: Side; negotiated: Negotiated }>
  /** There is no session any more, or an attempt failed; `reason` is a sentence for people. */
  | Readonly<{ do: "down"; wasEstablished: boolean; reason: string }>;

export type Step = readonly [PeerState, readonly BgpEffect[]];

export type PeerOptions = Readonly<{
  local: LocalSpeaker;
  /** Only the peer opens connections. */
  passive: boolean;
  /** Longest wait between two attempts; the first ones come sooner. */
  connectRetrySeconds: number;
}>;

export const INITIAL_STATE: PeerState = { starter: "idle", awaitsRetry: false, connections: {}, failures: 0, flaps: 0 };

/** The name of the state that RFC 4271 knows: that of the connection that is furthest. */
export function stateName({ starter, connections: { outgoing, incoming } }: PeerState): BgpStateName {
  const phases = new Set([outgoing?.phase, incoming?.phase]);
  for (const phase of ["Established", "OpenConfirm", "OpenSent"] as const) if (phases.has(phase)) return phase;
  return starter === "connecting" ? "Connect" : starter === "waiting" ? "Active" : "Idle";
}

/** The session, where there is one. */
export function establishedSession(state: PeerState): Readonly<{ side: Side; negotiated: Negotiated }> | undefined {
  for (const side of ["outgoing", "incoming"] as const) {
    const connection = state.connections[side];
    if (connection?.phase === "Established") return { side, negotiated: connection.negotiated };
  }
  return undefined;
}
