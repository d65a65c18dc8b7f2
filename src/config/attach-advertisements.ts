import { prefixLengths } from "./address-entry.js";
import { canonicalText } from "./canonical.js";
import type { BgpAdvertisement, LabelSelector, Layer2Advertisement } from "./model.js";
import { compareTexts } from "./place.js";
import type { AdvertisementOf, PoolChoice, ResourceBgpAdvertisement } from "./resource-advertisements.js";
import type { ResourceLayer2Advertisement } from "./resource-advertisements.js";
import type { ResourcePool } from "./resource-pools.js";
import { selectorMatches } from "./selector.js";

/** The advertisements that reach a pool, in canonical order, and where they were written. */
export type AttachedAdvertisements = Readonly<{
  layer2: readonly Layer2Advertisement[];
  bgp: readonly BgpAdvertisement[];
  objects: readonly string[];
}>;

/**
 * Finds the advertisements of each pool, and checks what the two may not be together: aggregates that
 * reach beyond the pool, and two local preferences or lengths of the path for one route. Names of pools that do not exist are told.
 */
export function attachAdvertisements(
  pools: readonly ResourcePool[],
  layer2: readonly ResourceLayer2Advertisement[],
  bgp: readonly ResourceBgpAdvertisement[],
): ReadonlyMap<string, AttachedAdvertisements> {
  const layer2ByPool = advertisementsByPool(pools, layer2);
  const bgpByPool = advertisementsByPool(pools, bgp);
  const checked = new Set<string>();
  const numbers = new Map(bgp.map((advertisement, number) => [advertisement, number]));
  return new Map(
    pools.map((pool) => {
      const ofLayer2 = layer2ByPool.get(pool.name) ?? [];
      const ofBgp = bgpByPool.get(pool.name) ?? [];
      for (const advertisement of ofBgp) checkAggregation(pool, advertisement);
      // Pools with the same advertisements have the same conflicts: once is enough.
      const families = [...new Set(pool.entries.map(({ range }) => range.family))].toSorted(compareTexts);
      const signature = `${families.join()} ${ofBgp.map((one) => numbers.get(one)).join()}`;
      if (!checked.has(signature)) checkPreferences(pool, families, ofBgp);
      checked.add(signature);
      return [
        pool.name,
        {
          layer2: meaningsOf(ofLayer2, ({ preferredNodes }) => preferredNodes.length === 0),
          bgp: meaningsOf(ofBgp, () => true),
          objects: [...ofLayer2, ...ofBgp].map(({ context }) => context.place.object),
        },
      ];
    }),
  );
}

function advertisementsByPool<Meaning>(
  pools: readonly ResourcePool[],
  advertisements: readonly AdvertisementOf<Meaning>[],
): ReadonlyMap<string, readonly AdvertisementOf<Meaning>[]> {
  const byPool = new Map<string, AdvertisementOf<Meaning>[]>(pools.map(({ name }) => [name, []]));
  for (const advertisement of advertisements) {
    for (const { name, path } of advertisement.pools.names) {
      if (byPool.has(name)) continue;
      const remedy = "correct the name, or make the IPAddressPool in this namespace";
      const problem = "is not the name of an IPAddressPool here";
      advertisement.context.remark("unused", path, name, problem, remedy, "pool-undefined");
    }
    for (const name of chosenPools(pools, byPool, advertisement.pools)) byPool.get(name)?.push(advertisement);
  }
  return byPool;
}

/** The union of both ways to choose; without either, all pools. Each once. */
function chosenPools(
  pools: readonly ResourcePool[],
  known: ReadonlyMap<string, unknown>,
  { names, selectors }: PoolChoice,
): Iterable<string> {
  if (names.length === 0 && selectors === undefined) return known.keys();
  const chosen = new Set(names.map(({ name }) => name));
  if (selectors !== undefined) {
    for (const { name, labels } of pools) {
      if (selectors.some((selector) => selectorMatches(selector, labels))) chosen.add(name);
    }
  }
  return chosen;
}

