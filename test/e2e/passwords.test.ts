import { readFile, readdir } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { loadAll } from "js-yaml";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { until, type LabProcess } from "../lab/index.js";
import { KubeError, type KubeManifest, type KubeObject } from "../lab/kube-client.js";
import { LEGACY, MARK, PEER, RESOURCES } from "../unit/migrate/marked-documents.js";
import { assignedAddresses, legacyConfigMap, prepareCluster, type Smelter } from "./smelter.js";

/** Passwords in all the places where one may end up, in a running cluster: none is told but where it was written. */

const NAMESPACE = "net"; // that of the marked documents
const PEERS = "metallb.io/v1beta2/BGPPeer";
const STALE = "metallb_k8s_client_config_stale_bool";
const KEPT = "smelter-last-good-configuration";

let smelter: Smelter;
let processes: readonly LabProcess[] = [];
let outputs = ""; // of processes that have ended
let size = 0; // of the pool: each good document is another one

beforeAll(async () => {
  smelter = await prepareCluster({ nodes: 1, namespace: NAMESPACE });
  const { kubernetes } = smelter;
  const { admin } = kubernetes;
  for (const file of await readdir("manifests/crds"))
    await admin.apply(await readFile(`manifests/crds/${file}`, "utf8"));
  await admin.create(legacyConfigMap(NAMESPACE, goodConfig()));
  await admin.create(legacyConfigMap(NAMESPACE, "", "bgpextras"));
  await admin.patch("v1/ConfigMap", `${NAMESPACE}/bgpextras`, { data: { extras: `neighbor x password ${MARK}` } });
  await admin.replace(oldSpeaker()); // in the place of ours
  await admin.create(peer("inline", { password: MARK }));
  const type = "kubernetes.io/basic-auth";
  await admin.create({ ...secret("referred", { password: MARK }), type });
  await admin.create(peer("referring", { peerAddress: "10.0.0.3", passwordSecret: { name: "referred" } }));
  await kubernetes.createService("default/web");
  await kubernetes.setEndpoints("default/web", [{ node: "n1", address: "10.244.11.2" }]);
  await kubernetes.createPod({ name: "controller-0", namespace: NAMESPACE, node: "n1" });
});
afterEach(({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const process of processes) console.error(`${process.name} said last:\n${process.output().slice(-4000)}`);
});
afterAll(() => smelter?.close());

async function startBoth(): Promise<void> {
  const controller = await smelter.startController(["--pod-name", "controller-0"]);
  processes = [controller, await smelter.startSpeaker(smelter.lab.node("n1"), ["--pod-name", "speaker-n1"])];
}

const hosts = () => [smelter.lab.controlPlane, smelter.lab.node("n1")];

/** Each time another one, with a password where it belongs. */
function goodConfig(): string {
  size += 1;
  return (
    `peers: [{${PEER}, password: ${MARK}}]\n` +
    `address-pools: [{name: p, protocol: layer2, addresses: [10.77.200.0-10.77.200.${size}]}]\n`
  );
}

const peer = (name: string, spec: object): KubeManifest => ({
  apiVersion: "metallb.io/v1beta2",
  kind: "BGPPeer",
  metadata: { name, namespace: NAMESPACE },
  spec: { myASN: 1, peerASN: 2, peerAddress: "10.0.0.2", ...spec },
});
const secret = (name: string, stringData: object): KubeManifest => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: NAMESPACE },
  stringData,
});

/** What releases up to v0.13 were started with: the key of their gossip, as an argument or in the environment. */
function oldSpeaker(): KubeManifest {
  const labels = { app: "metallb", component: "speaker" };
  const env = [{ name: "METALLB_ML_SECRET_KEY", value: MARK }];
  const args = [`--ml-secret-key=${MARK}`, "--config=config"];
  const containers = [{ name: "speaker", image: "quay.io/metallb/speaker:v0.9.6", args, env }];
  const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } };
  return { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "speaker", namespace: NAMESPACE }, spec };
}

const setConfig = (config: string): Promise<unknown> =>
  smelter.kubernetes.admin.patch("v1/ConfigMap", `${NAMESPACE}/config`, { data: { config } });

