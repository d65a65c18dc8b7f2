import * as fc from "fast-check";

/**
 * What each release took: for every rule of the old format documents that keep it and documents that break it, which
 * test/e2e/legacy-releases.test.ts asks the releases' own parsers. A line is `releases | document`: `all`, `none`, or the last numbers of v0.9 to v0.12. A
 * backslash with n or t is that character, and these words stand for longer texts:
 */
const WORDS: Readonly<Record<string, string>> = {
  PEER: "my-asn: 64512, peer-asn: 64513, peer-address: 10.0.0.1",
  POOL: "name: a, protocol: bgp, addresses: [10.0.0.0/24]",
  LONG: "x".repeat(200),
  FOUND: "my-asn: a, peer-asn: b, peer-address: c",
};

const TABLE = String.raw`
§2 Document
all      |
all      | ~
all      | {}
all      | {peers: ~, address-pools: ~, bgp-communities: ~}
none     | []
none     | text
none     | {Peers: []}
none     | {pools: []}
none     | {peers: {}}
none     | {address-pools: x}
none     | {bgp-communities: []}
12       | {bfd-profiles: []}
12       | {bfd-profiles: ~}
§2.1 Peers
all      | {peers: [{PEER}]}
none     | {peers: [~]}
none     | {peers: [{peer-asn: 1, peer-address: 10.0.0.1}]}
none     | {peers: [{my-asn: 0, peer-asn: 1, peer-address: 10.0.0.1}]}
none     | {peers: [{my-asn: 1, peer-address: 10.0.0.1}]}
none     | {peers: [{my-asn: 1, peer-asn: 0, peer-address: 10.0.0.1}]}
all      | {peers: [{my-asn: 4294967295, peer-asn: 1, peer-address: 10.0.0.1}]}
none     | {peers: [{my-asn: 4294967296, peer-asn: 1, peer-address: 10.0.0.1}]}
none     | {peers: [{my-asn: -1, peer-asn: 1, peer-address: 10.0.0.1}]}
none     | {peers: [{my-asn: 1, peer-asn: 1}]}
all      | {peers: [{my-asn: 1, peer-asn: 1, peer-address: 2001:db8::1}]}
none     | {peers: [{my-asn: 1, peer-asn: 1, peer-address: 10.0.0.1/32}]}
none     | {peers: [{my-asn: 1, peer-asn: 1, peer-address: 'fe80::1%eth0'}]}
none     | {peers: [{my-asn: 1, peer-asn: 1, peer-address: router}]}
all      | {peers: [{PEER, peer-port: 0}]}
all      | {peers: [{PEER, peer-port: 65535}]}
none     | {peers: [{PEER, peer-port: 65536}]}
none     | {peers: [{PEER, peer-port: -1}]}
11 12    | {peers: [{PEER, source-address: 10.0.0.9}]}
11 12    | {peers: [{PEER, source-address: ''}]}
none     | {peers: [{PEER, source-address: eth0}]}
all      | {peers: [{PEER, router-id: 10.0.0.9}]}
all      | {peers: [{PEER, router-id: '::1'}]}
none     | {peers: [{PEER, router-id: 9}]}
all      | {peers: [{PEER, password: ''}]}
all      | {peers: [{PEER, password: LONG}]}
12       | {peers: [{PEER, bfd-profile: ''}]}
12       | {peers: [{PEER, bfd-profile: p}], bfd-profiles: [{name: p}]}
none     | {peers: [{PEER, bfd-profile: q}], bfd-profiles: [{name: p}]}
12       | {peers: [{PEER, ebgp-multihop: true}]}
12       | {peers: [{my-asn: 1, peer-asn: 1, peer-address: 10.0.0.1, ebgp-multihop: false}]}
none     | {peers: [{my-asn: 1, peer-asn: 1, peer-address: 10.0.0.1, ebgp-multihop: true}]}
none     | {peers: [{PEER, bfdProfile: p}]}
9        | {peers: [{PEER}, {PEER}]}
9        | {peers: [{PEER}, {PEER, peer-port: 179, hold-time: 90s, node-selectors: [{}]}]}
all      | {peers: [{PEER}, {PEER, password: a}]}
all      | {peers: [{PEER}, {PEER, hold-time: 91s}]}
all      | {peers: [{PEER}, {PEER, node-selectors: [{match-labels: {a: b}}]}]}
§2.2 Durations
all      | {peers: [{PEER, hold-time: ''}]}
all      | {peers: [{PEER, hold-time: 0}]}
none     | {peers: [{PEER, hold-time: 90}]}
all      | {peers: [{PEER, hold-time: 3s}]}
all      | {peers: [{PEER, hold-time: 3.9s}]}
none     | {peers: [{PEER, hold-time: 2.9s}]}
all      | {peers: [{PEER, hold-time: 500ms}]}
none     | {peers: [{PEER, hold-time: 1s}]}
none     | {peers: [{PEER, hold-time: -3s}]}
all      | {peers: [{PEER, hold-time: -0.5s}]}
all      | {peers: [{PEER, hold-time: 1h30m}]}
all      | {peers: [{PEER, hold-time: 3000000us}]}
all      | {peers: [{PEER, hold-time: 65536s}]}
all      | {peers: [{PEER, hold-time: 2562047h}]}
none     | {peers: [{PEER, hold-time: 2562048h}]}
none     | {peers: [{PEER, hold-time: 1d}]}
none     | {peers: [{PEER, hold-time: 3 s}]}
none     | {peers: [{PEER, hold-time: 3S}]}
12       | {peers: [{PEER, keepalive-time: 30s}]}
12       | {peers: [{PEER, keepalive-time: 90.9s}]}
none     | {peers: [{PEER, keepalive-time: 91s}]}
none     | {peers: [{PEER, keepalive-time: 30}]}
12       | {peers: [{PEER, keepalive-time: -1s}]}
none     | {peers: [{PEER, hold-time: 0s, keepalive-time: 1s}]}
§2.3 Selectors
all      | {peers: [{PEER, node-selectors: []}]}
all      | {peers: [{PEER, node-selectors: [{}, {match-labels: {}, match-expressions: []}]}]}
all      | {peers: [{PEER, node-selectors: [{match-labels: {kubernetes.io/hostname: n1, b: ''}}]}]}
none     | {peers: [{PEER, node-selectors: [{match-labels: {-a: b}}]}]}
none     | {peers: [{PEER, node-selectors: [{match-labels: {a: b c}}]}]}
all      | {peers: [{PEER, node-selectors: [{match-expressions: [{key: a, operator: In, values: [b]}, {key: a, operator: NotIn, values: [c]}]}]}]}
all      | {peers: [{PEER, node-selectors: [{match-expressions: [{key: a, operator: Exists}, {key: b, operator: DoesNotExist}]}]}]}
none     | {peers: [{PEER, node-selectors: [{match-expressions: [{key: a, operator: in, values: [b]}]}]}]}
none     | {peers: [{PEER, node-selectors: [{match-expressions: [{key: a, operator: In}]}]}]}
none     | {peers: [{PEER, node-selectors: [{match-expressions: [{key: a, operator: NotIn, values: []}]}]}]}
none     | {peers: [{PEER, node-selectors: [{match-expressions: [{key: a, operator: Exists, values: [b]}]}]}]}
none     | {peers: [{PEER, node-selectors: [{match-expressions: [{key: a, operator: DoesNotExist, values: [b]}]}]}]}
none     | {peers: [{PEER, node-selectors: [{match-expressions: [{key: a, operator: In, values: [-b]}]}]}]}
none     | {peers: [{PEER, node-selectors: [{match-expressions: [{operator: Exists}]}]}]}
none     | {peers: [{PEER, node-selectors: [{matchLabels: {a: b}}]}]}
§2.4 Communities
all      | {bgp-communities: {a: 0:0, 'large:1:2:3': 65535:65535}}
none     | {bgp-communities: {a: 65536:0}}
none     | {bgp-communities: {a: 1:65536}}
none     | {bgp-communities: {a: '1'}}
none     | {bgp-communities: {a: 'large:1:2:3'}}
none     | {bgp-communities: {a: 0x1:1}}
none     | {bgp-communities: {a: no-export}}
none     | {bgp-communities: {a: 1:1, a: 1:2}}
all      | {bgp-communities: {a: 1:1}, address-pools: [{POOL, bgp-advertisements: [{communities: [a, 2:2]}]}]}
all      | {bgp-communities: {1:1: 2:2}, address-pools: [{POOL, bgp-advertisements: [{communities: [1:1]}]}]}
none     | {address-pools: [{POOL, bgp-advertisements: [{communities: [no-export]}]}]}
none     | {address-pools: [{POOL, bgp-advertisements: [{communities: ['large:1:2:3']}]}]}
§2.5 Pools
all      | {address-pools: [{POOL}]}
all      | {address-pools: [{name: A. b_c, protocol: layer2, addresses: [10.0.0.0/24]}]}
none     | {address-pools: [{protocol: bgp, addresses: [10.0.0.0/24]}]}
none     | {address-pools: [{name: '', protocol: bgp, addresses: [10.0.0.0/24]}]}
none     | {address-pools: [{POOL}, {name: a, protocol: bgp, addresses: [10.0.1.0/24]}]}
none     | {address-pools: [{name: a, addresses: [10.0.0.0/24]}]}
none     | {address-pools: [{name: a, protocol: BGP, addresses: [10.0.0.0/24]}]}
none     | {address-pools: [{name: a, protocol: arp, addresses: [10.0.0.0/24]}]}
none     | {address-pools: [{name: a, protocol: bgp}]}
none     | {address-pools: [{name: a, protocol: bgp, addresses: []}]}
none     | {address-pools: [{name: a, protocol: bgp, cidr: [10.0.0.0/24]}]}
all      | {address-pools: [{POOL, avoid-buggy-ips: yes, auto-assign: off}]}
none     | {address-pools: [{POOL, auto-assign: 'yes'}]}
all      | {address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.0/24], bgp-advertisements: []}]}
none     | {address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.0/24], bgp-advertisements: [{}]}]}
none     | {address-pools: [{name: a, protocol: bgp, addresses: [10.0.0.0/24, 10.0.0.255-10.0.1.5]}]}
none     | {address-pools: [{POOL}, {name: b, protocol: layer2, addresses: [10.0.0.0/8]}]}
all      | {address-pools: [{POOL}, {name: b, protocol: layer2, addresses: [10.0.1.0/24]}]}
§2.6 Advertisements
all      | {address-pools: [{POOL, bgp-advertisements: []}]}
all      | {address-pools: [{POOL, bgp-advertisements: [{}]}]}
all      | {address-pools: [{POOL, bgp-advertisements: [{aggregation-length: 24}]}]}
none     | {address-pools: [{POOL, bgp-advertisements: [{aggregation-length: 23}]}]}
none     | {address-pools: [{POOL, bgp-advertisements: [{aggregation-length: 33}]}]}
none     | {address-pools: [{POOL, bgp-advertisements: [{aggregation-length: -1}]}]}
9 10     | {address-pools: [{name: a, protocol: bgp, addresses: [10.0.0.9-10.0.0.1], bgp-advertisements: [{aggregation-length: -1}]}]}
all      | {address-pools: [{name: a, protocol: bgp, addresses: [0.0.0.0/0], bgp-advertisements: [{aggregation-length: 0}]}]}
12       | {address-pools: [{name: a, protocol: bgp, addresses: [10.0.0.1-10.0.0.8], bgp-advertisements: [{aggregation-length: 30}]}]}
none     | {address-pools: [{name: a, protocol: bgp, addresses: [10.0.0.1-10.0.0.8], bgp-advertisements: [{aggregation-length: 29}]}]}
all      | {address-pools: [{name: a, protocol: bgp, addresses: [10.0.0.1-10.0.0.8]}]}
all      | {address-pools: [{name: a, protocol: bgp, addresses: ['2001:db8::/64']}]}
12       | {address-pools: [{name: a, protocol: bgp, addresses: ['2001:db8::/64'], bgp-advertisements: [{}]}]}
all      | {address-pools: [{name: a, protocol: bgp, addresses: ['2001:db8::/32'], bgp-advertisements: [{}]}]}
12       | {address-pools: [{name: a, protocol: bgp, addresses: ['2001:db8::/64'], bgp-advertisements: [{aggregation-length-v6: 64}]}]}
none     | {address-pools: [{name: a, protocol: bgp, addresses: ['2001:db8::/64'], bgp-advertisements: [{aggregation-length-v6: 63}]}]}
none     | {address-pools: [{POOL, bgp-advertisements: [{aggregation-length-v6: 129}]}]}
all      | {address-pools: [{POOL, bgp-advertisements: [{localpref: 4294967295}]}]}
none     | {address-pools: [{POOL, bgp-advertisements: [{localpref: 4294967296}]}]}
none     | {address-pools: [{POOL, bgp-advertisements: [{local-pref: 1}]}]}
9 10 11  | {address-pools: [{POOL, bgp-advertisements: [{localpref: 1}, {localpref: 1}]}]}
all      | {address-pools: [{POOL, bgp-advertisements: [{}, {aggregation-length: 32}]}]}
9 10 11  | {address-pools: [{POOL, bgp-advertisements: [{communities: [1:1, 1:1]}]}]}
all      | {address-pools: [{POOL, bgp-advertisements: [{communities: [1:1, 01:1]}]}]}
§2.7 BFD profiles
12       | {bfd-profiles: [{name: p, receive-interval: 10, transmit-interval: 60000, echo-interval: 10, detect-multiplier: 2, minimum-ttl: 1}]}
12       | {bfd-profiles: [{name: p, detect-multiplier: 255, minimum-ttl: 254, echo-mode: true, passive-mode: true}]}
none     | {bfd-profiles: [{}]}
none     | {bfd-profiles: [{name: p}, {name: p}]}
none     | {bfd-profiles: [{name: p, receive-interval: 9}]}
none     | {bfd-profiles: [{name: p, receive-interval: 60001}]}
none     | {bfd-profiles: [{name: p, transmit-interval: 9}]}
none     | {bfd-profiles: [{name: p, transmit-interval: 60001}]}
none     | {bfd-profiles: [{name: p, echo-interval: 9}]}
none     | {bfd-profiles: [{name: p, echo-interval: 60001}]}
none     | {bfd-profiles: [{name: p, detect-multiplier: 1}]}
none     | {bfd-profiles: [{name: p, detect-multiplier: 256}]}
none     | {bfd-profiles: [{name: p, minimum-ttl: 0}]}
none     | {bfd-profiles: [{name: p, minimum-ttl: 255}]}
§3 Addresses
all      | ADDRESSES 10.0.0.7/24
none     | ADDRESSES 10.0.0.7
none     | ADDRESSES 10.0.0.0/33
none     | ADDRESSES 10.0.0.300/24
none     | ADDRESSES 10.0.0.0/
none     | ADDRESSES host/24
all      | ADDRESSES 10.0.0.1-10.0.0.9
all      | ADDRESSES 10.0.0.1 - 10.0.0.9
none     | ADDRESSES 10.0.0.1-
none     | ADDRESSES 10.0.0.1-10.0.0.2-10.0.0.3
none     | ADDRESSES 10.0.0.0/24-10.0.1.0/24
9 10 12  | ADDRESSES 10.0.0.5-10.0.0.5
9 10     | ADDRESSES 10.0.0.9-10.0.0.1
all      | ADDRESSES '10.0.0.1-2001:db8::1'
9 10     | ADDRESSES '2001:db8::1-10.0.0.1'
all      | ADDRESSES '2001:db8::1-2001:db8::ff'
9 10     | ADDRESSES '2001:db8::ff-2001:db8::1'
none     | ADDRESSES '2001:db8::/129'
all      | ADDRESSES '::ffff:10.0.0.0/120'
none     | ADDRESSES 'fe80::1%eth0/64'
§4 YAML
all      | {peers: [{PEER, peer-port: 0x10}]}
all      | {peers: [{PEER, peer-port: 0b11}]}
all      | {peers: [{PEER, peer-port: 0123}]}
all      | {peers: [{PEER, peer-port: 1_179}]}
all      | {peers: [{PEER, peer-port: 1179.7}]}
none     | {peers: [{PEER, peer-port: '1179'}]}
none     | {peers: [{PEER, peer-port: x}]}
none     | {peers: [{PEER, peer-port: yes}]}
all      | {peers: [{PEER, peer-port: ~}]}
all      | {peers: [{my-asn: 1.10, peer-asn: 65000.7, peer-address: 10.0.0.1}]}
none     | {peers: [{my-asn: 0.9, peer-asn: 1, peer-address: 10.0.0.1}]}
all      | {peers: [{PEER, password: 0123}]}
all      | {peers: [{PEER, password: yes}]}
none     | {peers: [{PEER, password: [a]}]}
all      | {peers: [{PEER, hold-time: ~}]}
all      | {address-pools: [{POOL, auto-assign: y}]}
none     | {address-pools: [{POOL, auto-assign: tRUE}]}
none     | {address-pools: [{POOL, auto-assign: 1}]}
all      | {bgp-communities: {a: 64512:1, b: 65535:20}}
none     | {peers: [{PEER, my-asn: 1}]}
none     | {peers: [], peers: []}
all      | {peers: [&p {PEER}, {<<: *p, my-asn: 1}]}
all      | {peers: [&p {PEER}, {my-asn: 1, <<: *p, peer-port: 5}]}
none     | {peers: [&p {PEER, node-selectors: [{match-labels: &l {a: b}}]}, {PEER, node-selectors: [{match-labels: {<<: *l, a: c}}]}]}
all      | {peers: [&p {PEER, node-selectors: [{match-labels: &l {a: b}}]}, {PEER, node-selectors: [{match-labels: {<<: *l, c: d}}]}]}
none     | {peers: *nowhere}
all      | peers: []\n---\nfoo: bar
all      | ---\n---\nfoo: bar
none     | ---\nfoo: bar\n---\npeers: []
none     | peers: [
none     | peers:\n\t- a
all      |  peers: []\nfoo: bar
all      | peers: [\n]
none     | \t{}
none     | # a comment\n  \tpeers: []
all      | {peers: []} text
none     | {peers: [{my-asn: 1, peer-asn: 1, peer-address: ::1}]}
§5 All at once, in any order
12       | {bfd-profiles: [{name: p}], peers: [{PEER, source-address: 10.0.0.9}], address-pools: [{POOL}]}
none     | {peers: [{PEER, source-address: 10.0.0.9}], address-pools: [{name: a, protocol: bgp, addresses: [10.0.0.9-10.0.0.1]}]}
none     | {peers: [{PEER, keepalive-time: 30s}], address-pools: [{POOL, bgp-advertisements: [{}, {}]}]}
none     | {peers: [{PEER}, {PEER}], address-pools: [{name: a, protocol: bgp, addresses: ['2001:db8::/64'], bgp-advertisements: [{}]}]}
`;

