import { describe, expect, it } from "vitest";
import type { AnnounceWorld, Fleet, ServiceWorld } from "../../../../src/runtime/announce/decision.js";
import { decideService } from "../../../../src/runtime/announce/decide-service.js";
import { electionRulesOf, NEWEST_RULES } from "../../../../src/runtime/announce/fleet-generation.js";
import { electionHash } from "../../../../src/runtime/announce/layer2-election.js";
import { parseRelease } from "../../../../src/runtime/announce/release.js";
import type { Endpoint } from "../../../../src/runtime/world/views.js";
import { layer2, node, nodesOf, onNode, pool, served, withLabel, world } from "./fixtures.js";

const EVERYWHERE = pool("p", ["192.168.10.0/24", "2001:db8::/64"], { layer2: [layer2()] });
const NODES = ["node1", "node2", "node3"];

function rulesOf(release: string) {
  const parsed = parseRelease(release);
  if (parsed === undefined && release !== "newest") throw new Error(`${release} is no release`);
  return electionRulesOf(parsed);
}

/** A fleet with speakers of that release on these nodes. */
function withOld(release: string, old: readonly string[] = ["node3"], fields: Partial<Fleet> = {}): Fleet {
  return { rules: rulesOf(release), old: new Set(old), gossips: true, asksFirst: false, former: [], ...fields };
}

/** The one node that announces, or the reasons of all. */
function winnerOf(cluster: AnnounceWorld, service: ServiceWorld): string {
  const decisions = NODES.map((name) => decideService(cluster, service, name).layer2);
  const announcing = decisions.flatMap(({ announce }, index) => (announce ? [`node${index + 1}`] : []));
  if (announcing.length > 1) throw new Error(`${announcing.join()} announce`);
  return announcing[0] ?? [...new Set(decisions.flatMap((each) => (each.announce ? [] : [each.reason])))].join();
}

it.each([
  ["default/web", "node1", "211ce4074b5be49c"],
  ["default/web", "node2", "945b3de57104af0e"],
  ["default/web", "node3", "18d64acf5e2b152f"],
  ["192.168.10.0", "node2", "092db1fa9316ad6b"],
])("electionHash() of %s on %s begins with %s", (input, name, hash) =>
  expect(electionHash(name, input).slice(0, 16)).toBe(hash),
);

it.each([
  ["v0.8.3", "v0.9"],
  ["v0.9.6-86016b74", "v0.9"],
  ["v0.10.3", "v0.9"],
  ["v0.11.0", "v0.11"],
  ["v0.12.1", "v0.12"],
  ["v0.13.0", "v0.13"],
  ["v0.13.9", "v0.13"],
  ["v0.13.12", "v0.13.10"],
  ["v0.14.3", "v0.14"],
  ["v0.14.4", "v0.14.4"],
  ["v0.14.9", "v0.14.5"],
  ["v0.15.3", "v0.15"],
  ["v0.16.1", "v0.16"],
  ["v0.16.2", "newest"],
  ["v0.17.0", "newest"],
])("%s elects by the rules since %s", (release, since) => expect(rulesOf(release).since).toBe(since));

const endpointOn = (nodeName: string, conditions: Partial<Endpoint> = {}) => ({
  endpoints: [{ nodeName, ...conditions }],
});
const serviceOn = (nodeName: string) => served({ ...endpointOn(nodeName), externalTrafficPolicy: "Local" });
const EXCLUDED = node("node2", { labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } });
const CUT_OFF = node("node2", { networkUnavailable: true });
const [n1, n3] = [node("node1"), node("node3")];
const onlyNode3 = pool("p", ["192.168.10.0/24"], { layer2: [layer2({ nodeSelectors: [onNode("node3")] })] });
const onlyFront = pool("p", ["192.168.10.0/24"], {
  layer2: [layer2({ serviceSelectors: [withLabel("tier", "front")] })],
});
const prefersNode3 = pool("p", ["192.168.10.0/24"], {
  layer2: [layer2({ preferredNodes: [{ weight: 1, preference: onNode("node3") }] })],
});

