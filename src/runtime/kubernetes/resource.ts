import type { ObjectKey } from "../world/views.js";

/** A collection of the API, or the part of it that one watch is about. */
export type Resource = Readonly<{
  /** "" for the core group. */
  group: string;
  version: string;
  plural: string;
  /** How logs and metrics call it. */
  kind: string;
  /** Only in this namespace; undefined: in all, or the kind has none. */
  namespace?: string;
  /** For instance `metadata.name=config`: a Role that grants one name also allows a list with this selector. */
  fieldSelector?: string;
  labelSelector?: string;
  /** Objects keep metadata.managedFields: who wrote what. Often half of an object, so it is dropped else. */
  managers?: true;
}>;

/** The path of a collection, or with a name of one object in it, without a query. */
export function resourcePath(
  { group, version, plural, namespace }: Pick<Resource, "group" | "version" | "plural" | "namespace">,
  name?: string,
): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${scope}/${plural}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;
}

/** `services`, `ipaddresspools.metallb.io`: one name for each kind in metrics and logs. */
export function resourceName({ group, plural }: Pick<Resource, "group" | "plural">): string {
  return group === "" ? plural : `${plural}.${group}`;
}

/** `namespace/name`, or the name alone where the kind has no namespace. */
export function keyOf({ namespace, name }: Readonly<{ namespace: string; name: string }>): ObjectKey {
  return namespace === "" ? name : `${namespace}/${name}`;
}

export const SERVICES: Resource = { group: "", version: "v1", plural: "services", kind: "Service" };
export const NAMESPACES: Resource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace" };
export const NODES: Resource = { group: "", version: "v1", plural: "nodes", kind: "Node" };
export const ENDPOINT_SLICES: Resource = {
  group: "discovery.k8s.io",
  version: "v1",
  plural: "endpointslices",
  kind: "EndpointSlice",
};

/** The one ConfigMap of that name: the RBAC of the ConfigMap era grants no more in some installs. */
export function configMapResource(namespace: string, name: string): Resource {
  const fieldSelector = `metadata.name=${name}`;
  return { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespace, fieldSelector };
}

export function configMapsResource(namespace: string): Resource {
  return { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespace };
}

/** Deployments and DaemonSets: what controllers and speakers run as. */
export function workloadResources(namespace: string): readonly Resource[] {
  return [
    { group: "apps", version: "v1", plural: "deployments", kind: "Deployment", namespace },
    { group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet", namespace },
  ];
}

export function secretsResource(namespace: string): Resource {
  return { group: "", version: "v1", plural: "secrets", kind: "Secret", namespace };
}

/** The Secrets that hold passwords of peers. */
export function basicAuthResource(namespace: string): Resource {
  return { ...secretsResource(namespace), fieldSelector: "type=kubernetes.io/basic-auth" };
}

/** @param labelSelector in the API's syntax, for instance `app=metallb,component=speaker` */
export function podsResource(namespace: string, labelSelector: string): Resource {
  return { group: "", version: "v1", plural: "pods", kind: "Pod", namespace, labelSelector };
}

export const METALLB_GROUP = "metallb.io";

/** A kind of the group metallb.io, with the versions that we can read, the newest first. */
export type MetallbKind = Readonly<{ plural: string; kind: string; versions: readonly string[] }>;

/** The kinds that were configuration once: of objects that are left over it is only told that they have no effect. */
export const LEFTOVER_KINDS: readonly MetallbKind[] = [
  { plural: "addresspools", kind: "AddressPool", versions: ["v1beta1", "v1alpha1"] },
];

/** The kinds that are configuration. */
export const METALLB_KINDS: readonly MetallbKind[] = [
  { plural: "ipaddresspools", kind: "IPAddressPool", versions: ["v1beta1"] },
  { plural: "l2advertisements", kind: "L2Advertisement", versions: ["v1beta1"] },
  { plural: "bgpadvertisements", kind: "BGPAdvertisement", versions: ["v1beta1"] },
  { plural: "bgppeers", kind: "BGPPeer", versions: ["v1beta2", "v1beta1"] },
  { plural: "communities", kind: "Community", versions: ["v1beta1"] },
  { plural: "bfdprofiles", kind: "BFDProfile", versions: ["v1beta1"] },
];

export function poolsResource(namespace: string): Resource {
  return { group: METALLB_GROUP, version: "v1beta1", plural: "ipaddresspools", kind: "IPAddressPool", namespace };
}

export function configurationStatesResource(namespace: string): Resource {
  const names = { plural: "configurationstates", kind: "ConfigurationState" };
  return { group: METALLB_GROUP, version: "v1beta1", ...names, namespace };
}
