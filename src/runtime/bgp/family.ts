import type { Family } from "../net/address.js";

/** Address Family Identifier and Subsequent Address Family Identifier. RFC 4760 §3 */
export type AfiSafi = Readonly<{ afi: number; safi: number }>;

export const AFI: Readonly<Record<Family, number>> = { ipv4: 1, ipv6: 2 };
export const SAFI_UNICAST = 1;

/** @returns the family of a pair of numbers that this room knows: unicast of IPv4 or IPv6; undefined for others */
export function unicastFamily({ afi, safi }: AfiSafi): Family | undefined {
  if (safi !== SAFI_UNICAST) return undefined;
  return afi === AFI.ipv4 ? "ipv4" : afi === AFI.ipv6 ? "ipv6" : undefined;
}

export function unicast(family: Family): AfiSafi {
  return { afi: AFI[family], safi: SAFI_UNICAST };
}
