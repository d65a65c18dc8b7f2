import type { AttachedAdvertisements } from "../config/attach-advertisements.js";
import { canonicalSet, canonicalText } from "../config/canonical.js";
import type { UnnamedPeer } from "../config/legacy-peers.js";
import type { LegacyPool } from "../config/legacy-pools.js";
import type { BfdProfile, BgpAdvertisement, LoadedConfig, Model, Notice, Pool } from "../config/model.js";
import type { RangeClaim } from "../config/overlap.js";
import { findOverlaps, mergeRanges } from "../config/overlap.js";
import type { Place } from "../config/place.js";
import { compareTexts, faultAt, noticeOf } from "../config/place.js";
import type { LegacyReading } from "../config/read-legacy.js";
import type { AddressRange } from "../runtime/net/address.js";
import type { Fault } from "../runtime/net/fault.js";

/** A pool to convert, and where in its object things are: the ConfigMap and an AddressPool spell them differently. */
export type SourcePool = Readonly<{
  name: string;
  protocol: "layer2" | "bgp";
  /** In the order of the document, without entries that hold no address. */
  entries: readonly SourceAddresses[];
  autoAssign: boolean;
  avoidBuggyIPs: boolean;
  /** For `bgp` at least one; none for `layer2`. */
  advertisements: readonly Readonly<{ meaning: BgpAdvertisement; path: string }>[];
  place: Place;
  path: string;
  namePath: string;
  addressesPath: string;
  keys: Readonly<{ aggregationLength: string; localPref: string }>;
  /** An IPAddressPool of this name is there already: of it only advertisements are left to write. */
  isThere?: true;
}>;
export type SourceAddresses = Readonly<{ text: string; range: AddressRange; path: string }>;
export type SourcePeer = Readonly<{ peer: UnnamedPeer; name: string; place: Place; path: string }>;
export type SourceBfdProfile = Readonly<{ profile: BfdProfile; place: Place; path: string }>;

/** What is to be written as resources: all of it, but for what resources beside it say already. Each list by name. */
export type ConversionSource = Readonly<{
  pools: readonly SourcePool[];
  peers: readonly SourcePeer[];
  bfdProfiles: readonly SourceBfdProfile[];
  /** Alias to community. */
  communities: ReadonlyMap<string, string>;
  /** Where they are written, for people. */
  communitiesOrigin: string;
}>;

/** `model`: what source and resources beside it mean together. */
export type JoinedSource = Readonly<{
  source: ConversionSource;
  model: Model;
  faults: readonly Fault[];
  notices: readonly Notice[];
}>;

/**
 * Joins what was read of the ConfigMap with the AddressPools beside it. An IPAddressPool wins over an AddressPool, and
 * an AddressPool over a pool of the ConfigMap, that has its name or its addresses, with a notice; a half overlap is a
 * fault.
 * @param loaded the ConfigMap and the resources beside it
 * @param attached the advertisements of the pools among these resources
 */
export function joinSource(
  { model, origins }: LoadedConfig,
  legacy: LegacyReading | undefined,
  addressPools: readonly SourcePool[],
  attached: ReadonlyMap<string, AttachedAdvertisements> = new Map(),
): JoinedSource {
  const notices: Notice[] = [];
  // A piece that a resource says too has no origin in the ConfigMap: only the others are left to convert.
  const names = new Map<string, string>();
  for (const [piece, places] of origins) {
    const [kind = "", ...name] = piece.split("/");
    for (const { object, path } of places) {
      if (object === legacy?.place.object && path !== "") names.set(`${kind} ${path}`, name.join("/"));
    }
  }
  const legacyPools = (legacy?.pools ?? []).filter(({ path }) => names.has(`pool ${path}`));
  const legacyNames = new Set(legacyPools.map(({ name }) => name));
  const served = twinsOf(model.pools.filter(({ name }) => !legacyNames.has(name)));
  const kept = addressPools.filter((pool) => {
    const twin = served(pool);
    if (twin !== undefined) notices.push(shadowed(pool.place, pool.path, pool.name, `IPAddressPool ${twin}`));
    return twin === undefined;
  });
  const replaced = twinsOf(kept);
  const left = legacyPools.filter((pool) => {
    const twin = replaced(pool);
    if (twin !== undefined && legacy !== undefined) {
      notices.push(shadowed(legacy.place, pool.path, pool.name, `AddressPool ${twin}`));
    }
    return twin === undefined;
  });
  const leftNames = new Set(left.map(({ name }) => name));
  const dropped = new Set(legacyPools.flatMap(({ name }) => (leftNames.has(name) ? [] : [name])));
  const modelPools = [...model.pools.filter(({ name }) => !dropped.has(name)), ...kept.map(poolOf)].toSorted(byName);
  const modelPeers = new Map(model.peers.map(({ name, ...peer }) => [name, peer]));
  const place = legacy?.place ?? { object: "", positionOf: () => ({}) };
  const lending = (legacy?.pools ?? []).flatMap((pool): SourcePool[] => {
    const name = names.get(`pool ${pool.path}/protocol`);
    if (name === undefined) return [];
    const there = new Set(attached.get(name)?.bgp.map((one) => canonicalText(one)));
    const advertisements = pool.advertisements.filter(({ meaning }) => !there.has(canonicalText(meaning)));
    return [{ ...sourcePool(pool, place), name, advertisements, isThere: true }];
  });
  const source: ConversionSource = {
    pools: [...left.map((pool) => sourcePool(pool, place)), ...lending, ...kept].toSorted(byName),
    peers: (legacy?.peers ?? [])
      .flatMap(({ path }): SourcePeer[] => {
        const name = names.get(`peer ${path}`) ?? "";
        const peer = modelPeers.get(name); // without the nodes that a BGPPeer beside it is for
        return peer === undefined ? [] : [{ peer, name, place, path }];
      })
      .toSorted(byName),
    bfdProfiles: (legacy?.bfdProfiles ?? [])
      .filter(({ path }) => names.has(`bfdProfile ${path}`))
      .map(({ profile, path }) => ({ profile, place, path }))
      .toSorted((a, b) => byName(a.profile, b.profile)),
    communities: legacy?.communities ?? new Map(),
    communitiesOrigin: `${place.object} /bgp-communities`,
  };
  const faults = overlapFaults(
    model.pools.filter(({ name }) => !dropped.has(name)),
    kept,
  );
  return { source, model: { ...model, pools: modelPools }, faults, notices };
}

