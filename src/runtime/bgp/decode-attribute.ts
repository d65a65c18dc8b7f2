import type { Family, IpAddress } from "../net/address.js";
import { refuse, succeed, type Result } from "../net/result.js";
import { unicastFamily } from "./family.js";
import { UPDATE_ERROR } from "./fault.js";
import { decodeNlri } from "./nlri.js";
import { createOctetReader, readAll, type OctetReader } from "./octets.js";
import {
  SEGMENT,
  type AsPathSegment,
  type AttributeName,
  type LargeCommunity,
  type PathAttribute,
} from "./path-attribute.js";

/**
 * What is done about an attribute that is wrong, from the mildest: it is left out; the routes of the message count as
 * withdrawn; the session ends. RFC 7606 §2
 */
export type Treatment = "attributeDiscard" | "treatAsWithdraw" | "sessionReset";

/** `errorSubcode`: of the NOTIFICATION, where the session ends. RFC 4271 §6.3 */
export type AttributeFault = Readonly<{ treatment: Treatment; errorSubcode: number; problem: string }>;

export type AttributeContext = Readonly<{
  /** Both sides have four-octet AS numbers. RFC 6793 §4 */
  fourOctetAs: boolean;
  /** The peer is in our AS. */
  isInternal: boolean;
}>;

type Decoded = Result<PathAttribute, AttributeFault>;

/** Reads the value of an attribute whose flags are right. Never throws. RFC 7606 §7, each by its own paragraph */
export function decodeAttribute(name: AttributeName, value: Uint8Array, context: AttributeContext): Decoded {
  const reader = createOctetReader(value);
  switch (name) {
    case "origin": // §7.1
      if (value.length !== 1) return wrongLength(name, value, "treatAsWithdraw");
      return (value[0] ?? 3) <= 2
        ? succeed({ name, origin: reader.uint8() })
        : fault("treatAsWithdraw", UPDATE_ERROR.invalidOrigin, `ORIGIN is ${value[0]}, not 0 to 2`);
    case "asPath": // §7.2
      return readAsPath(name, reader, context, "treatAsWithdraw");
    case "nextHop": // §7.3
      if (value.length !== 4) return wrongLength(name, value, "treatAsWithdraw");
      return isHost(value)
        ? succeed({ name, address: readAddress(reader) })
        : fault("treatAsWithdraw", UPDATE_ERROR.invalidNextHop, `NEXT_HOP is ${value.join(".")}, which is no host's`);
    case "multiExitDisc": // §7.4
      if (value.length !== 4) return wrongLength(name, value, "treatAsWithdraw");
      return succeed({ name, value: reader.uint32() });
    case "localPref": // §7.5
      if (!context.isInternal) return external(name);
      if (value.length !== 4) return wrongLength(name, value, "treatAsWithdraw");
      return succeed({ name, value: reader.uint32() });
    case "atomicAggregate": // §7.6
      return value.length === 0 ? succeed({ name }) : wrongLength(name, value, "attributeDiscard");
    case "aggregator": // §7.7
      if (value.length !== (context.fourOctetAs ? 8 : 6)) return wrongLength(name, value, "attributeDiscard");
      return readAggregator(name, context.fourOctetAs ? reader.uint32() : reader.uint16(), reader);
    case "communities": // §7.8
      if (value.length === 0 || value.length % 4 !== 0) return wrongLength(name, value, "treatAsWithdraw");
      return succeed({ name, communities: readAll(reader, () => reader.uint32()) });
    case "originatorId": // §7.9
      if (!context.isInternal) return external(name);
      if (value.length !== 4) return wrongLength(name, value, "treatAsWithdraw");
      return succeed({ name, address: readAddress(reader) });
    case "clusterList": // §7.10
      if (!context.isInternal) return external(name);
      if (value.length === 0 || value.length % 4 !== 0) return wrongLength(name, value, "treatAsWithdraw");
      return succeed({ name, addresses: readAll(reader, () => readAddress(reader)) });
    case "mpReachNlri": // §7.11
      return readMpReach(reader);
    case "mpUnreachNlri": // §7.12
      return readMpUnreach(reader);
    case "extendedCommunities": // §7.14
      if (value.length === 0 || value.length % 8 !== 0) return wrongLength(name, value, "treatAsWithdraw");
      return succeed({ name, octets: value.slice() });
    case "as4Path": // RFC 6793 §6
      if (context.fourOctetAs) return fromNewSpeaker(name);
      return readAsPath(name, reader, context, "attributeDiscard");
    case "as4Aggregator": // RFC 6793 §6
      if (context.fourOctetAs) return fromNewSpeaker(name);
      if (value.length !== 8) return wrongLength(name, value, "attributeDiscard");
      return readAggregator(name, reader.uint32(), reader);
    case "largeCommunities": // RFC 8092 §5
      if (value.length === 0 || value.length % 12 !== 0) return wrongLength(name, value, "treatAsWithdraw");
      return succeed({ name, communities: readAll(reader, () => readLargeCommunity(reader)) });
  }
}

