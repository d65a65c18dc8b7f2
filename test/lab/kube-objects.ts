/** The objects that a kubelet and the controllers of a whole cluster would write. */
import { podNetwork } from "./address-plan.js";
import type { KubeClient, KubeManifest, KubeObject } from "./kube-client.js";
import { KubeError } from "./kube-client.js";
import type { LanHost } from "./lab.js";

export type PodSpec = Readonly<{
  name: string;
  namespace: string;
  node: string;
  labels?: Readonly<Record<string, string>>;
  /** The node's own address if left out, as with hostNetwork. */
  podIP?: string;
  /** What it says that it runs, which nobody looks at unless it is given. */
  container?: Readonly<{ name: string; image: string; args?: readonly string[]; env?: readonly object[] }>;
  /** true if left out. */
  ready?: boolean;
}>;

export type Endpoint = Readonly<{
  node: string;
  address: string;
  /** true if left out. */
  ready?: boolean;
  serving?: boolean;
  terminating?: boolean;
}>;

export type ServicePort = Readonly<{ name?: string; port: number; targetPort?: number; protocol?: "TCP" | "UDP" }>;

export type KubeObjects = Readonly<{
  ensureNamespace: (name: string) => Promise<void>;
  /** A Ready Node with the host's addresses, the label kubernetes.io/hostname, capacity and pod networks. */
  createNode: (node: LanHost, more?: Readonly<{ labels?: Readonly<Record<string, string>> }>) => Promise<KubeObject>;
  setNodeReady: (node: string, ready: boolean) => Promise<void>;
  /** A Pod that is bound, running and Ready, as its kubelet would say. */
  createPod: (pod: PodSpec) => Promise<KubeObject>;
  setPodReady: (key: string, ready: boolean) => Promise<void>;
  /** A Service of type LoadBalancer; `spec` adds to what is made or replaces it. */
  createService: (
    key: string,
    ports?: readonly ServicePort[],
    more?: Readonly<{ spec?: object; annotations?: Readonly<Record<string, string>> }>,
  ) => Promise<KubeObject>;
  /** Says where the endpoints of a Service are: its EndpointSlice is made or replaced. The ports are the Service's. */
  setEndpoints: (service: string, endpoints: readonly Endpoint[]) => Promise<void>;
  /** Writes status.loadBalancer.ingress, as a load balancer's controller would. */
  setIngress: (service: string, addresses: readonly string[]) => Promise<void>;
}>;

const ALLOCATABLE = { cpu: "4", memory: "8Gi", pods: "110" };

