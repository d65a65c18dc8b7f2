/** A fleet of speakers, MetalLB's and ours, on the nodes of a lab: with the Pods and the environment that they have in life. */
import { readFileSync, readdirSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryRoot, type LabProcess, type LanHost } from "../lab/index.js";
import { testbedFolder } from "../lab/places.js";
import { inParallel, legacyConfigMap, SMELTER, SPEAKER_LABELS, type Smelter } from "./smelter.js";

export type OldRelease = "v0.11" | "v0.14";
export type Program = OldRelease | "ours";

/** A speaker in its Pod. */
export type Speaker = Readonly<{
  program: Program;
  node: LanHost;
  pod: string;
  process: LabProcess;
  /** In milliseconds since 1970. */
  startedAt: number;
}>;

export type MixedFleet = Readonly<{
  /** Makes the Pod and starts the program, as the DaemonSet's controller and a kubelet do. */
  start: (node: LanHost, program: Program) => Promise<Speaker>;
  /** SIGTERM (or SIGKILL), and the Pod is gone when the process is. */
  stop: (speaker: Speaker, how?: "orderly" | "hard") => Promise<void>;
  /** The one that runs on a node. */
  on: (node: LanHost) => Speaker;
  /** Which program the machine with this MAC address ran at this time, or before it when none ran. */
  programAt: (mac: string, at: number) => Program | undefined;
  /** What each has said, for a test that fails. */
  outputs: () => readonly string[];
}>;

const SECRET = "s3JmRWqkxW1LzO5mQpdGqA"; // of 22 characters, as the controllers make them
const IMAGES = {
  "v0.11": "quay.io/metallb/speaker:v0.11.0",
  "v0.14": "quay.io/metallb/speaker:v0.14.9",
  ours: "registry.invalid/smelter:latest",
};
const POOL = "10.77.100.0/24";
/** The n-th address of the pool that the speakers announce. */
export const addressOf = (index: number): string => `10.77.100.${index + 1}`;

/**
 * A fleet on an install of this release: its configuration, and `services` Services that have an address and an endpoint
 * on each node, as its controller and Kubernetes' own leave them.
 */
export async function createMixedFleet(
  smelter: Smelter,
  release: OldRelease,
  services: number,
): Promise<MixedFleet & Readonly<{ addresses: readonly string[] }>> {
  const { lab, kubernetes, namespace } = smelter;
  await configure(smelter, release);
  const addresses = Array.from({ length: services }, (_, index) => addressOf(index));
  await inParallel(addresses, 8, (address) => createServed(smelter, address));

  const secretFolder = join(lab.folder, "ml-secret");
  await mkdir(secretFolder, { recursive: true });
  await writeFile(join(secretFolder, "secretkey"), SECRET);
  const [admin, account] = await Promise.all(
    ["admin", `${namespace}/speaker`].map((name) => kubernetes.kubeconfigOf(name)),
  );

  function commandOf(program: Program): readonly [string, readonly string[], readonly string[]] {
    const settings = ["--kubeconfig", (program === "ours" ? account : admin) ?? "", "--namespace", namespace];
    if (program === "ours") return [SMELTER, ["speaker", "--log-level=debug"], settings];
    const flags = program === "v0.11" ? ["--config=config"] : [];
    return [
      join(testbedFolder(`metallb-${program}`), "speaker"),
      ["--port=7472", ...flags, "--log-level=info"],
      settings,
    ];
  }

  function environmentOf(node: LanHost, pod: string): Readonly<Record<string, string>> {
    const labels = Object.entries(SPEAKER_LABELS).map(([key, value]) => `${key}=${value}`);
    const common = {
      METALLB_NODE_NAME: node.name,
      METALLB_HOST: node.ipv4,
      METALLB_ML_BIND_ADDR: node.ipv4,
      METALLB_ML_LABELS: labels.join(","),
    };
    if (release === "v0.11") return { ...common, METALLB_ML_SECRET_KEY: SECRET };
    return { ...common, METALLB_ML_SECRET_KEY_PATH: secretFolder, METALLB_POD_NAME: pod, METALLB_BGP_TYPE: "native" };
  }

  const running = new Map<string, Speaker>(); // BOUNDED by the nodes
  const ever: Speaker[] = [];
  let pods = 0;
  return {
    addresses,
    async start(node, program) {
      pods += 1;
      const pod = `speaker-${node.name}-${pods}`;
      const [command, args, settings] = commandOf(program);
      const container = { name: "speaker", image: IMAGES[program], args };
      const startedAt = Date.now();
      await kubernetes.createPod({ name: pod, namespace, node: node.name, labels: SPEAKER_LABELS, container });
      const process = node.spawn([command, ...args, ...settings], {
        name: `${program} on ${node.name} (${pod})`,
        privileges: { uid: 0, capabilities: ["net_raw"] },
        env: environmentOf(node, pod),
      });
      const speaker = { program, node, pod, process, startedAt };
      running.set(node.name, speaker);
      ever.push(speaker);
      return speaker;
    },
    async stop(speaker, how = "orderly") {
      await (how === "hard" ? speaker.process.kill() : speaker.process.terminate());
      running.delete(speaker.node.name);
      await kubernetes.admin.delete("v1/Pod", `${namespace}/${speaker.pod}`);
    },
    on(node) {
      const speaker = running.get(node.name);
      if (speaker === undefined) throw new Error(`Cannot find a speaker on ${node.name}: none runs there`);
      return speaker;
    },
    programAt: (mac, at) => ever.findLast(({ node, startedAt }) => node.mac === mac && startedAt <= at)?.program,
    outputs: () => ever.map(({ process: { name, output } }) => `${name} said last:\n${output().slice(-1500)}`),
  };
}

async function configure({ kubernetes, namespace }: Smelter, release: OldRelease): Promise<void> {
  if (release === "v0.11") {
    const config = `address-pools:\n- name: default\n  protocol: layer2\n  addresses: [${POOL}]\n`;
    await kubernetes.admin.create(legacyConfigMap(namespace, config));
    return;
  }
  const folder = join(repositoryRoot(), "manifests/crds");
  for (const file of readdirSync(folder)) await kubernetes.admin.apply(readFileSync(join(folder, file), "utf8"));
  const apiVersion = "metallb.io/v1beta1";
  const metadata = { name: "default", namespace };
  await kubernetes.admin.create({ apiVersion, kind: "IPAddressPool", metadata, spec: { addresses: [POOL] } });
  await kubernetes.admin.create({ apiVersion, kind: "L2Advertisement", metadata, spec: {} });
}

/** The old speakers read Endpoints, since they know no EndpointSlices that a server of today has; newer ones read slices. */
async function createServed({ lab, kubernetes }: Smelter, address: string): Promise<void> {
  const name = `web-${address.replaceAll(".", "-")}`;
  const endpoints = lab.nodes.map((node) => ({ node: node.name, address: `10.244.${node.number}.9` }));
  await kubernetes.createService(`default/${name}`);
  await kubernetes.setEndpoints(`default/${name}`, endpoints);
  const addresses = endpoints.map(({ node, address: ip }) => ({ ip, nodeName: node }));
  await kubernetes.admin.create({
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name, namespace: "default" },
    subsets: [{ addresses, ports: [{ port: 80 }] }],
  });
  await kubernetes.setIngress(`default/${name}`, [address]);
}
