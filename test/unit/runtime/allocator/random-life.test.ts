import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Model, Pool } from "../../../../src/config/model.js";
import type { Allocator } from "../../../../src/runtime/allocator/allocator.js";
import { createAllocator } from "../../../../src/runtime/allocator/create-allocator.js";
import { formatAddress } from "../../../../src/runtime/net/address.js";
import { objectKey, type ServiceView } from "../../../../src/runtime/world/views.js";
import { DUAL_STACK, IPV6, modelOf, performed, poolOf, serviceOf, withLabel } from "./fixtures.js";
import { runs } from "../../runs.js";

/*
 * A small cluster lives through random changes. After each of them the state is compared with rules that are written
 * down here a second time, by brute force over all addresses of small pools and all pairs of Services.
 */

const inShop = { priority: 1, namespaces: ["shop"], namespaceSelectors: [], serviceSelectors: [] };
const forFront = {
  priority: 0,
  namespaces: [],
  namespaceSelectors: [],
  serviceSelectors: [withLabel("tier", "front")],
};
const MODELS: readonly Model[] = [
  modelOf(poolOf("a", ["192.0.2.1-192.0.2.3", "2001:db8::1-2001:db8::2"]), poolOf("b", ["198.51.100.1-198.51.100.2"])),
  modelOf(
    poolOf("a", ["192.0.2.3-192.0.2.4", "192.0.2.1-192.0.2.2"], { avoidBuggyIPs: true }),
    poolOf("s", ["198.51.100.1-198.51.100.3", "2001:db8::1-2001:db8::1"], { serviceAllocation: inShop }),
  ),
  modelOf(
    poolOf("b", ["192.0.2.2-192.0.2.3"], { autoAssign: false }),
    poolOf("c", ["192.0.2.4-192.0.2.5", "2001:db8::2-2001:db8::3"]),
    poolOf("f", ["203.0.113.1-203.0.113.1"], { serviceAllocation: forFront }),
  ),
  modelOf(poolOf("renamed", ["192.0.2.0/29", "198.51.100.0/30", "2001:db8::/126"])),
];

type Change =
  | Readonly<{ do: "write"; name: number; fields: Partial<ServiceView> }>
  | Readonly<{ do: "delete"; name: number }>
  | Readonly<{ do: "configure"; model: number }>
  | Readonly<{ do: "restart" }>;

