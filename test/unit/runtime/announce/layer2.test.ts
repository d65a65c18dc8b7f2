import { describe, expect, it } from "vitest";
import type { AnnounceWorld, ServiceWorld } from "../../../../src/runtime/announce/decision.js";
import { announcersOf } from "../../../../src/runtime/announce/announcers-of.js";
import { decideService } from "../../../../src/runtime/announce/decide-service.js";
import { electionHash } from "../../../../src/runtime/announce/layer2-election.js";
import { layer2, node, nodesOf, onNode, pool, served, withLabel, world } from "./fixtures.js";

const EVERYWHERE = pool("p", ["192.168.10.0/24", "2001:db8::/64"], { layer2: [layer2()] });
const EXCLUDED = { labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } };

/** The node that announces; every node is asked, and all others must name it or say why there is none. */
function winnerOf(cluster: AnnounceWorld, service: ServiceWorld): string {
  const decisions = ["node1", "node2", "node3"].map((name) => decideService(cluster, service, name).layer2);
  const announcing = decisions.flatMap(({ announce }, index) => (announce ? [`node${index + 1}`] : []));
  const named = new Set(decisions.flatMap((decision) => (decision.announce ? [] : [decision.winner])));
  const [winner] = announcing;
  if (announcing.length > 1) throw new Error(`${announcing.join()} announce`);
  if (winner !== undefined) expect([...named].filter((each) => each !== winner)).toEqual([]);
  const over = announcersOf(cluster, service).announcers.map((each) => each.node);
  expect(new Set(over)).toEqual(new Set(winner === undefined ? [] : [winner]));
  return winner ?? [...new Set(decisions.map((decision) => (decision.announce ? "" : decision.reason)))].join();
}

it.each([
  ["192.168.10.0", "node1", "4b627cd8c3e959f9"],
  ["192.168.10.0", "node2", "092db1fa9316ad6b"],
  ["192.168.10.0", "node3", "db297b20b6aca9b7"],
  ["192.168.10.1", "node1", "86214c60a1344de7"],
  ["192.168.10.1", "node2", "8ff1606145062888"],
  ["192.168.10.1", "node3", "44e5fb10176da0c2"],
])("electionHash() of %s on %s begins with %s, as in the releases that speak the same", (address, name, hash) =>
  expect(electionHash(name, address).slice(0, 16)).toBe(hash),
);

describe("the elected node (election, steps 5 to 8)", () => {
  it.each([
    { name: "has the lowest hash", service: {}, winner: "node2" },
    { name: "is another one for another address", service: { ingress: ["192.168.10.1"] }, winner: "node3" },
    {
      name: "is elected by the first address of the status",
      service: { ingress: ["192.168.10.1", "2001:db8::1"] },
      winner: "node3",
    },
    { name: "is elected by the canonical text", service: { ingress: ["::ffff:192.168.10.1"] }, winner: "node3" },
    {
      name: "needs no endpoint of its own under Cluster",
      service: { endpoints: [{ nodeName: "node1" }] },
      winner: "node2",
    },
    {
      name: "needs one under Local",
      service: { externalTrafficPolicy: "Local" as const, endpoints: [{ nodeName: "node1" }, { nodeName: "node3" }] },
      winner: "node1",
    },
    {
      name: "is nobody under Local where no endpoint names its node",
      service: { externalTrafficPolicy: "Local" as const, endpoints: [{}] },
      winner: "notOwner",
    },
    { name: "is nobody without endpoints (step 1)", service: { endpoints: [] }, winner: "notOwner" },
    {
      name: "is the same for a Service that shares the address",
      service: { name: "other", namespace: "shop", annotations: { "metallb.io/allow-shared-ip": "k" } },
      winner: "node2",
    },
  ])("$name", ({ service, winner }) => expect(winnerOf(world([EVERYWHERE]), served(service))).toBe(winner));

  const [n1, n3] = [node("node1"), node("node3")];
  it.each([
    { name: "is alive", fields: { alive: new Set(["node1", "node3"]) }, winner: "node1" },
    {
      name: "has a Node",
      fields: { nodes: nodesOf(n1, n3), alive: new Set(["node1", "node2", "node3"]) },
      winner: "node1",
    },
    {
      name: "has a network",
      fields: { nodes: nodesOf(n1, node("node2", { networkUnavailable: true }), n3) },
      winner: "node1",
    },
    { name: "is not excluded by label", fields: { nodes: nodesOf(n1, node("node2", EXCLUDED), n3) }, winner: "node1" },
    {
      name: "may be excluded where the label is ignored",
      fields: { nodes: nodesOf(n1, node("node2", EXCLUDED), n3), ignoreExcludeLabel: true },
      winner: "node2",
    },
    { name: "need not be Ready", fields: { nodes: nodesOf(n1, node("node2", { ready: false }), n3) }, winner: "node2" },
    { name: "is nobody where nobody is alive", fields: { alive: new Set<string>() }, winner: "notOwner" },
    { name: "is the only one left", fields: { nodes: nodesOf(n3), alive: new Set(["node3"]) }, winner: "node3" },
  ])("$name", ({ fields, winner }) => expect(winnerOf(world([EVERYWHERE], fields), served())).toBe(winner));
});

