import type { BgpAdvertisement } from "../../config/model.js";
import { anySelectorMatches } from "../../config/selector.js";
import { formatPrefix, prefixOf, type IpAddress } from "../net/address.js";
import { refuse, succeed, type Result } from "../net/result.js";
import type { AnnounceWorld, BgpAnnouncement, BgpRoute, WithholdReason } from "./decision.js";
import { createNodePeersFinder } from "./node-peers.js";
import { advertisementsOn, EXCLUDE_LABEL, isExcluded } from "./nodes.js";
import { judgeRequests, type JudgedRequests } from "./service-requests.js";
import type { Situation, Withheld } from "./situation.js";

/** What one node announces by BGP for a Service: unlike in layer 2, each node by itself. O(advertisements × peers) */
export function bgpOn(name: string, world: AnnounceWorld, situation: Situation): BgpAnnouncement {
  const { service, pool, addresses } = situation;
  const matching = pool.bgp.filter(({ serviceSelectors }) => anySelectorMatches(serviceSelectors, service.labels));
  const sources = sourcesOn(name, world, situation, matching);
  if (!sources.ok) return withhold(sources.fault.reason, sources.fault.explanation);
  const { own, peers } = sources.value;
  const requests = judgeRequests(service, pool.name, matching);
  const routes = addresses.flatMap((address) => routesFor(address, own, peers, requests));
  const hearing = new Set(routes.flatMap((route) => route.peers));
  const announced = `${name} announces ${[...new Set(routes.map(({ prefix }) => prefix))].join(", ")}`;
  const explanation = `${announced} to ${[...hearing].toSorted().join(", ")}`;
  const { problem } = requests;
  if (problem === undefined) return { announce: true, routes, explanation };
  const toldBy = sortedNames(world.alive).find((node) => sourcesOn(node, world, situation, matching).ok) ?? name;
  return { announce: true, routes, explanation, refused: { problem, toldBy } };
}

/** The advertisements that are for a node, of which at least one is for a peer of it, and the names of its peers, sorted. */
type Sources = Readonly<{ own: readonly BgpAdvertisement[]; peers: readonly string[] }>;

/** @param matching the advertisements of the pool that select the Service */
function sourcesOn(
  name: string,
  world: AnnounceWorld,
  { service, pool, addresses, endpoints }: Situation,
  matching: readonly BgpAdvertisement[],
): Result<Sources, Withheld> {
  const node = world.nodes.get(name);
  const own = node === undefined ? [] : advertisementsOn(matching, node);
  const no = (reason: WithholdReason, explanation: string) => refuse({ reason, explanation });
  if (node === undefined || own.length === 0) {
    return no("noMatchingAdvertisement", `no BGPAdvertisement of pool ${pool.name} applies to it on ${name}`);
  }
  if (node.networkUnavailable) return no("nodeNetworkUnavailable", `the network of ${name} is unavailable`);
  if (isExcluded(node, world)) return no("nodeLabeledExcludeBalancers", `${name} has the label ${EXCLUDE_LABEL}`);
  if (!endpoints.anywhere) return no("noEndpoints", "it has no usable endpoint");
  if (service.externalTrafficPolicy === "Local" && !endpoints.nodes.has(name)) {
    return no("noLocalEndpoints", `${name} has no usable endpoint, and externalTrafficPolicy is Local`);
  }
  const conflict = conflictAmong(own, addresses);
  if (conflict !== undefined) {
    const why = `two BGPAdvertisements of pool ${pool.name} send one prefix with ${conflict}`;
    return no("conflictingAdvertisements", why);
  }
  const findPeers = world.findPeers ?? createNodePeersFinder(world.model);
  const peers = findPeers(node)
    .peers.map((peer) => peer.name)
    .toSorted();
  if (!own.some((advertisement) => peers.some((peer) => isFor(advertisement, peer)))) {
    return no("noMatchingPeer", `no BGP peer of ${name} is to hear of it`);
  }
  return succeed({ own, peers });
}

