import { describe, expect, it } from "vitest";
import { configMap, faultsOf } from "./documents.js";

const peer = (extra = "", base = "my-asn: 64512, peer-asn: 64513, peer-address: 10.0.0.1"): string =>
  `bfd-profiles: [{name: fast}]\npeers:\n- {${base}${extra === "" ? "" : `, ${extra}`}}\n`;
const pool = (extra = "", addresses = "[10.0.0.0/24]"): string =>
  `bgp-communities: {no-export: 65535:65281, '1:2': 64512:9}\naddress-pools:\n- {name: a, protocol: bgp, addresses: ${addresses}${extra === "" ? "" : `, ${extra}`}}\n`;
const advertisements = (list: string, addresses?: string): string => pool(`bgp-advertisements: ${list}`, addresses);
const pools = (...list: string[]): string => `address-pools:\n${list.map((one) => `- ${one}`).join("\n")}\n`;

/** Each rule of the old parsers, with a document that keeps it and one that breaks it. */
const rules: readonly [rule: string, good: string, bad: string, fault: string][] = [
  ["my-asn is given", peer(), peer("", "peer-asn: 1, peer-address: 10.0.0.1"), "/peers/0/my-asn is needed here"],
  [
    "my-asn is not 0",
    peer(),
    peer("", "my-asn: 0, peer-asn: 1, peer-address: 10.0.0.1"),
    "/peers/0/my-asn is not 1 to 4294967295",
  ],
  ["peer-asn is given", peer(), peer("", "my-asn: 1, peer-address: 10.0.0.1"), "/peers/0/peer-asn is needed here"],
  [
    "an AS number has 32 bits",
    peer("", "my-asn: 4294967295, peer-asn: 1, peer-address: 10.0.0.1"),
    peer("", "my-asn: 4294967296, peer-asn: 1, peer-address: 10.0.0.1"),
    "/peers/0/my-asn is not 1 to 4294967295",
  ],
  ["peer-address is given", peer(), peer("", "my-asn: 1, peer-asn: 1"), "/peers/0/peer-address is needed here"],
  [
    "peer-address is an address",
    peer("", "my-asn: 1, peer-asn: 1, peer-address: '2001:db8::1'"),
    peer("", "my-asn: 1, peer-asn: 1, peer-address: router.example"),
    "/peers/0/peer-address is no address",
  ],
  [
    "peer-address has no mask",
    peer(),
    peer("", "my-asn: 1, peer-asn: 1, peer-address: 10.0.0.1/32"),
    "/peers/0/peer-address is no address",
  ],
  [
    "peer-address has no zone",
    peer(),
    peer("", "my-asn: 1, peer-asn: 1, peer-address: 'fe80::1%eth0'"),
    "/peers/0/peer-address is no address",
  ],
  [
    "peer-port fits 16 bits",
    peer("peer-port: 65535"),
    peer("peer-port: 65536"),
    "/peers/0/peer-port is not 0 to 65535",
  ],
  [
    "source-address is an address",
    peer("source-address: 10.0.0.9"),
    peer("source-address: eth0"),
    "/peers/0/source-address is no address",
  ],
  ["router-id is an address", peer("router-id: 10.0.0.9"), peer("router-id: 9"), "/peers/0/router-id is no address"],
  ["hold-time has a unit", peer("hold-time: 90s"), peer("hold-time: 90"), "/peers/0/hold-time has no unit"],
  [
    "hold-time is 3 s or more",
    peer("hold-time: 3s"),
    peer("hold-time: 2.9s"),
    "/peers/0/hold-time is neither 0 nor at least 3 seconds",
  ],
  [
    "hold-time may be 0",
    peer("hold-time: 0"),
    peer("hold-time: 1s"),
    "/peers/0/hold-time is neither 0 nor at least 3 seconds",
  ],
  [
    "hold-time is cut to seconds",
    peer("hold-time: 500ms"),
    peer("hold-time: -3s"),
    "/peers/0/hold-time is neither 0 nor at least 3 seconds",
  ],
  ["hold-time is a duration", peer("hold-time: 1m30s"), peer("hold-time: soon"), "/peers/0/hold-time is no duration"],
  [
    "keepalive-time is within the hold time",
    peer("keepalive-time: 90s"),
    peer("keepalive-time: 91s"),
    "/peers/0/keepalive-time is longer than the hold time of 90 s",
  ],
  [
    "keepalive-time is cut to seconds first",
    peer("hold-time: 9s, keepalive-time: 9.9s"),
    peer("hold-time: 9s, keepalive-time: 10s"),
    "/peers/0/keepalive-time is longer than the hold time of 9 s",
  ],
  [
    "ebgp-multihop is for other ASes",
    peer("ebgp-multihop: true"),
    peer("ebgp-multihop: true", "my-asn: 1, peer-asn: 1, peer-address: 10.0.0.1"),
    "/peers/0/ebgp-multihop is for peers of another AS, and this one is of the same",
  ],
  [
    "bfd-profile exists",
    peer("bfd-profile: fast"),
    peer("bfd-profile: slow"),
    "/peers/0/bfd-profile is not the name of a BFD profile",
  ],
  [
    "a selector has the keys of labels",
    peer("node-selectors: [{match-labels: {example.com/a: b}}]"),
    peer("node-selectors: [{match-labels: {a/b/c: b}}]"),
    '/peers/0/node-selectors/0/match-labels/a~1b~1c has the key "a/b/c", that no label can have',
  ],
  [
    "operators are spelt exactly",
    peer("node-selectors: [{match-expressions: [{key: a, operator: In, values: [b]}]}]"),
    peer("node-selectors: [{match-expressions: [{key: a, operator: in, values: [b]}]}]"),
    "/peers/0/node-selectors/0/match-expressions/0/operator is none of the words that are known here",
  ],
  [
    "In has values",
    peer("node-selectors: [{match-expressions: [{key: a, operator: NotIn, values: [b]}]}]"),
    peer("node-selectors: [{match-expressions: [{key: a, operator: NotIn}]}]"),
    "/peers/0/node-selectors/0/match-expressions/0/values is empty, which NotIn cannot be",
  ],
  [
    "Exists has none",
    peer("node-selectors: [{match-expressions: [{key: a, operator: Exists}]}]"),
    peer("node-selectors: [{match-expressions: [{key: a, operator: Exists, values: [b]}]}]"),
    "/peers/0/node-selectors/0/match-expressions/0/values is given, which Exists cannot have",
  ],
  [
    "a community is two numbers",
    "bgp-communities: {a: 64512:1}",
    "bgp-communities: {a: large:1:2:3}",
    "/bgp-communities/a is no community",
  ],
  [
    "a community has 16 bits twice",
    "bgp-communities: {a: 65535:65535}",
    "bgp-communities: {a: 65536:1}",
    "/bgp-communities/a is no community",
  ],
  [
    "a pool has a name",
    pool(),
    pools("{protocol: layer2, addresses: [10.0.0.0/24]}"),
    "/address-pools/0/name is needed here",
  ],
  [
    "the name is not empty",
    pool(),
    pools("{name: '', protocol: layer2, addresses: [10.0.0.0/24]}"),
    "/address-pools/0/name is empty",
  ],
  [
    "names of pools are unique",
    pools(
      "{name: a, protocol: layer2, addresses: [10.0.0.0/24]}",
      "{name: A, protocol: layer2, addresses: [10.0.1.0/24]}",
    ),
    pools(
      "{name: a, protocol: layer2, addresses: [10.0.0.0/24]}",
      "{name: a, protocol: layer2, addresses: [10.0.1.0/24]}",
    ),
    "/address-pools/1/name is the name of another pool too",
  ],
  [
    "a pool has a protocol",
    pool(),
    pools("{name: a, addresses: [10.0.0.0/24]}"),
    "/address-pools/0/protocol is needed here",
  ],
  [
    "protocols are spelt exactly",
    pools("{name: a, protocol: layer2, addresses: [10.0.0.0/24]}"),
    pools("{name: a, protocol: l2, addresses: [10.0.0.0/24]}"),
    "/address-pools/0/protocol is none of the words that are known here",
  ],
  ["a pool has addresses", pool(), pools("{name: a, protocol: bgp}"), "/address-pools/0/addresses is needed here"],
  ["addresses are not empty", pool(), pool("", "[]"), "/address-pools/0/addresses is empty"],
  [
    "an address has a length",
    pool("", "[10.0.0.7/32]"),
    pool("", "[10.0.0.7]"),
    "/address-pools/0/addresses/0 has no prefix length",
  ],
  [
    "a length fits the family",
    pool("", "['2001:db8::/128']"),
    pool("", "[10.0.0.0/33]"),
    "/address-pools/0/addresses/0 has a prefix length that is not 0 to 32",
  ],
  [
    "addresses of a pool do not overlap",
    pool("", "[10.0.0.0/25, 10.0.0.128/25]"),
    pool("", "[10.0.0.0/24, 10.0.0.255-10.0.1.5]"),
    "/address-pools/0/addresses/1 has addresses in common with 10.0.0.0/24 at /address-pools/0/addresses/0 (pool a)",
  ],
  [
    "pools do not overlap, whatever their protocols",
    pools(
      "{name: a, protocol: layer2, addresses: [10.0.0.0/24]}",
      "{name: b, protocol: bgp, addresses: [10.0.1.0/24]}",
    ),
    pools("{name: a, protocol: layer2, addresses: [10.0.0.0/24]}", "{name: b, protocol: bgp, addresses: [10.0.0.0/8]}"),
    "/address-pools/1/addresses/0 has addresses in common with 10.0.0.0/24 at /address-pools/0/addresses/0 (pool a)",
  ],
  [
    "layer2 has no BGP advertisements",
    pools("{name: a, protocol: layer2, addresses: [10.0.0.0/24], bgp-advertisements: []}"),
    pools("{name: a, protocol: layer2, addresses: [10.0.0.0/24], bgp-advertisements: [{}]}"),
    "/address-pools/0/bgp-advertisements is for pools of protocol bgp",
  ],
  [
    "aggregation-length is at most 32",
    advertisements("[{aggregation-length: 32}]"),
    advertisements("[{aggregation-length: 33}]"),
    "/address-pools/0/bgp-advertisements/0/aggregation-length is above 32",
  ],
  [
    "aggregation-length is not shorter than the pool",
    advertisements("[{aggregation-length: 24}]"),
    advertisements("[{aggregation-length: 23}]"),
    "/address-pools/0/bgp-advertisements/0/aggregation-length is shorter than /24 of 10.0.0.0/24",
  ],
  [
    "aggregation-length may be 0 for everything",
    advertisements("[{aggregation-length: 0}]", "[0.0.0.0/0]"),
    advertisements("[{aggregation-length: 0}]", "[0.0.0.0/1]"),
    "/address-pools/0/bgp-advertisements/0/aggregation-length is shorter than /1 of 0.0.0.0/1",
  ],
  [
    "a range is as wide as its widest prefix",
    advertisements("[{aggregation-length: 30}]", "[10.0.0.1-10.0.0.8]"),
    advertisements("[{aggregation-length: 29}]", "[10.0.0.1-10.0.0.8]"),
    "/address-pools/0/bgp-advertisements/0/aggregation-length is shorter than /30 of 10.0.0.1-10.0.0.8",
  ],
  [
    "IPv6 has a length of its own",
    advertisements("[{aggregation-length: 24, aggregation-length-v6: 64}]", "['2001:db8::/64']"),
    advertisements("[{aggregation-length: 24, aggregation-length-v6: 63}]", "['2001:db8::/64']"),
    "/address-pools/0/bgp-advertisements/0/aggregation-length-v6 is shorter than /64 of 2001:db8::/64",
  ],
  [
    "localpref has 32 bits",
    advertisements("[{localpref: 4294967295}]"),
    advertisements("[{localpref: 4294967296}]"),
    "/address-pools/0/bgp-advertisements/0/localpref is not 0 to 4294967295",
  ],
  [
    "communities are known",
    advertisements("[{communities: [no-export, 64512:1, '1:2']}]"),
    advertisements("[{communities: [no-advertise]}]"),
    "/address-pools/0/bgp-advertisements/0/communities/0 is neither a community nor an alias of one",
  ],
  [
    "BFD intervals are 10 ms to 60 s",
    "bfd-profiles: [{name: a, receive-interval: 10, transmit-interval: 60000, echo-interval: 10}]",
    "bfd-profiles: [{name: a, receive-interval: 9}]",
    "/bfd-profiles/0/receive-interval is not 10 to 60000",
  ],
  [
    "the multiplier is 2 to 255",
    "bfd-profiles: [{name: a, detect-multiplier: 2}]",
    "bfd-profiles: [{name: a, detect-multiplier: 1}]",
    "/bfd-profiles/0/detect-multiplier is not 2 to 255",
  ],
  [
    "the TTL is 1 to 254",
    "bfd-profiles: [{name: a, minimum-ttl: 254}]",
    "bfd-profiles: [{name: a, minimum-ttl: 255}]",
    "/bfd-profiles/0/minimum-ttl is not 1 to 254",
  ],
  ["a profile has a name", "bfd-profiles: [{name: a}]", "bfd-profiles: [{}]", "/bfd-profiles/0/name is needed here"],
  [
    "names of profiles are unique",
    "bfd-profiles: [{name: a}, {name: b}]",
    "bfd-profiles: [{name: a}, {name: a}]",
    "/bfd-profiles/1/name is the name of another BFD profile too",
  ],
];

