import { readFile, readdir } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { until, type LabProcess } from "../lab/index.js";
import { assignedAddresses, prepareCluster, type Smelter } from "./smelter.js";

/** What is written besides addresses, on a real API server with the permissions of manifests/base. */

const NAMESPACE = "metallb-system";
const POOL = "metallb.io/v1beta1/IPAddressPool";
const STATE = "metallb.io/v1beta1/ConfigurationState";
const DEFINITION = "apiextensions.k8s.io/v1/CustomResourceDefinition";
const SERVICES = 30;
const MAX_INT64 = 2 ** 63; // as JSON.parse reads 9223372036854775807

let smelter: Smelter;
let controller: LabProcess;
let speaker: LabProcess;

beforeAll(async () => {
  smelter = await prepareCluster({ nodes: 1, namespace: NAMESPACE });
  const { admin } = smelter.kubernetes;
  for (const file of await readdir("manifests/crds"))
    await admin.apply(await readFile(`manifests/crds/${file}`, "utf8"));
  await admin.create(pool("four", ["10.77.200.0/24"], { avoidBuggyIPs: true }));
  await admin.create(pool("six", ["fd00:77::/64", "fd00:78::/64"]));
  await smelter.kubernetes.createPod({ name: "controller-0", namespace: NAMESPACE, node: "n1" });
  controller = await smelter.startController(["--pod-name", "controller-0"]);
  speaker = await smelter.startSpeaker(smelter.lab.node("n1"), ["--pod-name", "speaker-n1"]);
});
afterEach(({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const process of [controller, speaker])
    console.error(`${process?.name} said last:\n${process?.output().slice(-6000)}`);
});
afterAll(() => smelter?.close());

const pool = (name: string, addresses: readonly string[], rest: object = {}) => ({
  apiVersion: "metallb.io/v1beta1",
  kind: "IPAddressPool",
  metadata: { name, namespace: NAMESPACE },
  spec: { addresses, ...rest },
});

const poolStatus = async (name: string): Promise<unknown> =>
  (await smelter.kubernetes.admin.get(POOL, `${NAMESPACE}/${name}`))["status"];
const poolSays = (name: string, counts: readonly number[]) =>
  until(
    async () => {
      const status = (await poolStatus(name)) as Record<string, number> | undefined;
      const fields = ["assignedIPv4", "assignedIPv6", "availableIPv4", "availableIPv6"];
      return status !== undefined && fields.map((field) => status[field]).join() === counts.join();
    },
    { what: `the status of pool ${name} to be ${counts.join()}` },
  );
const state = async (name: string) => smelter.kubernetes.admin.find(STATE, `${NAMESPACE}/${name}`);
const stateSays = (name: string, result: string) =>
  until(async () => ((await state(name))?.["status"]?.result === result ? state(name) : undefined), {
    what: `ConfigurationState ${name} to be ${result}`,
  });

/** Requests of the controller that changed something, or tried to. */
const writes = (resource: string) =>
  smelter.kubernetes
    .auditLog(`system:serviceaccount:${NAMESPACE}:controller`)
    .filter(
      ({ verb, object }) => verb !== "get" && verb !== "list" && verb !== "watch" && object.resource === resource,
    );

it("says in each pool how much of it is in use and free, in few writes, up to the largest there can be", async () => {
  const { kubernetes } = smelter;
  await poolSays("four", [0, 0, 254, 0]);
  await poolSays("six", [0, 0, 0, MAX_INT64]);
  const before = writes("ipaddresspools").length;
  const keys = Array.from({ length: SERVICES }, (_, index) => `default/web-${index}`);
  await Promise.all(keys.map((key) => kubernetes.createService(key)));
  await assignedAddresses(kubernetes, SERVICES);
  await poolSays("four", [SERVICES, 0, 254 - SERVICES, 0]);
  expect(writes("ipaddresspools").length - before).toBeLessThanOrEqual(SERVICES / 3);
  for (const key of keys.slice(0, 5)) await kubernetes.admin.delete("v1/Service", key);
  await poolSays("four", [SERVICES - 5, 0, 254 - SERVICES + 5, 0]);
  expect(await poolStatus("six")).toEqual({
    assignedIPv4: 0,
    assignedIPv6: 0,
    availableIPv4: 0,
    availableIPv6: MAX_INT64,
  });
});

