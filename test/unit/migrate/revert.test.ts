import { describe, expect, it } from "vitest";
import { configMapText } from "../../../src/migrate/manifest-text.js";
import type { Reversion, RevertOptions } from "../../../src/migrate/revert.js";
import { revert } from "../../../src/migrate/revert.js";
import { describeFault, describeRemark } from "../../../src/runtime/net/fault.js";

const stream = (...documents: readonly string[]): string => documents.join("---\n");
const object = (kind: string, name: string, spec: string, namespace = "net"): string => {
  const version = kind === "BGPPeer" ? "v1beta2" : "v1beta1";
  return `apiVersion: metallb.io/${version}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {${spec}}\n`;
};
const secret = (name: string, password: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: net}\ntype: kubernetes.io/basic-auth\nstringData: {password: ${password}}\n`;
const POOL = object("IPAddressPool", "a", "addresses: [10.0.0.0/24]");
const PEER = "myASN: 1, peerASN: 2, peerAddress: 10.9.0.1";

const revertOf = (text: string, options: Partial<RevertOptions> = {}) =>
  revert(text, { file: "f", output: "yaml", ...options });
const reverted = (text: string, options: Partial<RevertOptions> = {}): Reversion => {
  const result = revertOf(text, options);
  if (!result.ok) throw new Error(result.fault.map(describeFault).join("\n"));
  return result.value;
};
const refusals = (text: string, options: Partial<RevertOptions> = {}): string[] => {
  const result = revertOf(text, options);
  return result.ok ? [] : result.fault.map(({ path, problem }) => `${path} ${problem}`);
};

describe("revert()", () => {
  const everything = stream(
    object("BFDProfile", "fast", "receiveInterval: 100, echoMode: true"),
    secret("s", "'0123'"),
    object(
      "BGPPeer",
      "left",
      "myASN: 64512, peerASN: 64513, peerAddress: 10.9.0.1, peerPort: 1179, sourceAddress: 10.9.0.9, holdTime: 9s, keepaliveTime: 3s, routerID: 10.9.0.9, passwordSecret: {name: s}, bfdProfile: fast, ebgpMultiHop: true, nodeSelectors: [{matchLabels: {rack: '1'}, matchExpressions: [{key: x, operator: Exists}]}]",
    ),
    object("Community", "c", "communities: [{name: mine, value: '64512:1'}, {name: big, value: 'large:1:2:3'}]"),
    object("IPAddressPool", "b", "addresses: [10.0.0.1-10.0.0.9, 10.0.1.0/24], autoAssign: false, avoidBuggyIPs: true"),
    object(
      "BGPAdvertisement",
      "x",
      "ipAddressPools: [b], aggregationLength: 32, localPref: 5, communities: [mine, '1:2']",
    ),
    object("IPAddressPool", "c", "addresses: [10.1.0.0/24]"),
    object("L2Advertisement", "c", "ipAddressPools: [c]"),
  );

  it("writes all that the resources say into one ConfigMap that people can read", () => {
    expect(reverted(everything).text).toMatchInlineSnapshot(`
      "apiVersion: v1
      kind: ConfigMap
      metadata:
        name: config
        namespace: net
      data:
        config: |
          peers:
          - my-asn: 64512
            peer-asn: 64513
            peer-address: "10.9.0.1"
            peer-port: 1179
            source-address: "10.9.0.9"
            hold-time: "9s"
            keepalive-time: "3s"
            router-id: "10.9.0.9"
            node-selectors:
            - match-labels:
                rack: "1"
              match-expressions:
              - key: x
                operator: Exists
            password: "0123"
            bfd-profile: fast
            ebgp-multihop: true
          bgp-communities:
            mine: "64512:1"
          bfd-profiles:
          - name: fast
            receive-interval: 100
            echo-mode: true
          address-pools:
          - name: b
            protocol: bgp
            addresses:
            - "10.0.0.1-10.0.0.9"
            - "10.0.1.0/24"
            auto-assign: false
            avoid-buggy-ips: true
            bgp-advertisements:
            - localpref: 5
              communities:
              - "1:2"
              - mine
          - name: c
            protocol: layer2
            addresses:
            - "10.1.0.0/24"
      "
    `);
  });

  it("tells what the ConfigMap does not keep", () => {
    expect(reverted(everything).notices.map((notice) => [notice.class, notice.problem])).toEqual([
      ["left out", "has names that no ConfigMap keeps (BGPAdvertisement x, BGPPeer left, Community c)"],
      ["left out", "has aliases of large communities, which no ConfigMap can have (big)"],
      ["password", "has 1 password, which a ConfigMap holds in clear"],
    ]);
  });

  it("tells of labels and annotations, by object and key, but for what kubectl put there", () => {
    const labelled = POOL.replace(
      "namespace: net",
      "namespace: net, labels: {b: '1', a: ''}, annotations: {c: x, kubectl.kubernetes.io/last-applied-configuration: y}",
    );
    const text = stream(labelled, object("L2Advertisement", "a", "").replace("net}", "net, annotations: {}}"));
    const { notices } = reverted(text);
    expect(notices.map(describeRemark)).toEqual([
      "f:3:11: IPAddressPool net/a: /metadata has labels (a, b) and annotations (c) that no ConfigMap keeps: keep the resource where something goes by them",
    ]);
    expect(notices.map((notice) => notice.class)).toEqual(["left out"]);
  });

  it("tells of no loss where the names are those that conversion gives", () => {
    const text = stream(
      POOL,
      object("L2Advertisement", "a", "ipAddressPools: [a]"),
      object("BGPPeer", "peer-10-9-0-1", PEER),
    );
    expect(reverted(text).notices).toEqual([]);
  });

  it("writes JSON with the same, and a table of what would become of what", () => {
    const [yaml, json] = [reverted(everything).text, reverted(everything, { output: "json" }).text];
    const { metadata, data } = JSON.parse(json) as { metadata: unknown; data: { config: string } };
    expect(metadata).toEqual({ name: "config", namespace: "net" });
    expect(configMapText("config", "net", data.config)).toBe(yaml);
    expect(reverted(everything, { output: "table" }).text).toBe(
      [
        "PATH IN ConfigMap net/config  FROM",
        "/peers/0                      BGPPeer net/left",
        "/bfd-profiles/0               BFDProfile net/fast",
        "/address-pools/0              IPAddressPool net/b, BGPAdvertisement net/x",
        "/address-pools/1              IPAddressPool net/c, L2Advertisement net/c",
        "",
      ].join("\n"),
    );
  });

  it("takes names and a namespace that it is told", () => {
    const text = stream(
      POOL,
      object("L2Advertisement", "a", ""),
      object("IPAddressPool", "z", "addresses: [10.5.0.0/24]", "other"),
    );
    expect(refusals(text)).toEqual([" has resources in several namespaces (net, other)"]);
    const { text: written } = reverted(text, { namespace: "net", configMapName: "metallb" });
    expect(written).toContain("  name: metallb\n  namespace: net\n");
  });

  it("puts a ConfigMap and AddressPools beside the resources into the same", () => {
    const text = stream(
      configMapText("metallb", "net", "peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.9.0.1}]\n"),
      POOL,
      object("L2Advertisement", "a", "ipAddressPools: [a]"),
      object("AddressPool", "old", "protocol: bgp, addresses: [10.3.0.0/24]"),
    );
    expect(reverted(text, { output: "table" }).text).toBe(
      [
        "PATH IN ConfigMap net/metallb  FROM",
        "/peers/0                       ConfigMap net/metallb",
        "/address-pools/0               IPAddressPool net/a, L2Advertisement net/a",
        "/address-pools/1               AddressPool net/old",
        "",
      ].join("\n"),
    );
  });

  const discovery = (mappings: string): string =>
    `peer-autodiscovery:\n  defaults:\n    peer-asn: 5\n  node-selectors:\n  - match-labels:\n      a: b\n${mappings}`;
  it.each([
    ["one mapping", "  from-annotations:\n    my-asn: a\n    peer-address: b\n    src-address: c\n"],
    ["a list of them", "  from-annotations:\n  - my-asn: a\n    peer-address: b\n    source-address: c\n"],
    [
      "labels in the older shape, with two annotations",
      "  from-annotations:\n  - my-asn: a\n    peer-address: b\n  - my-asn: c\n    peer-address: d\n  from-labels:\n    my-asn: a\n    peer-address: b\n",
    ],
    [
      "the older word alone",
      '  from-labels:\n  - my-asn: a\n    peer-address: b\n    src-address: ""\n  - my-asn: c\n    peer-address: d\n    src-address: ""\n',
    ],
  ])("keeps %s that tells how to find peers on Nodes", (_, mappings) => {
    const text = configMapText("config", "net", discovery(mappings));
    expect(reverted(text).text).toBe(text);
  });

  it("puts resources into the ConfigMap that tells how to find peers on Nodes", () => {
    const beside = configMapText("metallb", "net", discovery("  from-annotations: []\n"));
    const text = stream(POOL, object("L2Advertisement", "a", ""), beside);
    expect(reverted(text).text).toContain("    address-pools:\n    - name: a\n");
    expect(reverted(text, { output: "table" }).text).toMatch(/\n\/peer-autodiscovery {12}ConfigMap net\/metallb\n$/);
  });

  it("keeps the aliases of the ConfigMap, but for those that a Community has", () => {
    const text = stream(
      configMapText("config", "net", "bgp-communities: {a: '1:1', b: '2:2', 'c:d': '3:3'}\n"),
      object("Community", "c", "communities: [{name: b, value: '4:4'}]"),
      POOL,
      object("BGPAdvertisement", "a", "ipAddressPools: [a], communities: ['1:1', '2:2', b]"),
    );
    expect(reverted(text).text).toContain('    bgp-communities:\n      a: "1:1"\n      b: "4:4"\n');
    expect(reverted(text).text).toMatch(/- communities:\n +- "2:2"\n +- a\n +- b\n/);
  });

  it("writes an empty ConfigMap where the resources say nothing", () => {
    const { text, isEmpty } = reverted(object("Community", "c", "communities: []"));
    expect([isEmpty, text]).toEqual([true, configMapText("config", "net", "")]);
  });
});

describe("revert() refuses", () => {
  const announced = (kind: string, spec: string): string => stream(POOL, object(kind, "x", spec));
  it.each<readonly [string, string, string]>([
    ["nothing", "", " holds no metallb.io resource"],
    ["a bare document", "peers: []\n", " holds no metallb.io resource"],
    ["a pool that nobody announces", POOL, " is announced by nobody, which a pool of a ConfigMap cannot be"],
    [
      "a pool that is announced both ways",
      stream(POOL, object("L2Advertisement", "x", ""), object("BGPAdvertisement", "z", "")),
      " is announced by layer 2 and by BGP (L2Advertisement net/x, BGPAdvertisement net/z), and a pool of a ConfigMap has one protocol",
    ],
    [
      "a pool that is kept for some Services",
      stream(
        object("IPAddressPool", "a", "addresses: [10.0.0.0/24], serviceAllocation: {priority: 1, namespaces: [x]}"),
        object("L2Advertisement", "x", ""),
      ),
      "/spec/serviceAllocation has no key in a ConfigMap",
    ],
    ...(
      [
        ["L2Advertisement", "interfaces: [eth0]", "interfaces"],
        ["L2Advertisement", "nodeSelectors: [{matchLabels: {a: b}}]", "nodeSelectors"],
        ["L2Advertisement", "serviceSelectors: [{matchLabels: {a: b}}]", "serviceSelectors"],
        [
          "L2Advertisement",
          "preferredNodeSelectors: [{weight: 1, preference: {matchLabels: {a: b}}}]",
          "preferredNodeSelectors",
        ],
        ["BGPAdvertisement", "peers: [p]", "peers"],
        ["BGPAdvertisement", "nodeSelectors: [{matchLabels: {a: b}}]", "nodeSelectors"],
        ["BGPAdvertisement", "communities: ['large:1:2:3']", "large communities"],
        ["BGPAdvertisement", "asPathPrepend: 2", "asPathPrepend"],
        ["BGPAdvertisement", "serviceRequests: {maxLocalPref: 5}", "serviceRequests"],
      ] as const
    ).map(
      ([kind, spec, limit]) =>
        [
          `${limit} of a ${kind}`,
          announced(kind, spec),
          ` is advertised with ${limit} (${kind} net/x), which has no key in a ConfigMap`,
        ] as const,
    ),
    ...(
      [
        ["dynamicASN", "myASN: 1, dynamicASN: external, peerAddress: 10.9.0.1"],
        ["interface", "myASN: 1, peerASN: 2, interface: eth0"],
        ["localASN", `${PEER}, localASN: 3`],
        ["connectTime", `${PEER}, connectTime: 10s`],
        ["vrf", `${PEER}, vrf: red`],
        ["enableGracefulRestart", `${PEER}, enableGracefulRestart: true`],
        ["dualStackAddressFamily", `${PEER}, dualStackAddressFamily: true`],
        ["disableMP", `${PEER}, disableMP: true`],
      ] as const
    ).map(
      ([field, spec]) =>
        [
          `the ${field} of a BGPPeer`,
          object("BGPPeer", "p", spec),
          `/spec/${field} has no key in a ConfigMap`,
        ] as const,
    ),
    [
      "peers that only their names tell apart",
      stream(object("BGPPeer", "p", PEER), object("BGPPeer", "q", PEER)),
      " says the same as BGPPeer p, and peers of a ConfigMap have no names to tell them apart",
    ],
    [
      "resources that are refused",
      object("IPAddressPool", "a", "addresses: [x]"),
      "/spec/addresses/0 has no prefix length",
    ],
  ])("%s", (_, text, refusal) => expect(refusals(text)).toEqual([refusal]));

  it("a password whose Secret is not in the input, and says where it is wanted", () => {
    const result = revertOf(object("BGPPeer", "p", `${PEER}, passwordSecret: {name: s}`));
    expect(result.ok ? [] : result.fault.map(describeFault)).toEqual([
      expect.stringMatching(
        /BGPPeer net\/p: \/spec\/passwordSecret\/name is "s", which .*: give the Secret in the same input, as kubectl get secret -o yaml prints it$/,
      ),
    ]);
  });

  it("what the release that it is for would refuse", () => {
    const text = object("BGPPeer", "p", `${PEER}, sourceAddress: 10.9.0.9`);
    expect(reverted(text, { generation: "v0.11" }).text).toContain('source-address: "10.9.0.9"');
    expect(refusals(text, { generation: "v0.10" })).toEqual([
      "/peers/0/source-address is a key that came with v0.11, which v0.10 refuses",
    ]);
  });
});
