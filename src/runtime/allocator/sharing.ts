import type { ObjectKey } from "../world/views.js";
import { createPositionHeap, type PositionHeap } from "./position-heap.js";

/**
 * How one Service uses its addresses, as far as others that want the same one must know. Two Services may use one
 * address when both have the same sharing key and the same backend key, and no port in common.
 */
export type Claim = Readonly<{
  key: ObjectKey;
  /** The annotation allow-shared-ip; "" shares with nobody. */
  sharingKey: string;
  /** The selector where the traffic policy is Local, else "": a Local address needs its backends on one node. */
  backendKey: string;
  /** `TCP/80`, each once. */
  ports: readonly string[];
}>;

/** Who is on an address that is in use: one Service or several. */
export type AddressUse = {
  /** BOUNDED by the Services that share the address. */
  readonly claims: Map<ObjectKey, Claim>;
  /** How many of the claims use each port; BOUNDED by their ports. */
  readonly ports: Map<string, number>;
  /** Services of another load balancer whose status shows the address; nothing more is known of them. */
  readonly foreign: Set<ObjectKey>;
  /** It is withheld: nobody may join those who are on it. */
  withheld: boolean;
  /** What all claims have in common and others must have to join; undefined where nobody may. */
  group: string | undefined;
};

/** Two claims of one group may share an address if their ports differ. undefined: shares with nobody. */
export function groupOf({ sharingKey, backendKey }: Claim): string | undefined {
  return sharingKey === "" ? undefined : JSON.stringify([sharingKey, backendKey]);
}

/** Do both claim the same in the same way? */
export function sameClaim(a: Claim, b: Claim): boolean {
  return (
    a.sharingKey === b.sharingKey &&
    a.backendKey === b.backendKey &&
    a.ports.length === b.ports.length &&
    a.ports.every((port) => b.ports.includes(port))
  );
}

/** Why a claim may not be on an address besides those that are there, and who is in the way. */
export type SharingConflict =
  | Readonly<{ kind: "key"; others: readonly ObjectKey[] }>
  | Readonly<{ kind: "port"; port: string; others: readonly ObjectKey[] }>;

/**
 * May `claim` be on this address with the others that are on it? An own former claim does not count.
 * O(ports); O(claims) only to tell who is in the way, and where the address is in conflict already.
 */
export function conflictOn(used: AddressUse, claim: Claim): SharingConflict | undefined {
  const own = used.claims.get(claim.key);
  if (used.claims.size === (own === undefined ? 0 : 1)) return undefined;
  const group = groupOf(claim);
  const others = (): Claim[] => [...used.claims.values()].filter(({ key }) => key !== claim.key);
  const joins = (other: Claim): boolean => group !== undefined && groupOf(other) === group;
  const allJoin = used.group === undefined && own !== undefined ? others().every(joins) : used.group === group;
  if (group === undefined || !allJoin) {
    const strangers = others().filter((other) => !joins(other));
    return { kind: "key", others: strangers.map(({ key }) => key) };
  }
  const port = portInUse(used, claim);
  if (port === undefined) return undefined;
  const owners = others().filter(({ ports }) => ports.includes(port));
  return { kind: "port", port, others: owners.map(({ key }) => key) };
}

/** A port of the claim that another one on the address has too. O(ports) */
function portInUse(used: AddressUse, claim: Claim): string | undefined {
  const own = used.claims.get(claim.key);
  return claim.ports.find((port) => (used.ports.get(port) ?? 0) > (own?.ports.includes(port) === true ? 1 : 0));
}

/** The addresses of one address space that can be shared, by group, the lowest position first. */
export interface SharingIndex {
  add(group: string, used: AddressUse, position: bigint): void;
  remove(group: string, position: bigint): void;
  /** To be called when one that stays in its group may be joined by more: a claim left it, or it is not withheld now. */
  opened(group: string, position: bigint): void;
  /** The lowest address below `limit` that `claim` may join. Amortised O(log n) in the addresses of the group. */
  lowest(claim: Claim, limit: bigint | undefined): bigint | undefined;
}

type Group = {
  /** BOUNDED by the addresses that Services of the group use. */
  readonly members: Map<bigint, AddressUse>;
  /**
   * By ports, in the order in which they were asked for: where a claim with these ports might fit. Each holds every
   * position that is free for them, and some that are not, which are dropped as they are met. BOUNDED by MAX_SEARCHES.
   */
  readonly searches: Map<string, PositionHeap>;
};

const MAX_SEARCHES = 32; // sets of ports that are remembered for a group; the oldest goes, and costs a look at all

export function createSharingIndex(): SharingIndex {
  const groups = new Map<string, Group>(); // BOUNDED by the sharing keys in use
  const mayFit = (group: Group | undefined, position: bigint): void => {
    for (const search of group?.searches.values() ?? []) search.add(position);
  };
  return {
    add(name, used, position) {
      const group = groups.get(name) ?? { members: new Map<bigint, AddressUse>(), searches: new Map() };
      groups.set(name, group);
      group.members.set(position, used);
      mayFit(group, position);
    },
    remove(name, position) {
      const group = groups.get(name);
      group?.members.delete(position);
      if (group?.members.size === 0) groups.delete(name);
    },
    opened(name, position) {
      mayFit(groups.get(name), position);
    },
    lowest(claim, limit) {
      const group = groups.get(groupOf(claim) ?? "");
      if (group === undefined) return undefined;
      const search = searchFor(group, claim);
      for (let position = search.lowest(); position !== undefined; position = search.lowest()) {
        if (limit !== undefined && position >= limit) return undefined;
        const used = group.members.get(position);
        const isOpen = used !== undefined && !used.withheld && used.foreign.size === 0;
        if (isOpen && portInUse(used, claim) === undefined) return position;
        search.removeLowest();
      }
      return undefined;
    },
  };
}

function searchFor({ members, searches }: Group, { ports }: Claim): PositionHeap {
  const key = ports.toSorted().join();
  const known = searches.get(key);
  if (known !== undefined) return known;
  const [oldest] = searches.keys();
  if (oldest !== undefined && searches.size >= MAX_SEARCHES) searches.delete(oldest);
  const search = createPositionHeap();
  for (const position of members.keys()) search.add(position);
  searches.set(key, search);
  return search;
}
