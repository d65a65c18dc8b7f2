import { beforeEach, expect, it } from "vitest";
import { readDocuments } from "../../../../src/config/read-documents.js";
import { electionRulesOf } from "../../../../src/runtime/announce/fleet-generation.js";
import { createSpeaker, type Speaker } from "../../../../src/runtime/speaker/speaker.js";
import { readEndpointSlice, readNode, readService } from "../../../../src/runtime/world/read.js";
import type { EndpointSliceView, NodeView, ServiceView } from "../../../../src/runtime/world/views.js";

const node = (name: string, labels: Record<string, string> = {}): NodeView => {
  const read = readNode({ metadata: { name, labels }, status: { conditions: [{ type: "Ready", status: "True" }] } });
  if (!read.ok) throw new Error(read.fault.problem);
  return read.value;
};
const service = (name: string, ip: string | undefined, spec: object = {}): ServiceView => {
  const read = readService({
    metadata: { name, namespace: "default" },
    spec: { type: "LoadBalancer", clusterIP: "10.96.0.1", ports: [{ port: 80 }], ...spec },
    status: { loadBalancer: { ingress: ip === undefined ? [] : [{ ip }] } },
  });
  if (!read.ok) throw new Error(read.fault.problem);
  return read.value;
};
const endpoints = (name: string, nodes: readonly string[]): EndpointSliceView => {
  const read = readEndpointSlice({
    metadata: { name: `${name}-1`, namespace: "default", labels: { "kubernetes.io/service-name": name } },
    endpoints: nodes.map((nodeName) => ({ addresses: ["10.244.0.1"], nodeName, conditions: { ready: true } })),
  });
  if (!read.ok) throw new Error(read.fault.problem);
  return read.value;
};
const config = (addresses: string) =>
  readDocuments(
    JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "config", namespace: "metallb-system" },
      data: { config: `address-pools:\n- {name: p, protocol: layer2, addresses: [${addresses}]}\n` },
    }),
    "config.json",
  ).documents;

let wire: string[];
let events: string[];
let stale: boolean | undefined;
let deferred: (() => void)[];
let fleetChanges: number;
let gauged: string[];
let problems: string[];
let bgp: string[];
let speaker: Speaker;
const settle = (): void => {
  for (const work of deferred.splice(0)) work();
};

beforeEach(() => {
  [wire, events, stale, deferred] = [[], [], undefined, []];
  [fleetChanges, gauged, problems, bgp] = [0, [], [], []];
  const error = (_: unknown, message: string): void => void problems.push(message);
  speaker = createSpeaker(
    {
      node: "n1",
      namespace: "metallb-system",
      configMapName: "config",
      loadBalancerClass: "",
      ignoreExcludeLabel: false,
    },
    {
      announce: (address, _, probe) => wire.push(`${probe ? "?" : "+"}${address}`),
      withdraw: (address) => wire.push(`-${address}`),
      fleetChanged: () => (fleetChanges += 1),
      recordEvent: (_, { reason, message }) => events.push(`${reason}: ${message}`),
      bgp: {
        usePeers: () => undefined,
        setRoutes: () => undefined,
        hold: () => void bgp.push("hold"),
        flush: () => void bgp.push("flush"),
      },
      decided: () => void bgp.push("decided"),
      gaugeAnnounced: (key, address, protocol, on) => gauged.push(`${key} ${address} ${protocol} ${on}`),
      gaugeConfig: (state) => (stale = state.stale),
      defer: (work) => deferred.push(work),
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error },
    },
  );
  speaker.nodeChanged(node("n1"));
  speaker.aliveChanged(new Set(["n1"]));
});

function begin(): void {
  speaker.serviceChanged(service("web", "192.0.2.1"));
  speaker.endpointSliceChanged(endpoints("web", ["n1"]));
  speaker.configChanged(config("192.0.2.0/24"));
  speaker.synced();
}