describe("advertisements (steps 2 to 4)", () => {
  const withAds = (...ads: ReturnType<typeof layer2>[]) => world([pool("p", ["192.168.10.0/24"], { layer2: ads })]);
  it.each([
    { name: "none", cluster: withAds(), service: {}, winner: "noMatchingAdvertisement" },
    {
      name: "for one node",
      cluster: withAds(layer2({ nodeSelectors: [onNode("node3")] })),
      service: {},
      winner: "node3",
    },
    {
      name: "for nodes of either selector and of either advertisement",
      cluster: withAds(
        layer2({ nodeSelectors: [onNode("node1"), onNode("node3")] }),
        layer2({ nodeSelectors: [onNode("node3")] }),
      ),
      service: {},
      winner: "node1",
    },
    {
      name: "for other Services",
      cluster: withAds(layer2({ serviceSelectors: [withLabel("tier", "front")] })),
      service: {},
      winner: "noMatchingAdvertisement",
    },
    {
      name: "for this Service",
      cluster: withAds(layer2({ serviceSelectors: [withLabel("tier", "back"), withLabel("tier", "front")] })),
      service: { labels: { tier: "front" } },
      winner: "node2",
    },
    {
      name: "for this Service, which shares its address",
      cluster: withAds(layer2(), layer2({ serviceSelectors: [withLabel("tier", "front")] })),
      service: { labels: { tier: "front" }, annotations: { "metallb.universe.tf/allow-shared-ip": "" } },
      winner: "sharedIPWithServiceSelector",
    },
    {
      name: "for other Services too, which is nothing to one that shares its address",
      cluster: withAds(layer2(), layer2({ serviceSelectors: [withLabel("tier", "front")] })),
      service: { annotations: { "metallb.universe.tf/allow-shared-ip": "k" } },
      winner: "node2",
    },
  ])("$name", ({ cluster, service, winner }) => expect(winnerOf(cluster, served(service))).toBe(winner));

  it("make a node that none selects say so, also where nobody is elected", () => {
    const cluster = withAds(layer2({ nodeSelectors: [onNode("node3")] }));
    expect(decideService(cluster, served(), "node1").layer2).toEqual({
      announce: false,
      reason: "noMatchingAdvertisement",
      winner: "node3",
      explanation: "node3 announces it, the only candidate; node1 cannot: no L2Advertisement selects it",
    });
    const nobody = decideService({ ...cluster, alive: new Set(["node1"]) }, served(), "node1").layer2;
    expect(nobody).toMatchObject({ announce: false, reason: "noMatchingAdvertisement" });
    expect(nobody).not.toHaveProperty("winner");
  });
});

