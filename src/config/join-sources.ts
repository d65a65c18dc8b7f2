import { formatAddress } from "../runtime/net/address.js";
import type { Fault } from "../runtime/net/fault.js";
import type { AttachedAdvertisements } from "./attach-advertisements.js";
import { canonicalSet, canonicalText } from "./canonical.js";
import type { UnnamedPeer } from "./legacy-peers.js";
import type { LegacyPool } from "./legacy-pools.js";
import type { BfdProfile, Layer2Advertisement, Origin, Peer, Pool } from "./model.js";
import { namePeers } from "./object-names.js";
import type { RangeClaim } from "./overlap.js";
import { findOverlaps, mergeRanges } from "./overlap.js";
import type { Place } from "./place.js";
import { compareTexts, faultAt, noticeOf, originAt } from "./place.js";
import type { LegacyReading } from "./read-legacy.js";
import type { Findings } from "./resource-context.js";
import type { ResourceBfdProfile, ResourcePeer } from "./resource-peers.js";
import type { ResourcePool } from "./resource-pools.js";
import { subtractSelectors } from "./subtract-selectors.js";

/** What was read of the resources, each part on its own. */
export type ResourceReading = Readonly<{
  pools: readonly ResourcePool[];
  advertisements: ReadonlyMap<string, AttachedAdvertisements>;
  peers: readonly ResourcePeer[];
  bfdProfiles: readonly ResourceBfdProfile[];
}>;

/** A piece of the model and where it comes from. */
export type Sourced<Piece> = Readonly<{ piece: Piece; origins: readonly Origin[] }>;

const EVERYWHERE: Layer2Advertisement = { nodeSelectors: [], interfaces: [], serviceSelectors: [], preferredNodes: [] };

/** The pools of both sources. A resource wins over a legacy pool with its name or its addresses. */
export function joinPools(resources: ResourceReading, legacy: LegacyReading | undefined, findings: Findings) {
  const twins = new Map<string, ResourcePool>();
  for (const pool of resources.pools) {
    if (pool.entries.length > 0) twins.set(addressesText(pool.entries), pool);
    twins.set(`name ${pool.name}`, pool);
  }
  const lenders = new Map<ResourcePool, LegacyPool>();
  const legacyPools = (legacy?.pools ?? []).filter((pool) => {
    const twin = twins.get(`name ${pool.name}`) ?? twins.get(addressesText(pool.entries));
    if (twin === undefined || legacy === undefined) return true;
    noteShadowed(legacy.place, pool.path, `pool ${pool.name}`, twin.place, findings);
    lenders.set(twin, pool);
    return false;
  });
  checkOverlaps(resources.pools, legacyPools, legacy?.place, findings);
  const pools: Sourced<Pool>[] = resources.pools.map((pool) => {
    const lender = lenders.get(pool);
    const lent = lender === undefined || legacy === undefined ? undefined : advertisementsOf(lender, legacy.place);
    return resourcePool(pool, resources.advertisements, lent, findings);
  });
  for (const pool of legacyPools) {
    if (legacy === undefined) break;
    pools.push({ piece: legacyPool(pool), origins: [originAt(legacy.place, pool.path)] });
  }
  return pools;
}

function addressesText(entries: readonly RangeEntry[]): string {
  const ranges = mergeRanges(entries.map(({ range }) => range));
  return `addresses ${ranges.map(({ family, first, last }) => `${family} ${first} ${last}`).join()}`;
}

function resourcePool(
  { name, entries, autoAssign, avoidBuggyIPs, serviceAllocation, place }: ResourcePool,
  advertisements: ResourceReading["advertisements"],
  lent: Lent | undefined,
  { notices }: Findings,
): Sourced<Pool> {
  const { layer2 = [], bgp = [], objects = [] } = advertisements.get(name) ?? {};
  const isOnTheWay = lent !== undefined && isPartOf(layer2, bgp, lent);
  const lacks = layer2.length + bgp.length === 0;
  if (lacks || isOnTheWay) {
    const problem = isOnTheWay
      ? `is a pool without all of the advertisements that ${lent.place.object} has for it: until they are there, those are in force`
      : "is a pool that no advertisement is for: its addresses are given out and announced by nobody";
    const remedy = "make an L2Advertisement or a BGPAdvertisement for it in this namespace";
    const code = lacks ? "pool-without-advertisement" : undefined;
    notices.push(noticeOf(faultAt(place, "/metadata/name", name, problem, remedy, code), "unused"));
  }
  const piece: Pool = {
    name,
    ranges: entries.map(({ range }) => range),
    autoAssign,
    avoidBuggyIPs,
    ...(serviceAllocation && { serviceAllocation }),
    layer2: isOnTheWay ? lent.layer2 : layer2,
    bgp: isOnTheWay ? lent.bgp : bgp,
  };
  const origins = objects.map((object) => ({ object, path: "" }));
  const lentBy = isOnTheWay ? [originAt(lent.place, lent.path)] : [];
  return { piece, origins: [originAt(place, ""), ...origins, ...lentBy] };
}

