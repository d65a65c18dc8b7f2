import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { dump, loadAll } from "js-yaml";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import type { Model } from "../../src/config/model.js";
import { documentOfObject } from "../../src/config/read-documents.js";
import { until, type LabProcess, type Pod } from "../lab/index.js";
import type { KubeManifest } from "../lab/kube-client.js";
import { assignedAddresses, inParallel, legacyConfigMap, prepareCluster, SMELTER, type Smelter } from "./smelter.js";

const NAMESPACE = "metallb";
const SERVICES = 30;
const KINDS = ["IPAddressPool", "L2Advertisement", "BGPAdvertisement", "BGPPeer", "Community", "BFDProfile"] as const;
const VERSIONS: Readonly<Record<string, string>> = { BGPPeer: "v1beta2" };
const CONFIG = `
peers:
- peer-address: 10.77.0.1
  peer-asn: 64501
  my-asn: 64500
  hold-time: 3s
  password: a marked password
  node-selectors:
  - match-labels:
      kubernetes.io/hostname: n1
  - match-expressions:
    - {key: rack, operator: In, values: [b, a]}
bgp-communities:
  mark: 64512:1
address-pools:
- name: homelab
  protocol: layer2
  addresses:
  - 10.77.200.10-10.77.200.29
- name: spare
  protocol: layer2
  auto-assign: false
  avoid-buggy-ips: true
  addresses:
  - 10.77.201.0/24
- name: routed
  protocol: bgp
  addresses:
  - 10.99.0.0/28
  bgp-advertisements:
  - aggregation-length: 32
    localpref: 100
    communities: [mark, "64512:7"]
  - aggregation-length: 28
`;

let smelter: Smelter;
let pods: readonly Pod[];

beforeAll(async () => {
  smelter = await prepareCluster({ namespace: NAMESPACE });
  pods = await Promise.all(smelter.lab.nodes.map((node) => smelter.lab.addPod(node)));
});
afterAll(() => smelter?.close());

type Outcome = Readonly<{
  addresses: ReadonlyMap<string, string>;
  owners: ReadonlyMap<string, readonly string[]>;
  model: Model;
}>;

/** Lets Smelter serve the Services of the world, and says what came out; nothing of it is left afterwards. */
async function outcome(): Promise<Outcome> {
  const { lab, kubernetes } = smelter;
  const keys = Array.from({ length: SERVICES }, (_, index) => `default/web-${`${index}`.padStart(2, "0")}`);
  // One after the other: who waits is served in the order in which Services came.
  await inParallel(keys, 1, async (key) => {
    await kubernetes.createService(key, [{ port: 80, targetPort: 8080 }]);
    await kubernetes.setEndpoints(
      key,
      pods.map((pod) => ({ node: pod.node.name, address: pod.ipv4 })),
    );
  });
  const processes: LabProcess[] = [await smelter.startController()];
  const addresses = await assignedAddresses(kubernetes, SERVICES);
  processes.push(...(await Promise.all(lab.nodes.map((node) => smelter.startSpeaker(node)))));
  const onLink = [...addresses.values()].filter((address) => address.startsWith("10.77."));
  const owners = await ownersOf(onLink);
  const model = await modelInForce();
  await Promise.all(processes.map((process) => process.terminate()));
  await inParallel(keys, 8, (key) => kubernetes.admin.delete("v1/Service", key));
  return { addresses, owners, model };
}

/** The MAC addresses that answer for each address, once each is answered. */
function ownersOf(addresses: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  return until(
    async () => {
      const owners = await smelter.lab.client.whoHas(addresses, { quietMs: 300 });
      return [...owners.values()].every(({ length }) => length === 1) ? owners : undefined;
    },
    { what: `one answer for each of ${addresses.join(", ")}`, deadlineMs: 30_000, everyMs: 100 },
  );
}

async function modelInForce(): Promise<Model> {
  const { admin } = smelter.kubernetes;
  const lists = await Promise.all([
    admin.list("v1/ConfigMap", { namespace: NAMESPACE }),
    admin.list("v1/Secret", { namespace: NAMESPACE }),
    ...KINDS.map((kind) =>
      admin.list(`metallb.io/${VERSIONS[kind] ?? "v1beta1"}/${kind}`, { namespace: NAMESPACE }).catch(() => []),
    ),
  ]);
  const documents = lists.flat().map((object) => {
    const document = documentOfObject(object);
    if (!document.ok) throw new Error(document.fault.problem);
    return document.value;
  });
  const config = loadConfig(documents, { namespace: NAMESPACE, configMapName: "config" });
  if (!config.ok) throw new Error(JSON.stringify(config.fault));
  return config.value.model;
}

