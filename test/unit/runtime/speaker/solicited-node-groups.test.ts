import { beforeEach, expect, it } from "vitest";
import { addressKey } from "../../../../src/runtime/layer2/address-key.js";
import {
  announceAddress,
  withdrawAddress,
  type AnnouncedAddresses,
} from "../../../../src/runtime/layer2/announced-addresses.js";
import {
  createSolicitedNodeGroups,
  type SolicitedNodeGroups,
} from "../../../../src/runtime/speaker/solicited-node-groups.js";

// The kernel has all this too (test/lab/ndp.test.ts), but fails only where it likes.

const ENOMEM = 12;
const ENODEV = 19;

/** The groups that are joined, by index of the interface: each socket's in a list of its own. */
let joined: Map<number, Set<number>[]>;
let capacity: number; // of one socket
let errnos: Map<number, number>; // by group
let openError: Error | undefined;
let calls: string[];
let troubles: unknown[];
let held: (() => void)[] | undefined; // while set, changes wait here
let addresses: AnnouncedAddresses;
let groups: SolicitedNodeGroups;

function openSocket(index: number) {
  if (openError !== undefined) throw openError;
  const mine = new Set<number>();
  let closed = false;
  const all = joined.get(index) ?? [];
  joined.set(index, [...all, mine]);
  const ready = () => new Promise<void>((resolve) => (held === undefined ? resolve() : held.push(resolve)));
  return {
    async join(list: Uint32Array) {
      if (closed) throw new Error("EBADF");
      calls.push(`join ${index}: ${list.length}`);
      await ready();
      return Int32Array.from(list, (group) => {
        const errno = errnos.get(group) ?? (mine.size < capacity ? 0 : ENOMEM);
        if (errno === 0) mine.add(group);
        return errno;
      });
    },
    async leave(list: Uint32Array) {
      if (closed) throw new Error("EBADF");
      calls.push(`leave ${index}: ${list.length}`);
      await ready();
      return Int32Array.from(list, (group) => (mine.delete(group) ? 0 : 99));
    },
    close() {
      closed = true;
      mine.clear();
    },
  };
}

const joinedOn = (index: number): number[] =>
  (joined.get(index) ?? []).flatMap((mine) => Array.from(mine)).toSorted((a, b) => a - b);
const keyOf = (address: string) => addressKey(address) ?? "";

function announce(address: string, interfaces?: readonly string[]): void {
  announceAddress(addresses, keyOf(address), interfaces === undefined ? undefined : new Set(interfaces));
  groups.addressChanged(keyOf(address));
}
function withdraw(address: string): void {
  withdrawAddress(addresses, keyOf(address));
  groups.addressChanged(keyOf(address));
}

beforeEach(() => {
  joined = new Map();
  capacity = Infinity;
  errnos = new Map();
  openError = undefined;
  calls = [];
  troubles = [];
  held = undefined;
  addresses = new Map();
  groups = createSolicitedNodeGroups(addresses, {
    openSocket,
    groupError: (errno) => new Error(`errno ${errno}`),
    onTrouble: (index, error) => troubles.push(error === undefined ? `${index} well` : `${index} ${String(error)}`),
  });
  groups.interfacesChanged(
    new Map([
      [1, "a"],
      [2, "b"],
    ]),
  );
});

it("joins a group on every interface while one announced address has it, and leaves it with the last", async () => {
  announce("fd77::1:240");
  announce("fd88::1:240");
  announce("192.0.2.1");
  await groups.settled();
  expect([joinedOn(1), joinedOn(2)]).toEqual([[0x10240], [0x10240]]);
  withdraw("fd77::1:240");
  await groups.settled();
  expect([joinedOn(1), joinedOn(2)]).toEqual([[0x10240], [0x10240]]);
  withdraw("fd88::1:240");
  await groups.settled();
  expect([joinedOn(1), joinedOn(2)]).toEqual([[], []]);
});

it("joins only where the address is announced, and follows it", async () => {
  announce("fd77::240", ["a"]);
  await groups.settled();
  expect([joinedOn(1), joinedOn(2)]).toEqual([[0x240], []]);
  announce("fd77::240", ["b", "c"]);
  await groups.settled();
  expect([joinedOn(1), joinedOn(2)]).toEqual([[], [0x240]]);
});