/** How a legacy pool is announced that a resource takes the place of. */
type Lent = Pick<Pool, "layer2" | "bgp"> & Readonly<{ place: Place; path: string }>;

function advertisementsOf(pool: LegacyPool, place: Place): Lent {
  const { layer2, bgp } = legacyPool(pool);
  return { layer2, bgp, place, path: `${pool.path}/protocol` };
}

/** Whether there are but some of them: resources are applied one after the other, and pools may be first. */
function isPartOf(layer2: Pool["layer2"], bgp: Pool["bgp"], all: Lent): boolean {
  const missing = new Set([...all.layer2, ...all.bgp].map((one) => canonicalText(one)));
  const areKnown = [...layer2, ...bgp].every((one) => missing.delete(canonicalText(one)));
  return areKnown && missing.size > 0;
}

function legacyPool({ name, entries, autoAssign, avoidBuggyIPs, protocol, advertisements }: LegacyPool): Pool {
  return {
    name,
    ranges: entries.map(({ range }) => range),
    autoAssign,
    avoidBuggyIPs,
    layer2: protocol === "layer2" ? [EVERYWHERE] : [],
    bgp: canonicalSet(advertisements.map(({ meaning }) => meaning)),
  };
}

type RangeEntry = ResourcePool["entries"][number];
type PoolClaim = RangeClaim & Readonly<{ entry: RangeEntry; pool: string; place: Place }>;

/** No address may be in two pools, nor twice in one. Legacy pools come last: they are the ones to blame. */
function checkOverlaps(
  resources: readonly ResourcePool[],
  legacyPools: readonly LegacyPool[],
  legacyPlace: Place | undefined,
  { faults }: Findings,
): void {
  const claims: PoolClaim[] = []; // BOUNDED by the ranges of all pools
  const claim = (pool: string, entries: readonly RangeEntry[], place: Place): void => {
    for (const entry of entries) claims.push({ range: entry.range, order: claims.length, entry, pool, place });
  };
  for (const { name, entries, place } of resources) claim(name, entries, place);
  if (legacyPlace !== undefined) for (const { name, entries } of legacyPools) claim(name, entries, legacyPlace);
  for (const { earlier, later } of findOverlaps(claims)) {
    const isSameObject = earlier.place.object === later.place.object;
    const where = isSameObject ? `at ${earlier.entry.path}` : `in ${earlier.place.object}`;
    const problem = `has addresses in common with ${earlier.entry.text} ${where} (pool ${earlier.pool})`;
    const remedy = "give each address to one pool, and once";
    faults.push(faultAt(later.place, later.entry.path, later.entry.text, problem, remedy, "address-overlap"));
  }
}

/**
 * The peers of both sources. A resource wins over a legacy peer with its address, port and VRF on the nodes of the
 * resource; on others the legacy peer stays. Legacy peers are named here.
 */
export function joinPeers(
  resources: ResourceReading,
  legacy: LegacyReading | undefined,
  findings: Findings,
): Sourced<Peer>[] {
  const peers: Sourced<Peer>[] = [];
  const byTarget = new Map<string, ResourcePeer[]>();
  for (const resource of resources.peers) {
    peers.push({ piece: resource.peer, origins: [originAt(resource.place, "")] });
    const target = targetOf(resource.peer);
    const list = byTarget.get(target);
    if (list === undefined) byTarget.set(target, [resource]);
    else list.push(resource);
  }
  if (legacy === undefined) return peers;
  const { faults } = findings;
  const rests = legacy.peers.map(({ peer, path }) =>
    restOf(peer, byTarget.get(targetOf(peer)) ?? [], () => faults.push(endlessFault(legacy.place, path, peer))),
  );
  // The name of one that says all of it is likely the one that conversion gave: it does not count as taken.
  const twinNames = new Set(rests.flatMap((rest) => (rest.peer === undefined ? rest.twins : []).map(nameOf)));
  const used = new Set(resources.peers.map(nameOf));
  const taken = new Set([...used].filter((name) => !twinNames.has(name)));
  const unnamed = legacy.peers.map(({ peer }, index) => rests[index]?.peer ?? peer);
  const profiles = legacy.bfdProfiles.map(({ profile }) => profile.name);
  const names = namePeers(unnamed, taken, profiles);
  for (const [index, { path }] of legacy.peers.entries()) {
    const { peer, twins } = rests[index] ?? NOTHING_LEFT;
    const [twin] = twins;
    if (twin !== undefined) notePeer(legacy.place, path, twin, peer, findings);
    if (peer === undefined) continue;
    let name = names[index] ?? "";
    while (used.has(name)) name = `${name}-legacy`;
    used.add(name);
    peers.push({ piece: { name, ...peer }, origins: [originAt(legacy.place, path)] });
  }
  return peers;
}

