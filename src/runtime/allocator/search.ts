import type { Family, IpAddress } from "../net/address.js";
import { formatAddress } from "../net/address.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { AddressBook } from "./address-book.js";
import { checkAddresses, describeOutOfScope } from "./check.js";
import type { PoolRefusal } from "./decision.js";
import { describeRefusals, octetsOf, quoteList } from "./messages.js";
import type { AddressPool, PoolSet } from "./pools.js";
import { familyName, type Wish } from "./request.js";
import type { Claim } from "./sharing.js";

/** Addresses for a Service that has none, not yet taken. `refusals`: pools that were asked before. */
export type Grant = Readonly<{
  pool: string;
  addresses: readonly IpAddress[];
  reason: string;
  refusals: readonly PoolRefusal[];
}>;
export type Refusal = Readonly<{ reason: string; refusals: readonly PoolRefusal[] }>;

export type SearchContext = Readonly<{
  pools: PoolSet;
  book: AddressBook;
  /** What the status of the Service shows. */
  stands: readonly IpAddress[];
  /** Room for the reason of a refusal. */
  octets: number;
}>;

/**
 * Finds addresses for a Service that has none. Takes nothing: the caller notes what is granted. O(pools looked at) and
 * O(log n) in the addresses in use.
 */
export function findAddresses(
  wish: Wish,
  requested: readonly IpAddress[] | undefined,
  { pools, book, stands, octets }: SearchContext,
): Result<Grant, Refusal> {
  if (requested !== undefined) return findRequested(wish, requested, { pools, book, stands });
  if (wish.pool !== undefined) return findInNamedPool(wish, wish.pool, pools);
  return findAnywhere(wish, pools, octets);
}

function findRequested(
  wish: Wish,
  requested: readonly IpAddress[],
  { pools, book, stands }: Omit<SearchContext, "octets">,
): Result<Grant, Refusal> {
  const allowed = checkAddresses(wish, requested, { pools, book, stands });
  if (!allowed.ok) return refuse({ reason: allowed.fault, refusals: [] });
  const { name } = allowed.value.pool;
  if (wish.pool !== undefined && wish.pool !== name) {
    const texts = quoteList(requested.map(formatAddress));
    const remedy = `it is in pool ${JSON.stringify(name)}: ask for an address of the pool, or remove the annotation`;
    return refuse({
      reason: `${texts} is not compatible with requested address pool ${JSON.stringify(wish.pool)}: ${remedy}`,
      refusals: [],
    });
  }
  return succeed({ pool: name, addresses: requested, reason: "asked for by the Service", refusals: [] });
}

function findInNamedPool(wish: Wish, name: string, pools: PoolSet): Result<Grant, Refusal> {
  const pool = pools.pools.get(name);
  if (pool === undefined) {
    return refuse({ reason: `unknown pool ${JSON.stringify(name)}: name a pool of the configuration`, refusals: [] });
  }
  if (!pools.fits(pool, wish.scope)) {
    return refuse({ reason: describeOutOfScope(pool), refusals: [pool.notForThis] });
  }
  const search = searchList(wish, [pool]);
  if (search.found !== undefined) return succeed({ ...search.found, refusals: [] });
  const remedy = "add addresses to it, or ask for another pool";
  const problem = search.refusals.map(({ reason }) => reason).join("; "); // of one pool: there is one at most
  return refuse({
    reason: `no available IPs in pool ${JSON.stringify(name)}: ${problem}: ${remedy}`,
    refusals: search.refusals,
  });
}

/** Pools kept for Services like this one first, and only if they give nothing the pools that are for all. */
function findAnywhere(wish: Wish, pools: PoolSet, octets: number): Result<Grant, Refusal> {
  const pinned = searchList(wish, pools.pinnedFor(wish.scope));
  if (pinned.found !== undefined) return succeed({ ...pinned.found, refusals: pinned.refusals });
  const unpinned = searchList(wish, pools.unpinned);
  const asked = [...pinned.refusals, ...unpinned.refusals];
  if (unpinned.found !== undefined) return succeed({ ...unpinned.found, refusals: asked });
  const refusals = asked.length === pools.pools.size ? asked : [...asked, ...passedOver(asked, pools)];
  const remedy = "add addresses to a pool, or delete Services that do not need theirs";
  const start = "no available IPs: ";
  const room = octets - octetsOf(`${start}: ${remedy}`);
  return refuse({ reason: `${start}${describeRefusals(refusals, room)}: ${remedy}`, refusals });
}

