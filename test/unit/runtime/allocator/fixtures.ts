import type { LabelSelector, Model, Pool } from "../../../../src/config/model.js";
import { createAllocator } from "../../../../src/runtime/allocator/create-allocator.js";
import type { Allocator } from "../../../../src/runtime/allocator/allocator.js";
import type { Decision, DecisionEvent } from "../../../../src/runtime/allocator/decision.js";
import { parseAddress, parsePrefix, prefixRange, type AddressRange } from "../../../../src/runtime/net/address.js";
import type { ServiceView } from "../../../../src/runtime/world/views.js";

/** `192.0.2.1-192.0.2.9` or `192.0.2.0/24` */
export function rangeOf(text: string): AddressRange {
  const prefix = parsePrefix(text);
  if (prefix.ok) return prefixRange(prefix.value);
  const [first, last] = text.split("-").map(parseAddress);
  if (first === undefined || last === undefined) throw new Error(`not a range: ${text}`);
  return { family: first.family, first: first.value, last: last.value };
}

export function poolOf(name: string, ranges: readonly string[], rest: Partial<Pool> = {}): Pool {
  const fixed = { autoAssign: true, avoidBuggyIPs: false, layer2: [], bgp: [] };
  return { name, ranges: ranges.map(rangeOf), ...fixed, ...rest };
}

export function modelOf(...pools: Pool[]): Model {
  return { pools, peers: [], bfdProfiles: [] };
}

export const withLabel = (key: string, value: string): LabelSelector => ({
  matchLabels: [[key, value]],
  matchExpressions: [],
});

type ServiceRest = Partial<Omit<ServiceView, "ports" | "ingress">> &
  Readonly<{ ports?: readonly string[]; ingress?: readonly string[] }>;

/** A LoadBalancer in namespace default; `ports` as `TCP/80`, `ingress` as addresses. */
export function serviceOf(name: string, { ports = ["TCP/80"], ingress = [], ...rest }: ServiceRest = {}): ServiceView {
  return {
    namespace: "default",
    name,
    uid: `uid-${name}`,
    resourceVersion: "1",
    type: "LoadBalancer",
    loadBalancerIP: "",
    labels: {},
    annotations: {},
    selector: { app: name },
    externalTrafficPolicy: "Cluster",
    clusterIPs: ["10.96.0.1"],
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
    ...rest,
    ports: ports.map((port) => ({ protocol: port.startsWith("UDP") ? "UDP" : "TCP", port: Number(port.slice(4)) })),
    ingress: ingress.map((ip) => ({ ip })),
  };
}

export const DUAL_STACK = {
  clusterIPs: ["10.96.0.1", "fd00::1"],
  ipFamilies: ["IPv4", "IPv6"],
  ipFamilyPolicy: "RequireDualStack",
} as const satisfies Partial<ServiceView>;
export const PREFER_DUAL_STACK = { ...DUAL_STACK, ipFamilyPolicy: "PreferDualStack" } as const;
export const IPV6 = { clusterIPs: ["fd00::1"], ipFamilies: ["IPv6"] } as const satisfies Partial<ServiceView>;

/** An allocator that has its first model. */
export function allocatorWith(...pools: Pool[]): Allocator {
  const allocator = createAllocator({ loadBalancerClass: "" });
  allocator.useModel(modelOf(...pools), { keepAssigned: false });
  return allocator;
}

/** What a test of a decision mostly asks: what it has, and which Events it raises. */
export function outcomeOf(decision: Decision): Readonly<{ outcome: string; addresses: string; events: string[] }> {
  const addresses = "addresses" in decision ? decision.addresses.join() : "";
  const events = "events" in decision ? decision.events.map(eventText) : [];
  return { outcome: decision.outcome, addresses, events };
}

export const eventText = ({ type, reason, message }: DecisionEvent): string => `${type} ${reason}: ${message}`;

/** The Service as its status shows the decision. */
export function performed(service: ServiceView, decision: Decision): ServiceView {
  if (decision.outcome === "ignored") return service;
  const addresses = "addresses" in decision ? decision.addresses : [];
  const annotations = Object.fromEntries(
    Object.entries(service.annotations).filter(([key]) => key !== "metallb.io/ip-allocated-from-pool"),
  );
  if ("pool" in decision) annotations["metallb.io/ip-allocated-from-pool"] = decision.pool;
  return { ...service, annotations, ingress: addresses.map((ip) => ({ ip })) };
}
