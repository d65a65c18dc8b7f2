import type { FrameSlots } from "../net/frame-slots.js";
import type { MacAddress } from "../net/mac.js";
import { macOctets } from "../net/mac.js";
import type { AddressKey } from "./address-key.js";
import { isAnnouncedOn, type AnnouncedAddress, type AnnouncedAddresses } from "./announced-addresses.js";
import type { RequestForm } from "./recent-requests.js";

export type ProtocolName = "ARP" | "NDP";

/** What answers for addresses of one family on an interface, and tells its link about them. */
export type Layer2Protocol<Reason extends string = string> = Readonly<{
  name: ProtocolName;
  /** Why a frame that arrives is not answered. */
  dropReasons: readonly Reason[];
  /** Octets of every frame that it sends, but of probes. */
  frameOctets: number;
  /** Octets of a probe: at most as many. */
  probeOctets: number;
  /** For how long after an announcement the link is told again. */
  burstPeriodMilliseconds: number;
  /** Frames by which the link is told once about one address. */
  burstFrames: number;
  /**
   * Decides on one frame that arrived, and writes the answer where there is one. Runs for each frame; never throws.
   * @param view where the frame lies, from `offset`; `octets` is its length on the wire
   * @param out where the answer goes, from `outOffset`
   * @returns the address that is answered for, or why there is no answer and `out` is as before
   */
  answer(
    view: DataView,
    offset: number,
    octets: number,
    from: ResponderInterface,
    addresses: AnnouncedAddresses,
    out: DataView,
    outOffset: number,
  ): AnnouncedAddress | Reason;
  /** Writes the frames of one burst, `slotOctets` apart. */
  writeBurst(out: DataView, outOffset: number, slotOctets: number, from: ResponderInterface, key: AddressKey): void;
  /** Writes what asks the link whether somebody has an address, without saying that we do. */
  writeProbe(out: DataView, outOffset: number, from: ResponderInterface, key: AddressKey): void;
  /** What is kept of a request that somebody else has to answer. */
  requestForm: RequestForm;
  /** The address that a request is for, which answer() found to be one. */
  requestedAddress(view: DataView, offset: number): AddressKey;
  /** Whether it is the protocol of this address. */
  speaksFor(key: AddressKey): boolean;
}>;

/**
 * The interface that a frame came in by. The hardware address is in two halves, so that comparing makes nothing. `router`:
 * IPv6 is forwarded there.
 */
export type ResponderInterface = Readonly<{
  name: string;
  macHigh: number;
  macLow: number;
  router: boolean;
  /** Called where a frame says that an address that is announced or probed for here belongs to this other hardware address. */
  onClaim: OnClaim;
}>;
export type OnClaim = (address: AnnouncedAddress, macHigh: number, macLow: number) => void;

export function responderInterface(
  name: string,
  mac: MacAddress,
  router = false,
  onClaim: OnClaim = () => {},
): ResponderInterface {
  const view = new DataView(macOctets(mac).buffer);
  return { name, macHigh: view.getUint16(0), macLow: view.getInt32(2), router, onClaim };
}

/** Tells of a claim, where the hardware address at `at` is another one's and the address is announced or probed for here. */
export function noteSender(
  view: DataView,
  at: number,
  from: ResponderInterface,
  claimed: AnnouncedAddress | undefined,
): void {
  if (claimed === undefined) return;
  if (!isAnnouncedOn(claimed, from.name) && claimed.probe === undefined) return;
  const [high, low] = [view.getUint16(at), view.getInt32(at + 2)];
  if (high !== from.macHigh || low !== from.macLow) from.onClaim(claimed, high, low);
}

/** Frames that were not answered, by reason. */
export type DropCounters = Record<string, number>;

/** Why a frame is dropped unread, by either protocol: it waited while the thread stood still, or came before it may answer. */
export const STALLED = "stalled";

export function createDropCounters({ dropReasons }: Layer2Protocol): DropCounters {
  return Object.fromEntries([...dropReasons, STALLED].map((reason) => [reason, 0]));
}

/**
 * Decides on the first `count` frames received, writes the answers into the first slots to send, and counts.
 * @param answered gets the address of each answer, by its slot; BOUNDED by the slots
 * @param remember gets each request that somebody else has to answer
 * @param note gets each request that is answered
 * @param mayAnswer false: what is to be answered is remembered instead; it is counted when it is answered
 * @returns how many answers there are
 */
export function answerBatch(
  protocol: Layer2Protocol,
  slots: FrameSlots,
  count: number,
  from: ResponderInterface,
  addresses: AnnouncedAddresses,
  drops: DropCounters,
  answered: AnnouncedAddress[],
  remember: Remember = () => {},
  note: (view: DataView, offset: number) => void = () => {},
  mayAnswer = true,
): number {
  let answers = 0;
  for (let slot = 0; slot < count; slot += 1) {
    const octets = slots.receivedOctets[slot] ?? 0;
    const outOffset = answers * slots.slotOctets;
    const outcome = protocol.answer(
      slots.received,
      slot * slots.slotOctets,
      octets,
      from,
      addresses,
      slots.toSend,
      outOffset,
    );
    if (typeof outcome === "string") {
      drops[outcome] = (drops[outcome] ?? 0) + 1;
      if (outcome === "notAnnounced" || outcome === "otherInterface") {
        remember(slots.received, slot * slots.slotOctets, octets);
      }
      continue;
    }
    if (!mayAnswer) {
      remember(slots.received, slot * slots.slotOctets, octets);
      continue;
    }
    outcome.requestsReceived += 1;
    outcome.responsesSent += 1;
    answered[answers] = outcome;
    note(slots.received, slot * slots.slotOctets);
    answers += 1;
  }
  return answers;
}

type Remember = (view: DataView, offset: number, octets: number) => void;

/** Every frame we send is of the same length, but for probes, and zero where nothing is written: neither is ever written again. */
export function prepareFramesToSend({ frameOctets }: Layer2Protocol, { toSend, toSendOctets }: FrameSlots): void {
  for (let offset = 0; offset < toSend.byteLength; offset += 1) toSend.setUint8(offset, 0);
  toSendOctets.fill(frameOctets);
}

export function writeMac(view: DataView, offset: number, high: number, low: number): void {
  view.setUint16(offset, high);
  view.setInt32(offset + 2, low);
}