/** What no release had and one distribution has all the same: it is read whatever the release. */
const DIALECTS_TABLE = String.raw`
§11 What one distribution had
all      | {peer-autodiscovery: {from-annotations: [{FOUND}]}}
all      | {peer-autodiscovery: {from-annotations: {FOUND}}}
all      | {peer-autodiscovery: {from-labels: [{FOUND, source-address: s, peer-port: p, hold-time: h, router-id: r}]}}
all      | {peer-autodiscovery: {from-labels: {FOUND, src-address: s}, from-annotations: []}}
all      | {peer-autodiscovery: {from-labels: [{peer-address: c}], defaults: {my-asn: 1, peer-asn: 2}, node-selectors: [{}]}}
all      | {peer-autodiscovery: {from-labels: [{FOUND}], defaults: {peer-port: 0, hold-time: 0s}}}
none     | {peer-autodiscovery: {}}
none     | {peer-autodiscovery: [{from-labels: [{FOUND}]}]}
none     | {peer-autodiscovery: {from-labels: [{my-asn: a, peer-asn: b}]}}
none     | {peer-autodiscovery: {from-labels: [{FOUND, password: p}]}}
none     | {peer-autodiscovery: {from-labels: [{FOUND, src-address: s, source-address: s}]}}
none     | {peer-autodiscovery: {from-labels: [{FOUND}], defaults: {hold-time: 2s}}}
none     | {peer-autodiscovery: {from-labels: [{FOUND}], defaults: {peer-port: 65536}}}
none     | {peer-autodiscovery: {from-labels: [{FOUND}], node-selectors: [{match-labels: {-a: b}}]}}
all      | {peers: [{PEER, src-address: 10.0.0.9}]}
all      | {peers: [{PEER, src-address: '2001:db8::9'}, {PEER, src-address: ''}]}
none     | {peers: [{PEER, src-address: eth0}]}
none     | {peers: [{PEER, src-address: 10.0.0.9, source-address: 10.0.0.9}]}
9        | {peers: [{PEER, src-address: 10.0.0.9}, {PEER, src-address: 10.0.0.9}]}
all      | {peers: [{PEER, source-address: 10.0.0.9}], peer-autodiscovery: {from-annotations: [{FOUND}]}}
11 12    | {peers: [{PEER, source-address: 10.0.0.9}, {PEER, src-address: 10.0.0.8}]}
12       | {peers: [{PEER, keepalive-time: 30s}], peer-autodiscovery: {from-annotations: [{FOUND}]}}
`;

