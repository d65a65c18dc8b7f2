import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import {
  createLab,
  repositoryRoot,
  startKubernetes,
  until,
  type Kubernetes,
  type Lab,
  type LabProcess,
} from "./index.js";

/** The controller alone on a real API server: what a swap under an old install, faults and full pools make of it. */

const NAMESPACE = "metallb-system";
const POOL = "10.77.200.1-10.77.200.9";
const SOURCE_POOL = "metallb.io/ip-allocated-from-pool";
const FINALIZER = "example.com/test"; // keeps a deleted Service in being

let lab: Lab;
let kubernetes: Kubernetes;
let kubeconfig: string;
let controller: LabProcess;
/** While an API server starts it knows no permissions yet and refuses everybody. */
const apiServerStarts: (readonly [from: number, to: number])[] = [];

beforeAll(async () => {
  lab = await createLab({ nodes: 1 });
  kubernetes = await startKubernetes(lab);
  await kubernetes.ensureNamespace(NAMESPACE);
  await kubernetes.admin.apply(RBAC_OF_V0_12);
  kubeconfig = await kubernetes.kubeconfigOf(`${NAMESPACE}/controller`);
});
afterEach(({ task }) => {
  if (task.result?.state === "fail") console.error(`the controller said last:\n${controller.output().slice(-6000)}`);
});
afterAll(() => lab.close());

