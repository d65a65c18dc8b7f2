import { describe, expect, it } from "vitest";
import type { KubernetesDocument } from "../../../src/config/documents.js";
import { loadConfig } from "../../../src/config/load.js";
import { describeFault } from "../../../src/runtime/net/fault.js";
import { OPTIONS, configMap, document, faultsOf, load, manifests, noticesOf, resource } from "./documents.js";

const pool = (name: string, ...addresses: string[]): KubernetesDocument =>
  resource("IPAddressPool", name, { addresses });
const peer = (name: string, spec: object = {}): KubernetesDocument =>
  resource("BGPPeer", name, { myASN: 1, peerASN: 2, peerAddress: "10.9.0.1", ...spec });
const everywhere = resource("L2Advertisement", "all", {});
const legacyPool = (name: string, ...addresses: string[]): string =>
  `{name: ${name}, protocol: bgp, addresses: [${addresses.join(", ")}]}`;
const legacyPools = (...list: string[]): KubernetesDocument => configMap(`address-pools: [${list.join(", ")}]`);
const legacyPeer = (extra = ""): KubernetesDocument =>
  configMap(`peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.9.0.1${extra === "" ? "" : `, ${extra}`}}]`);
const poolNames = (documents: readonly KubernetesDocument[]): string[] =>
  load(documents).model.pools.map(({ name }) => name);
const peerNames = (documents: readonly KubernetesDocument[]): string[] =>
  load(documents).model.peers.map(({ name }) => name);

describe("what configuration is read from", () => {
  it("nothing: an empty model and no sources", () => {
    const service = document({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "a", namespace: "metallb-system" },
    });
    expect(load([service])).toEqual({
      model: { pools: [], peers: [], bfdProfiles: [] },
      origins: new Map(),
      notices: [],
      sources: [],
    });
  });

  it("a ConfigMap without the key: an empty model, and a source", () => {
    const empty = document({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "config", namespace: "metallb-system" },
    });
    expect(load([empty])).toMatchObject({ model: { pools: [] }, sources: ["ConfigMap metallb-system/config"] });
  });

  it("the named ConfigMap of the namespace, whatever they are called", () => {
    const text = `address-pools: [${legacyPool("a", "10.0.0.0/24")}]`;
    const documents = [
      configMap(text, "lb", "network"),
      resource("IPAddressPool", "b", { addresses: ["10.0.1.0/24"] }, { namespace: "network" }),
    ];
    const loaded = load(documents, { namespace: "network", configMapName: "lb" });
    expect(loaded.model.pools.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(loaded.sources).toEqual(["ConfigMap network/lb", "IPAddressPool network/b"]);
  });

  it("manifests without a namespace", () => {
    const text =
      "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: a}\nspec: {addresses: [10.0.0.0/24]}\n";
    expect(poolNames(manifests(text))).toEqual(["a"]);
  });

  it.each([
    ["of another name", configMap("peers: []", "metallb"), "/metadata/name"],
    ["of another namespace", configMap('{"address-pools": []}', "config", "other"), "/metadata/namespace"],
  ])("not a ConfigMap %s, which a notice tells", (_, other, path) => {
    expect(load([other])).toMatchObject({ sources: [], notices: [{ class: "ignored", path }] });
  });

  it("not ConfigMaps of other programs, of which nothing is told", () => {
    const other = document({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "kube-proxy", namespace: "kube-system" },
      data: { config: "mode: nftables\n" },
    });
    expect(load([other]).notices).toEqual([]);
  });

  it.each([
    [{ config: 5 }, "/data/config"],
    [["config"], "/data"],
  ])("data that are no text are a fault: %j", (data, path) => {
    const broken = document({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "config", namespace: "metallb-system" },
      data,
    });
    expect(faultsOf([broken])).toEqual([`${path} is not a text`]);
  });
});

