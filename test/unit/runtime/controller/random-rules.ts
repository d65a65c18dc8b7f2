import type { KubernetesDocument } from "../../../../src/config/documents.js";
import { formatAddress } from "../../../../src/runtime/net/address.js";
import type { ServiceView } from "../../../../src/runtime/world/views.js";
import { rangeOf } from "../allocator/fixtures.js";
import { documentOf } from "./rule-table.js";

/*
 * What is right, written down a second time: plain and slow, over all addresses of small pools and all pairs of
 * Services. Nothing here knows how the allocator works.
 */

export type PoolRule = Readonly<{
  name: string;
  addresses: readonly string[];
  autoAssign: boolean;
  namespaces: readonly string[];
  tier: string | undefined;
  pinned: boolean;
}>;

type PoolSpec = Readonly<{
  addresses: readonly string[];
  autoAssign?: boolean;
  avoidBuggyIPs?: boolean;
  serviceAllocation?: Readonly<{
    priority?: number;
    namespaces?: readonly string[];
    serviceSelectors?: readonly Readonly<{ matchLabels: Readonly<{ tier: string }> }>[];
  }>;
}>;

const POOL_SPECS: readonly Readonly<Record<string, PoolSpec>>[] = [
  {
    a: { addresses: ["192.0.2.1-192.0.2.3", "2001:db8::1-2001:db8::2"] },
    b: { addresses: ["198.51.100.1-198.51.100.2"] },
  },
  {
    a: { addresses: ["192.0.2.3-192.0.2.4", "192.0.2.0-192.0.2.2"], avoidBuggyIPs: true },
    s: {
      addresses: ["198.51.100.1-198.51.100.3", "2001:db8::1-2001:db8::1"],
      serviceAllocation: { priority: 1, namespaces: ["shop"] },
    },
  },
  {
    b: { addresses: ["192.0.2.2-192.0.2.3"], autoAssign: false },
    c: { addresses: ["192.0.2.4-192.0.2.5", "2001:db8::2-2001:db8::3"] },
    f: {
      addresses: ["203.0.113.1-203.0.113.1"],
      serviceAllocation: { serviceSelectors: [{ matchLabels: { tier: "front" } }] },
    },
  },
  { renamed: { addresses: ["192.0.2.0/29", "198.51.100.0/30", "2001:db8::/126"] } },
];

const expand = (text: string): string[] => {
  const { family, first, last } = rangeOf(text);
  return Array.from({ length: Number(last - first) + 1 }, (_, index) =>
    formatAddress({ family, value: first + BigInt(index) }),
  );
};
const ruleOf = ([name, spec]: readonly [string, PoolSpec]): PoolRule => ({
  name,
  addresses: spec.addresses
    .flatMap(expand)
    .filter((address) => spec.avoidBuggyIPs !== true || !/\.(0|255)$/.test(address)),
  autoAssign: spec.autoAssign ?? true,
  namespaces: spec.serviceAllocation?.namespaces ?? [],
  tier: spec.serviceAllocation?.serviceSelectors?.[0]?.matchLabels.tier,
  pinned: spec.serviceAllocation !== undefined,
});

/** Each set of pools as the controller gets it. */
export const DOCUMENTS: readonly (readonly KubernetesDocument[])[] = POOL_SPECS.map((specs) =>
  Object.entries(specs).map(([name, spec]) => documentOf("IPAddressPool", name, spec)),
);
/** The same sets, as the rules below take them. */
const POOLS = new Map(DOCUMENTS.map((set, index) => [set, Object.entries(POOL_SPECS[index] ?? {}).map(ruleOf)]));
export const poolsOf = (documents: readonly KubernetesDocument[]): readonly PoolRule[] => POOLS.get(documents) ?? [];

const either = (service: ServiceView, name: string): string =>
  service.annotations[`metallb.io/${name}`] ?? service.annotations[`metallb.universe.tf/${name}`] ?? "";
const familyOf = (address: string): "IPv4" | "IPv6" => (address.includes(":") ? "IPv6" : "IPv4");
export const ipsOf = (service: ServiceView): string[] => service.ingress.flatMap(({ ip }) => ip ?? []);
/** Does its status count for anybody? */
export const isServed = (service: ServiceView): boolean => service.type === "LoadBalancer";
export const isOurs = (service: ServiceView): boolean => isServed(service) && service.loadBalancerClass === undefined;

export function mayShare(a: ServiceView, b: ServiceView): boolean {
  const backend = (service: ServiceView): string => (service.externalTrafficPolicy === "Local" ? "web" : "");
  const key = either(a, "allow-shared-ip");
  const isFree = a.ports.every(({ port }) => b.ports.every((other) => other.port !== port));
  return (
    isOurs(a) && isOurs(b) && key !== "" && key === either(b, "allow-shared-ip") && backend(a) === backend(b) && isFree
  );
}

