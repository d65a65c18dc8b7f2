import { readFile, readdir } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { dump } from "js-yaml";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { until, type LabProcess, type Pod } from "../lab/index.js";
import { assignedAddresses, inParallel, legacyConfigMap, prepareCluster, type Smelter } from "./smelter.js";

const NAMESPACE = "metallb-system";
const UNTOUCHED = 24;
const ROUNDS = 10;
const EDITS_IN_A_ROUND = 10;
const POOL = "metallb.io/v1beta1/IPAddressPool";
const KEPT = `${NAMESPACE}/smelter-last-good-configuration`;
const EDITED = `${NAMESPACE}/edited`;
const PASSWORD = "a-marked-password";
const STALE = "metallb_k8s_client_config_stale_bool";

/** What the world is edited to be: the capacity of each pool but the one that is never touched. */
type Edits = { configMap: ReadonlyMap<string, number>; resource: number | undefined };

let smelter: Smelter;
let pods: readonly Pod[];
let processes: readonly LabProcess[] = [];
let owners: ReadonlyMap<string, readonly string[]>;

beforeAll(async () => {
  smelter = await prepareCluster({ namespace: NAMESPACE });
  const { lab, kubernetes } = smelter;
  for (const file of await readdir("manifests/crds"))
    await kubernetes.admin.apply(await readFile(`manifests/crds/${file}`, "utf8"));
  pods = await Promise.all(lab.nodes.map((node) => lab.addPod(node)));
  await kubernetes.admin.create(legacyConfigMap(NAMESPACE, configText(new Map())));
  const keys = Array.from({ length: UNTOUCHED }, (_, index) => `default/untouched-${index}`);
  await inParallel(keys, 8, (key) => createService(key));
  const controller = await smelter.startController();
  const addresses = await assignedAddresses(kubernetes, UNTOUCHED);
  processes = [controller, ...(await Promise.all(lab.nodes.map((node) => smelter.startSpeaker(node))))];
  owners = await until(
    async () => {
      const found = await lab.client.whoHas([...addresses.values()], { quietMs: 300 });
      return [...found.values()].every(({ length }) => length === 1) ? found : undefined;
    },
    { what: "one machine to answer for each Service", deadlineMs: 30_000, everyMs: 100 },
  );
});
afterEach(({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const process of processes) console.error(`${process.name} said last:\n${process.output().slice(-4000)}`);
});
afterAll(() => smelter?.close());

async function createService(key: string, pool = "untouched"): Promise<void> {
  const { kubernetes } = smelter;
  await kubernetes.createService(key, [{ port: 80, targetPort: 8080 }], {
    annotations: { "metallb.io/address-pool": pool },
  });
  const endpoints = pods.map((pod) => ({ node: pod.node.name, address: pod.ipv4 }));
  await kubernetes.setEndpoints(key, endpoints);
}

const pool = (name: string, range: string) => ({ name, protocol: "layer2", addresses: [range] });

function configText(pools: ReadonlyMap<string, number>): string {
  const others = [...pools].map(([name, size], index) => pool(name, `10.77.21${index}.1-10.77.21${index}.${size}`));
  return dump({ "address-pools": [pool("untouched", "10.77.200.0/24"), ...others] });
}

const setConfig = (config: string): Promise<unknown> =>
  smelter.kubernetes.admin.patch("v1/ConfigMap", `${NAMESPACE}/config`, { data: { config } });