describe("both sources together", () => {
  it("are one model", () => {
    const documents = [
      pool("b", "10.0.1.0/24"),
      everywhere,
      legacyPools(legacyPool("a", "10.0.0.0/24"), legacyPool("c", "10.0.2.0/24")),
    ];
    const { model, origins, notices } = load(documents);
    expect(model.pools.map(({ name, layer2, bgp }) => [name, layer2.length, bgp.length])).toEqual([
      ["a", 0, 1],
      ["b", 1, 0],
      ["c", 0, 1],
    ]);
    expect(notices).toEqual([]);
    expect(origins.get("pool/b")).toEqual([
      { object: "IPAddressPool metallb-system/b", path: "" },
      { object: "L2Advertisement metallb-system/all", path: "" },
    ]);
    expect(origins.get("pool/c")).toEqual([
      { object: "ConfigMap metallb-system/config", path: "/address-pools/1", line: 1 },
    ]);
  });

  it.each([
    ["of the same name", [pool("a", "10.5.0.0/24")], ["a"]],
    ["of the same addresses", [pool("z", "10.0.0.128-10.0.0.255", "10.0.0.0/25")], ["z"]],
  ])("a resource wins over a pool %s", (_, resources, names) => {
    const documents = [...resources, everywhere, legacyPools(legacyPool("a", "10.0.0.0/24"))];
    expect(poolNames(documents)).toEqual(names);
    expect(noticesOf(documents)).toEqual([
      `shadowed /address-pools/0 is what IPAddressPool metallb-system/${names[0]} says too, and the resource is the one in force`,
    ]);
  });

  describe("a pool that is applied before its advertisements is announced as the one that it takes the place of", () => {
    const legacy = configMap(
      `address-pools: [{name: a, protocol: bgp, addresses: [10.0.0.0/24], bgp-advertisements: ` +
        `[{aggregation-length: 32, communities: ["1:1"]}, {aggregation-length: 24}]}]`,
    );
    const [FINE, COARSE] = [{ communities: ["1:1"] }, { aggregationLength: 24 }];
    const routes = (name: string, spec: object) =>
      resource("BGPAdvertisement", name, { ipAddressPools: ["a"], ...spec });
    const announced = (...documents: readonly KubernetesDocument[]) => {
      const { model, notices } = load([legacy, pool("a", "10.0.0.0/24"), ...documents]);
      const lengths = model.pools[0]?.bgp.map(({ aggregationLength }) => aggregationLength).toSorted();
      const isTold = notices.some(({ problem }) => /until they are there, those are in force/.test(problem));
      return [lengths, model.pools[0]?.layer2.length, isTold];
    };

    it.each<[string, readonly KubernetesDocument[], unknown]>([
      ["none yet", [], [[24, 32], 0, true]],
      ["one of them", [routes("x", FINE)], [[24, 32], 0, true]],
      ["all of them", [routes("x", FINE), routes("y", COARSE)], [[24, 32], 0, false]],
      ["another one", [routes("x", { aggregationLength: 30 })], [[30], 0, false]],
      ["one of them and another", [routes("x", FINE), routes("y", { aggregationLength: 30 })], [[30, 32], 0, false]],
      ["another protocol", [everywhere], [[], 1, false]],
    ])("%s", (_, documents, expected) => expect(announced(...documents)).toEqual(expected));

    it("on layer 2 too", () => {
      const layer2 = configMap("address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.0/24]}]");
      expect(load([layer2, pool("a", "10.0.0.0/24")]).model).toEqual(
        load([layer2, pool("a", "10.0.0.0/24"), everywhere]).model,
      );
      expect(load([pool("a", "10.0.0.0/24")]).model.pools[0]?.layer2).toEqual([]);
    });
  });

  it("pools that hold nothing are not twins", () => {
    const documents = [
      pool("z", "10.0.0.1-2001:db8::1"),
      everywhere,
      legacyPools(legacyPool("a", "10.0.0.9-10.0.0.1")),
    ];
    expect(poolNames(documents)).toEqual(["a", "z"]);
  });

  it("half an overlap is a fault that names both", () => {
    const documents = [pool("z", "10.0.0.0/25"), everywhere, legacyPools(legacyPool("a", "10.0.0.0/24"))];
    expect(faultsOf(documents)).toEqual([
      "/address-pools/0/addresses/0 has addresses in common with 10.0.0.0/25 in IPAddressPool metallb-system/z (pool z)",
    ]);
  });

  it.each<[string, object, string, string[]]>([
    ["the same everywhere", {}, "", ["r"]],
    ["the same with other timers", { holdTime: "9s" }, "hold-time: 30s", ["r"]],
    ["everywhere and on some nodes", {}, "node-selectors: [{match-labels: {a: b}}]", ["r"]],
    [
      "on the same nodes",
      { nodeSelectors: [{ matchLabels: { a: "b" } }] },
      "node-selectors: [{match-labels: {a: b}}]",
      ["r"],
    ],
    [
      "on other nodes",
      { nodeSelectors: [{ matchLabels: { a: "c" } }] },
      "node-selectors: [{match-labels: {a: b}}]",
      ["peer-10-9-0-1", "r"],
    ],
    ["another port", { peerPort: 1179 }, "", ["peer-10-9-0-1", "r"]],
    ["another VRF", { vrf: "red" }, "", ["peer-10-9-0-1", "r"]],
    ["another address", { peerAddress: "10.9.0.2" }, "", ["peer-10-9-0-1", "r"]],
  ])("a resource wins over a peer: %s", (_, spec, extra, names) => {
    const documents = [peer("r", spec), legacyPeer(extra)];
    expect(peerNames(documents)).toEqual(names);
    const shadowed =
      names.length === 1
        ? ["/peers/0 is what BGPPeer metallb-system/r says too, and the resource is the one in force"]
        : [];
    expect(noticesOf(documents)).toEqual(shadowed.map((text) => `shadowed ${text}`));
  });

  describe("a resource for some nodes leaves a peer to the others", () => {
    const rack = (name: string) => ({ nodeSelectors: [{ matchLabels: { rack: name } }] });
    const notIn = (...values: string[]) => [
      { matchLabels: [], matchExpressions: [{ key: "rack", operator: "NotIn", values }] },
    ];
    const partly = (name: string): string =>
      `shadowed /peers/0 is what BGPPeer metallb-system/${name} says too for some of its nodes, and there the resource is the one in force`;
    const selectorsOf = (documents: readonly KubernetesDocument[]) =>
      load(documents).model.peers.map(({ name, nodeSelectors }) => [name, nodeSelectors]);

    it("one", () => {
      const documents = [peer("r", rack("a")), legacyPeer()];
      expect(selectorsOf(documents)[0]).toEqual(["peer-10-9-0-1", notIn("a")]);
      expect(noticesOf(documents)).toEqual([partly("r")]);
    });

    it("several", () => {
      const documents = [peer("r", rack("a")), peer("s", rack("b")), legacyPeer()];
      expect(selectorsOf(documents)[0]).toEqual(["peer-10-9-0-1", notIn("a", "b")]);
      expect(load(documents).model.peers).toHaveLength(3);
    });

    it("one of the two that the peer is for", () => {
      const racks = "node-selectors: [{match-labels: {rack: a}}, {match-labels: {rack: b}}]";
      const documents = [peer("r", rack("a")), legacyPeer(racks)];
      expect(selectorsOf(documents)[0]).toEqual([
        "peer-10-9-0-1",
        [{ matchLabels: [["rack", "b"]], matchExpressions: [] }],
      ]);
    });

    it("all of them together nothing", () => {
      const racks = "node-selectors: [{match-labels: {rack: a}}, {match-labels: {rack: b}}]";
      const documents = [peer("r", rack("a")), peer("s", rack("b")), legacyPeer(racks)];
      expect(peerNames(documents)).toEqual(["r", "s"]);
    });

    it("unless what is left could not be said: that is a fault", () => {
      const scattered = Array.from({ length: 8 }, (_, n) =>
        peer(`r${n}`, { nodeSelectors: [{ matchLabels: { [`a${n}`]: "x", [`b${n}`]: "x" } }] }),
      );
      expect(faultsOf([...scattered, legacyPeer()])).toEqual([
        "/peers/0 is for some of its nodes what BGPPeers say too, and which ones are left cannot be said shortly",
      ]);
    });
  });

  it("a legacy peer never takes the name of a resource", () => {
    const names = peerNames([peer("peer-10-9-0-1", { peerAddress: "10.9.0.7" }), legacyPeer()]);
    expect(new Set(names).size).toBe(2);
    expect(names).toContain("peer-10-9-0-1");
  });

  it("a resource wins over a profile of its name", () => {
    const documents = [
      resource("BFDProfile", "fast", { receiveInterval: 50 }),
      configMap("bfd-profiles: [{name: fast, receive-interval: 300}, {name: slow}]"),
    ];
    expect(load(documents).model.bfdProfiles.map(({ name, receiveIntervalMs }) => [name, receiveIntervalMs])).toEqual([
      ["fast", 50],
      ["slow", undefined],
    ]);
    expect(noticesOf(documents).filter((notice) => notice.startsWith("shadowed"))).toHaveLength(1);
  });

  it("advertisements for all pools are for those of resources; legacy pools have their own", () => {
    expect(load([everywhere, legacyPools(legacyPool("a", "10.0.0.0/24"))]).model.pools[0]?.layer2).toEqual([]);
  });
});

