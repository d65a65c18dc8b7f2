import { refuse, succeed, type Result } from "../net/result.js";
import { bgpFault, ERROR_CODE, HEADER_ERROR, type BgpFault } from "./fault.js";

/** RFC 4271 §4.1, RFC 2918 §3. */
export const MESSAGE_TYPE = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;
export type MessageType = (typeof MESSAGE_TYPE)[keyof typeof MESSAGE_TYPE];

export const HEADER_OCTETS = 19;
/** The longest message without RFC 8654, and the longest OPEN and KEEPALIVE with it. */
export const MAX_MESSAGE_OCTETS = 4096;
export const MAX_EXTENDED_MESSAGE_OCTETS = 65_535;

/** Shortest message of each Type, from the Marker on; that of ROUTE-REFRESH is its decoder's matter. RFC 4271 §6.1, RFC 7313 §5 */
const MIN_OCTETS: Readonly<Record<MessageType, number>> = { 1: 29, 2: 23, 3: 21, 4: 19, 5: 19 };
const MARKER_OCTETS = 16;

export type DecodedFrame =
  | Readonly<{ kind: "frame"; type: MessageType; body: Uint8Array; octets: number }>
  | Readonly<{ kind: "incomplete"; missingOctets: number }>
  | Readonly<{ kind: "malformed"; fault: BgpFault }>;

/**
 * Takes one message off the front of a TCP receive buffer. Never throws; neither keeps nor changes `input`, of which
 * `body` is a view.
 * @param extendedMessage whether both sides announced RFC 8654
 * @returns the frame and the octets it used (19 to 4096, or 65535), or how many more octets to wait for at least, or
 *   the fault to answer with. RFC 4271 §4.1 (header), §6.1 (header errors)
 */
export function decodeFrame(input: Uint8Array, extendedMessage: boolean): DecodedFrame {
  // What is there of the marker is looked at, so that garbage is not waited for.
  for (let index = 0; index < Math.min(input.length, MARKER_OCTETS); index += 1) {
    if (input[index] === 0xff) continue;
    return malformed(HEADER_ERROR.connectionNotSynchronized, [], "the marker is not all ones");
  }
  if (input.length < HEADER_OCTETS) return { kind: "incomplete", missingOctets: HEADER_OCTETS - input.length };
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const [length, type] = [view.getUint16(MARKER_OCTETS), view.getUint8(MARKER_OCTETS + 2)];
  if (!isMessageType(type)) return malformed(HEADER_ERROR.badMessageType, [type], `type is ${type}, not 1 to 5`);
  const [min, max] = [MIN_OCTETS[type], maxOctets(type, extendedMessage)];
  if (length < min || length > max) {
    const problem = `length is ${length}, expected ${min} to ${max} for type ${type}`;
    return malformed(HEADER_ERROR.badMessageLength, input.subarray(MARKER_OCTETS, MARKER_OCTETS + 2), problem);
  }
  if (input.length < length) return { kind: "incomplete", missingOctets: length - input.length };
  return { kind: "frame", type, body: input.subarray(HEADER_OCTETS, length), octets: length };
}

/** Inverse of decodeFrame. Refuses a body that is too long or too short for its type instead of sending it. */
export function encodeFrame(
  type: MessageType,
  body: Uint8Array,
  extendedMessage: boolean,
): Result<Uint8Array, Readonly<{ length: number; min: number; max: number }>> {
  const length = HEADER_OCTETS + body.length;
  const [min, max] = [MIN_OCTETS[type], maxOctets(type, extendedMessage)];
  if (length < min || length > max) return refuse({ length, min, max });
  const frame = new Uint8Array(length).fill(0xff, 0, MARKER_OCTETS);
  const view = new DataView(frame.buffer);
  view.setUint16(MARKER_OCTETS, length);
  view.setUint8(MARKER_OCTETS + 2, type);
  frame.set(body, HEADER_OCTETS);
  return succeed(frame);
}

/** RFC 8654 §4 leaves OPEN and KEEPALIVE as they are: an OPEN is sent before anything is agreed on. */
function maxOctets(type: MessageType, extendedMessage: boolean): number {
  if (type === MESSAGE_TYPE.keepalive) return HEADER_OCTETS;
  return extendedMessage && type !== MESSAGE_TYPE.open ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS;
}

function isMessageType(type: number): type is MessageType {
  return type >= MESSAGE_TYPE.open && type <= MESSAGE_TYPE.routeRefresh;
}

function malformed(errorSubcode: number, data: Iterable<number>, problem: string): DecodedFrame {
  const message = `Cannot decode BGP header: ${problem}`;
  return { kind: "malformed", fault: bgpFault(ERROR_CODE.messageHeader, errorSubcode, data, message) };
}
