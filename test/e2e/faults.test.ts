import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import {
  createLab,
  startKubernetes,
  startTcpRelay,
  until,
  type Kubernetes,
  type Lab,
  type LabProcess,
  type TcpRelay,
} from "../lab/index.js";
import { startFaultyServer, type Asked, type FaultyServer } from "./faulty-server.js";
import { SMELTER, currentAddresses, inParallel, legacyConfigMap } from "./smelter.js";
import { renderBase } from "./render-base.js";

/** A controller whose API server has every fault there is: no address is lost, given twice or changed. */

const NAMESPACE = "metallb-system";
const COUNT = 40;

let lab: Lab;
let etcd: TcpRelay;
let kubernetes: Kubernetes;
let server: FaultyServer;
let controller: LabProcess;
/** What every Service got first: nothing below may change it. */
let given: ReadonlyMap<string, string> = new Map();
let names: readonly string[] = [];

beforeAll(async () => {
  lab = await createLab({ nodes: 0 });
  etcd = await startTcpRelay(lab.controlPlane, { from: 2378, to: 2379 });
  kubernetes = await startKubernetes(lab, { etcdPort: 2378 });
  await kubernetes.admin.apply(await renderBase(NAMESPACE));
  const pools = "address-pools:\n- {name: a, protocol: layer2, addresses: [10.77.200.0/22]}\n";
  await kubernetes.admin.create(legacyConfigMap(NAMESPACE, pools));
  server = await startFaultyServer(lab, kubernetes);
  const kubeconfig = await server.kubeconfigOf(`${NAMESPACE}/controller`);
  const argv = [SMELTER, "controller", "--kubeconfig", kubeconfig, "--port", "0", "--health-probe-port", "0"];
  controller = lab.controlPlane.spawn(argv, { name: "controller", privileges: { uid: 65534, capabilities: [] } });
  await controller.waitForOutput(/configLoaded/);
});
afterEach(async ({ task }) => {
  server.answer(() => undefined);
  if (task.result?.state === "fail") console.error(`the controller said last:\n${controller.output().slice(-6000)}`);
});
afterAll(async () => {
  await controller?.terminate();
  await server?.close();
  await lab?.close();
});

async function create(prefix: string, count = COUNT): Promise<readonly string[]> {
  const keys = Array.from({ length: count }, (_, index) => `default/${prefix}-${index}`);
  await inParallel(keys, 8, (key) => kubernetes.createService(key));
  names = [...names, ...keys];
  return keys;
}

/** Services that a controller which is stopped does not see being made. @returns how many have an address before */
async function createBehind(prefix: string): Promise<number> {
  controller.stop();
  const { size } = await currentAddresses(kubernetes);
  await create(prefix);
  return size;
}

/** Every Service that there is has an address of its own, and the one it had before. */
async function expectAllServed(): Promise<void> {
  const addresses = await until(
    async () => {
      const current = await currentAddresses(kubernetes);
      return names.every((name) => current.has(name)) ? current : undefined;
    },
    { what: "an address for each Service", deadlineMs: 60_000, everyMs: 50 },
  );
  expect([...addresses.keys()].toSorted()).toEqual([...names].toSorted());
  expect(new Set(addresses.values()).size).toBe(names.length);
  expect([...given].filter(([name, address]) => addresses.has(name) && addresses.get(name) !== address)).toEqual([]);
  given = addresses;
}

/** How often the status of each of these Services was stored. */
function writesOf(keys: readonly string[]): readonly number[] {
  const stored = new Map(keys.map((key) => [key, 0]));
  for (const { verb, object, code } of kubernetes.auditLog(`system:serviceaccount:${NAMESPACE}:controller`)) {
    const key = `${object.namespace}/${object.name}`;
    if (verb === "update" && object.subresource === "status" && code === 200 && stored.has(key))
      stored.set(key, (stored.get(key) ?? 0) + 1);
  }
  return [...stored.values()];
}

it("etcd that takes 200 ms for each answer costs time, and nothing else", async () => {
  await etcd.delay(200);
  try {
    const keys = await create("slow", 24);
    await expectAllServed();
    expect(writesOf(keys)).toEqual(keys.map(() => 1));
  } finally {
    await etcd.delay(0);
  }
});

it("an etcd that loses all its connections in the middle of writes", async () => {
  const wait = await createBehind("cut-off");
  await etcd.delay(50); // so that there is a middle
  controller.continue();
  try {
    for (const more of [1, 10, 20]) {
      await until(async () => (await currentAddresses(kubernetes)).size >= wait + more, { what: `${more} addresses` });
      await etcd.cut();
    }
  } finally {
    await etcd.delay(0);
  }
  await expectAllServed();
});

it("an API server that is killed in the middle of writes and comes back", async () => {
  const wait = await createBehind("restarted");
  await etcd.delay(50);
  const mark = controller.mark();
  controller.continue();
  await until(async () => (await currentAddresses(kubernetes)).size > wait, { what: "the first writes" });
  await kubernetes.apiServer.stop();
  await etcd.delay(0);
  await controller.waitForOutput(/trying again|begins anew/, { since: mark });
  await kubernetes.apiServer.start();
  await expectAllServed();
});

