import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { repositoryRoot, until, type LabProcess, type LanHost } from "../lab/index.js";
import { runs } from "../unit/runs.js";
import { testbedFolder } from "../lab/places.js";
import { readStates, replay, type History } from "./service-history.js";
import { SMELTER, inParallel, legacyConfigMap, prepareCluster, type Smelter } from "./smelter.js";

/*
 * Several controllers at once, while new Services come all the time, and one of them is killed again and again, in order
 * (SIGTERM) and not (SIGKILL). Nobody gets an address that another has, and nobody loses one.
 */

const isLong = runs(1) > 1; // in make soak
const KILLS = isLong ? 20 : 2;
const KILLS_BESIDE = isLong ? 20 : 1;
/** Some releases make two writes a second, and what is short has no time to wait for them. */
const AT_ONCE_BESIDE = isLong ? 5 : 2;
const LEASE = [
  "--leader-elect-lease-duration=5s",
  "--leader-elect-renew-deadline=3s",
  "--leader-elect-retry-period=1s",
];
const NAMESPACE = "metallb-system";
const LEASE_NAME = "smelter-controller";
const ADDRESSES = "10.64.0.0/16";
const AT_ONCE = 5;
const BETWEEN_MS = 1000;

let smelter: Smelter;
let kubeconfig: string;
let watcher: LabProcess;
let historyFile: string;

beforeAll(async () => {
  smelter = await prepareCluster({ nodes: 2, namespace: NAMESPACE });
  const { kubernetes, lab } = smelter;
  kubeconfig = await kubernetes.kubeconfigOf(`${NAMESPACE}/controller`);
  const config = `address-pools:\n- name: default\n  protocol: layer2\n  addresses: [${ADDRESSES}]\n`;
  await kubernetes.admin.create(legacyConfigMap(NAMESPACE, config));
  historyFile = join(lab.folder, "services.jsonl");
  const token = /token: "?([^"\s]+)/.exec(readFileSync(await kubernetes.kubeconfigOf("admin"), "utf8"))?.[1] ?? "";
  const order = JSON.stringify({ server: kubernetes.url, token });
  const script = join(repositoryRoot(), "test/e2e/watch-services.mjs");
  watcher = lab.controlPlane.spawn([process.execPath, script, order], { logFile: historyFile });
  await until(() => readFileSync(historyFile, "utf8").includes('{"ready":true}'), { what: "the watch of Services" });
});
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") {
    for (const { name, output } of started) console.error(`${name} said last:\n${output().slice(-3000)}`);
  }
  await Promise.all(loads.splice(0).map((load) => load.stop()));
  await Promise.all(started.splice(0).map((process) => process.kill()));
});
afterAll(() => smelter?.close());

/** Makes so many Services at once each second until it is stopped. */
function startLoad(prefix: string, atOnce: number) {
  const made: string[] = [];
  const stopped = new AbortController();
  const run = async (): Promise<void> => {
    for (let next = performance.now() + BETWEEN_MS; !stopped.signal.aborted; next += BETWEEN_MS) {
      const keys = Array.from({ length: atOnce }, (_, index) => `default/${prefix}-${made.length + index}`);
      await Promise.all(keys.map((key) => smelter.kubernetes.createService(key)));
      made.push(...keys);
      await delay(Math.max(0, next - performance.now()));
    }
  };
  const running = run();
  const load = {
    made: (): readonly string[] => made,
    async stop() {
      stopped.abort();
      await running;
    },
  };
  loads.push(load);
  return load;
}

async function hasAddress(key: string): Promise<boolean> {
  return (await smelter.kubernetes.admin.get("v1/Service", key))["status"].loadBalancer?.ingress !== undefined;
}

/** Not how much is done counts, but that it goes on: the other may be far behind. */
async function moreServices({ made }: ReturnType<typeof startLoad>): Promise<void> {
  const from = made().length;
  await until(() => made().length > from + AT_ONCE_BESIDE, { what: "more Services to be made" });
}

/** A Service that comes from now on gets its address. */
async function somebodyAllocates({ made }: ReturnType<typeof startLoad>, deadlineMs = 120_000): Promise<void> {
  const from = made().length;
  const what = "a new Service to get an address";
  await until(async () => made()[from] !== undefined && (await hasAddress(made()[from] ?? "")), { what, deadlineMs });
}

/** What runs, to be ended with its test. */
const started: LabProcess[] = [];
const loads: Readonly<{ stop: () => Promise<void> }>[] = [];
let pods = 0;
/** As a Deployment would: each with a name of its own. */
function startController(host: LanHost, flags: readonly string[] = []): LabProcess & Readonly<{ pod: string }> {
  pods += 1;
  const pod = `controller-${pods}`;
  const argv = [SMELTER, "controller", "--kubeconfig", kubeconfig, "--namespace", NAMESPACE, ...LEASE, ...flags];
  const controller = host.spawn([...argv, "--webhook-mode=disabled"], {
    name: pod,
    privileges: { uid: 65534, capabilities: [] },
    env: { METALLB_POD_NAME: pod },
  });
  started.push(controller);
  return Object.assign(controller, { pod });
}