/** Does it, and waits until both have judged what it made of the configuration. */
async function judged(what: string, work: () => Promise<unknown>): Promise<void> {
  const marks = processes.map((process) => process.mark());
  await work();
  await until(
    async () => {
      const gauges = await Promise.all(hosts().map((host) => smelter.metric(host, STALE)));
      return processes.every(
        (process, index) => gauges[index] === 1 || process.output().slice(marks[index]).includes('"configLoaded"'),
      );
    },
    { what: `${what} to be judged by both`, deadlineMs: 30_000, everyMs: 20 },
  );
}

async function allGood(): Promise<void> {
  const marks = processes.map((process) => process.mark());
  await setConfig(goodConfig());
  await until(
    async () => {
      const gauges = await Promise.all(hosts().map((host) => smelter.metric(host, STALE)));
      return processes.every(
        (process, index) => gauges[index] === 0 && process.output().slice(marks[index]).includes('"configLoaded"'),
      );
    },
    { what: "a good configuration to be in force at both", deadlineMs: 30_000, everyMs: 20 },
  );
}

const objectsSeen = (resource: string): Promise<readonly number[]> =>
  Promise.all(
    hosts().map(async (host) => {
      const series = `smelter_kubernetes_objects_total{resource="${resource}"}`;
      return (await smelter.metric(host, series)) ?? 0;
    }),
  );

it("runs, with passwords in a ConfigMap, a BGPPeer, a Secret, an argument and what FRR was given", async () => {
  await startBoth();
  await assignedAddresses(smelter.kubernetes, 1);
  await allGood();
});

it("meets a ConfigMap with a password in all the places where one may end up", async () => {
  for (const [name, config] of LEGACY) {
    await judged(`a ConfigMap with a password ${name}`, () => setConfig(config));
    await allGood();
  }
});

it("meets resources with a password in all the places where one may end up", async () => {
  const { admin } = smelter.kubernetes;
  for (const [name, text] of RESOURCES) {
    const taken: KubeObject[] = [];
    for (const manifest of loadAll(text) as KubeManifest[]) {
      const before = await objectsSeen("bgppeers.metallb.io");
      try {
        taken.push(...(await admin.apply([manifest])));
      } catch (error) {
        if (!(error instanceof KubeError)) throw error; // the API server refuses it itself
        continue;
      }
      if (manifest.kind !== "BGPPeer") continue;
      await until(
        async () => (await objectsSeen("bgppeers.metallb.io")).every((count, i) => count > (before[i] ?? 0)),
        {
          what: `a BGPPeer with a password ${name} to be seen by both`,
          deadlineMs: 30_000,
          everyMs: 20,
        },
      );
    }
    await judged(`a resource with a password ${name}`, () => setConfig(goodConfig()));
    for (const { apiVersion, kind, metadata } of taken)
      await admin.delete(`${apiVersion}/${kind}`, `${NAMESPACE}/${metadata.name}`).catch(ignoreNotFound);
    await allGood();
  }
});

/** The same object may be in a list twice. */
function ignoreNotFound(error: unknown): void {
  if (!(error instanceof KubeError && error.code === 404)) throw error;
}

it("starts anew while the ConfigMap with a password is refused, from what was kept", async () => {
  await until(async () => smelter.kubernetes.admin.find("v1/Secret", `${NAMESPACE}/${KEPT}`), {
    what: "the last good configuration to be kept",
  });
  outputs += processes.map((process) => process.output()).join("\n");
  await Promise.all(processes.map((process) => process.kill()));
  await setConfig(`peers: [{${PEER}, password: [${MARK}]}]`);
  await startBoth();
  await Promise.all(processes.map((process) => process.waitForOutput(/"event":"configRestored"/)));
  await until(
    async () => {
      const states = await smelter.kubernetes.admin.list("metallb.io/v1beta1/ConfigurationState");
      return states.length === 2 && states.every(({ status }) => status?.result === "Invalid");
    },
    { what: "both ConfigurationStates to say that it is invalid", deadlineMs: 60_000, everyMs: 100 },
  );
});

