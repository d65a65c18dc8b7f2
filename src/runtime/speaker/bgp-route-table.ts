import type { BgpRoute } from "../announce/decision.js";
import type { AdjRibOut, AnnouncedAttributes, LargeCommunity } from "#bgp-ts";
import { parsePrefix, type Prefix } from "../net/address.js";
import type { ObjectKey } from "../world/views.js";

/** What all Services of this node announce, brought to the peers that are to hear of it. */
export interface BgpRouteTable {
  /** All that a Service announces now; [] is nothing. Peers are told with settle(). O(what it announces and announced) */
  setRoutes(service: ObjectKey, routes: readonly BgpRoute[]): void;
  /**
   * Tells the peers what has changed, each prefix once, however many Services behind it did, and those who came everything.
   * @param most so many times, a peer and a prefix each, it may tell before it returns; one prefix at least
   * @returns whether all peers know everything now. O(most)
   */
  settle(most?: number): boolean;
  /** Whether settle() has nothing to do. */
  isSettled(): boolean;
  /** A peer of this name is there: it is to hear of everything that names it, with settle(). */
  attach(peer: string, rib: AdjRibOut<AnnouncedAttributes>): void;
  detach(peer: string): void;
  /** No Service announces anything any more. */
  clear(): void;
}

/** What is said of a route and to whom: the same object for all routes that are alike in it. */
type Kind = Required<Omit<BgpRoute, "prefix" | "peers">> &
  Readonly<{
    peers: ReadonlySet<string>;
    attributes: AnnouncedAttributes;
    /** Some of the communities are not in the attributes. */
    isCut: boolean;
  }>;
type Claim = Readonly<{ prefix: string; kind: Kind }>;

const NONE: readonly string[] = [];
const MAX_INTERNED = 10_000;
/** What communities may take of a message of 4096 octets: all else that may stand in it, and one prefix, take fewer than 300. */
const MAX_COMMUNITY_OCTETS = 3_600;