/** Whom each release elects; `by` is a row of the table of releases, or the paragraph on endpoints. */
describe.each<{
  rule: string;
  cluster: AnnounceWorld;
  service: ServiceWorld;
  winners: Readonly<Record<string, string>>;
}>([
  {
    rule: "key: namespace/name up to v0.10, the address from v0.11 on (election, versions)",
    cluster: world([EVERYWHERE]),
    service: served(),
    winners: { "v0.9.0": "node3", "v0.10.3": "node3", "v0.11.0": "node2", "v0.14.9": "node2", newest: "node2" },
  },
  {
    rule: "Cluster: only nodes with an endpoint up to v0.10, any live speaker from v0.11 on (election, versions)",
    cluster: world([EVERYWHERE]),
    service: served(endpointOn("node1")),
    winners: { "v0.9.0": "node1", "v0.10.3": "node1", "v0.11.0": "node2", newest: "node2" },
  },
  {
    rule: "Local: a node with an endpoint, always (election, step 6)",
    cluster: world([EVERYWHERE]),
    service: serviceOn("node1"),
    winners: { "v0.10.3": "node1", "v0.11.0": "node1", "v0.14.9": "node1", newest: "node1" },
  },
  {
    rule: "two addresses: the first one is hashed from v0.12 on; before, only ours announce them (election, versions)",
    cluster: world([EVERYWHERE]),
    service: served({ ingress: ["192.168.10.1", "2001:db8::1"] }), // node3 has the lowest hash, then node1
    winners: { "v0.11.0": "node1", "v0.12.0": "node3", newest: "node3" },
  },
  {
    rule: "node selectors from v0.13 on (election, versions)",
    cluster: world([onlyNode3]),
    service: served(),
    winners: { "v0.12.1": "node2", "v0.13.0": "node3", newest: "node3" },
  },
  {
    rule: "a live speaker without a Node up to v0.12 (election, versions)",
    cluster: world([EVERYWHERE], { nodes: nodesOf(n1, n3), alive: new Set(NODES) }),
    service: served(),
    winners: { "v0.12.1": "node2", "v0.13.0": "node1", newest: "node1" },
  },
  {
    rule: "NetworkUnavailable from v0.13.10 on (election, versions)",
    cluster: world([EVERYWHERE], { nodes: nodesOf(n1, CUT_OFF, n3) }),
    service: served(),
    winners: { "v0.11.0": "node2", "v0.13.9": "node2", "v0.13.10": "node1", newest: "node1" },
  },
  {
    rule: "the exclude label from v0.14.0 on (election, versions)",
    cluster: world([EVERYWHERE], { nodes: nodesOf(n1, EXCLUDED, n3) }),
    service: served(),
    winners: { "v0.13.12": "node2", "v0.14.0": "node1", newest: "node1" },
  },
  {
    rule: "--ignore-exclude-lb from v0.14.4 on (election, versions)",
    cluster: world([EVERYWHERE], { nodes: nodesOf(n1, EXCLUDED, n3), ignoreExcludeLabel: true }),
    service: served(),
    winners: { "v0.13.12": "node2", "v0.14.3": "node1", "v0.14.4": "node2", newest: "node2" },
  },
  {
    rule: "serviceSelectors of advertisements from v0.16.0 on (L2Advertisement)",
    cluster: world([onlyFront]),
    service: served(),
    winners: { "v0.15.3": "node2", "v0.16.0": "noMatchingAdvertisement" },
  },
  {
    rule: "and with them what may not share an address (election, step 3)",
    cluster: world([onlyFront]),
    service: served({ labels: { tier: "front" }, annotations: { "metallb.io/allow-shared-ip": "k" } }),
    winners: { "v0.15.3": "node2", "v0.16.0": "sharedIPWithServiceSelector" },
  },
  {
    rule: "preferred nodes after v0.16.1 (election, step 7)",
    cluster: world([prefersNode3]),
    service: served(),
    winners: { "v0.16.1": "node2", newest: "node3" },
  },
  {
    rule: "an endpoint that terminates and serves: not up to v0.13 (endpoints)",
    cluster: world([EVERYWHERE]),
    service: served(endpointOn("node2", { ready: false, serving: true, terminating: true })),
    winners: { "v0.9.0": "notOwner", "v0.13.12": "notOwner", "v0.14.0": "node2", "v0.14.5": "node2", newest: "node2" },
  },
  {
    rule: "an endpoint that is ready and does not serve: not in v0.14.0 to v0.14.4 (endpoints)",
    cluster: world([EVERYWHERE]),
    service: served(endpointOn("node2", { ready: true, serving: false })),
    winners: { "v0.13.12": "node2", "v0.14.0": "notOwner", "v0.14.4": "notOwner", "v0.14.5": "node2" },
  },
  {
    rule: "an endpoint of which only is known that it does not serve (endpoints)",
    cluster: world([EVERYWHERE]),
    service: served(endpointOn("node2", { serving: false })),
    winners: { "v0.13.12": "node2", "v0.14.0": "notOwner", "v0.14.5": "node2" },
  },
])("$rule", ({ cluster, service, winners }) => {
  it.each(Object.entries(winners))("%s elects %s", (release, winner) =>
    expect(winnerOf({ ...cluster, fleet: withOld(release) }, service)).toBe(winner),
  );
});

