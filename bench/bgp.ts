import { join } from "node:path";
import { readFile } from "node:fs/promises";
import { startBird } from "../test/lab/bird.js";
import { startGobgp } from "../test/lab/gobgp.js";
import {
  createLab,
  repositoryRoot,
  startKubernetes,
  until,
  type Kubernetes,
  type Lab,
  type LabProcess,
} from "../test/lab/index.js";
import type { Router } from "../test/lab/router.js";
import type { Report } from "./run.js";
import { median } from "./statistics.js";

const SERVICES = Number(process.env["SIZES"] ?? "5000");
const ROUNDS = 3;
const AT_A_TIME = 16;
const NAMESPACE = "metallb-system";
const PRIVILEGES = { uid: 0, capabilities: ["net_raw"] };

type Measured = Readonly<{ seconds: number; cpuMs: number; rssMiB: number }>;

/**
 * From the start of the speaker's process to the last route at GoBGP, with as many Services as have their address already, on
 * a real API server. The floor is BIRD with as many static routes, and the same GoBGP, in turn with it.
 */
export async function run(report: Report): Promise<void> {
  const lab = await createLab({ nodes: 1 });
  try {
    const kubernetes = await startKubernetes(lab);
    await createWorld(lab, kubernetes);
    const kubeconfig = await kubernetes.kubeconfigOf("admin");
    const [n1] = [lab.node("n1")];
    const argv = [join(repositoryRoot(), "bin/smelter"), "speaker", "--kubeconfig", kubeconfig];
    const flags = ["--namespace", NAMESPACE, "--node-name", "n1", "--port", "0", "--health-probe-port", "0"];
    const ours: Measured[] = [];
    const floors: Measured[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      floors.push(await measure(lab, async () => (await startBird(n1, lab.folder, birdConfig(lab))).process));
      ours.push(
        await measure(lab, async () => n1.spawn([...argv, ...flags], { name: "speaker", privileges: PRIVILEGES })),
      );
    }
    const [value, floor] = [median(ours.map(({ seconds }) => seconds)), median(floors.map(({ seconds }) => seconds))];
    const name = `${SERVICES} routes`;
    report({ bench: "bgp", case: name, value, unit: "s", floor, ratio: value / floor });
    const cpu = median(ours.map(({ cpuMs }) => cpuMs)) / 1000;
    report({ bench: "bgp", case: `${name}, cpu`, value: cpu, unit: "s", floor: null, ratio: null });
    const memory = Math.max(...ours.map(({ rssMiB }) => rssMiB));
    report({ bench: "bgp", case: `${name}, memory`, value: memory, unit: "MiB", floor: null, ratio: null });
  } finally {
    await lab.close();
  }
}

/** One start, of whoever announces, until GoBGP has all; both are ended. */
async function measure(lab: Lab, start: () => Promise<LabProcess>): Promise<Measured> {
  const { router } = lab;
  const peer = {
    name: "n1",
    local: router.ipv4,
    remote: lab.node("n1").ipv4,
    remoteAs: 64_512,
    families: ["ipv4"],
  } as const;
  const gobgp = await startGobgp(router, lab.folder, { asn: 64_513, routerId: router.ipv4, peers: [peer] });
  try {
    const startedAt = performance.now();
    const announcer = await start();
    await until(async () => (await countOf(gobgp)) === SERVICES, {
      what: "all routes",
      deadlineMs: 300_000,
      everyMs: 50,
    });
    const seconds = (performance.now() - startedAt) / 1000;
    const { cpuMs, peakRssMiB } = announcer.usage();
    await announcer.kill();
    return { seconds, cpuMs, rssMiB: peakRssMiB };
  } finally {
    await gobgp.process.kill();
  }
}

async function countOf(gobgp: Router): Promise<number> {
  return (await gobgp.count?.()) ?? (await gobgp.routes()).length;
}

const addressOf = (index: number): string => `10.65.${index >> 8}.${index & 255}`;

function birdConfig({ router, nodes: [n1] }: Lab): string {
  const routes = Array.from({ length: SERVICES }, (_, index) => `  route ${addressOf(index)}/32 blackhole;\n`).join("");
  return `router id ${n1?.ipv4};
protocol static {
  ipv4;
${routes}}
protocol bgp upstream {
  local ${n1?.ipv4} as 64512;
  neighbor ${router.ipv4} as 64513;
  connect delay time 1;
  ipv4 { import none; export all; };
}
`;
}

async function createWorld(lab: Lab, kubernetes: Kubernetes): Promise<void> {
  const { admin } = kubernetes;
  await kubernetes.ensureNamespace(NAMESPACE);
  for (const kind of ["ipaddresspools", "bgppeers", "bgpadvertisements"]) {
    await admin.apply(await readFile(join(repositoryRoot(), `manifests/crds/${kind}.yaml`), "utf8"));
  }
  const resource = (kind: string, version: string, spec: object) => ({
    apiVersion: `metallb.io/${version}`,
    kind,
    metadata: { name: "bench", namespace: NAMESPACE },
    spec,
  });
  await admin.apply([
    resource("IPAddressPool", "v1beta1", { addresses: ["10.65.0.0/16"] }),
    resource("BGPPeer", "v1beta2", { myASN: 64_512, peerASN: 64_513, peerAddress: lab.router.ipv4 }),
    resource("BGPAdvertisement", "v1beta1", {}),
  ]);
  const indexes = Array.from({ length: SERVICES }, (_, index) => index).values();
  const worker = async (): Promise<void> => {
    for (const index of indexes) await createService(kubernetes, index);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

async function createService({ admin }: Kubernetes, index: number): Promise<void> {
  const metadata = { name: `s${index}`, namespace: "default" };
  const spec = { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] };
  await admin.create({ apiVersion: "v1", kind: "Service", metadata, spec });
  const status = { loadBalancer: { ingress: [{ ip: addressOf(index) }] } };
  await admin.patch("v1/Service", `default/s${index}`, { status }, { subresource: "status" });
  await admin.create({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": metadata.name } },
    addressType: "IPv4",
    ports: [{ port: 80 }],
    endpoints: [{ addresses: ["10.244.11.2"], nodeName: "n1", conditions: { ready: true } }],
  });
}
