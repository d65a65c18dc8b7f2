import { isIPv4 } from "node:net";

/**
 * An IPv4 address as a signed 32-bit integer, as DataView.getInt32 reads it from a frame: a number that the engine keeps
 * without allocating, for maps that are asked for each frame.
 */
export type Ipv4Key = number;

/** @returns undefined where the text is no IPv4 address in dotted decimal */
export function ipv4Key(text: string): Ipv4Key | undefined {
  if (!isIPv4(text)) return undefined;
  let key = 0;
  for (const octet of text.split(".")) key = (key << 8) | Number(octet);
  return key;
}

/** Dotted decimal. */
export function formatIpv4Key(key: Ipv4Key): string {
  return `${key >>> 24}.${(key >>> 16) & 0xff}.${(key >>> 8) & 0xff}.${key & 0xff}`;
}
