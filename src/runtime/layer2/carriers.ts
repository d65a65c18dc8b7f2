import type { Link } from "../net/link.js";

/**
 * Which interfaces have lost their carrier (the cable is out, the switch at the other end is off), look by look. Whoever has
 * none hears nobody, and others may have its addresses when it has one again.
 */
export type Carriers = Readonly<{
  /** Indexes of those that had one at the last look. BOUNDED, as the next, by the interfaces that exist. */
  present: Set<number>;
  /** By index of those that had one before and have none now, since when; in milliseconds. */
  lostAt: Map<number, number>;
}>;

export function createCarriers(): Carriers {
  return { present: new Set(), lostAt: new Map() };
}

/** An interface that has a carrier again, itself or by one of its members, and since when that had none. */
export type CarrierBack = Readonly<{ index: number; lostAt: number }>;

/**
 * @param now milliseconds of a clock that never goes back
 * @returns those that have theirs again, with the bridges, bonds and the like above them, through which packets come again
 */
export function noteCarriers(
  { present, lostAt }: Carriers,
  links: readonly Pick<Link, "index" | "running" | "masterIndex">[],
  now: number,
): readonly CarrierBack[] {
  const byIndex = new Map(links.map((link) => [link.index, link]));
  const back: CarrierBack[] = [];
  for (const { index, running } of links) {
    const lost = lostAt.get(index);
    if (running) {
      present.add(index);
      lostAt.delete(index);
      if (lost === undefined) continue;
      for (const above of chainOf(byIndex, index)) back.push({ index: above, lostAt: lost });
    } else if (present.delete(index)) lostAt.set(index, now);
  }
  for (const list of [present, lostAt]) for (const index of list.keys()) if (!byIndex.has(index)) list.delete(index);
  return back;
}

/** An interface and those that it is a part of, upwards. */
function chainOf(byIndex: ReadonlyMap<number, Pick<Link, "masterIndex">>, index: number): ReadonlySet<number> {
  const chain = new Set<number>();
  for (let next: number | undefined = index; next !== undefined && !chain.has(next);) {
    chain.add(next);
    next = byIndex.get(next)?.masterIndex;
  }
  return chain;
}
