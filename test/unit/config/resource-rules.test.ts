import { describe, expect, it } from "vitest";
import type { KubernetesDocument } from "../../../src/config/documents.js";
import { loadConfig } from "../../../src/config/load.js";
import { OPTIONS, faultsOf, resource } from "./documents.js";
import { bfd, bgp, community, l2, opaque, peer, pool } from "./resource-documents.js";

/** Each rule, with documents that keep it and documents that break it. */
const rules: readonly [rule: string, good: KubernetesDocument[], bad: KubernetesDocument[], fault: string][] = [
  ["a pool has addresses", [pool()], [pool({ addresses: [] })], "/spec/addresses is empty"],
  ["addresses are needed", [pool()], [resource("IPAddressPool", "a", {})], "/spec/addresses is needed here"],
  ["a spec is needed", [pool()], [resource("IPAddressPool", "a", undefined)], "/spec is needed here"],
  [
    "an address has a length",
    [pool({ addresses: ["10.0.0.1/32"] })],
    [pool({ addresses: ["10.0.0.1"] })],
    "/spec/addresses/0 has no prefix length",
  ],
  [
    "a range goes up",
    [pool({ addresses: ["10.0.0.5-10.0.0.5"] })],
    [pool({ addresses: ["10.0.0.9 - 10.0.0.1"] })],
    "/spec/addresses/0 ends before it begins",
  ],
  [
    "pools do not overlap",
    [pool(), pool({ addresses: ["10.0.1.0/24"] }, "b")],
    [pool(), pool({ addresses: ["10.0.0.9-10.0.0.9"] }, "b")],
    "/spec/addresses/0 has addresses in common with 10.0.0.0/24 in IPAddressPool metallb-system/a (pool a)",
  ],
  [
    "autoAssign is true or false",
    [pool({ autoAssign: false })],
    [pool({ autoAssign: "no" })],
    "/spec/autoAssign is not true or false",
  ],
  [
    "namespaces are named once",
    [pool({ serviceAllocation: { namespaces: ["a", "b"] } })],
    [pool({ serviceAllocation: { namespaces: ["a", "a"] } })],
    "/spec/serviceAllocation/namespaces has the same element twice",
  ],
  [
    "selectors are written once",
    [pool({ serviceAllocation: { serviceSelectors: [{ matchLabels: { a: "b" } }, {}] } })],
    [pool({ serviceAllocation: { serviceSelectors: [{}, { matchLabels: {} }] } })],
    "/spec/serviceAllocation/serviceSelectors/1 is the same selector as one above",
  ],
  [
    "priority is a number, negative too",
    [pool({ serviceAllocation: { priority: -1 } })],
    [pool({ serviceAllocation: { priority: "1" } })],
    "/spec/serviceAllocation/priority is not a whole number",
  ],
  [
    "namespace selectors are written once",
    [pool({ serviceAllocation: { namespaceSelectors: [{ matchLabels: { a: "b" } }] } })],
    [pool({ serviceAllocation: { namespaceSelectors: [{ matchLabels: { a: "b" } }, { matchLabels: { a: "b" } }] } })],
    "/spec/serviceAllocation/namespaceSelectors/1 is the same selector as one above",
  ],
  [
    "a range has two addresses",
    [pool({ addresses: ["2001:db8::1-2001:db8::ff"] })],
    [pool({ addresses: ["10.0.0.1-"] })],
    "/spec/addresses/0 does not end with an address",
  ],
  [
    "pools do not overlap within themselves",
    [pool({ addresses: ["10.0.0.0/25", "10.0.0.128/25"] })],
    [pool({ addresses: ["10.0.0.0/24", "10.0.0.128/25"] })],
    "/spec/addresses/1 has addresses in common with 10.0.0.0/24 at /spec/addresses/0 (pool a)",
  ],
  [
    "localPref is 32 bits",
    [pool(), bgp({ localPref: 4_294_967_295 })],
    [pool(), bgp({ localPref: -1 })],
    "/spec/localPref is not 0 to 4294967295",
  ],
  [
    "peers are named once",
    [pool(), bgp({ peers: ["p", "q"] })],
    [pool(), bgp({ peers: ["p", "p"] })],
    "/spec/peers has the same element twice",
  ],
  [
    "pool selectors are written once",
    [pool(), bgp({ ipAddressPoolSelectors: [{}] })],
    [pool(), bgp({ ipAddressPoolSelectors: [{}, {}] })],
    "/spec/ipAddressPoolSelectors/1 is the same selector as one above",
  ],
  [
    "node selectors are written once",
    [pool(), l2({ nodeSelectors: [{ matchLabels: { a: "b" } }] })],
    [pool(), l2({ nodeSelectors: [{ matchLabels: { a: "b" } }, { matchLabels: { a: "b" } }] })],
    "/spec/nodeSelectors/1 is the same selector as one above",
  ],
  [
    "service selectors are written once",
    [pool(), l2({ serviceSelectors: [{ matchLabels: { a: "b" } }] })],
    [pool(), l2({ serviceSelectors: [{ matchLabels: { a: "b" } }, { matchLabels: { a: "b" } }] })],
    "/spec/serviceSelectors/1 is the same selector as one above",
  ],
  [
    "interfaces are texts, and may be repeated",
    [pool(), l2({ interfaces: ["eth0", "eth0"] })],
    [pool(), l2({ interfaces: [0] })],
    "/spec/interfaces/0 is not a text",
  ],
  [
    "keys of labels are such",
    [pool(), l2({ nodeSelectors: [{ matchLabels: { "a.example/b": "c" } }] })],
    [pool(), l2({ nodeSelectors: [{ matchLabels: { "a b": "c" } }] })],
    '/spec/nodeSelectors/0/matchLabels/a b has the key "a b", that no label can have',
  ],
  [
    "operators are known",
    [pool(), l2({ nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "DoesNotExist" }] }] })],
    [pool(), l2({ nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "Gt", values: ["1"] }] }] })],
    "/spec/nodeSelectors/0/matchExpressions/0/operator is none of the words that are known here",
  ],
  [
    "a preference has a weight",
    [
      pool(),
      l2({
        preferredNodeSelectors: [
          { weight: 1, preference: {} },
          { weight: 1, preference: {} },
        ],
      }),
    ],
    [pool(), l2({ preferredNodeSelectors: [{ preference: {} }] })],
    "/spec/preferredNodeSelectors/0/weight is needed here",
  ],
  [
    "aggregationLengthV6 lies within the pool",
    [pool({ addresses: ["2001:db8::/64"] }), bgp({ aggregationLengthV6: 64 })],
    [pool({ addresses: ["2001:db8::/64"] }), bgp({ aggregationLengthV6: 63 })],
    "/spec/aggregationLengthV6 is shorter than /64 of 2001:db8::/64 in IPAddressPool metallb-system/a",
  ],
  [
    "selected Services have no aggregates of IPv6 either",
    [pool(), bgp({ serviceSelectors: [], aggregationLengthV6: 64 })],
    [pool(), bgp({ serviceSelectors: [{}], aggregationLengthV6: 64 })],
    "/spec/aggregationLengthV6 makes aggregates, which cannot be made of selected Services",
  ],
  [
    "preferences of selected Services may differ",
    [pool(), bgp({ localPref: 1, serviceSelectors: [{ matchLabels: { a: "b" } }] }), bgp({ localPref: 2 }, "c")],
    [pool(), bgp({ localPref: 1, serviceSelectors: [] }), bgp({ localPref: 2 }, "c")],
    "/spec/localPref differs from 1 of BGPAdvertisement metallb-system/b for the same routes of IPAddressPool metallb-system/a",
  ],
  [
    "aggregationLength is 1 to 32",
    [pool(), bgp({ aggregationLength: 32 })],
    [pool(), bgp({ aggregationLength: 0 })],
    "/spec/aggregationLength is not 1 to 32",
  ],
  [
    "aggregationLengthV6 is 0 to 128",
    [pool(), bgp({ aggregationLengthV6: 0 })],
    [pool(), bgp({ aggregationLengthV6: 129 })],
    "/spec/aggregationLengthV6 is not 0 to 128",
  ],
  [
    "an aggregate lies within the pool",
    [pool(), bgp({ aggregationLength: 24 })],
    [pool(), bgp({ aggregationLength: 23 })],
    "/spec/aggregationLength is shorter than /24 of 10.0.0.0/24 in IPAddressPool metallb-system/a",
  ],
  [
    "only of pools that it is for",
    [pool(), pool({ addresses: ["10.1.0.0/16"] }, "b"), bgp({ aggregationLength: 16, ipAddressPools: ["b"] })],
    [pool(), pool({ addresses: ["10.1.0.0/16"] }, "b"), bgp({ aggregationLength: 16 })],
    "/spec/aggregationLength is shorter than /24 of 10.0.0.0/24 in IPAddressPool metallb-system/a",
  ],
  [
    "selected Services have no aggregates",
    [pool(), bgp({ serviceSelectors: [{}], aggregationLength: 32 })],
    [pool(), bgp({ serviceSelectors: [{}], aggregationLength: 24 })],
    "/spec/aggregationLength makes aggregates, which cannot be made of selected Services",
  ],
  [
    "communities are named once",
    [pool(), bgp({ communities: ["1:1", "1:2"] })],
    [pool(), bgp({ communities: ["1:1", "1:1"] })],
    "/spec/communities has the same element twice",
  ],
  [
    "aliases exist",
    [pool(), bgp({ communities: ["x"] }), community("c", { name: "x", value: "large:1:2:3" })],
    [pool(), bgp({ communities: ["x"] })],
    "/spec/communities/0 is neither a community nor an alias of one",
  ],
  [
    "communities are in range",
    [pool(), bgp({ communities: ["large:1:2:3"] })],
    [pool(), bgp({ communities: ["70000:1"] })],
    "/spec/communities/0 is neither a community nor an alias of one",
  ],
  [
    "pools are named once",
    [pool(), bgp({ ipAddressPools: ["a"] })],
    [pool(), bgp({ ipAddressPools: ["a", "a"] })],
    "/spec/ipAddressPools has the same element twice",
  ],
  [
    "preferences do not contradict each other",
    [pool(), bgp({ localPref: 1 }), bgp({ localPref: 2, aggregationLength: 24 }, "c")],
    [pool(), bgp({ localPref: 1 }), bgp({ localPref: 2 }, "c")],
    "/spec/localPref differs from 1 of BGPAdvertisement metallb-system/b for the same routes of IPAddressPool metallb-system/a",
  ],
  [
    "in either family of a pool of two",
    [
      pool({ addresses: ["10.0.0.0/24", "2001:db8::/64"] }),
      bgp({ localPref: 1 }),
      bgp({ localPref: 2, aggregationLength: 24, aggregationLengthV6: 64 }, "c"),
    ],
    [
      pool({ addresses: ["10.0.0.0/24", "2001:db8::/64"] }),
      bgp({ localPref: 1 }),
      bgp({ localPref: 2, aggregationLength: 24 }, "c"),
    ],
    "/spec/localPref differs from 1 of BGPAdvertisement metallb-system/b for the same routes of IPAddressPool metallb-system/a",
  ],
  [
    "unless they go to other peers",
    [
      pool(),
      peer(),
      peer({ peerPort: 1 }, "q"),
      bgp({ localPref: 1, peers: ["p"] }),
      bgp({ localPref: 2, peers: ["q"] }, "c"),
    ],
    [pool(), peer(), bgp({ localPref: 1, peers: ["p"] }), bgp({ localPref: 2 }, "c")],
    "/spec/localPref differs from 1 of BGPAdvertisement metallb-system/b for the same routes of IPAddressPool metallb-system/a",
  ],
  [
    "or come from other nodes",
    [
      pool(),
      bgp({ localPref: 1, nodeSelectors: [{ matchLabels: { a: "b" } }] }),
      bgp({ localPref: 2, nodeSelectors: [{ matchLabels: { a: "c" } }] }, "c"),
    ],
    [
      pool(),
      bgp({ localPref: 1, nodeSelectors: [{ matchLabels: { a: "b" } }] }),
      bgp({ localPref: 2, nodeSelectors: [{ matchLabels: { a: "b" } }] }, "c"),
    ],
    "/spec/localPref differs from 1 of BGPAdvertisement metallb-system/b for the same routes of IPAddressPool metallb-system/a",
  ],
  [
    "a path is 1 to 10 times longer",
    [pool(), bgp({ asPathPrepend: 10 })],
    [pool(), bgp({ asPathPrepend: 11 })],
    "/spec/asPathPrepend is not 1 to 10",
  ],
  [
    "paths do not contradict each other",
    [pool(), bgp({ asPathPrepend: 1 }), bgp({ aggregationLength: 24 }, "c")],
    [pool(), bgp({ asPathPrepend: 1 }), bgp({}, "c")],
    "/spec/asPathPrepend differs from 1 of BGPAdvertisement metallb-system/b for the same routes of IPAddressPool metallb-system/a",
  ],
  [
    "what Services may ask for is a community, a pattern or an alias",
    [
      pool(),
      bgp({ serviceRequests: { communities: ["1:*", "*:1", "large:1:*:*", "x"] } }),
      community("c", { name: "x", value: "1:1" }),
    ],
    [pool(), bgp({ serviceRequests: { communities: ["x"] } })],
    "/spec/serviceRequests/communities/0 is neither a community nor an alias of one",
  ],
  [
    "patterns are in range",
    [pool(), bgp({ serviceRequests: { communities: ["65535:*"] } })],
    [pool(), bgp({ serviceRequests: { communities: ["65536:*"] } })],
    "/spec/serviceRequests/communities/0 is neither a community nor an alias of one",
  ],
  [
    "an asterisk stands for a whole number",
    [pool(), bgp({ serviceRequests: { communities: ["*:*"] } })],
    [pool(), bgp({ serviceRequests: { communities: ["645*:1"] } })],
    "/spec/serviceRequests/communities/0 is neither a community nor an alias of one",
  ],
  [
    "preferences that Services may ask for have an upper end",
    [pool(), bgp({ serviceRequests: { minLocalPref: 5, maxLocalPref: 5 } })],
    [pool(), bgp({ serviceRequests: { minLocalPref: 5 } })],
    "/spec/serviceRequests/minLocalPref is a lower bound alone, which allows nothing",
  ],
  [
    "and a lower one below it",
    [pool(), bgp({ serviceRequests: { maxLocalPref: 5 } })],
    [pool(), bgp({ serviceRequests: { minLocalPref: 6, maxLocalPref: 5 } })],
    "/spec/serviceRequests/minLocalPref is above maxLocalPref (5)",
  ],
  [
    "nobody asks anything of aggregates",
    [pool(), bgp({ serviceRequests: { maxLocalPref: 5 }, aggregationLength: 32 })],
    [pool(), bgp({ serviceRequests: { maxLocalPref: 5 }, aggregationLength: 24 })],
    "/spec/aggregationLength makes aggregates, of which no single Service may ask anything",
  ],
  [
    "an alias is defined once",
    [community("c", { name: "x", value: "1:1" }), community("d", { name: "y", value: "1:1" })],
    [community("c", { name: "x", value: "1:1" }), community("d", { name: "x", value: "1:1" })],
    "/spec/communities/0/name is an alias that Community metallb-system/c defines too",
  ],
  [
    "an alias has a value",
    [community("c", { name: "x", value: "1:1" })],
    [community("c", { name: "x" })],
    "/spec/communities/0/value is no community",
  ],
  [
    "preferences of nodes are 1 to 100",
    [pool(), l2({ preferredNodeSelectors: [{ weight: 100, preference: {} }] })],
    [pool(), l2({ preferredNodeSelectors: [{ weight: 101, preference: {} }] })],
    "/spec/preferredNodeSelectors/0/weight is not 1 to 100",
  ],
  [
    "values of communities are 16 bits",
    [community("c", { name: "x", value: "65535:65535" })],
    [community("c", { name: "x", value: "1:65536" })],
    "/spec/communities/0/value is no community",
  ],
  [
    "values of large communities are 32 bits",
    [community("c", { name: "x", value: "large:4294967295:0:1" })],
    [community("c", { name: "x", value: "large:4294967296:0:1" })],
    "/spec/communities/0/value is no large community",
  ],
  [
    "BFD multipliers are 2 to 255",
    [bfd({ detectMultiplier: 255 })],
    [bfd({ detectMultiplier: 1 })],
    "/spec/detectMultiplier is not 2 to 255",
  ],
  ["BFD hops are 1 to 254", [bfd({ minimumTtl: 254 })], [bfd({ minimumTtl: 255 })], "/spec/minimumTtl is not 1 to 254"],
  [
    "BFD intervals are 10 ms to 60 s",
    [bfd({ receiveInterval: 10 })],
    [bfd({ echoInterval: 9 })],
    "/spec/echoInterval is not 10 to 60000",
  ],
  [
    "an object is there once",
    [pool()],
    [pool(), pool({ addresses: ["10.0.1.0/24"] })],
    "/metadata/name is the name of an object that is there already",
  ],
];

describe.each(rules)("%s", (_, good, bad, fault) => {
  it("is kept", () => expect(faultsOf(good)).toEqual([]));
  it("is broken", () => expect(faultsOf(bad)).toEqual([fault]));
});

it.each<[string, KubernetesDocument[], boolean]>([
  ["a BFDProfile that is not there", [peer({ bfdProfile: "fast" })], true],
  ["a Secret that is not there", [peer({ passwordSecret: { name: "s" } })], true],
  ["an alias that nobody defines", [pool(), bgp({ communities: ["x"] })], true],
  ["a community out of range", [pool(), bgp({ communities: ["70000:1"] })], false],
  ["a large community out of range", [pool(), bgp({ communities: ["large:1:2:4294967296"] })], false],
  ["a Secret of another type", [peer({ passwordSecret: { name: "s" } }), opaque], false],
  ["an address that is none", [pool({ addresses: ["x"] })], false],
])("%s may pass by itself or not", (_, documents, transient) => {
  const loaded = loadConfig(documents, OPTIONS);
  expect(loaded.ok ? [] : loaded.fault.map((fault) => fault.transient === true)).toEqual([transient]);
});