it("announces nothing before everything is known, then what it owns, and tells the Service's owner", () => {
  speaker.serviceChanged(service("web", "192.0.2.1"));
  speaker.endpointSliceChanged(endpoints("web", ["n1"]));
  speaker.configChanged(config("192.0.2.0/24"));
  settle();
  speaker.rehearse();
  expect([wire, gauged, events, stale]).toEqual([[], [], [], false]); // the configuration is in force by then
  speaker.synced();
  expect(wire).toEqual(["+192.0.2.1"]);
  expect(events).toEqual(['nodeAssigned: announcing from node "n1" with protocol "layer2"']);
});

it.each<{ name: string; change: () => void }>([
  { name: "the Service is deleted", change: () => speaker.serviceDeleted("default/web") },
  { name: "the Service loses its address", change: () => speaker.serviceChanged(service("web", undefined)) },
  {
    name: "its type changes",
    change: () => speaker.serviceChanged(service("web", "192.0.2.1", { type: "ClusterIP" })),
  },
  {
    name: "it gets a class that is not ours",
    change: () => speaker.serviceChanged(service("web", "192.0.2.1", { loadBalancerClass: "other" })),
  },
  { name: "the last endpoint goes", change: () => speaker.endpointSliceChanged(endpoints("web", [])) },
  { name: "the EndpointSlice is deleted", change: () => speaker.endpointSliceDeleted("default/web-1") },
  { name: "the node is not alive", change: () => speaker.aliveChanged(new Set()) },
  {
    name: "the node is excluded by label",
    change: () => speaker.nodeChanged(node("n1", { "node.kubernetes.io/exclude-from-external-load-balancers": "" })),
  },
])("withdraws when $name", ({ change }) => {
  begin();
  change();
  settle();
  expect(wire).toEqual(["+192.0.2.1", "-192.0.2.1"]);
});

it("elects by the rules of the fleet", () => {
  speaker.nodeChanged(node("n2"));
  begin();
  settle();
  wire.length = 0;
  const alive = new Set(["n1", "n2"]);
  speaker.aliveChanged(alive); // who has the lowest hash, and no endpoint
  settle();
  expect(wire).toEqual(["-192.0.2.1"]);
  const rules = electionRulesOf({ minor: 10, patch: 0 });
  speaker.fleetChanged({ rules, old: new Set(["n2"]), gossips: true, asksFirst: false, former: [] });
  settle();
  expect(wire).toEqual(["-192.0.2.1", "+192.0.2.1"]);
});

it("decides on thousands of Services in several turns, in which others have theirs, and BGP hears of the whole", () => {
  const names = Array.from({ length: 1200 }, (_, index) => `s${index}`);
  for (const [index, name] of names.entries()) {
    speaker.serviceChanged(service(name, `192.0.${2 + (index >> 8)}.${index & 255}`));
    speaker.endpointSliceChanged(endpoints(name, ["n1"]));
  }
  speaker.configChanged(config("192.0.0.0/16"));
  speaker.synced();
  expect([wire.length, bgp, deferred.length]).toEqual([500, ["hold"], 1]);
  const told: string[] = [];
  speaker.whenDecided(() => void told.push(wire.at(-1) ?? ""));
  speaker.serviceChanged(service("late", "192.0.0.1"));
  speaker.endpointSliceChanged(endpoints("late", ["n1"]));
  settle();
  expect([wire.length, bgp, deferred.length]).toEqual([1000, ["hold", "hold"], 1]);
  expect(told).toEqual([]);
  settle();
  expect([wire.length, bgp, deferred.length]).toEqual([1201, ["hold", "hold", "flush", "decided"], 0]);
  expect(told).toEqual(["?192.0.0.1"]);
  speaker.whenDecided(() => void told.push("at once"));
  expect(told).toEqual(["?192.0.0.1", "at once"]);
});

it("says what waits for its decisions also where it stops before them", () => {
  begin();
  speaker.aliveChanged(new Set());
  const told: string[][] = [];
  speaker.whenDecided(() => void told.push([...wire]));
  expect(told).toEqual([]);
  speaker.stop();
  expect(told).toEqual([["+192.0.2.1", "-192.0.2.1"]]);
});