describe.each(rules)("%s", (_, good, bad, fault) => {
  it("is kept", () => expect(faultsOf([configMap(good)])).toEqual([]));
  it("is broken", () => expect(faultsOf([configMap(bad)])).toEqual([fault]));
});

it("all faults are reported at once, in the order of the text, with where they are", () => {
  const text = [
    "peers:",
    "- my-asn: '64512'",
    "  peer-asn: 0",
    "  hold-time: 1s",
    "  colour: red",
    "address-pools:",
    "- name: a",
    "  protocol: l2",
    "  addresses: [10.0.0.0/24, 10.0.0.9, 10.0.0.0/8]",
    "bgp-communities: {a: 1}",
  ].join("\n");
  expect(faultsOf([configMap(text)])).toEqual([
    "/peers/0/peer-address is needed here",
    "/peers/0/my-asn is not a whole number",
    "/peers/0/peer-asn is not 1 to 4294967295",
    "/peers/0/hold-time is neither 0 nor at least 3 seconds",
    "/peers/0/colour is a key that is not known here",
    "/address-pools/0/protocol is none of the words that are known here",
    "/address-pools/0/addresses/1 has no prefix length",
    "/address-pools/0/addresses/2 has addresses in common with 10.0.0.0/24 at /address-pools/0/addresses/0 (pool a)",
    "/bgp-communities/a is no community",
  ]);
});
