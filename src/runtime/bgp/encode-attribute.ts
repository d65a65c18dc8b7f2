import { addressOctets } from "../net/address.js";
import { unicast, type AfiSafi } from "./family.js";
import { encodePrefix } from "./nlri.js";
import { uint16Octets, uint32Octets } from "./octets.js";
import { AS_TRANS } from "./open.js";
import { ATTRIBUTE_CODE, CATEGORY, FLAG, type AsPathSegment, type PathAttribute } from "./path-attribute.js";

/** A segment holds 255 AS numbers; more are more segments. RFC 4271 §4.3 */
const MAX_SEGMENT_ASNS = 255;

/** Inverse of decodeAttribute, with flags, code and length in front. RFC 4271 §4.3 */
export function encodeAttribute(attribute: PathAttribute, fourOctetAs: boolean): number[] {
  if (attribute.name === "unknown") return withHeader(attribute.flags, attribute.code, [...attribute.value]);
  if (attribute.name === "otherFamily") {
    const name = attribute.attribute;
    return withHeader(CATEGORY[name], ATTRIBUTE_CODE[name], familyOctets(attribute));
  }
  return withHeader(CATEGORY[attribute.name], ATTRIBUTE_CODE[attribute.name], valueOctets(attribute, fourOctetAs));
}

function withHeader(flags: number, code: number, value: readonly number[]): number[] {
  const kept = flags & ~FLAG.extendedLength;
  if (value.length <= 255) return [kept, code, value.length, ...value];
  return [kept | FLAG.extendedLength, code, ...uint16Octets(value.length), ...value];
}

type Known = Exclude<PathAttribute, { name: "unknown" | "otherFamily" }>;

function valueOctets(attribute: Known, fourOctetAs: boolean): readonly number[] {
  switch (attribute.name) {
    case "origin":
      return [attribute.origin];
    case "asPath":
      return attribute.segments.flatMap((segment) => segmentOctets(segment, fourOctetAs));
    case "as4Path":
      return attribute.segments.flatMap((segment) => segmentOctets(segment, true));
    case "nextHop":
    case "originatorId":
      return addressOctets(attribute.address);
    case "multiExitDisc":
    case "localPref":
      return uint32Octets(attribute.value);
    case "atomicAggregate":
      return [];
    case "aggregator":
      return [...asOctets(attribute.asn, fourOctetAs), ...addressOctets(attribute.address)];
    case "as4Aggregator":
      return [...uint32Octets(attribute.asn), ...addressOctets(attribute.address)];
    case "communities":
      return attribute.communities.flatMap(uint32Octets);
    case "clusterList":
      return attribute.addresses.flatMap(addressOctets);
    case "extendedCommunities":
      return [...attribute.octets];
    case "largeCommunities":
      return attribute.communities.flatMap((community) => community.flatMap(uint32Octets));
    case "mpReachNlri": {
      const nextHop = attribute.nextHops.flatMap(addressOctets);
      return [
        ...familyOctets(unicast(attribute.family)),
        nextHop.length,
        ...nextHop,
        0,
        ...attribute.nlri.flatMap(encodePrefix),
      ];
    }
    case "mpUnreachNlri":
      return [...familyOctets(unicast(attribute.family)), ...attribute.withdrawnRoutes.flatMap(encodePrefix)];
  }
}

/** As attributes have it: without the reserved octet of the capability. RFC 4760 §3 */
export function familyOctets({ afi, safi }: AfiSafi): number[] {
  return [...uint16Octets(afi), safi];
}

function segmentOctets({ type, asns }: AsPathSegment, fourOctetAs: boolean): number[] {
  const octets: number[] = [];
  for (let start = 0; start < asns.length; start += MAX_SEGMENT_ASNS) {
    const part = asns.slice(start, start + MAX_SEGMENT_ASNS);
    octets.push(type, part.length, ...part.flatMap((asn) => asOctets(asn, fourOctetAs)));
  }
  return octets;
}

function asOctets(asn: number, fourOctetAs: boolean): number[] {
  if (fourOctetAs) return uint32Octets(asn);
  return uint16Octets(asn > 0xffff ? AS_TRANS : asn);
}
