import type { IpAddress } from "../net/address.js";
import { formatAddress } from "../net/address.js";
import type { ObjectKey } from "../world/views.js";
import type { Place, PoolSet } from "./pools.js";
import { groupOf, type AddressUse, type Claim } from "./sharing.js";

/** What one Service of ours has. */
export type Note = Readonly<{
  claim: Claim;
  /** One or two, in the order of the status; more only as they were adopted. */
  addresses: readonly IpAddress[];
  /** The same as canonical texts. */
  texts: readonly string[];
  /** The pool that has all of them, undefined where there is none. */
  pool: string | undefined;
}>;

/** An address in use, and where it lies in the pools of the model; `place` is undefined where it is in none. */
export type UsedAddress = AddressUse & { readonly address: IpAddress; place: Place | undefined };

/** Who has which address. Keeps the pools' record of what is taken, and of what can be shared, in step with it. */
export interface AddressBook {
  note(key: ObjectKey): Note | undefined;
  notes(): IterableIterator<Note>;
  /** Replaces what was noted for the Service. O(log n) */
  put(note: Note): void;
  /** @returns texts of the addresses that nobody uses any more. O(log n) */
  remove(key: ObjectKey): readonly string[];
  /** Notes that a Service of another load balancer has these addresses, in place of what was noted for it. */
  putForeign(key: ObjectKey, addresses: readonly IpAddress[]): void;
  used(address: IpAddress): UsedAddress | undefined;
  /** Puts all that is in use into the pools of a new model, in which nothing is taken yet. */
  usePools(pools: PoolSet): void;
}

export function createAddressBook(): AddressBook {
  const notes = new Map<ObjectKey, Note>(); // BOUNDED by the Services that exist, as the next two
  const foreign = new Map<ObjectKey, readonly IpAddress[]>();
  const usedAddresses = new Map<string, UsedAddress>(); // by canonical text
  let pools: PoolSet | undefined;

  const obtain = (address: IpAddress): UsedAddress => {
    const text = formatAddress(address);
    const known = usedAddresses.get(text);
    if (known !== undefined) return known;
    const used: UsedAddress = {
      address,
      claims: new Map(),
      ports: new Map(),
      foreign: new Set(),
      group: undefined,
      place: pools?.placeOf(address),
    };
    usedAddresses.set(text, used);
    used.place?.space.addresses.take(used.place.position);
    return used;
  };
  const giveUp = (used: UsedAddress, key: ObjectKey): readonly string[] => {
    removeClaim(used, key);
    used.foreign.delete(key);
    if (used.claims.size + used.foreign.size > 0) {
      if (used.group !== undefined) used.place?.space.shared.portsReturned(used.group);
      return [];
    }
    const text = formatAddress(used.address);
    usedAddresses.delete(text);
    used.place?.space.addresses.giveBack(used.place.position);
    return [text];
  };
  const remove = (key: ObjectKey): readonly string[] => {
    const addresses = [...(notes.get(key)?.addresses ?? []), ...(foreign.get(key) ?? [])];
    notes.delete(key);
    foreign.delete(key);
    return addresses.flatMap((address) => {
      const used = usedAddresses.get(formatAddress(address));
      return used === undefined ? [] : giveUp(used, key);
    });
  };

  return {
    note: (key) => notes.get(key),
    notes: () => notes.values(),
    put(note) {
      remove(note.claim.key);
      notes.set(note.claim.key, note);
      for (const address of note.addresses) addClaim(obtain(address), note.claim);
    },
    remove,
    putForeign(key, addresses) {
      remove(key);
      if (addresses.length === 0) return;
      foreign.set(key, addresses);
      for (const address of addresses) obtain(address).foreign.add(key);
    },
    used: (address) => usedAddresses.get(formatAddress(address)),
    usePools(next) {
      pools = next;
      for (const used of usedAddresses.values()) {
        used.place = next.placeOf(used.address);
        used.place?.space.addresses.take(used.place.position);
        enterIndex(used);
      }
      for (const [key, note] of notes) notes.set(key, { ...note, pool: commonPool(next, note.addresses) });
    },
  };
}

/** The name of the pool that has all of the addresses. */
export function commonPool(pools: PoolSet, addresses: readonly IpAddress[]): string | undefined {
  const names = new Set(addresses.map((address) => pools.placeOf(address)?.pool.name));
  return names.size === 1 ? [...names][0] : undefined;
}

function addClaim(used: UsedAddress, claim: Claim): void {
  used.claims.set(claim.key, claim);
  for (const port of claim.ports) used.ports.set(port, (used.ports.get(port) ?? 0) + 1);
  changeGroup(used, used.claims.size === 1 ? groupOf(claim) : used.group === groupOf(claim) ? used.group : undefined);
}

function removeClaim(used: UsedAddress, key: ObjectKey): void {
  const claim = used.claims.get(key);
  if (claim === undefined) return;
  used.claims.delete(key);
  for (const port of claim.ports) {
    const count = (used.ports.get(port) ?? 0) - 1;
    if (count > 0) used.ports.set(port, count);
    else used.ports.delete(port);
  }
  if (used.claims.size === 0) changeGroup(used, undefined);
  else if (used.group === undefined) changeGroup(used, commonGroup(used));
}

/** Only asked for an address whose claims were in conflict: their number is that of the Services in conflict. */
function commonGroup({ claims }: UsedAddress): string | undefined {
  const groups = new Set([...claims.values()].map(groupOf));
  return groups.size === 1 ? [...groups][0] : undefined;
}

function changeGroup(used: UsedAddress, group: string | undefined): void {
  if (used.group === group) return;
  if (used.group !== undefined) used.place?.space.shared.remove(used.group, used.place.position);
  used.group = group;
  enterIndex(used);
}

function enterIndex(used: UsedAddress): void {
  if (used.group !== undefined) used.place?.space.shared.add(used.group, used, used.place.position);
}
