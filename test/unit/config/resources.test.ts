import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import type { KubernetesDocument } from "../../../src/config/documents.js";
import { legacySchema } from "../../../src/config/legacy-schema.js";
import * as schemas from "../../../src/config/resource-schemas.js";
import { formatRange } from "../../../src/runtime/net/address.js";
import { document, faultsOf, load, noticesOf, resource, secret } from "./documents.js";

const pool = (spec: object = {}, name = "a", metadata: object = {}): KubernetesDocument =>
  resource("IPAddressPool", name, { addresses: ["10.0.0.0/24"], ...spec }, metadata);
const peer = (spec: object = {}, name = "p"): KubernetesDocument =>
  resource("BGPPeer", name, { myASN: 64512, peerASN: 64513, peerAddress: "10.0.0.1", ...spec });
const bgp = (spec: object = {}, name = "b"): KubernetesDocument => resource("BGPAdvertisement", name, spec);
const l2 = (spec: object = {}, name = "l"): KubernetesDocument => resource("L2Advertisement", name, spec);
const community = (name: string, ...communities: object[]): KubernetesDocument =>
  resource("Community", name, { communities });
const bfd = (spec: object = {}, name = "fast"): KubernetesDocument => resource("BFDProfile", name, spec);
const opaque = document({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "s", namespace: "metallb-system" },
  type: "Opaque",
  data: { password: "YQ==" },
});
const basicAuth = (data: object): KubernetesDocument =>
  document({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "metallb-system" },
    type: "kubernetes.io/basic-auth",
    ...data,
  });

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
  ["myASN is given", [peer()], [peer({ myASN: undefined })], "/spec/myASN is needed here"],
  ["myASN is not 0", [peer()], [peer({ myASN: 0 })], "/spec/myASN is not 1 to 4294967295"],
  [
    "one of peerASN and dynamicASN",
    [peer({ peerASN: 0, dynamicASN: "external" })],
    [peer({ peerASN: 0 })],
    "/spec/peerASN is missing, and so is dynamicASN",
  ],
  [
    "not both of them",
    [peer({ dynamicASN: "" })],
    [peer({ dynamicASN: "internal" })],
    "/spec/peerASN is given beside dynamicASN",
  ],
  [
    "one of peerAddress and interface",
    [peer({ peerAddress: "", interface: "eth0" })],
    [peer({ peerAddress: "" })],
    "/spec/peerAddress is missing, and so is interface",
  ],
  ["not both of those", [peer()], [peer({ interface: "eth0" })], "/spec/peerAddress is given beside interface"],
  [
    "peerAddress is an address",
    [peer({ peerAddress: "2001:db8::1" })],
    [peer({ peerAddress: "a.example" })],
    "/spec/peerAddress is no address",
  ],
  [
    "sourceAddress is an address",
    [peer({ sourceAddress: "10.0.0.2" })],
    [peer({ sourceAddress: "10.0.0.2/24" })],
    "/spec/sourceAddress is no address",
  ],
  [
    "routerID is an address",
    [peer({ routerID: "10.0.0.2" })],
    [peer({ routerID: "2" })],
    "/spec/routerID is no address",
  ],
  [
    "peerPort is at most 16384",
    [peer({ peerPort: 16384 })],
    [peer({ peerPort: 16385 })],
    "/spec/peerPort is not 0 to 16384",
  ],
  [
    "holdTime is 0 or 3 s and more",
    [peer({ holdTime: "0s" })],
    [peer({ holdTime: "2s" })],
    "/spec/holdTime makes a hold time that is neither 0 nor at least 3 seconds",
  ],
  ["holdTime has a unit", [peer({ holdTime: "3s" })], [peer({ holdTime: "90" })], "/spec/holdTime has no unit"],
  [
    "a keepalive makes the hold time",
    [peer({ keepaliveTime: "1s" })],
    [peer({ keepaliveTime: "500ms" })],
    "/spec/keepaliveTime makes a hold time that is neither 0 nor at least 3 seconds",
  ],
  [
    "keepaliveTime is within the hold time",
    [peer({ holdTime: "9s", keepaliveTime: "9s" })],
    [peer({ holdTime: "9s", keepaliveTime: "9.5s" })],
    "/spec/keepaliveTime is longer than the hold time of 9 s",
  ],
  [
    "connectTime is whole seconds",
    [peer({ connectTime: "65535s" })],
    [peer({ connectTime: "1.5s" })],
    "/spec/connectTime is no whole number of seconds from 1 to 65535",
  ],
  [
    "connectTime is 1 s and more",
    [peer({ connectTime: "1s" })],
    [peer({ connectTime: "0s" })],
    "/spec/connectTime is no whole number of seconds from 1 to 65535",
  ],
  [
    "ebgpMultiHop is for other ASes",
    [peer({ ebgpMultiHop: true })],
    [peer({ ebgpMultiHop: true, peerASN: 64512 })],
    "/spec/ebgpMultiHop is for peers of another AS, and this one is of the same",
  ],
  [
    "values are written once",
    [peer({ nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "In", values: ["b", "c"] }] }] })],
    [peer({ nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "In", values: ["b", "b"] }] }] })],
    "/spec/nodeSelectors/0/matchExpressions/0/values has the same value twice",
  ],
  [
    "expressions are written once",
    [peer({ nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "Exists" }] }] })],
    [
      peer({
        nodeSelectors: [
          {
            matchExpressions: [
              { key: "a", operator: "Exists" },
              { key: "a", operator: "Exists", values: [] },
            ],
          },
        ],
      }),
    ],
    "/spec/nodeSelectors/0/matchExpressions has the same expression twice",
  ],
  [
    "a BFD profile exists",
    [peer({ bfdProfile: "fast" }), bfd()],
    [peer({ bfdProfile: "fast" })],
    "/spec/bfdProfile is not the name of a BFDProfile",
  ],
  [
    "a Secret exists",
    [peer({ passwordSecret: { name: "s" } }), secret("s", "x")],
    [peer({ passwordSecret: { name: "s" } })],
    "/spec/passwordSecret/name is not the name of a Secret in this namespace",
  ],
  [
    "a Secret is of the type",
    [peer({ passwordSecret: { name: "" } }), opaque],
    [peer({ passwordSecret: { name: "s" } }), opaque],
    "/spec/passwordSecret/name names a Secret that is not of type kubernetes.io/basic-auth",
  ],
  [
    "a Secret has a password",
    [peer({ passwordSecret: { name: "s" } }), basicAuth({ stringData: { password: "x" } })],
    [peer({ passwordSecret: { name: "s" } }), basicAuth({ data: { username: "eA==" } })],
    "/spec/passwordSecret/name names a Secret without the key password",
  ],
  [
    "its data are base64",
    [peer({ passwordSecret: { name: "s" } }), basicAuth({ data: { password: "eA==\n" } })],
    [peer({ passwordSecret: { name: "s" } }), basicAuth({ data: { password: "x" } })],
    "/spec/passwordSecret/name names a Secret whose password is not base64",
  ],
  [
    "one of password and passwordSecret",
    [peer({ password: "x", passwordSecret: {} }), secret("s", "x")],
    [peer({ password: "x", passwordSecret: { name: "s" } }), secret("s", "x")],
    "/spec/passwordSecret/name is given beside a password",
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

describe("the model of resources", () => {
  it("has the defaults of the API", () => {
    const { model } = load([pool(), peer(), bfd(), bgp({ ipAddressPools: ["a"] })]);
    expect(model).toMatchObject({
      peers: [{ name: "p", port: 179, holdTimeSeconds: 90, nodeSelectors: [], ebgpMultiHop: false, vrf: "" }],
      pools: [
        {
          autoAssign: true,
          avoidBuggyIPs: false,
          bgp: [{ aggregationLength: 32, aggregationLengthV6: 128, localPref: 0 }],
        },
      ],
      bfdProfiles: [{ name: "fast", echoMode: false, passiveMode: false }],
    });
    expect(model.pools[0]).not.toHaveProperty("serviceAllocation");
  });

  it("has what MetalLB's native mode refused", () => {
    const spec = {
      peerASN: undefined,
      dynamicASN: "internal",
      localASN: 5,
      keepaliveTime: "10s",
      connectTime: "5s",
      enableGracefulRestart: true,
      vrf: "red",
      disableMP: true,
      dualStackAddressFamily: true,
      bfdProfile: "fast",
    };
    expect(load([bfd(), peer(spec)]).model.peers[0]).toMatchObject({
      peerAsn: "internal",
      localAsn: 5,
      holdTimeSeconds: 30,
      keepaliveTimeSeconds: 10,
      connectTimeSeconds: 5,
      gracefulRestart: true,
      vrf: "red",
      disableMP: true,
      dualStackAddressFamily: true,
      bfdProfile: "fast",
    });
    expect(load([peer({ peerAddress: undefined, interface: "eth0" })]).model.peers[0]).toMatchObject({
      interface: "eth0",
    });
  });

  it("reads peers of the older version", () => {
    const old = document({
      apiVersion: "metallb.io/v1beta1",
      kind: "BGPPeer",
      metadata: { name: "p", namespace: "metallb-system" },
      spec: {
        myASN: 1,
        peerASN: 2,
        peerAddress: "10.0.0.1",
        peerPort: 0,
        nodeSelectors: [{ matchLabels: { a: "b" } }],
      },
    });
    expect(load([old]).model.peers[0]).toMatchObject({
      port: 179,
      holdTimeSeconds: 90,
      nodeSelectors: [{ matchLabels: [["a", "b"]] }],
    });
  });

  it("takes nulls for absent, as the API server does", () => {
    expect(
      load([pool({ autoAssign: null, serviceAllocation: null }), peer({ nodeSelectors: null, holdTime: null })]).model,
    ).toMatchObject({
      pools: [{ autoAssign: true }],
      peers: [{ nodeSelectors: [], holdTimeSeconds: 90 }],
    });
  });

  it("finds the pools of an advertisement by name, by label, and all of them where neither is written", () => {
    const pools = [
      pool({ addresses: ["10.0.0.0/24"] }, "a", { labels: { zone: "x" } }),
      pool({ addresses: ["10.0.1.0/24"] }, "b", { labels: { zone: "y" } }),
      pool({ addresses: ["10.0.2.0/24"] }, "c"),
    ];
    const reached = (spec: object): string[] =>
      load([...pools, l2(spec)]).model.pools.flatMap(({ name, layer2 }) => (layer2.length > 0 ? [name] : []));
    expect(reached({ ipAddressPools: ["c"] })).toEqual(["c"]);
    expect(reached({ ipAddressPoolSelectors: [{ matchLabels: { zone: "x" } }] })).toEqual(["a"]);
    expect(reached({ ipAddressPoolSelectors: [{ matchLabels: { zone: "x" } }], ipAddressPools: ["c", "a"] })).toEqual([
      "a",
      "c",
    ]);
    expect(reached({ ipAddressPoolSelectors: [{ matchLabels: { zone: "z" } }] })).toEqual([]);
    expect(reached({ ipAddressPoolSelectors: [{}] })).toEqual(["a", "b", "c"]);
    expect(reached({})).toEqual(["a", "b", "c"]);
    expect(reached({ ipAddressPools: [] })).toEqual(["a", "b", "c"]);
  });

  it("has equal advertisements once, unless they prefer nodes, in an order of their own", () => {
    const preferring = { preferredNodeSelectors: [{ weight: 5, preference: {} }] };
    const documents = [
      pool(),
      l2({ interfaces: ["eth1", "eth0"] }, "l1"),
      l2({ interfaces: ["eth0", "eth1"], nodeSelectors: [{}] }, "l2"),
      l2(preferring, "l3"),
      l2(preferring, "l4"),
      bgp({ communities: ["1:2", "1:1"], peers: ["q", "p"] }, "b1"),
      bgp({ communities: ["01:01", "1:2"], peers: ["p", "q"] }, "b2"),
    ];
    const [first] = load(documents).model.pools;
    expect(first?.layer2).toHaveLength(3);
    expect(first?.bgp).toMatchObject([{ communities: ["1:1", "1:2"], peers: ["p", "q"] }]);
    expect(load(documents.toReversed()).model).toEqual(load(documents).model);
  });

  it("keeps what a pool is kept for", () => {
    const allocation = { priority: 5, namespaces: ["b", "a"], namespaceSelectors: [{ matchLabels: { a: "b" } }] };
    expect(load([pool({ serviceAllocation: allocation })]).model.pools[0]?.serviceAllocation).toEqual({
      priority: 5,
      namespaces: ["a", "b"],
      namespaceSelectors: [{ matchLabels: [["a", "b"]], matchExpressions: [] }],
      serviceSelectors: [],
    });
    expect(load([pool({ serviceAllocation: {} })]).model.pools[0]?.serviceAllocation).toMatchObject({
      priority: 0,
      namespaces: [],
    });
  });

  it("takes a range from one family to the other for none, with a notice", () => {
    const documents = [pool({ addresses: ["10.0.0.1-2001:db8::1", "10.0.0.1-10.0.0.2"] }), l2()];
    expect(load(documents).model.pools[0]?.ranges.map(formatRange)).toEqual(["10.0.0.1-10.0.0.2"]);
    expect(noticesOf(documents)).toEqual([
      "ignored /spec/addresses/0 goes from one address family to the other and holds no address",
    ]);
  });
});

describe("notices", () => {
  it.each([
    [
      "a key that nobody knows",
      [pool({ autoasign: true }), l2()],
      "ignored /spec/autoasign is a key that is not known here and does nothing",
    ],
    [
      "a pool without an advertisement",
      [pool()],
      "unused /metadata/name is a pool that no advertisement is for: its addresses are given out and announced by nobody",
    ],
    [
      "an advertisement of no pool",
      [l2({ ipAddressPools: ["z"] })],
      "unused /spec/ipAddressPools/0 is not the name of an IPAddressPool here",
    ],
    [
      "an advertisement to no peer",
      [pool(), bgp({ peers: ["z"] })],
      "unused /spec/peers is not the name of a BGPPeer here",
    ],
    [
      "an identifier of IPv6",
      [peer({ routerID: "2001:db8::1" })],
      "ignored /spec/routerID is an IPv6 address and cannot be an identifier",
    ],
    [
      "a negative keepalive",
      [peer({ holdTime: "9s", keepaliveTime: "-1s" })],
      "ignored /spec/keepaliveTime is negative and cannot be used",
    ],
    [
      "another namespace",
      [resource("IPAddressPool", "a", {}, { namespace: "other" })],
      "ignored /metadata/namespace is not the namespace that configuration is read from (metallb-system)",
    ],
    ["a kind that is gone", [resource("AddressPool", "a", {})], "ignored /kind is a kind that is not read"],
    [
      "a name that every object inherits",
      [resource("constructor", "a", {})],
      "ignored /kind is a kind that is not read",
    ],
    [
      "a version of the future",
      [document({ apiVersion: "metallb.io/v2", kind: "IPAddressPool", metadata: { name: "a" } })],
      "ignored /apiVersion is a version that is not read",
    ],
  ])("tell of %s", (_, documents, notice) => expect(noticesOf(documents)).toEqual([notice]));

  it("say nothing of what is right, nor of what the programs write themselves", () => {
    const documents = [pool(), l2(), peer(), bgp({ peers: ["p"] }), resource("ServiceL2Status", "l2-x", undefined)];
    expect(noticesOf(documents)).toEqual([]);
  });
});

it("a thousand pools and a thousand advertisements of one preference each take no time worth telling", () => {
  const many = Array.from({ length: 1000 }, (_, index) => `n${index}`);
  const documents = [
    ...many.map((name, index) => pool({ addresses: [`10.${index >> 8}.${index & 255}.0/24`] }, name)),
    ...many.map((name, index) => bgp({ localPref: index, ipAddressPools: [name] }, name)),
  ];
  expect(load(documents).model.pools.every((one) => one.bgp.length === 1)).toBe(true);
});

it.each(Object.entries({ legacySchema, ...schemas }))("%s is a JSON schema", (_, schema) => {
  expect(new Ajv({ strict: true }).validateSchema(schema)).toBe(true);
});
