import { refuse, succeed, type Result } from "../net/result.js";
import { ECHO_PORT } from "./packet.js";

/*
 * An Echo packet over IPv4 as an Ethernet frame: addressed to ourselves by IP and to the peer by MAC, so that the peer's
 * forwarding, and nothing else of it, brings it back. What stands in it is ours alone. RFC 5880 §5, RFC 5881 §4
 */

/** What an Echo packet says: which session of ours sent it, a number that nobody else knows, and which one it is. 32 bits each. */
export type EchoPacket = Readonly<{ discriminator: number; secret: number; sequence: number }>;

export type EchoRoute = Readonly<{
  /** 6 octets. */
  ownMac: Uint8Array;
  peerMac: Uint8Array;
  /** 4 octets: source and destination. */
  address: Uint8Array;
  /** Any of 49152 to 65535. */
  sourcePort: number;
}>;

export type EchoFault = "length" | "header";

const [IP, UDP, PAYLOAD] = [14, 34, 42];
const PAYLOAD_OCTETS = 12;
export const ECHO_FRAME_OCTETS = PAYLOAD + PAYLOAD_OCTETS;
const CLASS_SELECTOR_6 = 0xc0;
const UDP_PROTOCOL = 17;

/** Writes a frame of 54 octets. @param view from the frame's first octet on, 54 octets at least */
export function encodeEchoFrame(
  view: DataView,
  route: EchoRoute,
  { discriminator, secret, sequence }: EchoPacket,
): void {
  setOctets(view, 0, route.peerMac);
  setOctets(view, 6, route.ownMac);
  view.setUint16(12, 0x0800);
  view.setUint16(IP, 0x4500 | CLASS_SELECTOR_6);
  view.setUint16(IP + 2, ECHO_FRAME_OCTETS - IP);
  view.setUint32(IP + 4, 0x4000); // no identification, never in fragments
  view.setUint32(IP + 8, (255 << 24) | (UDP_PROTOCOL << 16)); // a TTL of 255, the checksum follows
  setOctets(view, IP + 12, route.address);
  setOctets(view, IP + 16, route.address);
  view.setUint16(IP + 10, headerChecksum(view));
  view.setUint16(UDP, route.sourcePort);
  view.setUint16(UDP + 2, ECHO_PORT);
  view.setUint32(UDP + 4, (ECHO_FRAME_OCTETS - UDP) << 16); // no checksum, as RFC 768 allows
  view.setUint32(PAYLOAD, discriminator);
  view.setUint32(PAYLOAD + 4, secret);
  view.setUint32(PAYLOAD + 8, sequence);
}

/** Reads a frame that the kernel's filter let in. Never throws. @param octets how many it had on the wire */
export function decodeEchoFrame(view: DataView, octets: number): Result<EchoPacket, EchoFault> {
  if (Math.min(octets, view.byteLength) < ECHO_FRAME_OCTETS) return refuse("length");
  const isOurs =
    view.getUint16(12) === 0x0800 &&
    view.getUint8(IP) === 0x45 &&
    view.getUint16(IP + 2) === ECHO_FRAME_OCTETS - IP &&
    view.getUint8(IP + 9) === UDP_PROTOCOL &&
    view.getUint16(UDP + 2) === ECHO_PORT;
  if (!isOurs) return refuse("header");
  return succeed({
    discriminator: view.getUint32(PAYLOAD),
    secret: view.getUint32(PAYLOAD + 4),
    sequence: view.getUint32(PAYLOAD + 8),
  });
}

function setOctets(view: DataView, at: number, octets: Uint8Array): void {
  for (const [index, octet] of octets.entries()) view.setUint8(at + index, octet);
}

/** RFC 791 §3.1, with the checksum's own place taken for 0. */
function headerChecksum(view: DataView): number {
  let sum = 0;
  for (let at = IP; at < UDP; at += 2) if (at !== IP + 10) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
