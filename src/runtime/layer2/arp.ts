import { formatMac, macOctets, parseMac, type MacAddress } from "../net/mac.js";
import { refuse, succeed, type Result } from "../net/result.js";
import { formatIpv4Key, ipv4Key } from "./ipv4-key.js";

/** Where the fields lie, from the start of the Ethernet frame. RFC 826 for Ethernet and IPv4. */
export const ARP_OFFSET = {
  ethernetDestination: 0,
  ethernetSource: 6,
  etherType: 12,
  hardwareType: 14,
  protocolType: 16,
  hardwareLength: 18,
  protocolLength: 19,
  operation: 20,
  senderHardwareAddress: 22,
  senderProtocolAddress: 28,
  targetHardwareAddress: 32,
  targetProtocolAddress: 38,
} as const;

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

/** Ethernet header and ARP packet, without padding. */
export const ARP_OCTETS = 42;
/** What we send: the shortest Ethernet frame without its check sequence. RFC 894 */
export const ARP_FRAME_OCTETS = 60;
/** The longest frame that is taken for ARP: padding and a switch's trailer fit, what does not fit is something else. */
export const MAX_ARP_FRAME_OCTETS = 128;

const ETHER_TYPE_ARP = 0x0806;
const HARDWARE_TYPE_ETHERNET = 1;
const PROTOCOL_TYPE_IPV4 = 0x0800;
const ADDRESS_LENGTHS = 0x0604; // 6 octets of hardware address, 4 of protocol address

/** Why octets are no ARP packet of Ethernet and IPv4. */
export type ArpFault =
  "truncated" | "oversized" | "etherType" | "hardwareType" | "protocolType" | "addressLengths" | "operation";

/** Addresses as text: hardware `aa:bb:cc:dd:ee:ff`, protocol dotted decimal. `operation` 1 is a request, 2 a reply. */
export type ArpPacket = Readonly<{
  ethernetDestination: MacAddress;
  ethernetSource: MacAddress;
  operation: typeof ARP_REQUEST | typeof ARP_REPLY;
  senderHardwareAddress: MacAddress;
  senderProtocolAddress: string;
  targetHardwareAddress: MacAddress;
  targetProtocolAddress: string;
}>;

/**
 * Checks that a frame is ARP for Ethernet and IPv4, without making anything: it runs for each frame that arrives.
 * @param view where the frame lies
 * @param offset of its first octet; where `octets` is at most 128, so many octets must lie there
 * @param octets its length on the wire
 */
export function findArpFault(view: DataView, offset: number, octets: number): ArpFault | undefined {
  if (octets < ARP_OCTETS) return "truncated";
  if (octets > MAX_ARP_FRAME_OCTETS) return "oversized";
  if (view.getUint16(offset + ARP_OFFSET.etherType) !== ETHER_TYPE_ARP) return "etherType";
  if (view.getUint16(offset + ARP_OFFSET.hardwareType) !== HARDWARE_TYPE_ETHERNET) return "hardwareType";
  if (view.getUint16(offset + ARP_OFFSET.protocolType) !== PROTOCOL_TYPE_IPV4) return "protocolType";
  if (view.getUint16(offset + ARP_OFFSET.hardwareLength) !== ADDRESS_LENGTHS) return "addressLengths";
  const operation = view.getUint16(offset + ARP_OFFSET.operation);
  if (operation !== ARP_REQUEST && operation !== ARP_REPLY) return "operation";
  return undefined;
}

/**
 * Reads one Ethernet frame as ARP; padding behind the packet is passed over. The Ethernet source and the sender's hardware
 * address may differ, as behind a proxy. Never throws; neither keeps nor changes `frame`.
 */
export function decodeArp(frame: Uint8Array): Result<ArpPacket, ArpFault> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const fault = findArpFault(view, 0, frame.length);
  if (fault !== undefined) return refuse(fault);
  return succeed({
    ethernetDestination: formatMac(frame, ARP_OFFSET.ethernetDestination),
    ethernetSource: formatMac(frame, ARP_OFFSET.ethernetSource),
    operation: view.getUint16(ARP_OFFSET.operation) === ARP_REQUEST ? ARP_REQUEST : ARP_REPLY,
    senderHardwareAddress: formatMac(frame, ARP_OFFSET.senderHardwareAddress),
    senderProtocolAddress: formatIpv4Key(view.getInt32(ARP_OFFSET.senderProtocolAddress)),
    targetHardwareAddress: formatMac(frame, ARP_OFFSET.targetHardwareAddress),
    targetProtocolAddress: formatIpv4Key(view.getInt32(ARP_OFFSET.targetProtocolAddress)),
  });
}

/**
 * Inverse of decodeArp: a frame of 60 octets, padded with zeros.
 * @returns the name of the first field that is no address of its kind, where there is one
 */
export function encodeArp(packet: ArpPacket): Result<Uint8Array, keyof ArpPacket> {
  const frame = new Uint8Array(ARP_FRAME_OCTETS);
  const view = new DataView(frame.buffer);
  writeArpConstants(view, 0, packet.operation);
  for (const field of HARDWARE_FIELDS) {
    const mac = parseMac(packet[field]);
    if (mac === undefined) return refuse(field);
    frame.set(macOctets(mac), ARP_OFFSET[field]);
  }
  for (const field of PROTOCOL_FIELDS) {
    const key = ipv4Key(packet[field]);
    if (key === undefined) return refuse(field);
    view.setInt32(ARP_OFFSET[field], key);
  }
  return succeed(frame);
}

const HARDWARE_FIELDS = [
  "ethernetDestination",
  "ethernetSource",
  "senderHardwareAddress",
  "targetHardwareAddress",
] as const;
const PROTOCOL_FIELDS = ["senderProtocolAddress", "targetProtocolAddress"] as const;

/** Writes what every ARP frame for Ethernet and IPv4 has in common, and its operation. */
export function writeArpConstants(view: DataView, offset: number, operation: number): void {
  view.setUint16(offset + ARP_OFFSET.etherType, ETHER_TYPE_ARP);
  view.setUint16(offset + ARP_OFFSET.hardwareType, HARDWARE_TYPE_ETHERNET);
  view.setUint16(offset + ARP_OFFSET.protocolType, PROTOCOL_TYPE_IPV4);
  view.setUint16(offset + ARP_OFFSET.hardwareLength, ADDRESS_LENGTHS);
  view.setUint16(offset + ARP_OFFSET.operation, operation);
}
