import type { GossipKey, KeyRing } from "./keys.js";

/**
 * Which key each peer speaks. Releases to v0.13 know the key of 16 octets only, later ones that of 32, and neither can be
 * asked: a peer is answered with the key that it used last, and spoken to first with the primary.
 */
export type PeerKeys = {
  ring: KeyRing;
  /** By address and port, or by address and "*". BOUNDED by MAX_PEERS: who was heard least lately goes first. */
  readonly heard: Map<string, GossipKey>;
  /** How many of `heard` speak each key. BOUNDED by the ring. */
  readonly speakers: Map<GossipKey, number>;
};

const MAX_PEERS = 16_384;
/** Streams come from any port. */
const ANY_PORT = "*";

export function createPeerKeys(ring: KeyRing): PeerKeys {
  return { ring, heard: new Map(), speakers: new Map() };
}

/**
 * Whether peers were heard that speak different keys, and so may not hear each other. Also where one of them has left since: a few
 * packets more where something changes are cheaper than to follow who is gone.
 */
export function keysDiffer({ speakers }: PeerKeys): boolean {
  return speakers.size > 1;
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
export function hearKey(keys: PeerKeys, address: string, port: number | undefined, key: GossipKey): void {
  const peer = `${address} ${port ?? ANY_PORT}`;
  forget(keys, peer);
  remember(keys, peer, key);
  if (keys.heard.size <= MAX_PEERS) return;
  for (const oldest of keys.heard.keys()) return forget(keys, oldest);
}

function remember({ heard, speakers }: PeerKeys, peer: string, key: GossipKey): void {
  heard.set(peer, key);
  speakers.set(key, (speakers.get(key) ?? 0) + 1);
}

function forget({ heard, speakers }: PeerKeys, peer: string): void {
  const key = heard.get(peer);
  if (key === undefined) return;
  heard.delete(peer);
  const left = (speakers.get(key) ?? 0) - 1;
  if (left > 0) speakers.set(key, left);
  else speakers.delete(key);
}

/** From now on these are the keys. Who was heard with another primary is spoken to with the new one first. */
export function replaceRing(keys: PeerKeys, ring: KeyRing): void {
  const samePrimary = ring[0] !== undefined && keys.ring[0]?.equals(ring[0]) === true;
  const heard = [...keys.heard];
  keys.ring = ring;
  keys.heard.clear();
  keys.speakers.clear();
  for (const [peer, key] of samePrimary ? heard : []) {
    const kept = ring.find((one) => one.equals(key));
    if (kept !== undefined) remember(keys, peer, kept);
  }
}
