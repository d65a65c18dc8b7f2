import { expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.js";
import { announcersOf } from "../../../src/runtime/announce/announcers-of.js";
import type { Endpoint, EndpointSliceView, ServiceView } from "../../../src/runtime/world/views.js";
import { serviceOf } from "./allocator/fixtures.js";
import { node, nodesOf } from "./announce/fixtures.js";
import { configMap, createWorld, type World } from "./controller/fixtures.js";

/*
 * What many clusters hang on: an ingress controller's Service with two ports, policy Local and one address, and another
 * Service that shares it by key. Controller, allocator and election are the real ones.
 */

const OPTIONS = { namespace: "metallb-system", configMapName: "config" };
const POOL = configMap("192.168.10.0/28");
const NODES = ["node1", "node2", "node3"];
const common = {
  annotations: { "metallb.universe.tf/allow-shared-ip": "ingress" },
  externalTrafficPolicy: "Local",
  selector: { app: "ingress" },
} as const;
const INGRESS = serviceOf("ingress", { ...common, ports: ["TCP/80", "TCP/443"] });
const QUIC = serviceOf("quic", { ...common, ports: ["UDP/443"] });

type Backend = Readonly<{ nodeName: string; state?: "ready" | "leaving" | "not ready" }>;

function sliceOf(service: string, backends: readonly Backend[]): EndpointSliceView {
  const endpoints = backends.map(({ nodeName, state = "ready" }): Endpoint => {
    const serving = state !== "not ready";
    return { addresses: ["10.2.0.1"], nodeName, ready: state === "ready", serving, terminating: state === "leaving" };
  });
  return { namespace: "default", name: `${service}-1`, service, endpoints };
}

/** Who announces a Service by its status, with these backends, as every speaker works it out. */
function ownersOf(service: ServiceView, backends: readonly Backend[]): readonly string[] {
  const config = loadConfig(POOL, OPTIONS);
  if (!config.ok) throw new Error("not a configuration");
  const nodes = nodesOf(...NODES.map((name) => node(name)));
  const world = { model: config.value.model, nodes, alive: new Set(NODES), ignoreExcludeLabel: false };
  const { announcers } = announcersOf(world, { service, endpointSlices: [sliceOf(service.name, backends)] });
  return announcers.map(({ node, address }) => `${address} on ${node}`);
}

const stored = (world: World): readonly ServiceView[] =>
  ["ingress", "quic"].map((name) => {
    const service = world.stored.get(`default/${name}`);
    if (service === undefined) throw new Error(`no ${name}`);
    return service;
  });

it("keeps the address, and the owner wherever it has a backend, through drain, scale to zero and back", async () => {
  let world = createWorld();
  await world.begin([serviceOf("other"), INGRESS, QUIC], POOL);
  expect(world.addresses()).toEqual({ other: "192.168.10.0", ingress: "192.168.10.1", quic: "192.168.10.1" });

  const on = (...names: readonly string[]): Backend[] => names.map((nodeName) => ({ nodeName }));
  const owner =
    ownersOf(ingressWith("192.168.10.1"), on(...NODES))[0]
      ?.split(" ")
      .at(-1) ?? "";
  const others = NODES.filter((name) => name !== owner);
  const leaving = { nodeName: owner, state: "leaving" } as const;
  const there = `192.168.10.1 on ${owner}`;
  const [first] = ownersOf(ingressWith("192.168.10.1"), on(...others));
  const steps: readonly Readonly<{
    step: string;
    backends: readonly Backend[];
    owners: readonly (string | undefined)[];
  }>[] = [
    { step: "a backend on every node", backends: on(...NODES), owners: [there] },
    { step: "the other nodes are drained", backends: on(owner), owners: [there] },
    { step: "they are back", backends: on(...NODES), owners: [there] },
    {
      step: "the owner is being drained, its backend still serves",
      backends: [...on(...others), leaving],
      owners: [there],
    },
    { step: "its backend is gone", backends: on(...others), owners: [first] },
    {
      step: "its backend starts again",
      backends: [...on(...others), { nodeName: owner, state: "not ready" }],
      owners: [first],
    },
    { step: "and is ready", backends: on(...NODES), owners: [there] },
    { step: "scaled down, the last ones still serve", backends: [leaving], owners: [there] },
    { step: "scaled to zero", backends: [], owners: [] },
    {
      step: "scaled up again, one on another node first",
      backends: on(others[0] ?? ""),
      owners: [`192.168.10.1 on ${others[0] ?? ""}`],
    },
    { step: "and everywhere", backends: on(...NODES), owners: [there] },
  ];
  for (const { step, backends, owners } of steps) {
    // Meanwhile owners touch their Services, others come and go, and the controller is started anew.
    for (const service of stored(world)) {
      world.put({
        ...service,
        labels: { step: step.replaceAll(/\W/g, "-") },
        resourceVersion: `${service.resourceVersion}0`,
      });
    }
    world.put(serviceOf("passing", { ports: ["TCP/80"], loadBalancerIP: "192.168.10.2" }));
    await world.clock.advance(0);
    world.remove("passing");
    await world.clock.advance(0);
    const next = createWorld();
    await next.begin([...world.stored.values()].toReversed(), POOL);
    expect(next.writes).toEqual([]);
    world = next;

    expect({ step, addresses: world.addresses() }).toMatchObject({
      addresses: { ingress: "192.168.10.1", quic: "192.168.10.1" },
    });
    for (const service of stored(world))
      expect({ step, owners: ownersOf(service, backends) }).toEqual({ step, owners });
  }
});

const ingressWith = (ip: string): ServiceView => ({ ...INGRESS, ingress: [{ ip }] });
