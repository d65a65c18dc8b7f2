import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import type { Result } from "./result.js";
import { refuse, succeed } from "./result.js";

export type Family = "ipv4" | "ipv6";

/** One address as a number: 0 to 2^32-1 for IPv4, 0 to 2^128-1 for IPv6. */
export type IpAddress = Readonly<{ family: Family; value: bigint }>;

/** Inclusive at both ends; `first` is never above `last`. */
export type AddressRange = Readonly<{ family: Family; first: bigint; last: bigint }>;

/** A CIDR prefix with the host bits at zero. */
export type Prefix = Readonly<{ family: Family; value: bigint; length: number }>;

export const ADDRESS_BITS: Readonly<Record<Family, number>> = { ipv4: 32, ipv6: 128 };

/**
 * Reads one address literal: no mask, no zone, no leading zeros, no host name. An IPv4-mapped IPv6 address is the IPv4
 * address, as it is for Go's net.IP, whose text decides elections.
 * @returns undefined where the text is no address
 */
export function parseAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: "ipv4", value: dottedToValue(text) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const parsed = ipaddr.IPv6.parse(text.replace(DOTTED_TAIL, dottedToHex));
  if (parsed.isIPv4MappedAddress()) {
    return { family: "ipv4", value: octetsToValue(parsed.toIPv4Address().toByteArray()) };
  }
  return { family: "ipv6", value: octetsToValue(parsed.toByteArray()) };
}

// The parser takes `::192.0.2.1` for an IPv4-mapped address; written in hex nothing is left to interpret.
const DOTTED_TAIL = /\d+\.\d+\.\d+\.\d+$/;

function dottedToHex(dotted: string): string {
  const value = dottedToValue(dotted);
  return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
}

/** @param dotted four numbers, as isIPv4 lets them pass: this runs for each address of thousands of pools */
function dottedToValue(dotted: string): bigint {
  let [value, octet] = [0, 0];
  for (let index = 0; index < dotted.length; index += 1) {
    const code = dotted.charCodeAt(index);
    if (code === DOT) [value, octet] = [value * 256 + octet, 0];
    else octet = octet * 10 + code - ZERO;
  }
  return BigInt(value * 256 + octet);
}

const [DOT, ZERO] = [0x2e, 0x30];

/** Dotted decimal for IPv4, RFC 5952 text for IPv6: one text for each address, so that it can be a key. */
export function formatAddress({ family, value }: IpAddress): string {
  if (family === "ipv4") {
    const bits = Number(value);
    return `${bits >>> 24}.${(bits >>> 16) & 0xff}.${(bits >>> 8) & 0xff}.${bits & 0xff}`;
  }
  return new ipaddr.IPv6(addressOctets({ family, value })).toRFC5952String();
}

/** The canonical text of an address literal, or undefined where the text is none. */
export function canonicalAddress(text: string): string | undefined {
  const address = parseAddress(text);
  return address === undefined ? undefined : formatAddress(address);
}

/** 4 or 16 octets in network byte order. */
export function addressOctets({ family, value }: IpAddress): number[] {
  const octets: number[] = [];
  for (let shift = BigInt(ADDRESS_BITS[family] - 8); shift >= 0n; shift -= 8n) {
    octets.push(Number((value >> shift) & 0xffn));
  }
  return octets;
}

function octetsToValue(octets: readonly number[]): bigint {
  return octets.reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

export function sameAddress(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.value === b.value;
}

/** Reads `address/length`. Host bits are masked away, as the systems we stand in for do. */
export function parsePrefix(text: string): Result<Prefix, string> {
  const slash = text.indexOf("/");
  if (slash < 0) return refuse("has no prefix length");
  const address = parseAddress(text.slice(0, slash));
  if (address === undefined) return refuse("does not begin with an IPv4 or IPv6 address");
  const lengthText = text.slice(slash + 1);
  const bits = ADDRESS_BITS[address.family];
  const length = /^\d{1,3}$/.test(lengthText) ? Number(lengthText) : bits + 1;
  if (length > bits) return refuse(`has a prefix length that is not 0 to ${bits}`);
  return succeed({ family: address.family, value: maskValue(address, length), length });
}

export function formatPrefix({ family, value, length }: Prefix): string {
  return [formatAddress({ family, value }), length].join("/"); // in one piece: such texts are kept by the thousand
}

/** The prefix of the given length that the address lies in. */
export function prefixOf(address: IpAddress, length: number): Prefix {
  return { family: address.family, value: maskValue(address, length), length };
}

function maskValue({ family, value }: IpAddress, length: number): bigint {
  const hostBits = BigInt(ADDRESS_BITS[family] - length);
  return (value >> hostBits) << hostBits;
}

export function prefixRange({ family, value, length }: Prefix): AddressRange {
  const size = 1n << BigInt(ADDRESS_BITS[family] - length);
  return { family, first: value, last: value + size - 1n };
}

/** The fewest prefixes that cover a range exactly, from low to high. BOUNDED by twice the bits of the family. */
export function rangePrefixes({ family, first, last }: AddressRange): Prefix[] {
  const bits = ADDRESS_BITS[family];
  const prefixes: Prefix[] = [];
  for (let next = first; next <= last;) {
    let hostBits = 0;
    while (hostBits < bits) {
      const size = 1n << BigInt(hostBits + 1);
      if (next % size !== 0n || next + size - 1n > last) break;
      hostBits += 1;
    }
    prefixes.push({ family, value: next, length: bits - hostBits });
    next += 1n << BigInt(hostBits);
  }
  return prefixes;
}

export function rangeContains(range: AddressRange, address: IpAddress): boolean {
  return range.family === address.family && range.first <= address.value && address.value <= range.last;
}

/** A range as people write it: `first-last`, or the address alone where it is one. */
export function formatRange({ family, first, last }: AddressRange): string {
  const start = formatAddress({ family, value: first });
  return first === last ? start : `${start}-${formatAddress({ family, value: last })}`;
}
