import type { LoadedConfig } from "../config/model.js";
import type { Allocator } from "./allocator/allocator.js";
import { createAllocator } from "./allocator/create-allocator.js";
import type { Decision } from "./allocator/decision.js";
import { announcersOf, type Announcer } from "./announce/announcers-of.js";
import type { AnnounceWorld } from "./announce/decision.js";
import { createNodePeersFinder } from "./announce/node-peers.js";
import { createPoolFinder } from "./announce/pool-finder.js";
import type { ManifestWorld } from "./manifest-world.js";
import { objectKey, type EndpointSliceView, type ObjectKey, type ServiceView } from "./world/views.js";

/** What is decided about one Service of type LoadBalancer: its addresses, who announces them, and why. */
export type ServiceOutcome = Readonly<{
  namespace: string;
  name: string;
  addresses: readonly string[];
  /** null where no pool serves it. */
  pool: string | null;
  announcedBy: readonly Announcer[];
  reason: string;
}>;

/**
 * Decides a whole world at once with the engine that runs in a cluster: Services that hold an address keep it, the
 * others are served in order of namespace and name. Pure.
 * @param alive nodes whose speaker is taken to be alive
 */
export function decideWorld(
  world: ManifestWorld,
  { model }: LoadedConfig,
  options: Readonly<{ loadBalancerClass: string; alive: ReadonlySet<string> }>,
): readonly ServiceOutcome[] {
  const allocator = createAllocator({ loadBalancerClass: options.loadBalancerClass });
  allocator.useModel(model, { keepAssigned: false }); // nothing is assigned yet: there is nothing to refuse
  allocator.useNamespaces([...world.namespaces.values()]);
  allocator.useNodeAddresses([...world.nodes.values()]);
  const services = [...world.services.values()].toSorted(byKey);
  for (const service of services) allocator.adopt(service);
  const announceWorld: AnnounceWorld = {
    model,
    nodes: world.nodes,
    alive: options.alive,
    ignoreExcludeLabel: false,
    findPool: createPoolFinder(model),
    findPeers: createNodePeersFinder(model),
  };
  const slices = slicesByService(world.endpointSlices.values());
  const decisions = decideAll(allocator, services);
  const outcomes: ServiceOutcome[] = [];
  for (const service of services) {
    const decision = decisions.get(objectKey(service));
    if (decision === undefined) continue;
    if (service.type !== "LoadBalancer" || decision.outcome === "released") continue;
    outcomes.push(outcomeOf(service, decision, announceWorld, slices.get(objectKey(service)) ?? []));
  }
  return outcomes;
}

/** Every Service in its turn, and those that wait again while something comes free, as the controller does it. */
function decideAll(allocator: Allocator, services: readonly ServiceView[]): ReadonlyMap<ObjectKey, Decision> {
  const decisions = new Map<ObjectKey, Decision>(); // BOUNDED by the Services
  let waiting: readonly ServiceView[] = services;
  for (let seen = -1; seen !== allocator.vacancies();) {
    seen = allocator.vacancies();
    for (const service of waiting) {
      const key = objectKey(service);
      const decision = allocator.decide(service);
      allocator.written(key);
      const former = decisions.get(key);
      const isNew = former === undefined || addressesOf(former).join() !== addressesOf(decision).join();
      if (isNew) decisions.set(key, decision); // else the first one says better why
    }
    waiting = waiting.filter((service) => {
      const decision = decisions.get(objectKey(service));
      return decision?.outcome === "pending" || decision?.outcome === "kept" || isPartial(decision);
    });
  }
  return decisions;
}

const isPartial = (decision: Decision | undefined): boolean => decision?.outcome === "assigned" && decision.partial;
const addressesOf = (decision: Decision): readonly string[] => ("addresses" in decision ? decision.addresses : []);

function outcomeOf(
  service: ServiceView,
  decision: Exclude<Decision, { outcome: "released" }>,
  world: AnnounceWorld,
  endpointSlices: readonly EndpointSliceView[],
): ServiceOutcome {
  const { namespace, name } = service;
  if (decision.outcome === "pending" || decision.outcome === "ignored") {
    return { namespace, name, addresses: [], pool: null, announcedBy: [], reason: decision.reason };
  }
  const { addresses, pool } = decision;
  const served = { ...service, ingress: addresses.map((ip) => ({ ip })) };
  const { announcers, reason } = announcersOf(world, { service: served, endpointSlices });
  return { namespace, name, addresses, pool, announcedBy: announcers, reason: `${decision.reason}; ${reason}` };
}

function slicesByService(slices: Iterable<EndpointSliceView>): ReadonlyMap<ObjectKey, readonly EndpointSliceView[]> {
  const byService = new Map<ObjectKey, EndpointSliceView[]>();
  for (const slice of slices) {
    const key = objectKey({ namespace: slice.namespace, name: slice.service });
    const siblings = byService.get(key);
    if (siblings === undefined) byService.set(key, [slice]);
    else siblings.push(slice);
  }
  return byService;
}

function byKey(a: ServiceView, b: ServiceView): number {
  const [left, right] = [objectKey(a), objectKey(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