export function createObjects(admin: KubeClient): KubeObjects {
  const split = (key: string): readonly [string, string] => {
    const [namespace, name] = key.includes("/") ? key.split("/") : ["default", key];
    return [namespace ?? "", name ?? ""];
  };

  async function ensureNamespace(name: string): Promise<void> {
    if ((await admin.find("v1/Namespace", name)) !== undefined) return;
    await admin.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } }).catch((error: unknown) => {
      if (!(error instanceof KubeError) || error.code !== 409) throw error; // someone else was faster
    });
  }

  const condition = (type: string, holds: boolean): object => ({
    type,
    status: holds ? "True" : "False",
    reason: "Lab",
    lastTransitionTime: new Date().toISOString(),
  });

  async function setEndpoints(service: string, endpoints: readonly Endpoint[]): Promise<void> {
    const [namespace, name] = split(service);
    const { spec } = await admin.get("v1/Service", `${namespace}/${name}`);
    const ports = (spec.ports as { name?: string; port: number; targetPort?: number; protocol: string }[]).map(
      ({ name, port, targetPort, protocol }) => ({ name: name ?? "", port: targetPort ?? port, protocol }),
    );
    await Promise.all(
      (["IPv4", "IPv6"] as const).map(async (addressType) => {
        const ours = endpoints.filter(({ address }) => address.includes(":") === (addressType === "IPv6"));
        const slice: KubeManifest = {
          apiVersion: "discovery.k8s.io/v1",
          kind: "EndpointSlice",
          metadata: {
            namespace,
            name: `${name}-${addressType.toLowerCase()}`,
            labels: {
              "kubernetes.io/service-name": name,
              "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
          },
          addressType,
          ports,
          endpoints: ours.map(({ node, address, ready = true, serving = ready, terminating = false }) => ({
            addresses: [address],
            nodeName: node,
            conditions: { ready, serving, terminating },
          })),
        };
        const there = await admin.find(
          "discovery.k8s.io/v1/EndpointSlice",
          `${namespace}/${name}-${addressType.toLowerCase()}`,
        );
        if (there !== undefined) await admin.replace(slice);
        else if (ours.length > 0) await admin.create(slice);
      }),
    );
  }

  return {
    ensureNamespace,
    createNode: async (node, { labels = {} } = {}) => {
      const { name, number, ipv4, ipv6 } = node;
      const network = podNetwork(number);
      const metadata = { name, labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", ...labels } };
      const spec = { podCIDR: network.ipv4, podCIDRs: [network.ipv4, network.ipv6] };
      await admin.create({ apiVersion: "v1", kind: "Node", metadata, spec });
      const status = {
        addresses: [
          { type: "InternalIP", address: ipv4 },
          { type: "InternalIP", address: ipv6 },
          { type: "Hostname", address: name },
        ],
        capacity: ALLOCATABLE,
        allocatable: ALLOCATABLE,
        conditions: [condition("Ready", true)],
      };
      await admin.patch("v1/Node", name, { status }, { subresource: "status" });
      return admin.patch("v1/Node", name, { spec: { taints: null } }); // not-ready: admission puts it on a new node
    },
    setNodeReady: async (node, ready) => {
      const status = { conditions: [condition("Ready", ready)] };
      await admin.patch("v1/Node", node, { status }, { subresource: "status", type: "strategic" });
    },
    createPod: async ({ name, namespace, node, labels = {}, podIP, container, ready = true }) => {
      const main = container ?? { name: "main", image: "lab.invalid/main:1" };
      await ensureNamespace(namespace);
      await admin.create({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, namespace, labels },
        spec: {
          nodeName: node,
          hostNetwork: podIP === undefined,
          containers: [main],
          terminationGracePeriodSeconds: 0,
        },
      });
      const { status: nodeStatus } = await admin.get("v1/Node", node);
      const hostIP = (nodeStatus.addresses as { type: string; address: string }[])[0]?.address ?? "";
      const address = podIP ?? hostIP;
      const status = {
        phase: "Running",
        hostIP,
        podIP: address,
        podIPs: [{ ip: address }],
        startTime: new Date().toISOString(),
        conditions: ["Initialized", "PodScheduled", "ContainersReady", "Ready"].map((type) =>
          condition(type, ready || type === "Initialized" || type === "PodScheduled"),
        ),
        containerStatuses: [
          {
            name: main.name,
            image: main.image,
            imageID: "lab",
            ready,
            restartCount: 0,
            started: true,
            state: { running: { startedAt: new Date().toISOString() } },
          },
        ],
      };
      return admin.patch("v1/Pod", `${namespace}/${name}`, { status }, { subresource: "status" });
    },
    setPodReady: async (key, ready) => {
      const status = {
        conditions: [condition("Ready", ready), condition("ContainersReady", ready)],
        containerStatuses: [{ name: "main", ready, image: "lab.invalid/main:1", imageID: "lab", restartCount: 0 }],
      };
      await admin.patch("v1/Pod", key, { status }, { subresource: "status", type: "strategic" });
    },
    createService: async (key, ports = [{ port: 80 }], { spec = {}, annotations = {} } = {}) => {
      const [namespace, name] = split(key);
      await ensureNamespace(namespace);
      return admin.create({
        apiVersion: "v1",
        kind: "Service",
        metadata: { name, namespace, annotations },
        spec: { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports, ...spec },
      });
    },
    setEndpoints,
    setIngress: async (service, addresses) => {
      const [namespace, name] = split(service);
      const status = { loadBalancer: { ingress: addresses.map((ip) => ({ ip })) } };
      await admin.patch("v1/Service", `${namespace}/${name}`, { status }, { subresource: "status" });
    },
  };
}