const sorted = new WeakMap<ReadonlySet<string>, readonly string[]>(); // BOUNDED by the sets that are in use

/** Sorted once for each set, for as many Services as ask. */
function sortedNames(names: ReadonlySet<string>): readonly string[] {
  const known = sorted.get(names);
  if (known !== undefined) return known;
  const list = [...names].toSorted();
  sorted.set(names, list);
  return list;
}

function withhold(reason: WithholdReason, explanation: string): BgpAnnouncement {
  return { announce: false, reason, explanation: `not announced: ${explanation}` };
}

/** With which two values a peer would hear of one prefix where it can have one alone, in words; undefined: nowhere. */
function conflictAmong(
  advertisements: readonly BgpAdvertisement[],
  addresses: readonly IpAddress[],
): string | undefined {
  for (const [index, a] of advertisements.entries()) {
    for (const b of advertisements.slice(index + 1)) {
      const difference = differenceOf(a, b);
      if (difference === undefined || !haveCommonPeer(a, b)) continue;
      if (addresses.some(({ family }) => lengthFor(a, family) === lengthFor(b, family))) return difference;
    }
  }
  return undefined;
}

function differenceOf(a: BgpAdvertisement, b: BgpAdvertisement): string | undefined {
  if (a.localPref !== b.localPref) return `localPref ${a.localPref} and ${b.localPref}`;
  const [ofA, ofB] = [a.asPathPrepend ?? 0, b.asPathPrepend ?? 0];
  return ofA === ofB ? undefined : `asPathPrepend ${ofA} and ${ofB}`;
}

function isFor({ peers }: BgpAdvertisement, peer: string): boolean {
  return peers.length === 0 || peers.includes(peer);
}

function haveCommonPeer({ peers: a }: BgpAdvertisement, { peers: b }: BgpAdvertisement): boolean {
  return a.length === 0 || b.length === 0 || a.some((name) => b.includes(name));
}

function lengthFor(advertisement: BgpAdvertisement, family: IpAddress["family"]): number {
  return family === "ipv4" ? advertisement.aggregationLength : advertisement.aggregationLengthV6;
}

/**
 * The routes for one address. A peer that hears of a prefix by several advertisements gets the communities of all of
 * them, and what the Service asks for of each; peers that get the same share one route.
 */
function routesFor(
  address: IpAddress,
  advertisements: readonly BgpAdvertisement[],
  nodePeers: readonly string[],
  { grantedBy }: JudgedRequests,
): readonly BgpRoute[] {
  const routes = new Map<string, BgpRoute & { peers: string[] }>(); // BOUNDED by peers and advertisements
  const byPrefix = new Map<string, BgpAdvertisement[]>();
  for (const advertisement of advertisements) {
    const prefix = formatPrefix(prefixOf(address, lengthFor(advertisement, address.family)));
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), advertisement]);
  }
  for (const [prefix, sources] of byPrefix) {
    for (const peer of nodePeers) {
      const heard = sources.filter((source) => isFor(source, peer));
      const [first] = heard;
      if (first === undefined) continue;
      const granted = heard.map(grantedBy);
      const communities = [...new Set(heard.flatMap((source) => source.communities))].toSorted();
      const requested = [...new Set(granted.flatMap((one) => one.communities))]
        .filter((community) => !communities.includes(community))
        .toSorted();
      const localPref = granted.find((one) => one.localPref !== undefined)?.localPref ?? first.localPref;
      const { asPathPrepend } = first;
      const key = `${prefix} ${localPref} ${asPathPrepend ?? 0} ${communities.join()} ${requested.join()}`;
      const path = asPathPrepend === undefined ? {} : { asPathPrepend };
      const asked = requested.length === 0 ? {} : { requested };
      const route = routes.get(key) ?? { prefix, localPref, ...path, communities, ...asked, peers: [] };
      route.peers.push(peer);
      routes.set(key, route);
    }
  }
  return [...routes.values()];
}
