/** Smelter on a lab's cluster: permissions from manifests/, the controller on the control-plane host, speakers on nodes. */
import {
  createLab,
  startKubernetes,
  until,
  type Kubernetes,
  type Lab,
  type LabProcess,
  type LanHost,
} from "../lab/index.js";
import { renderBase } from "./render-base.js";

export const SMELTER = `${process.cwd()}/bin/smelter`;
export const SPEAKER_LABELS = { app: "metallb", component: "speaker" };
const METRICS_PORT = 7472;

export type Smelter = Readonly<{
  lab: Lab;
  kubernetes: Kubernetes;
  namespace: string;
  startController: (flags?: readonly string[]) => Promise<LabProcess>;
  /** Its Pod too, by which the others know that it lives. */
  startSpeaker: (node: LanHost, flags?: readonly string[]) => Promise<LabProcess>;
  /** One value of /metrics, undefined where the series is not there. */
  metric: (host: LanHost, series: string) => Promise<number | undefined>;
  close: () => Promise<void>;
}>;

/** A lab with a control plane, kube-proxy on every node, and Smelter's permissions; nothing of Smelter runs yet. */
export async function prepareCluster(
  options: Readonly<{
    nodes?: number;
    namespace: string;
    /** The API server asks the controller on the control-plane host about each resource. */
    webhooks?: boolean;
    /** false: no kube-proxy on the nodes, where nothing is forwarded anyway. */
    kubeProxy?: boolean;
  }>,
): Promise<Smelter> {
  const lab = await createLab({ nodes: options.nodes ?? 3 });
  try {
    const kubernetes = await startKubernetes(lab, { kubeProxy: options.kubeProxy === false ? [] : lab.nodes });
    await kubernetes.admin.apply(await renderBase(options.namespace, options));
    const [controllerConfig, speakerConfig] = await Promise.all([
      kubernetes.kubeconfigOf(`${options.namespace}/controller`),
      kubernetes.kubeconfigOf(`${options.namespace}/speaker`),
    ]);
    const common = ["--namespace", options.namespace, "--log-level", "debug"];
    return {
      lab,
      kubernetes,
      namespace: options.namespace,
      async startController(flags = []) {
        const argv = [SMELTER, "controller", "--kubeconfig", controllerConfig, ...common, ...flags];
        return lab.controlPlane.spawn(argv, { name: "controller", privileges: { uid: 65534, capabilities: [] } });
      },
      async startSpeaker(node, flags = []) {
        const argv = [SMELTER, "speaker", "--kubeconfig", speakerConfig, "--node-name", node.name, ...common, ...flags];
        const speaker = node.spawn(argv, {
          name: `speaker on ${node.name}`,
          privileges: { uid: 0, capabilities: ["net_raw"] },
        });
        const pod = { name: `speaker-${node.name}`, namespace: options.namespace, node: node.name };
        if ((await kubernetes.admin.find("v1/Pod", `${pod.namespace}/${pod.name}`)) === undefined) {
          await kubernetes.createPod({ ...pod, labels: SPEAKER_LABELS });
        }
        return speaker;
      },
      async metric(host, series) {
        const { body } = await lab.client.fetch(`http://${host.ipv4}:${METRICS_PORT}/metrics`);
        const line = body.split("\n").find((text) => text.startsWith(`${series} `));
        return line === undefined ? undefined : Number(line.slice(series.length + 1));
      },
      close: () => lab.close(),
    };
  } catch (error) {
    await lab.close();
    throw error;
  }
}

/** A legacy ConfigMap object around the text of its `config`. */
export function legacyConfigMap(namespace: string, config: string, name = "config") {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data: { config } };
}

/** The addresses of every LoadBalancer Service, by key, once each of `count` has one. */
export function assignedAddresses(kubernetes: Kubernetes, count: number): Promise<ReadonlyMap<string, string>> {
  return until(
    async () => {
      const addresses = await currentAddresses(kubernetes);
      return addresses.size >= count ? addresses : undefined;
    },
    { what: `an address for each of ${count} Services`, deadlineMs: 120_000, everyMs: 100 },
  );
}

/** The addresses of the LoadBalancer Services that have one now, by key. */
export async function currentAddresses(kubernetes: Kubernetes): Promise<ReadonlyMap<string, string>> {
  const services = await kubernetes.admin.list("v1/Service");
  return new Map(
    services.flatMap(({ metadata, status }) => {
      const ip: unknown = status?.loadBalancer?.ingress?.[0]?.ip;
      return typeof ip === "string" ? [[`${metadata.namespace}/${metadata.name}`, ip] as const] : [];
    }),
  );
}

/** Runs `work` for each item, at most `width` at a time; results in the order of the items. */
export async function inParallel<Item, Value>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<Value>,
): Promise<readonly Value[]> {
  const results: Value[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index] as Item);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
