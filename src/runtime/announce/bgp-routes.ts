import type { BgpAdvertisement } from "../../config/model.js";
import { anySelectorMatches } from "../../config/selector.js";
import { formatPrefix, prefixOf, type IpAddress } from "../net/address.js";
import type { AnnounceWorld, BgpAnnouncement, BgpRoute, WithholdReason } from "./decision.js";
import { createNodePeersFinder } from "./node-peers.js";
import { advertisementsOn, EXCLUDE_LABEL, isExcluded } from "./nodes.js";
import type { Situation } from "./situation.js";

/** What one node announces by BGP for a Service: unlike in layer 2, each node by itself. O(advertisements × peers) */
export function bgpOn(name: string, world: AnnounceWorld, situation: Situation): BgpAnnouncement {
  const { service, pool, addresses, endpoints } = situation;
  const node = world.nodes.get(name);
  const matching = pool.bgp.filter(({ serviceSelectors }) => anySelectorMatches(serviceSelectors, service.labels));
  const own = node === undefined ? [] : advertisementsOn(matching, node);
  if (node === undefined || own.length === 0) {
    return withhold("noMatchingAdvertisement", `no BGPAdvertisement of pool ${pool.name} applies to it on ${name}`);
  }
  if (node.networkUnavailable) return withhold("nodeNetworkUnavailable", `the network of ${name} is unavailable`);
  if (isExcluded(node, world)) return withhold("nodeLabeledExcludeBalancers", `${name} has the label ${EXCLUDE_LABEL}`);
  if (!endpoints.anywhere) return withhold("noEndpoints", "it has no usable endpoint");
  if (service.externalTrafficPolicy === "Local" && !endpoints.nodes.has(name)) {
    return withhold("noLocalEndpoints", `${name} has no usable endpoint, and externalTrafficPolicy is Local`);
  }
  const conflict = conflictAmong(own, addresses);
  if (conflict !== undefined) {
    const [a, b] = conflict;
    const why = `two BGPAdvertisements of pool ${pool.name} send one prefix with localPref ${a} and ${b}`;
    return withhold("conflictingAdvertisements", why);
  }
  const findPeers = world.findPeers ?? createNodePeersFinder(world.model);
  const peers = findPeers(node)
    .peers.map((peer) => peer.name)
    .toSorted();
  const routes = addresses.flatMap((address) => routesFor(address, own, peers));
  if (routes.length === 0) return withhold("noMatchingPeer", `no BGP peer of ${name} is to hear of it`);
  const hearing = new Set(routes.flatMap((route) => route.peers));
  const explanation = `${name} announces ${[...new Set(routes.map(({ prefix }) => prefix))].join(", ")}`;
  return { announce: true, routes, explanation: `${explanation} to ${[...hearing].toSorted().join(", ")}` };
}

function withhold(reason: WithholdReason, explanation: string): BgpAnnouncement {
  return { announce: false, reason, explanation: `not announced: ${explanation}` };
}

/** The two different localPrefs with which a peer would hear of one prefix, if there are such. */
function conflictAmong(
  advertisements: readonly BgpAdvertisement[],
  addresses: readonly IpAddress[],
): readonly [number, number] | undefined {
  for (const [index, a] of advertisements.entries()) {
    for (const b of advertisements.slice(index + 1)) {
      if (a.localPref === b.localPref || !haveCommonPeer(a, b)) continue;
      if (addresses.some(({ family }) => lengthFor(a, family) === lengthFor(b, family)))
        return [a.localPref, b.localPref];
    }
  }
  return undefined;
}

function haveCommonPeer({ peers: a }: BgpAdvertisement, { peers: b }: BgpAdvertisement): boolean {
  return a.length === 0 || b.length === 0 || a.some((name) => b.includes(name));
}

function lengthFor(advertisement: BgpAdvertisement, family: IpAddress["family"]): number {
  return family === "ipv4" ? advertisement.aggregationLength : advertisement.aggregationLengthV6;
}

/**
 * The routes for one address. A peer that hears of a prefix by several advertisements gets the communities of all of
 * them, and peers that get the same share one route.
 */
function routesFor(
  address: IpAddress,
  advertisements: readonly BgpAdvertisement[],
  nodePeers: readonly string[],
): readonly BgpRoute[] {
  const routes = new Map<string, BgpRoute & { peers: string[] }>(); // BOUNDED by peers and advertisements
  const byPrefix = new Map<string, BgpAdvertisement[]>();
  for (const advertisement of advertisements) {
    const prefix = formatPrefix(prefixOf(address, lengthFor(advertisement, address.family)));
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), advertisement]);
  }
  for (const [prefix, sources] of byPrefix) {
    for (const peer of nodePeers) {
      const heard = sources.filter(({ peers }) => peers.length === 0 || peers.includes(peer));
      const [first] = heard;
      if (first === undefined) continue;
      const communities = [...new Set(heard.flatMap((source) => source.communities))].toSorted();
      const key = `${prefix} ${first.localPref} ${communities.join()}`;
      const route = routes.get(key) ?? { prefix, localPref: first.localPref, communities, peers: [] };
      route.peers.push(peer);
      routes.set(key, route);
    }
  }
  return [...routes.values()];
}