it("joins on an interface that comes later, leaves one that goes, and follows another name", async () => {
  announce("fd77::240");
  announce("fd77::241", ["c"]);
  await groups.settled();
  groups.interfacesChanged(
    new Map([
      [2, "c"],
      [3, "d"],
    ]),
  );
  await groups.settled();
  expect([joinedOn(1), joinedOn(2), joinedOn(3)]).toEqual([[], [0x240, 0x241], [0x240]]);
});

it("opens another socket where one has as many groups as it can have, and finds room again", async () => {
  capacity = 100;
  for (let index = 0; index < 250; index += 1) announce(`fd77::${(0x1000 + index).toString(16)}`);
  await groups.settled();
  expect(joined.get(1)?.map((mine) => mine.size)).toEqual([100, 100, 50]);
  for (let index = 0; index < 30; index += 1) withdraw(`fd77::${(0x1000 + index).toString(16)}`);
  for (let index = 0; index < 60; index += 1) announce(`fd77::${(0x2000 + index).toString(16)}`);
  await groups.settled();
  expect(joined.get(1)?.map((mine) => mine.size)).toEqual([100, 100, 80]);
  expect(troubles.filter((trouble) => !String(trouble).endsWith("well"))).toEqual([]);
});

it("changes a few hundred at a time", async () => {
  for (let index = 0; index < 600; index += 1) announce(`fd77::${(0x1000 + index).toString(16)}`);
  await groups.settled();
  expect(calls.filter((call) => call.startsWith("join 1"))).toEqual(["join 1: 256", "join 1: 256", "join 1: 88"]);
});

it.each([
  { name: "even a new socket has no room", set: () => (capacity = 0), trouble: `Error: errno ${ENOMEM}` },
  { name: "no socket can be opened", set: () => (openError = new Error("EMFILE")), trouble: "Error: EMFILE" },
  { name: "the interface is gone", set: () => errnos.set(0x240, ENODEV), trouble: `Error: errno ${ENODEV}` },
])("where $name says so, and tries again when told to", async ({ set, trouble }) => {
  groups.interfacesChanged(new Map([[1, "a"]]));
  await groups.settled();
  set();
  announce("fd77::240");
  await groups.settled();
  expect([troubles.at(-1), joinedOn(1)]).toEqual([`1 ${trouble}`, []]);
  [capacity, openError] = [Infinity, undefined];
  errnos.clear();
  groups.retry();
  await groups.settled();
  expect([troubles.at(-1), joinedOn(1)]).toEqual(["1 well", [0x240]]);
});

it("a group that fails keeps no other from being joined", async () => {
  errnos.set(0x240, ENODEV);
  announce("fd77::240");
  announce("fd77::241");
  await groups.settled();
  expect(joinedOn(1)).toEqual([0x241]);
  withdraw("fd77::240"); // nobody wants it any more
  await groups.settled();
  expect(troubles.at(-1)).toBe("2 well");
});

it("what changes its mind while it is under way ends as it was said last", async () => {
  held = [];
  announce("fd77::240");
  await new Promise(setImmediate);
  withdraw("fd77::240");
  const settled = groups.settled();
  const waiting = held;
  held = undefined;
  for (const go of waiting) go();
  await settled;
  expect([joinedOn(1), joinedOn(2)]).toEqual([[], []]);
  expect(calls).toEqual(["join 1: 1", "join 2: 1", "leave 1: 1", "leave 2: 1"]);
});

it("an interface that goes while several sockets leave groups disturbs nothing", async () => {
  capacity = 1;
  groups.interfacesChanged(new Map([[1, "a"]]));
  for (const address of ["fd77::240", "fd77::241", "fd77::242"]) announce(address);
  await groups.settled();
  held = [];
  for (const address of ["fd77::240", "fd77::241", "fd77::242"]) withdraw(address);
  await new Promise(setImmediate);
  groups.interfacesChanged(new Map());
  for (const go of held) go();
  held = undefined;
  await groups.settled();
  await new Promise(setImmediate);
  expect(calls.filter((call) => call.startsWith("leave"))).toEqual(["leave 1: 1"]);
});

it("close() leaves all groups, and releases who waits", async () => {
  announce("fd77::240");
  await groups.settled();
  announce("fd77::241");
  const waiting = groups.settled();
  groups.close();
  await waiting;
  expect([joinedOn(1), joinedOn(2)]).toEqual([[], []]);
});
