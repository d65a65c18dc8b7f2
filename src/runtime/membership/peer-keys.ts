import type { GossipKey, KeyRing } from "./keys.js";

/**
 * Which key each peer speaks. Releases to v0.13 know the key of 16 octets only, later ones that of 32, and neither can be
 * asked: a peer is answered with the key that it used last, and spoken to first with the primary.
 */
export type PeerKeys = {
  ring: KeyRing;
  /** By address and port, or by address and "*". BOUNDED by MAX_PEERS: who was heard least lately goes first. */
  readonly heard: Map<string, GossipKey>;
};

const MAX_PEERS = 16_384;
/** Streams come from any port. */
const ANY_PORT = "*";

export function createPeerKeys(ring: KeyRing): PeerKeys {
  return { ring, heard: new Map() };
}

/** Undefined where nothing is encrypted. */
export function keyFor({ ring, heard }: PeerKeys, address: string, port: number): GossipKey | undefined {
  return heard.get(`${address} ${port}`) ?? heard.get(`${address} ${ANY_PORT}`) ?? ring[0];
}

/** All keys in the order in which they are worth a try. */
export function keysToTry(keys: PeerKeys, address: string, port: number): readonly (GossipKey | undefined)[] {
  const first = keyFor(keys, address, port);
  return first === undefined ? [undefined] : [first, ...keys.ring.filter((key) => key !== first)];
}

/** @param port undefined: of a stream that came in */
export function hearKey({ heard }: PeerKeys, address: string, port: number | undefined, key: GossipKey): void {
  const peer = `${address} ${port ?? ANY_PORT}`;
  heard.delete(peer);
  heard.set(peer, key);
  if (heard.size <= MAX_PEERS) return;
  for (const oldest of heard.keys()) {
    heard.delete(oldest);
    break;
  }
}

/** From now on these are the keys. Who was heard with another primary is spoken to with the new one first. */
export function replaceRing(keys: PeerKeys, ring: KeyRing): void {
  const samePrimary = ring[0] !== undefined && keys.ring[0]?.equals(ring[0]) === true;
  for (const [peer, key] of keys.heard) {
    const kept = samePrimary ? ring.find((one) => one.equals(key)) : undefined;
    if (kept === undefined) keys.heard.delete(peer);
    else keys.heard.set(peer, kept);
  }
  keys.ring = ring;
}
