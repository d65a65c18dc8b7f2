import type { AddressKey } from "../layer2/address-key.js";
import { solicitedNodeGroup } from "../layer2/address-key.js";
import { isAnnouncedOn, type AnnouncedAddresses } from "../layer2/announced-addresses.js";

/** A socket that is in groups of one interface; the promises are of 0 or the errno of each group. */
export interface MembershipSocket {
  join(groups: Uint32Array): Promise<Int32Array>;
  leave(groups: Uint32Array): Promise<Int32Array>;
  close(): void;
}

export type GroupPorts = Readonly<{
  openSocket(interfaceIndex: number): MembershipSocket;
  groupError(errno: number): Error;
  /** What keeps groups of an interface from being joined; undefined once all are. */
  onTrouble(interfaceIndex: number, error: unknown): void;
}>;

/**
 * Membership of the solicited-node groups of the IPv6 addresses that are announced, on each interface where NDP is answered:
 * what is sent to a group arrives only where somebody has joined it (RFC 4291 §2.7.1, RFC 4861 §7.2.1). Level-triggered:
 * what is told here only marks groups to be looked at. A group is joined while one announced address has it.
 */
export interface SolicitedNodeGroups {
  /** An IPv6 address was announced, on whatever interfaces, or withdrawn. Others are passed over. */
  addressChanged(key: AddressKey): void;
  /** Where NDP is answered now, by index: their names. */
  interfacesChanged(interfaces: ReadonlyMap<number, string>): void;
  /** Looks again at what could not be joined. */
  retry(): void;
  /** Fulfilled when nothing is left to be joined or left. */
  settled(): Promise<void>;
  /** Leaves all groups. */
  close(): void;
}

/** Changes in one go of the thread pool. */
const CHANGES_AT_ONCE = 256;
const ENOMEM = 12;
const ENOBUFS = 105;
const EADDRINUSE = 98;

interface Socket {
  readonly socket: MembershipSocket;
  groups: number;
  full: boolean;
}

interface Membership {
  name: string;
  readonly sockets: Socket[]; // BOUNDED by the groups: each but the first was opened when the one before was full
  readonly joined: Map<number, Socket>; // by group; BOUNDED by the announced addresses
  readonly dirty: Set<number>; // BOUNDED by the groups
  readonly failed: Set<number>; // BOUNDED by the groups
  running: boolean;
  closed: boolean;
}

