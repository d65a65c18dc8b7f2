import type { Family, Prefix } from "../net/address.js";

/** What is to be said next to one peer. A prefix stands in it once at most. */
export type RouteChanges<Attributes> = Readonly<{
  withdrawn: Readonly<Record<Family, readonly Prefix[]>>;
  /** One for each family and attributes: what shares messages. BOUNDED by MAX_GROUPS */
  announced: readonly Readonly<{ family: Family; attributes: Attributes; prefixes: readonly Prefix[] }>[];
}>;

/**
 * Adj-RIB-Out of RFC 4271 §3.2: the routes that one peer is to hear of, and what it has heard. A route that changes
 * ten times before its turn comes is said once, so a peer that reads slowly costs no more than its routes. Attributes
 * are compared by identity: whoever makes them interns equal ones.
 */
export interface AdjRibOut<Attributes> {
  /** The peer is to hear of the route, with these attributes. */
  announce(prefix: Prefix, attributes: Attributes): void;
  withdraw(prefix: Prefix): void;
  /**
   * Up to so many prefixes that the peer does not know rightly, of up to MAX_GROUPS families and attributes; they count as
   * said. One at least where there is anything to say. O(maxPrefixes)
   */
  take(maxPrefixes: number): RouteChanges<Attributes>;
  /** Is there anything to say? */
  isSettled(): boolean;
  /** A new session: the peer knows nothing. */
  forgetSent(): void;
  /** The peer asks for all routes of a family again. RFC 2918 §4 */
  refresh(family: Family): void;
  /** How many prefixes the peer has been told of and not had withdrawn. */
  sentCount(): number;
  /** How many it is to know. */
  wantedCount(): number;
}

/** Each group is a message at least, which may be a full one with few prefixes in it. */
export const MAX_GROUPS = 128;

/** One object for as long as the route is wanted, or the peer has it. */
type Entry<Attributes> = {
  readonly prefix: Prefix;
  /** undefined: the peer is to know nothing of it. */
  wanted: Attributes | undefined;
  /** "stale": the peer has it, and is to be told again. */
  sent: Attributes | "stale" | undefined;
};

export function createAdjRibOut<Attributes extends object>(): AdjRibOut<Attributes> {
  const entries = new Map<PrefixKey, Entry<Attributes>>(); // BOUNDED by the routes that are wanted, and those not withdrawn yet
  const dirty = new Set<Entry<Attributes>>(); // BOUNDED by entries
  let sentCount = 0;
  let wantedCount = 0;

  function want(prefix: Prefix, wanted: Attributes | undefined): void {
    const key = keyOf(prefix);
    const entry = entries.get(key);
    if (entry === undefined) {
      if (wanted === undefined) return;
      wantedCount += 1;
      const added: Entry<Attributes> = { prefix, wanted, sent: undefined };
      entries.set(key, added);
      dirty.add(added);
      return;
    }
    if (entry.wanted === wanted) return;
    wantedCount += Number(wanted !== undefined) - Number(entry.wanted !== undefined);
    entry.wanted = wanted;
    if (wanted === entry.sent) settle(key, entry);
    else dirty.add(entry);
  }

  /** The peer knows rightly. */
  function settle(key: PrefixKey, entry: Entry<Attributes>): void {
    dirty.delete(entry);
    if (entry.wanted === undefined) entries.delete(key);
  }

  return {
    announce: want,
    withdraw: (prefix) => want(prefix, undefined),
    take(maxPrefixes) {
      const withdrawn: Record<Family, Prefix[]> = { ipv4: [], ipv6: [] };
      const groups: Record<Family, Map<Attributes, Prefix[]>> = { ipv4: new Map(), ipv6: new Map() };
      let left = maxPrefixes; // to look at: those of one group too many wait for the next take
      for (const entry of dirty) {
        if (left <= 0) break;
        left -= 1;
        const { prefix, wanted, sent } = entry;
        if (wanted === undefined) withdrawn[prefix.family].push(prefix);
        else {
          const group = groups[prefix.family].get(wanted);
          if (group !== undefined) group.push(prefix);
          else if (groups.ipv4.size + groups.ipv6.size < MAX_GROUPS) groups[prefix.family].set(wanted, [prefix]);
          else continue;
        }
        sentCount += Number(wanted !== undefined) - Number(sent !== undefined);
        entry.sent = wanted;
        settle(keyOf(prefix), entry);
      }
      const announced = (["ipv4", "ipv6"] as const).flatMap((family) =>
        [...groups[family]].map(([attributes, prefixes]) => ({ family, attributes, prefixes })),
      );
      return { withdrawn, announced };
    },
    isSettled: () => dirty.size === 0,
    forgetSent() {
      sentCount = 0;
      for (const [key, entry] of entries) {
        entry.sent = undefined;
        if (entry.wanted === undefined) settle(key, entry);
        else dirty.add(entry);
      }
    },
    refresh(family) {
      for (const entry of entries.values()) {
        if (entry.prefix.family !== family || entry.wanted === undefined || entry.sent === undefined) continue;
        entry.sent = "stale";
        dirty.add(entry);
      }
    },
    sentCount: () => sentCount,
    wantedCount: () => wantedCount,
  };
}

type PrefixKey = number | string;

/** A number for IPv4: there may be a hundred thousand routes for each of fifty peers. */
function keyOf({ family, value, length }: Prefix): PrefixKey {
  return family === "ipv4" ? Number(value) * 64 + length : `${value.toString(36)}/${length}`;
}