it("watches that break ten times a second while Services come, change and go", async () => {
  let cuts = 0;
  const cutting = setInterval(() => (cuts += server.cutWatches()), 100);
  try {
    const keys = await create("unwatched");
    const gone = keys.slice(0, 10);
    await inParallel(gone, 4, (key) => kubernetes.admin.delete("v1/Service", key));
    names = names.filter((name) => !gone.includes(name));
    await create("instead", 10); // one of them has an address that was free again
    await until(() => cuts > 10, { what: "watches to be cut" });
  } finally {
    clearInterval(cutting);
  }
  await expectAllServed();
});

it.each([
  { name: "as a line of the watch", fault: { lines: [{ type: "ERROR", object: { code: 410, message: "too old" } }] } },
  { name: "as its answer", fault: { status: 410, body: { kind: "Status", code: 410, message: "too old" } } },
])("410 Gone $name: what went on meanwhile is found by a list", async ({ fault }) => {
  let expired = 0;
  let away = true;
  // While it is away it gets no watch at all: it must learn of everything from the list that follows.
  server.answer(({ path, query }) => {
    if (path !== "/api/v1/services" || query.get("watch") !== "true" || !away) return undefined;
    expired += 1;
    return fault;
  });
  server.cutWatches();
  await until(() => expired > 0, { what: "the first 410" });
  const gone = names.slice(-5);
  await inParallel(gone, 5, (key) => kubernetes.admin.delete("v1/Service", key));
  names = names.filter((name) => !gone.includes(name));
  await create(`late-${"lines" in fault ? "line" : "answer"}`, 10);
  away = false;
  const back = performance.now();
  const isWatch = ({ path, query }: Asked): boolean => path === "/api/v1/services" && query.has("watch");
  await until(() => server.asked.some((one) => isWatch(one) && one.at > back), { what: "a watch that is let through" });
  await expectAllServed();
  const { length } = server.asked.filter(({ path }) => path === "/api/v1/services");
  await create(`later-${"lines" in fault ? "line" : "answer"}`, 2);
  await expectAllServed();
  expect(server.asked.filter(({ path }) => path === "/api/v1/services").length).toBe(length); // it follows the watch again
});

it("429 with Retry-After: waits as long as it is asked to, in writes and in watches, and is told no more often", async () => {
  const RETRY_AFTER_SECONDS = 2;
  const REFUSED = 20; // of the 32 that are in flight at a time
  const refusedAt = new Map<string, number>();
  const nextAt = new Map<string, number>();
  const busy = { status: 429, body: { message: "busy" }, retryAfterSeconds: RETRY_AFTER_SECONDS };
  let puts = 0;
  server.answer(({ method, path, at }) => {
    if (method !== "PUT" || !path.endsWith("/status")) return undefined;
    puts += 1;
    if (refusedAt.has(path)) nextAt.set(path, nextAt.get(path) ?? at);
    else if (refusedAt.size < REFUSED) {
      refusedAt.set(path, at);
      return busy;
    }
    return undefined;
  });
  await create("throttled");
  await expectAllServed();
  const pauses = [...refusedAt].map(([path, at]) => (nextAt.get(path) ?? 0) - at);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(RETRY_AFTER_SECONDS * 1_000);
  expect(puts).toBe(COUNT + REFUSED);

  let watchRefusals = 0;
  server.answer(({ query }) => {
    if (query.get("watch") !== "true" || watchRefusals >= 2) return undefined;
    watchRefusals += 1;
    return { ...busy, retryAfterSeconds: 1 };
  });
  server.cutWatches();
  await create("unheard", 3);
  await expectAllServed();
});

it("another writer that changes every Service all the time: both get through, and neither's work is lost", async () => {
  controller.stop(); // so that none has an address before there are two who write
  const keys = await create("contended");
  const edits = new Map<string, number>(keys.map((key) => [key, 0]));
  const edit = async (key: string): Promise<void> => {
    const next = (edits.get(key) ?? 0) + 1;
    edits.set(key, next);
    const metadata = { labels: { edit: `${next}` }, annotations: { "example.com/edit": `${next}` } };
    await kubernetes.admin.patch("v1/Service", key, { metadata });
  };
  const beaten = new Map<string, number>();
  const TIMES = 3;
  // Between what the controller has read and what it writes the other one is quicker, three times for each Service.
  server.before(({ method, path }) => {
    const [, namespace, name] = /\/namespaces\/([^/]+)\/services\/([^/]+)\/status$/.exec(path) ?? [];
    const key = `${namespace}/${name}`;
    if (method !== "PUT" || !edits.has(key) || (beaten.get(key) ?? 0) >= TIMES) return undefined;
    beaten.set(key, (beaten.get(key) ?? 0) + 1);
    return edit(key);
  });
  controller.continue();
  await expectAllServed();
  server.before(() => undefined);
  expect([...beaten.values()]).toEqual(keys.map(() => TIMES));
  const services = await kubernetes.admin.list("v1/Service", { namespace: "default" });
  for (const { metadata } of services.filter((one) => edits.has(`default/${one.metadata.name}`))) {
    const last = `${edits.get(`default/${metadata.name}`)}`;
    expect([metadata.labels?.["edit"], metadata.annotations?.["example.com/edit"]]).toEqual([last, last]);
  }
  expect(writesOf(keys)).toEqual(keys.map(() => 1));
});