/** `smelter migrate convert` as a user runs it. */
async function converted(config: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "smelter-convert-"));
  try {
    const file = join(folder, "config.yaml");
    await writeFile(file, dump(legacyConfigMap(NAMESPACE, config)));
    return (await promisify(execFile)(SMELTER, ["migrate", "convert", file])).stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

it("comes to the same model, addresses and announcements from a ConfigMap and from what convert makes of it", async () => {
  const { admin } = smelter.kubernetes;
  await admin.create(legacyConfigMap(NAMESPACE, CONFIG));
  const legacy = await outcome();
  expect(legacy.owners.size).toBe(20);
  expect(new Set(legacy.addresses.values()).size).toBe(SERVICES);

  await admin.delete("v1/ConfigMap", `${NAMESPACE}/config`);
  for (const file of await readdir("manifests/crds"))
    await admin.apply(await readFile(`manifests/crds/${file}`, "utf8"));
  const resources = await converted(CONFIG);
  expect(resources).not.toMatch(/^ *password: a marked password/m);
  await until(
    async () => {
      await admin.apply(resources);
      return true;
    },
    { what: "the API server to take the resources", deadlineMs: 30_000, everyMs: 100 },
  );
  const resourced = await outcome();

  expect(resourced.model).toEqual(legacy.model);
  expect(resourced.model.peers[0]?.password?.reveal()).toBe(legacy.model.peers[0]?.password?.reveal());
  expect(resourced.addresses).toEqual(legacy.addresses);
  expect(resourced.owners).toEqual(legacy.owners);
});

it("withdraws nothing and moves nothing while what convert makes is applied bit by bit, and the ConfigMap removed", async () => {
  const { lab, kubernetes } = smelter;
  const { admin } = kubernetes;
  for (const kind of KINDS)
    for (const { metadata } of await admin.list(`metallb.io/${VERSIONS[kind] ?? "v1beta1"}/${kind}`))
      await admin.delete(`metallb.io/${VERSIONS[kind] ?? "v1beta1"}/${kind}`, `${NAMESPACE}/${metadata.name}`);
  await admin.create(legacyConfigMap(NAMESPACE, CONFIG));
  const key = "default/moved";
  await kubernetes.createService(key, undefined, { annotations: { "metallb.io/address-pool": "homelab" } });
  await kubernetes.setEndpoints(
    key,
    pods.map((pod) => ({ node: pod.node.name, address: pod.ipv4 })),
  );
  const processes = [await smelter.startController()];
  const address = (await assignedAddresses(kubernetes, 1)).get(key) ?? "";
  processes.push(...(await Promise.all(lab.nodes.map((node) => smelter.startSpeaker(node)))));
  const owners = await ownersOf([address]);
  const marks = processes.map((process) => process.mark());
  const seen = await seenByAll();
  let applied = 0;
  for (const object of loadAll(await converted(CONFIG)) as KubeManifest[]) {
    await admin.apply([object]);
    if (object.kind === "Secret") continue; // which is not watched
    applied += 1;
    await until(async () => (await seenByAll()).every((count, host) => count >= (seen[host] ?? 0) + applied), {
      what: `${object.kind} to be seen by all`,
      deadlineMs: 30_000,
      everyMs: 20,
    });
    expect(await ownersOf([address])).toEqual(owners);
  }
  await admin.delete("v1/ConfigMap", `${NAMESPACE}/config`);
  await until(async () => (await seenByAll()).every((count, host) => count > (seen[host] ?? 0) + applied), {
    what: "the removal of the ConfigMap to be seen by all",
    deadlineMs: 30_000,
    everyMs: 20,
  });
  expect(await ownersOf([address])).toEqual(owners);
  expect((await assignedAddresses(kubernetes, 1)).get(key)).toBe(address);
  for (const [index, process] of processes.entries()) {
    const said = process.output().slice(marks[index]);
    expect(said).not.toMatch(/"event":"(?:serviceWithdrawn|configStale)"/);
  }
  await Promise.all(processes.map((process) => process.terminate()));
});

/** How many changes of configuration each process has seen. */
function seenByAll(): Promise<readonly number[]> {
  return Promise.all(
    [smelter.lab.controlPlane, ...smelter.lab.nodes].map(async (host) => {
      const { body } = await smelter.lab.client.fetch(`http://${host.ipv4}:7472/metrics`);
      const lines = body.matchAll(
        /^smelter_kubernetes_objects_total\{resource="(?:configmaps|[a-z0-9]+\.metallb\.io)"\} (\d+)$/gm,
      );
      return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
    }),
  );
}