/** Services besides this one that have the address and may not share it with this one. */
export function rivals(service: ServiceView, address: string, all: Iterable<ServiceView>): readonly ServiceView[] {
  return [...all].filter(
    (other) =>
      other.uid !== service.uid && isServed(other) && ipsOf(other).includes(address) && !mayShare(service, other),
  );
}

function fits({ namespaces, tier }: PoolRule, { namespace, labels }: ServiceView): boolean {
  return (namespaces.length === 0 || namespaces.includes(namespace)) && (tier === undefined || labels["tier"] === tier);
}

export type Situation = Readonly<{
  services: readonly ServiceView[];
  pools: readonly PoolRule[];
  withheld: ReadonlySet<string>;
}>;

/** The addresses of a pool that the Service could be given, its own among them. */
function open(service: ServiceView, pool: PoolRule, { services, withheld }: Situation): string[] {
  const own = ipsOf(service);
  return pool.addresses.filter(
    (address) => rivals(service, address, services).length === 0 && (own.includes(address) || !withheld.has(address)),
  );
}

const requestOf = (service: ServiceView): readonly string[] =>
  service.loadBalancerIP === ""
    ? either(service, "loadBalancerIPs").split(",").filter(Boolean)
    : [service.loadBalancerIP];
const familiesOf = (service: ServiceView): readonly string[] => service.clusterIPs.map(familyOf);
const isReadable = (service: ServiceView): boolean => {
  const request = requestOf(service);
  if (service.loadBalancerIP !== "" && either(service, "loadBalancerIPs") !== "") return false;
  return request.length === 0 || request.map(familyOf).toSorted().join() === familiesOf(service).toSorted().join();
};

/** Is what the Service has all that it asks for? */
function isContent(service: ServiceView, { pools }: Situation): boolean {
  const ips = ipsOf(service);
  const pool = pools.find(({ addresses }) => ips.every((ip) => addresses.includes(ip)));
  const [wanted, request] = [either(service, "address-pool"), requestOf(service)];
  return (
    isReadable(service) &&
    (wanted === "" || pool?.name === wanted) &&
    (request.length === 0 || request.toSorted().join() === ips.toSorted().join()) &&
    (service.ipFamilyPolicy === "PreferDualStack" || ips.length === service.clusterIPs.length)
  );
}

/** A pool from which a Service that is not content could have all that it asks for; it need not be another one. */
function betterPool(service: ServiceView, situation: Situation): PoolRule | undefined {
  if (!isReadable(service)) return undefined;
  const [wanted, request] = [either(service, "address-pool"), requestOf(service)];
  return situation.pools.find((pool) => {
    if (!fits(pool, service) || (wanted !== "" && wanted !== pool.name)) return false;
    if (wanted === "" && request.length === 0 && !pool.autoAssign) return false;
    const addresses = open(service, pool, situation);
    if (request.length > 0) return request.every((address) => addresses.includes(address));
    const families = familiesOf(service).filter((family) => addresses.some((address) => familyOf(address) === family));
    return service.ipFamilyPolicy === "PreferDualStack"
      ? families.length > 0
      : families.length === service.clusterIPs.length;
  });
}

/** What is wrong with one Service of ours when everything has settled; undefined: nothing. */
export function complaint(service: ServiceView, situation: Situation): string | undefined {
  const ips = ipsOf(service);
  if (ips.length === 0) {
    const pool = betterPool(service, situation);
    return pool && `waits while pool ${pool.name} could serve it`;
  }
  const pool = situation.pools.find(({ addresses }) => ips.every((ip) => addresses.includes(ip)));
  if (pool === undefined) return `has ${ips.join()}, of no pool`;
  if (!fits(pool, service)) return `has ${ips.join()} of pool ${pool.name}, which is not for it`;
  if (new Set(ips.map(familyOf)).size < ips.length) return `has ${ips.join()}, two of a family`;
  if (!ips.every((ip) => familiesOf(service).includes(familyOf(ip))))
    return `has ${ips.join()}, of a family it has not`;
  if (service.annotations["metallb.io/ip-allocated-from-pool"] !== pool.name) return `is annotated with another pool`;
  if (!isContent(service, situation)) {
    const better = betterPool(service, situation);
    return better && `keeps ${ips.join()} while pool ${better.name} has what it asks for`;
  }
  if (ips.length < service.clusterIPs.length) {
    const more = open(service, pool, situation).filter((address) => !ips.map(familyOf).includes(familyOf(address)));
    return more.length > 0 ? `has ${ips.join()} and could have ${more.join()} of the same pool too` : undefined;
  }
  return undefined;
}
