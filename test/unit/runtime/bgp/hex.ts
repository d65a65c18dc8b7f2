/** Octets from hex digits; blanks are for the reader. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, "");
  if (!/^(?:[0-9a-f]{2})*$/.test(digits)) throw new Error(`not hex: ${text}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** The body of an UPDATE with these fields in hex, its lengths worked out. RFC 4271 §4.3 */
export function updateBody(attributes: string, nlri = "", withdrawn = ""): Uint8Array {
  const length = (text: string): string => (text.replaceAll(/\s/g, "").length / 2).toString(16).padStart(4, "0");
  return fromHex(`${length(withdrawn)} ${withdrawn} ${length(attributes)} ${attributes} ${nlri}`);
}
