import type { ObjectKey } from "../world/views.js";

/** Where a change of what is announced goes to. */
export type AnnouncePorts = Readonly<{
  announce(address: string, interfaces: readonly string[]): void;
  withdraw(address: string): void;
  gaugeAnnounced(service: ObjectKey, address: string, announced: boolean): void;
}>;

type Claim = Readonly<{ addresses: readonly string[]; interfaces: readonly string[] }>;

/**
 * Counts which Services want an address announced, since several may share it: it is announced while one does, on all
 * interfaces that any of them asks for ([] is every interface).
 */
export interface AnnouncedAddresses {
  /** Sets what one Service wants announced; nothing: `[]`. @returns whether its claim changed */
  update(key: ObjectKey, addresses: readonly string[], interfaces: readonly string[]): boolean;
  /** The Services that want this address announced. */
  claimants(address: string): readonly ObjectKey[];
  addresses(): readonly string[];
  /** Address to interfaces. */
  byAddress(): ReadonlyMap<string, readonly string[]>;
}

export function createAnnouncedAddresses(ports: AnnouncePorts): AnnouncedAddresses {
  const claims = new Map<ObjectKey, Claim>(); // BOUNDED by the Services that are announced here
  const claimants = new Map<string, Set<ObjectKey>>(); // by address
  const inForce = new Map<string, readonly string[]>(); // address to interfaces

  function settle(address: string): void {
    const keys = claimants.get(address);
    if (keys === undefined || keys.size === 0) {
      claimants.delete(address);
      if (inForce.delete(address)) ports.withdraw(address);
      return;
    }
    const interfaces = unionOfInterfaces([...keys].map((key) => claims.get(key)?.interfaces ?? []));
    const before = inForce.get(address);
    if (before !== undefined && before.join() === interfaces.join()) return;
    inForce.set(address, interfaces);
    ports.announce(address, interfaces);
  }

  return {
    update(key, addresses, interfaces) {
      const before = claims.get(key);
      if (addresses.length === 0 && before === undefined) return false;
      if (before?.addresses.join() === addresses.join() && before.interfaces.join() === interfaces.join()) return false;
      const dropped = (before?.addresses ?? []).filter((address) => !addresses.includes(address));
      const added = addresses.filter((address) => !(before?.addresses ?? []).includes(address));
      if (addresses.length === 0) claims.delete(key);
      else claims.set(key, { addresses, interfaces });
      for (const address of dropped) {
        claimants.get(address)?.delete(key);
        ports.gaugeAnnounced(key, address, false);
      }
      for (const address of added) {
        claimants.set(address, (claimants.get(address) ?? new Set()).add(key));
        ports.gaugeAnnounced(key, address, true);
      }
      for (const address of new Set([...dropped, ...addresses])) settle(address);
      return true;
    },
    claimants: (address) => [...(claimants.get(address) ?? [])],
    addresses: () => [...inForce.keys()],
    byAddress: () => inForce,
  };
}

function unionOfInterfaces(lists: readonly (readonly string[])[]): readonly string[] {
  if (lists.some((interfaces) => interfaces.length === 0)) return [];
  return [...new Set(lists.flat())].toSorted();
}
