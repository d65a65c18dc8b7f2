import type { AddressKey } from "./address-key.js";
import { isAnnouncedOn, type AnnouncedAddress, type AnnouncedAddresses } from "./announced-addresses.js";
import {
  ARP_FRAME_OCTETS,
  ARP_OFFSET,
  ARP_REPLY,
  ARP_REQUEST,
  findArpFault,
  MAX_ARP_FRAME_OCTETS,
  writeArpConstants,
  type ArpFault,
} from "./arp.js";
import { BURST_PERIOD_MILLISECONDS } from "./gratuitous-schedule.js";
import { noteSender, writeMac, type Layer2Protocol, type ResponderInterface } from "./layer2-protocol.js";

/** Why a frame that arrived is not answered. */
export type DropReason =
  ArpFault | "reply" | "ethernetDestination" | "senderHardwareAddress" | "notAnnounced" | "otherInterface";

export const DROP_REASONS: readonly DropReason[] = [
  "truncated",
  "oversized",
  "etherType",
  "hardwareType",
  "protocolType",
  "addressLengths",
  "operation",
  "reply",
  "ethernetDestination",
  "senderHardwareAddress",
  "notAnnounced",
  "otherInterface",
];

export const arpProtocol: Layer2Protocol<DropReason> = {
  name: "ARP",
  dropReasons: DROP_REASONS,
  frameOctets: ARP_FRAME_OCTETS,
  burstFrames: 2,
  burstPeriodMilliseconds: BURST_PERIOD_MILLISECONDS,
  answer: answerArp,
  writeBurst(out, outOffset, slotOctets, from, key) {
    writeGratuitousArp(out, outOffset, from, key, ARP_REQUEST);
    writeGratuitousArp(out, outOffset + slotOctets, from, key, ARP_REPLY);
  },
  probeOctets: ARP_FRAME_OCTETS,
  writeProbe: writeArpProbe,
  // The packet without its padding; hardware and protocol address of the sender lie side by side.
  requestForm: {
    kept: 44,
    longest: MAX_ARP_FRAME_OCTETS,
    requesterOffset: ARP_OFFSET.senderHardwareAddress,
    requesterOctets: 10,
    targetOffset: ARP_OFFSET.targetProtocolAddress,
    targetOctets: 4,
  },
  requestedAddress: (view, offset) => view.getInt32(offset + ARP_OFFSET.targetProtocolAddress),
  speaksFor: (key) => typeof key === "number",
};

/**
 * Decides on one frame that arrived, and writes the answer where there is one. Runs for each frame: makes no objects,
 * never throws. Only requests are answered that were sent to all or to this interface's hardware address, whoever sent
 * them, so probes from 0.0.0.0 (RFC 5227 §2.1.1) too. The answer goes to the sender's hardware address in the packet, not
 * to that of the frame, and alone: a sender address that stands for a group gets none (RFC 1812 §3.3.2 on such lies).
 * @param view where the frame lies, from `offset`; `octets` is its length on the wire
 * @param out where the answer of 60 octets goes, from `outOffset`
 * @returns the address that is answered for, or why there is no answer and `out` is as before
 */
export function answerArp(
  view: DataView,
  offset: number,
  octets: number,
  from: ResponderInterface,
  addresses: AnnouncedAddresses,
  out: DataView,
  outOffset: number,
): AnnouncedAddress | DropReason {
  const fault = findArpFault(view, offset, octets);
  if (fault !== undefined) return fault;
  const { name, macHigh, macLow } = from;
  const claimed = addresses.get(view.getInt32(offset + ARP_OFFSET.senderProtocolAddress));
  noteSender(view, offset + ARP_OFFSET.senderHardwareAddress, from, claimed); // RFC 5227 §2.4, requests and replies
  if (view.getUint16(offset + ARP_OFFSET.operation) !== ARP_REQUEST) return "reply";
  const destinationHigh = view.getUint16(offset);
  const destinationLow = view.getInt32(offset + 2);
  const toAll = destinationHigh === 0xffff && destinationLow === -1;
  if (!toAll && (destinationHigh !== macHigh || destinationLow !== macLow)) return "ethernetDestination";
  const key = view.getInt32(offset + ARP_OFFSET.targetProtocolAddress);
  const address = addresses.get(key);
  if (address === undefined || !address.announced) return "notAnnounced";
  if (!isAnnouncedOn(address, name)) return "otherInterface";
  const requesterHigh = view.getUint16(offset + ARP_OFFSET.senderHardwareAddress);
  const requesterLow = view.getInt32(offset + ARP_OFFSET.senderHardwareAddress + 2);
  if ((requesterHigh & 0x0100) !== 0) return "senderHardwareAddress";

  writeMac(out, outOffset + ARP_OFFSET.ethernetDestination, requesterHigh, requesterLow);
  writeMac(out, outOffset + ARP_OFFSET.ethernetSource, macHigh, macLow);
  writeArpConstants(out, outOffset, ARP_REPLY);
  writeMac(out, outOffset + ARP_OFFSET.senderHardwareAddress, macHigh, macLow);
  out.setInt32(outOffset + ARP_OFFSET.senderProtocolAddress, key);
  writeMac(out, outOffset + ARP_OFFSET.targetHardwareAddress, requesterHigh, requesterLow);
  const requester = view.getInt32(offset + ARP_OFFSET.senderProtocolAddress);
  out.setInt32(outOffset + ARP_OFFSET.targetProtocolAddress, requester);
  return address;
}

/**
 * Writes the frame that tells everyone on the link who has an address now: from this interface's hardware address to all,
 * sender and target protocol address both the announced one (RFC 5944 §4.6), target hardware address all ones.
 */
export function writeGratuitousArp(
  out: DataView,
  outOffset: number,
  { macHigh, macLow }: ResponderInterface,
  key: AddressKey,
  operation: typeof ARP_REQUEST | typeof ARP_REPLY,
): void {
  if (typeof key !== "number") return; // an IPv6 address is for NDP
  writeMac(out, outOffset + ARP_OFFSET.ethernetDestination, 0xffff, -1);
  writeMac(out, outOffset + ARP_OFFSET.ethernetSource, macHigh, macLow);
  writeArpConstants(out, outOffset, operation);
  writeMac(out, outOffset + ARP_OFFSET.senderHardwareAddress, macHigh, macLow);
  out.setInt32(outOffset + ARP_OFFSET.senderProtocolAddress, key);
  writeMac(out, outOffset + ARP_OFFSET.targetHardwareAddress, 0xffff, -1);
  out.setInt32(outOffset + ARP_OFFSET.targetProtocolAddress, key);
}

/** Writes a probe: a request whose sender has no address, so that nobody learns one from it. RFC 5227 §1.1, §2.1.1 */
export function writeArpProbe(
  out: DataView,
  outOffset: number,
  { macHigh, macLow }: ResponderInterface,
  key: AddressKey,
): void {
  if (typeof key !== "number") return; // an IPv6 address is for NDP
  writeMac(out, outOffset + ARP_OFFSET.ethernetDestination, 0xffff, -1);
  writeMac(out, outOffset + ARP_OFFSET.ethernetSource, macHigh, macLow);
  writeArpConstants(out, outOffset, ARP_REQUEST);
  writeMac(out, outOffset + ARP_OFFSET.senderHardwareAddress, macHigh, macLow);
  out.setInt32(outOffset + ARP_OFFSET.senderProtocolAddress, 0);
  writeMac(out, outOffset + ARP_OFFSET.targetHardwareAddress, 0, 0);
  out.setInt32(outOffset + ARP_OFFSET.targetProtocolAddress, key);
}
