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

/** An address that is somebody else's, and who that is: `an address of node n1`. */
export type Withheld = Readonly<{ address: IpAddress; owner: string }>;

/** Who has which address. Keeps the pools' record of what is taken, and of what can be shared, in step with it. */
export interface AddressBook {
  note(key: ObjectKey): Note | undefined;
  notes(): IterableIterator<Note>;
  /**
   * Replaces what was noted for the Service. What it had and has no longer stays its own until `settle`: its status
   * may still show it. O(log n)
   */
  put(note: Note): void;
  /** Notes that the Service is to have nothing; what it had stays its own until `settle`. */
  vacate(key: ObjectKey): void;
  /** What the Service has no longer, and nobody else may have yet. */
  leaving(key: ObjectKey): readonly IpAddress[];
  /** Gives up what the Service is leaving. @returns whether there was anything. O(log n) */
  settle(key: ObjectKey): boolean;
  /** Takes back what the Service was given, at once: others may have it. What it is leaving stays. O(log n) */
  takeBack(key: ObjectKey): void;
  /** Forgets the Service. @returns texts of the addresses that nobody uses any more. O(log n) */
  remove(key: ObjectKey): readonly string[];
  /** Notes that a Service of another load balancer has these addresses, in place of what was noted for it. */
  putForeign(key: ObjectKey, addresses: readonly IpAddress[]): void;
  used(address: IpAddress): UsedAddress | undefined;
  /** Who has the address that no Service has anything to do with; undefined: nobody. */
  ownerOf(address: IpAddress): string | undefined;
  /**
   * Replaces the addresses that are not given out. By canonical text.
   * @returns whether one of the former may be given out now, and the Services that are on those that differ
   */
  useWithheld(next: ReadonlyMap<string, Withheld>): Readonly<{ opened: boolean; concerned: readonly ObjectKey[] }>;
  /** Puts all that is in use into the pools of a new model, in which nothing is taken yet. */
  usePools(pools: PoolSet): void;
}

export function createAddressBook(): AddressBook {
  const notes = new Map<ObjectKey, Note>(); // BOUNDED by the Services that exist, as the next three
  const departures = new Map<ObjectKey, readonly IpAddress[]>();
  const foreign = new Map<ObjectKey, readonly IpAddress[]>();
  const usedAddresses = new Map<string, UsedAddress>(); // by canonical text
  let withheld: ReadonlyMap<string, Withheld> = new Map(); // BOUNDED by what the caller withholds
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
      withheld: withheld.has(text),
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
      if (used.group !== undefined) used.place?.space.shared.opened(used.group, used.place.position);
      return [];
    }
    const text = formatAddress(used.address);
    usedAddresses.delete(text);
    used.place?.space.addresses.giveBack(used.place.position);
    return [text];
  };
  const giveUpAll = (addresses: readonly IpAddress[], key: ObjectKey): readonly string[] =>
    addresses.flatMap((address) => {
      const used = usedAddresses.get(formatAddress(address));
      return used === undefined ? [] : giveUp(used, key);
    });
  const leave = (key: ObjectKey, kept: readonly string[]): void => {
    const had = [...(departures.get(key) ?? []), ...(notes.get(key)?.addresses ?? [])];
    const leaving = had.filter((address) => !kept.includes(formatAddress(address)));
    if (leaving.length > 0) departures.set(key, leaving);
    else departures.delete(key);
  };
  const remove = (key: ObjectKey): readonly string[] => {
    const addresses = [
      ...(notes.get(key)?.addresses ?? []),
      ...(departures.get(key) ?? []),
      ...(foreign.get(key) ?? []),
    ];
    notes.delete(key);
    departures.delete(key);
    foreign.delete(key);
    return giveUpAll(addresses, key);
  };

  return {
    note: (key) => notes.get(key),
    notes: () => notes.values(),
    put(note) {
      const { key } = note.claim;
      if (foreign.has(key)) remove(key);
      leave(key, note.texts);
      notes.set(key, note);
      for (const address of note.addresses) {
        const used = obtain(address);
        const isChange = used.claims.has(key);
        removeClaim(used, key);
        addClaim(used, note.claim);
        if (isChange && used.group !== undefined) used.place?.space.shared.opened(used.group, used.place.position);
      }
    },
    vacate(key) {
      leave(key, []);
      notes.delete(key);
    },
    leaving: (key) => departures.get(key) ?? [],
    settle(key) {
      const addresses = departures.get(key);
      if (addresses === undefined) return false;
      departures.delete(key);
      giveUpAll(addresses, key);
      return true;
    },
    takeBack(key) {
      const addresses = notes.get(key)?.addresses ?? [];
      notes.delete(key);
      giveUpAll(addresses, key);
    },
    remove,
    putForeign(key, addresses) {
      remove(key);
      if (addresses.length === 0) return;
      foreign.set(key, addresses);
      for (const address of addresses) obtain(address).foreign.add(key);
    },
    used: (address) => usedAddresses.get(formatAddress(address)),
    ownerOf: (address) => withheld.get(formatAddress(address))?.owner,
    useWithheld(next) {
      const before = withheld;
      withheld = next;
      const concerned = new Set<ObjectKey>();
      let opened = false;
      const change = (text: string, { address }: Withheld, isWithheld: boolean): void => {
        const place = pools?.placeOf(address);
        if (isWithheld) place?.space.addresses.withhold(place.position);
        else place?.space.addresses.allow(place.position);
        opened ||= !isWithheld;
        const used = usedAddresses.get(text);
        if (used === undefined) return;
        used.withheld = isWithheld;
        if (!isWithheld && used.group !== undefined) used.place?.space.shared.opened(used.group, used.place.position);
        for (const key of used.claims.keys()) concerned.add(key);
      };
      for (const [text, former] of before) if (!next.has(text)) change(text, former, false);
      for (const [text, later] of next) if (before.get(text)?.owner !== later.owner) change(text, later, true);
      return { opened, concerned: [...concerned] };
    },
    usePools(next) {
      pools = next;
      for (const { address } of withheld.values()) {
        const place = next.placeOf(address);
        place?.space.addresses.withhold(place.position);
      }
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
