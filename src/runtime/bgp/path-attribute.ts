import type { Family, IpAddress, Prefix } from "../net/address.js";
import type { AfiSafi } from "./family.js";

/** RFC 4271 §4.3: the high bits of Attribute Flags; the low four are to be 0 and are passed over. */
export const FLAG = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;

export const ATTRIBUTE_CODE = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  multiExitDisc: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReachNlri: 14,
  mpUnreachNlri: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  largeCommunities: 32,
} as const;
export type AttributeName = keyof typeof ATTRIBUTE_CODE;

/** The optional and transitive bits that an attribute has to have. */
export const CATEGORY: Readonly<Record<AttributeName, number>> = {
  origin: FLAG.transitive,
  asPath: FLAG.transitive,
  nextHop: FLAG.transitive,
  multiExitDisc: FLAG.optional,
  localPref: FLAG.transitive,
  atomicAggregate: FLAG.transitive,
  aggregator: FLAG.optional | FLAG.transitive,
  communities: FLAG.optional | FLAG.transitive,
  originatorId: FLAG.optional,
  clusterList: FLAG.optional,
  mpReachNlri: FLAG.optional,
  mpUnreachNlri: FLAG.optional,
  extendedCommunities: FLAG.optional | FLAG.transitive,
  as4Path: FLAG.optional | FLAG.transitive,
  as4Aggregator: FLAG.optional | FLAG.transitive,
  largeCommunities: FLAG.optional | FLAG.transitive,
};

const NAMES = new Map<number, AttributeName>(
  Object.entries(ATTRIBUTE_CODE).map(([name, code]) => [code, name as AttributeName]),
);

/** @returns the name of an attribute that this room reads; undefined for others */
export function attributeName(code: number): AttributeName | undefined {
  return NAMES.get(code);
}

/** RFC 4271 §5.1.1: IGP, EGP, INCOMPLETE. */
export const ORIGIN = { igp: 0, egp: 1, incomplete: 2 } as const;

/** RFC 4271 §4.3, RFC 5065 §3. */
export const SEGMENT = { set: 1, sequence: 2, confedSequence: 3, confedSet: 4 } as const;
export type AsPathSegment = Readonly<{ type: (typeof SEGMENT)[keyof typeof SEGMENT]; asns: readonly number[] }>;

/** `global:local:local`, each 0 to 4294967295. RFC 8092 §3 */
export type LargeCommunity = readonly [globalAdministrator: number, localData1: number, localData2: number];

/** The attributes of a route, as an UPDATE says them. Numbers are unsigned, of 32 bits. */
export type PathAttribute =
  | Readonly<{ name: "origin"; origin: number }>
  | Readonly<{ name: "asPath" | "as4Path"; segments: readonly AsPathSegment[] }>
  | Readonly<{ name: "nextHop"; address: IpAddress }>
  | Readonly<{ name: "multiExitDisc" | "localPref"; value: number }>
  | Readonly<{ name: "atomicAggregate" }>
  | Readonly<{ name: "aggregator" | "as4Aggregator"; asn: number; address: IpAddress }>
  /** RFC 1997: `asn << 16 | value`. */
  | Readonly<{ name: "communities"; communities: readonly number[] }>
  | Readonly<{ name: "originatorId"; address: IpAddress }>
  | Readonly<{ name: "clusterList"; addresses: readonly IpAddress[] }>
  | Readonly<{ name: "extendedCommunities"; octets: Uint8Array }>
  | Readonly<{ name: "largeCommunities"; communities: readonly LargeCommunity[] }>
  /** RFC 4760 §3; a second next hop is link-local. RFC 2545 §3 */
  | Readonly<{ name: "mpReachNlri"; family: Family; nextHops: readonly IpAddress[]; nlri: readonly Prefix[] }>
  /** RFC 4760 §4 */
  | Readonly<{ name: "mpUnreachNlri"; family: Family; withdrawnRoutes: readonly Prefix[] }>
  /** Routes of a family that is none of ours, not read. */
  | Readonly<{ name: "otherFamily"; attribute: "mpReachNlri" | "mpUnreachNlri" } & AfiSafi>
  | Readonly<{ name: "unknown"; flags: number; code: number; value: Uint8Array }>;
