import type { Family, Prefix } from "../net/address.js";

/** What is to be said next to one peer. A prefix stands in it once at most. */
export type RouteChanges<Attributes> = Readonly<{
  withdrawn: Readonly<Record<Family, readonly Prefix[]>>;
  /** One for each family and attributes: what shares messages. */
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
  /** Up to so many prefixes that the peer does not know rightly; they count as said. O(prefixes taken) */
  take(maxPrefixes: number): RouteChanges<Attributes>;
  /** Is there anything to say? */
  isSettled(): boolean;
  /** A new session: the peer knows nothing. */
  forgetSent(): void;
  /** The peer asks for all routes of a family again. RFC 2918 §4 */
  refresh(family: Family): void;
  /** How many prefixes the peer has been told of and not had withdrawn. */
  sentCount(): number;
}

type Entry<Attributes> = Readonly<{
  prefix: Prefix;
  /** undefined: the peer is to know nothing of it. */
  wanted: Attributes | undefined;
  sent: Attributes | undefined;
}>;

export function createAdjRibOut<Attributes extends object>(): AdjRibOut<Attributes> {
  const entries = new Map<string, Entry<Attributes>>(); // BOUNDED by the routes that are wanted, and those not withdrawn yet
  const dirty = new Set<string>(); // BOUNDED by entries
  let sentCount = 0;

  function put(key: string, entry: Entry<Attributes>): void {
    if (entry.wanted === entry.sent) dirty.delete(key);
    else dirty.add(key);
    if (entry.wanted === undefined && entry.sent === undefined) entries.delete(key);
    else entries.set(key, entry);
  }

  function want(prefix: Prefix, wanted: Attributes | undefined): void {
    const key = keyOf(prefix);
    put(key, { prefix, wanted, sent: entries.get(key)?.sent });
  }

  return {
    announce: want,
    withdraw: (prefix) => want(prefix, undefined),
    take(maxPrefixes) {
      const withdrawn: Record<Family, Prefix[]> = { ipv4: [], ipv6: [] };
      const groups: Record<Family, Map<Attributes, Prefix[]>> = { ipv4: new Map(), ipv6: new Map() };
      let left = maxPrefixes;
      for (const key of dirty) {
        if (left <= 0) break;
        left -= 1;
        const entry = entries.get(key);
        if (entry === undefined) continue;
        const { prefix, wanted, sent } = entry;
        if (wanted === undefined) withdrawn[prefix.family].push(prefix);
        else {
          const group = groups[prefix.family].get(wanted);
          if (group === undefined) groups[prefix.family].set(wanted, [prefix]);
          else group.push(prefix);
        }
        sentCount += Number(wanted !== undefined) - Number(sent !== undefined);
        put(key, { prefix, wanted, sent: wanted });
      }
      const announced = (["ipv4", "ipv6"] as const).flatMap((family) =>
        [...groups[family]].map(([attributes, prefixes]) => ({ family, attributes, prefixes })),
      );
      return { withdrawn, announced };
    },
    isSettled: () => dirty.size === 0,
    forgetSent() {
      sentCount = 0;
      for (const [key, { prefix, wanted }] of entries) put(key, { prefix, wanted, sent: undefined });
    },
    refresh(family) {
      for (const [key, { prefix, wanted }] of entries) {
        if (prefix.family === family && wanted !== undefined) dirty.add(key);
      }
    },
    sentCount: () => sentCount,
  };
}

function keyOf({ family, value, length }: Prefix): string {
  return `${family === "ipv4" ? 4 : 6} ${value.toString(36)}/${length}`;
}
