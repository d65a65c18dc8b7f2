/** A hardware address of 6 octets as lower-case `aa:bb:cc:dd:ee:ff`: one text for each address. */
export type MacAddress = string;

const MAC_PATTERN = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

/** @returns undefined where the text is no hardware address of 6 octets */
export function parseMac(text: string): MacAddress | undefined {
  return MAC_PATTERN.test(text) ? text.toLowerCase() : undefined;
}

/** The 6 octets of a MAC address. */
export function macOctets(mac: MacAddress): Uint8Array {
  return Uint8Array.from(mac.split(":"), (octet) => Number.parseInt(octet, 16));
}

/** From its first 16 bits and its last 32, signed or not. */
export function formatMacHalves(high: number, low: number): MacAddress {
  const view = new DataView(new ArrayBuffer(6));
  view.setUint16(0, high);
  view.setInt32(2, low);
  return formatMac(new Uint8Array(view.buffer));
}

/** Reads 6 octets at `offset`. */
export function formatMac(octets: Uint8Array, offset = 0): MacAddress {
  return Array.from(octets.subarray(offset, offset + 6), (octet) => octet.toString(16).padStart(2, "0")).join(":");
}
