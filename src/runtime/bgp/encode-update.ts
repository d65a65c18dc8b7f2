import { addressOctets, type Family, type IpAddress, type Prefix } from "../net/address.js";
import type { UpdateMessage } from "./decode-update.js";
import { encodeAttribute, familyOctets } from "./encode-attribute.js";
import { unicast } from "./family.js";
import { HEADER_OCTETS, MAX_EXTENDED_MESSAGE_OCTETS, MAX_MESSAGE_OCTETS } from "./frame.js";
import { encodePrefix, encodePrefixes, prefixOctets } from "./nlri.js";
import { concatOctets, uint16Octets } from "./octets.js";
import {
  ATTRIBUTE_CODE,
  CATEGORY,
  FLAG,
  ORIGIN,
  SEGMENT,
  type LargeCommunity,
  type PathAttribute,
} from "./path-attribute.js";

/** What the two OPENs settled, as far as messages look different for it. */
export type EncodingContext = Readonly<{ fourOctetAs: boolean; extendedMessage: boolean }>;

/** Inverse of decodeUpdate: the body of one message, however long. */
export function encodeUpdate(update: UpdateMessage, { fourOctetAs }: Pick<EncodingContext, "fourOctetAs">): Uint8Array {
  const withdrawn = update.withdrawnRoutes.flatMap(encodePrefix);
  const attributes = update.pathAttributes.flatMap((attribute) => encodeAttribute(attribute, fourOctetAs));
  return Uint8Array.from([
    ...uint16Octets(withdrawn.length),
    ...withdrawn,
    ...uint16Octets(attributes.length),
    ...attributes,
    ...update.nlri.flatMap(encodePrefix),
  ]);
}

/** What a speaker says of the routes that it announces; routes that are alike in it share messages. */
export type RouteAttributes = Readonly<{
  /** Our AS, several times where it is prepended; empty within an AS. RFC 4271 §5.1.2 */
  asPath: readonly number[];
  /** One, or with a link-local one behind it for IPv6. RFC 4271 §5.1.3, RFC 2545 §3 */
  nextHops: readonly IpAddress[];
  /** Within an AS only. RFC 4271 §5.1.5 */
  localPref?: number;
  /** RFC 1997: `asn << 16 | value`, as unsigned numbers. Sent sorted. */
  communities: readonly number[];
  /** Sent sorted. RFC 8092 §3 */
  largeCommunities: readonly LargeCommunity[];
}>;

/**
 * The bodies of the UPDATEs that announce prefixes of one family with the same attributes: as few as can be, each within
 * the size of a message. IPv4 prefixes with an IPv4 next hop stand in the NLRI field, all others in MP_REACH_NLRI,
 * which comes first (RFC 7606 §5.1).
 * @throws RangeError where the attributes alone fill a message
 */
export function* encodeAnnouncements(
  family: Family,
  attributes: RouteAttributes,
  prefixes: readonly Prefix[],
  context: EncodingContext,
): Generator<Uint8Array> {
  const { beforeNextHop, behindNextHop } = sharedAttributes(attributes, context.fourOctetAs);
  const { nextHops } = attributes;
  const isPlain = family === "ipv4" && nextHops.every((nextHop) => nextHop.family === "ipv4");
  const nextHopOctets = nextHops.flatMap(addressOctets);
  // The two lengths of an UPDATE, NEXT_HOP or what stands around the prefixes in MP_REACH_NLRI, and all others.
  const own = isPlain ? 3 + nextHopOctets.length : MULTIPROTOCOL_HEADER_OCTETS + 3 + 2 + nextHopOctets.length;
  const room = roomFor(4 + own + beforeNextHop.length + behindNextHop.length, context);
  const nextHop = nextHops.flatMap((address) => encodeAttribute({ name: "nextHop", address }, true));
  for (const part of splitPrefixes(prefixes, room)) {
    const nlri = encodePrefixes(part);
    if (isPlain) {
      yield bodyOf([beforeNextHop, nextHop, behindNextHop], nlri);
    } else {
      const value = [[...familyOctets(unicast(family)), nextHopOctets.length, ...nextHopOctets, 0], nlri];
      yield bodyOf([...multiprotocol("mpReachNlri", value), beforeNextHop, behindNextHop]);
    }
  }
}

