import { formatMac, macOctets, parseMac, type MacAddress } from "../net/mac.js";
import { refuse, succeed, type Result } from "../net/result.js";
import { addressKey, formatAddressKey, readIpv6Key, writeIpv6Key } from "./address-key.js";

/** Where the fields lie, from the start of the Ethernet frame; there are no extension headers. RFC 8200 §3, RFC 4861 §4.3 */
export const NDP_OFFSET = {
  ethernetDestination: 0,
  ethernetSource: 6,
  etherType: 12,
  version: 14,
  payloadLength: 18,
  nextHeader: 20,
  hopLimit: 21,
  sourceAddress: 22,
  destinationAddress: 38,
  type: 54,
  code: 55,
  checksum: 56,
  /** Of an advertisement. */
  flags: 58,
  targetAddress: 62,
  options: 78,
} as const;

export const NEIGHBOR_SOLICITATION = 135;
export const NEIGHBOR_ADVERTISEMENT = 136;

export const ROUTER_FLAG = 0x80;
export const SOLICITED_FLAG = 0x40;
export const OVERRIDE_FLAG = 0x20;

export const SOURCE_LINK_LAYER_ADDRESS = 1;
export const TARGET_LINK_LAYER_ADDRESS = 2;

/** An advertisement as we send it: Ethernet and IPv6 header, 24 octets, and one option of 8. */
export const NDP_FRAME_OCTETS = 86;
/** The longest frame that is taken for neighbour discovery: options for all that an ordinary link can carry. */
export const MAX_NDP_FRAME_OCTETS = 1536;

const ETHER_TYPE_IPV6 = 0x86dd;
const ICMPV6 = 58;
const HOP_LIMIT = 255;
const ICMP_OCTETS = 24; // without options

/** Why octets are no neighbour solicitation or advertisement. RFC 4861 §7.1.1, §7.1.2 */
export type NdpFault =
  | "truncated"
  | "oversized"
  | "etherType"
  | "version"
  | "nextHeader"
  | "hopLimit"
  | "length"
  | "checksum"
  | "type"
  | "code"
  | "targetAddress"
  | "option"
  | "linkLayerAddress"
  | "sourceAddress"
  | "unspecifiedSource"
  | "solicitedFlag";

/** Addresses as text. `linkLayerAddress` is that of the source in a solicitation, of the target in an advertisement. */
export type NeighborDiscovery = Readonly<{
  ethernetDestination: MacAddress;
  ethernetSource: MacAddress;
  sourceAddress: string;
  destinationAddress: string;
  targetAddress: string;
  linkLayerAddress: MacAddress | undefined;
}> &
  (
    | Readonly<{ type: typeof NEIGHBOR_SOLICITATION }>
    | Readonly<{ type: typeof NEIGHBOR_ADVERTISEMENT; router: boolean; solicited: boolean; override: boolean }>
  );

/**
 * Checks that a frame is a neighbour solicitation or advertisement with all that RFC 4861 §7.1.1 and §7.1.2 ask, without
 * making anything: it runs for each frame that arrives. Beyond that a source address is refused that is none (RFC 4291
 * §2.5.3, §2.7), and a link-layer address that is not one of Ethernet (RFC 2464 §6).
 * @param view where the frame lies
 * @param offset of its first octet; where `octets` is at most 1536, so many octets must lie there
 * @param octets its length on the wire; what follows the IPv6 packet is padding
 */
export function findNdpFault(view: DataView, offset: number, octets: number): NdpFault | undefined {
  if (octets < NDP_OFFSET.type) return "truncated";
  if (octets > MAX_NDP_FRAME_OCTETS) return "oversized";
  if (view.getUint16(offset + NDP_OFFSET.etherType) !== ETHER_TYPE_IPV6) return "etherType";
  if (view.getUint8(offset + NDP_OFFSET.version) >> 4 !== 6) return "version";
  if (view.getUint8(offset + NDP_OFFSET.nextHeader) !== ICMPV6) return "nextHeader";
  if (view.getUint8(offset + NDP_OFFSET.hopLimit) !== HOP_LIMIT) return "hopLimit";
  const length = view.getUint16(offset + NDP_OFFSET.payloadLength);
  if (octets < NDP_OFFSET.type + length) return "truncated";
  if (length < ICMP_OCTETS) return "length";
  if (sumOfPacket(view, offset, length) !== 0xffff) return "checksum";
  const type = view.getUint8(offset + NDP_OFFSET.type);
  if (type !== NEIGHBOR_SOLICITATION && type !== NEIGHBOR_ADVERTISEMENT) return "type";
  if (view.getUint8(offset + NDP_OFFSET.code) !== 0) return "code";
  if (isMulticast(view, offset + NDP_OFFSET.targetAddress)) return "targetAddress";
  const solicits = type === NEIGHBOR_SOLICITATION;
  return (
    findOptionFault(view, offset, length, solicits ? SOURCE_LINK_LAYER_ADDRESS : TARGET_LINK_LAYER_ADDRESS) ??
    findAddressFault(view, offset, length, solicits)
  );
}

