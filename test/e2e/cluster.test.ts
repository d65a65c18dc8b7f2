import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { until, type LabProcess, type Pod } from "../lab/index.js";
import {
  assignedAddresses,
  currentAddresses,
  inParallel,
  legacyConfigMap,
  prepareCluster,
  type Smelter,
} from "./smelter.js";

const SERVICES = 200;
const MORE_SERVICES = 150;
const API_OUTAGE_MS = 20_000;
const STALE = "metallb_k8s_client_config_stale_bool";
const GOOD = `
address-pools:
- name: default
  protocol: layer2
  addresses:
  - 10.77.200.0/23
`;
const BAD = `
address-pools:
- name: default
  protocol: layer3
  addresses:
  - 10.77.200.0/33
`;

let smelter: Smelter;
let controller: LabProcess;
let speakers: readonly LabProcess[];
let pods: readonly Pod[];
/** What every Service got first: nothing below may change it. */
let original: ReadonlyMap<string, string>;
/** When an API server began to start, and was ready: in between it knows no permissions and refuses everybody. */
let apiServerStart: readonly [number, number] = [0, 0];

beforeAll(async () => {
  smelter = await prepareCluster({ namespace: "metallb-system" });
  const { lab, kubernetes } = smelter;
  pods = await Promise.all(lab.nodes.map((node) => lab.addPod(node)));
  await Promise.all(pods.map((pod) => pod.serveHttp(8080, pod.name)));
  await kubernetes.admin.create(legacyConfigMap("metallb-system", GOOD));
  await createServices("web", SERVICES);
});
afterEach(({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const process of [controller, ...(speakers ?? [])]) {
    console.error(`${process.name} said last:\n${process.output().slice(-6000)}`);
  }
});
afterAll(() => smelter?.close());

async function createServices(prefix: string, count: number): Promise<void> {
  const { kubernetes } = smelter;
  const names = Array.from({ length: count }, (_, index) => `default/${prefix}-${index}`);
  await inParallel(names, 8, async (key) => {
    await kubernetes.createService(key, [{ port: 80, targetPort: 8080 }]);
    await kubernetes.setEndpoints(
      key,
      pods.map((pod) => ({ node: pod.node.name, address: pod.ipv4 })),
    );
  });
}

/** So often a host asks before it takes an address for unreachable. */
const TIMES_ASKED = 3;

/**
 * Asks for each address from the client, as hosts do again where nobody answers, for a speaker that found no time for a while
 * answers nothing of it: the machines that answer it, one entry for each answer.
 */
async function answeringMachines(addresses: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const machines = new Map<string, readonly string[]>();
  let unanswered = addresses;
  for (let asked = 0; asked < TIMES_ASKED && unanswered.length > 0; asked += 1) {
    for (const [address, answered] of await smelter.lab.client.whoHas(unanswered, { quietMs: 300 })) {
      machines.set(address, answered);
    }
    unanswered = addresses.filter((address) => machines.get(address)?.length === 0);
  }
  return machines;
}

/** Every address gives a page, through the kernel's own ARP, the announcing node and kube-proxy. */
async function expectPages(addresses: readonly string[]): Promise<void> {
  const { client } = smelter.lab;
  await client.exec(["ip", "-4", "neigh", "flush", "dev", "eth0"]);
  const bodies = await inParallel(addresses, 10, async (address) => (await client.fetch(`http://${address}/`)).body);
  expect(new Set(bodies.map((body) => body.split(".")[0]))).toEqual(new Set(["pod1"]));
}

async function expectOneMachineEach(addresses: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const macs = new Set(smelter.lab.nodes.map(({ mac }) => mac));
  const machines = await answeringMachines(addresses);
  expect([...machines].filter(([, answered]) => answered.length !== 1)).toEqual([]);
  const owners = new Map([...machines].map(([address, [mac]]) => [address, mac ?? ""]));
  expect([...owners.values()].every((mac) => macs.has(mac))).toBe(true);
  return owners;
}

