import type { BgpRoute } from "../announce/decision.js";
import type { AdjRibOut, AnnouncedAttributes, LargeCommunity } from "#bgp-ts";
import { parsePrefix, type Prefix } from "../net/address.js";
import type { ObjectKey } from "../world/views.js";

/** What all Services of this node announce, brought to the peers that are to hear of it. */
export interface BgpRouteTable {
  /** All that a Service announces now; [] is nothing. O(what it announces and announced, times its peers) */
  setRoutes(service: ObjectKey, routes: readonly BgpRoute[]): void;
  /** A peer of this name is there: it is to hear of everything that names it. */
  attach(peer: string, rib: AdjRibOut<AnnouncedAttributes>): void;
  detach(peer: string): void;
  /** No Service announces anything any more. */
  clear(): void;
}

/** The Services behind one prefix, for one peer. */
type Contributions = Map<ObjectKey, BgpRoute>;

const MAX_INTERNED = 10_000;
/** What communities may take of a message of 4096 octets: all else that may stand in it, and one prefix, take fewer than 300. */
const MAX_COMMUNITY_OCTETS = 3_600;

/** @param leftOut a prefix is told of without some of its communities, since there are more than a message holds */
export function createBgpRouteTable(leftOut: (prefix: string) => void = () => {}): BgpRouteTable {
  const byService = new Map<ObjectKey, readonly BgpRoute[]>(); // BOUNDED by the Services that are announced
  const byPeer = new Map<string, Map<string, Contributions>>(); // BOUNDED by them and the peers: prefix to Services
  const ribs = new Map<string, AdjRibOut<AnnouncedAttributes>>(); // BOUNDED by the peers
  const interned = new Map<string, AnnouncedAttributes>(); // BOUNDED by MAX_INTERNED

  /** The same object for the same attributes, by which routes share messages. */
  function attributesOf(localPref: number, prepend: number, communities: readonly string[]): AnnouncedAttributes {
    const key = `${localPref} ${prepend} ${communities.join()}`;
    const known = interned.get(key);
    if (known !== undefined) return known;
    if (interned.size >= MAX_INTERNED) interned.clear(); // what is said anew for it does no harm
    const attributes = { localPref, ...readCommunities(communities), prepend };
    interned.set(key, attributes);
    return attributes;
  }

  function tell(rib: AdjRibOut<AnnouncedAttributes> | undefined, text: string, contributions: Contributions): void {
    const prefix = readPrefix(text);
    if (contributions.size === 0) return rib?.withdraw(prefix);
    const routes = [...contributions.keys()].toSorted().flatMap((key) => contributions.get(key) ?? []);
    // Several Services behind one prefix: all their communities, and preference and path of the first by name.
    const [first] = routes;
    const { communities, isCut } = unionOf(routes);
    if (isCut && rib !== undefined) leftOut(text);
    rib?.announce(prefix, attributesOf(first?.localPref ?? 0, first?.asPathPrepend ?? 0, communities));
  }

  function setRoutes(service: ObjectKey, routes: readonly BgpRoute[]): void {
    const touched = new Map<string, Set<string>>(); // peer to prefixes
    const touch = (peer: string, prefix: string): Contributions => {
      touched.set(peer, (touched.get(peer) ?? new Set<string>()).add(prefix));
      const prefixes = byPeer.get(peer) ?? new Map<string, Contributions>();
      byPeer.set(peer, prefixes);
      const contributions = prefixes.get(prefix) ?? new Map<ObjectKey, BgpRoute>();
      prefixes.set(prefix, contributions);
      return contributions;
    };
    for (const { prefix, peers } of byService.get(service) ?? []) {
      for (const peer of peers) touch(peer, prefix).delete(service);
    }
    for (const route of routes) for (const peer of route.peers) touch(peer, route.prefix).set(service, route);
    if (routes.length === 0) byService.delete(service);
    else byService.set(service, routes);
    for (const [peer, prefixes] of touched) {
      const known = byPeer.get(peer);
      for (const prefix of prefixes) {
        const contributions = known?.get(prefix) ?? new Map<ObjectKey, BgpRoute>();
        tell(ribs.get(peer), prefix, contributions);
        if (contributions.size === 0) known?.delete(prefix);
      }
      if (known?.size === 0) byPeer.delete(peer);
    }
  }

  return {
    setRoutes,
    attach(peer, rib) {
      ribs.set(peer, rib);
      for (const [prefix, contributions] of byPeer.get(peer) ?? []) tell(rib, prefix, contributions);
    },
    detach: (peer) => void ribs.delete(peer),
    clear() {
      for (const service of byService.keys()) setRoutes(service, []);
    },
  };
}

/** The communities of all routes, sorted; where there are more than a message holds those of the first. */
function unionOf(routes: readonly BgpRoute[]): Readonly<{ communities: readonly string[]; isCut: boolean }> {
  const union = new Set<string>(); // BOUNDED by MAX_COMMUNITY_OCTETS
  let octets = 0;
  for (const { communities } of routes) {
    for (const community of communities) {
      if (union.has(community)) continue;
      octets += community.startsWith("large:") ? 12 : 4;
      if (octets > MAX_COMMUNITY_OCTETS) return { communities: [...union].toSorted(), isCut: true };
      union.add(community);
    }
  }
  return { communities: [...union].toSorted(), isCut: false };
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
