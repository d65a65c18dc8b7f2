import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { startFaultyServer, type FaultyServer } from "../test/e2e/faulty-server.js";
import { repositoryRoot, until, type Kubernetes, type KubeObject, type Lab } from "../test/lab/index.js";

const NAMESPACE = "metallb-system";
const AT_A_TIME = 16;

/** Every Service of a benchmark has the address of its index: 10.64.0.0 to 10.79.255.255. */
export const addressOf = (index: number): string => `10.${64 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
const SPARE_INDEX = 0xfffff;

const resource = (kind: string, version: string, name: string, spec: object) => ({
  apiVersion: `metallb.io/${version}`,
  kind,
  metadata: { name, namespace: NAMESPACE },
  spec,
});

/** Definitions, a pool for all addresses and an advertisement of it. There is no peer yet. */
export async function createConfiguration({ admin, ensureNamespace }: Kubernetes): Promise<void> {
  await ensureNamespace(NAMESPACE);
  for (const kind of ["ipaddresspools", "bgppeers", "bgpadvertisements"]) {
    await admin.apply(await readFile(join(repositoryRoot(), `manifests/crds/${kind}.yaml`), "utf8"));
  }
  const resources = [
    resource("IPAddressPool", "v1beta1", "bench", { addresses: ["10.64.0.0/12"] }),
    resource("BGPAdvertisement", "v1beta1", "bench", {}),
  ];
  // A server that has just learnt of a kind may say for a moment that it has no place for it.
  await until(async () => (await admin.apply(resources)).length, { what: "resources to be taken" });
  await until(async () => (await admin.list(PEERS)).length === 0, { what: "peers to be served" });
}

const PEERS = "metallb.io/v1beta2/BGPPeer";

/** The peers of every node: routers of AS 64513 at these ports of one address. Those that were there before go. */
export async function usePeers({ admin }: Kubernetes, address: string, ports: readonly number[]): Promise<void> {
  for (const { metadata } of await admin.list(PEERS)) {
    await admin.delete(PEERS, `${NAMESPACE}/${metadata.name}`);
  }
  const spec = { myASN: 64_512, peerASN: 64_513, peerAddress: address };
  await admin.apply(ports.map((port) => resource("BGPPeer", "v1beta2", `bench-${port}`, { ...spec, peerPort: port })));
}

/** So many Services that have their address, with an endpoint each, on the API server. */
export async function createServices(kubernetes: Kubernetes, count: number): Promise<void> {
  const indexes = Array.from({ length: count }, (_, index) => index).values();
  const worker = async (): Promise<void> => {
    for (const index of indexes) await createService(kubernetes, `s${index}`, addressOf(index));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

async function createService(kubernetes: Kubernetes, name: string, ip: string): Promise<void> {
  const metadata = { name, namespace: "default" };
  const spec = { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] };
  await kubernetes.admin.create({ apiVersion: "v1", kind: "Service", metadata, spec });
  await setAddress(kubernetes, name, ip);
  await kubernetes.admin.create({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    ports: [{ port: 80 }],
    endpoints: [{ addresses: ["10.244.11.2"], nodeName: "n1", conditions: { ready: true } }],
  });
}

export async function setAddress({ admin }: Kubernetes, name: string, ip: string): Promise<void> {
  const status = { loadBalancer: { ingress: [{ ip }] } };
  await admin.patch("v1/Service", `default/${name}`, { status }, { subresource: "status" });
}

/**
 * A server that lists as many Services and EndpointSlices as one likes: each is a copy of one that the API server behind
 * it has, under another name, uid and address. Everything else is asked of that server.
 */
export async function serveCopies(lab: Lab, kubernetes: Kubernetes, count: number): Promise<FaultyServer> {
  const name = "the-sample";
  await createService(kubernetes, name, addressOf(SPARE_INDEX));
  const key = `default/${name}`;
  const slice = await kubernetes.admin.get("discovery.k8s.io/v1/EndpointSlice", key);
  const samples = new Map([
    ["/api/v1/services", await kubernetes.admin.get("v1/Service", key)],
    ["/apis/discovery.k8s.io/v1/endpointslices", slice],
  ]);
  const version = slice.metadata.resourceVersion ?? "";
  const server = await startFaultyServer(lab, kubernetes);
  server.answer(({ method, path, query }) => {
    const sample = samples.get(path);
    if (method !== "GET" || sample === undefined || query.get("resourceVersion")) return undefined;
    const from = Number(query.get("continue") ?? 0);
    const to = Math.min(count, from + Number(query.get("limit") ?? count));
    return { stream: [listPage(sample, name, { from, to, count, version })] };
  });
  return server;
}

type Part = Readonly<{ from: number; to: number; count: number; version: string }>;

/** A page of the list of all copies. */
function listPage(sample: KubeObject, name: string, { from, to, count, version }: Part): string {
  const { apiVersion, kind, metadata } = sample;
  const uid = metadata.uid ?? "";
  const pieces = JSON.stringify(sample).split(
    new RegExp(`(${name}|${uid}|${addressOf(SPARE_INDEX).replaceAll(".", "\\.")})`),
  );
  const items = Array.from({ length: to - from }, (_, offset) => {
    const index = from + offset;
    const values = new Map([
      [name, `s${index}`],
      [uid, uid.slice(0, -6) + index.toString(16).padStart(6, "0")],
      [addressOf(SPARE_INDEX), addressOf(index)],
    ]);
    return pieces.map((piece) => values.get(piece) ?? piece).join("");
  });
  const position = { resourceVersion: version, ...(to < count ? { continue: String(to) } : {}) };
  const list = { apiVersion, kind: `${kind}List`, metadata: position };
  return `${JSON.stringify(list).slice(0, -1)},"items":[${items.join()}]}`;
}
