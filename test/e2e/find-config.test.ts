import { readFile, readdir } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { createLab, startKubernetes, until, type Kubernetes, type Lab, type LabProcess } from "../lab/index.js";
import { renderBase } from "./render-base.js";
import { SMELTER, legacyConfigMap } from "./smelter.js";

let lab: Lab;
let kubernetes: Kubernetes;
let running: LabProcess[] = [];

beforeAll(async () => {
  lab = await createLab({ nodes: 1 });
  kubernetes = await startKubernetes(lab);
});
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") for (const one of running) console.error(`${one.name}:\n${one.output()}`);
  await Promise.all(running.map((one) => one.kill()));
  running = [];
});
afterAll(() => lab?.close());

/** A namespace with the permissions of manifests/base; each test has its own. */
async function prepare(namespace: string): Promise<void> {
  await kubernetes.admin.apply(await renderBase(namespace));
}

async function start(program: "controller" | "speaker", namespace: string, flags: readonly string[] = []) {
  const kubeconfig = await kubernetes.kubeconfigOf(`${namespace}/${program}`);
  const common = ["-kubeconfig", kubeconfig, "-namespace", namespace, "--port=0", "--health-probe-port=0"];
  const node = program === "speaker" ? ["--node-name", "n1"] : [];
  const host = program === "speaker" ? lab.node("n1") : lab.controlPlane;
  const started = host.spawn([SMELTER, program, ...common, ...node, ...flags], { name: program });
  running.push(started);
  return started;
}

async function installDefinitions(): Promise<void> {
  for (const file of await readdir("manifests/crds"))
    await kubernetes.admin.apply(await readFile(`manifests/crds/${file}`, "utf8"));
}

const pools = (name: string, range: string): string =>
  `address-pools:\n- {name: ${name}, protocol: layer2, addresses: [${range}]}\n`;

const create = (namespace: string, name: string, config: string): Promise<unknown> =>
  kubernetes.admin.create(legacyConfigMap(namespace, config, name));

/** As an old install has it; nothing runs it here. */
function oldWorkload(kind: "DaemonSet" | "Deployment", namespace: string, args: readonly string[]) {
  const name = kind === "DaemonSet" ? "speaker" : "controller";
  const labels = { app: "metallb", component: name };
  const containers = [{ name, image: `quay.io/metallb/${name}:v0.12.1`, args }];
  const template = { metadata: { labels }, spec: { containers } };
  const spec = { selector: { matchLabels: labels }, template };
  return { apiVersion: "apps/v1", kind, metadata: { name, namespace, labels }, spec };
}

/** The messages of an event in the log, in order. */
const said = (process: LabProcess, event: string): readonly string[] =>
  process
    .output("stdout")
    .split("\n")
    .filter((line) => line.includes(`"event":"${event}"`))
    .map((line) => (JSON.parse(line) as { msg: string }).msg);

async function addressOf(service: string): Promise<string> {
  return until(
    async () => (await kubernetes.admin.get("v1/Service", service))["status"].loadBalancer.ingress?.[0]?.ip as string,
    { what: `an address for ${service}`, deadlineMs: 30_000, everyMs: 50 },
  );
}

function forbidden(namespace: string): readonly string[] {
  return ["controller", "speaker"].flatMap((name) =>
    kubernetes
      .auditLog(`system:serviceaccount:${namespace}:${name}`)
      .filter(({ code }) => code === 403)
      .map(({ verb, uri }) => `${name}: ${verb} ${uri}`),
  );
}

it("controller and speaker read the ConfigMap that an old install beside them was started with", async () => {
  const namespace = "beside-old";
  await prepare(namespace);
  await create(namespace, "config", pools("other", "10.77.201.0/24"));
  await create(namespace, "metallb", pools("meant", "10.77.200.0/24"));
  await kubernetes.admin.replace(oldWorkload("DaemonSet", namespace, ["--port=7472", "--config=metallb"]));
  const [controller, speaker] = await Promise.all([start("controller", namespace), start("speaker", namespace)]);
  await kubernetes.createService(`${namespace}/web`);
  expect(await addressOf(`${namespace}/web`)).toMatch(/^10\.77\.200\./);
  await speaker.waitForOutput(/"event":"configLoaded"/);
  const found = `ConfigMap ${namespace}/metallb is read: DaemonSet speaker starts with --config=metallb`;
  for (const process of [controller, speaker]) expect(said(process, "configMapFound")).toEqual([found]);
  expect(forbidden(namespace)).toEqual([]);
});

