/** A source of pseudo-random numbers that is part of the state: the same seed, the same choices. Never for secrets. */
export type Random = { seed: number };

/** The next number, 0 to below 1. (Mulberry32: 32 bits of state, even enough to spread gossip.) */
export function nextRandom(random: Random): number {
  random.seed = (random.seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(random.seed ^ (random.seed >>> 15), 1 | random.seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
}

/** An index, 0 to below `count`. */
export function randomIndex(random: Random, count: number): number {
  return Math.floor(nextRandom(random) * count);
}

/** Up to `count` of the items, each at most once, in no order. */
export function pickRandom<Item>(random: Random, items: readonly Item[], count: number): Item[] {
  const left = [...items];
  const picked: Item[] = [];
  while (picked.length < count && left.length > 0) {
    const [item] = left.splice(randomIndex(random, left.length), 1);
    picked.push(item as Item);
  }
  return picked;
}

/** Puts the items in a random order, in place. */
export function shuffle<Item>(random: Random, items: Item[]): void {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = randomIndex(random, last + 1);
    [items[last], items[other]] = [items[other] as Item, items[last] as Item];
  }
}
