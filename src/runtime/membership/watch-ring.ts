import { createHash } from "node:crypto";

/** Octets of a ring key on the wire. */
export const RING_KEY_OCTETS = 8;

/**
 * Our speakers in the order of a hash of their names. Who follows somebody on the ring watches him: everybody who knows the same
 * members comes to the same watchers without a word, and a member that comes or goes changes those of its neighbours alone.
 */
export type WatchRing = {
  /** In ascending order. BOUNDED by the members. */
  readonly keys: string[];
  /** By key: two names of one key would need 2^32 members. */
  readonly names: Map<string, string>;
};

export function createWatchRing(): WatchRing {
  return { keys: [], names: new Map() };
}

/** A member's place on the ring: 16 hexadecimal digits, the first 64 bits of SHA-256 of its name. */
export function ringKey(name: string): string {
  return createHash("sha256")
    .update(name)
    .digest("hex")
    .slice(0, 2 * RING_KEY_OCTETS);
}

/** @returns whether it was not there yet */
export function addToRing(ring: WatchRing, name: string): boolean {
  const key = ringKey(name);
  if (ring.names.has(key)) return false;
  ring.keys.splice(placeOf(ring, key), 0, key);
  ring.names.set(key, name);
  return true;
}

/** @returns whether it was there */
export function removeFromRing(ring: WatchRing, name: string): boolean {
  const key = ringKey(name);
  if (ring.names.get(key) !== name) return false;
  ring.keys.splice(placeOf(ring, key), 1);
  ring.names.delete(key);
  return true;
}

/** The first index whose key is not smaller. */
function placeOf({ keys }: WatchRing, key: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Keys of the up to `count` members that come after a place on the ring, whoever is at that place left out. */
export function followers(ring: WatchRing, key: string, count: number): string[] {
  const { keys } = ring;
  const found: string[] = [];
  const start = placeOf(ring, key);
  for (let offset = 0; offset < keys.length && found.length < count; offset += 1) {
    const next = keys[(start + offset) % keys.length];
    if (next !== undefined && next !== key) found.push(next);
  }
  return found;
}