function readAsPath(
  name: "asPath" | "as4Path",
  reader: OctetReader,
  { fourOctetAs, isInternal }: AttributeContext,
  treatment: Treatment,
): Decoded {
  const octetsPerAs = fourOctetAs || name === "as4Path" ? 4 : 2;
  const malformed = (problem: string): Decoded =>
    fault(treatment, UPDATE_ERROR.malformedAsPath, `${name === "asPath" ? "AS_PATH" : "AS4_PATH"} ${problem}`);
  const segments: AsPathSegment[] = []; // BOUNDED by the octets
  while (reader.remaining() > 0) {
    if (reader.remaining() < 2) return malformed("ends in the middle of a segment");
    const [type, count] = [reader.uint8(), reader.uint8()];
    if (!isSegmentType(type)) return malformed(`has a segment of type ${type}`);
    if (type >= SEGMENT.confedSequence && !isInternal && name === "asPath")
      return malformed("has a confederation in it"); // RFC 5065 §5
    if (count === 0) return malformed("has a segment without AS numbers");
    if (count * octetsPerAs > reader.remaining()) return malformed("ends in the middle of a segment");
    const asns = Array.from({ length: count }, () => (octetsPerAs === 4 ? reader.uint32() : reader.uint16()));
    if (asns.includes(0)) return malformed("has the AS number 0"); // RFC 7607 §2
    segments.push({ type, asns });
  }
  if (name === "as4Path" && segments.length === 0) return malformed("has no AS numbers"); // RFC 6793 §6
  return succeed({ name, segments });
}

function isSegmentType(type: number): type is AsPathSegment["type"] {
  return type >= SEGMENT.set && type <= SEGMENT.confedSet;
}

function readAggregator(name: "aggregator" | "as4Aggregator", asn: number, reader: OctetReader): Decoded {
  if (asn !== 0) return succeed({ name, asn, address: readAddress(reader) });
  return fault("attributeDiscard", UPDATE_ERROR.optionalAttribute, `${name} has the AS number 0`); // RFC 7607 §2
}

/** May a host have this IPv4 address, be it that of a loopback interface? RFC 4271 §6.3 */
function isHost([first = 0]: Uint8Array): boolean {
  return first !== 0 && first < 224;
}

/** Next hops of each length: RFC 4760 §3, RFC 2545 §3, RFC 8950 §3. */
const NEXT_HOP_OCTETS: Readonly<Record<Family, readonly number[]>> = { ipv4: [4, 16, 32], ipv6: [16, 32] };

function readMpReach(reader: OctetReader): Decoded {
  const attribute = "mpReachNlri";
  if (reader.remaining() < 5) return reset("MP_REACH_NLRI is cut off");
  const afiSafi = { afi: reader.uint16(), safi: reader.uint8() };
  const octets = reader.uint8();
  if (octets + 1 > reader.remaining()) return reset("MP_REACH_NLRI has a next hop longer than itself");
  const nextHop = createOctetReader(reader.octets(octets));
  reader.uint8(); // Reserved: to be passed over
  const family = unicastFamily(afiSafi);
  if (family === undefined) return succeed({ name: "otherFamily", attribute, ...afiSafi });
  if (!NEXT_HOP_OCTETS[family].includes(octets)) return reset(`MP_REACH_NLRI has a next hop of ${octets} octets`);
  const nextHops = readAll(nextHop, () => (octets === 4 ? readAddress(nextHop) : readIpv6Address(nextHop)));
  const nlri = decodeNlri(family, reader.octets(reader.remaining()));
  if (nlri === undefined) return reset("MP_REACH_NLRI has a prefix that is too long or cut off");
  return succeed({ name: attribute, family, nextHops, nlri });
}

function readMpUnreach(reader: OctetReader): Decoded {
  const attribute = "mpUnreachNlri";
  if (reader.remaining() < 3) return reset("MP_UNREACH_NLRI is cut off");
  const afiSafi = { afi: reader.uint16(), safi: reader.uint8() };
  const family = unicastFamily(afiSafi);
  if (family === undefined) return succeed({ name: "otherFamily", attribute, ...afiSafi });
  const withdrawnRoutes = decodeNlri(family, reader.octets(reader.remaining()));
  if (withdrawnRoutes === undefined) return reset("MP_UNREACH_NLRI has a prefix that is too long or cut off");
  return succeed({ name: attribute, family, withdrawnRoutes });
}

function readLargeCommunity(reader: OctetReader): LargeCommunity {
  return [reader.uint32(), reader.uint32(), reader.uint32()];
}

function readAddress(reader: OctetReader): IpAddress {
  return { family: "ipv4", value: BigInt(reader.uint32()) };
}

function readIpv6Address(reader: OctetReader): IpAddress {
  let value = 0n;
  for (let word = 0; word < 4; word += 1) value = (value << 32n) | BigInt(reader.uint32());
  return { family: "ipv6", value };
}

function wrongLength(name: AttributeName, { length }: Uint8Array, treatment: Treatment): Decoded {
  return fault(treatment, UPDATE_ERROR.attributeLength, `${name} has ${length} octets`);
}

/** From another AS these count for nothing. RFC 7606 §7.5, §7.9, §7.10 */
function external(name: AttributeName): Decoded {
  return fault("attributeDiscard", UPDATE_ERROR.optionalAttribute, `${name} came from another AS`);
}

function fromNewSpeaker(name: AttributeName): Decoded {
  return fault(
    "attributeDiscard",
    UPDATE_ERROR.optionalAttribute,
    `${name} came from a peer with four-octet AS numbers`,
  );
}

/** Routes that cannot be read cannot be withdrawn either. RFC 7606 §5.3 */
function reset(problem: string): Decoded {
  return fault("sessionReset", UPDATE_ERROR.optionalAttribute, problem);
}

function fault(treatment: Treatment, errorSubcode: number, problem: string): Result<never, AttributeFault> {
  return refuse({ treatment, errorSubcode, problem });
}