it("has told no password: not in a log, a metric, a readiness, an Event, a status, nor any other object", async () => {
  const { kubernetes, lab } = smelter;
  outputs += processes.map((process) => process.output()).join("\n");
  expect(outputs).toContain('"level":"debug"');
  expect(outputs.match(/"event":"configStale"/g)?.length).toBeGreaterThan(LEGACY.length);
  expect(marksIn(outputs)).toEqual([]);
  for (const host of hosts()) {
    const metrics = await lab.client.fetch(`http://${host.ipv4}:7472/metrics`);
    const ready = await host.fetch("http://127.0.0.1:17472/readyz");
    expect([metrics.body.length > 0, ready.body.length > 0]).toEqual([true, true]);
    expect(marksIn(metrics.body + ready.body)).toEqual([]);
  }
  expect(marksIn(JSON.stringify(kubernetes.auditLog()))).toEqual([]);

  const objects = await everyObject();
  const kinds = new Set(objects.map(({ kind }) => kind));
  for (const kind of ["Event", "Service", "ConfigurationState", "Secret", "BGPPeer"]) expect(kinds).toContain(kind);
  const marked = objects.filter((object) => marksIn(unpacked(object)).length > 0);
  const names = new Set(marked.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`));
  expect([...names].toSorted()).toEqual([
    `BGPPeer ${NAMESPACE}/inline`,
    `ConfigMap ${NAMESPACE}/bgpextras`,
    `ConfigMap ${NAMESPACE}/config`,
    `DaemonSet ${NAMESPACE}/speaker`,
    `Secret ${NAMESPACE}/referred`,
    `Secret ${NAMESPACE}/${KEPT}`,
  ]);
  const kept = marked.find(({ metadata }) => metadata.name === KEPT);
  expect(Object.keys(kept?.["data"] as object)).toHaveLength(1);
  expect(marksIn(unpacked({ ...kept, data: {} }))).toEqual([]);
  expect(await kubernetes.admin.list(PEERS)).toHaveLength(2);
});

/** What of the password is in a text: whole, in base64, or either half. */
function marksIn(text: string): readonly string[] {
  const base64 = Buffer.from(MARK).toString("base64");
  return [MARK, base64, MARK.slice(0, 6), MARK.slice(6)].filter((part) => text.includes(part));
}

/** An object as a text, with what is in base64 or compressed in it. */
function unpacked(value: unknown): string {
  const texts = [JSON.stringify(value)];
  JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== "string" || !/^[A-Za-z0-9+/]{8,}={0,2}$/.test(part)) return part;
    const octets = Buffer.from(part, "base64");
    texts.push(octets.toString("latin1"));
    if (octets[0] === 0x1f && octets[1] === 0x8b) texts.push(gunzipSync(octets).toString("utf8"));
    return part;
  });
  return texts.join("\n");
}

type Group = Readonly<{ versions: readonly Readonly<{ groupVersion: string }>[] }>;
type Kind = Readonly<{ name: string; kind: string; verbs: readonly string[] }>;

/** All that the API server lists, of every kind in every version. */
async function everyObject(): Promise<readonly KubeObject[]> {
  const { admin } = smelter.kubernetes;
  const { groups } = (await admin.request("GET", "/apis")) as { groups: readonly Group[] };
  const versions = groups.flatMap((group) => group.versions.map(({ groupVersion }) => `/apis/${groupVersion}`));
  const objects: KubeObject[] = [];
  for (const root of ["/api/v1", ...versions]) {
    const { resources } = (await admin.request("GET", root)) as { resources: readonly Kind[] };
    for (const { name, kind, verbs } of resources) {
      if (!verbs.includes("list")) continue;
      const path = `${root}/${name}`;
      // The server makes the store of a custom kind when it is first asked for it.
      const list = await until(() => admin.request("GET", path), { what: `an answer to GET ${path}` });
      const { items } = list as { items: readonly KubeObject[] };
      for (const item of items) objects.push({ ...item, kind });
    }
  }
  return objects;
}