function findOptionFault(view: DataView, offset: number, length: number, linkLayer: number): NdpFault | undefined {
  const end = offset + NDP_OFFSET.type + length;
  for (let at = offset + NDP_OFFSET.options; at < end;) {
    if (end - at < 2) return "option";
    const units = view.getUint8(at + 1);
    if (units === 0 || at + units * 8 > end) return "option";
    if (view.getUint8(at) === linkLayer && (units !== 1 || isGroup(view, at + 2))) return "linkLayerAddress";
    at += units * 8;
  }
  return undefined;
}

function findAddressFault(view: DataView, offset: number, length: number, solicits: boolean): NdpFault | undefined {
  const destination = offset + NDP_OFFSET.destinationAddress;
  if (isMulticast(view, offset + NDP_OFFSET.sourceAddress)) return "sourceAddress";
  const source = smallAddress(view, offset + NDP_OFFSET.sourceAddress);
  if (source === 1) return "sourceAddress"; // the loopback address
  if (!solicits) {
    const flags = view.getUint8(offset + NDP_OFFSET.flags);
    if (source === 0) return "sourceAddress";
    return isMulticast(view, destination) && (flags & SOLICITED_FLAG) !== 0 ? "solicitedFlag" : undefined;
  }
  if (source !== 0) return undefined;
  const hasOption = linkLayerOptionAt(view, offset, length, SOURCE_LINK_LAYER_ADDRESS) !== 0;
  return hasOption || !isSolicitedNodeGroup(view, destination) ? "unspecifiedSource" : undefined;
}

/** The octet at which the address in the first option of this type begins; 0 where there is none. */
export function linkLayerOptionAt(view: DataView, offset: number, length: number, type: number): number {
  const end = offset + NDP_OFFSET.type + length;
  for (let at = offset + NDP_OFFSET.options; at < end; at += view.getUint8(at + 1) * 8) {
    if (view.getUint8(at) === type) return at + 2;
  }
  return 0;
}

/** Where the source is unspecified, its owner only wants to know whether an address is taken. RFC 4862 §5.4 */
export function isUnspecified(view: DataView, at: number): boolean {
  return smallAddress(view, at) === 0;
}

/** The last 32 bits of an address whose others are all 0; -1 of any other. */
function smallAddress(view: DataView, at: number): number {
  const others = view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8);
  return others === 0 ? view.getUint32(at + 12) : -1;
}

function isMulticast(view: DataView, at: number): boolean {
  return view.getUint8(at) === 0xff;
}

/** ff02::1:ff00:0/104 */
function isSolicitedNodeGroup(view: DataView, at: number): boolean {
  return (
    view.getInt32(at) === (0xff020000 | 0) &&
    view.getInt32(at + 4) === 0 &&
    view.getInt32(at + 8) === 1 &&
    view.getUint8(at + 12) === 0xff
  );
}

/** Whether a hardware address stands for many: nobody can be told something there, or say that it is his. */
export function isGroup(view: DataView, at: number): boolean {
  return (view.getUint8(at) & 1) !== 0;
}