const setResource = async (size: number | undefined, addresses?: readonly string[]): Promise<unknown> => {
  const { admin } = smelter.kubernetes;
  if (size === undefined && addresses === undefined) {
    return (await admin.find(POOL, EDITED)) === undefined ? undefined : admin.delete(POOL, EDITED);
  }
  const spec = { addresses: addresses ?? [`10.77.230.1-10.77.230.${size}`] };
  const metadata = { name: "edited", namespace: NAMESPACE };
  return admin.apply([{ apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool", metadata, spec }]);
};

/** Documents that no release took: of each something is wrong that only shows when all of it is read. */
const BAD_CONFIGS: readonly string[] = [
  "address-pools: [",
  "address-pools:\n- name: untouched\n  protocol: layer3\n  addresses: [10.77.200.0/24]\n",
  "address-pools:\n- name: untouched\n  protocol: layer2\n  addresses: [10.77.200.0/33]\n",
  "address-pools:\n- &p {name: a, protocol: layer2, addresses: [10.77.200.0/24]}\n- *p\n",
  "address-pools:\n- name: a\n  protocol: layer2\n  addresses: [10.77.200.0/24]\n  addresses: [10.77.201.0/24]\n",
  "address-poools: []\n",
];
/** Half of it lies in the ConfigMap's pool: either by itself is good. */
const BAD_RESOURCE = ["10.77.200.200-10.77.201.9"];

/** The capacity of each pool in force, as the controller's metrics show it. */
async function poolsInForce(): Promise<ReadonlyMap<string, number>> {
  const { body } = await smelter.lab.client.fetch(`http://${smelter.lab.controlPlane.ipv4}:7472/metrics`);
  const lines = body.matchAll(/^metallb_allocator_addresses_total\{.*pool="([^"]*)".*\} (\d+)$/gm);
  return new Map([...lines].map(([, name = "", size]) => [name, Number(size)]));
}

function poolsOf({ configMap, resource }: Edits): ReadonlyMap<string, number> {
  return new Map([
    ["untouched", 256],
    ...configMap,
    ...(resource === undefined ? [] : [["edited", resource] as const]),
  ]);
}

async function expectInForce(edits: Edits, stale: 0 | 1): Promise<void> {
  const wanted = poolsOf(edits);
  await until(
    async () => {
      const [inForce, ...gauges] = await Promise.all([
        poolsInForce(),
        ...[smelter.lab.controlPlane, ...smelter.lab.nodes].map((host) => smelter.metric(host, STALE)),
      ]);
      const isWanted = inForce.size === wanted.size && [...wanted].every(([name, size]) => inForce.get(name) === size);
      return isWanted && gauges.every((gauge) => gauge === stale);
    },
    { what: `pools ${JSON.stringify([...wanted])} and ${STALE} ${stale} everywhere`, deadlineMs: 30_000, everyMs: 50 },
  );
}

/** Numbers that look random and are the same in each run. */
function createDice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

it("ends with the last valid state after 100 edits of both sources, and withdraws nothing that was not touched", async () => {
  const dice = createDice(7);
  const edits: Edits = { configMap: new Map(), resource: undefined };
  const marks = processes.map((process) => process.mark());
  let churn = 0;

  const editValidly = async (): Promise<void> => {
    if (dice(2) === 0) {
      const names = ["a", "b", "c"].slice(0, dice(4));
      edits.configMap = new Map(names.map((name) => [name, 1 + dice(200)]));
      await setConfig(configText(edits.configMap));
    } else {
      edits.resource = dice(4) === 0 ? undefined : 1 + dice(200);
      await setResource(edits.resource);
    }
  };
  const editInvalidly = async (): Promise<void> => {
    if (dice(3) === 0) await setResource(undefined, BAD_RESOURCE);
    else await setConfig(BAD_CONFIGS[dice(BAD_CONFIGS.length)] ?? "");
  };
  const changeServices = async (): Promise<void> => {
    if (churn > 0 && dice(2) === 0) await smelter.kubernetes.admin.delete("v1/Service", `default/churn-${churn--}`);
    else await createService(`default/churn-${++churn}`, ["a", "edited", "untouched"][dice(3)]);
  };

  for (let round = 0; round < ROUNDS; round += 1) {
    for (let edit = 2; edit < EDITS_IN_A_ROUND; edit += 1) {
      await (dice(3) === 0 ? editInvalidly() : editValidly());
      if (dice(2) === 0) await changeServices();
    }
    // Whatever the state was: both sources are whole again, without an address in use that no pool would have.
    edits.configMap = new Map(["a", "b", "c"].map((name) => [name, 100 + dice(100)]));
    edits.resource = 100 + dice(100);
    await Promise.all([setConfig(configText(edits.configMap)), setResource(edits.resource)]);
    await expectInForce(edits, 0);
    await editInvalidly();
    await expectInForce(edits, 1);
    expect(await smelter.lab.client.whoHas([...owners.keys()], { quietMs: 200 })).toEqual(owners);
  }

  for (const [index, process] of processes.entries()) {
    const said = process.output().slice(marks[index]);
    expect(said.split("\n").filter((line) => /"event":"serviceWithdrawn".*default\/untouched-/.test(line))).toEqual([]);
  }
  await Promise.all([setConfig(configText(edits.configMap)), setResource(edits.resource)]);
  await expectInForce(edits, 0);
  await createService("default/last", "edited");
  const last = await until(async () => (await assignedAddresses(smelter.kubernetes, 1)).get("default/last"), {
    what: "an address for default/last",
    deadlineMs: 30_000,
    everyMs: 100,
  });
  expect(last).toMatch(/^10\.77\.230\./);
});

it("starts with the last good configuration while the present one is refused, and keeps its passwords in a Secret", async () => {
  const { lab, kubernetes } = smelter;
  const peer = `peers: [{my-asn: 64500, peer-asn: 64501, peer-address: 10.77.0.1, password: ${PASSWORD}}]\n`;
  const good = `${configText(new Map([["a", 100]]))}${peer}`;
  const before = (await kubernetes.admin.find("v1/Secret", KEPT))?.metadata.resourceVersion;
  await setResource(200);
  await setConfig(good);
  await until(async () => (await kubernetes.admin.find("v1/Secret", KEPT))?.metadata.resourceVersion !== before, {
    what: "the configuration to be kept",
    deadlineMs: 30_000,
    everyMs: 100,
  });
  await setConfig(BAD_CONFIGS[1] ?? "");
  const said = processes.map((process) => process.output());
  await Promise.all(processes.map((process) => process.kill()));
  const controller = await smelter.startController();
  processes = [controller, ...(await Promise.all(lab.nodes.map((node) => smelter.startSpeaker(node))))];
  await Promise.all(processes.map((process) => process.waitForOutput(/"event":"configRestored"/)));
  await expectInForce({ configMap: new Map([["a", 100]]), resource: 200 }, 1);
  await createService("default/after-the-restart", "a");
  await until(async () => (await assignedAddresses(kubernetes, 1)).get("default/after-the-restart"), {
    what: "an address for a Service under the restored configuration",
    deadlineMs: 30_000,
    everyMs: 100,
  });
  await until(async () => isDeepStrictEqual(await lab.client.whoHas([...owners.keys()], { quietMs: 300 }), owners), {
    what: "the same machines to answer as before the restart",
    deadlineMs: 60_000,
    everyMs: 200,
  });
  await setConfig(good);
  await expectInForce({ configMap: new Map([["a", 100]]), resource: 200 }, 0);
  const outputs = [...said, ...processes.map((process) => process.output())].join("\n");
  expect(outputs).toContain("configRestored");
  expect(outputs).not.toContain(PASSWORD);
});
