import { describe, expect, it } from "vitest";
import type { KubernetesDocument } from "../../../src/config/documents.js";
import { faultsOf, resource } from "./documents.js";
import { bfd, bgp, community, l2, peer, pool } from "./resource-documents.js";

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