/** What the manifest of MetalLB v0.12 grants its controller: nothing of Leases. */
const RBAC_OF_V0_12 = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: "metallb-system:controller" }
rules:
- { apiGroups: [""], resources: [services], verbs: [get, list, watch] }
- { apiGroups: [""], resources: [services/status], verbs: [update] }
- { apiGroups: [""], resources: [events], verbs: [create, patch] }
- { apiGroups: [policy], resources: [podsecuritypolicies], resourceNames: [controller], verbs: [use] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: "metallb-system:controller" }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "metallb-system:controller" }
subjects: [{ kind: ServiceAccount, name: controller, namespace: ${NAMESPACE} }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: config-watcher, namespace: ${NAMESPACE} }
rules:
- { apiGroups: [""], resources: [configmaps], verbs: [get, list, watch] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: config-watcher, namespace: ${NAMESPACE} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: config-watcher }
subjects: [{ kind: ServiceAccount, name: controller, namespace: ${NAMESPACE} }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: controller, namespace: ${NAMESPACE} }
rules:
- { apiGroups: [""], resources: [secrets], verbs: [create] }
- { apiGroups: [""], resources: [secrets], resourceNames: [memberlist], verbs: [list] }
- { apiGroups: [apps], resources: [deployments], resourceNames: [controller], verbs: [get] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: controller, namespace: ${NAMESPACE} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: controller }
subjects: [{ kind: ServiceAccount, name: controller, namespace: ${NAMESPACE} }]
`;

const config = (addresses: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "config", namespace: NAMESPACE },
  data: { config: `address-pools:\n- name: default\n  protocol: layer2\n  addresses: [${addresses}]\n` },
});

/** On n1, so that a cable lies between it and the API server; as the user and with the rights of its manifest. */
function start(file = kubeconfig, flags: readonly string[] = []): LabProcess {
  const argv = [join(repositoryRoot(), "bin/smelter"), "controller", "--kubeconfig", file, "--namespace", NAMESPACE];
  return lab.node("n1").spawn([...argv, ...flags], {
    name: "controller",
    privileges: { uid: 65534, capabilities: [] },
    env: { METALLB_POD_NAME: "controller-0" },
  });
}

const service = (name: string) => kubernetes.admin.get("v1/Service", `default/${name}`);

async function addressOf(name: string): Promise<string | undefined> {
  const ingress: unknown = (await service(name))["status"]?.loadBalancer?.ingress;
  return Array.isArray(ingress) ? (ingress as { ip: string }[]).map(({ ip }) => ip).join() : undefined;
}

const address = (name: string, expected: string | undefined, deadlineMs = 20_000) =>
  until(async () => (await addressOf(name)) === expected, {
    what: `${name} to have ${expected ?? "no address"}`,
    deadlineMs,
  });

/** An Event about a Service. */
const event = (name: string, reason: string) =>
  until(
    async () =>
      (await kubernetes.admin.list("v1/Event", { namespace: "default" })).find(
        (one) => one["reason"] === reason && one["involvedObject"].name === name,
      ),
    { what: `an Event ${reason} on ${name}`, deadlineMs: 20_000, everyMs: 50 },
  );

const create = (name: string, more: Parameters<Kubernetes["createService"]>[2] = {}) =>
  kubernetes.createService(`default/${name}`, [{ port: 80 }], more);

it("works under the permissions of MetalLB v0.12, without a Lease, and repeats what else is in a Service", async () => {
  await kubernetes.admin.create(config(POOL));
  await kubernetes.admin.create({
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "first",
      namespace: "default",
      labels: { app: "first" },
      annotations: { "example.com/note": "kept", "metallb.universe.tf/address-pool": "default" },
      finalizers: [FINALIZER],
    },
    spec: { type: "LoadBalancer", ports: [{ port: 80 }] },
  });
  controller = start();
  await address("first", "10.77.200.1");
  await controller.waitForOutput(/leader election is off: .*are not permitted/);
  const { metadata, ...rest } = await service("first");
  expect(metadata).toMatchObject({
    labels: { app: "first" },
    annotations: {
      "example.com/note": "kept",
      "metallb.universe.tf/address-pool": "default",
      [SOURCE_POOL]: "default",
    },
    finalizers: [FINALIZER],
  });
  expect(rest["spec"]).toMatchObject({ type: "LoadBalancer", ports: [{ port: 80 }] });
  expect(rest["status"].loadBalancer.ingress).toEqual([{ ip: "10.77.200.1", ipMode: "VIP" }]);
  expect((await event("first", "IPAllocated"))["message"]).toBe('Assigned IP ["10.77.200.1"]');
});

it("writes nothing when it is started again", async () => {
  await controller.terminate();
  const before = (await service("first")).metadata.resourceVersion;
  controller = start();
  await controller.waitForOutput(/configuration loaded/);
  await create("second");
  await address("second", "10.77.200.2"); // by then it has looked at all
  expect((await service("first")).metadata.resourceVersion).toBe(before);
});

it("keeps up with owners who edit a Service while it is written", async () => {
  const edits = 40;
  await create("edited");
  for (let edit = 0; edit < edits; edit += 1) {
    await kubernetes.admin.patch("v1/Service", "default/edited", {
      metadata: { labels: { edit: `e${edit}` } },
      spec: { type: edit % 2 === 0 ? "ClusterIP" : "LoadBalancer" },
    });
  }
  await address("edited", "10.77.200.3");
  expect((await service("edited")).metadata.labels).toEqual({ edit: `e${edits - 1}` });
  await kubernetes.admin.delete("v1/Service", "default/edited");
});

it.each([
  { name: "outside", spec: { loadBalancerIP: "198.51.100.7" }, problem: /"198\.51\.100\.7".*: .+/ },
  { name: "taken", spec: { loadBalancerIP: "10.77.200.1" }, problem: /in use by default\/first: to share/ },
])("tells the owner of a Service that asks for an address $name what is wrong and what to do", async (row) => {
  await create(row.name, { spec: row.spec });
  const told = await event(row.name, "AllocationFailed");
  expect(told["type"]).toBe("Warning");
  expect(told["message"]).toMatch(row.problem);
  expect(await addressOf(row.name)).toBeUndefined();
  await kubernetes.admin.delete("v1/Service", `default/${row.name}`);
});

it("tells the owner when the pool is full, and gives the next free address to who waits", async () => {
  const fillers = Array.from({ length: 7 }, (_, index) => `filler-${index}`);
  for (const name of fillers) await create(name);
  for (const name of fillers) await until(() => addressOf(name), { what: `an address for ${name}` });
  await create("waiting");
  const told = await event("waiting", "AllocationFailed");
  expect(told["message"]).toMatch(/no available IPs.*: .+/);
  const freed = await addressOf("filler-3");
  await kubernetes.admin.delete("v1/Service", "default/filler-3");
  await address("waiting", freed);
  for (const name of [...fillers.filter((one) => one !== "filler-3"), "waiting"]) {
    await kubernetes.admin.delete("v1/Service", `default/${name}`);
  }
});

it("finds out what happened while the API server was away, and takes nothing that happened twice", async () => {
  await create("leaves");
  await address("leaves", "10.77.200.3");
  await controller.waitForOutput(/default\/leaves.*IP address assigned/);
  controller.stop(); // so that it sees nothing of what happens now, as if it were cut off
  await kubernetes.admin.delete("v1/Service", "default/leaves");
  await create("comes");
  await kubernetes.admin.patch("v1/Service", "default/second", { metadata: { labels: { edited: "yes" } } });
  const from = Date.now();
  await kubernetes.apiServer.stop();
  controller.continue();
  await controller.waitForOutput(/watch of services begins anew|Cannot reach the API server/);
  await kubernetes.apiServer.start();
  apiServerStarts.push([from, Date.now()]);
  await address("comes", "10.77.200.3", 60_000);
  await controller.waitForOutput(/watch of services works again/, { deadlineMs: 60_000 });
  expect([await addressOf("first"), await addressOf("second")]).toEqual(["10.77.200.1", "10.77.200.2"]);
  await kubernetes.admin.delete("v1/Service", "default/comes");
});

it("notices within half a minute that its connections are dead, and begins anew when the cable is mended", async () => {
  const { cable } = lab.node("n1");
  const mark = controller.mark();
  await cable.cut();
  try {
    // Nobody says a word on a watch without events: only probes on the connection can tell.
    await controller.waitForOutput(/watch of services begins anew/, { since: mark, deadlineMs: 60_000 });
    await create("unheard");
  } finally {
    await cable.mend();
  }
  await until(() => addressOf("unheard"), { what: "an address for unheard", deadlineMs: 60_000 });
  await kubernetes.admin.delete("v1/Service", "default/unheard");
});

it("ends in order in the middle of its work: what was written was decided, and code 0", async () => {
  await kubernetes.admin.patch("v1/ConfigMap", `${NAMESPACE}/config`, {
    data: config("10.78.0.0/16, 10.77.200.0/24").data,
  });
  await controller.terminate();
  const names = Array.from({ length: 300 }, (_, index) => `many-${index}`);
  for (let index = 0; index < names.length; index += 20) {
    const some = names.slice(index, index + 20);
    await Promise.all(some.map((name) => create(name, { spec: { allocateLoadBalancerNodePorts: false } })));
  }
  controller = start();
  await controller.waitForOutput(/IP address assigned/);
  expect(await controller.terminate()).toEqual({ code: 0, signal: null });
  const written = (await Promise.all(names.map(addressOf))).filter((one) => one !== undefined);
  expect(written.length).toBeLessThan(names.length);
  const said = controller.output().match(/"service":"default\/many-\d+","ips":\["[^"]+"\]/g) ?? [];
  expect(said.length).toBe(written.length); // each write that was begun was also ended
  controller = start();
  for (const name of names) await until(() => addressOf(name), { what: `an address for ${name}`, deadlineMs: 60_000 });
  const all = await Promise.all(names.map(addressOf));
  expect(new Set(all).size).toBe(names.length);
  expect(written.filter((one) => !all.includes(one))).toEqual([]);
});

it("never asked for what it is not granted", async () => {
  await controller.terminate();
  const refused = kubernetes
    .auditLog(`system:serviceaccount:${NAMESPACE}:controller`)
    .filter(({ code }) => code === 403)
    .filter(({ receivedAt }) =>
      apiServerStarts.every(([from, to]) => Date.parse(receivedAt) < from || Date.parse(receivedAt) > to),
    )
    .map(({ verb, uri }) => `${verb} ${uri}`);
  expect(refused).toEqual([]);
});

it.each([
  {
    name: "a token that is not valid there",
    change: (text: string) => text.replace(/token: .*/, "token: wrong"),
    says: /401.*: the token or certificate is not valid/,
  },
  {
    name: "no authority for the server's certificate",
    change: (text: string) => text.replace(/.*certificate-authority-data.*\n/, ""),
    says: /Cannot reach the API server.*: give the certificate authority/,
  },
])("says what to do about a kubeconfig with $name", async ({ change, says }) => {
  const { readFileSync } = await import("node:fs");
  const file = join(lab.folder, "changed.kubeconfig");
  writeFileSync(file, change(readFileSync(kubeconfig, "utf8")), { mode: 0o644 });
  controller = start(file);
  await controller.waitForOutput(says);
  expect((await lab.node("n1").fetch("http://127.0.0.1:17472/readyz")).status).toBe(503);
  expect(await controller.terminate()).toEqual({ code: 0, signal: null });
});

it("says what to do when it may not see Services, and begins when it may", async () => {
  const stranger = await kubernetes.kubeconfigOf(`${NAMESPACE}/stranger`);
  controller = start(stranger);
  await controller.waitForOutput(/their list and watch are not permitted: grant list and watch of services/);
  await kubernetes.admin.patch("rbac.authorization.k8s.io/v1/ClusterRoleBinding", "metallb-system:controller", {
    subjects: [{ kind: "ServiceAccount", name: "stranger", namespace: NAMESPACE }],
  });
  await controller.waitForOutput(/connected to the API server/);
  // The ConfigMap is not granted to this one: said once, with what to do.
  await controller.waitForOutput(/Cannot read configmaps in metallb-system: .*: grant them/);
  const refused = kubernetes.auditLog(`system:serviceaccount:${NAMESPACE}:stranger`).filter(({ code }) => code === 403);
  expect(refused).toEqual([]);
  expect(await controller.terminate()).toEqual({ code: 0, signal: null });
});
