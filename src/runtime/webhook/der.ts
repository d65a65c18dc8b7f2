/**
 * The few types of DER (ITU-T X.690) that an X.509 certificate is made of. What is written here is read by others:
 * tests hold it against OpenSSL and Go.
 */

const TAGS = { boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, null: 0x05, oid: 0x06 } as const;
const UTF8_STRING = 0x0c;
const SEQUENCE = 0x30;
const SET = 0x31;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;

/** One element: tag, length in its shortest form, contents. X.690 §8.1, §10.1 */
export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const octets: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.concat([Buffer.of(tag, 0x80 | octets.length, ...octets), body]);
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => element(SEQUENCE, ...contents);
export const setOf = (content: Uint8Array): Buffer => element(SET, content);
export const octetString = (content: Uint8Array): Buffer => element(TAGS.octetString, content);
export const utf8String = (text: string): Buffer => element(UTF8_STRING, Buffer.from(text, "utf8"));
export const nothing = (): Buffer => element(TAGS.null);
export const yes = (): Buffer => element(TAGS.boolean, Buffer.of(0xff));
/** A whole number of octets. */
export const bitString = (content: Uint8Array): Buffer => element(TAGS.bitString, Buffer.of(0), content);
/** [number] EXPLICIT, or constructed IMPLICIT: the two are written alike. */
export const explicit = (number: number, content: Uint8Array): Buffer => element(0xa0 | number, content);
/** [number] IMPLICIT of a type that is not constructed. */
export const implicit = (number: number, content: Uint8Array): Buffer => element(0x80 | number, content);

/** A number that is not negative, most significant octet first. X.690 §8.3 */
export function integer(octets: Uint8Array): Buffer {
  const first = octets.findIndex((octet) => octet !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : octets.subarray(first);
  const isNegative = (digits[0] ?? 0) >= 0x80;
  return element(TAGS.integer, ...(isNegative ? [Uint8Array.of(0), digits] : [digits]));
}

/** Named bits of one octet, bit 0 the most significant; at least one. Trailing zero bits are left out. X.690 §11.2.2 */
export function namedBits(...bits: readonly number[]): Buffer {
  const octet = bits.reduce((octets, bit) => octets | (0x80 >> bit), 0);
  return element(TAGS.bitString, Buffer.of(7 - Math.max(...bits), octet));
}

/** @param text as in `2.5.29.17` */
export function objectIdentifier(text: string): Buffer {
  const [first = 0, second = 0, ...others] = text.split(".").map(Number);
  const octets = [first * 40 + second, ...others].flatMap((part) => {
    const digits = [part % 128]; // base 128, the last digit without its high bit. X.690 §8.19.2
    for (let rest = Math.floor(part / 128); rest > 0; rest = Math.floor(rest / 128))
      digits.unshift(0x80 | (rest % 128));
    return digits;
  });
  return element(TAGS.oid, Buffer.from(octets));
}

/** To the second; up to 2049 with two digits of the year. RFC 5280 §4.1.2.5. @param milliseconds since the Unix epoch */
export function time(milliseconds: number): Buffer {
  const text = `${new Date(milliseconds).toISOString().replaceAll(/[-:T]|\..*$/g, "")}Z`;
  const isShort = Number(text.slice(0, 4)) < 2050;
  return element(isShort ? UTC_TIME : GENERALIZED_TIME, Buffer.from(isShort ? text.slice(2) : text));
}

/** An element that was read: `whole` with its tag and length, `contents` without. */
export type DerElement = Readonly<{ tag: number; whole: Buffer; contents: Buffer }>;

/**
 * The elements that follow one another in these octets; those after one that lies about its length are left out.
 * Never throws.
 */
export function readElements(octets: Buffer): readonly DerElement[] {
  const elements: DerElement[] = []; // BOUNDED by the octets
  for (let at = 0; at + 2 <= octets.length;) {
    const [tag = 0, first = 0] = octets.subarray(at, at + 2);
    const more = first < 0x80 ? 0 : first & 0x7f;
    if (more > 4 || (first & 0x80 && more === 0) || at + 2 + more > octets.length) break;
    const length = more === 0 ? first : octets.readUIntBE(at + 2, more);
    const [start, end] = [at + 2 + more, at + 2 + more + length];
    if (end > octets.length) break;
    elements.push({ tag, whole: octets.subarray(at, end), contents: octets.subarray(start, end) });
    at = end;
  }
  return elements;
}
