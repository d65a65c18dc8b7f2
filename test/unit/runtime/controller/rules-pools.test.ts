import { expect } from "vitest";
import { PREFER_DUAL_STACK } from "../allocator/fixtures.js";
import { checkRules, type PoolSpecs } from "./rule-table.js";

const P = ["192.0.2.1-192.0.2.4"];
const FROM_P = { "ip-allocated-from-pool": "p" };
const refuse = { poolChange: "refuse" } as const;

// Pools change.
checkRules([
  {
    rule: "§1.6 no room, v0.14 and later",
    name: "the model is taken, and the Service gets another address at once, told why",
    pools: { p: P },
    services: { a: { ingress: ["192.0.2.1"], asks: FROM_P }, b: { ingress: ["192.0.2.3"], asks: FROM_P } },
    after: ({ usePools }) => usePools({ p: ["192.0.2.3-192.0.2.4"] }),
    gives: { a: "192.0.2.4", b: "192.0.2.3" },
    tells: [/^default\/a ClearAssignment: .*\["192.0.2.1"\] is not allowed in config/, /^default\/a IPAllocated: /],
    and: ({ config }) => expect(config()).toEqual({ loaded: true, stale: false }),
  },
  {
    rule: "§1.6 no room, v0.13 and before",
    name: "the model is refused, the old one stays in force, and the gauge says so",
    options: refuse,
    pools: { p: P },
    services: { a: { ingress: ["192.0.2.1"], asks: FROM_P } },
    after: async ({ usePools, create }) => {
      await usePools({ p: ["192.0.2.3-192.0.2.4"] });
      create("b", {});
    },
    gives: { a: "192.0.2.1", b: "192.0.2.2" },
    tells: [/^default\/b IPAllocated/],
    and: ({ config, log }) => {
      expect(config()).toEqual({ loaded: true, stale: true });
      expect(log.at(-1)?.level).not.toBe("error");
      expect(log.filter(({ level }) => level === "error").map(({ message }) => message)).toEqual([
        expect.stringMatching(/has no pool with 192.0.2.1, which Service default\/a has out of pool "p": put .* back/),
      ]);
    },
  },
  {
    rule: "§1.6 no room, v0.13 and before",
    name: "who is left alone for want of room, and is given an address of a pool by another controller, has that one",
    options: refuse,
    pools: { p: P },
    services: { a: { ingress: ["198.51.100.1"] } },
    after: ({ stored, put, create }) => {
      const a = stored.get("default/a");
      if (a !== undefined) put({ ...a, ingress: [{ ip: "192.0.2.1" }] });
      create("b", {});
    },
    gives: { a: "192.0.2.1", b: "192.0.2.2" },
    and: ({ stored, config }) => {
      expect(stored.get("default/a")?.annotations["metallb.io/ip-allocated-from-pool"]).toBe("p");
      expect(config()).toEqual({ loaded: true, stale: false });
    },
  },
  ...([{ poolChange: "reassign" }, refuse] as const).map((options) => ({
    rule: "§1.6 renamed",
    name: `a pool of another name with the same addresses takes over, annotation and all (${options.poolChange})`,
    options,
    pools: { p: P },
    services: { a: { ingress: ["192.0.2.1"], asks: FROM_P } },
    after: ({ usePools }: { usePools(pools: PoolSpecs): Promise<void> }) => usePools({ q: ["192.0.2.0/24"] }),
    gives: { a: "192.0.2.1" },
    tells: [],
    and: ({ writes }: { writes: readonly string[] }) => expect(writes).toEqual(["default/a: 192.0.2.1 from q"]),
  })),
  {
    rule: "§1.6 last pool, v0.14 and later",
    name: "every Service is cleared",
    pools: { p: P },
    services: { a: { ingress: ["192.0.2.1"], asks: FROM_P } },
    after: ({ usePools }) => usePools({}),
    gives: {},
    tells: [/ClearAssignment|AllocationFailed.*no address pool is configured/],
  },
  {
    rule: "§1.6 last pool, mended",
    name: "with nothing left of the configuration at all the last state stays in force",
    pools: { p: P },
    services: { a: { ingress: ["192.0.2.1"], asks: FROM_P } },
    after: ({ useConfig }) => useConfig([]),
    gives: { a: "192.0.2.1" },
    tells: [],
    and: ({ config }) => expect(config()).toEqual({ loaded: true, stale: true }),
  },
  {
    rule: "§1.6 last pool, v0.13 and before",
    name: "is refused",
    options: refuse,
    pools: { p: P },
    services: { a: { ingress: ["192.0.2.1"], asks: FROM_P } },
    after: ({ usePools }) => usePools({}),
    gives: { a: "192.0.2.1" },
    tells: [],
  },
  {
    rule: "§1.6 scope",
    name: "a pool that is kept for others from now on is left",
    pools: { p: P, q: ["198.51.100.1/32"] },
    services: { a: { ingress: ["192.0.2.1"], asks: FROM_P } },
    after: ({ usePools }) =>
      usePools({ p: { addresses: P, serviceAllocation: { namespaces: ["shop"] } }, q: ["198.51.100.1/32"] }),
    gives: { a: "198.51.100.1" },
    tells: [/^default\/a ClearAssignment: .*pool "p" not compatible for ip assignment/, /^default\/a IPAllocated/],
  },
  {
    rule: "§1.6 autoAssign",
    name: "turned off takes nothing away",
    pools: { p: P },
    services: { a: { ingress: ["192.0.2.1"], asks: FROM_P } },
    after: ({ usePools }) => usePools({ p: { addresses: P, autoAssign: false } }),
    gives: { a: "192.0.2.1" },
    tells: [],
  },
]);

