import type { Model, Pool } from "../../config/model.js";
import { anySelectorMatches } from "../../config/selector.js";
import type { Family, IpAddress } from "../net/address.js";
import type { Labels, NamespaceView } from "../world/views.js";
import { createAddressSpace, lastAtMost, type AddressSpace } from "./address-space.js";
import type { PoolRefusal } from "./decision.js";
import { createSharingIndex, type SharingIndex } from "./sharing.js";

/** One pool of the model, with what is taken of it. */
export type AddressPool = Readonly<{
  name: string;
  autoAssign: boolean;
  /** Kept for some Services, and tried by them before the pools that are for all. */
  pinned: boolean;
  spaces: Readonly<Record<Family, PoolSpace>>;
  /** Why it is passed over, made once: thousands of decisions name the same pools. */
  notAutomatic: PoolRefusal;
  notForThis: PoolRefusal;
  /** Why it had nothing to give, by what was wanted: filled as they are met. */
  lacks: Readonly<Record<"alone" | "sharing", Partial<Record<Family | "both", PoolRefusal>>>>;
}>;
export type PoolSpace = Readonly<{ addresses: AddressSpace; shared: SharingIndex }>;

/** Where an address lies. */
export type Place = Readonly<{ pool: AddressPool; space: PoolSpace; position: bigint }>;

/** What decides whether a pool may serve a Service. */
export type Scope = Readonly<{ namespace: string; labels: Labels }>;

/** The pools of one model. */
export interface PoolSet {
  /** By name, in the order of names. */
  readonly pools: ReadonlyMap<string, AddressPool>;
  /** undefined: in no pool, or skipped there for avoidBuggyIPs. O(log ranges) */
  placeOf(address: IpAddress): Place | undefined;
  fits(pool: AddressPool, scope: Scope): boolean;
  /** Pools kept for Services like this one, by priority and name; they give addresses without being asked for. */
  pinnedFor(scope: Scope): readonly AddressPool[];
  /** Pools that are for everybody and give addresses without being asked for, by name. */
  readonly unpinned: readonly AddressPool[];
  useNamespaces(namespaces: readonly NamespaceView[]): void;
}

export function createPoolSet(model: Model, namespaces: readonly NamespaceView[]): PoolSet {
  const sources = model.pools.toSorted((a, b) => compare(a.name, b.name));
  const sourceOf = new Map(sources.map((source) => [source.name, source]));
  const pools = new Map(sources.map((source) => [source.name, createPool(source)]));
  const placeOf = createPlaces(sources, pools);
  let namespacesOf = resolveNamespaces(sources, namespaces);
  // By namespace: the pinned pools that may serve it, in order. BOUNDED by the namespaces that have Services.
  const pinnedByNamespace = new Map<string, readonly AddressPool[]>();

  const reaches = (source: Pool, namespace: string): boolean => {
    const hasServiceSelectors = source.serviceAllocation?.serviceSelectors.length !== 0;
    return hasServiceSelectors || isForEveryone(source) || namespacesOf.get(source.name)?.has(namespace) === true;
  };
  const pinnedIn = (namespace: string): readonly AddressPool[] => {
    const known = pinnedByNamespace.get(namespace);
    if (known !== undefined) return known;
    const found = sources
      .filter((source) => source.serviceAllocation !== undefined && source.autoAssign && reaches(source, namespace))
      .toSorted((a, b) => rank(a) - rank(b)) // keeps the order of names where the priority is the same
      .flatMap(({ name }) => pools.get(name) ?? []);
    pinnedByNamespace.set(namespace, found);
    return found;
  };
  const fits = ({ name }: AddressPool, { namespace, labels }: Scope): boolean => {
    const allocation = sourceOf.get(name)?.serviceAllocation;
    if (allocation === undefined) return true;
    // Selectors that no namespace matches leave an empty list, and an empty list is no restriction: a Service that asks
    // for such a pool gets it. So it was in the system that is replaced, and an address must not move for it.
    const allowed = namespacesOf.get(name);
    if (allowed !== undefined && allowed.size > 0 && !allowed.has(namespace)) return false;
    return anySelectorMatches(allocation.serviceSelectors, labels);
  };

  return {
    pools,
    placeOf,
    fits,
    pinnedFor: (scope) => pinnedIn(scope.namespace).filter((pool) => fits(pool, scope)),
    unpinned: [...pools.values()].filter(({ pinned, autoAssign }) => !pinned && autoAssign),
    useNamespaces(next) {
      namespacesOf = resolveNamespaces(sources, next);
      pinnedByNamespace.clear();
    },
  };
}

