import { refuse, succeed, type Result } from "../net/result.js";
import { decodeControlPacket, type ControlPacket, type PacketFault } from "./packet.js";

/** Which packets are of a session before they name it. Addresses are of 4 or 16 octets. */
export type BfdPath = Readonly<{
  remoteAddress: Uint8Array;
  /** undefined: whatever address of ours the peer sends to. */
  localAddress: Uint8Array | undefined;
  isMultihop: boolean;
  /** The interface or VRF whose socket hears it; "": any. */
  device: string;
  /** With less a packet is not taken: 255 on a single hop. RFC 5881 §5, RFC 5883 §5 */
  minimumTtl: number;
}>;

/** A datagram on one of the ports for Control packets. */
export type BfdArrival = Readonly<{
  payload: Uint8Array;
  source: Uint8Array;
  destination: Uint8Array;
  /** As it arrived. */
  hopLimit: number;
  /** That of the socket. */
  isMultihop: boolean;
  device: string;
  /**
   * The device is the interface that the datagram came in by, not a VRF around that. The kernel gives all that comes in by
   * an interface to the socket bound to it, so that one also hears what is for sessions of any device.
   */
  isLink: boolean;
}>;

/** Why a packet is passed over. `noSession`: nobody is meant; `source`: not from the peer of the multihop session that it names. */
export type BfdDrop = PacketFault | "hopLimit" | "noSession" | "source";

export const BFD_DROPS: readonly BfdDrop[] = [
  "version",
  "length",
  "detectMult",
  "multipoint",
  "myDiscriminator",
  "yourDiscriminator",
  "authentication",
  "pollAndFinal",
  "hopLimit",
  "noSession",
  "source",
];

/** Finds the session that a packet is for, by the rules of RFC 5880 §6.3 and §6.8.6. */
export interface Demultiplexer<Session> {
  /** @param discriminator ours: of no other session, not 0 */
  add(discriminator: number, path: BfdPath, session: Session): void;
  remove(discriminator: number): void;
  setMinimumTtl(discriminator: number, minimumTtl: number): void;
  has(discriminator: number): boolean;
  /** Never throws; keeps nothing of the arrival. O(1) */
  accept(arrival: BfdArrival): Result<Readonly<{ session: Session; packet: ControlPacket }>, BfdDrop>;
}

/** What no router has passed on. RFC 5881 §5 */
export const SINGLE_HOP_TTL = 255;

type Entry<Session> = { readonly path: BfdPath; readonly session: Session; minimumTtl: number };

export function createDemultiplexer<Session>(): Demultiplexer<Session> {
  const byDiscriminator = new Map<number, Entry<Session>>(); // BOUNDED by the sessions
  const byPeer = new Map<string, Entry<Session>[]>(); // BOUNDED likewise

  /** Of several sessions with the peer the one of its device is meant, before one of any device. */
  function findByAddress({ source, destination, isMultihop, device, isLink }: BfdArrival): Entry<Session> | undefined {
    for (const each of isLink ? [device, ""] : [device]) {
      const found = byPeer
        .get(peerKey(source, isMultihop, each))
        ?.find(({ path: { localAddress } }) => localAddress === undefined || sameOctets(localAddress, destination));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  return {
    add(discriminator, path, session) {
      const entry = { path, session, minimumTtl: path.minimumTtl };
      byDiscriminator.set(discriminator, entry);
      const key = peerKey(path.remoteAddress, path.isMultihop, path.device);
      byPeer.set(key, [...(byPeer.get(key) ?? []), entry]);
    },
    remove(discriminator) {
      const entry = byDiscriminator.get(discriminator);
      if (entry === undefined) return;
      byDiscriminator.delete(discriminator);
      const key = peerKey(entry.path.remoteAddress, entry.path.isMultihop, entry.path.device);
      const others = (byPeer.get(key) ?? []).filter((each) => each !== entry);
      if (others.length === 0) byPeer.delete(key);
      else byPeer.set(key, others);
    },
    setMinimumTtl(discriminator, minimumTtl) {
      const entry = byDiscriminator.get(discriminator);
      if (entry !== undefined) entry.minimumTtl = minimumTtl;
    },
    has: (discriminator) => byDiscriminator.has(discriminator),
    accept(arrival) {
      // Before anything else of a packet counts: who is further away than it says cannot make work. RFC 5082 §3
      if (!arrival.isMultihop && arrival.hopLimit !== SINGLE_HOP_TTL) return refuse("hopLimit");
      const decoded = decodeControlPacket(arrival.payload);
      if (!decoded.ok) return decoded;
      const { yourDiscriminator } = decoded.value;
      const entry = yourDiscriminator === 0 ? findByAddress(arrival) : byDiscriminator.get(yourDiscriminator);
      // One of a single hop does not hear what came in by the port on which more hops are allowed.
      if (entry === undefined || entry.path.isMultihop !== arrival.isMultihop) return refuse("noSession");
      const isOfDevice = entry.path.device === arrival.device || (entry.path.device === "" && arrival.isLink);
      if (!isOfDevice) return refuse("noSession");
      if (arrival.hopLimit < entry.minimumTtl) return refuse("hopLimit");
      // Who can be anywhere must not only guess a discriminator, but also be where the peer is. On a single hop the hop limit
      // guards, and the peer's address may change. RFC 5881 §6
      if (arrival.isMultihop && !sameOctets(entry.path.remoteAddress, arrival.source)) return refuse("source");
      return succeed({ session: entry.session, packet: decoded.value });
    },
  };
}

function peerKey(address: Uint8Array, isMultihop: boolean, device: string): string {
  return `${address.join(".")} ${isMultihop ? "multihop" : "singleHop"} ${device}`;
}

function sameOctets(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((octet, index) => octet === other[index]);
}
