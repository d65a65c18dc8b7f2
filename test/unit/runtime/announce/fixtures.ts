import type {
  BgpAdvertisement,
  LabelSelector,
  Layer2Advertisement,
  Model,
  Peer,
  Pool,
} from "../../../../src/config/model.js";
import type { AnnounceWorld, ServiceWorld } from "../../../../src/runtime/announce/decision.js";
import { parseAddress, parsePrefix, prefixRange } from "../../../../src/runtime/net/address.js";
import type { Endpoint, NodeView, ServiceView } from "../../../../src/runtime/world/views.js";

export const withLabel = (key: string, value: string): LabelSelector => ({
  matchLabels: [[key, value]],
  matchExpressions: [],
});
export const onNode = (name: string): LabelSelector => withLabel("kubernetes.io/hostname", name);

export function layer2(fields: Partial<Layer2Advertisement> = {}): Layer2Advertisement {
  return { nodeSelectors: [], interfaces: [], serviceSelectors: [], preferredNodes: [], ...fields };
}

export function bgp(fields: Partial<BgpAdvertisement> = {}): BgpAdvertisement {
  const lengths = { aggregationLength: 32, aggregationLengthV6: 128 };
  return { ...lengths, localPref: 0, communities: [], nodeSelectors: [], peers: [], serviceSelectors: [], ...fields };
}

export function peer(name: string, nodeSelectors: readonly LabelSelector[] = []): Peer {
  const flags = { ebgpMultiHop: false, gracefulRestart: false, dualStackAddressFamily: false, disableMP: false };
  const session = { myAsn: 64512, peerAsn: 64513, port: 179, holdTimeSeconds: 90, vrf: "" };
  const address = parseAddress("10.0.0.1");
  if (address === undefined) throw new Error("unreachable");
  return { name, address, nodeSelectors, ...session, ...flags };
}

export function pool(name: string, prefixes: readonly string[], fields: Partial<Pool> = {}): Pool {
  const ranges = prefixes.map((text) => {
    const prefix = parsePrefix(text);
    if (!prefix.ok) throw new Error(`${text} ${prefix.fault}`);
    return prefixRange(prefix.value);
  });
  return { name, ranges, autoAssign: true, avoidBuggyIPs: false, layer2: [], bgp: [], ...fields };
}

export function node(name: string, fields: Partial<NodeView> = {}): NodeView {
  const labels = { "kubernetes.io/hostname": name, ...fields.labels };
  return { name, annotations: {}, internalIPs: [], ready: true, networkUnavailable: false, ...fields, labels };
}

/** Three nodes, all alive. */
export function world(
  pools: readonly Pool[],
  fields: Partial<AnnounceWorld & Pick<Model, "peers">> = {},
): AnnounceWorld {
  const { peers = [], ...rest } = fields;
  const nodes = fields.nodes ?? nodesOf(node("node1"), node("node2"), node("node3"));
  const model = { pools, peers, bfdProfiles: [] };
  return { model, nodes, alive: new Set(nodes.keys()), ignoreExcludeLabel: false, ...rest };
}

export const nodesOf = (...nodes: readonly NodeView[]): ReadonlyMap<string, NodeView> =>
  new Map(nodes.map((each) => [each.name, each]));

type Fields = Partial<Omit<ServiceView, "ingress">> &
  Readonly<{ ingress?: readonly string[]; endpoints?: readonly Partial<Endpoint>[] }>;

/** A Service with 192.168.10.0 and, unless it says otherwise, one endpoint on each of the three nodes. */
export function served({ ingress = ["192.168.10.0"], endpoints, ...fields }: Fields = {}): ServiceWorld {
  const everywhere: readonly Partial<Endpoint>[] = ["node1", "node2", "node3"].map((nodeName) => ({ nodeName }));
  const complete = (fields: Partial<Endpoint>): Endpoint => ({ addresses: ["10.2.0.1"], ...fields });
  const service: ServiceView = {
    namespace: "default",
    name: "web",
    uid: "uid",
    resourceVersion: "1",
    type: "LoadBalancer",
    loadBalancerIP: "",
    labels: {},
    annotations: {},
    ports: [{ protocol: "TCP", port: 80 }],
    selector: { app: "web" },
    externalTrafficPolicy: "Cluster",
    clusterIPs: ["10.96.0.1"],
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
    ingress: ingress.map((ip) => ({ ip })),
    ...fields,
  };
  const slice = { namespace: "default", name: "web-1", service: "web" };
  return {
    service,
    endpointSlices: [{ ...slice, endpoints: (endpoints ?? everywhere).map(complete) }],
  };
}