it("changes its address when the Service does", () => {
  begin();
  speaker.serviceChanged(service("web", "192.0.2.2"));
  settle();
  expect(wire).toEqual(["+192.0.2.1", "-192.0.2.1", "?192.0.2.2"]);
});

it("goes on with the last good model while the newest is refused, and takes the former one back", () => {
  begin();
  speaker.configChanged(config("192.0.2.0/33"));
  settle();
  expect([wire, stale]).toEqual([["+192.0.2.1"], true]);
  speaker.serviceChanged(service("more", "192.0.2.9"));
  speaker.endpointSliceChanged(endpoints("more", ["n1"]));
  settle();
  expect(wire).toEqual(["+192.0.2.1", "?192.0.2.9"]);
  speaker.configChanged(config("192.0.2.0/24"));
  settle();
  expect([wire, stale]).toEqual([["+192.0.2.1", "?192.0.2.9"], false]);
});

it("waits with a model that has no room for what it announces until the Service has moved", () => {
  begin();
  speaker.configChanged(config("198.51.100.0/24"));
  settle();
  expect([wire, stale]).toEqual([["+192.0.2.1"], true]);
  speaker.nodeChanged(node("n2"));
  settle();
  expect(problems).toEqual([expect.stringMatching(/192\.0\.2\.1 is announced and in none of its pools/)]); // once
  speaker.serviceChanged(service("web", "198.51.100.1"));
  settle();
  settle();
  expect([wire.at(-1), stale]).toEqual(["?198.51.100.1", false]);
  expect(wire).toContain("-192.0.2.1");
});

it("keeps the former configuration when it is deleted", () => {
  begin();
  speaker.configChanged([]);
  settle();
  expect([wire, stale]).toEqual([["+192.0.2.1"], true]);
});

it("does nothing anew when a Node's status is written again", () => {
  begin();
  speaker.nodeChanged({ ...node("n1"), internalIPs: ["192.0.2.77"] });
  expect(deferred).toEqual([]);
});

it("withdraws everything when it stops", () => {
  begin();
  speaker.stop();
  speaker.serviceChanged(service("web", "192.0.2.2"));
  settle();
  expect(wire).toEqual(["+192.0.2.1", "-192.0.2.1"]);
});

it("announces the addresses of both families", () => {
  const dual = { ...service("web", "192.0.2.1"), ingress: [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }] };
  speaker.configChanged(config("192.0.2.0/24, '2001:db8::/120'"));
  speaker.serviceChanged(dual);
  speaker.endpointSliceChanged(endpoints("web", ["n1"]));
  speaker.synced();
  expect(wire).toEqual(["+192.0.2.1", "+2001:db8::1"]);
});

it("tells the Services of an address that another machine has, and no others", () => {
  begin();
  events.length = 0;
  const conflict = { interface: "eth0", mac: "02:00:00:00:00:03" };
  speaker.conflictHeard({ address: "192.0.2.1", probed: false, action: "nothing", ...conflict });
  speaker.conflictHeard({ address: "192.0.2.9", probed: false, action: "nothing", ...conflict });
  expect(events).toEqual([
    'addressConflict: address 192.0.2.1 is also claimed by the machine 02:00:00:00:00:03 on eth0 of node "n1": ' +
      "find that machine and take the address from it",
  ]);
});

it.each([
  { probed: true, action: "nothing", says: ", which answered before it was announced; it is announced all the same" },
  { probed: false, action: "defended", says: ", against which it is defended" },
  { probed: false, action: "yielded", says: ", so it is announced no more until that machine is silent" },
  { probed: true, action: "yielded", says: ", so it is not announced until that machine is silent" },
] as const)("says what is done about another machine: $action (probed: $probed)", ({ probed, action, says }) => {
  begin();
  gauged.length = 0;
  speaker.conflictHeard({ address: "192.0.2.1", interface: "eth0", mac: "02:00:00:00:00:03", probed, action });
  expect(events.at(-1)).toBe(
    `addressConflict: address 192.0.2.1 is also claimed by the machine 02:00:00:00:00:03 on eth0 of node "n1"${says}: ` +
      "find that machine and take the address from it",
  );
  expect(gauged).toEqual([`default/web 192.0.2.1 layer2 ${action !== "yielded"}`]);
  speaker.regained("192.0.2.1");
  expect(events.at(-1)).toMatch(/^addressRegained: address 192.0.2.1 is announced again from node "n1"/);
  expect(gauged.at(-1)).toBe("default/web 192.0.2.1 layer2 true");
});