/** What of a legacy peer resources leave: on other nodes than theirs, or nothing; `twins` are those that take something. */
type PeerRest = Readonly<{ peer: UnnamedPeer | undefined; twins: readonly ResourcePeer[] }>;
const NOTHING_LEFT: PeerRest = { peer: undefined, twins: [] };

/** @param endless called where the nodes that are left cannot be said */
function restOf(peer: UnnamedPeer, rivals: readonly ResourcePeer[], endless: () => void): PeerRest {
  const twins: ResourcePeer[] = [];
  let nodeSelectors = peer.nodeSelectors;
  for (const rival of rivals) {
    const left = subtractSelectors(nodeSelectors, rival.peer.nodeSelectors);
    if (left === nodeSelectors) continue;
    if (left === "too many") {
      endless();
      return NOTHING_LEFT;
    }
    twins.push(rival);
    if (left === undefined) return { peer: undefined, twins };
    nodeSelectors = left;
  }
  return { peer: twins.length === 0 ? peer : { ...peer, nodeSelectors }, twins };
}

function endlessFault(place: Place, path: string, peer: UnnamedPeer): Fault {
  const problem = "is for some of its nodes what BGPPeers say too, and which ones are left cannot be said shortly";
  return faultAt(place, path, describePeer(peer), problem, "remove it, and make BGPPeers for its other nodes");
}

const nameOf = ({ peer }: ResourcePeer): string => peer.name;

function notePeer(place: Place, path: string, twin: ResourcePeer, left: UnnamedPeer | undefined, findings: Findings) {
  const value = describePeer(twin.peer);
  if (left === undefined) return noteShadowed(place, path, value, twin.place, findings);
  const problem = `is what ${twin.place.object} says too for some of its nodes, and there the resource is the one in force`;
  const remedy = `remove it from ${place.object} when all nodes have their BGPPeer`;
  findings.notices.push(noticeOf(faultAt(place, path, value, problem, remedy), "shadowed"));
}

function targetOf({ address, interface: interfaceName = "", port, vrf }: Omit<Peer, "name">): string {
  const target = address === undefined ? interfaceName : `${address.family} ${address.value}`;
  return `${target} ${port} ${vrf}`;
}

function describePeer({ address, port }: Omit<Peer, "name">): string {
  return `peer ${address === undefined ? "" : formatAddress(address)} port ${port}`;
}

/** The BFD profiles of both sources. A resource wins over the legacy profile with its name. */
export function joinBfdProfiles(
  resources: ResourceReading,
  legacy: LegacyReading | undefined,
  findings: Findings,
): Sourced<BfdProfile>[] {
  const places = new Map(resources.bfdProfiles.map(({ profile, place }) => [profile.name, place]));
  const profiles: Sourced<BfdProfile>[] = resources.bfdProfiles.map(({ profile, place }) => ({
    piece: profile,
    origins: [originAt(place, "")],
  }));
  if (legacy === undefined) return profiles;
  for (const { profile, path } of legacy.bfdProfiles) {
    const twin = places.get(profile.name);
    if (twin !== undefined) noteShadowed(legacy.place, path, `BFD profile ${profile.name}`, twin, findings);
    else profiles.push({ piece: profile, origins: [originAt(legacy.place, path)] });
  }
  return profiles;
}

function noteShadowed(place: Place, path: string, value: string, twin: Place, { notices }: Findings): void {
  const problem = `is what ${twin.object} says too, and the resource is the one in force`;
  notices.push(noticeOf(faultAt(place, path, value, problem, `remove it from ${place.object}`), "shadowed"));
}

/** By the name of the piece. */
export function byName<Piece extends Readonly<{ name: string }>>(pieces: readonly Sourced<Piece>[]): Sourced<Piece>[] {
  return pieces.toSorted((a, b) => compareTexts(a.piece.name, b.piece.name));
}
