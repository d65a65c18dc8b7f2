import type { ObjectKey } from "../world/views.js";

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
  for (const port of claim.ports) {
    const ownCount = own?.ports.includes(port) === true ? 1 : 0;
    if ((used.ports.get(port) ?? 0) === ownCount) continue;
    const owners = others().filter(({ ports }) => ports.includes(port));
    return { kind: "port", port, others: owners.map(({ key }) => key) };
  }
  return undefined;
}

/** The addresses of one address space that can be shared, by group, each group in the order of positions. */
export interface SharingIndex {
  add(group: string, used: AddressUse, position: bigint): void;
  remove(group: string, position: bigint): void;
  /** To be called when a claim left an address that stays in its group: its ports are free again. */
  portsReturned(group: string): void;
  /** The lowest address below `limit` that `claim` may join. Amortised O(log n) while nothing is given back. */
  lowest(claim: Claim, limit: bigint | undefined): bigint | undefined;
}

type Group = {
  /** Sorted; BOUNDED by the addresses that Services of the group use. */
  readonly positions: bigint[];
  readonly members: AddressUse[];
  /** By ports: how many members from the lowest on have one of them in use. Dropped when a port comes back. */
  readonly hopeless: Map<string, number>;
};

const MAX_HINTS = 1000; // sets of ports that are remembered for a group

export function createSharingIndex(): SharingIndex {
  const groups = new Map<string, Group>(); // BOUNDED by the sharing keys in use
  return {
    add(name, used, position) {
      const group = groups.get(name) ?? { positions: [], members: [], hopeless: new Map<string, number>() };
      groups.set(name, group);
      const index = firstAtLeast(group.positions, position);
      if (index < group.positions.length) group.hopeless.clear();
      group.positions.splice(index, 0, position);
      group.members.splice(index, 0, used);
    },
    remove(name, position) {
      const group = groups.get(name);
      if (group === undefined) return;
      const index = firstAtLeast(group.positions, position);
      if (group.positions[index] !== position) return;
      group.positions.splice(index, 1);
      group.members.splice(index, 1);
      group.hopeless.clear();
      if (group.positions.length === 0) groups.delete(name);
    },
    portsReturned(name) {
      groups.get(name)?.hopeless.clear();
    },
    lowest(claim, limit) {
      const name = groupOf(claim);
      const group = name === undefined ? undefined : groups.get(name);
      if (group === undefined) return undefined;
      const ports = claim.ports.toSorted().join();
      let index = group.hopeless.get(ports) ?? 0;
      for (; index < group.positions.length; index += 1) {
        const [position, used] = [group.positions[index], group.members[index]];
        if (position === undefined || used === undefined) break;
        if (limit !== undefined && position >= limit) break;
        if (used.foreign.size > 0 || conflictOn(used, claim) !== undefined) continue;
        return remember(group, ports, index, position);
      }
      return remember(group, ports, index, undefined);
    },
  };
}

function remember<Answer>(group: Group, ports: string, hopeless: number, answer: Answer): Answer {
  if (group.hopeless.size >= MAX_HINTS) group.hopeless.clear();
  group.hopeless.set(ports, hopeless);
  return answer;
}

/** The index at which `value` stands or belongs in a sorted list. O(log n) */
function firstAtLeast(sorted: readonly bigint[], value: bigint): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0n) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
