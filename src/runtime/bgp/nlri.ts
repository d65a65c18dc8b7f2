import { ADDRESS_BITS, addressOctets, type Family, type Prefix } from "../net/address.js";

/**
 * Reads prefixes to the end of a field; bits behind a prefix's length are passed over. RFC 4271 §4.3, RFC 4760 §5
 * @returns undefined where a length is above that of the family, or the last prefix is cut off. BOUNDED by the octets
 */
export function decodeNlri(family: Family, octets: Uint8Array): Prefix[] | undefined {
  const bits = ADDRESS_BITS[family];
  const prefixes: Prefix[] = [];
  for (let offset = 0; offset < octets.length;) {
    const length = octets[offset] ?? 0;
    const end = offset + 1 + octetsFor(length);
    if (length > bits || end > octets.length) return undefined;
    prefixes.push({ family, value: readValue(octets.subarray(offset + 1, end), bits, length), length });
    offset = end;
  }
  return prefixes;
}

/** Inverse of decodeNlri for one prefix: 1 to 5 octets, or to 17 for IPv6. */
export function encodePrefix({ family, value, length }: Prefix): number[] {
  return [length, ...addressOctets({ family, value }).slice(0, octetsFor(length))];
}

/** All of them in one piece, as encodePrefix() has each. */
export function encodePrefixes(prefixes: readonly Prefix[]): Uint8Array {
  const octets = new Uint8Array(prefixes.reduce((sum, prefix) => sum + prefixOctets(prefix), 0));
  const address = new DataView(new ArrayBuffer(16)); // of the one in hand, from its first octet on
  const addressStart = new Uint8Array(address.buffer);
  let offset = 0;
  for (const { family, value, length } of prefixes) {
    octets[offset] = length;
    if (family === "ipv4") address.setUint32(0, Number(value));
    else {
      address.setBigUint64(0, value >> 64n);
      address.setBigUint64(8, value); // its lower 64 bits
    }
    const count = octetsFor(length);
    for (let index = 0; index < count; index += 1) octets[offset + 1 + index] = addressStart[index] ?? 0;
    offset += 1 + count;
  }
  return octets;
}

/** How many octets encodePrefix() makes. */
export function prefixOctets({ length }: Prefix): number {
  return 1 + octetsFor(length);
}

function octetsFor(length: number): number {
  return (length + 7) >>> 3;
}

function readValue(octets: Uint8Array, bits: number, length: number): bigint {
  let value = 0n;
  for (const octet of octets) value = (value << 8n) | BigInt(octet);
  value <<= BigInt(bits - 8 * octets.length);
  const hostBits = BigInt(bits - length);
  return (value >> hostBits) << hostBits;
}
