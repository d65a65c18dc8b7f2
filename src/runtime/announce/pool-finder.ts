import type { Model, Pool } from "../../config/model.js";
import type { AddressRange, Family, IpAddress } from "../net/address.js";
import { rangeContains } from "../net/address.js";

/** The pool that an address lies in, whatever avoidBuggyIPs says: what was given out is announced. */
export type PoolFinder = (address: IpAddress) => Pool | undefined;

/** Looks through all pools, which is well for a single decision. O(ranges) for each look-up. */
export function poolFinderWithoutIndex({ pools }: Model): PoolFinder {
  return (address) => pools.find(({ ranges }) => ranges.some((range) => rangeContains(range, address)));
}

type Entry = Readonly<{ range: AddressRange; pool: Pool }>;

/** An index over the ranges of all pools of a model, which never overlap. O(log ranges) for each look-up. */
export function createPoolFinder({ pools }: Model): PoolFinder {
  const entries: Record<Family, Entry[]> = { ipv4: [], ipv6: [] }; // BOUNDED by the ranges of the model
  for (const pool of pools) for (const range of pool.ranges) entries[range.family].push({ range, pool });
  for (const family of ["ipv4", "ipv6"] as const) {
    entries[family].sort((a, b) => (a.range.first < b.range.first ? -1 : 1));
  }
  return ({ family, value }) => {
    const sorted = entries[family];
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle]?.range.last ?? value) < value) low = middle + 1;
      else high = middle;
    }
    const entry = sorted[low];
    return entry !== undefined && entry.range.first <= value ? entry.pool : undefined;
  };
}