it.each([
  { flags: "--config=mine", namespace: "given-by-two-dashes" },
  { flags: "-config=mine", namespace: "given-by-one-dash" },
  { flags: "--config mine", namespace: "given-by-two-words" },
  { flags: "-config mine", namespace: "given-by-one-dash-and-two-words" },
])("a name that is given is read, and nothing is looked for: $flags", async ({ flags, namespace }) => {
  await prepare(namespace);
  await create(namespace, "config", pools("other", "10.77.203.0/24"));
  await create(namespace, "mine", pools("meant", "10.77.202.0/24"));
  const [controller, speaker] = await Promise.all([
    start("controller", namespace, flags.split(" ")),
    start("speaker", namespace, flags.split(" ")),
  ]);
  await kubernetes.createService(`${namespace}/web`);
  expect(await addressOf(`${namespace}/web`)).toMatch(/^10\.77\.202\./);
  await speaker.waitForOutput(/"event":"configLoaded"/);
  expect([controller, speaker].flatMap((process) => said(process, "configMapFound"))).toEqual([]);
  const asked = ["controller", "speaker"].flatMap((name) =>
    kubernetes.auditLog(`system:serviceaccount:${namespace}:${name}`).map(({ object }) => object.resource),
  );
  expect(asked).not.toContain("deployments");
});

it("refuses ConfigMaps that differ, names them and the flag, and goes on when one is left", async () => {
  const namespace = "several";
  await prepare(namespace);
  await create(namespace, "metallb", pools("a", "10.77.204.0/24"));
  await kubernetes.admin.create({
    ...legacyConfigMap(namespace, pools("b", "10.77.205.0/24")),
    metadata: { name: "lb-metallb", namespace, labels: { "app.kubernetes.io/name": "metallb" } },
  });
  const controller = await start("controller", namespace);
  await controller.waitForOutput(/"event":"configStale"/);
  expect(said(controller, "configStale")).toEqual([
    `Cannot use the configuration in ${namespace}: it may be in one of several ConfigMaps that differ: ` +
      "lb-metallb (it has the label of the chart), metallb (it has the name that charts gave it): " +
      "name the one to read with --config, or remove the others",
  ]);
  await kubernetes.admin.delete("v1/ConfigMap", `${namespace}/metallb`);
  await controller.waitForOutput(/"event":"configLoaded"/);
  expect(said(controller, "configMapFound")).toEqual([
    `ConfigMap ${namespace}/lb-metallb is read: it has the label of the chart`,
  ]);
});

it("follows a ConfigMap that is deleted and made anew under another name", async () => {
  const namespace = "renamed";
  await prepare(namespace);
  await create(namespace, "config", pools("a", "10.77.206.0/24"));
  const [controller, speaker] = await Promise.all([start("controller", namespace), start("speaker", namespace)]);
  await Promise.all([controller, speaker].map((process) => process.waitForOutput(/"event":"configLoaded"/)));
  const gone = [controller, speaker].map((process) => process.waitForOutput(/"event":"configStale"/));
  await kubernetes.admin.delete("v1/ConfigMap", `${namespace}/config`);
  await Promise.all(gone);
  const marks = [controller.mark(), speaker.mark()];
  await create(namespace, "metallb", pools("b", "10.77.206.0/23"));
  await controller.waitForOutput(/"event":"configLoaded"/, { since: marks[0] ?? 0 });
  await speaker.waitForOutput(/"event":"configLoaded"/, { since: marks[1] ?? 0 });
  for (const process of [controller, speaker]) {
    expect(said(process, "configMapFound")).toEqual([
      `ConfigMap ${namespace}/metallb is read: it has the name that charts gave it`,
    ]);
  }
});

it("reads config alone where it may see no other, says so once, and looks further when that is granted", async () => {
  const namespace = "narrow";
  await prepare(namespace);
  const role = await kubernetes.admin.get("rbac.authorization.k8s.io/v1/Role", `${namespace}/smelter-controller`);
  const isNarrow = ({ resources }: Rule): boolean =>
    !resources.some((name) => ["configmaps", "deployments"].includes(name));
  const narrow = [
    ...(role["rules"] as Rule[]).filter(isNarrow),
    { apiGroups: [""], resources: ["configmaps"], resourceNames: ["config"], verbs: ["list", "watch"] },
  ];
  await kubernetes.admin.replace({ ...role, rules: narrow });
  await create(namespace, "metallb", pools("a", "10.77.208.0/24"));
  const controller = await start("controller", namespace);
  await controller.waitForOutput(/"event":"configMissing"/);
  const { metadata } = await kubernetes.admin.get(
    "rbac.authorization.k8s.io/v1/Role",
    `${namespace}/smelter-controller`,
  );
  await kubernetes.admin.replace({ ...role, metadata });
  await controller.waitForOutput(/"event":"configLoaded"/);
  expect(said(controller, "configMapFound")).toHaveLength(1);
  const output = controller.output();
  expect(output.match(/only config is looked at/g)).toHaveLength(1);
  expect(output.match(/the list of deployments and daemonsets is not permitted/g)).toHaveLength(1);
  expect(forbidden(namespace)).toEqual([]);
});

type Rule = Readonly<{ apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }>;

