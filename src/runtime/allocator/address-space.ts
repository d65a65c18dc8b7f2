import type { AddressRange, Family, IpAddress } from "../net/address.js";
import { createPositionHeap } from "./position-heap.js";

/**
 * The addresses of one family in one pool, and which of them are taken. An address is known by its position: ranges in
 * the order of the pool, each from its lowest address up, counted from 0. The lower position is given out first.
 *
 * Costs memory for what is or was taken, nothing for what is free: a /64 is as cheap as a /32.
 */
export interface AddressSpace {
  readonly family: Family;
  /** How many positions there are. */
  readonly size: bigint;
  /** How many of them can be given out: all, without those that avoidBuggyIPs skips. */
  readonly capacity: bigint;
  readonly takenCount: number;
  /** How many are withheld and nobody has taken them. */
  readonly withheldCount: number;
  addressAt(position: bigint): IpAddress;
  /** Takes a position, whether it was free or not. O(1) */
  take(position: bigint): void;
  /** O(log n) in the positions given back and not taken again. */
  giveBack(position: bigint): void;
  /** Says that a position is not to be given out, whether it is taken or not. O(1) */
  withhold(position: bigint): void;
  /** Says that it may be given out again. O(log n) */
  allow(position: bigint): void;
  /** Is it one that avoidBuggyIPs skips? */
  isSkipped(address: IpAddress): boolean;
  /** The lowest position that is free, or undefined where all are taken or withheld. O(log n) amortised. */
  lowestFree(): bigint | undefined;
}

/** `skipBuggy`: leave out IPv4 addresses that end in .0 or .255, which some clients take for network or broadcast. */
export function createAddressSpace(family: Family, ranges: readonly AddressRange[], skipBuggy: boolean): AddressSpace {
  const starts: bigint[] = []; // position of the first address of each range; BOUNDED by the ranges of the pool
  let size = 0n;
  let capacity = 0n;
  const skips = skipBuggy && family === "ipv4";
  for (const range of ranges) {
    starts.push(size);
    size += range.last - range.first + 1n;
    capacity += range.last - range.first + 1n - (skips ? countBuggy(range) : 0n);
  }
  const taken = new Set<bigint>(); // BOUNDED by the Services that have an address here
  const withheld = new Set<bigint>(); // BOUNDED by what the caller withholds
  // Nothing from `untouched` on was ever given back; what was given back below it and may be free waits in `returned`.
  let untouched = 0n;
  const returned = createPositionHeap(); // BOUNDED by the most positions that were ever taken at a time

  const addressAt = (position: bigint): IpAddress => {
    const index = lastAtMost(starts, position);
    const [range, start] = [ranges[index], starts[index]];
    if (range === undefined || start === undefined || position >= size) {
      throw new RangeError(`position ${position} is not in an address space of ${size}`);
    }
    return { family, value: range.first + (position - start) };
  };
  const isSkipped = (address: IpAddress): boolean => skips && isBuggy(address.value);
  const isFree = (position: bigint): boolean => !taken.has(position) && !withheld.has(position);
  /** From here on the position may be found again; whether it is free is looked at then. */
  const comesBack = (position: bigint): void => {
    if (position < untouched && !isSkipped(addressAt(position))) returned.add(position);
  };

  return {
    family,
    size,
    capacity,
    get takenCount() {
      return taken.size;
    },
    get withheldCount() {
      return [...withheld].filter((position) => !taken.has(position)).length;
    },
    addressAt,
    isSkipped,
    take(position) {
      taken.add(position);
    },
    giveBack(position) {
      if (taken.delete(position)) comesBack(position);
    },
    withhold(position) {
      withheld.add(position);
    },
    allow(position) {
      if (withheld.delete(position)) comesBack(position);
    },
    lowestFree() {
      for (let lowest = returned.lowest(); lowest !== undefined; lowest = returned.lowest()) {
        if (isFree(lowest)) return lowest;
        returned.removeLowest();
      }
      while (untouched < size && (!isFree(untouched) || isSkipped(addressAt(untouched)))) untouched += 1n;
      return untouched < size ? untouched : undefined;
    },
  };
}

/** Does an IPv4 address end in .0 or .255? */
function isBuggy(value: bigint): boolean {
  const octet = value & 0xffn;
  return octet === 0n || octet === 0xffn;
}

/** How many addresses of a range end in .0 or .255. */
function countBuggy({ first, last }: AddressRange): bigint {
  return countBuggyBelow(last + 1n) - countBuggyBelow(first);
}

function countBuggyBelow(value: bigint): bigint {
  return 2n * (value >> 8n) + ((value & 0xffn) > 0n ? 1n : 0n);
}

/** The index of the last element that is not above `value`, in a sorted list; -1 where there is none. O(log n) */
export function lastAtMost(sorted: readonly bigint[], value: bigint): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0n) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
