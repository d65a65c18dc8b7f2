import { describe, expect, it } from "vitest";
import { announcersOf } from "../../../../src/runtime/announce/announcers-of.js";
import type { BgpAnnouncement } from "../../../../src/runtime/announce/decision.js";
import { decideService } from "../../../../src/runtime/announce/decide-service.js";
import { bgp, layer2, node, nodesOf, onNode, peer, pool, served, withLabel, world } from "./fixtures.js";

type Ads = readonly ReturnType<typeof bgp>[];
const worldWith = (ads: Ads, fields: Parameters<typeof world>[1] = { peers: [peer("router")] }) =>
  world([pool("p", ["192.168.10.0/24", "2001:db8::/64"], { bgp: ads })], fields);
const onNode1 = (ads: Ads, service = served(), fields?: Parameters<typeof world>[1]): BgpAnnouncement =>
  decideService(worldWith(ads, fields), service, "node1").bgp;
const route = (prefix: string, rest: object = {}) => ({
  prefix,
  localPref: 0,
  communities: [],
  peers: ["router"],
  ...rest,
});

describe("routes", () => {
  it.each([
    { name: "the address itself", ads: [bgp()], routes: [route("192.168.10.0/32")] },
    {
      name: "the prefix of the aggregation length",
      ads: [bgp({ aggregationLength: 24, localPref: 100, communities: ["64512:1"] })],
      routes: [route("192.168.10.0/24", { localPref: 100, communities: ["64512:1"] })],
    },
    {
      name: "one for each length, with its own attributes",
      ads: [bgp({ localPref: 200 }), bgp({ aggregationLength: 24, localPref: 100 })],
      routes: [route("192.168.10.0/32", { localPref: 200 }), route("192.168.10.0/24", { localPref: 100 })],
    },
    {
      name: "one with the communities of all advertisements of a prefix",
      ads: [bgp({ communities: ["64512:2", "64512:1"] }), bgp({ communities: ["64512:1", "large:1:2:3"] })],
      routes: [route("192.168.10.0/32", { communities: ["64512:1", "64512:2", "large:1:2:3"] })],
    },
    {
      name: "not those of advertisements for other nodes and Services",
      ads: [
        bgp(),
        bgp({ aggregationLength: 24, nodeSelectors: [onNode("node2")] }),
        bgp({ aggregationLength: 25, serviceSelectors: [withLabel("tier", "front")] }),
      ],
      routes: [route("192.168.10.0/32")],
    },
  ])("$name", ({ ads, routes }) => expect(onNode1(ads)).toMatchObject({ announce: true, routes }));

  it("each family has its own length", () => {
    const ads = [bgp({ aggregationLength: 26, aggregationLengthV6: 64 })];
    const service = served({ ingress: ["192.168.10.77", "2001:db8::77"] });
    expect(onNode1(ads, service)).toMatchObject({ routes: [route("192.168.10.64/26"), route("2001:db8::/64")] });
  });

  it("go to the peers of the node that the advertisement names", () => {
    const peers = [peer("r2"), peer("r1"), peer("far", [onNode("node2")])];
    expect(onNode1([bgp()], served(), { peers })).toMatchObject({
      routes: [{ peers: ["r1", "r2"] }],
      explanation: "node1 announces 192.168.10.0/32 to r1, r2",
    });
    expect(onNode1([bgp({ peers: ["far", "r2"] })], served(), { peers })).toMatchObject({
      routes: [{ peers: ["r2"] }],
    });
    expect(onNode1([bgp({ peers: ["far"] })], served(), { peers })).toMatchObject({ reason: "noMatchingPeer" });
  });

  it("carry to each peer only what is meant for it", () => {
    const peers = [peer("r1"), peer("r2")];
    const ads = [bgp({ communities: ["64512:1"], peers: ["r1"], localPref: 5 }), bgp({ peers: ["r2"], localPref: 7 })];
    expect(onNode1(ads, served(), { peers })).toMatchObject({
      announce: true,
      routes: [
        { localPref: 5, communities: ["64512:1"], peers: ["r1"] },
        { localPref: 7, communities: [], peers: ["r2"] },
      ],
    });
  });
});

