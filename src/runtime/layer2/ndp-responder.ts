import type { AddressKey, Ipv6Key } from "./address-key.js";
import { readIpv6Key, solicitedNodeGroup, writeIpv6Key } from "./address-key.js";
import { isAnnouncedOn, type AnnouncedAddress, type AnnouncedAddresses } from "./announced-addresses.js";
import { BURST_INTERVAL_MILLISECONDS } from "./gratuitous-schedule.js";
import { noteSender, writeMac, type Layer2Protocol, type ResponderInterface } from "./layer2-protocol.js";
import {
  findNdpFault,
  isGroup,
  isUnspecified,
  linkLayerOptionAt,
  NDP_FRAME_OCTETS,
  NDP_OFFSET,
  NEIGHBOR_ADVERTISEMENT,
  NEIGHBOR_SOLICITATION,
  OVERRIDE_FLAG,
  ROUTER_FLAG,
  SOLICITED_FLAG,
  SOURCE_LINK_LAYER_ADDRESS,
  TARGET_LINK_LAYER_ADDRESS,
  writeChecksum,
  writeNdpConstants,
  type NdpFault,
} from "./ndp.js";

/** Why a frame that arrives is not answered. */
export type NdpDropReason =
  NdpFault | "advertisement" | "ethernetDestination" | "ethernetSource" | "notAnnounced" | "otherInterface";

export const NDP_DROP_REASONS: readonly NdpDropReason[] = [
  "truncated",
  "oversized",
  "etherType",
  "version",
  "nextHeader",
  "hopLimit",
  "length",
  "checksum",
  "type",
  "code",
  "targetAddress",
  "option",
  "linkLayerAddress",
  "sourceAddress",
  "unspecifiedSource",
  "solicitedFlag",
  "advertisement",
  "ethernetDestination",
  "ethernetSource",
  "notAnnounced",
  "otherInterface",
];

