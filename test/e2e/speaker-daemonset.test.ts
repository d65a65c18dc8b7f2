import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import {
  createLab,
  encodeArpRequest,
  readManifests,
  startKubernetes,
  until,
  type KubeObject,
  type Kubernetes,
  type Lab,
  type LabProcess,
  type LanHost,
} from "../lab/index.js";
import { renderBase } from "./render-base.js";
import { SMELTER, SPEAKER_LABELS } from "./smelter.js";

/** Speakers as the DaemonSet of manifests/base starts them: with its arguments, environment and privileges, no more. */

const NAMESPACE = "metallb-system";
const STATUS = "metallb.io/v1beta1/ServiceL2Status";
const BGP_STATUS = "metallb.io/v1beta1/ServiceBGPStatus";
const WEB = "default/web";

type Container = Readonly<{
  args: readonly string[];
  env: readonly Readonly<{ name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }>[];
  ports: readonly Readonly<{ name: string; containerPort: number; protocol?: string }>[];
  securityContext: Readonly<{
    runAsUser: number;
    allowPrivilegeEscalation: boolean;
    readOnlyRootFilesystem: boolean;
    capabilities: Readonly<{ drop: readonly string[]; add?: readonly string[] }>;
  }>;
}>;

let lab: Lab;
let kubernetes: Kubernetes;
let daemonSet: KubeObject;
let deployment: KubeObject;
let secretFolder: string;
let webAddress: string; // of WEB, the IPv4 one
const running: LabProcess[] = [];

beforeAll(async () => {
  lab = await createLab({ nodes: 2 });
  kubernetes = await startKubernetes(lab);
  const { admin } = kubernetes;
  await admin.apply(await renderBase(NAMESPACE));
  for (const file of await readdir("manifests/crds"))
    await admin.apply(await readFile(`manifests/crds/${file}`, "utf8"));
  daemonSet = await admin.get("apps/v1/DaemonSet", `${NAMESPACE}/speaker`);
  deployment = await admin.get("apps/v1/Deployment", `${NAMESPACE}/controller`);
  secretFolder = join(lab.folder, "ml_secret_key");
  await mkdir(secretFolder);
  await admin.apply(POOLS);
});
afterEach(({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const process of running) console.error(`${process.name} said last:\n${process.output().slice(-6000)}`);
});
afterAll(() => lab?.close());

const POOLS = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: both, namespace: ${NAMESPACE}}
spec: {addresses: [10.77.200.0/24, "fd77::2:0/120"]}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: both, namespace: ${NAMESPACE}}
spec: {interfaces: [eth0]}
`;

/** Nobody listens there: what is to be sent is told all the same. */
const bgp = (address: string): string => `
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: {name: router, namespace: ${NAMESPACE}}
spec: {myASN: 64512, peerASN: 64513, peerAddress: ${address}}
---
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: {name: all, namespace: ${NAMESPACE}}
spec: {}
`;

const containerOf = (workload: KubeObject): Container => workload["spec"].template.spec.containers[0];

/** What a kubelet makes of the container's environment. */
function environmentOf({ env }: Container, host: LanHost, podName: string): Record<string, string> {
  const fields: Readonly<Record<string, string>> = {
    "spec.nodeName": host.name,
    "metadata.name": podName,
    "status.hostIP": host.ipv4,
    "status.podIP": host.ipv4,
  };
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [name, value ?? fields[valueFrom?.fieldRef.fieldPath ?? ""] ?? ""]),
  );
}

async function startController(): Promise<LabProcess> {
  const container = containerOf(deployment);
  const kubeconfig = await kubernetes.kubeconfigOf(`${NAMESPACE}/controller`);
  await kubernetes.createPod({ name: "controller-0", namespace: NAMESPACE, node: "n1" });
  const env = environmentOf(container, lab.node("n1"), "controller-0");
  const argv = [
    SMELTER,
    ...container.args,
    "--kubeconfig",
    kubeconfig,
    "--namespace",
    NAMESPACE,
    "--webhook-mode=disabled",
  ];
  const privileges = { uid: 65534, capabilities: [] };
  const process = lab.controlPlane.spawn(argv, { name: "controller", env, privileges, readOnlyRoot: true });
  running.push(process);
  return process;
}

async function startSpeaker(node: LanHost): Promise<LabProcess> {
  const container = containerOf(daemonSet);
  const { runAsUser, readOnlyRootFilesystem, capabilities } = container.securityContext;
  const podName = `speaker-${node.name}`;
  const kubeconfig = await kubernetes.kubeconfigOf(`${NAMESPACE}/speaker`);
  if ((await kubernetes.admin.find("v1/Pod", `${NAMESPACE}/${podName}`)) === undefined)
    await kubernetes.createPod({ name: podName, namespace: NAMESPACE, node: node.name, labels: SPEAKER_LABELS });
  const speaker = node.spawn([SMELTER, ...container.args, "--kubeconfig", kubeconfig, "--namespace", NAMESPACE], {
    name: `speaker on ${node.name}`,
    env: { ...environmentOf(container, node, podName), METALLB_ML_SECRET_KEY_PATH: secretFolder },
    privileges: { uid: runAsUser, capabilities: (capabilities.add ?? []).map((name) => name.toLowerCase()) },
    readOnlyRoot: readOnlyRootFilesystem,
  });
  running.push(speaker);
  return speaker;
}

const statuses = (): Promise<KubeObject[]> => kubernetes.admin.list(STATUS, { namespace: NAMESPACE });
/** The one node that says of itself that it answers, once it is one alone. */
const ownerSays = (service: string, isIt: (node: string) => boolean): Promise<KubeObject> =>
  until(
    async () => {
      const about = (await statuses()).filter(
        ({ metadata }) =>
          `${metadata.labels?.["metallb.io/service-namespace"]}/${metadata.labels?.["metallb.io/service-name"]}` ===
          service,
      );
      const [one] = about;
      return about.length === 1 && isIt(one?.["status"]?.node ?? "") ? one : undefined;
    },
    { what: `one ServiceL2Status of ${service}`, deadlineMs: 60_000, everyMs: 100 },
  );
const isNode = (node: string): boolean => node === "n1" || node === "n2";

async function explain(node: string, query: string): Promise<unknown> {
  const { body } = await lab.node(node).fetch(`http://127.0.0.1:17472/explain?${query}`);
  return JSON.parse(body) as unknown;
}

