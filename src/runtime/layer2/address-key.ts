import { addressOctets, formatAddress, parseAddress } from "../net/address.js";
import type { Ipv4Key } from "./ipv4-key.js";
import { formatIpv4Key } from "./ipv4-key.js";

/** An IPv6 address as a text of 8 UTF-16 units, one for each 16 bits: quickly made from a frame, and good for a map. */
export type Ipv6Key = string;

/** An address as the tables know it. Numbers are IPv4 addresses, texts IPv6 ones: there is only one key for each. */
export type AddressKey = Ipv4Key | Ipv6Key;

/** @returns undefined where the text is no address; an IPv4-mapped IPv6 address is the IPv4 address */
export function addressKey(text: string): AddressKey | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  const view = new DataView(Uint8Array.from(addressOctets(address)).buffer);
  return address.family === "ipv4" ? view.getInt32(0) : readIpv6Key(view, 0);
}

/** Dotted decimal, or as in RFC 5952. */
export function formatAddressKey(key: AddressKey): string {
  if (typeof key === "number") return formatIpv4Key(key);
  let value = 0n;
  for (let unit = 0; unit < 8; unit += 1) value = (value << 16n) | BigInt(key.charCodeAt(unit));
  return formatAddress({ family: "ipv6", value });
}

/** Reads 16 octets. */
export function readIpv6Key(view: DataView, offset: number): Ipv6Key {
  return String.fromCharCode(
    view.getUint16(offset),
    view.getUint16(offset + 2),
    view.getUint16(offset + 4),
    view.getUint16(offset + 6),
    view.getUint16(offset + 8),
    view.getUint16(offset + 10),
    view.getUint16(offset + 12),
    view.getUint16(offset + 14),
  );
}

/** Writes 16 octets. */
export function writeIpv6Key(view: DataView, offset: number, key: Ipv6Key): void {
  for (let unit = 0; unit < 8; unit += 1) view.setUint16(offset + 2 * unit, key.charCodeAt(unit));
}

/** 32-bit words that a key has when it is packed; an IPv4 address as an IPv4-mapped one, RFC 4291 §2.5.5.2. */
export const KEY_WORDS = 4;
const MAPPED = 0xffff;

export function packKey(words: Int32Array | Float64Array, at: number, key: AddressKey): void {
  if (typeof key === "number") {
    words[at] = words[at + 1] = 0;
    words[at + 2] = MAPPED;
    words[at + 3] = key;
    return;
  }
  for (let word = 0; word < KEY_WORDS; word += 1) {
    words[at + word] = (key.charCodeAt(2 * word) << 16) | key.charCodeAt(2 * word + 1);
  }
}

export function unpackKey(words: Int32Array | Float64Array, at: number): AddressKey {
  const [a = 0, b = 0, c = 0, d = 0] = words.subarray(at, at + KEY_WORDS);
  if (a === 0 && b === 0 && c === MAPPED) return d;
  return String.fromCharCode(a >>> 16, a & 0xffff, b >>> 16, b & 0xffff, c >>> 16, c & 0xffff, d >>> 16, d & 0xffff);
}

/** The last 24 bits of an address, by which its solicited-node group is named. RFC 4291 §2.7.1 */
export function solicitedNodeGroup(key: Ipv6Key): number {
  return ((key.charCodeAt(6) & 0xff) << 16) | key.charCodeAt(7);
}
