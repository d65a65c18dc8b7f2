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

/** What a look is to know of an interface. */
export type CarrierLink = Pick<Link, "index" | "name" | "running" | "masterIndex" | "bonded" | "tap">;

/** An interface that has a carrier again, itself or by one of its members, and since when that had none. */
export type CarrierBack = Readonly<{ index: number; lostAt: number }>;

/**
 * @param now milliseconds of a clock that never goes back
 * @param isExcluded whether nothing is answered on an interface of this name, nor what comes in by way of it
 * @returns those that have theirs again, with the bridges and the like above them, through which packets come again. Not the members
 *   of bonds: a bond loses its own carrier with the last of them, and hears everything until then. Nor what virtual machines have
 *   in a bridge: no other speaker was lost with it
 */
export function noteCarriers(
  { present, lostAt }: Carriers,
  links: readonly CarrierLink[],
  now: number,
  isExcluded: (name: string) => boolean = () => false,
): readonly CarrierBack[] {
  const byIndex = new Map(links.map((link) => [link.index, link]));
  const back: CarrierBack[] = [];
  for (const { index, name, running, masterIndex, bonded, tap } of links) {
    const lost = lostAt.get(index);
    if (running) {
      present.add(index);
      lostAt.delete(index);
      const isPart = bonded || (tap && masterIndex !== undefined);
      if (lost === undefined || isPart || isExcluded(name)) continue;
      for (const above of chainOf(byIndex, index)) back.push({ index: above, lostAt: lost });
    } else if (present.delete(index)) lostAt.set(index, now);
  }
  for (const list of [present, lostAt]) for (const index of list.keys()) if (!byIndex.has(index)) list.delete(index);
  return back;
}

/** An interface and those that it is a part of, upwards. */
function chainOf(byIndex: ReadonlyMap<number, CarrierLink>, index: number): ReadonlySet<number> {
  const chain = new Set<number>();
  for (let next: number | undefined = index; next !== undefined && !chain.has(next);) {
    chain.add(next);
    next = byIndex.get(next)?.masterIndex;
  }
  return chain;
}