const holder = async (): Promise<string> => {
  const lease = await smelter.kubernetes.admin.find("coordination.k8s.io/v1/Lease", `${NAMESPACE}/${LEASE_NAME}`);
  return String(lease?.["spec"]?.holderIdentity ?? "").split("_")[0] ?? "";
};

async function isReady(host: LanHost): Promise<void> {
  const url = `http://${host.ipv4}:17472/readyz`;
  const what = `the controller on ${host.name} to be ready`;
  await until(async () => (await smelter.lab.client.fetch(url)).status === 200, { what, deadlineMs: 60_000 });
}

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
  const [one, other] = smelter.lab.nodes as [LanHost, LanHost];
  const replicas = [startController(one), startController(other)];
  const load = startLoad("replicas", AT_ONCE);
  await somebodyAllocates(load);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const leading = await holder();
    const index = replicas.findIndex(({ pod }) => pod === leading);
    const [leader, host] = [replicas[index], index === 0 ? one : other];
    if (leader === undefined) throw new Error(`${leading} holds the Lease and is none of ours`);
    if (kill % 2 === 0) expect(await leader.terminate()).toEqual({ code: 0, signal: null });
    else await leader.kill();
    replicas[index] = startController(host);
    await until(async () => ![leading, ""].includes(await holder()), { what: "another holder", deadlineMs: 60_000 });
    await somebodyAllocates(load);
    await isReady(host); // as a standby
  }
  await load.stop();
  const { duplicates, changes, addresses } = await historyOf(load.made());
  if (isLong) console.log(JSON.stringify({ services: load.made().length, duplicates, changes }));
  expect({ duplicates, changes }).toEqual({ duplicates: [], changes: [] });
  expect(new Set(addresses.values()).size).toBe(load.made().length);
});

/**
 * Ours beside the controller of a release that knows nothing of Leases. Where the two give one address to two Services in
 * the same moment, the watch may show that for a moment too.
 */
const ROUND_TRIP_MS = 1000; // of two processes and an API server that share two busy processors

const METALLB = [
  {
    release: "v0.11",
    argv: ["--port", "7572", "--config", "config", "--log-level", "info"],
    prepare: async () => undefined, // it reads the ConfigMap
  },
  {
    release: "v0.14",
    argv: ["--port=7572", "--log-level=info", "--webhook-mode=disabled", "--disable-cert-rotation=true"],
    prepare: async () => {
      const folder = join(repositoryRoot(), "manifests/crds");
      for (const file of readdirSync(folder)) {
        await smelter.kubernetes.admin.apply(readFileSync(join(folder, file), "utf8"));
      }
      await smelter.kubernetes.admin.create({
        apiVersion: "metallb.io/v1beta1",
        kind: "IPAddressPool",
        metadata: { name: "default", namespace: NAMESPACE },
        spec: { addresses: [ADDRESSES] },
      });
    },
  },
] as const;

it.each(METALLB)(
  `beside MetalLB $release, ours killed ${KILLS_BESIDE} times: no address is given twice for longer than a round trip`,
  async ({ release, argv, prepare }) => {
    const { lab, kubernetes } = smelter;
    const [one, other] = lab.nodes as [LanHost, LanHost];
    await prepare();
    const admin = await kubernetes.kubeconfigOf("admin");
    const program = join(testbedFolder(`metallb-${release}`), "controller");
    const metallb = other.spawn([program, ...argv, "--kubeconfig", admin, "--namespace", NAMESPACE], {
      name: `MetalLB ${release}`,
      env: { METALLB_ML_SECRET_NAME: "memberlist", METALLB_DEPLOYMENT: "controller", METALLB_BGP_TYPE: "native" },
    });
    started.push(metallb);
    const load = startLoad(`beside-${release.replace(".", "-")}`, AT_ONCE_BESIDE);
    await somebodyAllocates(load); // it was there first
    let ours = startController(one);
    await isReady(one);
    for (let kill = 0; kill < KILLS_BESIDE; kill += 1) {
      if (kill % 2 === 0) await ours.terminate();
      else await ours.kill();
      await moreServices(load);
      ours = startController(one);
      await isReady(one);
      await moreServices(load);
    }
    await metallb.kill(); // perhaps far behind: ours alone from here on
    await somebodyAllocates(load);
    await load.stop();
    const { duplicates, changes, addresses } = await historyOf(load.made());
    if (isLong) console.log(JSON.stringify({ release, services: load.made().length, duplicates, changes }));
    expect(duplicates.filter(({ milliseconds }) => milliseconds > ROUND_TRIP_MS)).toEqual([]);
    expect(changes.filter(({ alone }) => alone)).toEqual([]);
    expect(new Set(addresses.values()).size).toBe(load.made().length);
  },
);

it("asked for nothing that its permissions do not grant", () => {
  const refused = smelter.kubernetes
    .auditLog(`system:serviceaccount:${NAMESPACE}:controller`)
    .filter(({ code }) => code === 403)
    .map(({ verb, uri }) => `${verb} ${uri}`);
  expect(refused).toEqual([]);
});
