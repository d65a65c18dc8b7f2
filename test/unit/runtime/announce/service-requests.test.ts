import { describe, expect, it } from "vitest";
import type { ServiceRequests } from "../../../../src/config/model.js";
import { announcersOf } from "../../../../src/runtime/announce/announcers-of.js";
import { decideService } from "../../../../src/runtime/announce/decide-service.js";
import { judgeRequests } from "../../../../src/runtime/announce/service-requests.js";
import { bgp, node, nodesOf, onNode, peer, pool, served, withLabel, world } from "./fixtures.js";

const ANY: ServiceRequests = {
  communities: [{ pattern: "64512:*" }, { pattern: "large:1:*:*" }, { pattern: "65535:65281", alias: "no-export" }],
  localPref: { min: 50, max: 200 },
};
const COMMUNITIES = "metallb.io/bgp-communities";
const LOCAL_PREF = "metallb.io/bgp-local-pref";

type Ads = readonly ReturnType<typeof bgp>[];
type Fields = Parameters<typeof world>[1];
const worldOf = (ads: Ads, fields: Fields = {}) =>
  world([pool("front", ["192.168.10.0/24"], { bgp: ads })], { peers: [peer("router")], ...fields });
const decide = (annotations: Record<string, string>, ads: Ads, fields: Fields = {}, on = "node1") => {
  const { bgp: decision } = decideService(worldOf(ads, fields), served({ annotations }), on);
  if (!decision.announce) throw new Error(decision.explanation);
  return decision;
};
const attributes = (annotations: Record<string, string>, ads: Ads) =>
  decide(annotations, ads).routes.map(({ localPref, communities, requested = [], asPathPrepend = 0 }) => ({
    localPref,
    communities,
    requested,
    asPathPrepend,
  }));

describe("what a Service asks for", () => {
  it.each([
    { name: "one community", asks: { [COMMUNITIES]: "64512:7" }, requested: ["64512:7"], localPref: 100 },
    {
      name: "several, with blanks, one twice, one that is there",
      asks: { [COMMUNITIES]: " 64512:7,large:1:2:3 , 64512:07,,64512:5" },
      requested: ["64512:7", "large:1:2:3"],
      localPref: 100,
    },
    { name: "an alias", asks: { [COMMUNITIES]: "no-export" }, requested: ["65535:65281"], localPref: 100 },
    {
      name: "what the alias stands for",
      asks: { [COMMUNITIES]: "65535:65281" },
      requested: ["65535:65281"],
      localPref: 100,
    },
    { name: "the lowest preference", asks: { [LOCAL_PREF]: "50" }, requested: undefined, localPref: 50 },
    { name: "the highest", asks: { [LOCAL_PREF]: " 200 " }, requested: undefined, localPref: 200 },
    {
      name: "by the old prefix",
      asks: { "metallb.universe.tf/bgp-local-pref": "60" },
      requested: undefined,
      localPref: 60,
    },
    { name: "nothing in words", asks: { [COMMUNITIES]: " , " }, requested: undefined, localPref: 100 },
  ])("$name: is granted where the advertisement allows it", ({ asks, requested, localPref }) => {
    const ad = bgp({ communities: ["64512:5"], localPref: 100, asPathPrepend: 2, serviceRequests: ANY });
    const decision = decide(asks, [ad]);
    expect(decision.routes).toMatchObject([{ communities: ["64512:5"], localPref, asPathPrepend: 2 }]);
    expect(decision.routes[0]?.requested).toEqual(requested); // apart from what is the administrator's
    expect(decision.refused).toBeUndefined();
  });

  it.each([
    { name: "without any permission", serviceRequests: undefined },
    {
      name: "of others only",
      serviceRequests: { communities: [{ pattern: "64513:*" }], localPref: { min: 0, max: 49 } },
    },
  ])("changes nothing $name, and the Service is announced", ({ serviceRequests }) => {
    const ad = bgp({ communities: ["64512:5"], ...(serviceRequests && { serviceRequests }) });
    const decision = decide({ [COMMUNITIES]: "64512:7", [LOCAL_PREF]: "150" }, [ad]);
    expect(decision.routes).toMatchObject([{ communities: ["64512:5"], localPref: 0 }]);
    expect(decision.refused?.problem).toBe(
      "Cannot announce default/web with all that it asks for: " +
        'metallb.io/bgp-communities has "64512:7", which no BGPAdvertisement of pool front allows: ' +
        "ask an administrator for serviceRequests that allow it; " +
        "metallb.io/bgp-local-pref is 150, which no BGPAdvertisement of pool front allows: " +
        "ask an administrator for serviceRequests that allow it",
    );
  });

  it.each([
    {
      asks: { [COMMUNITIES]: "64512:7,64512:x,70000:1" },
      kept: ["64512:7"],
      says: '"64512:x", "70000:1", no community here',
    },
    { asks: { [COMMUNITIES]: "no-such-alias" }, kept: [], says: '"no-such-alias", no community here' },
    { asks: { [COMMUNITIES]: "64512:*" }, kept: [], says: '"64512:*", no community here' },
    { asks: { [COMMUNITIES]: "64512:7,65535:666" }, kept: ["64512:7"], says: '"65535:666", which no BGPAdvertisement' },
    { asks: { [COMMUNITIES]: listed(32) }, kept: listed(32).split(",").toSorted(), says: undefined },
    { asks: { [COMMUNITIES]: listed(33) }, kept: [], says: "has 33 communities, and at most 32 may be asked for" },
    { asks: { [LOCAL_PREF]: "many" }, kept: [], says: '"many", no number of 0 to 4294967295: write one' },
    { asks: { [LOCAL_PREF]: "-1" }, kept: [], says: '"-1", no number of 0' },
    { asks: { [LOCAL_PREF]: "4294967296" }, kept: [], says: '"4294967296", no number of 0' },
    { asks: { [LOCAL_PREF]: "" }, kept: [], says: '"", no number of 0' },
    { asks: { [LOCAL_PREF]: "201" }, kept: [], says: "is 201, which no BGPAdvertisement of pool front allows" },
  ])("$asks: what is wrong with it is left out and told: $says", ({ asks, kept, says }) => {
    const decision = decide(asks, [bgp({ localPref: 100, serviceRequests: ANY })]);
    expect(decision.routes).toMatchObject([{ communities: [], localPref: 100 }]);
    expect(decision.routes[0]?.requested ?? []).toEqual(kept);
    if (says === undefined) expect(decision.refused).toBeUndefined();
    else expect(decision.refused?.problem).toContain(says);
  });

  it("is read once for an advertisement, not for each route and peer", () => {
    const { service } = served({ annotations: { [COMMUNITIES]: "64512:7" } });
    const [one, other] = [bgp({ serviceRequests: ANY }), bgp({ serviceRequests: ANY })];
    const { grantedBy } = judgeRequests(service, "front", [one, other]);
    expect(grantedBy(one)).toEqual({ communities: ["64512:7"] });
    expect(grantedBy(one)).toBe(grantedBy(one));
    expect(grantedBy(other)).toEqual(grantedBy(one));
  });

  it("is told of in bounds", () => {
    const long = Array.from({ length: 32 }, (_, index) => `${index}${"\u0007x".repeat(5000)}`).join();
    const problem = decide({ [COMMUNITIES]: long, [LOCAL_PREF]: long }, [bgp()]).refused?.problem ?? "";
    expect(problem.length).toBeLessThanOrEqual(1024);
    expect(problem).toContain("and 29 more");
  });
});

