/** Manifests as lint meets them, well formed, for tests to spoil. */
export type Texts = Readonly<Record<string, string>>;

export const stream = (...documents: readonly string[]): string => documents.join("\n---\n");

export function resource(kind: string, name: string, spec: string, namespace = "metallb-system"): string {
  const version = kind === "BGPPeer" ? "v1beta2" : "v1beta1";
  return `apiVersion: metallb.io/${version}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}`;
}

export const POOL = resource("IPAddressPool", "web", "{addresses: [10.0.0.0/24]}");
export const L2 = resource("L2Advertisement", "l2", "{}");
export const PEER = resource("BGPPeer", "tor", "{myASN: 64512, peerASN: 64513, peerAddress: 10.9.9.9}");
export const ROUTES = resource("BGPAdvertisement", "routes", "{}");

export function service(name: string, metadata: string, spec = "{type: LoadBalancer, ports: [{port: 80}]}"): string {
  return `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, ${metadata}}\nspec: ${spec}`;
}
export const annotated = (name: string, key: string, value: string): string =>
  service(name, `annotations: {${key}: ${value}}`);
export const asking = (name: string, address: string, port = 80): string =>
  service(name, "", `{type: LoadBalancer, loadBalancerIP: ${address}, ports: [{port: ${port}}]}`);
export const node = (name: string, rack: string): string =>
  `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}, labels: {rack: ${rack}}}`;

export function configMap(config: string, metadata = "name: config, namespace: metallb-system"): string {
  const lines = config.split("\n").map((line) => `    ${line}`);
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {${metadata}}\ndata:\n  config: |\n${lines.join("\n")}`;
}
export const LEGACY = "address-pools:\n- name: web\n  protocol: layer2\n  addresses:\n  - 10.0.0.0/24";
