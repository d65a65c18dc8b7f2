import type { AddressRange } from "../runtime/net/address.js";
import { compareTexts } from "./place.js";

/** Any two of these may not have an address in common. `order`: the one that comes later is the one to blame. */
export type RangeClaim = Readonly<{ range: AddressRange; order: number }>;
export type Overlap<Claim> = Readonly<{ earlier: Claim; later: Claim }>;

/**
 * Finds claims that have addresses in common: every claim that overlaps another is in at least one of the pairs, and
 * there are fewer pairs than claims. O(n log n).
 */
export function findOverlaps<Claim extends RangeClaim>(claims: readonly Claim[]): Overlap<Claim>[] {
  const sorted = claims.toSorted(
    ({ range: a, order: orderA }, { range: b, order: orderB }) =>
      compareTexts(a.family, b.family) || compareValues(a.first, b.first) || orderA - orderB,
  );
  const overlaps: Overlap<Claim>[] = [];
  let reaching: Claim | undefined; // the claim that reaches furthest of those so far
  for (const claim of sorted) {
    if (reaching !== undefined && reaching.range.family === claim.range.family) {
      if (claim.range.first <= reaching.range.last) {
        overlaps.push(
          reaching.order <= claim.order ? { earlier: reaching, later: claim } : { earlier: claim, later: reaching },
        );
      }
      if (claim.range.last <= reaching.range.last) continue;
    }
    reaching = claim;
  }
  return overlaps.toSorted((a, b) => a.later.order - b.later.order || a.earlier.order - b.earlier.order);
}

function compareValues(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The fewest ranges that hold the same addresses, in order: what two lists of ranges are compared by. */
export function mergeRanges(ranges: readonly AddressRange[]): AddressRange[] {
  const merged: AddressRange[] = [];
  const sorted = ranges.toSorted((a, b) => compareTexts(a.family, b.family) || compareValues(a.first, b.first));
  for (const range of sorted) {
    const previous = merged.at(-1);
    if (previous?.family === range.family && range.first <= previous.last + 1n) {
      merged[merged.length - 1] = { ...previous, last: range.last > previous.last ? range.last : previous.last };
    } else {
      merged.push(range);
    }
  }
  return merged;
}