const wishes = fc.record({
  namespace: fc.constantFrom("default", "default", "shop"),
  type: fc.constantFrom("LoadBalancer", "LoadBalancer", "LoadBalancer", "ClusterIP"),
  families: fc.constantFrom<Partial<ServiceView>[]>({}, {}, {}, IPV6, DUAL_STACK),
  labels: fc.constantFrom({}, {}, { tier: "front" }),
  key: fc.constantFrom("", "", "k", "l"),
  pool: fc.constantFrom("", "", "", "a", "b", "f", "none"),
  loadBalancerIP: fc.constantFrom("", "", "", "192.0.2.2", "198.51.100.1", "192.0.2.99"),
  externalTrafficPolicy: fc.constantFrom("Cluster" as const, "Cluster" as const, "Local" as const),
  ports: fc.uniqueArray(fc.integer({ min: 80, max: 83 }), { minLength: 1, maxLength: 2 }),
});
type Wishes = typeof wishes extends fc.Arbitrary<infer Value> ? Value : never;
function fieldsOf({ families, key, pool, ports, ...rest }: Wishes): Partial<ServiceView> {
  const annotations = {
    ...(key !== "" && { "metallb.io/allow-shared-ip": key }),
    ...(pool !== "" && { "metallb.universe.tf/address-pool": pool }),
  };
  return { ...rest, ...families, annotations, ports: ports.map((port) => ({ protocol: "TCP", port })) };
}
const fields = wishes.map(fieldsOf);
const name = fc.integer({ min: 0, max: 9 });
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant("write" as const), name, fields }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("delete" as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("configure" as const), model: fc.nat(MODELS.length - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);

type Cluster = {
  allocator: Allocator;
  model: Model;
  readonly services: Map<number, ServiceView>;
  /** Those that did not get what they want. */
  readonly waiting: Set<number>;
  vacanciesSeen: number;
};

/** Decides a Service twice, the second time before the status shows the first decision, then writes the status. */
function reconcile(cluster: Cluster, name: number): void {
  const service = cluster.services.get(name);
  if (service === undefined) return;
  const decision = cluster.allocator.decide(service);
  const again = cluster.allocator.decide(service);
  expect({ ...again, events: [], reason: "", refusals: [] }).toEqual({
    ...decision,
    events: [],
    reason: "",
    refusals: [],
  });
  cluster.services.set(name, performed(service, decision));
  cluster.allocator.written(objectKey(service));
  if (decision.outcome === "pending" || decision.outcome === "kept") cluster.waiting.add(name);
  else cluster.waiting.delete(name);
}

/** What the controller does: who waits is decided again as long as something becomes available. */
function settle(cluster: Cluster, names: Iterable<number>): void {
  for (const name of names) reconcile(cluster, name);
  while (cluster.vacanciesSeen !== cluster.allocator.vacancies()) {
    cluster.vacanciesSeen = cluster.allocator.vacancies();
    for (const name of cluster.waiting) reconcile(cluster, name);
  }
}

function perform(cluster: Cluster, change: Change): void {
  switch (change.do) {
    case "write": {
      const former = cluster.services.get(change.name);
      // A namespace and the families of clusterIPs never change in the life of a Service.
      const lasting = former && {
        namespace: former.namespace,
        clusterIPs: former.clusterIPs,
        ipFamilies: former.ipFamilies,
        ipFamilyPolicy: former.ipFamilyPolicy,
      };
      const { ingress, ...fresh } = { ...serviceOf(`s${change.name}`, { selector: { app: "web" } }), ...change.fields };
      cluster.services.set(change.name, { ...fresh, ...lasting, ingress: former?.ingress ?? ingress });
      return settle(cluster, [change.name]);
    }
    case "delete": {
      const service = cluster.services.get(change.name);
      if (service !== undefined) cluster.allocator.release(objectKey(service));
      cluster.services.delete(change.name);
      cluster.waiting.delete(change.name);
      return settle(cluster, []);
    }
    case "configure": {
      cluster.model = MODELS[change.model] ?? cluster.model;
      cluster.allocator.useModel(cluster.model, { keepAssigned: false });
      return settle(cluster, cluster.services.keys());
    }
    case "restart":
      cluster.allocator = createAllocator({ loadBalancerClass: "" });
      cluster.vacanciesSeen = 0;
      cluster.allocator.useModel(cluster.model, { keepAssigned: false });
      for (const service of [...cluster.services.values()].toReversed()) cluster.allocator.adopt(service);
      return settle(cluster, cluster.services.keys());
  }
}

// The rules once more, plain and slow.

const ipsOf = (service: ServiceView): string[] => service.ingress.flatMap(({ ip }) => ip ?? []);
const ADDRESSES = new Map<Pool, readonly string[]>(
  MODELS.flatMap(({ pools }) => pools).map((pool) => [
    pool,
    pool.ranges.flatMap(({ family, first, last }) =>
      Array.from({ length: Number(last - first) + 1 }, (_, index) => ({ family, value: first + BigInt(index) }))
        .filter(({ value }) => !(pool.avoidBuggyIPs && family === "ipv4" && [0n, 255n].includes(value & 255n)))
        .map(formatAddress),
    ),
  ]),
);
const addressesOf = (pool: Pool): readonly string[] => ADDRESSES.get(pool) ?? [];
const familyOf = (address: string): string => (address.includes(":") ? "fd00::1" : "10.96.0.1");
const sharingKey = (service: ServiceView): string => service.annotations["metallb.io/allow-shared-ip"] ?? "";
const wantedPool = (service: ServiceView): string => service.annotations["metallb.universe.tf/address-pool"] ?? "";

function mayShare(a: ServiceView, b: ServiceView): boolean {
  const backend = (service: ServiceView) => (service.externalTrafficPolicy === "Local" ? "web" : "");
  const isFree = a.ports.every(({ port }) => b.ports.every((other) => other.port !== port));
  return sharingKey(a) !== "" && sharingKey(a) === sharingKey(b) && backend(a) === backend(b) && isFree;
}
function fits({ serviceAllocation }: Pool, { namespace, labels }: ServiceView): boolean {
  if (serviceAllocation === undefined) return true;
  if (serviceAllocation.namespaces.length > 0) return serviceAllocation.namespaces.includes(namespace);
  return labels["tier"] === "front";
}
function mayHave(cluster: Cluster, service: ServiceView, address: string): boolean {
  return [...cluster.services.values()].every(
    (other) => other.name === service.name || !ipsOf(other).includes(address) || mayShare(service, other),
  );
}
/** Is there a pool from which the Service could have all that it wants? */
function couldBeServed(cluster: Cluster, service: ServiceView): boolean {
  const request = service.loadBalancerIP;
  if (request !== "" && (service.clusterIPs.length > 1 || familyOf(request) !== service.clusterIPs[0])) return false;
  return cluster.model.pools.some((pool) => {
    if (!fits(pool, service)) return false;
    if (wantedPool(service) === "" ? !pool.autoAssign && request === "" : wantedPool(service) !== pool.name)
      return false;
    const free = addressesOf(pool).filter((address) => mayHave(cluster, service, address));
    if (request !== "") return free.includes(request);
    return service.clusterIPs.every((clusterIP) => free.some((address) => familyOf(address) === clusterIP));
  });
}

function checkInvariants(cluster: Cluster, before: ReadonlyMap<number, ServiceView>, changed: Change): void {
  const all = [...cluster.services];
  for (const [name, service] of all) {
    const ips = ipsOf(service);
    if (service.type !== "LoadBalancer") {
      expect(ips).toEqual([]);
      continue;
    }
    for (const ip of ips) expect([service, ip, mayHave(cluster, service, ip)]).toEqual([service, ip, true]);
    if (ips.length > 0) {
      const pool = cluster.model.pools.find((each) => ips.every((ip) => addressesOf(each).includes(ip)));
      expect(pool && fits(pool, service)).toBe(true);
      expect(service.annotations["metallb.io/ip-allocated-from-pool"]).toBe(pool?.name);
      if (!cluster.waiting.has(name)) {
        expect(ips.map(familyOf).toSorted()).toEqual(service.clusterIPs.toSorted());
        if (wantedPool(service) !== "") expect(pool?.name).toBe(wantedPool(service));
        if (service.loadBalancerIP !== "") expect(ips).toEqual([service.loadBalancerIP]);
      }
    }
    if (cluster.waiting.has(name)) expect([service, couldBeServed(cluster, service)]).toEqual([service, false]);
    const former = before.get(name);
    const had = former === undefined ? [] : ipsOf(former);
    if (changed.do !== "configure" && !("name" in changed && changed.name === name) && !cluster.waiting.has(name)) {
      // Others' changes move nobody, except one who waited for something else and now got it.
      if (had.length > 0 && service.loadBalancerIP === "" && wantedPool(service) === "") expect(ips).toEqual(had);
    }
    if (changed.do === "restart") expect(ips).toEqual(had);
  }
  const usage = cluster.allocator.usage().map(({ inUseIPv4, inUseIPv6 }) => inUseIPv4 + inUseIPv6);
  const inUse = cluster.model.pools.map((pool) => {
    const ips = new Set(all.flatMap(([, service]) => ipsOf(service)));
    return addressesOf(pool).filter((address) => ips.has(address)).length;
  });
  expect(usage).toEqual(inUse);
}

function live(changes: readonly Change[], check: boolean): readonly string[] {
  const [model] = MODELS;
  if (model === undefined) throw new Error("no model");
  const allocator = createAllocator({ loadBalancerClass: "" });
  allocator.useModel(model, { keepAssigned: false });
  const cluster: Cluster = { allocator, model, services: new Map(), waiting: new Set(), vacanciesSeen: 0 };
  for (const each of changes) {
    const before = new Map(cluster.services);
    perform(cluster, each);
    if (check) checkInvariants(cluster, before, each);
  }
  return [...cluster.services.values()].map((service) => `${objectKey(service)} ${ipsOf(service).join()}`);
}

it("keeps its promises through creation, edits, deletion, other pools and restarts", () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 30, maxLength: 50 }), (changes) => {
      expect(live(changes, true)).toEqual(live(changes, false)); // the same life gives the same addresses
    }),
    { numRuns: runs(20) },
  );
});