describe("reasons to announce nothing", () => {
  const local = { externalTrafficPolicy: "Local" } as const;
  const excluded = node("node1", { labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "true" } });
  const conflict = [bgp({ localPref: 1 }), bgp({ localPref: 2 })];
  const nodesWith = (fields: Parameters<typeof node>[1]) => ({
    peers: [peer("router")],
    nodes: nodesOf(node("node1", fields)),
  });
  it.each([
    { name: "no advertisement", ads: [], service: {}, fields: undefined, reason: "noMatchingAdvertisement" },
    {
      name: "none for the node",
      ads: [bgp({ nodeSelectors: [onNode("node2")] })],
      service: {},
      fields: undefined,
      reason: "noMatchingAdvertisement",
    },
    {
      name: "no network",
      ads: [bgp()],
      service: {},
      fields: nodesWith({ networkUnavailable: true }),
      reason: "nodeNetworkUnavailable",
    },
    {
      name: "excluded",
      ads: [bgp()],
      service: {},
      fields: { nodes: nodesOf(excluded) },
      reason: "nodeLabeledExcludeBalancers",
    },
    {
      name: "excluded, and the label ignored",
      ads: [bgp()],
      service: {},
      fields: { peers: [peer("router")], nodes: nodesOf(excluded), ignoreExcludeLabel: true },
      reason: undefined,
    },
    { name: "no endpoint", ads: [bgp()], service: { endpoints: [] }, fields: undefined, reason: "noEndpoints" },
    {
      name: "an endpoint elsewhere, Cluster",
      ads: [bgp()],
      service: { endpoints: [{ nodeName: "node2" }] },
      fields: undefined,
      reason: undefined,
    },
    {
      name: "an endpoint elsewhere, Local",
      ads: [bgp()],
      service: { ...local, endpoints: [{ nodeName: "node2" }] },
      fields: undefined,
      reason: "noLocalEndpoints",
    },
    {
      name: "an endpoint here that is not ready, Local",
      ads: [bgp()],
      service: { ...local, endpoints: [{ nodeName: "node1", ready: false }, { nodeName: "node2" }] },
      fields: undefined,
      reason: "noLocalEndpoints",
    },
    {
      name: "an endpoint here, Local",
      ads: [bgp()],
      service: { ...local, endpoints: [{ nodeName: "node1" }] },
      fields: undefined,
      reason: undefined,
    },
    {
      name: "two localPrefs for a prefix",
      ads: conflict,
      service: {},
      fields: undefined,
      reason: "conflictingAdvertisements",
    },
    {
      name: "two localPrefs for prefixes of the family that the Service has not",
      ads: [bgp({ localPref: 1, aggregationLength: 24 }), bgp({ localPref: 2 })],
      service: {},
      fields: undefined,
      reason: undefined,
    },
    { name: "no peer", ads: [bgp()], service: {}, fields: { peers: [] }, reason: "noMatchingPeer" },
  ])("$name: $reason", ({ ads, service, fields, reason }) => {
    const decision = onNode1(ads, served(service), fields);
    expect(decision.announce ? undefined : decision.reason).toBe(reason);
  });
});

describe("announcersOf()", () => {
  it("names every node that announces each address by each protocol", () => {
    const cluster = world([pool("p", ["192.168.10.0/24", "2001:db8::/64"], { bgp: [bgp()], layer2: [layer2()] })], {
      peers: [peer("router", [onNode("node3"), onNode("node1")])],
    });
    const service = served({ ingress: ["192.168.10.0", "2001:db8::1"] });
    const of = (address: string) => [
      { address, protocol: "layer2", node: "node2" },
      { address, protocol: "bgp", node: "node1" },
      { address, protocol: "bgp", node: "node3" },
    ];
    expect(announcersOf(cluster, service)).toEqual({
      announcers: [...of("192.168.10.0"), ...of("2001:db8::1")],
      reason: "node2 announces it, chosen from 3 candidates; BGP: announced by node1, node3",
    });
  });

  it("leaves out nodes whose speaker is not alive", () => {
    const cluster = worldWith([bgp()], { peers: [peer("router")], alive: new Set(["node3"]) });
    expect(announcersOf(cluster, served()).announcers).toEqual([
      { address: "192.168.10.0", protocol: "bgp", node: "node3" },
    ]);
  });

  it.each([
    {
      name: "a pool that nothing reaches",
      ads: [],
      l2: [],
      why: "nobody announces it: no L2Advertisement or BGPAdvertisement reaches pool p",
    },
    {
      name: "each node's obstacle",
      ads: [],
      l2: [layer2({ nodeSelectors: [onNode("node1"), onNode("node2")] })],
      why: "nobody announces it: node1, node2: its speaker is not alive; node3: no L2Advertisement selects it",
    },
    {
      name: "a BGP obstacle",
      ads: [bgp({ peers: ["none"] })],
      l2: [],
      why: "BGP: not announced: no BGP peer of node3 is to hear of it",
    },
  ])("tells $name", ({ ads, l2, why }) => {
    const cluster = world([pool("p", ["192.168.10.0/24"], { bgp: ads, layer2: l2 })], { alive: new Set(["node3"]) });
    expect(announcersOf(cluster, served())).toEqual({ announcers: [], reason: why });
  });
});
