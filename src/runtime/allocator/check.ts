import type { IpAddress } from "../net/address.js";
import { formatAddress, sameAddress } from "../net/address.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { commonPool, type AddressBook } from "./address-book.js";
import {
  describeConflict,
  describeForeign,
  describeKeptConflict,
  describeKeptForeign,
  describeKeptWithheld,
  describeNotInConfig,
  describeWithheld,
} from "./messages.js";
import type { AddressPool, PoolSet } from "./pools.js";
import type { Wish } from "./request.js";
import { conflictOn } from "./sharing.js";

/** `conflicts`: what is wrong with addresses that the Service nevertheless keeps. */
export type Checked = Readonly<{ pool: AddressPool; conflicts: readonly string[] }>;

/**
 * May the Service of `wish` have exactly these addresses, as far as the pools, their scope and other Services go? Where
 * it is in conflict with others over an address already, as it then was when they were adopted, it may keep it, and where
 * the address turns out to be somebody else's, too: what goes on all the time is not for us to cut off. A conflict that its own change would bring is refused.
 * @param stands those that its status shows: only there may it stay in a conflict
 * @returns the pool that has all of them, or why not
 */
export function checkAddresses(
  wish: Wish,
  addresses: readonly IpAddress[],
  { pools, book, stands }: Readonly<{ pools: PoolSet; book: AddressBook; stands: readonly IpAddress[] }>,
): Result<Checked, string> {
  const { claim } = wish;
  const pool = pools.pools.get(commonPool(pools, addresses) ?? "");
  if (pool === undefined) return refuse(describeNotInConfig(addresses.map(formatAddress)));
  if (!pools.fits(pool, wish.scope)) return refuse(describeOutOfScope(pool));
  const note = book.note(claim.key);
  const conflicts: string[] = [];
  for (const address of addresses) {
    const used = book.used(address);
    const isOwn = stands.some((own) => sameAddress(own, address)) && used?.claims.has(claim.key) === true;
    const owner = book.ownerOf(address);
    if (owner !== undefined && !isOwn) return refuse(describeWithheld(formatAddress(address), owner));
    if (owner !== undefined) conflicts.push(describeKeptWithheld(claim.key, formatAddress(address), owner));
    if (used === undefined) continue;
    if (used.foreign.size > 0 && !isOwn) return refuse(describeForeign(formatAddress(address), [...used.foreign]));
    if (used.foreign.size > 0)
      conflicts.push(describeKeptForeign(claim.key, formatAddress(address), [...used.foreign]));
    const conflict = conflictOn(used, claim);
    if (conflict === undefined) continue;
    if (!isOwn || note === undefined || conflictOn(used, note.claim) === undefined) {
      return refuse(describeConflict(claim.key, formatAddress(address), conflict));
    }
    conflicts.push(describeKeptConflict(claim.key, formatAddress(address), conflict));
  }
  return succeed({ pool, conflicts });
}

export function describeOutOfScope({ name, notForThis }: AddressPool): string {
  const remedy = "use another pool, or change its serviceAllocation";
  return `pool ${JSON.stringify(name)} not compatible for ip assignment: ${notForThis.reason}: ${remedy}`;
}
