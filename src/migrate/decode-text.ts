/**
 * Text of a file: UTF-8, or UTF-16 where it begins with its byte order mark, as what a shell of Windows redirects into
 * a file does. The mark stays, as at the beginning of UTF-8. YAML 1.2.2 §5.2
 */
export function decodeText(octets: Uint8Array): string {
  const [first, second] = octets;
  const encoding =
    first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding, { ignoreBOM: true }).decode(octets);
}
