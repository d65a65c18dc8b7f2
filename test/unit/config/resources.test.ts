import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { legacySchema } from "../../../src/config/legacy-schema.js";
import * as schemas from "../../../src/config/resource-schemas.js";
import { formatRange } from "../../../src/runtime/net/address.js";
import type { KubernetesDocument } from "../../../src/config/documents.js";
import { document, load, noticesOf, resource, secret } from "./documents.js";
import { bfd, bgp, community, l2, olderPeer, peer, pool } from "./resource-documents.js";

const extras = (text: string): KubernetesDocument =>
  document({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "bgpextras", namespace: "metallb-system" },
    data: { extras: text },
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
    const old = olderPeer({ peerPort: 0, nodeSelectors: [{ matchLabels: { a: "b" } }] });
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

  it("has what Services may ask for, and nothing where they may not", () => {
    const requests = { communities: ["vip", "64512:*", "064512:007"], minLocalPref: 5, maxLocalPref: 9 };
    const vip = community("c", { name: "vip", value: "64512:7" });
    const read = (spec: object) => load([pool(), vip, bgp(spec)]).model.pools[0]?.bgp[0];
    expect(read({ serviceRequests: requests, asPathPrepend: 2 })).toMatchObject({
      asPathPrepend: 2,
      serviceRequests: {
        communities: [{ pattern: "64512:7", alias: "vip" }, { pattern: "64512:*" }, { pattern: "64512:7" }],
        localPref: { min: 5, max: 9 },
      },
    });
    expect(read({ serviceRequests: { maxLocalPref: 9 } })?.serviceRequests).toEqual({
      communities: [],
      localPref: { min: 0, max: 9 },
    });
    for (const nothing of [{}, { communities: [] }]) expect(read({ serviceRequests: nothing })).toEqual(read({}));
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
      "a key beside the spec",
      [document({ ...pool().body, specs: {} }), l2()],
      "ignored /specs is a key that is not known here and does nothing",
    ],
    [
      "a key that the older version has not",
      [olderPeer({ vrf: "red" })],
      "generation /spec/vrf is a key that v1beta1 did not have: MetalLB dropped it, and here it counts",
    ],
    [
      "a hold time that releases read in two ways",
      [olderPeer({ holdTime: "0s" })],
      "generation /spec/holdTime keeps the session without keepalives, and releases before v0.14.9 took it for 90s",
    ],
    [
      "a Secret of another namespace",
      [peer({ passwordSecret: { name: "s", namespace: "other" } }), secret("s", "x")],
      "ignored /spec/passwordSecret/namespace is not looked at: a Secret is read from the namespace of its peer",
    ],
    [
      "a Secret with an empty password",
      [peer({ passwordSecret: { name: "s" } }), secret("s", "")],
      "ignored /spec/passwordSecret/name names a Secret with an empty password: the session has none",
    ],
    [
      "configuration of FRR",
      [extras("router bgp 1")],
      "ignored /data/extras is configuration of FRR, which is not used here",
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
    const documents = [
      pool(),
      l2(),
      peer({ holdTime: "0s", passwordSecret: { name: "s", namespace: "metallb-system" } }),
      secret("s", "x"),
      bgp({ peers: ["p"] }),
      resource("ServiceL2Status", "l2-x", undefined),
      extras(" \n"),
    ];
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