it("the DaemonSet is where tools look for it, and asks for no more than it needs", async () => {
  const { metadata, spec } = daemonSet;
  expect(metadata.labels).toMatchObject({ app: "metallb", component: "speaker" });
  expect(spec.selector.matchLabels).toEqual({ app: "metallb", component: "speaker" });
  expect(spec.template.spec).toMatchObject({
    hostNetwork: true,
    serviceAccountName: "speaker",
    nodeSelector: { "kubernetes.io/os": "linux" },
  });
  const { ports, securityContext, env } = containerOf(daemonSet);
  expect(securityContext).toMatchObject({
    runAsUser: 0,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"], add: ["NET_RAW"] },
  });
  expect(ports.map(({ name, containerPort, protocol }) => `${name} ${protocol} ${containerPort}`)).toEqual([
    "monitoring TCP 7472",
    "health TCP 17472",
    "memberlist-tcp TCP 7946",
    "memberlist-udp UDP 7946",
  ]);
  expect(env.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      "METALLB_NODE_NAME",
      "METALLB_POD_NAME",
      "METALLB_HOST",
      "METALLB_ML_BIND_ADDR",
      "METALLB_ML_LABELS",
    ]),
  );
  const excluded = await kubernetes.admin.get("v1/ConfigMap", `${NAMESPACE}/metallb-excludel2`);
  expect(excluded["data"]["excludel2.yaml"]).toMatch(/^announcedInterfacesToExclude: \[.*"\^lo\$".*\]\n$/);
  expect(
    (await readManifests(await renderBase("elsewhere"))).every((object) => namespaceOf(object) !== NAMESPACE),
  ).toBe(true);
});

const namespaceOf = ({ kind, metadata }: Readonly<{ kind: string; metadata: object }>): unknown =>
  kind === "Namespace" ? (metadata as { name: string }).name : (metadata as { namespace?: string }).namespace;

it("the controller makes the key of the gossip, which goes with the Deployment", async () => {
  await startController();
  const secret = await until(() => kubernetes.admin.find("v1/Secret", `${NAMESPACE}/memberlist`), {
    what: "the Secret",
  });
  const key = Buffer.from(secret["data"].secretkey, "base64").toString();
  expect(key).toMatch(/^[A-Za-z0-9+/]{22}$/);
  expect(secret.metadata["ownerReferences"]).toMatchObject([
    { apiVersion: "apps/v1", kind: "Deployment", name: "controller", uid: deployment.metadata.uid },
  ]);
  await writeFile(join(secretFolder, "secretkey"), key, { mode: 0o400 });
});