describe("without gossip (election, rows on memberlist disabled)", () => {
  const cluster = (release: string) =>
    world([EVERYWHERE], { alive: new Set(["node1", "node2"]), fleet: withOld(release, ["node2"], { gossips: false }) });
  it.each<[release: string, policy: "Cluster" | "Local", winner: string, among: string]>([
    ["v0.10.3", "Cluster", "node3", "all nodes with an endpoint, dead ones as well"],
    ["v0.11.0", "Cluster", "node1", "no old one: ours"],
    ["v0.11.0", "Local", "node2", "nodes with an endpoint"],
    ["v0.12.1", "Local", "node2", "nodes with an endpoint"],
    ["v0.13.0", "Local", "node1", "no old one: ours"],
    ["v0.14.9", "Cluster", "node1", "no old one: ours"],
    ["v0.14.9", "Local", "node1", "no old one: ours"],
    ["v0.15.0", "Cluster", "node2", "every Node"],
  ])("%s, %s: %s, %s", (release, externalTrafficPolicy, winner) =>
    expect(winnerOf(cluster(release), served({ externalTrafficPolicy }))).toBe(winner),
  );

  it("every Node from v0.15 on, dead ones as well", () =>
    expect(winnerOf(cluster("v0.15.0"), served({ ingress: ["192.168.10.1"] }))).toBe("node3"));

  it("who lives, where all speakers are ours", () => {
    const fleet = withOld("newest", [], { gossips: false });
    expect(winnerOf({ ...cluster("v0.15.0"), fleet }, served({ ingress: ["192.168.10.1"] }))).toBe("node1");
  });
});

describe("when the rules change", () => {
  const change = (from: string, to: string, old: readonly string[]) =>
    world([EVERYWHERE], { fleet: withOld(to, old, { former: [rulesOf(from)] }) });

  it("nobody answers for what changes hands between two of ours", () => {
    const cluster = change("v0.10.0", "newest", []); // from node3 to node2
    expect(winnerOf(cluster, served())).toBe("notOwner");
    expect(decideService(cluster, served(), "node2").layer2).toEqual({
      announce: false,
      reason: "notOwner",
      winner: "node2",
      explanation:
        "node2 announces it, chosen from 3 candidates, once node3 has stopped, which it was by other rules until now",
    });
  });

  it.each([
    { name: "stays where it was", cluster: change("v0.14.0", "newest", []), service: served(), winner: "node2" },
    {
      name: "was with nobody",
      cluster: change("v0.13.0", "newest", []),
      service: served(endpointOn("node2", { ready: false, serving: true })),
      winner: "node2",
    },
    {
      name: "would have been with a speaker of the original, which has its own rules",
      cluster: change("newest", "v0.10.0", ["node2"]),
      service: served(),
      winner: "node3",
    },
  ])("what $name is answered at once", ({ cluster, service, winner }) =>
    expect(winnerOf(cluster, service)).toBe(winner),
  );
});

it("says by which rules it was elected, where they are not the newest", () => {
  const fleet = withOld("v0.10.3");
  expect(decideService(world([EVERYWHERE], { fleet }), served(), "node1").layer2.explanation).toBe(
    "node3 announces it, chosen from 3 candidates, by the rules since v0.9",
  );
  expect(decideService(world([EVERYWHERE], { fleet }), served(endpointOn("node1")), "node2").layer2.explanation).toBe(
    "node1 announces it, the only candidate, by the rules since v0.9; node2 cannot: it has no usable endpoint, which each announcer needs by these rules",
  );
});

it("no fleet at all is one of ours", () => {
  const fleet: Fleet = { rules: NEWEST_RULES, old: new Set(), gossips: true, asksFirst: false, former: [] };
  for (const name of NODES) {
    expect(decideService(world([EVERYWHERE]), served(), name)).toEqual(
      decideService(world([EVERYWHERE], { fleet }), served(), name),
    );
  }
});