const setConfig = (config: string): Promise<unknown> =>
  smelter.kubernetes.admin.patch("v1/ConfigMap", "metallb-system/config", { data: { config } });

async function everyStaleMetric(value: number): Promise<void> {
  const { lab, metric } = smelter;
  await until(
    async () => {
      const values = await Promise.all([lab.controlPlane, ...lab.nodes].map((host) => metric(host, STALE)));
      return values.every((current) => current === value);
    },
    { what: `${STALE} to be ${value} at the controller and each speaker`, deadlineMs: 30_000, everyMs: 100 },
  );
}

it("gives 200 waiting Services 200 addresses", async () => {
  controller = await smelter.startController();
  original = await assignedAddresses(smelter.kubernetes, SERVICES);
  expect(original.size).toBe(SERVICES);
  expect(new Set(original.values()).size).toBe(SERVICES);
  expect([...original.values()].every((address) => /^10\.77\.20[01]\.\d+$/.test(address))).toBe(true);
});

it("writes the source pool and an Event", async () => {
  const { admin } = smelter.kubernetes;
  const service = await admin.get("v1/Service", "default/web-0");
  expect(service.metadata.annotations?.["metallb.io/ip-allocated-from-pool"]).toBe("default");
  const event = await until(
    async () => {
      const events = await admin.list("v1/Event", { namespace: "default" });
      return events.find((one) => one["reason"] === "IPAllocated" && one["involvedObject"].name === "web-0");
    },
    { what: "the Event IPAllocated on default/web-0", deadlineMs: 60_000, everyMs: 100 },
  );
  expect(event["message"]).toBe(`Assigned IP ["${original.get("default/web-0")}"]`);
});

it("answers for each address from exactly one machine, and a fetch arrives through kube-proxy", async () => {
  const { lab } = smelter;
  speakers = await Promise.all(lab.nodes.map((node) => smelter.startSpeaker(node)));
  await until(
    async () => {
      const counts = await Promise.all(lab.nodes.map((node) => announcedBy(node.name)));
      return counts.reduce((sum, count) => sum + count, 0) === SERVICES;
    },
    { what: `${SERVICES} addresses announced in all`, deadlineMs: 60_000, everyMs: 100 },
  );
  const owners = await expectOneMachineEach([...original.values()]);
  await expectPages([...original.values()]);
  expect(new Set(owners.values()).size).toBe(lab.nodes.length); // the hash spreads them
});

async function announcedBy(node: string): Promise<number> {
  const { body } = await smelter.lab.client.fetch(`http://${smelter.lab.node(node).ipv4}:7472/metrics`);
  return body.split("\n").filter((line) => line.startsWith("metallb_speaker_announced{")).length;
}