function sourcePool(pool: LegacyPool, place: Place): SourcePool {
  return {
    ...pool,
    place,
    namePath: `${pool.path}/name`,
    addressesPath: `${pool.path}/addresses`,
    keys: { aggregationLength: "aggregation-length", localPref: "localpref" },
  };
}

/** The pool of the model that an AddressPool makes: announced everywhere, by its one protocol. */
function poolOf({ name, entries, autoAssign, avoidBuggyIPs, protocol, advertisements }: SourcePool): Pool {
  const everywhere = { nodeSelectors: [], interfaces: [], serviceSelectors: [], preferredNodes: [] };
  return {
    name,
    ranges: entries.map(({ range }) => range),
    autoAssign,
    avoidBuggyIPs,
    layer2: protocol === "layer2" ? [everywhere] : [],
    bgp: canonicalSet(advertisements.map(({ meaning }) => meaning)),
  };
}

type Addressed = Readonly<{ name: string; ranges?: Pool["ranges"]; entries?: readonly SourceAddresses[] }>;

/** Finds which of the pools has the name or all the addresses of another. */
function twinsOf(pools: readonly Addressed[]): (pool: Addressed) => string | undefined {
  const twins = new Map<string, string>();
  for (const pool of pools) {
    twins.set(addressesText(pool), pool.name);
    twins.set(`name ${pool.name}`, pool.name);
  }
  return (pool) => twins.get(`name ${pool.name}`) ?? twins.get(addressesText(pool));
}

function addressesText({ name, entries = [], ranges = entries.map(({ range }) => range) }: Addressed): string {
  if (ranges.length === 0) return `name ${name}`;
  return `addresses ${mergeRanges(ranges)
    .map(({ family, first, last }) => `${family} ${first} ${last}`)
    .join()}`;
}

function shadowed(place: Place, path: string, name: string, twin: string): Notice {
  const problem = `is what ${twin} says too, which counts`;
  return noticeOf(faultAt(place, path, `pool ${name}`, problem, "remove it"), "shadowed");
}

type Claim = RangeClaim & Readonly<{ pool: string; at?: Readonly<{ place: Place; text: string; path: string }> }>;

/** AddressPools against each other and against the pools beside them, whose own overlaps have been found. */
function overlapFaults(pools: readonly Pool[], addressPools: readonly SourcePool[]): Fault[] {
  if (addressPools.length === 0) return [];
  let order = 0;
  const claims: Claim[] = [
    ...pools.flatMap(({ name, ranges }) => ranges.map((range) => ({ range, pool: name, order: order++ }))),
    ...addressPools.flatMap((pool) =>
      pool.entries.map(({ range, text, path }) => ({
        range,
        pool: pool.name,
        order: order++,
        at: { place: pool.place, text, path },
      })),
    ),
  ];
  return findOverlaps(claims).flatMap(({ earlier, later }): Fault[] => {
    if (later.at === undefined) return [];
    const { place, text, path } = later.at;
    const problem = `has addresses in common with pool ${earlier.pool}`;
    return [faultAt(place, path, text, problem, "give each address to one pool, and once", "address-overlap")];
  });
}

function byName(a: Readonly<{ name: string }>, b: Readonly<{ name: string }>): number {
  return compareTexts(a.name, b.name);
}
