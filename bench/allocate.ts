import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  createLab,
  repositoryRoot,
  startKubernetes,
  type Kubernetes,
  type Lab,
  type LabProcess,
} from "../test/lab/index.js";
import type { Report } from "./run.js";
import { median } from "./statistics.js";

/** Another list for a look at one size: SIZES=20000. */
const SIZES = (process.env["SIZES"] ?? "1000,5000,20000").split(",").map(Number);
const POOLS = 500;
const NODES = 1000;
const AT_A_TIME = 16;
const NAMESPACE = "bench";
const CONFIG_NAMESPACE = "metallb-system";
const DEADLINE_MS = 1_800_000; // a server takes its time to create 20,000 Services

type Ours = Readonly<{ seconds: number; cpuMs: number; rssMiB: number }>;
type Server = Readonly<{ lab: Lab; kubernetes: Kubernetes; kubeconfig: string; token: string }>;

/**
 * Waiting Services until the last of them has its status, from the start of the controller's process, on a real API
 * server; beside a bare client that does nothing but as many status PATCHes, 16 in flight, on the same server. There are
 * 500 pools of 64 addresses, so that most are full before the last Service is served, and 1,000 Nodes.
 */
export async function run(report: Report): Promise<void> {
  const lab = await createLab({ nodes: 0 });
  try {
    const kubernetes = await startKubernetes(lab);
    await kubernetes.ensureNamespace(NAMESPACE);
    await kubernetes.ensureNamespace(CONFIG_NAMESPACE);
    await createWorld(kubernetes);
    const kubeconfig = await kubernetes.kubeconfigOf("admin");
    const token = /token: "?([^"\s]+)/.exec(readFileSync(kubeconfig, "utf8"))?.[1] ?? "";
    const server: Server = { lab, kubernetes, kubeconfig, token };
    const startCpuMs = await measureStart(server);
    report({ bench: "allocate", case: "cpu of a start", value: startCpuMs, unit: "ms", floor: null, ratio: null });
    let smaller: number | undefined;
    let existing = 0;
    for (const count of SIZES) {
      await ask(server, "create", count, existing);
      existing = count;
      const floors: number[] = [];
      const ours: Ours[] = [];
      for (const turn of ["floor", "ours", "ours", "floor"]) {
        if (turn === "floor") floors.push(await measureFloor(server, count));
        else ours.push(await measureOurs(server, count));
      }
      const [value, floor] = [median(ours.map(({ seconds }) => seconds)), median(floors)];
      report({ bench: "allocate", case: `${count} services`, value, unit: "s", floor, ratio: value / floor });
      const cpu = (median(ours.map(({ cpuMs }) => cpuMs)) - startCpuMs) / count;
      report({
        bench: "allocate",
        case: `cpu per service at ${count}`,
        value: cpu,
        unit: "ms",
        floor: smaller ?? null, // what it costs at the smaller size: it must not grow
        ratio: smaller === undefined ? null : cpu / smaller,
      });
      smaller ??= cpu;
      const memory = Math.max(...ours.map(({ rssMiB }) => rssMiB));
      report({
        bench: "allocate",
        case: `memory at ${count}`,
        value: memory,
        unit: "MiB",
        floor: null,
        ratio: null,
      });
    }
  } finally {
    await lab.close();
  }
}

/** @returns seconds from the first request to the last status seen by a watch */
async function measureFloor(server: Server, count: number): Promise<number> {
  const watch = await startWatch(server, count);
  const { startedAt } = await ask(server, "patch", count);
  const { endedAt } = await resultOf(watch);
  await ask(server, "clear", count);
  return (endedAt - startedAt) / 1000;
}

/** @returns what it costs to be ready where no Service waits: no matter of the number of Services */
async function measureStart(server: Server): Promise<number> {
  const measured: number[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const controller = startController(server);
    await controller.waitForOutput(/"event":"configLoaded"/);
    measured.push(controller.usage().cpuMs);
    await controller.kill();
  }
  return median(measured);
}

function startController({ lab, kubeconfig }: Server): LabProcess {
  const smelter = join(repositoryRoot(), "bin/smelter");
  const flags = ["--kubeconfig", kubeconfig, "--namespace", CONFIG_NAMESPACE];
  return lab.controlPlane.spawn([smelter, "controller", ...flags], { name: "controller" });
}

async function measureOurs(server: Server, count: number): Promise<Ours> {
  const watch = await startWatch(server, count);
  const startedAt = Date.now();
  const controller = startController(server);
  const { endedAt } = await resultOf(watch);
  const { cpuMs, peakRssMiB } = controller.usage();
  await controller.kill(); // its Events would be in the way of what is measured next
  await ask(server, "clear", count);
  return { seconds: (endedAt - startedAt) / 1000, cpuMs, rssMiB: peakRssMiB };
}

type Task = "patch" | "create" | "clear" | "watch";
type TaskResult = Readonly<{ startedAt: number; endedAt: number; cpuMs: number }>;

function start({ lab, kubernetes, token }: Server, task: Task, count: number, from = 0): LabProcess {
  const order = { do: task, server: kubernetes.url, token, namespace: NAMESPACE, from, count };
  const script = join(repositoryRoot(), "bench/status-client.mjs");
  return lab.controlPlane.spawn([process.execPath, script, JSON.stringify(order)], { name: task });
}

async function startWatch(server: Server, count: number): Promise<LabProcess> {
  const watch = start(server, "watch", count);
  await watch.waitForOutput(/"ready":true/);
  return watch;
}

const ask = async (server: Server, task: Task, count: number, from = 0): Promise<TaskResult> =>
  resultOf(start(server, task, count, from));

async function resultOf(process: LabProcess): Promise<TaskResult> {
  const [line] = await process.waitForOutput(/^\{"startedAt".*\}$/m, { deadlineMs: DEADLINE_MS });
  return JSON.parse(line) as TaskResult;
}

async function createWorld({ admin }: Kubernetes): Promise<void> {
  for (const kind of ["ipaddresspools", "l2advertisements"]) {
    await admin.apply(readFileSync(join(repositoryRoot(), `manifests/crds/${kind}.yaml`), "utf8"));
  }
  await admin.create({
    apiVersion: "metallb.io/v1beta1",
    kind: "L2Advertisement",
    metadata: { name: "all", namespace: CONFIG_NAMESPACE },
  });
  const pools = Array.from({ length: POOLS }, (_, index) => ({
    apiVersion: "metallb.io/v1beta1",
    kind: "IPAddressPool",
    metadata: { name: `pool-${String(index).padStart(3, "0")}`, namespace: CONFIG_NAMESPACE },
    spec: { addresses: [`10.65.${index >> 2}.${(index & 3) * 64}/26`] },
  }));
  const nodes = Array.from({ length: NODES }, (_, index) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: `node-${index}`, labels: { "kubernetes.io/hostname": `node-${index}` } },
    status: { addresses: [{ type: "InternalIP", address: `10.66.${index >> 8}.${index & 255}` }] },
  }));
  const objects = [...pools, ...nodes].values();
  const worker = async (): Promise<void> => {
    for (const object of objects) await admin.create(object);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}