it("keeps everything as it is while the ConfigMap is invalid, and says so", async () => {
  const before = await expectOneMachineEach([...original.values()]);
  const mark = controller.mark();
  await setConfig(BAD);
  await everyStaleMetric(1);
  await controller.waitForOutput(/\/address-pools\/0\/protocol is \\?"layer3/, { since: mark });
  await controller.waitForOutput(/\/address-pools\/0\/addresses\/0 is \\?"10\.77\.200\.0\/33/, { since: mark });
  expect(await currentAddresses(smelter.kubernetes)).toEqual(original);
  expect(await expectOneMachineEach([...original.values()])).toEqual(before);
});

it("takes the former ConfigMap back, and clears the metric", async () => {
  await setConfig(GOOD);
  await everyStaleMetric(0);
});

it("takes a repaired ConfigMap that is another one", async () => {
  await setConfig(BAD);
  await everyStaleMetric(1);
  await setConfig(`${GOOD}  - 10.77.220.0/24\n`);
  await everyStaleMetric(0);
  expect(await currentAddresses(smelter.kubernetes)).toEqual(original);
});

it("changes no address when the controller is killed in mid-allocation", async () => {
  const { kubernetes } = smelter;
  await controller.kill();
  await createServices("more", MORE_SERVICES);
  controller = await smelter.startController();
  const some = await assignedAddresses(kubernetes, SERVICES + 10);
  await controller.kill();
  const atDeath = await currentAddresses(kubernetes);
  expect(atDeath.size).toBeGreaterThanOrEqual(some.size);
  controller = await smelter.startController();
  const all = await assignedAddresses(kubernetes, SERVICES + MORE_SERVICES);
  expect(new Set(all.values()).size).toBe(SERVICES + MORE_SERVICES);
  for (const [key, address] of atDeath) expect([key, all.get(key)]).toEqual([key, address]);
  for (const [key, address] of original) expect([key, all.get(key)]).toEqual([key, address]);
});

it("goes on announcing while the API server is away for 20 s, and works again after that", async () => {
  const { kubernetes } = smelter;
  const before = await expectOneMachineEach([...original.values()]);
  await kubernetes.apiServer.stop();
  const end = performance.now() + API_OUTAGE_MS;
  while (performance.now() < end) {
    expect(await expectOneMachineEach([...original.values()])).toEqual(before);
    await delay(500);
  }
  expect(speakers.every((speaker) => speaker.running()) && controller.running()).toBe(true);
  const startedAt = Date.now();
  await kubernetes.apiServer.start();
  apiServerStart = [startedAt, Date.now()];
  await createServices("after", 5);
  const all = await assignedAddresses(kubernetes, SERVICES + MORE_SERVICES + 5);
  for (const [key, address] of original) expect([key, all.get(key)]).toEqual([key, address]);
  const fresh = [0, 1, 2, 3, 4].map((index) => all.get(`default/after-${index}`) ?? "");
  await until(async () => [...(await answeringMachines(fresh)).values()].every(({ length }) => length === 1), {
    what: "an answer for each Service that came after the outage",
    deadlineMs: 60_000,
    everyMs: 200,
  });
  await until(() => expectPages(fresh).then(() => true), {
    what: "kube-proxy, which has an outage to get over too, to forward to them",
    deadlineMs: 90_000,
    everyMs: 500,
  });
});

it("releases the address of a Service that is deleted or is no LoadBalancer any more", async () => {
  const { admin } = smelter.kubernetes;
  const [deleted, changed] = [original.get("default/web-1") ?? "", original.get("default/web-2") ?? ""];
  await admin.delete("v1/Service", "default/web-1");
  await admin.patch("v1/Service", "default/web-2", { spec: { type: "ClusterIP" } });
  await until(async () => !(await currentAddresses(smelter.kubernetes)).has("default/web-2"), {
    what: "the status of default/web-2 to be cleared",
    deadlineMs: 30_000,
  });
  await createServices("heir", 2);
  const heirs = await until(
    async () => {
      const all = await currentAddresses(smelter.kubernetes);
      const found = ["default/heir-0", "default/heir-1"].flatMap((key) => all.get(key) ?? []);
      return found.length === 2 ? found : undefined;
    },
    { what: "addresses for the heirs", deadlineMs: 30_000 },
  );
  expect(new Set(heirs)).toEqual(new Set([deleted, changed]));
});

it("asked for nothing that its permissions do not grant", () => {
  const forbidden = ["controller", "speaker"].flatMap((name) =>
    smelter.kubernetes
      .auditLog(`system:serviceaccount:metallb-system:${name}`)
      .filter(({ code }) => code === 403)
      .filter(
        ({ receivedAt }) => Date.parse(receivedAt) < apiServerStart[0] || Date.parse(receivedAt) > apiServerStart[1],
      )
      .map(({ verb, uri }) => `${name}: ${verb} ${uri}`),
  );
  expect(forbidden).toEqual([]);
});

it("ends in order with the first signal", async () => {
  const ends = await Promise.all([controller, ...speakers].map((process) => process.terminate()));
  expect(ends.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
});