describe("preferred nodes", () => {
  const prefer = (name: string, weight: number) => ({ weight, preference: onNode(name) });
  it.each([
    { name: "win over the hash", ads: [layer2({ preferredNodes: [prefer("node3", 1)] })], winner: "node3" },
    {
      name: "add up within an advertisement",
      ads: [layer2({ preferredNodes: [prefer("node3", 30), prefer("node1", 20), prefer("node1", 20)] })],
      winner: "node1",
    },
    {
      name: "add up over advertisements",
      ads: [
        layer2({ preferredNodes: [prefer("node3", 30), prefer("node1", 20)] }),
        layer2({ preferredNodes: [prefer("node1", 20)] }),
      ],
      winner: "node1",
    },
    {
      name: "count only inside the nodes of their own advertisement",
      ads: [layer2({ nodeSelectors: [onNode("node1")], preferredNodes: [prefer("node3", 30)] }), layer2()],
      winner: "node2",
    },
    {
      name: "of equal weight are told apart by the hash",
      ads: [layer2({ preferredNodes: [prefer("node1", 5), prefer("node3", 5)] })],
      winner: "node1",
    },
  ])("$name", ({ ads, winner }) =>
    expect(winnerOf(world([pool("p", ["192.168.10.0/24"], { layer2: ads })]), served())).toBe(winner),
  );
});

describe("endpoints", () => {
  it.each([
    { conditions: {}, usable: true },
    { conditions: { ready: true }, usable: true },
    { conditions: { ready: false }, usable: false },
    { conditions: { ready: false, serving: true, terminating: true }, usable: true },
    { conditions: { ready: true, serving: false }, usable: true },
    { conditions: { ready: false, serving: false }, usable: false },
    { conditions: { serving: false }, usable: true },
    { conditions: { addresses: [] }, usable: false },
  ])("with $conditions are usable: $usable", ({ conditions, usable }) => {
    const service = served({ endpoints: [{ nodeName: "node2", ...conditions }], externalTrafficPolicy: "Local" });
    expect(winnerOf(world([EVERYWHERE]), service)).toBe(usable ? "node2" : "notOwner");
  });
});

describe("interfaces of the winner", () => {
  it.each([
    { name: "all, where an advertisement names none", ads: [layer2(), layer2({ interfaces: ["eth1"] })], expected: [] },
    {
      name: "those of all advertisements that reach it",
      ads: [
        layer2({ interfaces: ["eth2", "eth1"] }),
        layer2({ interfaces: ["eth1", "eth0"], nodeSelectors: [onNode("node2")] }),
        layer2({ interfaces: ["eth9"], nodeSelectors: [onNode("node1")] }),
        layer2({ interfaces: ["eth8"], serviceSelectors: [withLabel("tier", "front")] }),
      ],
      expected: ["eth0", "eth1", "eth2"],
    },
  ])("$name", ({ ads, expected }) => {
    const cluster = world([pool("p", ["192.168.10.0/24"], { layer2: ads })]);
    expect(decideService(cluster, served(), "node2").layer2).toEqual({
      announce: true,
      addresses: ["192.168.10.0"],
      interfaces: expected,
      explanation: "node2 announces it, chosen from 3 candidates",
    });
  });
});

describe("before any protocol", () => {
  it.each([
    { name: "no LoadBalancer", service: served({ type: "ClusterIP" }), reason: "notLoadBalancer" },
    { name: "no address", service: served({ ingress: [] }), reason: "noIPAllocated" },
    { name: "an address that is none", service: served({ ingress: ["192.168.10"] }), reason: "invalidIP" },
    { name: "an address in no pool", service: served({ ingress: ["203.0.113.1"] }), reason: "ipNotAllowed" },
    {
      name: "addresses of two pools",
      service: served({ ingress: ["192.168.10.1", "10.1.0.1"] }),
      reason: "ipNotAllowed",
    },
  ])("$name", ({ service, reason }) => {
    const cluster = world([EVERYWHERE, pool("q", ["10.1.0.0/16"], { layer2: [layer2()] })]);
    const decision = decideService(cluster, service, "node2");
    expect(decision).toMatchObject({ layer2: { announce: false, reason }, bgp: { announce: false, reason } });
    expect(announcersOf(cluster, service)).toMatchObject({ announcers: [] });
  });

  it("a host name in the status is no address", () => {
    const { service, endpointSlices } = served();
    const named = { service: { ...service, ingress: [{ hostname: "lb.example.com" }] }, endpointSlices };
    expect(decideService(world([EVERYWHERE]), named, "node2").layer2).toEqual({
      announce: false,
      reason: "invalidIP",
      explanation: 'the status of default/web has "lb.example.com", which is no address',
    });
  });

  it("avoidBuggyIPs does not keep a present address from being announced", () =>
    expect(winnerOf(world([{ ...EVERYWHERE, avoidBuggyIPs: true }]), served())).toBe("node2"));
});