/** The bodies of the UPDATEs that withdraw prefixes of one family. */
export function* encodeWithdrawals(
  family: Family,
  prefixes: readonly Prefix[],
  context: EncodingContext,
): Generator<Uint8Array> {
  const fixed = family === "ipv4" ? 4 : 4 + MULTIPROTOCOL_HEADER_OCTETS + 3;
  for (const part of splitPrefixes(prefixes, roomFor(fixed, context))) {
    const withdrawnRoutes = encodePrefixes(part);
    if (family === "ipv4") yield concatOctets([uint16Octets(withdrawnRoutes.length), withdrawnRoutes, [0, 0]]);
    else yield bodyOf(multiprotocol("mpUnreachNlri", [familyOctets(unicast(family)), withdrawnRoutes]));
  }
}

/** The body that ends the first full list of a family. RFC 4724 §2 */
export function encodeEndOfRib(family: Family): Uint8Array {
  if (family === "ipv4") return new Uint8Array(4);
  return bodyOf([encodeAttribute({ name: "mpUnreachNlri", family, withdrawnRoutes: [] }, true)]);
}

function roomFor(fixedOctets: number, { extendedMessage }: EncodingContext): number {
  return (extendedMessage ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS) - HEADER_OCTETS - fixedOctets;
}

function* splitPrefixes(prefixes: readonly Prefix[], room: number): Generator<readonly Prefix[]> {
  let [start, octets] = [0, 0];
  for (const [index, prefix] of prefixes.entries()) {
    const more = prefixOctets(prefix);
    if (more > room) throw new RangeError(`Cannot encode BGP UPDATE: its attributes leave ${room} octets for routes`);
    if (octets + more > room) {
      yield prefixes.slice(start, index);
      [start, octets] = [index, 0];
    }
    octets += more;
  }
  if (start < prefixes.length) yield prefixes.slice(start);
}

type SharedAttributes = Readonly<{ beforeNextHop: readonly number[]; behindNextHop: readonly number[] }>;

/** All attributes but those of the next hop, in order of their codes, as RFC 4271 §5 advises. */
function sharedAttributes(attributes: RouteAttributes, fourOctetAs: boolean): SharedAttributes {
  const { asPath, localPref, communities, largeCommunities } = attributes;
  const segments = asPath.length === 0 ? [] : [{ type: SEGMENT.sequence, asns: asPath }];
  const encode = (list: readonly PathAttribute[]): number[] => list.flatMap((one) => encodeAttribute(one, fourOctetAs));
  const behindNextHop: PathAttribute[] = [];
  if (localPref !== undefined) behindNextHop.push({ name: "localPref", value: localPref });
  if (communities.length > 0) {
    behindNextHop.push({ name: "communities", communities: communities.toSorted((a, b) => a - b) });
  }
  const hasLongAsn = asPath.some((asn) => asn > 0xffff);
  if (!fourOctetAs && hasLongAsn) behindNextHop.push({ name: "as4Path", segments }); // RFC 6793 §4.2.2
  if (largeCommunities.length > 0) {
    behindNextHop.push({ name: "largeCommunities", communities: largeCommunities.toSorted(compareLarge) });
  }
  const beforeNextHop: PathAttribute[] = [
    { name: "origin", origin: ORIGIN.igp },
    { name: "asPath", segments },
  ];
  return { beforeNextHop: encode(beforeNextHop), behindNextHop: encode(behindNextHop) };
}

function compareLarge([a0, a1, a2]: LargeCommunity, [b0, b1, b2]: LargeCommunity): number {
  return a0 - b0 || a1 - b1 || a2 - b2;
}

/** Flags, code and a length of two octets, which attributes with routes always have here. */
const MULTIPROTOCOL_HEADER_OCTETS = 4;

type Octets = ArrayLike<number>;

function multiprotocol(name: "mpReachNlri" | "mpUnreachNlri", value: readonly Octets[]): readonly Octets[] {
  const flags = CATEGORY[name] | FLAG.extendedLength;
  return [[flags, ATTRIBUTE_CODE[name], ...uint16Octets(octetsIn(value))], ...value];
}

/** A body that withdraws nothing. @param attributes in pieces */
function bodyOf(attributes: readonly Octets[], nlri: Uint8Array = new Uint8Array()): Uint8Array {
  return concatOctets([[0, 0], uint16Octets(octetsIn(attributes)), ...attributes, nlri]);
}

function octetsIn(parts: readonly Octets[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
