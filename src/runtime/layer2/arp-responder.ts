import type { FrameSlots } from "../net/frame-slots.js";
import type { MacAddress } from "../net/mac.js";
import { macOctets } from "../net/mac.js";
import { isAnnouncedOn, type AnnouncedAddress, type AnnouncedAddresses } from "./announced-addresses.js";
import {
  ARP_FRAME_OCTETS,
  ARP_OFFSET,
  ARP_REPLY,
  ARP_REQUEST,
  findArpFault,
  writeArpConstants,
  type ArpFault,
} from "./arp.js";
import type { Ipv4Key } from "./ipv4-key.js";

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

/** The interface that a frame came in by. The hardware address is in two halves, so that comparing makes nothing. */
export type ResponderInterface = Readonly<{ name: string; macHigh: number; macLow: number }>;

export function responderInterface(name: string, mac: MacAddress): ResponderInterface {
  const view = new DataView(macOctets(mac).buffer);
  return { name, macHigh: view.getUint16(0), macLow: view.getInt32(2) };
}

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
  { name, macHigh, macLow }: ResponderInterface,
  addresses: AnnouncedAddresses,
  out: DataView,
  outOffset: number,
): AnnouncedAddress | DropReason {
  const fault = findArpFault(view, offset, octets);
  if (fault !== undefined) return fault;
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

/** Frames that were not answered, by reason. */
export type DropCounters = Record<DropReason, number>;

export function createDropCounters(): DropCounters {
  return Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as DropCounters;
}

/**
 * Decides on the first `count` frames received, writes the answers into the first slots to send, and counts.
 * @param answered gets the address of each answer, by its slot; BOUNDED by the slots
 * @returns how many answers there are
 */
export function answerBatch(
  slots: FrameSlots,
  count: number,
  from: ResponderInterface,
  addresses: AnnouncedAddresses,
  drops: DropCounters,
  answered: AnnouncedAddress[],
): number {
  let answers = 0;
  for (let slot = 0; slot < count; slot += 1) {
    const octets = slots.receivedOctets[slot] ?? 0;
    const outOffset = answers * slots.slotOctets;
    const outcome = answerArp(
      slots.received,
      slot * slots.slotOctets,
      octets,
      from,
      addresses,
      slots.toSend,
      outOffset,
    );
    if (typeof outcome === "string") {
      drops[outcome] += 1;
      continue;
    }
    outcome.requestsReceived += 1;
    outcome.responsesSent += 1;
    answered[answers] = outcome;
    answers += 1;
  }
  return answers;
}

/**
 * Writes the frame that tells everyone on the link who has an address now: from this interface's hardware address to all,
 * sender and target protocol address both the announced one (RFC 5944 §4.6), target hardware address all ones.
 */
export function writeGratuitousArp(
  out: DataView,
  outOffset: number,
  { macHigh, macLow }: ResponderInterface,
  key: Ipv4Key,
  operation: typeof ARP_REQUEST | typeof ARP_REPLY,
): void {
  writeMac(out, outOffset + ARP_OFFSET.ethernetDestination, 0xffff, -1);
  writeMac(out, outOffset + ARP_OFFSET.ethernetSource, macHigh, macLow);
  writeArpConstants(out, outOffset, operation);
  writeMac(out, outOffset + ARP_OFFSET.senderHardwareAddress, macHigh, macLow);
  out.setInt32(outOffset + ARP_OFFSET.senderProtocolAddress, key);
  writeMac(out, outOffset + ARP_OFFSET.targetHardwareAddress, 0xffff, -1);
  out.setInt32(outOffset + ARP_OFFSET.targetProtocolAddress, key);
}

/** Every frame we send is of 60 octets, the last 18 zero: neither is ever written again. */
export function prepareFramesToSend({ toSend, toSendOctets }: FrameSlots): void {
  for (let offset = 0; offset < toSend.byteLength; offset += 1) toSend.setUint8(offset, 0);
  toSendOctets.fill(ARP_FRAME_OCTETS);
}

function writeMac(view: DataView, offset: number, high: number, low: number): void {
  view.setUint16(offset, high);
  view.setInt32(offset + 2, low);
}
