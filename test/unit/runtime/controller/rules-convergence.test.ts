import { expect } from "vitest";
import { DUAL_STACK, IPV6, PREFER_DUAL_STACK } from "../allocator/fixtures.js";
import { checkRules } from "./rule-table.js";

const V4 = ["192.0.2.1-192.0.2.4"];
const DUAL = ["192.0.2.1-192.0.2.4", "2001:db8::1-2001:db8::4"];
const FROM_P = { "ip-allocated-from-pool": "p" };
const ADD = "add addresses to a pool, or delete Services that do not need theirs";
const failed = (name: string, why: string): string =>
  `default/${name} AllocationFailed: Failed to allocate IP for "default/${name}": ${why}`;
const cleared = (name: string, why: string): string =>
  `default/${name} ClearAssignment: current IP for "default/${name}" not allowed by config, will attempt for new IP assignment: ${why}`;
const assigned = (name: string, ips: string): string => `default/${name} IPAllocated: Assigned IP [${ips}]`;

// Convergence of one Service, step by step.
checkRules([
  {
    rule: "§1.3 step 1",
    name: "another type: status and annotation are cleared without an Event",
    pools: { p: V4 },
    services: { a: { ingress: ["192.0.2.1"], asks: FROM_P } },
    after: ({ edit }) => edit("a", { type: "NodePort" }),
    gives: {},
    tells: [],
    and: ({ stored }) => expect(stored.get("default/a")?.annotations).toEqual({}),
  },
  {
    rule: "§1.3 step 2",
    name: "no pool at all: cleared",
    pools: {},
    services: { a: { ingress: ["192.0.2.1"] } },
    gives: {},
    tells: [failed("a", "no address pool is configured: configure one")],
  },
  {
    rule: "§1.3 step 3",
    name: "no clusterIP: cleared",
    pools: { p: V4 },
    services: { a: { clusterIPs: [], ingress: ["192.0.2.1"] } },
    gives: {},
    tells: [failed("a", "the Service has no clusterIP: leave spec.clusterIP to the API server")],
  },
  {
    rule: "§1.3 step 4",
    name: "RequireDualStack with one clusterIP: the reason is spelt like that",
    pools: { p: DUAL },
    services: { a: { ipFamilyPolicy: "RequireDualStack", ingress: ["192.0.2.1"] } },
    gives: {},
    tells: [/^default\/a not enough clusterips: /],
  },
  {
    rule: "§1.3 step 5",
    name: "an entry with only a host name is no address",
    pools: { p: V4 },
    services: {},
    after: ({ controller, stored, create }) => {
      create("a", {});
      const view = { ...stored.get("default/a")!, ingress: [{ hostname: "lb.example.com" }], resourceVersion: "2" };
      stored.set("default/a", view);
      controller.serviceChanged(view);
    },
    gives: { a: "192.0.2.1" },
  },
  {
    rule: "§1.3 step 5a, mended",
    name: "two of one family: told, and the first one stays",
    pools: { p: V4 },
    services: { a: { ingress: ["192.0.2.3", "192.0.2.2"] } },
    gives: { a: "192.0.2.3" },
    tells: [/^default\/a nolbIPsIPFamily: /, /^default\/a ClearAssignment: \["192.0.2.2"\] .* given back/],
  },
  {
    rule: "§1.3 step 5b",
    name: "clusterIPs of no family: told, and what it has stays",
    pools: { p: V4 },
    services: { a: { clusterIPs: ["None"], ingress: ["192.0.2.3"], asks: FROM_P } },
    gives: { a: "192.0.2.3" },
    tells: [/^default\/a noclusterIPsIPFamily: /],
  },
  {
    rule: "§1.3 step 5c",
    name: "another family than the clusterIP's: cleared, another one given",
    pools: { p: DUAL },
    services: { a: { ...IPV6, ingress: ["192.0.2.2"] } },
    gives: { a: "2001:db8::1" },
    tells: [
      cleared("a", '["192.0.2.2"] is not of the family of its clusterIPs (IPv6)'),
      assigned("a", '"2001:db8::1"'),
    ],
  },
  {
    rule: "§1.3 step 5c, mended",
    name: "one of two families that are required: the other one comes to it",
    pools: { p: DUAL },
    services: { a: { ...DUAL_STACK, ingress: ["192.0.2.3"] } },
    gives: { a: "192.0.2.3,2001:db8::1" },
  },
  {
    rule: "§1.3 step 5c, mended",
    name: "two families of which the Service has one left: that address stays",
    pools: { p: DUAL },
    services: { a: { ...IPV6, ingress: ["192.0.2.3", "2001:db8::2"] } },
    gives: { a: "2001:db8::2" },
  },
  {
    rule: "§1.3 step 6",
    name: "an address of no pool: told why, cleared, another one given",
    pools: { p: V4 },
    services: { a: { ingress: ["203.0.113.1"] } },
    gives: { a: "192.0.2.1" },
    tells: [
      cleared(
        "a",
        '["203.0.113.1"] is not allowed in config: no pool has it: add it to a pool, or ask for an address of a pool',
      ),
      assigned("a", '"192.0.2.1"'),
    ],
  },
  {
    rule: "§1.3 step 6",
    name: "a pool whose scope it left: told why, cleared, another one given",
    pools: { kept: { addresses: ["198.51.100.1/32"], serviceAllocation: { namespaces: ["shop"] } }, p: V4 },
    services: { a: { ingress: ["198.51.100.1"] } },
    gives: { a: "192.0.2.1" },
    tells: [
      cleared(
        "a",
        'pool "kept" not compatible for ip assignment: serviceAllocation keeps it for other namespaces or Services: use another pool, or change its serviceAllocation',
      ),
      assigned("a", '"192.0.2.1"'),
    ],
  },
  {
    rule: "§1.3 step 7",
    name: "another pool is asked for: it moves without another word",
    pools: { p: V4, q: ["198.51.100.1/32"] },
    services: { a: { ingress: ["192.0.2.1"], asks: { "address-pool": "q" } } },
    gives: { a: "198.51.100.1" },
    tells: [assigned("a", '"198.51.100.1"')],
  },
  {
    rule: "§1.3 step 7, mended",
    name: "a pool is asked for that cannot serve it: told, and what it has stays",
    pools: { p: V4 },
    services: { a: { ingress: ["192.0.2.3"], asks: { "address-pool": "typo" } } },
    gives: { a: "192.0.2.3" },
    tells: [failed("a", 'unknown pool "typo": name a pool of the configuration')],
  },
  {
    rule: "§1.3 step 8",
    name: "a request that cannot be read: told, and what it has stays",
    pools: { p: V4 },
    services: { a: { ingress: ["192.0.2.3"], loadBalancerIP: "192.0.2" } },
    gives: { a: "192.0.2.3" },
    tells: [/^default\/a LoadBalancerFailed: invalid requested loadbalancer IPs: invalid address "192.0.2": /],
  },
  {
    rule: "§1.3 step 8a",
    name: "another address is asked for: it moves",
    pools: { p: V4 },
    services: { a: { ingress: ["192.0.2.3"], loadBalancerIP: "192.0.2.2" } },
    gives: { a: "192.0.2.2" },
    tells: [assigned("a", '"192.0.2.2"')],
  },
  {
    rule: "§1.3 step 8a, mended",
    name: "an address is asked for that cannot be had: told, and what it has stays",
    pools: { p: V4 },
    services: { a: { ingress: ["192.0.2.3"] }, b: { ingress: ["192.0.2.2"], loadBalancerIP: "192.0.2.3" } },
    gives: { a: "192.0.2.3", b: "192.0.2.2" },
    tells: [/^default\/b AllocationFailed: .*address also in use by default\/a/],
  },
  {
    rule: "§1.3 step 8a, order",
    name: "the pair that is asked for is the pair it has, in the order in which it has it",
    pools: { p: DUAL },
    services: {
      a: {
        ...DUAL_STACK,
        ingress: ["2001:db8::2", "192.0.2.3"],
        asks: { ...FROM_P, loadBalancerIPs: "192.0.2.3,2001:db8::2" },
      },
    },
    gives: { a: "2001:db8::2,192.0.2.3" },
    tells: [],
  },
  {
    rule: "§1.3 step 9",
    name: "one of two that are preferred: the other one of the same pool comes to it",
    pools: { p: DUAL },
    services: { a: { ...PREFER_DUAL_STACK, ingress: ["2001:db8::2"] } },
    gives: { a: "2001:db8::2,192.0.2.1" },
    tells: ['default/a IPAllocated: Assigned additional IP "192.0.2.1"'],
  },
  {
    rule: "§1.3 step 9",
    name: "or does not, which is told, although another pool has one",
    pools: { p: V4, q: ["2001:db8::/64"] },
    services: { a: { ...PREFER_DUAL_STACK, ingress: ["192.0.2.2"] } },
    gives: { a: "192.0.2.2" },
    tells: [
      /^default\/a AdditionalAssignFailed: cannot assign additional IP in PreferDualStack: no available IPs in pool "p"/,
    ],
  },
  {
    rule: "§1.3 step 10",
    name: "an address is given, and told in the form of a list",
    pools: { p: DUAL },
    services: { a: DUAL_STACK },
    gives: { a: "192.0.2.1,2001:db8::1" },
    tells: [assigned("a", '"192.0.2.1" "2001:db8::1"')],
  },
  {
    rule: "§1.3 step 10",
    name: "none is left: told with each pool and why",
    pools: { p: ["192.0.2.1/32"], q: { addresses: ["198.51.100.0/24"], autoAssign: false } },
    services: { a: {}, b: {} },
    gives: { a: "192.0.2.1" },
    tells: [
      failed("b", `no available IPs: pool "p": all 1 IPv4 addresses are in use; pool "q": autoAssign is false: ${ADD}`),
      assigned("a", '"192.0.2.1"'), // when it is written
    ],
  },
  {
    rule: "§1.3 step 11, cannot be",
    name: "there is no address without its pool",
    pools: { p: V4 },
    services: { a: { ingress: ["192.0.2.1"] }, b: {}, c: { loadBalancerIP: "192.0.2.4" } },
    gives: { a: "192.0.2.1", b: "192.0.2.2", c: "192.0.2.4" },
    and: ({ stored }) => {
      for (const { annotations } of stored.values()) expect(annotations["metallb.io/ip-allocated-from-pool"]).toBe("p");
    },
  },
  {
    rule: "§1.3 step 12",
    name: "entries that are no addresses are replaced",
    pools: { p: V4 },
    services: { a: { ingress: ["192.0.2.3", "192.0.2.3"] } },
    gives: { a: "192.0.2.3" },
  },
  {
    rule: "§1.3 clear",
    name: "who cannot be served at all loses its status, and the next one in line gets the address",
    pools: { p: ["192.0.2.1/32"] },
    services: { a: { ingress: ["192.0.2.1"], asks: FROM_P }, b: {} },
    after: ({ edit }) => edit("a", { clusterIPs: [] }),
    gives: { b: "192.0.2.1" },
    and: ({ stored, writes }) => {
      expect(stored.get("default/a")?.annotations).toEqual({});
      expect(writes.slice(-2)).toEqual(["default/a:  from none", "default/b: 192.0.2.1 from p"]);
    },
  },
]);