/** The ones' complement sum of the ICMPv6 message and its pseudo header: 0xffff of one that arrived. RFC 8200 §8.1 */
function sumOfPacket(view: DataView, offset: number, length: number): number {
  let sum = length + ICMPV6;
  const end = offset + NDP_OFFSET.type + length;
  let at = offset + NDP_OFFSET.sourceAddress; // the addresses, and the message behind them
  for (; at + 1 < end; at += 2) sum += view.getUint16(at);
  if (at < end) sum += view.getUint8(at) << 8;
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/** Writes what every frame has in common, and its length. */
export function writeNdpConstants(view: DataView, offset: number, type: number, length: number): void {
  view.setUint16(offset + NDP_OFFSET.etherType, ETHER_TYPE_IPV6);
  view.setInt32(offset + NDP_OFFSET.version, 0x60000000);
  view.setUint16(offset + NDP_OFFSET.payloadLength, length);
  view.setUint8(offset + NDP_OFFSET.nextHeader, ICMPV6);
  view.setUint8(offset + NDP_OFFSET.hopLimit, HOP_LIMIT);
  view.setUint16(offset + NDP_OFFSET.type, type << 8);
}

/** Writes the checksum of a message that is whole otherwise. */
export function writeChecksum(view: DataView, offset: number, length: number): void {
  view.setUint16(offset + NDP_OFFSET.checksum, 0);
  view.setUint16(offset + NDP_OFFSET.checksum, ~sumOfPacket(view, offset, length));
}

/** Reads one Ethernet frame as neighbour discovery. Never throws; neither keeps nor changes `frame`. */
export function decodeNdp(frame: Uint8Array): Result<NeighborDiscovery, NdpFault> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const fault = findNdpFault(view, 0, frame.length);
  if (fault !== undefined) return refuse(fault);
  const solicits = view.getUint8(NDP_OFFSET.type) === NEIGHBOR_SOLICITATION;
  const length = view.getUint16(NDP_OFFSET.payloadLength);
  const wanted = solicits ? SOURCE_LINK_LAYER_ADDRESS : TARGET_LINK_LAYER_ADDRESS;
  const linkLayer = linkLayerOptionAt(view, 0, length, wanted);
  const address = (at: number): string => formatAddressKey(readIpv6Key(view, at));
  const common = {
    ethernetDestination: formatMac(frame, NDP_OFFSET.ethernetDestination),
    ethernetSource: formatMac(frame, NDP_OFFSET.ethernetSource),
    sourceAddress: address(NDP_OFFSET.sourceAddress),
    destinationAddress: address(NDP_OFFSET.destinationAddress),
    targetAddress: address(NDP_OFFSET.targetAddress),
    linkLayerAddress: linkLayer === 0 ? undefined : formatMac(frame, linkLayer),
  };
  if (solicits) return succeed({ type: NEIGHBOR_SOLICITATION, ...common });
  const flags = view.getUint8(NDP_OFFSET.flags);
  return succeed({
    type: NEIGHBOR_ADVERTISEMENT,
    ...common,
    router: (flags & ROUTER_FLAG) !== 0,
    solicited: (flags & SOLICITED_FLAG) !== 0,
    override: (flags & OVERRIDE_FLAG) !== 0,
  });
}

/**
 * Inverse of decodeNdp, for what it accepts: 78 octets, or 86 with a link-layer address.
 * @returns the name of the first field that is no address of its kind, where there is one
 */
export function encodeNdp(message: NeighborDiscovery): Result<Uint8Array, keyof NeighborDiscovery> {
  const { type, linkLayerAddress } = message;
  const length = linkLayerAddress === undefined ? ICMP_OCTETS : ICMP_OCTETS + 8;
  const frame = new Uint8Array(NDP_OFFSET.type + length);
  const view = new DataView(frame.buffer);
  writeNdpConstants(view, 0, type, length);
  for (const field of ["ethernetDestination", "ethernetSource"] as const) {
    const mac = parseMac(message[field]);
    if (mac === undefined) return refuse(field);
    frame.set(macOctets(mac), NDP_OFFSET[field]);
  }
  for (const field of ["sourceAddress", "destinationAddress", "targetAddress"] as const) {
    const key = addressKey(message[field]);
    if (typeof key !== "string") return refuse(field);
    writeIpv6Key(view, NDP_OFFSET[field], key);
  }
  if (linkLayerAddress !== undefined) {
    const mac = parseMac(linkLayerAddress);
    if (mac === undefined) return refuse("linkLayerAddress");
    const option = type === NEIGHBOR_SOLICITATION ? SOURCE_LINK_LAYER_ADDRESS : TARGET_LINK_LAYER_ADDRESS;
    frame.set([option, 1, ...macOctets(mac)], NDP_OFFSET.options);
  }
  if (type === NEIGHBOR_ADVERTISEMENT) {
    const { router, solicited, override } = message;
    const flags = (router ? ROUTER_FLAG : 0) | (solicited ? SOLICITED_FLAG : 0) | (override ? OVERRIDE_FLAG : 0);
    view.setUint8(NDP_OFFSET.flags, flags);
  }
  writeChecksum(view, 0, length);
  return succeed(frame);
}
