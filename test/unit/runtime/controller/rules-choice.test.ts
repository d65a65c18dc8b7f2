import { DUAL_STACK, IPV6, PREFER_DUAL_STACK } from "../allocator/fixtures.js";
import { checkRules } from "./rule-table.js";

const V4 = ["192.0.2.1-192.0.2.4"];
const DUAL = ["192.0.2.1-192.0.2.4", "2001:db8::1-2001:db8::4"];
const KEPT = "serviceAllocation keeps it for other namespaces or Services";
const failed = (name: string, why: RegExp | string): RegExp =>
  new RegExp(
    `^default/${name} AllocationFailed: Failed to allocate IP for "default/${name}": ${typeof why === "string" ? why : why.source}`,
  );
const only = (addresses: readonly string[], serviceAllocation: object, rest: object = {}) => ({
  addresses,
  serviceAllocation,
  ...rest,
});

// Addresses and pools that are asked for.
checkRules([
  {
    rule: "§1.4 both ways",
    name: "field and annotation together are refused",
    pools: { p: V4 },
    services: { a: { loadBalancerIP: "192.0.2.1", asks: { loadBalancerIPs: "192.0.2.1" } } },
    gives: {},
    tells: [failed("a", /service can not have both metallb.io\/loadBalancerIPs and svc.Spec.LoadBalancerIP/)],
  },
  ...(["metallb.io", "metallb.universe.tf"] as const).flatMap((prefix) => [
    {
      rule: "§1.4 annotation",
      name: `of ${prefix}: two of different families, with blanks`,
      pools: { p: DUAL },
      services: { a: { ...DUAL_STACK, annotations: { [`${prefix}/loadBalancerIPs`]: " 192.0.2.3 , 2001:db8::2 " } } },
      gives: { a: "192.0.2.3,2001:db8::2" },
    },
    {
      rule: "§1.4 pool annotation",
      name: `of ${prefix}: that pool and no other`,
      pools: { p: V4, q: ["198.51.100.1/32"] },
      services: {
        a: { annotations: { [`${prefix}/address-pool`]: "q" } },
        b: { annotations: { [`${prefix}/address-pool`]: "q" } },
      },
      gives: { a: "198.51.100.1" },
    },
    {
      rule: "§1.5 annotation",
      name: `of ${prefix}: shares`,
      pools: { p: ["192.0.2.1/32"] },
      services: {
        a: { annotations: { [`${prefix}/allow-shared-ip`]: "k" } },
        b: { annotations: { [`${prefix}/allow-shared-ip`]: "k" }, ports: ["UDP/80"] },
      },
      gives: { a: "192.0.2.1", b: "192.0.2.1" },
    },
  ]),
  {
    rule: "§1.4 annotation",
    name: "two of one family are refused",
    pools: { p: V4 },
    services: { a: { ...DUAL_STACK, asks: { loadBalancerIPs: "192.0.2.1,192.0.2.2" } } },
    gives: {},
    tells: [failed("a", /.*more than one address of a family/)],
  },
  {
    rule: "§1.4 spec.loadBalancerIP",
    name: "is one address, without blanks",
    pools: { p: V4 },
    services: { a: { loadBalancerIP: " 192.0.2.1" }, b: { loadBalancerIP: "192.0.2.1,192.0.2.2" } },
    gives: {},
    tells: [failed("a", "invalid address"), failed("b", "invalid address")],
  },
  {
    rule: "§1.4 family",
    name: "one address for a Service of two families is refused, where both are only preferred, too",
    pools: { p: DUAL },
    services: { a: { ...PREFER_DUAL_STACK, loadBalancerIP: "192.0.2.1" }, b: { ...IPV6, loadBalancerIP: "192.0.2.1" } },
    gives: {},
    tells: ["a", "b"].map((name) =>
      failed(name, /requested loadBalancer IP\(s\) .* does not match the ipFamily of the service/),
    ),
  },
  {
    rule: "§1.4 pool lookup",
    name: "a pair has to be of one pool",
    pools: { p: V4, q: ["2001:db8::/64"] },
    services: { a: { ...DUAL_STACK, asks: { loadBalancerIPs: "192.0.2.1,2001:db8::1" } } },
    gives: {},
    tells: [failed("a", /\["192.0.2.1" "2001:db8::1"\] is not allowed in config: no pool has both/)],
  },
  {
    rule: "§1.4 avoidBuggyIPs",
    name: ".0 and .255 are not given on request either",
    pools: { p: { addresses: ["192.0.2.0/24"], avoidBuggyIPs: true } },
    services: { a: { loadBalancerIP: "192.0.2.0" }, b: { loadBalancerIP: "192.0.2.255" }, c: {} },
    gives: { c: "192.0.2.1" },
  },
  {
    rule: "§1.4 autoAssign false",
    name: "does not matter to who asks for an address or for the pool",
    pools: { p: { addresses: V4, autoAssign: false } },
    services: { a: {}, b: { loadBalancerIP: "192.0.2.3" }, c: { asks: { "address-pool": "p" } } },
    gives: { b: "192.0.2.3", c: "192.0.2.1" },
    tells: [failed("a", 'no available IPs: pool "p": autoAssign is false'), /b IPAllocated/, /c IPAllocated/],
  },
  {
    rule: "§1.4 pool scope",
    name: "matters to who asks for an address or for the pool, too",
    pools: { p: only(V4, { namespaces: ["shop"] }) },
    services: {
      a: { loadBalancerIP: "192.0.2.3" },
      b: { asks: { "address-pool": "p" } },
      c: { namespace: "shop", asks: { "address-pool": "p" } },
    },
    gives: { c: "192.0.2.1" },
    tells: [
      ...["a", "b"].map((name) => failed(name, `pool "p" not compatible for ip assignment: ${KEPT}`)),
      /c IPAllocated/,
    ],
  },
  {
    rule: "§1.4 address and pool",
    name: "have to fit",
    pools: { p: V4, q: ["198.51.100.1/32"] },
    services: { a: { loadBalancerIP: "192.0.2.1", asks: { "address-pool": "q" } } },
    gives: {},
    tells: [failed("a", /\["192.0.2.1"\] is not compatible with requested address pool "q"/)],
  },
  {
    rule: "§1.4 pool annotation only",
    name: "names a pool that does not exist, or that is full",
    pools: { p: ["192.0.2.1/32"] },
    services: { a: {}, b: { asks: { "address-pool": "x" } }, c: { asks: { "address-pool": "p" } } },
    gives: { a: "192.0.2.1" },
    tells: [
      failed("b", 'unknown pool "x"'),
      failed("c", 'no available IPs in pool "p": all 1 IPv4 addresses are in use'),
      /a IPAllocated/,
    ],
  },
  {
    rule: "§1.4 pool annotation only, mended",
    name: "names a pool without the family: that is what is told",
    pools: { p: V4 },
    services: { a: { ...IPV6, asks: { "address-pool": "p" } }, b: { ...DUAL_STACK, asks: { "address-pool": "p" } } },
    gives: {},
    tells: ["a", "b"].map((name) => failed(name, 'no available IPs in pool "p": it has no IPv6 addresses')),
  },
  {
    rule: "§1.4 pool annotation only, mended",
    name: "names a pool with one of the families that are preferred: one is given",
    pools: { p: V4 },
    services: { a: { ...PREFER_DUAL_STACK, asks: { "address-pool": "p" } } },
    gives: { a: "192.0.2.1" },
  },
]);