function createPool(source: Pool): AddressPool {
  const spaceOf = (family: Family): PoolSpace => {
    const ranges = source.ranges.filter((range) => range.family === family);
    const addresses = createAddressSpace(family, ranges, source.avoidBuggyIPs);
    return { addresses, shared: createSharingIndex() };
  };
  return {
    name: source.name,
    autoAssign: source.autoAssign,
    pinned: source.serviceAllocation !== undefined,
    spaces: { ipv4: spaceOf("ipv4"), ipv6: spaceOf("ipv6") },
    notAutomatic: { pool: source.name, reason: "autoAssign is false" },
    notForThis: { pool: source.name, reason: "serviceAllocation keeps it for other namespaces or Services" },
    lacks: { alone: {}, sharing: {} },
  };
}

/** An index over the ranges of all pools, which never overlap. */
function createPlaces(
  sources: readonly Pool[],
  pools: ReadonlyMap<string, AddressPool>,
): (address: IpAddress) => Place | undefined {
  type Entry = Readonly<{ first: bigint; last: bigint; pool: AddressPool; start: bigint }>;
  const entries: Record<Family, Entry[]> = { ipv4: [], ipv6: [] }; // BOUNDED by the ranges of the model
  for (const { name, ranges } of sources) {
    const pool = pools.get(name);
    if (pool === undefined) continue;
    const next: Record<Family, bigint> = { ipv4: 0n, ipv6: 0n };
    for (const { family, first, last } of ranges) {
      entries[family].push({ first, last, pool, start: next[family] });
      next[family] += last - first + 1n;
    }
  }
  for (const family of ["ipv4", "ipv6"] as const) entries[family].sort((a, b) => (a.first < b.first ? -1 : 1));
  const firsts = { ipv4: entries.ipv4.map(({ first }) => first), ipv6: entries.ipv6.map(({ first }) => first) };
  return (address) => {
    const entry = entries[address.family][lastAtMost(firsts[address.family], address.value)];
    if (entry === undefined || address.value > entry.last) return undefined;
    const space = entry.pool.spaces[address.family];
    if (space.addresses.isSkipped(address)) return undefined;
    return { pool: entry.pool, space, position: entry.start + (address.value - entry.first) };
  };
}

/** Which namespaces each pool is kept for; pools without serviceAllocation are left out. */
function resolveNamespaces(
  sources: readonly Pool[],
  namespaces: readonly NamespaceView[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const resolved = new Map<string, ReadonlySet<string>>();
  for (const { name, serviceAllocation } of sources) {
    if (serviceAllocation === undefined) continue;
    const { namespaceSelectors } = serviceAllocation;
    const selected =
      namespaceSelectors.length === 0
        ? []
        : namespaces.filter(({ labels }) => anySelectorMatches(namespaceSelectors, labels)).map(({ name }) => name);
    resolved.set(name, new Set([...serviceAllocation.namespaces, ...selected]));
  }
  return resolved;
}

/** `serviceAllocation: {}` restricts nothing: such a pool is tried first by every Service. */
function isForEveryone({ serviceAllocation: allocation }: Pool): boolean {
  return (
    allocation?.namespaces.length === 0 &&
    allocation.namespaceSelectors.length === 0 &&
    allocation.serviceSelectors.length === 0
  );
}

/** Smaller is sooner, and 0 is last. */
function rank({ serviceAllocation }: Pool): number {
  return serviceAllocation === undefined || serviceAllocation.priority === 0
    ? Number.MAX_SAFE_INTEGER
    : serviceAllocation.priority;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