it("the server fills in ipMode VIP; one write for each Service, and none when it is edited", async () => {
  const { admin } = smelter.kubernetes;
  const services = await admin.list("v1/Service", { namespace: "default" });
  const ours = services.filter(({ spec }) => spec.type === "LoadBalancer");
  expect(new Set(ours.map(({ status }) => status.loadBalancer.ingress[0].ipMode))).toEqual(new Set(["VIP"]));
  const before = writes("services").length;
  expect(before).toBe(SERVICES);
  for (let edit = 0; edit < 10; edit += 1) {
    await admin.patch("v1/Service", "default/web-9", { metadata: { labels: { edit: `${edit}` } } });
  }
  const ip: string = (await admin.get("v1/Service", "default/web-10"))["status"].loadBalancer.ingress[0].ip;
  const proxied = { status: { loadBalancer: { ingress: [{ ip, ipMode: "Proxy" }] } } };
  await admin.patch("v1/Service", "default/web-10", proxied, { subresource: "status" });
  await until(
    async () => {
      const { loadBalancer } = (await admin.get("v1/Service", "default/web-10"))["status"];
      return loadBalancer.ingress[0].ip === ip && loadBalancer.ingress[0].ipMode === "VIP";
    },
    { what: "the address to be a VIP again" },
  );
  expect(
    writes("services")
      .slice(before)
      .map(({ object }) => object.name),
  ).toEqual(["web-10"]);
});

it("controller and speaker say what they think of the configuration, once for each time that they think otherwise", async () => {
  const { admin } = smelter.kubernetes;
  const names = ["controller", "speaker-n1"];
  for (const name of names) await stateSays(name, "Valid");
  expect((await state("controller"))?.metadata).toMatchObject({
    labels: { "metallb.io/component-type": "controller" },
    ownerReferences: [{ kind: "Pod", name: "controller-0" }],
  });
  expect((await state("speaker-n1"))?.metadata).toMatchObject({
    labels: { "metallb.io/component-type": "speaker", "metallb.io/node-name": "n1" },
    ownerReferences: [{ kind: "Pod", name: "speaker-n1" }],
  });
  await admin.create(pool("overlaps", ["10.77.200.128-10.77.201.1"]));
  for (const name of names) {
    const status = (await stateSays(name, "Invalid"))["status"];
    expect(status.errorSummary).toMatch(/IPAddressPool metallb-system\/overlaps.*: .+/);
    expect(status.conditions).toMatchObject([{ status: "False", reason: "ConfigurationError" }]);
  }
  await admin.delete(POOL, `${NAMESPACE}/overlaps`);
  for (const name of names) await stateSays(name, "Valid");
  expect(writes("configurationstates").filter(({ verb }) => verb === "create")).toHaveLength(1);
  expect(writes("configurationstates").filter(({ object }) => object.subresource === "status")).toHaveLength(3);
});

it("a definition of a release that had no counters yet costs one write, not one after another", async () => {
  const { admin } = smelter.kubernetes;
  const schema = "/spec/versions/0/schema/openAPIV3Schema/properties/status";
  const without = [{ op: "replace", path: schema, value: { type: "object" } }];
  await admin.patch(DEFINITION, "ipaddresspools.metallb.io", without, { type: "json" });
  await controller.terminate();
  // The stored counters go with the next write of the object.
  for (const name of ["four", "six"])
    await admin.patch(POOL, `${NAMESPACE}/${name}`, { metadata: { labels: { touched: "yes" } } });
  await until(async () => JSON.stringify(await poolStatus("four")) === "{}", { what: "the counters to be gone" });
  const before = writes("ipaddresspools").length;
  controller = await smelter.startController(["--pod-name", "controller-0"]);
  await controller.waitForOutput(/drops these fields: apply the definitions/);
  await smelter.kubernetes.createService("default/another");
  await until(async () => (await admin.get("v1/Service", "default/another"))["status"].loadBalancer.ingress?.[0], {
    what: "an address for another",
  });
  await controller.terminate();
  expect(writes("ipaddresspools").length - before).toBe(1);
});

it("never asked for what it is not granted", async () => {
  await speaker.terminate();
  const refused = smelter.kubernetes.auditLog().filter(({ code, user }) => code === 403 && user.includes(NAMESPACE));
  expect(refused.map(({ verb, uri }) => `${verb} ${uri}`)).toEqual([]);
});