export type AcceptanceRow = Readonly<{ section: string; line: string; text: string; takenBy: readonly string[] }>;

const ALL = ["9", "10", "11", "12"];

export const ACCEPTANCE: readonly AcceptanceRow[] = rowsOf(TABLE);
export const DIALECTS: readonly AcceptanceRow[] = rowsOf(DIALECTS_TABLE);

function rowsOf(table: string): AcceptanceRow[] {
  let section = "";
  return table.split("\n").flatMap((line): AcceptanceRow[] => {
    const [, releases, document] = /^(all|none|[\d ]+?) *\|(?: (.*))?$/.exec(line) ?? [];
    if (releases === undefined) {
      section = line;
      return [];
    }
    const takenBy = releases === "all" ? ALL : releases === "none" ? [] : releases.split(" ");
    return [{ section, line, text: expanded(document ?? ""), takenBy: takenBy.map((number) => `v0.${number}`) }];
  });
}

function expanded(document: string): string {
  const [, addresses] = /^ADDRESSES (.*)$/.exec(document) ?? [];
  const text =
    addresses === undefined ? document : `{address-pools: [{name: a, protocol: bgp, addresses: [${addresses}]}]}`;
  return text
    .replaceAll(String.raw`\n`, "\n")
    .replaceAll(String.raw`\t`, "\t")
    .replaceAll(/PEER|POOL|LONG|FOUND/g, (word) => WORDS[word] ?? word);
}

const INSERTED = ["", " ", "\n", "- ", ": ", "{", "}", "[", "]", ",", "'", '"', "#", "&a ", "*a", "~", "1", "\t"];

/** Documents of the table with up to three small edits anywhere. */
export function editedDocuments(): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(3),
    text: fc.constantFrom(...INSERTED),
  });
  return fc
    .tuple(fc.constantFrom(...ACCEPTANCE.map(({ text }) => text)), fc.array(edit, { maxLength: 3 }))
    .map(([document, edits]) =>
      edits.reduce((before, { at, length, text }) => {
        const start = Math.floor(at * before.length);
        return before.slice(0, start) + text + before.slice(start + length);
      }, document),
    );
}
