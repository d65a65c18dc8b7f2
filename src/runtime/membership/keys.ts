import { createHash, createSecretKey, type KeyObject } from "node:crypto";

/** A key of AES with 128 or 256 bits. Printed, inspected or as JSON it shows nothing of itself. */
export type GossipKey = KeyObject;

/** First the primary, which is encrypted with; all are tried to decrypt. BOUNDED by 8. Empty: nothing is encrypted. */
export type KeyRing = readonly GossipKey[];

export const MAX_KEYS = 8;

/** Octets of the key by generation: releases to v0.13 used 16, those from v0.14 on 32. */
export const KEY_OCTETS = { old: 16, new: 32 } as const;
export type KeyGeneration = keyof typeof KEY_OCTETS;

/**
 * The keys that the releases make of the same Secret: its octets, followed by the SHA-256 digest of nothing, cut off at the
 * length of the generation. (That is what appending a digest to a text comes to; it is no hash of the secret.)
 * @param secret as it stands in the Secret; empty: no encryption
 * @param primary the generation to speak first to whom nothing was heard of yet
 */
export function deriveKeyRing(secret: Uint8Array, primary: KeyGeneration): KeyRing {
  if (secret.length === 0) return [];
  const octets = Buffer.concat([secret, createHash("sha256").digest()]);
  const keyOf = (generation: KeyGeneration): GossipKey => createSecretKey(octets.subarray(0, KEY_OCTETS[generation]));
  return primary === "old" ? [keyOf("old"), keyOf("new")] : [keyOf("new"), keyOf("old")];
}

/**
 * Adds a key behind the others, or makes one that is there already the primary.
 * @returns the same ring where there is nothing to do
 */
export function withKey(ring: KeyRing, key: GossipKey, options: Readonly<{ primary: boolean }>): KeyRing {
  const others = ring.filter((known) => !known.equals(key));
  if (options.primary) return [key, ...others].slice(0, MAX_KEYS);
  return others.length < ring.length || ring.length >= MAX_KEYS ? ring : [...ring, key];
}