// The search without a request.
checkRules([
  {
    rule: "§1.4 search 1",
    name: "by priority, 0 last, and by name among equals",
    pools: {
      a: only(["192.0.2.1/32"], { namespaces: ["default"] }),
      b: only(["192.0.2.2/32"], { namespaces: ["default"], priority: 20 }),
      c: only(["192.0.2.4/32"], { namespaces: ["default"], priority: 3 }),
      d: only(["192.0.2.3/32"], { namespaces: ["default"], priority: 3 }),
      e: ["192.0.2.5/32"],
    },
    services: { s1: {}, s2: {}, s3: {}, s4: {}, s5: {} },
    gives: { s1: "192.0.2.4", s2: "192.0.2.3", s3: "192.0.2.2", s4: "192.0.2.1", s5: "192.0.2.5" },
  },
  {
    rule: "§1.4 search 1",
    name: "namespaces by selector and by name, Services by selector; lists are OR-ed, the two kinds AND-ed",
    pools: {
      n: only(["192.0.2.1/32", "192.0.2.2/32"], {
        namespaces: ["b"],
        namespaceSelectors: [{ matchLabels: { team: "x" } }, { matchLabels: { team: "y" } }],
      }),
      s: only(["198.51.100.1/32"], {
        namespaces: ["c"],
        serviceSelectors: [{ matchLabels: { tier: "x" } }, { matchExpressions: [{ key: "web", operator: "Exists" }] }],
      }),
    },
    namespaces: [
      { name: "a", labels: { team: "y" } },
      { name: "b", labels: {} },
      { name: "c", labels: {} },
    ],
    services: {
      s1: { namespace: "a" },
      s2: { namespace: "b" },
      s3: { namespace: "c" },
      s4: { namespace: "c", labels: { web: "" } },
      s5: { namespace: "d", labels: { web: "" } },
    },
    gives: { s1: "192.0.2.1", s2: "192.0.2.2", s4: "198.51.100.1" },
  },
  {
    rule: "§1.4 search 1",
    name: "a pinned pool without autoAssign is passed over",
    pools: { a: only(V4, { namespaces: ["default"] }, { autoAssign: false }), b: ["198.51.100.1/32"] },
    services: { s: {} },
    gives: { s: "198.51.100.1" },
  },
  {
    rule: "§1.4 search 1, serviceAllocation {}",
    name: "is for everybody, before the others",
    pools: { a: V4, z: only(["198.51.100.1/32"], {}) },
    services: { s1: {}, s2: {} },
    gives: { s1: "198.51.100.1", s2: "192.0.2.1" },
  },
  {
    rule: "§1.4 search 2, mended",
    name: "pools for all, by name and not at random",
    pools: { b: ["198.51.100.1/32"], a: ["192.0.2.1/32"] },
    services: { s1: {}, s2: {} },
    gives: { s1: "192.0.2.1", s2: "198.51.100.1" },
  },
  {
    rule: "§1.4 scope test, quirk kept",
    name: "selectors that match no namespace keep everybody out, but not who asks",
    pools: { p: only(V4, { namespaceSelectors: [{ matchLabels: { team: "none" } }] }) },
    services: { a: {}, b: { loadBalancerIP: "192.0.2.4" }, c: { asks: { "address-pool": "p" } } },
    gives: { b: "192.0.2.4", c: "192.0.2.1" },
  },
  {
    rule: "§1.4 inside a pool",
    name: "entries in their order, each from the lowest address up, network and broadcast too",
    pools: { p: ["192.0.2.8-192.0.2.8", "192.0.2.0/31"] },
    services: { s1: {}, s2: {}, s3: {}, s4: {} },
    gives: { s1: "192.0.2.8", s2: "192.0.2.0", s3: "192.0.2.1" },
  },
  {
    rule: "§1.4 inside a pool",
    name: "avoidBuggyIPs is for IPv4 alone",
    pools: { p: { addresses: ["192.0.2.254-192.0.3.1", "2001:db8::/127"], avoidBuggyIPs: true } },
    services: { s1: {}, s2: {}, s3: IPV6 },
    gives: { s1: "192.0.2.254", s2: "192.0.3.1", s3: "2001:db8::" },
  },
  {
    rule: "§1.4 inside a pool",
    name: "a sharing Service lands on the first address that it may share, before a new one",
    pools: { p: V4 },
    services: {
      a: {},
      b: { asks: { "allow-shared-ip": "k" } },
      c: { asks: { "allow-shared-ip": "k" }, ports: ["TCP/81"] },
      d: { asks: { "allow-shared-ip": "k" } },
    },
    gives: { a: "192.0.2.1", b: "192.0.2.2", c: "192.0.2.2", d: "192.0.2.3" },
  },
]);

