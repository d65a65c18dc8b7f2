import { beforeEach, expect, it } from "vitest";
import type { KubernetesDocument } from "../../../../src/config/documents.js";
import { readDocuments } from "../../../../src/config/read-documents.js";
import { electionRulesOf } from "../../../../src/runtime/announce/fleet-generation.js";
import type { Release } from "../../../../src/runtime/announce/release.js";
import { createSpeaker, type Speaker, type SpeakerOptions } from "../../../../src/runtime/speaker/speaker.js";
import { readEndpointSlice, readNode, readService } from "../../../../src/runtime/world/read.js";
import type { ServiceView } from "../../../../src/runtime/world/views.js";

/** What a speaker tells others of its announcements: Events, log, and who writes statuses. */

const OPTIONS: SpeakerOptions = {
  node: "n1",
  namespace: "metallb-system",
  loadBalancerClass: "",
  ignoreExcludeLabel: false,
};

let events: string[];
let log: string[];
let announces: string[];
let interfaces: Set<string>;
let deferred: (() => void)[];
let speaker: Speaker;

function view<View>(read: { ok: true; value: View } | { ok: false }): View {
  if (!read.ok) throw new Error("cannot read it");
  return read.value;
}
const service = (ip: string | undefined): ServiceView =>
  view(
    readService({
      metadata: { name: "web", namespace: "default" },
      spec: { type: "LoadBalancer", clusterIP: "10.96.0.1", ports: [{ port: 80 }] },
      status: { loadBalancer: { ingress: ip === undefined ? [] : [{ ip }] } },
    }),
  );