it("probes for an address that came while it looked on and that no other speaker had, and for no other", () => {
  speaker.nodeChanged(node("n2"));
  speaker.aliveChanged(new Set(["n1", "n2"]));
  begin();
  for (let host = 10; host < 20; host += 1) {
    speaker.serviceChanged(service(`s${host}`, undefined));
    speaker.endpointSliceChanged(endpoints(`s${host}`, ["n1"]));
  }
  settle();
  wire.length = 0;
  for (let host = 10; host < 20; host += 1) speaker.serviceChanged(service(`s${host}`, `192.0.2.${host}`));
  settle();
  const own = wire.toSorted();
  expect(own.every((line) => line.startsWith("?"))).toBe(true);
  expect(own.length).toBeGreaterThan(0);
  expect(own.length).toBeLessThan(10);
  wire.length = 0;
  speaker.aliveChanged(new Set(["n1"])); // the other one's addresses are taken over
  settle();
  const taken = wire.filter((line) => line.startsWith("+192.0.2.1"));
  expect(wire.filter((line) => line.startsWith("?"))).toEqual([]);
  expect(taken.length).toBeGreaterThanOrEqual(10 - own.length);
});

it("probes for an address whose first endpoint comes later", () => {
  begin();
  speaker.serviceChanged(service("late", "192.0.2.7"));
  settle();
  speaker.endpointSliceChanged(endpoints("late", ["n1"]));
  settle();
  expect(wire).toEqual(["+192.0.2.1", "?192.0.2.7"]);
});

it("tells who answers when speakers come or go", () => {
  const before = fleetChanges;
  speaker.aliveChanged(new Set(["n1"]));
  expect(fleetChanges).toBe(before);
  speaker.aliveChanged(new Set(["n1", "n2"]));
  expect(fleetChanges).toBe(before + 1);
});

it("is not stale where nothing has ever been configured", () => {
  speaker.configChanged([]);
  speaker.synced();
  expect(stale).not.toBe(true);
});

it("takes the same configuration written anew for what it is", () => {
  begin();
  speaker.configChanged(config("192.0.2.0/24"));
  expect([deferred, stale]).toEqual([[], false]);
});

it("follows a Service that changes to an IPv6 address alone", () => {
  begin();
  speaker.configChanged(config("192.0.2.0/24, '2001:db8::/120'"));
  events.length = 0;
  speaker.serviceChanged({ ...service("web", "192.0.2.1"), ingress: [{ ip: "2001:db8::1" }] });
  settle();
  expect(wire).toEqual(["+192.0.2.1", "-192.0.2.1", "?2001:db8::1"]);
  expect(events).toHaveLength(1);
});

it("announces by what was good in an earlier life while the first documents are refused, and says that they are", () => {
  speaker.serviceChanged(service("web", "192.0.2.1"));
  speaker.endpointSliceChanged(endpoints("web", ["n1"]));
  speaker.configRestored(config("192.0.2.0/24"));
  speaker.configChanged(config("192.0.2.0/33"));
  speaker.synced();
  expect([wire, stale]).toEqual([["+192.0.2.1"], true]);
  speaker.configChanged(config("192.0.2.0/24"));
  settle();
  expect([wire, stale]).toEqual([["+192.0.2.1"], false]);
});

it("begins with the last good documents when worse ones come before everything is known", () => {
  speaker.serviceChanged(service("web", "192.0.2.1"));
  speaker.endpointSliceChanged(endpoints("web", ["n1"]));
  speaker.configChanged(config("192.0.2.0/24"));
  speaker.configChanged(config("192.0.2.0/33"));
  speaker.synced();
  expect([wire, stale]).toEqual([["+192.0.2.1"], true]);
});
