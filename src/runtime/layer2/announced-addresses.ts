import type { Conflict } from "./address-conflict.js";
import type { AddressKey } from "./address-key.js";
import type { Probe } from "./probing.js";

/** One address that is or was announced, with what happened to it; its counters go on when it comes back. */
export interface AnnouncedAddress {
  readonly key: AddressKey;
  announced: boolean;
  /** Names of the interfaces that may answer; undefined is all of them. */
  interfaces: ReadonlySet<string> | undefined;
  requestsReceived: number;
  responsesSent: number;
  gratuitousSent: number;
  /** Frames by which another machine said that it has the address, while it was announced here. */
  claimsHeard: number;
  /** For how long another machine announced it too, while it was announced here, as far as its claims tell. */
  contestedMilliseconds: number;
  conflict: Conflict | undefined;
  /** The link is asked, or is to be asked again, whether somebody has it; it is not announced then. */
  probe: Probe | undefined;
}

/** BOUNDED by the addresses announced at present, or about to be, and 16,384 withdrawn ones that are kept for their counters. */
export type AnnouncedAddresses = Map<AddressKey, AnnouncedAddress>;

export const MAX_WITHDRAWN_ADDRESSES = 16_384;

/**
 * Announces an address, or changes the interfaces of one that is announced.
 * @returns true where it was not announced before, or not on these interfaces
 */
export function announceAddress(
  addresses: AnnouncedAddresses,
  key: AddressKey,
  interfaces: ReadonlySet<string> | undefined,
): boolean {
  const known = addressOf(addresses, key);
  const changed = !known.announced || !sameNames(known.interfaces, interfaces);
  known.announced = true;
  known.interfaces = interfaces;
  return changed;
}

/** The address as it is known, or as one that was never announced. */
export function addressOf(addresses: AnnouncedAddresses, key: AddressKey): AnnouncedAddress {
  const known = addresses.get(key);
  if (known !== undefined) return known;
  const address: AnnouncedAddress = {
    key,
    announced: false,
    interfaces: undefined,
    requestsReceived: 0,
    responsesSent: 0,
    gratuitousSent: 0,
    claimsHeard: 0,
    contestedMilliseconds: 0,
    conflict: undefined,
    probe: undefined,
  };
  addresses.set(key, address);
  return address;
}

/** @returns false where the address was not announced */
export function withdrawAddress(addresses: AnnouncedAddresses, key: AddressKey): boolean {
  const known = addresses.get(key);
  if (known === undefined || !known.announced) return false;
  known.announced = false;
  known.conflict = undefined;
  addresses.delete(key); // and to the end: withdrawn addresses are in the order of their withdrawal
  addresses.set(key, known);
  return true;
}

/** Forgets the addresses that were withdrawn longest ago, where there are too many. */
export function forgetWithdrawn(addresses: AnnouncedAddresses, limit = MAX_WITHDRAWN_ADDRESSES): void {
  if (addresses.size <= limit) return;
  let excess = -limit;
  for (const address of addresses.values()) if (isForgettable(address)) excess += 1;
  if (excess <= 0) return;
  for (const address of addresses.values()) {
    if (!isForgettable(address)) continue;
    addresses.delete(address.key);
    excess -= 1;
    if (excess === 0) return;
  }
}

function isForgettable({ announced, probe }: AnnouncedAddress): boolean {
  return !announced && probe === undefined;
}

/** Whether an address is to be answered for, and sent about, on this interface. */
export function isAnnouncedOn(address: AnnouncedAddress, interfaceName: string): boolean {
  return address.announced && (address.interfaces === undefined || address.interfaces.has(interfaceName));
}

function sameNames(a: ReadonlySet<string> | undefined, b: ReadonlySet<string> | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && [...a].every((name) => b.has(name));
}
