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
const sizesOf = (name: string, usual: string): readonly number[] =>
  (process.env[name] ?? usual).split(",").filter(Boolean).map(Number);
const SIZES = sizesOf("SIZES", "1000,5000,20000");
const SIZES_IN_LARGE_WORLD = sizesOf("SIZES_IN_LARGE_WORLD", "1000,5000");
const [SHORT, SHORT_TURNS, LONG_TURNS] = [1000, 6, 2];
type World = Readonly<{ pools: readonly string[]; nodes: number }>;
const SMALL_WORLD: World = { pools: ["10.65.0.0/16"], nodes: 0 };
const LARGE_WORLD: World = {
  pools: Array.from({ length: 500 }, (_, index) => `10.65.${index >> 2}.${(index & 3) * 64}/26`),
  nodes: 1000,
};
const AT_A_TIME = 16;
const NAMESPACE = "bench";
const CONFIG_NAMESPACE = "metallb-system";
const DEADLINE_MS = 1_800_000; // a server takes its time to create 20,000 Services

type Ours = Readonly<{ seconds: number; cpuMs: number; rssMiB: number }>;
type Server = Readonly<{ lab: Lab; kubernetes: Kubernetes; kubeconfig: string; token: string }>;

/**
 * Waiting Services until the last of them has its status, from the start of the controller's process, on a real API
 * server; beside a bare client that does nothing but as many status PATCHes, 16 in flight, on the same server. First
 * with one pool; then with 500 pools of 64 addresses, most of which are full before the last Service is served, and
 * 1,000 Nodes.
 */
export async function run(report: Report): Promise<void> {
  if (SIZES.length > 0) await runIn("", SMALL_WORLD, SIZES, report);
  if (SIZES_IN_LARGE_WORLD.length > 0)
    await runIn(", 500 pools, 1000 nodes", LARGE_WORLD, SIZES_IN_LARGE_WORLD, report);
}

async function runIn(suffix: string, world: World, sizes: readonly number[], report: Report): Promise<void> {
  const lab = await createLab({ nodes: 0 });
  const say = (name: string, value: number, unit: string, floor?: number): void => {
    const [base, ratio] = floor === undefined ? [null, null] : [floor, value / floor];
    report({ bench: "allocate", case: `${name}${suffix}`, value, unit, floor: base, ratio });
  };
  try {
    const kubernetes = await startKubernetes(lab);
    await kubernetes.ensureNamespace(NAMESPACE);
    await kubernetes.ensureNamespace(CONFIG_NAMESPACE);
    await createWorld(kubernetes, world);
    const kubeconfig = await kubernetes.kubeconfigOf("admin");
    const token = /token: "?([^"\s]+)/.exec(readFileSync(kubeconfig, "utf8"))?.[1] ?? "";
    const server: Server = { lab, kubernetes, kubeconfig, token };
    const startCpuMs = await measureStart(server);
    say("cpu of a start", startCpuMs, "ms");
    let smaller: number | undefined;
    let existing = 0;
    for (const count of sizes) {
      await ask(server, "create", count, existing);
      existing = count;
      const floors: number[] = [];
      const ours: Ours[] = [];
      // A run of a few seconds differs by a third from the next one: there are more of the short ones.
      for (let turn = 0; turn < (count <= SHORT ? SHORT_TURNS : LONG_TURNS); turn += 1) {
        floors.push(await measureFloor(server, count));
        ours.push(await measureOurs(server, count));
      }
      say(`${count} services`, median(ours.map(({ seconds }) => seconds)), "s", median(floors));
      const cpu = (median(ours.map(({ cpuMs }) => cpuMs)) - startCpuMs) / count;
      say(`cpu per service at ${count}`, cpu, "ms", smaller); // what it costs at the smaller size: it must not grow
      smaller ??= cpu;
      say(`memory at ${count}`, Math.max(...ours.map(({ rssMiB }) => rssMiB)), "MiB");
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

async function createWorld({ admin }: Kubernetes, world: World): Promise<void> {
  for (const kind of ["ipaddresspools", "l2advertisements"]) {
    await admin.apply(readFileSync(join(repositoryRoot(), `manifests/crds/${kind}.yaml`), "utf8"));
  }
  await admin.create({
    apiVersion: "metallb.io/v1beta1",
    kind: "L2Advertisement",
    metadata: { name: "all", namespace: CONFIG_NAMESPACE },
  });
  const pools = world.pools.map((addresses, index) => ({
    apiVersion: "metallb.io/v1beta1",
    kind: "IPAddressPool",
    metadata: { name: `pool-${String(index).padStart(3, "0")}`, namespace: CONFIG_NAMESPACE },
    spec: { addresses: [addresses] },
  }));
  const nodes = Array.from({ length: world.nodes }, (_, index) => ({
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