/** The pools that were not even asked, and why. */
function passedOver(asked: readonly PoolRefusal[], pools: PoolSet): PoolRefusal[] {
  const names = new Set(asked.map(({ pool }) => pool));
  const rest = [...pools.pools.values()].filter(({ name }) => !names.has(name));
  return rest.map((pool) => (pool.autoAssign ? pool.notForThis : pool.notAutomatic));
}

type Found = Omit<Grant, "refusals">;
type Search = Readonly<{ found: Found | undefined; refusals: readonly PoolRefusal[] }>;

/** The first pool that has all that is wanted; where one family will do, else the first that has one. */
function searchList(wish: Wish, list: readonly AddressPool[]): Search {
  const refusals: PoolRefusal[] = []; // BOUNDED by the pools
  const single: Partial<Record<Family, Found>> = {};
  const [first, second] = wish.families;
  for (const pool of list) {
    // Runs for each full pool before the one that serves: no closures and no new arrays in this loop.
    const a = first === undefined ? undefined : lowestIn(pool, first, wish.claim);
    const b = second === undefined ? undefined : lowestIn(pool, second, wish.claim);
    if (a !== undefined && (b !== undefined || second === undefined)) {
      return { found: found(pool, b === undefined ? [a] : [a, b].toSorted(ipv4First)), refusals };
    }
    refusals.push(lackOf(pool, wish, a ?? b));
    const only = a ?? b;
    if (wish.eitherFamily && only !== undefined) single[only.family] ??= found(pool, [only], ONE_FAMILY);
  }
  return { found: single[wish.primaryFamily] ?? single[OTHER_FAMILY[wish.primaryFamily]], refusals };
}

const ONE_FAMILY = ", as no pool has both families";

function found({ name }: AddressPool, addresses: readonly IpAddress[], remark = ""): Found {
  return { pool: name, addresses, reason: `lowest suitable address of pool ${JSON.stringify(name)}${remark}` };
}

/** Whatever the order of the Service's families: the first address in the status decides who announces both. */
function ipv4First(a: IpAddress, b: IpAddress): number {
  return a.family === b.family ? 0 : a.family === "ipv4" ? -1 : 1;
}

/** The lowest address of a pool that is free, or that is in use by others and may be shared with them. */
export function lowestIn(pool: AddressPool, family: Family, claim: Claim): IpAddress | undefined {
  const { addresses, shared } = pool.spaces[family];
  const free = addresses.lowestFree();
  const position = claim.sharingKey === "" ? free : (shared.lowest(claim, free) ?? free);
  return position === undefined ? undefined : addresses.addressAt(position);
}

/** Why a pool has not all the addresses that a Service wants; `had` is the one that it has. */
export function lackOf(pool: AddressPool, { families, claim }: Wish, had: IpAddress | undefined): PoolRefusal {
  const lacks = pool.lacks[claim.sharingKey === "" ? "alone" : "sharing"];
  const key = had !== undefined ? OTHER_FAMILY[had.family] : families.length > 1 ? "both" : (families[0] ?? "both");
  return (lacks[key] ??= { pool: pool.name, reason: describeLack(pool, key, claim.sharingKey !== "") });
}

const OTHER_FAMILY = { ipv4: "ipv6", ipv6: "ipv4" } as const;

function describeLack(pool: AddressPool, missing: Family | "both", sharing: boolean): string {
  if (missing === "both") return `${describeLack(pool, "ipv4", sharing)}, ${describeLack(pool, "ipv6", sharing)}`;
  const { capacity, size, withheldCount } = pool.spaces[missing].addresses;
  if (size === 0n) return `it has no ${familyName(missing)} addresses`;
  if (capacity === 0n) return `avoidBuggyIPs leaves it no ${familyName(missing)} addresses`;
  const byOthers = withheldCount === 0 ? "" : `, ${withheldCount} of them by a Node or another machine`;
  const remark = sharing ? " and none can be shared with this Service" : "";
  return `all ${capacity} ${familyName(missing)} addresses are in use${byOthers}${remark}`;
}

/** To be called when what is withheld in the pools has changed: it is in the reasons. */
export function forgetLacks(pools: Iterable<AddressPool>): void {
  for (const { lacks } of pools) {
    for (const reasons of [lacks.alone, lacks.sharing]) {
      for (const key of ["ipv4", "ipv6", "both"] as const) delete reasons[key];
    }
  }
}