it("speakers have NET_RAW and nothing else in any set, gain nothing, and can write nowhere", async () => {
  for (const node of lab.nodes) await startSpeaker(node);
  for (const { pid, name, waitForOutput } of running.filter((process) => process.name.startsWith("speaker"))) {
    await waitForOutput(/configLoaded/, { deadlineMs: 60_000 });
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const field = (key: string): string => new RegExp(`^${key}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
    const sets = Object.fromEntries(["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map((set) => [set, field(set)]));
    expect({ name, ...sets }).toEqual({
      name,
      CapInh: "0000000000000000",
      CapPrm: "0000000000002000",
      CapEff: "0000000000002000",
      CapBnd: "0000000000002000",
      CapAmb: "0000000000000000",
    });
    expect([field("NoNewPrivs"), field("Uid").split("\t")[0]]).toEqual(["1", "0"]);
    const mounts = (await readFile(`/proc/${pid}/mountinfo`, "utf8")).trimEnd().split("\n");
    const writable = mounts
      .map((line) => line.split(" "))
      .filter(([, , , , target, options]) => {
        return options?.startsWith("rw") && !/^\/(dev|proc|sys)(\/|$)/.test(target ?? "");
      });
    expect(writable).toEqual([]);
  }
});

it("answer ARP and NDP, from one machine", async () => {
  await kubernetes.createService(WEB, [{ port: 80 }], {
    spec: { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"] },
  });
  await kubernetes.setEndpoints(WEB, [{ node: "n1", address: "10.244.11.2" }]);
  const addresses = await until(
    async () => {
      const { ingress } = (await kubernetes.admin.get("v1/Service", WEB))["status"].loadBalancer;
      return (ingress as { ip: string }[] | undefined)?.map(({ ip }) => ip);
    },
    { what: "addresses", deadlineMs: 60_000 },
  );
  const [ipv4 = "", ipv6 = ""] = addresses;
  webAddress = ipv4;
  const mac = await until(async () => (await lab.client.whoHas([ipv4])).get(ipv4)?.[0], {
    what: `an answer for ${ipv4}`,
  });
  expect(lab.nodes.map((node) => node.mac)).toContain(mac);
  expect((await lab.client.whoHas([ipv4], { quietMs: 300 })).get(ipv4)).toEqual([mac]);
  const asked = await lab.client.attempt(["ndisc6", "-1", "-m", "-r", "3", "-w", "1000", ipv6, "eth0"]);
  expect(asked.stdout.toLowerCase()).toContain(mac);
});

it("say in a ServiceL2Status who answers and where, and on each node why it does or does not", async () => {
  const { metadata, status } = await ownerSays(WEB, isNode).then((one) => ({ ...one, status: one["status"] }));
  const owner = lab.node(status.node);
  const other = lab.nodes.find(({ name }) => name !== owner.name)?.name ?? "";
  expect(status).toEqual({
    node: owner.name,
    serviceName: "web",
    serviceNamespace: "default",
    interfaces: [{ name: "eth0" }],
  });
  expect(metadata.name).toMatch(/^l2-/);
  expect(metadata.labels).toMatchObject({ "metallb.io/node": owner.name });
  expect(metadata["ownerReferences"]).toMatchObject([{ kind: "Pod", name: `speaker-${owner.name}` }]);
  expect(await explain(owner.name, `service=${WEB}`)).toMatchObject({
    node: owner.name,
    layer2: {
      announce: true,
      interfaces: ["eth0"],
      explanation: `${owner.name} announces it, chosen from 2 candidates`,
    },
    bgp: { announce: false, explanation: expect.stringMatching(/.+/) },
  });
  expect(await explain(other, `service=${WEB}`)).toMatchObject({
    layer2: { announce: false, reason: "notOwner", winner: owner.name },
  });
  expect(await explain(other, "service=default/none")).toMatchObject({ problem: expect.stringMatching(/not there/) });
});

it("gossip with each other by what the DaemonSet says, with the controller's key", async () => {
  const known = async ({ ipv4 }: LanHost): Promise<string | undefined> => {
    const { body } = await lab.client.fetch(`http://${ipv4}:7472/metrics`);
    return /^smelter_membership_members\{state="alive"\} (\d+)$/m.exec(body)?.[1];
  };
  await until(async () => (await Promise.all(lab.nodes.map(known))).every((count) => count === "2"), {
    what: "each to know of the other",
    deadlineMs: 60_000,
  });
  for (const process of running) expect(process.output()).not.toContain("gossipInClear");
});

it("the status moves with the owner, also where that one is killed, which the API server does not know, and back", async () => {
  const first: string = (await ownerSays(WEB, isNode))["status"].node;
  const killed = running.find(({ name }) => name === `speaker on ${first}`);
  await killed?.kill();
  await ownerSays(WEB, (node) => isNode(node) && node !== first);
  await startSpeaker(lab.node(first));
  await ownerSays(WEB, (node) => node === first);
});

it("each node says in a ServiceBGPStatus to which peers it sends the Service, as long as it does", async () => {
  const { admin } = kubernetes;
  await admin.apply(bgp(lab.router.ipv4));
  const sent = await until(
    async () => {
      const all = await admin.list(BGP_STATUS, { namespace: NAMESPACE });
      const told = all.map(({ status }) => status as Record<string, unknown> | undefined);
      return told.length === 2 && told.every((status) => status?.["peers"] !== undefined) ? told : undefined;
    },
    { what: "a ServiceBGPStatus of each node", deadlineMs: 60_000 },
  );
  expect(sent.toSorted((a, b) => String(a?.["node"]).localeCompare(String(b?.["node"])))).toEqual(
    ["n1", "n2"].map((node) => ({ node, serviceName: "web", serviceNamespace: "default", peers: ["router"] })),
  );
  await admin.delete("metallb.io/v1beta1/BGPAdvertisement", `${NAMESPACE}/all`);
  await until(async () => (await admin.list(BGP_STATUS, { namespace: NAMESPACE })).length === 0, {
    what: "no ServiceBGPStatus to be left",
  });
});

it("where it is explained another machine is named that claims the address", async () => {
  const { client } = lab;
  const status = (await ownerSays(WEB, isNode))["status"];
  const claim = encodeArpRequest(client.mac, webAddress, webAddress);
  await until(
    async () => {
      await client.send([claim]);
      const { answeredElsewhere } = (await explain(status.node, `service=${WEB}`)) as Record<string, unknown>;
      return JSON.stringify(answeredElsewhere) === JSON.stringify([{ address: webAddress, machine: client.mac }]);
    },
    { what: "the conflict to be explained", deadlineMs: 60_000, everyMs: 200 },
  );
});

it("and goes with the Service", async () => {
  await kubernetes.admin.delete("v1/Service", WEB);
  await until(async () => (await statuses()).length === 0, { what: "no ServiceL2Status to be left" });
});

it("many Services are told with two writes each, and no second one where nothing has changed", async () => {
  const { admin } = kubernetes;
  const other = running.find((process) => process.name === "speaker on n2" && process.running());
  expect(await other?.terminate()).toMatchObject({ code: 0 }); // nobody that anything could move to
  const keys = Array.from({ length: 60 }, (_, index) => `default/many-${index}`);
  const mark = writes().length;
  await Promise.all(keys.map((key) => kubernetes.createService(key)));
  await Promise.all(keys.map((key) => kubernetes.setEndpoints(key, [{ node: "n1", address: "10.244.11.2" }])));
  await until(async () => (await statuses()).filter(({ status }) => isNode(status?.node)).length === keys.length, {
    what: `${keys.length} ServiceL2Statuses`,
    deadlineMs: 60_000,
  });
  expect(writes().length - mark).toBe(2 * keys.length);
  await admin.patch("v1/Service", "default/many-0", { metadata: { labels: { touched: "yes" } } });
  await admin.delete("v1/Service", "default/many-1");
  await until(async () => (await statuses()).length === keys.length - 1, { what: "one to go" });
  expect(writes().length - mark).toBe(2 * keys.length + 1);
});

const asked = () => kubernetes.auditLog(`system:serviceaccount:${NAMESPACE}:speaker`);
const writes = () =>
  asked().filter(
    ({ verb, object }) =>
      object.resource === "servicel2statuses" && ["create", "update", "delete", "patch"].includes(verb),
  );

it("never asked for what they are not granted, and end in order with the first signal", async () => {
  const ends = await Promise.all(running.filter((process) => process.running()).map((process) => process.terminate()));
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
  const refused = kubernetes.auditLog().filter(({ code, user }) => code === 403 && user.includes(NAMESPACE));
  expect(refused.map(({ verb, uri }) => `${verb} ${uri}`)).toEqual([]);
  expect(asked().length).toBeGreaterThan(0);
});