// What pools count.
checkRules([
  {
    rule: "§1.6 counters",
    name: "distinct addresses in use, and capacity without what avoidBuggyIPs skips",
    pools: {
      p: { addresses: ["192.0.2.0/23", "198.51.100.255-198.51.101.0"], avoidBuggyIPs: true },
      q: { addresses: ["203.0.113.0/24", "2001:db8::/112"], autoAssign: false },
    },
    services: {
      a: { asks: { "allow-shared-ip": "k" } },
      b: { asks: { "allow-shared-ip": "k" }, ports: ["TCP/81"] },
      c: { ...PREFER_DUAL_STACK, asks: { "address-pool": "q" } },
    },
    gives: { a: "192.0.2.1", b: "192.0.2.1", c: "203.0.113.0,2001:db8::" },
    and: ({ controller }) =>
      expect(controller.usage()).toEqual([
        { pool: "p", capacityIPv4: 508n, capacityIPv6: 0n, inUseIPv4: 1, inUseIPv6: 0 },
        { pool: "q", capacityIPv4: 256n, capacityIPv6: 65_536n, inUseIPv4: 1, inUseIPv6: 1 },
      ]),
  },
  {
    rule: "§1.6 counters, mended",
    name: "pools of any size are counted exactly, and give addresses at once",
    pools: { huge: ["2001:db8::/32", "2001:db9::/64"], big: ["10.0.0.0/8"] },
    services: { a: {}, b: { clusterIPs: ["fd00::1"], ipFamilies: ["IPv6"] } },
    gives: { a: "10.0.0.0", b: "2001:db8::" },
    and: ({ controller }) =>
      expect(controller.usage()).toEqual([
        { pool: "big", capacityIPv4: 1n << 24n, capacityIPv6: 0n, inUseIPv4: 1, inUseIPv6: 0 },
        { pool: "huge", capacityIPv4: 0n, capacityIPv6: (1n << 96n) + (1n << 64n), inUseIPv4: 0, inUseIPv6: 1 },
      ]),
  },
  {
    rule: "§1.6 counters",
    name: "go with the pool",
    pools: { p: P, q: ["198.51.100.1/32"] },
    services: {},
    after: ({ usePools }) => usePools({ p: P }),
    gives: {},
    and: ({ controller }) => expect(controller.usage().map(({ pool }) => pool)).toEqual(["p"]),
  },
]);

// A configuration that is loaded.
checkRules([
  {
    rule: "§1.7",
    name: "what cannot be read leaves the pools that were there",
    pools: { p: P },
    services: { a: {} },
    after: async ({ usePools, create }) => {
      await usePools({ p: ["192.0.2.1-192.0.2.300"] });
      create("b", {});
    },
    gives: { a: "192.0.2.1", b: "192.0.2.2" },
    and: ({ config }) => expect(config()).toEqual({ loaded: true, stale: true }),
  },
  {
    rule: "§1.7, mended",
    name: "what was good before, put back, is not stale any more",
    pools: { p: P },
    services: { a: {} },
    after: async ({ usePools }) => {
      await usePools({ p: ["192.0.2.1-192.0.2.300"] });
      await usePools({ p: P });
    },
    gives: { a: "192.0.2.1" },
    and: ({ config }) => expect(config()).toEqual({ loaded: true, stale: false }),
  },
  {
    rule: "§1.7",
    name: "labels of Namespaces that change are followed, others decide nothing",
    pools: { p: { addresses: P, serviceAllocation: { namespaceSelectors: [{ matchLabels: { team: "x" } }] } } },
    services: { a: {} },
    after: ({ controller }) => controller.namespacesChanged([{ name: "default", labels: { team: "x" } }]),
    gives: { a: "192.0.2.1" },
  },
]);

// Where the releases differ, the newest is followed.
checkRules([
  {
    rule: "§1.8 v0.9 to v0.12, one pool annotation and one address",
    name: "have to fit before an address is given",
    pools: { p: P, q: ["198.51.100.1/32"] },
    services: { a: { loadBalancerIP: "192.0.2.1", asks: { "address-pool": "q" } } },
    gives: {},
  },
  {
    rule: "§1.8 v0.12 to v0.14.8, pairs",
    name: "IPv4 comes first also where the pool lists IPv6 first",
    pools: { p: ["2001:db8::/64", ...P] },
    services: { a: PREFER_DUAL_STACK },
    gives: { a: "192.0.2.1,2001:db8::" },
  },
  {
    rule: "§1.8 v0.12 to v0.14.8, pairs",
    name: "a pair that was given IPv6 first stays so, and with it who announces it",
    pools: { p: ["2001:db8::/64", ...P] },
    services: { a: { ...PREFER_DUAL_STACK, ingress: ["2001:db8::", "192.0.2.1"], asks: FROM_P } },
    gives: { a: "2001:db8::,192.0.2.1" },
    tells: [],
    and: ({ writes }) => expect(writes).toEqual([]),
  },
  {
    rule: "§1.8 v0.13, start",
    name: "a new Service never takes the address of one that has it",
    pools: { p: ["192.0.2.1-192.0.2.2"] },
    services: { aaa: {}, zzz: { ingress: ["192.0.2.1"] } },
    gives: { aaa: "192.0.2.2", zzz: "192.0.2.1" },
  },
  {
    rule: "§1.8 before v0.13.9, annotation",
    name: "an address from before there was one is annotated and stays",
    pools: { p: P },
    services: { a: { ingress: ["192.0.2.4"] } },
    gives: { a: "192.0.2.4" },
    tells: [],
    and: ({ writes }) => expect(writes).toEqual(["default/a: 192.0.2.4 from p"]),
  },
]);