it("tells of left-over AddressPools and of bgpextras, once each, also of kinds that come later", async () => {
  const namespace = "leftovers";
  await prepare(namespace);
  const extras = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "bgpextras", namespace } };
  await kubernetes.admin.create({ ...extras, data: { extras: "router bgp 1\n neighbor x password marked\n" } });
  const controller = await start("controller", namespace);
  await controller.waitForOutput(/"event":"configNotice"/);
  await installDefinitions();
  const spec = { protocol: "layer2", addresses: ["10.77.209.0/24"] };
  await until(
    () =>
      kubernetes.admin.apply([
        { apiVersion: "metallb.io/v1beta1", kind: "AddressPool", metadata: { name: "old", namespace }, spec },
      ]),
    { what: "the kind AddressPool to be served", deadlineMs: 20_000, everyMs: 100 },
  );
  await controller.waitForOutput(/AddressPool leftovers\/old/, { deadlineMs: 90_000 });
  await kubernetes.admin.apply([
    {
      apiVersion: "metallb.io/v1beta1",
      kind: "IPAddressPool",
      metadata: { name: "new", namespace },
      spec: { addresses: ["10.77.210.0/24"] },
    },
  ]);
  await controller.waitForOutput(/"event":"configLoaded"/, { deadlineMs: 90_000 });
  await kubernetes.admin.patch("v1/ConfigMap", `${namespace}/bgpextras`, { data: { extras: "another" } });
  await create(namespace, "config", pools("x", "10.77.211.0/33"));
  await controller.waitForOutput(/"event":"configStale"/);
  const mark = controller.mark();
  await kubernetes.admin.patch("v1/ConfigMap", `${namespace}/config`, {
    data: { config: pools("x", "10.77.211.0/24") },
  });
  await controller.waitForOutput(/"event":"configLoaded"/, { since: mark });
  const notices = said(controller, "configNotice");
  expect(notices.filter((text) => /bgpextras/.test(text))).toEqual([
    `ConfigMap ${namespace}/bgpextras: /data/extras is configuration of FRR, which is not used here: ` +
      "say it with the fields of BGPPeer where they have it, and remove this ConfigMap",
  ]);
  expect(notices.filter((text) => /AddressPool leftovers\/old/.test(text))).toEqual([
    `AddressPool ${namespace}/old: /kind is "AddressPool", which is a kind that is not read: ` +
      "convert it with smelter migrate convert into an IPAddressPool and its advertisements",
  ]);
  expect(controller.output()).not.toContain("marked");
  expect(forbidden(namespace)).toEqual([]);
});

it("joins a ConfigMap with resources whose permission comes later, and with kinds that are taken away and come back", async () => {
  const namespace = "later";
  await prepare(namespace);
  await installDefinitions();
  const roles = ["controller", "speaker"].map((name) => `${namespace}/smelter-${name}`);
  const ROLE = "rbac.authorization.k8s.io/v1/Role";
  const granted = await Promise.all(roles.map((role) => kubernetes.admin.get(ROLE, role)));
  for (const role of granted) {
    const rules = (role["rules"] as Rule[]).filter(({ apiGroups }) => !apiGroups.includes("metallb.io"));
    await kubernetes.admin.replace({ ...role, rules });
  }
  await create(namespace, "config", pools("a", "10.77.212.0/24"));
  const metadata = { name: "b", namespace };
  const apply = (): Promise<unknown> =>
    kubernetes.admin.apply([
      { apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool", metadata, spec: { addresses: ["10.77.213.0/24"] } },
      { apiVersion: "metallb.io/v1beta1", kind: "L2Advertisement", metadata, spec: {} },
    ]);
  await until(apply, { what: "the kinds to be served", deadlineMs: 30_000, everyMs: 100 });
  const both = await Promise.all([start("controller", namespace), start("speaker", namespace)]);
  const loads = async (count: number, work: () => Promise<unknown>): Promise<void> => {
    const marks = both.map((process) => process.mark());
    await work();
    const loaded = new RegExp(`"event":"configLoaded","pools":${count}`);
    const waits = both.map((process, index) =>
      process.waitForOutput(loaded, { since: marks[index] ?? 0, deadlineMs: 120_000 }),
    );
    await Promise.all(waits);
  };
  await loads(1, async () => undefined);
  await loads(2, async () => {
    for (const { metadata, ...role } of granted) {
      const { resourceVersion: _, ...unfenced } = metadata;
      await kubernetes.admin.replace({ ...role, metadata: unfenced });
    }
  });
  const definition = "ipaddresspools.metallb.io";
  await loads(1, () => kubernetes.admin.delete("apiextensions.k8s.io/v1/CustomResourceDefinition", definition));
  await loads(2, async () => {
    await kubernetes.admin.apply(await readFile("manifests/crds/ipaddresspools.yaml", "utf8"));
    await until(apply, { what: `${definition} to be served again`, deadlineMs: 30_000, everyMs: 100 });
  });
  expect(
    both.map((process) => process.output().match(/are not permitted: grant them, or configure without/g)?.length),
  ).toEqual(both.map(() => 6));
  expect(forbidden(namespace)).toEqual([]);
});
