import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { repositoryRoot, until, type LabProcess, type LanHost } from "../lab/index.js";
import { runs } from "../unit/runs.js";
import { readStates, replay, type History } from "./service-history.js";
import { SMELTER, inParallel, legacyConfigMap, prepareCluster, type Smelter } from "./smelter.js";

/*
 * Several controllers at once, while new Services come all the time, and one of them is killed again and again, in order
 * (SIGTERM) and not (SIGKILL). Nobody gets an address that another has, and nobody loses one.
 */

const KILLS = runs(1) > 1 ? 20 : 2;
const LEASE = [
  "--leader-elect-lease-duration=5s",
  "--leader-elect-renew-deadline=3s",
  "--leader-elect-retry-period=1s",
];
const NAMESPACE = "metallb-system";
const LEASE_NAME = "smelter-controller";
const BETWEEN_SERVICES_MS = 200;

let smelter: Smelter;
let kubeconfig: string;
let watcher: LabProcess;
let historyFile: string;

beforeAll(async () => {
  smelter = await prepareCluster({ nodes: 2, namespace: NAMESPACE });
  const { kubernetes, lab } = smelter;
  kubeconfig = await kubernetes.kubeconfigOf(`${NAMESPACE}/controller`);
  const config = "address-pools:\n- name: default\n  protocol: layer2\n  addresses: [10.64.0.0/16]\n";
  await kubernetes.admin.create(legacyConfigMap(NAMESPACE, config));
  historyFile = join(lab.folder, "services.jsonl");
  const token = /token: "?([^"\s]+)/.exec(readFileSync(await kubernetes.kubeconfigOf("admin"), "utf8"))?.[1] ?? "";
  const order = JSON.stringify({ server: kubernetes.url, token });
  const script = join(repositoryRoot(), "test/e2e/watch-services.mjs");
  watcher = lab.controlPlane.spawn([process.execPath, script, order], { logFile: historyFile });
  await until(() => readFileSync(historyFile, "utf8").includes('{"ready":true}'), { what: "the watch of Services" });
});
afterAll(() => smelter?.close());

/** Makes five Services a second until it is stopped. */
function startLoad(prefix: string) {
  const made: string[] = [];
  const stopped = new AbortController();
  const run = async (): Promise<void> => {
    for (let next = performance.now(); !stopped.signal.aborted; next += BETWEEN_SERVICES_MS) {
      const key = `default/${prefix}-${made.length}`;
      await smelter.kubernetes.createService(key);
      made.push(key);
      await delay(Math.max(0, next + BETWEEN_SERVICES_MS - performance.now()));
    }
  };
  const running = run();
  return {
    made: (): readonly string[] => made,
    async stop() {
      stopped.abort();
      await running;
    },
  };
}

async function hasAddress(key: string): Promise<boolean> {
  return (await smelter.kubernetes.admin.get("v1/Service", key))["status"].loadBalancer?.ingress !== undefined;
}

/** A Service that comes from now on gets its address. */
async function somebodyAllocates({ made }: ReturnType<typeof startLoad>, deadlineMs = 30_000): Promise<void> {
  const from = made().length;
  const what = "a new Service to get an address";
  await until(async () => made()[from] !== undefined && (await hasAddress(made()[from] ?? "")), { what, deadlineMs });
}

let pods = 0;
/** As a Deployment would: each with a name of its own. */
function startController(host: LanHost, flags: readonly string[] = []): LabProcess & Readonly<{ pod: string }> {
  pods += 1;
  const pod = `controller-${pods}`;
  const argv = [SMELTER, "controller", "--kubeconfig", kubeconfig, "--namespace", NAMESPACE, ...LEASE, ...flags];
  const started = host.spawn([...argv, "--webhook-mode=disabled"], {
    name: pod,
    privileges: { uid: 65534, capabilities: [] },
    env: { METALLB_POD_NAME: pod },
  });
  return Object.assign(started, { pod });
}

const holder = async (): Promise<string> => {
  const lease = await smelter.kubernetes.admin.find("coordination.k8s.io/v1/Lease", `${NAMESPACE}/${LEASE_NAME}`);
  return String(lease?.["spec"]?.holderIdentity ?? "").split("_")[0] ?? "";
};

/** What became of the Services of a test, when all is quiet. */
async function historyOf(made: readonly string[]): Promise<History> {
  await until(() => inParallel(made, 8, hasAddress).then((each) => each.every(Boolean)), {
    what: "an address for each Service",
    deadlineMs: 60_000,
    everyMs: 200,
  });
  expect(watcher.running()).toBe(true);
  const ours = new Set(made);
  const seen = () =>
    replay(
      readStates(historyFile).filter(({ key }) => ours.has(key)),
      Date.now(),
    );
  await until(() => seen().addresses.size === made.length, { what: "the watch to have seen all" });
  return seen();
}

it(`two replicas, the leader killed ${KILLS} times: one writes, nobody loses an address`, async () => {
  const { lab } = smelter;
  const [one, other] = lab.nodes as [LanHost, LanHost];
  const replicas = [startController(one), startController(other)];
  const load = startLoad("replicas");
  await somebodyAllocates(load);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const leading = await holder();
    const index = replicas.findIndex(({ pod }) => pod === leading);
    const [leader, host] = [replicas[index], index === 0 ? one : other];
    if (leader === undefined) throw new Error(`${leading} holds the Lease and is none of ours`);
    if (kill % 2 === 0) expect(await leader.terminate()).toEqual({ code: 0, signal: null });
    else await leader.kill();
    replicas[index] = startController(host);
    await somebodyAllocates(load);
    await until(async () => (await lab.client.fetch(`http://${host.ipv4}:17472/readyz`)).status === 200, {
      what: "the new replica to be ready, as a standby",
      deadlineMs: 30_000,
    });
  }
  await load.stop();
  const { duplicates, changes, addresses } = await historyOf(load.made());
  expect({ duplicates, changes }).toEqual({ duplicates: [], changes: [] });
  expect(new Set(addresses.values()).size).toBe(load.made().length);
  await Promise.all(replicas.map((replica) => replica.terminate()));
});

it("asked for nothing that its permissions do not grant", () => {
  const refused = smelter.kubernetes
    .auditLog(`system:serviceaccount:${NAMESPACE}:controller`)
    .filter(({ code }) => code === 403)
    .map(({ verb, uri }) => `${verb} ${uri}`);
  expect(refused).toEqual([]);
});