const texts = new WeakMap<object, string>(); // canonical texts; BOUNDED by the advertisements that are alive

function textOf(meaning: object): string {
  const known = texts.get(meaning);
  if (known !== undefined) return known;
  const text = canonicalText(meaning);
  texts.set(meaning, text);
  return text;
}

/** In canonical order; of those that are equal one, where `collapse` allows it. */
function meaningsOf<Meaning extends object>(
  advertisements: readonly AdvertisementOf<Meaning>[],
  collapse: (meaning: Meaning) => boolean,
): Meaning[] {
  const sorted = advertisements.map(({ meaning }) => meaning).toSorted((a, b) => compareTexts(textOf(a), textOf(b)));
  return sorted.filter((meaning, index) => {
    const before = sorted[index - 1];
    return before === undefined || !collapse(meaning) || textOf(before) !== textOf(meaning);
  });
}

/** A route of this length has to lie within what the pool is written as, or it would draw in the traffic of others. */
function checkAggregation(pool: ResourcePool, { meaning, context }: ResourceBgpAdvertisement): void {
  for (const { range, text } of pool.entries) {
    const isIPv4 = range.family === "ipv4";
    const key = isIPv4 ? "aggregationLength" : "aggregationLengthV6";
    const { shortest } = prefixLengths(range);
    if (shortest <= meaning[key]) continue;
    const problem = `is shorter than /${shortest} of ${text} in ${pool.place.object}`;
    context.refuse(`/spec/${key}`, meaning[key], problem, `write a length of ${shortest} or more`);
  }
}

type Families = readonly ("ipv4" | "ipv6")[];

function checkPreferences(
  pool: ResourcePool,
  families: Families,
  advertisements: readonly ResourceBgpAdvertisement[],
): void {
  const concerned = advertisements.filter(({ meaning }) => meaning.serviceSelectors.length === 0);
  if (new Set(concerned.map(({ meaning }) => PREFERENCES.map((key) => meaning[key] ?? 0).join())).size < 2) return;
  for (const [index, { meaning, context }] of concerned.entries()) {
    const rival = concerned.slice(0, index).find((other) => preferencesConflict(families, other.meaning, meaning));
    if (rival === undefined) continue;
    const { object } = rival.context.place;
    for (const key of PREFERENCES) {
      const [value, other] = [meaning[key] ?? 0, rival.meaning[key] ?? 0];
      const problem = `differs from ${other} of ${object} for the same routes of ${pool.place.object}`;
      if (value === other) continue;
      context.refuse(`/spec/${key}`, value, problem, "give both the same, or other peers or nodes");
    }
  }
}

/** What a route has one of, whatever number of advertisements it comes from. */
const PREFERENCES = ["localPref", "asPathPrepend"] as const;

/** Whether two advertisements send the same route to the same peer from the same node with unlike preferences or paths. */
export function preferencesConflict(families: Families, a: BgpAdvertisement, b: BgpAdvertisement): boolean {
  if (PREFERENCES.every((key) => (a[key] ?? 0) === (b[key] ?? 0))) return false;
  const differs = {
    ipv4: a.aggregationLength !== b.aggregationLength,
    ipv6: a.aggregationLengthV6 !== b.aggregationLengthV6,
  };
  if (families.every((family) => differs[family])) return false;
  return peersIntersect(a.peers, b.peers) && nodesMayIntersect(a.nodeSelectors, b.nodeSelectors);
}

function peersIntersect(a: readonly string[], b: readonly string[]): boolean {
  if (a.length === 0 || b.length === 0) return true;
  const names = new Set(a);
  return b.some((name) => names.has(name));
}

/** Without the nodes at hand only what is equal, or everything, is known to overlap. */
export function nodesMayIntersect(a: readonly LabelSelector[], b: readonly LabelSelector[]): boolean {
  if (a.length === 0 || b.length === 0) return true;
  const selectors = new Set(a.map((selector) => canonicalText(selector)));
  return b.some((selector) => selectors.has(canonicalText(selector)));
}