/** MAX_NEIGHBOR_ADVERTISEMENT, RFC 4861 §10: so many unsolicited advertisements about one address, §7.2.6. */
const MAX_NEIGHBOR_ADVERTISEMENT = 3;
const ADVERTISEMENT_OCTETS = 32; // with the option
const SOLICITATION_OCTETS = 24; // without one
const UNSPECIFIED: Ipv6Key = String.fromCharCode(0, 0, 0, 0, 0, 0, 0, 0);
const ALL_NODES: Ipv6Key = String.fromCharCode(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC = { high: 0x3333, low: 1 }; // RFC 2464 §7

export const ndpProtocol: Layer2Protocol<NdpDropReason> = {
  name: "NDP",
  dropReasons: NDP_DROP_REASONS,
  frameOctets: NDP_FRAME_OCTETS,
  burstFrames: 1,
  burstPeriodMilliseconds: (MAX_NEIGHBOR_ADVERTISEMENT - 0.5) * BURST_INTERVAL_MILLISECONDS,
  answer: answerNdp,
  writeBurst: (out, outOffset, _slotOctets, from, key) => writeUnsolicitedAdvertisement(out, outOffset, from, key),
  probeOctets: NDP_OFFSET.options,
  writeProbe: writeNdpProbe,
  // A solicitation with one option, and 10 octets to spare. All who only want to know whether an address is taken are told
  // by one answer, to all: they are one requester, without an address.
  requestForm: {
    kept: 96,
    longest: 96,
    requesterOffset: NDP_OFFSET.sourceAddress,
    requesterOctets: 16,
    targetOffset: NDP_OFFSET.targetAddress,
    targetOctets: 16,
  },
  requestedAddress: (view, offset) => readIpv6Key(view, offset + NDP_OFFSET.targetAddress),
  speaksFor: (key) => typeof key === "string",
};

/**
 * Answers a neighbour solicitation as RFC 4861 §7.2.4 says: to the one who asks, solicited, with the link-layer address
 * also where it may be left out; to all nodes, not solicited, where the source is unspecified, so that whoever is about to
 * take the address (RFC 4862 §5.4) hears that it is taken. Overrides: we have the address, as its only owner. The link-layer
 * address of the one who asks is that of its option, or of the frame where there is none, as in many a probe of
 * reachability (§7.3.3). Nothing is looked up, so that none of this waits for a neighbour cache.
 */
export function answerNdp(
  view: DataView,
  offset: number,
  octets: number,
  from: ResponderInterface,
  addresses: AnnouncedAddresses,
  out: DataView,
  outOffset: number,
): AnnouncedAddress | NdpDropReason {
  const fault = findNdpFault(view, offset, octets);
  if (fault !== undefined) return fault;
  const key = readIpv6Key(view, offset + NDP_OFFSET.targetAddress);
  const address = addresses.get(key);
  if (view.getUint8(offset + NDP_OFFSET.type) !== NEIGHBOR_SOLICITATION) {
    noteSender(view, linkLayerAddressAt(view, offset, TARGET_LINK_LAYER_ADDRESS), from, address);
    return "advertisement";
  }
  if (!isGroup(view, offset) && !isOurs(view, offset, from)) return "ethernetDestination";
  if (isGroup(view, offset + NDP_OFFSET.ethernetSource)) return "ethernetSource";
  const source = offset + NDP_OFFSET.sourceAddress;
  const asker = linkLayerAddressAt(view, offset, SOURCE_LINK_LAYER_ADDRESS);
  noteSender(view, asker, from, addresses.get(readIpv6Key(view, source)));
  if (address === undefined || !address.announced) return "notAnnounced";
  if (!isAnnouncedOn(address, from.name)) return "otherInterface";

  if (isUnspecified(view, source)) {
    writeAdvertisement(out, outOffset, from, key, OVERRIDE_FLAG);
    writeMac(out, outOffset + NDP_OFFSET.ethernetDestination, ALL_NODES_MAC.high, ALL_NODES_MAC.low);
    writeIpv6Key(out, outOffset + NDP_OFFSET.destinationAddress, ALL_NODES);
  } else {
    writeAdvertisement(out, outOffset, from, key, SOLICITED_FLAG | OVERRIDE_FLAG);
    copyOctets(view, asker, out, outOffset, 6);
    copyOctets(view, source, out, outOffset + NDP_OFFSET.destinationAddress, 16);
  }
  writeChecksum(out, outOffset, ADVERTISEMENT_OCTETS);
  return address;
}

/** Tells everyone on the link who has an address now, replacing what they knew. RFC 4861 §7.2.6 */
export function writeUnsolicitedAdvertisement(
  out: DataView,
  outOffset: number,
  from: ResponderInterface,
  key: AddressKey,
): void {
  if (typeof key !== "string") return; // an IPv4 address is for ARP
  writeAdvertisement(out, outOffset, from, key, OVERRIDE_FLAG);
  writeMac(out, outOffset + NDP_OFFSET.ethernetDestination, ALL_NODES_MAC.high, ALL_NODES_MAC.low);
  writeIpv6Key(out, outOffset + NDP_OFFSET.destinationAddress, ALL_NODES);
  writeChecksum(out, outOffset, ADVERTISEMENT_OCTETS);
}

/**
 * Writes a solicitation by which somebody who has no address yet asks whether this one is taken. The answer goes to all nodes,
 * so no group has to be joined for it. RFC 4862 §5.4.2
 */
export function writeNdpProbe(out: DataView, outOffset: number, from: ResponderInterface, key: AddressKey): void {
  if (typeof key !== "string") return; // an IPv4 address is for ARP
  const group = solicitedNodeGroup(key);
  writeMac(out, outOffset + NDP_OFFSET.ethernetDestination, 0x3333, 0xff000000 | group); // RFC 2464 §7
  writeMac(out, outOffset + NDP_OFFSET.ethernetSource, from.macHigh, from.macLow);
  writeNdpConstants(out, outOffset, NEIGHBOR_SOLICITATION, SOLICITATION_OCTETS);
  writeIpv6Key(out, outOffset + NDP_OFFSET.sourceAddress, UNSPECIFIED);
  writeIpv6Key(out, outOffset + NDP_OFFSET.destinationAddress, solicitedNodeAddress(group));
  out.setUint32(outOffset + NDP_OFFSET.flags, 0);
  writeIpv6Key(out, outOffset + NDP_OFFSET.targetAddress, key);
  writeChecksum(out, outOffset, SOLICITATION_OCTETS);
}

/** ff02::1:ff00:0/104 and the group's 24 bits. RFC 4291 §2.7.1 */
function solicitedNodeAddress(group: number): Ipv6Key {
  return String.fromCharCode(0xff02, 0, 0, 0, 0, 1, 0xff00 | (group >>> 16), group & 0xffff);
}

/** All but whom it goes to, and the checksum. It comes from the address that it is about, which is ours: RFC 4861 §4.4. */
function writeAdvertisement(
  out: DataView,
  outOffset: number,
  { macHigh, macLow, router }: ResponderInterface,
  key: Ipv6Key,
  flags: number,
): void {
  writeMac(out, outOffset + NDP_OFFSET.ethernetSource, macHigh, macLow);
  writeNdpConstants(out, outOffset, NEIGHBOR_ADVERTISEMENT, ADVERTISEMENT_OCTETS);
  writeIpv6Key(out, outOffset + NDP_OFFSET.sourceAddress, key);
  out.setUint32(outOffset + NDP_OFFSET.flags, (router ? flags | ROUTER_FLAG : flags) * 2 ** 24);
  writeIpv6Key(out, outOffset + NDP_OFFSET.targetAddress, key);
  out.setUint16(outOffset + NDP_OFFSET.options, (TARGET_LINK_LAYER_ADDRESS << 8) | 1);
  writeMac(out, outOffset + NDP_OFFSET.options + 2, macHigh, macLow);
}

/** Where the link-layer address of who sent the message lies: in its option, else in the frame. */
function linkLayerAddressAt(view: DataView, offset: number, type: number): number {
  const option = linkLayerOptionAt(view, offset, view.getUint16(offset + NDP_OFFSET.payloadLength), type);
  return option === 0 ? offset + NDP_OFFSET.ethernetSource : option;
}

function isOurs(view: DataView, offset: number, { macHigh, macLow }: ResponderInterface): boolean {
  return view.getUint16(offset) === macHigh && view.getInt32(offset + 2) === macLow;
}

/** Even numbers of octets only. */
function copyOctets(from: DataView, at: number, to: DataView, toAt: number, octets: number): void {
  for (let octet = 0; octet < octets; octet += 2) to.setUint16(toAt + octet, from.getUint16(at + octet));
}