// Families.
const V6_FIRST = { ...PREFER_DUAL_STACK, clusterIPs: ["fd00::1", "10.96.0.1"], ipFamilies: ["IPv6", "IPv4"] } as const;
checkRules([
  {
    rule: "§1.4 families",
    name: "one",
    pools: { a: ["2001:db8::/64"], p: V4 },
    services: { s: {} },
    gives: { s: "192.0.2.1" },
  },
  {
    rule: "§1.4 families",
    name: "both required: of one pool, IPv4 first",
    pools: { a: V4, b: ["2001:db8:1::/64"], c: ["2001:db8::1/128", "198.51.100.1/32"] },
    services: { s: { ...DUAL_STACK, clusterIPs: ["fd00::1", "10.96.0.1"], ipFamilies: ["IPv6", "IPv4"] } },
    gives: { s: "198.51.100.1,2001:db8::1" },
  },
  {
    rule: "§1.4 families",
    name: "both preferred: a pool with both, before an earlier one with one",
    pools: { a: V4, c: ["198.51.100.1/32", "2001:db8::1/128"] },
    services: { s: PREFER_DUAL_STACK },
    gives: { s: "198.51.100.1,2001:db8::1" },
  },
  {
    rule: "§1.4 families",
    name: "else the first with the primary family",
    pools: { a: V4, b: ["2001:db8::1/128"] },
    services: { s: PREFER_DUAL_STACK, t: V6_FIRST },
    gives: { s: "192.0.2.1", t: "2001:db8::1" },
  },
  {
    rule: "§1.4 families",
    name: "else the first with the other one",
    pools: { a: V4 },
    services: { s: V6_FIRST },
    gives: { s: "192.0.2.1" },
  },
  {
    rule: "§1.4 families",
    name: "both preferred on a cluster with one: the clusterIPs decide",
    pools: { p: DUAL },
    services: { s: { ipFamilyPolicy: "PreferDualStack" } },
    gives: { s: "192.0.2.1" },
  },
]);
