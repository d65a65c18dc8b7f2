import type { BfdDrop } from "./demultiplexer.js";
import type { SessionState } from "./packet.js";

/** One session that is wanted, as the main thread tells the worker. Addresses are texts without a zone. */
export type BfdSessionSpec = Readonly<{
  /** What both threads call it: the same for as long as its addresses, device and hops stay. */
  key: string;
  remoteAddress: string;
  /** "": what the route to the peer says. */
  localAddress: string;
  /** The interface or VRF; "": what the route says. */
  device: string;
  isMultihop: boolean;
  /** 1 to 255: least that a packet of a multihop session may arrive with. RFC 5883 §5 */
  minimumTtl: number;
  desiredMinTxMicroseconds: number;
  requiredMinRxMicroseconds: number;
  /** 1 to 255. */
  detectMult: number;
  passive: boolean;
  /** Least between Echo packets; 0: none are sent. Only on a single hop, and over IPv4. */
  echoIntervalMicroseconds: number;
}>;

/** From the main thread. */
export type BfdRequest =
  /** All that are wanted: one that is not among them ends, one that is there already takes what is new. */
  | Readonly<{ type: "sessions"; sessions: readonly BfdSessionSpec[] }>
  /** Answered with the same id. */
  | Readonly<{ type: "counters"; id: number }>
  /** Says goodbye to all peers; the thread ends by itself. */
  | Readonly<{ type: "stop" }>;

/** What befell a session, or the socket of a port (`session` undefined). `message` has a remedy. */
export type BfdError = Readonly<{ session: string | undefined; code: string; message: string }>;

/** A change of a session's state. */
export type BfdStateReport = Readonly<{
  session: string;
  from: SessionState;
  to: SessionState;
  /** The peer has put the session out of use, which says nothing of the path. RFC 5882 §3.2 */
  isByPeersAdministrator: boolean;
  /** A phrase for people. */
  reason: string;
}>;

/** What is counted of a session since it began. */
export type BfdSessionCounters = Readonly<{
  session: string;
  state: SessionState;
  packetsReceived: number;
  packetsSent: number;
  /** Packets that could not be sent. */
  unsent: number;
  echoSent: number;
  echoReceived: number;
  ups: number;
  downs: number;
  /** What counts now, in microseconds: between two packets of ours, and of silence until the session is down. */
  transmitIntervalMicroseconds: number;
  detectionTimeMicroseconds: number;
}>;

export type BfdDrops = Readonly<Record<BfdDrop, number>>;

/** From the worker thread. */
export type BfdReport =
  | Readonly<{ type: "state"; state: BfdStateReport }>
  | Readonly<{ type: "error"; error: BfdError }>
  | Readonly<{ type: "counters"; id: number; sessions: readonly BfdSessionCounters[]; drops: BfdDrops }>;
