import { join } from "node:path";
import {
  createLab,
  repositoryRoot,
  startKubernetes,
  until,
  type Kubernetes,
  type LabProcess,
  type LanHost,
} from "../test/lab/index.js";
import type { Report } from "./run.js";
import { median } from "./statistics.js";

const NAMESPACE = "metallb-system";
const SERVICES = 1000;
const ROUNDS = 5;

/**
 * From the SIGTERM that the leading controller of two gets to the first address that the other gives, with 1,000 Services
 * that have theirs; a new Service comes right after the signal. Then the same with SIGKILL and the usual Lease of 15 s.
 */
export async function run(report: Report): Promise<void> {
  const lab = await createLab({ nodes: 2 });
  try {
    const kubernetes = await startKubernetes(lab);
    await kubernetes.ensureNamespace(NAMESPACE);
    await kubernetes.admin.apply([configMap()]);
    const kubeconfig = await kubernetes.kubeconfigOf("admin");
    let pods = 0;
    const start = async (host: LanHost): Promise<LabProcess> => {
      const argv = [join(repositoryRoot(), "bin/smelter"), "controller", "--webhook-mode=disabled"];
      const pod = `pod-${(pods += 1)}`;
      const flags = ["--kubeconfig", kubeconfig, "--namespace", NAMESPACE, "--pod-name", pod];
      const controller = host.spawn([...argv, ...flags], { name: pod });
      await controller.waitForOutput(/"event":"configLoaded"/);
      return controller;
    };
    const [one, other] = lab.nodes as [LanHost, LanHost];
    let [leader, standby] = [await start(one), undefined as LabProcess | undefined];
    await leader.waitForOutput(/"event":"leaderElected"/);
    for (let index = 0; index < SERVICES; index += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, more) => kubernetes.createService(`default/s${index + more}`)));
    }
    await until(async () => (await countAssigned(kubernetes)) === SERVICES, { what: "all", deadlineMs: 60_000 });
    let hosts: readonly [LanHost, LanHost] = [one, other];
    for (const [signal, rounds] of [
      ["SIGTERM", ROUNDS],
      ["SIGKILL", 1],
    ] as const) {
      const taken: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        standby = await start(hosts[1]);
        taken.push(await takeover(kubernetes, leader, signal, `${signal.toLowerCase()}-${round}`));
        [leader, hosts] = [standby, [hosts[1], hosts[0]]];
      }
      const name = signal === "SIGTERM" ? "takeover after SIGTERM" : "takeover after SIGKILL, Lease 15 s";
      report({ bench: "takeover", case: name, value: median(taken), unit: "ms", floor: null, ratio: null });
      if (signal === "SIGTERM") {
        const value = Math.max(...taken);
        report({
          bench: "takeover",
          case: `${name}, slowest of ${ROUNDS}`,
          value,
          unit: "ms",
          floor: null,
          ratio: null,
        });
      }
    }
  } finally {
    await lab.close();
  }
}

/** @returns milliseconds from the signal to the address of a Service that came after it */
async function takeover(
  kubernetes: Kubernetes,
  leader: LabProcess,
  signal: NodeJS.Signals,
  name: string,
): Promise<number> {
  const startedAt = performance.now();
  leader.signal(signal);
  await kubernetes.createService(`default/${name}`);
  await until(
    async () => (await kubernetes.admin.get("v1/Service", `default/${name}`))["status"].loadBalancer?.ingress,
    { what: `an address for ${name}`, deadlineMs: 60_000, everyMs: 5 },
  );
  const milliseconds = performance.now() - startedAt;
  await leader.ended;
  return milliseconds;
}

async function countAssigned(kubernetes: Kubernetes): Promise<number> {
  const services = await kubernetes.admin.list("v1/Service", { namespace: "default" });
  return services.filter(({ status }) => status?.loadBalancer?.ingress !== undefined).length;
}

function configMap() {
  const config = "address-pools:\n- name: default\n  protocol: layer2\n  addresses: [10.64.0.0/16]\n";
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "config", namespace: NAMESPACE },
    data: { config },
  };
}