/** @param leftOut a prefix is told of without some of its communities, since there are more than a message holds */
export function createBgpRouteTable(leftOut: (prefix: string) => void = () => {}): BgpRouteTable {
  const byService = new Map<ObjectKey, readonly Claim[]>(); // BOUNDED by the Services that are announced
  // By prefix; most have one Service. BOUNDED by what those announce
  const behind = new Map<string, ObjectKey | Set<ObjectKey>>();
  const stale = new Set<string>(); // prefixes that peers are to be told of. BOUNDED by what changes at once
  const ribs = new Map<string, AdjRibOut<AnnouncedAttributes>>(); // BOUNDED by the peers
  // Who came, and the prefixes that it has yet to hear of: the list goes on with those that come meanwhile. BOUNDED by the peers
  const newcomers = new Map<string, Iterator<string>>();
  const kinds = new Map<string, Kind>(); // BOUNDED by MAX_INTERNED
  const interned = new Map<string, AnnouncedAttributes>(); // BOUNDED by MAX_INTERNED

  function kindOf({ localPref, asPathPrepend = 0, communities, requested = NONE, peers }: BgpRoute): Kind {
    const key = `${localPref} ${asPathPrepend} ${communities.join()} ${requested.join()} ${peers.join()}`;
    return intern(kinds, key, () => {
      const { kept, isCut } = fitting([communities, requested]);
      const attributes = attributesOf(localPref, asPathPrepend, kept);
      return { localPref, asPathPrepend, communities, requested, peers: new Set(peers), attributes, isCut };
    });
  }

  /** The same object for the same attributes, by which routes share messages. */
  function attributesOf(localPref: number, prepend: number, communities: readonly string[]): AnnouncedAttributes {
    const make = (): AnnouncedAttributes => ({ localPref, ...readCommunities(communities), prepend });
    return intern(interned, `${localPref} ${prepend} ${communities.join()}`, make);
  }

  /** What stands behind a prefix, by the first Service of each kind. BOUNDED by the kinds of routes */
  function kindsBehind(prefix: string): readonly Kind[] {
    const services = behind.get(prefix) ?? [];
    const first = new Map<Kind, ObjectKey>();
    for (const service of typeof services === "string" ? [services] : services) {
      for (const claim of byService.get(service) ?? []) {
        if (claim.prefix !== prefix) continue;
        const known = first.get(claim.kind);
        if (known === undefined || service < known) first.set(claim.kind, service);
      }
    }
    if (first.size < 2) return [...first.keys()];
    return [...first].toSorted(([, a], [, b]) => (a < b ? -1 : 1)).map(([kind]) => kind);
  }

  /** @returns whether communities were left out */
  function tell(
    [peer, rib]: readonly [string, AdjRibOut<AnnouncedAttributes>],
    prefix: Prefix,
    all: readonly Kind[],
  ): boolean {
    const heard = all.filter(({ peers }) => peers.has(peer));
    const [first, ...others] = heard;
    if (first === undefined) {
      rib.withdraw(prefix);
      return false;
    }
    if (others.length === 0) {
      rib.announce(prefix, first.attributes);
      return first.isCut;
    }
    // Several Services behind one prefix: all their communities, and preference and path of the first by name. What their
    // owners ask for takes no room from what the administrator says of any of them, which may be NO_EXPORT.
    const asked = heard.map(({ requested }) => requested);
    const { kept, isCut } = fitting([...heard.map(({ communities }) => communities), ...asked]);
    rib.announce(prefix, attributesOf(first.localPref, first.asPathPrepend, kept));
    return isCut;
  }

  function setRoutes(service: ObjectKey, routes: readonly BgpRoute[]): void {
    const before = byService.get(service) ?? [];
    const claims = routes.map((route): Claim => ({ prefix: route.prefix, kind: kindOf(route) }));
    if (areAlike(before, claims)) return;
    for (const { prefix } of before) {
      stale.add(prefix);
      const services = behind.get(prefix);
      if (services === service) behind.delete(prefix);
      else if (typeof services === "object") services.delete(service);
    }
    for (const { prefix } of claims) {
      stale.add(prefix);
      const services = behind.get(prefix);
      if (services === undefined) behind.set(prefix, service);
      else if (typeof services === "object") services.add(service);
      else if (services !== service) behind.set(prefix, new Set([services, service]));
    }
    if (claims.length === 0) byService.delete(service);
    else byService.set(service, claims);
  }

  return {
    setRoutes,
    settle(most = Infinity) {
      let left = most;
      for (const text of stale) {
        if (left <= 0) return false;
        left -= 1 + ribs.size;
        stale.delete(text);
        const [prefix, all] = [readPrefix(text), kindsBehind(text)];
        let isCut = false;
        for (const peer of ribs) isCut = tell(peer, prefix, all) || isCut;
        if (isCut) leftOut(text);
        if (all.length === 0) behind.delete(text);
      }
      for (const [peer, prefixes] of newcomers) {
        const rib = ribs.get(peer);
        for (let next = prefixes.next(); next.done !== true; next = prefixes.next()) {
          const text = next.value;
          if (rib !== undefined && tell([peer, rib], readPrefix(text), kindsBehind(text))) leftOut(text);
          left -= 1;
          if (left <= 0) return false;
        }
        newcomers.delete(peer);
      }
      return true;
    },
    isSettled: () => stale.size === 0 && newcomers.size === 0,
    attach(peer, rib) {
      ribs.set(peer, rib);
      if (behind.size > 0) newcomers.set(peer, behind.keys());
    },
    detach(peer) {
      ribs.delete(peer);
      newcomers.delete(peer);
    },
    clear() {
      for (const service of byService.keys()) setRoutes(service, []);
    },
  };
}

/** What is known by this key, else what is made now. */
function intern<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  const before = known.get(key);
  if (before !== undefined) return before;
  if (known.size >= MAX_INTERNED) known.clear(); // what is said anew for it does no harm
  const value = make();
  known.set(key, value);
  return value;
}

function areAlike(a: readonly Claim[], b: readonly Claim[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ prefix, kind }, index) => b[index]?.prefix === prefix && b[index]?.kind === kind)
  );
}

/** The communities of all lists, sorted; where there are more than a message holds those of the first. */
function fitting(lists: readonly (readonly string[])[]): Readonly<{ kept: readonly string[]; isCut: boolean }> {
  const union = new Set<string>(); // BOUNDED by MAX_COMMUNITY_OCTETS
  let octets = 0;
  for (const communities of lists) {
    for (const community of communities) {
      if (union.has(community)) continue;
      octets += community.startsWith("large:") ? 12 : 4;
      if (octets > MAX_COMMUNITY_OCTETS) return { kept: [...union].toSorted(), isCut: true };
      union.add(community);
    }
  }
  return { kept: [...union].toSorted(), isCut: false };
}

function readPrefix(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix.ok) throw new Error(`unreachable: ${text} ${prefix.fault}`); // formatPrefix() made it
  return prefix.value;
}

/** `64512:1` and `large:64512:1:2`, which the configuration has checked. */
function readCommunities(texts: readonly string[]): Pick<AnnouncedAttributes, "communities" | "largeCommunities"> {
  const communities: number[] = [];
  const largeCommunities: LargeCommunity[] = [];
  for (const text of texts) {
    const numbers = text.replace("large:", "").split(":").map(Number);
    const [a = 0, b = 0, c = 0] = numbers;
    if (text.startsWith("large:")) largeCommunities.push([a, b, c]);
    else communities.push(a * 0x10000 + b);
  }
  return { communities, largeCommunities };
}