const endpoints = (nodes: readonly string[]) =>
  view(
    readEndpointSlice({
      metadata: { name: "web-1", namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
      endpoints: nodes.map((nodeName) => ({ addresses: ["10.244.0.1"], nodeName, conditions: { ready: true } })),
    }),
  );
const config = (advertisement: string): readonly KubernetesDocument[] =>
  readDocuments(
    `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: p, namespace: metallb-system}
spec: {addresses: [192.0.2.0/24]}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: a, namespace: metallb-system}
spec: ${advertisement}
---
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: {name: b, namespace: metallb-system}
spec: {}
---
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: {name: router, namespace: metallb-system}
spec: {myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.254}
`,
    "config.yaml",
  ).documents;

function settle(): void {
  for (const work of deferred.splice(0)) work();
}

/** @param release the oldest speaker's, where one of the original's lives */
function begin(advertisement = "{}", options: Partial<SpeakerOptions> = {}, release?: Release): void {
  speaker = createSpeaker(
    { ...OPTIONS, ...options },
    {
      announce: () => undefined,
      withdraw: () => undefined,
      fleetChanged: () => undefined,
      recordEvent: (_, { type, reason, message }) => events.push(`${type} ${reason}: ${message}`),
      bgp: { usePeers: () => undefined, setRoutes: () => undefined, hold: () => undefined, flush: () => undefined },
      gaugeAnnounced: () => undefined,
      gaugeConfig: () => undefined,
      interfaceNames: () => interfaces,
      announces: (key, { layer2, bgp }) => announces.push(`${key} layer2 ${layer2?.join("+")} bgp ${bgp?.join("+")}`),
      decided: () => announces.push("decided"),
      defer: (work) => deferred.push(work),
      log: {
        debug: () => undefined,
        info: (fields, message) => log.push(`${message} ${JSON.stringify(fields)}`),
        warn: () => undefined,
        error: () => undefined,
      },
    },
  );
  const status = { conditions: [{ type: "Ready", status: "True" }] };
  speaker.nodeChanged(view(readNode({ metadata: { name: "n1", labels: {} }, status })));
  speaker.aliveChanged(new Set(["n1"]));
  speaker.serviceChanged(service("192.0.2.1"));
  speaker.endpointSliceChanged(endpoints(["n1"]));
  speaker.configChanged(config(advertisement));
  const rules = electionRulesOf(release);
  if (release !== undefined) {
    speaker.fleetChanged({ rules, old: new Set(["n2"]), gossips: true, asksFirst: false, former: [] });
  }
  speaker.synced();
}

beforeEach(() => {
  [events, log, announces, deferred] = [[], [], [], []];
  interfaces = new Set(["eth0", "eth1"]);
});

it.each([
  {
    name: "with the protocol",
    options: {},
    texts: [
      'Normal nodeAssigned: announcing from node "n1" with protocol "layer2"',
      'Normal nodeAssigned: announcing from node "n1" with protocol "bgp"',
    ],
  },
  {
    name: "as the releases that read the ConfigMap did, where it stands in for one",
    options: { generation: "v0.12" } as const,
    texts: ['Normal nodeAssigned: announcing from node "n1"', 'Normal nodeAssigned: announcing from node "n1"'],
  },
  {
    name: "as the releases that read the ConfigMap do, while one of them lives",
    options: {},
    release: { minor: 12, patch: 1 },
    texts: ['Normal nodeAssigned: announcing from node "n1"', 'Normal nodeAssigned: announcing from node "n1"'],
  },
  {
    name: "with the protocol as later ones do, while one of these lives",
    options: {},
    release: { minor: 13, patch: 0 },
    texts: [
      'Normal nodeAssigned: announcing from node "n1" with protocol "layer2"',
      'Normal nodeAssigned: announcing from node "n1" with protocol "bgp"',
    ],
  },
])("says once who announces a Service, $name", ({ options, release, texts }) => {
  begin("{}", options, release);
  for (let times = 0; times < 3; times += 1) {
    speaker.serviceChanged(service("192.0.2.1"));
    settle();
  }
  expect(events).toEqual(texts);
});

it("tells who writes statuses what is announced now, by which protocol, and when all has been looked at", () => {
  begin("{interfaces: [eth1, eth0]}");
  expect(announces).toEqual(["default/web layer2 eth0+eth1 bgp router", "decided"]);
  announces.length = 0;
  speaker.endpointSliceChanged(endpoints([]));
  settle();
  speaker.serviceDeleted("default/web");
  settle();
  expect(announces.filter((line) => line !== "decided")).toEqual([
    "default/web layer2 undefined bgp undefined",
    "default/web layer2 undefined bgp undefined",
  ]);
});

it("withdraws what was announced at another address, and says so", () => {
  begin();
  log.length = 0;
  speaker.serviceChanged(service("192.0.2.2"));
  settle();
  expect(log.map((line) => line.replace(/ \{.*"protocol":"(\w+)".*/, " $1"))).toEqual([
    "withdrawing service announcement layer2",
    "service has IP, announcing layer2",
    "withdrawing service announcement bgp",
    "service has IP, announcing bgp",
  ]);
  expect(log[0]).toContain('"reason":"loadBalancerIPChanged"');
  log.length = 0;
  speaker.serviceChanged(service(undefined));
  settle();
  expect(log.map((line) => /"reason":"(\w+)"/.exec(line)?.[1])).toEqual(["noIPAllocated", "noIPAllocated"]);
});

it("other interfaces than before are no other address", () => {
  begin();
  log.length = 0;
  speaker.configChanged(config("{interfaces: [eth0]}"));
  settle();
  expect(log.filter((line) => line.startsWith("withdrawing"))).toEqual([]);
});

const FAILED =
  'Warning announceFailed: the interfaces specified by LB IP "192.0.2.1" doesn\'t exist in assigned node "n1" ' +
  'with protocol "layer2"';
const failed = (): readonly string[] => events.filter((line) => line.includes("announceFailed"));

it("tells the owner of a Service none of whose interfaces this node has, once, until one of them is there again", () => {
  begin("{interfaces: [eth7, eth8]}");
  expect(failed()).toEqual([FAILED]);
  for (let times = 0; times < 3; times += 1) {
    speaker.serviceChanged(service("192.0.2.1"));
    settle();
    speaker.interfacesChanged();
  }
  expect(failed()).toHaveLength(1);
  interfaces.add("eth8");
  speaker.interfacesChanged();
  interfaces.delete("eth8");
  speaker.interfacesChanged();
  expect(failed()).toEqual([FAILED, FAILED]);
  speaker.serviceDeleted("default/web");
  settle();
  speaker.interfacesChanged();
  expect(failed()).toHaveLength(2);
});

it.each(["{}", "{interfaces: [eth0, eth7]}"])("complains of no interface with %s", (advertisement) => {
  begin(advertisement);
  speaker.interfacesChanged();
  expect(failed()).toEqual([]);
});