it("documents in any order give the same", () => {
  const documents = [
    pool("b", "10.0.1.0/24"),
    pool("a", "10.0.3.0/24"),
    everywhere,
    resource("BGPAdvertisement", "x", { communities: ["y"] }),
    resource("Community", "c", { communities: [{ name: "y", value: "1:1" }] }),
    peer("q"),
    peer("p", { peerPort: 5 }),
    legacyPools(legacyPool("l", "10.0.0.0/24")),
  ];
  expect(load(documents.toReversed())).toEqual(load(documents));
});

describe("faults say where", () => {
  const text = [
    "apiVersion: v1",
    "kind: ConfigMap",
    "metadata: {namespace: metallb-system, name: config}",
    "data:",
    "  config: |",
    "    address-pools:",
    "    - name: a",
    "      protocol: layer2",
    "      addresses:",
    "      - 10.0.0.0/24",
    '      - "10.0.0.300/24"',
    "---",
    "apiVersion: metallb.io/v1beta1",
    "kind: IPAddressPool",
    "metadata: {namespace: metallb-system, name: b}",
    "spec:",
    "  addresses: [10.0.1.0/24, 10.0.1.7]",
    "",
  ].join("\n");
  const messages = (documents: readonly KubernetesDocument[]): string[] => {
    const loaded = loadConfig(documents, OPTIONS);
    return loaded.ok ? [] : loaded.fault.map(describeFault);
  };

  it("in the file that they are in", () => {
    expect(messages(manifests(text))).toEqual([
      'test.yaml:11:9: Cannot use ConfigMap metallb-system/config: /address-pools/0/addresses/1 is "10.0.0.300/24", which does not begin with an IPv4 or IPv6 address: write a prefix such as 192.168.1.0/24 or a range such as 192.168.1.10-192.168.1.20',
      'test.yaml:17:28: Cannot use IPAddressPool metallb-system/b: /spec/addresses/1 is "10.0.1.7", which has no prefix length: write 10.0.1.7/32',
    ]);
  });

  it("in the text of an object that came from the API", () => {
    const documents = manifests(text).map(({ source: _source, ...rest }) => rest);
    expect(messages(documents)).toEqual([
      expect.stringMatching(/^Cannot use IPAddressPool metallb-system\/b: \/spec\/addresses\/1 is "10\.0\.1\.7"/),
      expect.stringMatching(/^line 6:5: Cannot use ConfigMap metallb-system\/config: \/address-pools\/0\/addresses\/1/),
    ]);
  });

  it("in the file also where the object is an item of a List", () => {
    const list = `kind: List\napiVersion: v1\nitems:\n- ${text.split("---\n")[0]?.trimEnd().replaceAll("\n", "\n  ")}\n`;
    expect(messages(manifests(list))).toEqual([expect.stringMatching(/^test\.yaml:14:11: Cannot use ConfigMap/)]);
  });

  it("with the beginning of the text where it is written in quotes", () => {
    const quoted = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata:\n  config: "peers:\\n- {}"\n';
    const loaded = loadConfig(manifests(quoted), OPTIONS);
    expect(loaded.ok ? [] : loaded.fault.map(({ line, column }) => [line, column])).toEqual([
      [5, 11],
      [5, 11],
      [5, 11],
    ]);
  });
});

it("tells no more than a thousand faults and how many more there are", () => {
  const loaded = loadConfig(
    [configMap(`bgp-communities:\n${Array.from({ length: 1500 }, (_, index) => `  a${index}: x`).join("\n")}`)],
    OPTIONS,
  );
  expect(loaded.ok ? [] : loaded.fault.slice(-1)).toMatchObject([{ problem: "has 500 more faults" }]);
});