export function createSolicitedNodeGroups(addresses: AnnouncedAddresses, ports: GroupPorts): SolicitedNodeGroups {
  const members = new Map<number, Set<AddressKey>>(); // announced addresses by group; BOUNDED by those
  const memberships = new Map<number, Membership>(); // by index of the interface; BOUNDED by the interfaces
  const waiting = new Set<() => void>(); // BOUNDED by the callers that wait

  function isWanted(group: number, name: string): boolean {
    for (const key of members.get(group) ?? []) {
      const address = addresses.get(key);
      if (address !== undefined && isAnnouncedOn(address, name)) return true;
    }
    return false;
  }

  function mark(groups: Iterable<number>): void {
    for (const [index, membership] of memberships) {
      for (const group of groups) membership.dirty.add(group);
      void run(index, membership);
    }
  }

  /** One at a time for each interface; others go on meanwhile. */
  async function run(index: number, membership: Membership): Promise<void> {
    if (membership.running) return;
    membership.running = true;
    await Promise.resolve(); // what changes in one turn of the event loop is looked at together
    while (membership.dirty.size > 0 && !membership.closed) await changeSome(index, membership);
    membership.running = false;
    settle();
  }

  async function changeSome(index: number, membership: Membership): Promise<void> {
    const { dirty, joined, failed, name } = membership;
    const toJoin: number[] = [];
    const toLeave = new Map<Socket, number[]>();
    for (const group of dirty) {
      if (toJoin.length === CHANGES_AT_ONCE) break;
      dirty.delete(group);
      const socket = joined.get(group);
      if (isWanted(group, name)) {
        if (socket === undefined) toJoin.push(group);
        continue;
      }
      failed.delete(group);
      if (socket === undefined) continue;
      const list = toLeave.get(socket);
      if (list === undefined) toLeave.set(socket, [group]);
      else list.push(group);
    }
    for (const [socket, groups] of toLeave) if (!membership.closed) await leave(membership, socket, groups);
    if (toJoin.length > 0) await join(index, membership, toJoin);
    if (failed.size === 0 && dirty.size === 0 && !membership.closed) ports.onTrouble(index, undefined);
  }

  /** What cannot be left is left already: its interface is gone. */
  async function leave({ joined }: Membership, socket: Socket, groups: readonly number[]): Promise<void> {
    for (const group of groups) joined.delete(group);
    socket.groups -= groups.length;
    await socket.socket.leave(Uint32Array.from(groups));
    socket.full = false;
  }

  async function join(index: number, membership: Membership, groups: readonly number[]): Promise<void> {
    const { joined, failed, sockets } = membership;
    let left = groups;
    let trouble: unknown;
    while (left.length > 0 && !membership.closed) {
      let socket: Socket;
      let errnos: Int32Array;
      try {
        socket = sockets.find(({ full }) => !full) ?? openSocket(index, sockets);
        errnos = await socket.socket.join(Uint32Array.from(left));
      } catch (error) {
        trouble = error;
        break;
      }
      const wasEmpty = socket.groups === 0;
      const next: number[] = [];
      for (const [position, group] of left.entries()) {
        const errno = errnos[position] ?? 0;
        if (errno === 0 || errno === EADDRINUSE) {
          joined.set(group, socket);
          failed.delete(group);
          socket.groups += 1;
        } else if (errno === ENOMEM || errno === ENOBUFS) {
          next.push(group);
        } else {
          failed.add(group);
          trouble = ports.groupError(errno);
        }
      }
      socket.full = next.length > 0;
      if (next.length === left.length && wasEmpty) {
        trouble = ports.groupError(ENOMEM); // not even a new socket has room for one
        break;
      }
      left = next;
    }
    if (trouble === undefined || membership.closed) return;
    for (const group of left) if (!joined.has(group)) failed.add(group);
    ports.onTrouble(index, trouble);
  }

  function openSocket(index: number, sockets: Socket[]): Socket {
    const socket = { socket: ports.openSocket(index), groups: 0, full: false };
    sockets.push(socket);
    return socket;
  }

  function forget(index: number, membership: Membership): void {
    membership.closed = true;
    for (const { socket } of membership.sockets) socket.close();
    memberships.delete(index);
  }

  function settle(): void {
    for (const { running, dirty } of memberships.values()) if (running || dirty.size > 0) return;
    for (const resolve of waiting) resolve();
    waiting.clear();
  }

  return {
    addressChanged(key) {
      if (typeof key !== "string") return;
      const group = solicitedNodeGroup(key);
      const keys = members.get(group) ?? new Set();
      if (addresses.get(key)?.announced === true) keys.add(key);
      else keys.delete(key);
      if (keys.size > 0) members.set(group, keys);
      else members.delete(group);
      mark([group]);
    },
    interfacesChanged(interfaces) {
      for (const [index, membership] of memberships) if (!interfaces.has(index)) forget(index, membership);
      for (const [index, name] of interfaces) {
        const membership = memberships.get(index) ?? createMembership(name);
        if (membership.name === name && memberships.has(index)) continue;
        membership.name = name; // which decides what is announced there
        memberships.set(index, membership);
        for (const group of [...members.keys(), ...membership.joined.keys()]) membership.dirty.add(group);
        void run(index, membership);
      }
      settle();
    },
    retry() {
      for (const [index, membership] of memberships) {
        if (membership.failed.size === 0) continue;
        for (const group of membership.failed) membership.dirty.add(group);
        for (const socket of membership.sockets) socket.full = false;
        void run(index, membership);
      }
    },
    settled() {
      return new Promise((resolve) => {
        waiting.add(resolve);
        settle();
      });
    },
    close() {
      for (const [index, membership] of memberships) forget(index, membership);
      members.clear();
      settle();
    },
  };
}

function createMembership(name: string): Membership {
  return {
    name,
    sockets: [],
    joined: new Map(),
    dirty: new Set(),
    failed: new Set(),
    running: false,
    closed: false,
  };
}
