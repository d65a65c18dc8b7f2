/** Something to tell everybody, by telling some and having them tell others. */
type Rumour = Readonly<{ octets: Uint8Array }>;

/**
 * Rumours by how often they were sent: what was sent least goes first, then what is oldest. A newer rumour about a member
 * takes the place of an older one. BOUNDED by the members that are known.
 */
export type BroadcastQueue = {
  /** At index N by member's name: those that were sent N times. */
  readonly tiers: Map<string, Rumour>[];
  readonly tierOf: Map<string, number>;
};

export function createBroadcastQueue(): BroadcastQueue {
  return { tiers: [], tierOf: new Map() };
}

export function queueBroadcast(queue: BroadcastQueue, about: string, octets: Uint8Array): void {
  removeBroadcast(queue, about);
  put(queue, 0, about, { octets });
}

function put({ tiers, tierOf }: BroadcastQueue, tier: number, about: string, rumour: Rumour): void {
  while (tiers.length <= tier) tiers.push(new Map());
  tiers[tier]?.set(about, rumour);
  tierOf.set(about, tier);
}

export function removeBroadcast({ tiers, tierOf }: BroadcastQueue, about: string): void {
  const tier = tierOf.get(about);
  if (tier === undefined) return;
  tiers[tier]?.delete(about);
  tierOf.delete(about);
}

export function hasBroadcasts({ tierOf }: BroadcastQueue, about?: string): boolean {
  return about === undefined ? tierOf.size > 0 : tierOf.has(about);
}

/**
 * Takes what fits into one packet, and counts it as sent once more.
 * @param freeOctets of the packet
 * @param overheadOctets that each rumour costs beyond itself
 * @param transmitLimit a rumour that was sent so often is forgotten
 * @param maxRumours that one packet may have
 */
export function takeBroadcasts(
  queue: BroadcastQueue,
  freeOctets: number,
  overheadOctets: number,
  transmitLimit: number,
  maxRumours: number,
): Uint8Array[] {
  const taken: Uint8Array[] = [];
  if (queue.tierOf.size === 0) return taken;
  const again: [number, string, Rumour][] = [];
  let free = freeOctets;
  for (const [tier, rumours] of queue.tiers.entries()) {
    for (const [about, rumour] of rumours) {
      if (free <= overheadOctets || taken.length === maxRumours) break;
      const cost = rumour.octets.length + overheadOctets;
      if (cost > free) continue;
      free -= cost;
      taken.push(rumour.octets);
      removeBroadcast(queue, about);
      if (tier + 1 < transmitLimit) again.push([tier + 1, about, rumour]);
    }
  }
  for (const [tier, about, rumour] of again) put(queue, tier, about, rumour);
  return taken;
}
