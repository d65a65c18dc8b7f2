/**
 * What the rooms know of a cluster: small, immutable pictures of API objects, the same whether they came from the
 * Kubernetes API or from manifests in a folder. A field that the API object leaves out holds its API default here.
 */
export type Labels = Readonly<Record<string, string>>;

/** `namespace/name`: how a namespaced object is called in queues, logs and decisions. */
export type ObjectKey = string;

export function objectKey({ namespace, name }: Readonly<{ namespace: string; name: string }>): ObjectKey {
  return `${namespace}/${name}`;
}

export type Protocol = "TCP" | "UDP" | "SCTP";
export type ServicePort = Readonly<{ protocol: Protocol; port: number }>;
/**
 * One entry of status.loadBalancer.ingress; `ip` is undefined for an entry with only a host name. `ipMode` is there only
 * where it is not VIP, which servers that know the field (Kubernetes 1.29 and newer) fill in by themselves.
 */
export type Ingress = Readonly<{ ip?: string; hostname?: string; ipMode?: string }>;

export type ServiceView = Readonly<{
  namespace: string;
  name: string;
  uid: string;
  resourceVersion: string;
  type: string;
  loadBalancerClass?: string;
  /** spec.loadBalancerIP; "" where it is not set. */
  loadBalancerIP: string;
  labels: Labels;
  annotations: Labels;
  ports: readonly ServicePort[];
  selector: Labels;
  externalTrafficPolicy: "Cluster" | "Local";
  /** spec.clusterIPs, or the one of spec.clusterIP; empty where the Service has none. "None" stays as it is. */
  clusterIPs: readonly string[];
  ipFamilies: readonly ("IPv4" | "IPv6")[];
  ipFamilyPolicy: "SingleStack" | "PreferDualStack" | "RequireDualStack";
  ingress: readonly Ingress[];
}>;

export type NodeView = Readonly<{
  name: string;
  labels: Labels;
  annotations: Labels;
  /** Addresses of type InternalIP, as the Node lists them. */
  internalIPs: readonly string[];
  /** Addresses of type ExternalIP; absent where it has none. */
  externalIPs?: readonly string[];
  /** Condition Ready is True. */
  ready: boolean;
  /** Condition NetworkUnavailable is True. */
  networkUnavailable: boolean;
}>;

export type Endpoint = Readonly<{
  addresses: readonly string[];
  nodeName?: string;
  /** Absent conditions stay absent: what they then mean differs by release. */
  ready?: boolean;
  serving?: boolean;
  terminating?: boolean;
}>;

export type EndpointSliceView = Readonly<{
  namespace: string;
  name: string;
  /** Name of the Service, from the label kubernetes.io/service-name. */
  service: string;
  endpoints: readonly Endpoint[];
}>;

export type NamespaceView = Readonly<{ name: string; labels: Labels }>;

/** A container of a Pod, as far as it tells which program runs in it. */
export type ContainerView = Readonly<{
  name: string;
  image: string;
  /** Of command and args, in this order; at most 64, each of at most 256 characters, without the values of secrets. */
  arguments: readonly string[];
  /** Names alone; at most 64. */
  environment: readonly string[];
}>;

export type PodView = Readonly<{
  namespace: string;
  name: string;
  uid: string;
  labels: Labels;
  nodeName?: string;
  podIP?: string;
  phase: string;
  /** Condition Ready is True and the Pod is not being deleted. */
  ready: boolean;
  /** At most 16, none that only prepare the others. */
  containers: readonly ContainerView[];
}>;
