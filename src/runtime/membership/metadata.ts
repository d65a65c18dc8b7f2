import { MAX_METADATA_OCTETS } from "./messages.js";

/*
 * What a speaker of ours says of itself in the metadata of memberlist, six octets for now:
 *
 *   0..2  0x53 0x4d 0x4c, by which it is known as ours
 *   3     version of what follows; later ones only add at the end
 *   4..5  flags, in network byte order; those that are not known here are passed over
 *
 * Speakers of the releases have no metadata, and do not look at that of others.
 */

const MAGIC = [0x53, 0x4d, 0x4c];
const VERSION = 1;
const OCTETS = 6;
const HEARTBEATS = 0x0001;

/** What a member that is ours can do. */
export type MemberAbilities = Readonly<{
  /** Takes part in the fast detection of failures: it sends heartbeats, watches others, and answers what they ask about it. */
  heartbeats: boolean;
}>;

export function encodeMetadata({ heartbeats }: MemberAbilities): Uint8Array {
  const flags = heartbeats ? HEARTBEATS : 0;
  return Uint8Array.of(...MAGIC, VERSION, flags >> 8, flags & 0xff);
}

/** Total, like all that reads what others say. @returns undefined where the member is none of ours */
export function decodeMetadata(metadata: Uint8Array): MemberAbilities | undefined {
  if (metadata.length < OCTETS || MAGIC.some((octet, position) => metadata[position] !== octet)) return undefined;
  const flags = ((metadata[4] ?? 0) << 8) | (metadata[5] ?? 0);
  return { heartbeats: (flags & HEARTBEATS) !== 0 };
}

/** @returns the same. @throws RangeError where others would not take so much */
export function requireMetadata(metadata: Uint8Array): Uint8Array {
  if (metadata.length <= MAX_METADATA_OCTETS) return metadata;
  throw new RangeError(
    `Cannot tell others of ${metadata.length} octets of metadata: ${MAX_METADATA_OCTETS} is the most: say less`,
  );
}
