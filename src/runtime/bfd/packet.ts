import { refuse, succeed, type Result } from "../net/result.js";

/** RFC 5880 §4.1, in the order of the numbers on the wire. */
export const SESSION_STATES = ["AdminDown", "Down", "Init", "Up"] as const;
export type SessionState = (typeof SESSION_STATES)[number];

/** Why a session last went down. RFC 5880 §4.1 */
export const DIAGNOSTIC = {
  none: 0,
  controlDetectionTimeExpired: 1,
  echoFunctionFailed: 2,
  neighborSignaledSessionDown: 3,
  forwardingPlaneReset: 4,
  pathDown: 5,
  concatenatedPathDown: 6,
  administrativelyDown: 7,
  reverseConcatenatedPathDown: 8,
} as const;

/** A Control packet without authentication. Discriminators are 32 bits, unsigned; intervals are in microseconds. */
export type ControlPacket = Readonly<{
  /** 0 to 31; those above 8 mean nothing. */
  diagnostic: number;
  state: SessionState;
  poll: boolean;
  final: boolean;
  controlPlaneIndependent: boolean;
  demand: boolean;
  /** 1 to 255. */
  detectMult: number;
  /** Not 0. */
  myDiscriminator: number;
  /** 0: not known yet. */
  yourDiscriminator: number;
  desiredMinTxMicroseconds: number;
  requiredMinRxMicroseconds: number;
  requiredMinEchoRxMicroseconds: number;
}>;

export const CONTROL_PACKET_OCTETS = 24;

/** UDP ports that Control packets are sent to. RFC 5881 §4, RFC 5883 §5 */
export const CONTROL_PORT = { singleHop: 3784, multihop: 4784 } as const;
/** The one that Echo packets are sent to. RFC 5881 §4 */
export const ECHO_PORT = 3785;

/** Why octets are no packet for us. The first rule of RFC 5880 §6.8.6 that they break */
export type PacketFault =
  | "version"
  | "length"
  | "detectMult"
  | "multipoint"
  | "myDiscriminator"
  | "yourDiscriminator"
  | "authentication"
  | "pollAndFinal";

const FLAG = {
  poll: 0x20,
  final: 0x10,
  controlPlaneIndependent: 0x08,
  authentication: 0x04,
  demand: 0x02,
  multipoint: 0x01,
};
const VERSION = 1;

/** Reads the payload of a datagram. Never throws; keeps nothing of the input. RFC 5880 §4.1, §6.8.6 */
export function decodeControlPacket(input: Uint8Array): Result<ControlPacket, PacketFault> {
  if (input.length < CONTROL_PACKET_OCTETS) return refuse("length");
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const [first, flags, detectMult, length] = [view.getUint8(0), view.getUint8(1), view.getUint8(2), view.getUint8(3)];
  const has = (flag: number): boolean => (flags & flag) !== 0;
  if (first >>> 5 !== VERSION) return refuse("version");
  if (length < (has(FLAG.authentication) ? CONTROL_PACKET_OCTETS + 2 : CONTROL_PACKET_OCTETS)) return refuse("length");
  if (length > input.length) return refuse("length");
  if (detectMult === 0) return refuse("detectMult");
  if (has(FLAG.multipoint)) return refuse("multipoint");
  const [myDiscriminator, yourDiscriminator] = [view.getUint32(4), view.getUint32(8)];
  if (myDiscriminator === 0) return refuse("myDiscriminator");
  const state = SESSION_STATES[flags >>> 6] ?? "Down";
  if (yourDiscriminator === 0 && (state === "Init" || state === "Up")) return refuse("yourDiscriminator");
  if (has(FLAG.authentication)) return refuse("authentication"); // none is ever in use here
  if (has(FLAG.poll) && has(FLAG.final)) return refuse("pollAndFinal"); // §6.5: never both
  return succeed({
    diagnostic: first & 0x1f,
    state,
    poll: has(FLAG.poll),
    final: has(FLAG.final),
    controlPlaneIndependent: has(FLAG.controlPlaneIndependent),
    demand: has(FLAG.demand),
    detectMult,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTxMicroseconds: view.getUint32(12),
    requiredMinRxMicroseconds: view.getUint32(16),
    requiredMinEchoRxMicroseconds: view.getUint32(20),
  });
}

/** Inverse of decodeControlPacket: 24 octets. */
export function encodeControlPacket(packet: ControlPacket): Uint8Array {
  const octets = new Uint8Array(CONTROL_PACKET_OCTETS);
  const view = new DataView(octets.buffer);
  view.setUint8(0, (VERSION << 5) | packet.diagnostic);
  let flags = SESSION_STATES.indexOf(packet.state) << 6;
  for (const flag of ["poll", "final", "controlPlaneIndependent", "demand"] as const)
    if (packet[flag]) flags |= FLAG[flag];
  view.setUint8(1, flags);
  view.setUint8(2, packet.detectMult);
  view.setUint8(3, CONTROL_PACKET_OCTETS);
  view.setUint32(4, packet.myDiscriminator);
  view.setUint32(8, packet.yourDiscriminator);
  view.setUint32(12, packet.desiredMinTxMicroseconds);
  view.setUint32(16, packet.requiredMinRxMicroseconds);
  view.setUint32(20, packet.requiredMinEchoRxMicroseconds);
  return octets;
}

const DIAGNOSTIC_WORDS = [
  "no diagnostic",
  "control detection time expired",
  "echo function failed",
  "neighbor signaled session down",
  "forwarding plane reset",
  "path down",
  "concatenated path down",
  "administratively down",
  "reverse concatenated path down",
];

export function describeDiagnostic(diagnostic: number): string {
  return DIAGNOSTIC_WORDS[diagnostic] ?? `diagnostic ${diagnostic}`;
}
