import { createCipheriv, createDecipheriv } from "node:crypto";
import { joinOctets } from "./messagepack.js";
import type { GossipKey, KeyRing } from "./keys.js";

/** Octets of a nonce; they have to be random and are never to be used twice with a key. */
export const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
const HEADER_OCTETS = 1 + NONCE_OCTETS;
/** What encryption adds to a message: version, nonce and tag. */
export const ENCRYPTION_OCTETS = HEADER_OCTETS + TAG_OCTETS;
/** Version 0 pads to blocks of AES; version 1, which protocol version 2 and later speak, does not. */
const PADDED = 0;
const UNPADDED = 1;
const BLOCK_OCTETS = 16;

export type DecryptionFault = "encryptionTruncated" | "encryptionVersion" | "key" | "padding";

/** `key` is the one of the ring that fitted. */
export type Decrypted =
  Readonly<{ ok: true; octets: Uint8Array; key: GossipKey }> | Readonly<{ ok: false; fault: DecryptionFault }>;

/** AES-GCM with a tag of 16 octets, of 128 or 256 bits by the length of the key. The nonce is an input: all here is pure. */
export function encrypt(
  key: GossipKey,
  nonce: Uint8Array,
  octets: Uint8Array,
  associated: Uint8Array = NOTHING,
): Uint8Array {
  const cipher = createCipheriv(algorithmOf(key), key, nonce).setAAD(associated);
  return joinOctets([Uint8Array.of(UNPADDED), nonce, cipher.update(octets), cipher.final(), cipher.getAuthTag()]);
}

const NOTHING = new Uint8Array(0);

function algorithmOf(key: GossipKey): "aes-128-gcm" | "aes-256-gcm" {
  return key.symmetricKeySize === 16 ? "aes-128-gcm" : "aes-256-gcm";
}

/** Tries each key of the ring in its order. Never throws. */
export function decrypt(ring: KeyRing, octets: Uint8Array, associated: Uint8Array = NOTHING): Decrypted {
  const version = octets[0];
  if (version === undefined) return { ok: false, fault: "encryptionTruncated" };
  if (version !== PADDED && version !== UNPADDED) return { ok: false, fault: "encryptionVersion" };
  if (octets.length < ENCRYPTION_OCTETS) return { ok: false, fault: "encryptionTruncated" };
  const nonce = octets.subarray(1, HEADER_OCTETS);
  const text = octets.subarray(HEADER_OCTETS, octets.length - TAG_OCTETS);
  const tag = octets.subarray(octets.length - TAG_OCTETS);
  for (const key of ring) {
    const decipher = createDecipheriv(algorithmOf(key), key, nonce, { authTagLength: TAG_OCTETS });
    const { buffer, byteOffset, length } = decipher.setAAD(associated).setAuthTag(tag).update(text);
    const plain = new Uint8Array(buffer, byteOffset, length);
    try {
      decipher.final();
    } catch {
      continue; // another key, or none of ours
    }
    return version === UNPADDED ? { ok: true, octets: plain, key } : withoutPadding(plain, key);
  }
  return { ok: false, fault: "key" };
}

/** PKCS #7: the last octet says how many there are. RFC 5652 §6.3 */
function withoutPadding(plain: Uint8Array, key: GossipKey): Decrypted {
  const padding = plain.at(-1) ?? 0;
  if (padding < 1 || padding > BLOCK_OCTETS || padding > plain.length) return { ok: false, fault: "padding" };
  return { ok: true, octets: plain.subarray(0, plain.length - padding), key };
}
