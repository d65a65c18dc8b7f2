import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createLab, startKubernetes, until, type Lab } from "../lab/index.js";
import { SMELTER, SPEAKER_LABELS, legacyConfigMap } from "./smelter.js";
import { renderBase } from "./render-base.js";

let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ nodes: 1, lanIPv4: "192.168.1.0/24" });
});
afterAll(() => lab?.close());

type LogLine = Readonly<{ level: string; msg: string }>;
const logOf = (output: string): readonly LogLine[] =>
  output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as LogLine);

it("a speaker without NET_RAW ends and names the capability: it would win elections and answer nothing", async () => {
  const speaker = lab.node("n1").spawn([SMELTER, "run", "--from", "examples/legacy", "--node", "n1"], {
    privileges: { uid: 0, capabilities: [] },
  });
  expect(await speaker.ended).toEqual({ code: 1, signal: null });
  const last = logOf(speaker.output("stdout")).at(-1);
  expect([last?.level, last?.msg]).toEqual(["error", expect.stringMatching(/CAP_NET_RAW/)]);
});

it("a port that is taken is named", async () => {
  const taken = await lab.controlPlane.serveHttp(7472);
  const kubeconfig = await kubeconfigFor("https://192.168.1.2:6443");
  const controller = lab.controlPlane.spawn([
    SMELTER,
    "controller",
    "--kubeconfig",
    kubeconfig,
    "--host",
    "192.168.1.2",
  ]);
  expect((await controller.ended).code).toBe(1);
  expect(logOf(controller.output("stdout")).at(-1)?.msg).toBe(
    "Cannot listen on 192.168.1.2:7472: another process listens there: choose another port, 0 for none",
  );
  await taken.close();
});

it("a controller that is started before the API server says so once, is not ready, and works when the server comes", async () => {
  const nobody = await kubeconfigFor("https://192.168.1.2:6443");
  const early = lab.controlPlane.spawn([SMELTER, "controller", "--kubeconfig", nobody, "--port", "0"]);
  const said = await early.waitForOutput(/Cannot reach the API server[^"]*/);
  expect(said[0]).toMatch(/ECONNREFUSED.*: check that it runs/);
  const ready = await lab.controlPlane.fetch("http://192.168.1.2:17472/readyz");
  expect([ready.status, ready.body]).toEqual([503, expect.stringContaining("Cannot reach the API server")]);
  await early.terminate();

  const kubernetes = await startKubernetes(lab);
  await kubernetes.admin.apply(await renderBase("metallb-system"));
  await kubernetes.admin.create(
    legacyConfigMap("metallb-system", "address-pools:\n- {name: a, protocol: layer2, addresses: [192.168.1.240/30]}\n"),
  );
  await kubernetes.createService("default/web");
  const kubeconfig = await kubernetes.kubeconfigOf("metallb-system/controller");
  await kubernetes.apiServer.stop();
  const controller = lab.controlPlane.spawn([SMELTER, "controller", "--kubeconfig", kubeconfig]);
  await controller.waitForOutput(/Cannot reach the API server/);
  await kubernetes.apiServer.start();
  await until(
    async () => (await kubernetes.admin.get("v1/Service", "default/web"))["status"].loadBalancer.ingress?.[0]?.ip,
    { what: "an address after the API server came", deadlineMs: 60_000 },
  );
  await until(async () => (await lab.controlPlane.fetch("http://192.168.1.2:17472/readyz")).status === 200, {
    what: "the controller to be ready",
  });
  expect(controller.output().match(/Cannot reach the API server/g)).toHaveLength(1);
  await controller.terminate();
});

it("a speaker under the permissions of v0.11 (Pods may be listed, not watched) announces, and asks for nothing else", async () => {
  const other = await createLab({ nodes: 1 });
  try {
    const kubernetes = await startKubernetes(other);
    await kubernetes.admin.apply(V0_11_SPEAKER);
    await kubernetes.admin.create(
      legacyConfigMap("metallb-system", "address-pools:\n- {name: a, protocol: layer2, addresses: [10.77.200.0/24]}\n"),
    );
    await kubernetes.createPod({ name: "speaker-n1", namespace: "metallb-system", node: "n1", labels: SPEAKER_LABELS });
    await kubernetes.createService("default/web");
    await kubernetes.setEndpoints("default/web", [{ node: "n1", address: "10.244.11.2" }]);
    await kubernetes.setIngress("default/web", ["10.77.200.1"]);
    const kubeconfig = await kubernetes.kubeconfigOf("metallb-system/speaker");
    const speaker = other.node("n1").spawn([SMELTER, "speaker", "--kubeconfig", kubeconfig, "--node-name", "n1"]);
    await speaker.waitForOutput(/service has IP, announcing/, { deadlineMs: 30_000 });
    expect([...(await other.client.whoHas(["10.77.200.1"])).values()]).toEqual([[other.node("n1").mac]]);
    await speaker.terminate();
    const forbidden = kubernetes
      .auditLog("system:serviceaccount:metallb-system:speaker")
      .filter(({ code }) => code === 403);
    expect(forbidden.map(({ verb, uri }) => `${verb} ${uri}`)).toEqual([]);
  } finally {
    await other.close();
  }
});

/** What the manifests of that release grant its speaker. */
const V0_11_SPEAKER = `
apiVersion: v1
kind: Namespace
metadata: {name: metallb-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: speaker, namespace: metallb-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "metallb-system:speaker"}
rules:
- {apiGroups: [""], resources: [services, endpoints, nodes], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [events], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "metallb-system:speaker"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "metallb-system:speaker"}
subjects: [{kind: ServiceAccount, name: speaker, namespace: metallb-system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: config-watcher, namespace: metallb-system}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: pod-lister, namespace: metallb-system}
rules:
- {apiGroups: [""], resources: [pods], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: config-watcher, namespace: metallb-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: config-watcher}
subjects: [{kind: ServiceAccount, name: speaker, namespace: metallb-system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: pod-lister, namespace: metallb-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: pod-lister}
subjects: [{kind: ServiceAccount, name: speaker, namespace: metallb-system}]
`;

async function kubeconfigFor(server: string): Promise<string> {
  const file = join(lab.folder, "kubeconfig");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "lab", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "nobody", user: { token: "unknown" } }],
    contexts: [{ name: "lab", context: { cluster: "lab", user: "nobody" } }],
    "current-context": "lab",
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}