function listed(count: number): string {
  return Array.from({ length: count }, (_, index) => `64512:${100 + index}`).join();
}

describe("several advertisements", () => {
  it("change where they allow it: by prefix, by peer", () => {
    const asks = { [COMMUNITIES]: "64512:7", [LOCAL_PREF]: "150" };
    const [open, closed] = [bgp({ serviceRequests: ANY }), bgp({ aggregationLength: 24, communities: ["64512:1"] })];
    expect(attributes(asks, [open, closed])).toEqual([
      { communities: [], requested: ["64512:7"], localPref: 150, asPathPrepend: 0 },
      { communities: ["64512:1"], requested: [], localPref: 0, asPathPrepend: 0 },
    ]);
    const peers = [peer("r1"), peer("r2")];
    const byPeer = [bgp({ peers: ["r1"], serviceRequests: ANY }), bgp({ peers: ["r2"], asPathPrepend: 3 })];
    const routes = decide(asks, byPeer, { peers }).routes;
    expect(routes.map(({ peers: to, localPref, asPathPrepend }) => [to, localPref, asPathPrepend])).toEqual([
      [["r1"], 150, undefined],
      [["r2"], 0, 3],
    ]);
  });

  it("that send one route with unlike paths send none", () => {
    const ads = [bgp({ asPathPrepend: 1 }), bgp({ serviceSelectors: [withLabel("tier", "front")] })];
    const front = served({ labels: { tier: "front" } });
    expect(decideService(worldOf(ads), front, "node1").bgp).toMatchObject({
      reason: "conflictingAdvertisements",
      explanation: "not announced: two BGPAdvertisements of pool front send one prefix with asPathPrepend 1 and 0",
    });
    expect(decideService(worldOf(ads), served(), "node1").bgp).toMatchObject({ routes: [{ asPathPrepend: 1 }] });
  });

  it("of one route that a Service asks for are in no conflict by what it asks", () => {
    const asks = { [LOCAL_PREF]: "150" };
    expect(attributes(asks, [bgp({ localPref: 100 }), bgp({ localPref: 100, serviceRequests: ANY })])).toEqual([
      { communities: [], requested: [], localPref: 150, asPathPrepend: 0 },
    ]);
  });
});

describe("who tells the owner", () => {
  const asks = { [COMMUNITIES]: "64512:7" };
  const toldBy = (ads: Ads, fields: Fields, on: string) => decide(asks, ads, fields, on).refused?.toldBy;

  it("is the first by name of the nodes that live and announce it, as all of them know", () => {
    const ads = [bgp({ nodeSelectors: [onNode("node2"), onNode("node3")] })];
    for (const on of ["node2", "node3"]) expect(toldBy(ads, {}, on)).toBe("node2");
    expect(toldBy(ads, { alive: new Set(["node1", "node3"]) }, "node3")).toBe("node3");
  });

  it("is none without a peer", () => {
    const fields = { peers: [peer("router", [onNode("node3")])] };
    expect(toldBy([bgp()], fields, "node3")).toBe("node3");
  });

  it("is the node itself where nobody is known to live", () => {
    expect(toldBy([bgp()], { alive: new Set(), nodes: nodesOf(node("node1")) }, "node1")).toBe("node1");
  });

  it("is not told twice in what simulates the whole fleet", () => {
    const { reason } = announcersOf(worldOf([bgp()]), served({ annotations: asks }));
    expect(reason).toMatch(/^BGP: announced by node1, node2, node3; Cannot announce default\/web with all[^;]+$/);
  });
});
