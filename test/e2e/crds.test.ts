import { readFile, readdir } from "node:fs/promises";
import * as fc from "fast-check";
import { dump } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import type { Model } from "../../src/config/model.js";
import { documentOfObject, readDocuments } from "../../src/config/read-documents.js";
import type { ConvertOptions } from "../../src/migrate/convert.js";
import { convert } from "../../src/migrate/convert.js";
import { describeFault } from "../../src/runtime/net/fault.js";
import { createLab, KubeError, readManifests, startKubernetes, until } from "../lab/index.js";
import type { Kubernetes, KubeManifest, KubeObject, Lab } from "../lab/index.js";
import { flowText, legacyDocument } from "../unit/migrate/legacy-grammar.js";
import { DEFINITION_RULES, aliases, expression } from "./definition-rules.js";
import { legacyConfigMap } from "./smelter.js";

const NAMESPACE = "metallb-system";
const KINDS = ["IPAddressPool", "L2Advertisement", "BGPAdvertisement", "BGPPeer", "Community", "BFDProfile"] as const;
const PLURALS: Readonly<Record<string, string>> = { Community: "communities", Secret: "secrets" };

let lab: Lab;
let kubernetes: Kubernetes;

beforeAll(async () => {
  lab = await createLab({ nodes: 1 });
  kubernetes = await startKubernetes(lab);
  const files = (await readdir("manifests/crds")).map((file) => `manifests/crds/${file}`);
  const definitions = await Promise.all(files.map((file) => readFile(file, "utf8")));
  await kubernetes.admin.apply(definitions.join("\n---\n"));
  await kubernetes.admin.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  for (const kind of KINDS) await until(() => isServed(kind), { what: `${kind} to be served`, everyMs: 50 });
});
afterAll(() => lab?.close());

/** A definition that is established may be without its storage for a moment. */
async function isServed(kind: string): Promise<boolean> {
  try {
    await kubernetes.admin.list(`metallb.io/v1beta1/${kind}`, { namespace: NAMESPACE });
    return true;
  } catch (error) {
    if (error instanceof KubeError && error.code === 429) return false;
    throw error;
  }
}

const pathOf = ({ apiVersion, kind, metadata }: KubeManifest): string => {
  const { namespace } = metadata as { namespace: string };
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${root}/namespaces/${namespace}/${PLURALS[kind] ?? `${kind.toLowerCase()}s`}`;
};

/** Server-side apply that takes no unknown or repeated key. */
async function applyStrictly(object: KubeManifest): Promise<KubeObject> {
  const { name } = object.metadata as { name: string };
  const url = `${pathOf(object)}/${name}?fieldManager=test&force=true&fieldValidation=Strict`;
  return (await kubernetes.admin.request("PATCH", url, object, "application/apply-patch+yaml")) as KubeObject;
}

/** What the server would store. */
async function tryOut(object: KubeManifest): Promise<KubeObject> {
  const url = `${pathOf(object)}?fieldValidation=Strict&dryRun=All`;
  return (await kubernetes.admin.request("POST", url, object)) as KubeObject;
}

/** The message with which the server refuses an object, "" where it takes it. Nothing is stored. */
async function refusal(object: KubeManifest): Promise<string> {
  try {
    await tryOut(object);
    return "";
  } catch (error) {
    if (error instanceof KubeError) return error.message;
    throw error;
  }
}

function modelOf(objects: readonly unknown[], namespace: string, configMapName = "config"): Model {
  const documents = objects.map((object) => {
    const document = documentOfObject(object);
    if (!document.ok) throw new Error(describeFault(document.fault));
    return document.value;
  });
  const loaded = loadConfig(documents, { namespace, configMapName });
  if (!loaded.ok) throw new Error(loaded.fault.map(describeFault).join("\n"));
  return loaded.value.model;
}

describe("what conversions make", () => {
  const everything = `
peers:
- {my-asn: 64512, peer-asn: 64513, peer-address: 10.0.0.1, password: "0123", hold-time: 3s}
- {my-asn: 64512, peer-asn: 64512, peer-address: "2001:db8::1", peer-port: 1179, source-address: 10.0.0.9,
   router-id: 10.0.0.9, hold-time: 1m30s, keepalive-time: 10s, bfd-profile: fast}
- my-asn: 4294967295
  peer-asn: 1
  peer-address: 10.0.0.3
  hold-time: "0"
  ebgp-multihop: true
  node-selectors:
  - {}
- my-asn: 64512
  peer-asn: 64513
  peer-address: 10.0.0.4
  node-selectors:
  - match-labels: {kubernetes.io/hostname: n1, rack: ""}
  - match-expressions:
    - {key: a.example/zone, operator: In, values: [b, a]}
    - {key: old, operator: DoesNotExist}
bgp-communities: {no-export: 65535:65281, "1:2": 64512:9, "yes": 64512:10}
bfd-profiles:
- {name: fast, receive-interval: 10, transmit-interval: 60000, detect-multiplier: 255, echo-interval: 50,
   echo-mode: true, passive-mode: true, minimum-ttl: 254}
- {name: "Slow One"}
address-pools:
- name: homelab
  protocol: layer2
  avoid-buggy-ips: true
  auto-assign: false
  addresses: [192.168.1.240-192.168.1.250, 192.168.2.77/24, "192.168.3.1 - 192.168.3.1"]
- {name: six, protocol: layer2, addresses: ["2001:db8:1::/64", "2001:db8:2::1-2001:db8:2::ff"]}
- name: Routed Pool
  protocol: bgp
  addresses: [10.1.0.0/24]
  bgp-advertisements:
  - {aggregation-length: 32, localpref: 100, communities: [no-export, 1:2, "64512:60", yes]}
  - {aggregation-length: 24}
- {name: plain, protocol: bgp, addresses: [10.2.0.0/16]}
`;
  const read = (name: string) => readFile(`examples/${name}.yaml`, "utf8");
  type Options = Partial<Pick<ConvertOptions, "nodes" | "keepAutodiscovery">>;
  type Input = Readonly<{ name: string; text: () => Promise<string>; options?: () => Promise<Options> }>;
  const inputs: readonly Input[] = [
    ...["layer2-range", "bgp-one-peer", "lokomotive-two-workers", "legacy/layer2-range"].map((name): Input => ({
      name,
      text: () => read(name),
    })),
    { name: "everything", text: () => Promise.resolve(dump(legacyConfigMap(NAMESPACE, everything))) },
    { name: "nothing", text: () => Promise.resolve(dump(legacyConfigMap(NAMESPACE, ""))) },
    {
      name: "lokomotive-with-nodes",
      text: () => read("lokomotive/metallb"),
      options: async () => ({ nodes: { text: await read("lokomotive/nodes"), file: "nodes" } }),
    },
    {
      name: "lokomotive-kept",
      text: () => read("lokomotive/metallb"),
      options: () => Promise.resolve({ keepAutodiscovery: true }),
    },
  ];

  it.each(inputs)(
    "of $name is taken by the server, and means the same when it comes back",
    async ({ name, text, options }) => {
      const namespace = `of-${name.replaceAll("/", "-")}`;
      await kubernetes.admin.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
      const converted = convert(await text(), { file: name, output: "yaml", namespace, ...(await options?.()) });
      if (!converted.ok) throw new Error(converted.fault.map(describeFault).join("\n"));
      const sent = readManifests(converted.value.text);
      for (const object of sent) await applyStrictly(object);
      const stored: KubeObject[] = [];
      for (const kind of KINDS) {
        const version = kind === "BGPPeer" ? "v1beta2" : "v1beta1";
        stored.push(...(await kubernetes.admin.list(`metallb.io/${version}/${kind}`, { namespace })));
      }
      stored.push(...(await kubernetes.admin.list("v1/Secret", { namespace })));
      const configMaps = await kubernetes.admin.list("v1/ConfigMap", { namespace });
      stored.push(...configMaps.filter(({ metadata }) => metadata.name === "metallb"));
      expect(stored).toHaveLength(sent.length);
      const model = modelOf(stored, namespace, "metallb");
      expect(model).toEqual(modelOf(sent, namespace, "metallb"));
      expect(model.peers.map(({ password }) => password?.reveal())).toEqual(
        modelOf(sent, namespace).peers.map(({ password }) => password?.reveal()),
      );
    },
  );

  it("of any document is taken", async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(legacyDocument, async (document) => {
        const text = dump(legacyConfigMap(NAMESPACE, flowText(document)));
        const converted = convert(text, { file: "any", output: "yaml", keepAutodiscovery: true });
        if (!converted.ok) return; // refused as a whole: nothing to send
        const refusals = await Promise.all(readManifests(converted.value.text).map(refusal));
        expect(refusals.filter((refused) => refused !== "")).toEqual([]);
        taken += 1;
      }),
      { numRuns: 100 },
    );
    expect(taken).toBeGreaterThan(10);
  });

  it("keeps the resources of examples/ too", async () => {
    for (const file of ["resources.yaml", "bgp-requests.yaml", "crds-mixed-namespaces.yaml"]) {
      for (const object of readManifests(await readFile(`examples/${file}`, "utf8"))) {
        const metadata = { ...object.metadata, namespace: NAMESPACE };
        expect(await refusal({ ...object, metadata })).toBe("");
      }
    }
  });
});

const BASE: Readonly<Record<string, object>> = {
  IPAddressPool: { addresses: ["10.0.0.0/24"] },
  AddressPool: { protocol: "bgp", addresses: ["10.0.0.0/24"] },
  BGPPeer: { myASN: 64512, peerASN: 64513, peerAddress: "10.0.0.1" },
};

function object(kindAndVersion: string, spec: object): KubeManifest {
  const [kind = "", version = kind === "BGPPeer" ? "v1beta2" : "v1beta1"] = kindAndVersion.split("/");
  return {
    apiVersion: `metallb.io/${version}`,
    kind,
    metadata: { name: "a", namespace: NAMESPACE },
    spec: { ...BASE[kind], ...spec },
  };
}

/** Whether our own reader takes an object, with the aliases that it may name. */
function isTakenByReader(manifest: KubeManifest): boolean {
  const document = documentOfObject(JSON.parse(JSON.stringify(manifest)));
  const alias = documentOfObject({ ...object("Community", aliases(["an-alias", "1:1"])), metadata: { name: "other" } });
  if (!document.ok || !alias.ok) return false;
  const loaded = loadConfig([document.value, alias.value], { namespace: NAMESPACE, configMapName: "config" });
  return loaded.ok && !loaded.value.notices.some(({ problem }) => problem.startsWith("is a key that is not known"));
}

describe.each(DEFINITION_RULES)("%s (%s)", (_, kind, good, bad, message) => {
  it("is kept", async () => {
    expect(await refusal(object(kind, good))).toBe("");
    expect(isTakenByReader(object(kind, good))).toBe(true);
  });
  it("is broken", async () => {
    expect(await refusal(object(kind, bad))).toMatch(message);
    expect(isTakenByReader(object(kind, bad))).toBe(false);
  });
});

it.each([
  [
    "a layer2 pool has no advertisements of BGP",
    { protocol: "layer2" },
    { protocol: "layer2", bgpAdvertisements: [{}] },
  ],
  ["a pool has a protocol", { protocol: "bgp", bgpAdvertisements: [{ communities: ["1:2"] }] }, { protocol: "arp" }],
  ["an address has a length", {}, { addresses: ["10.0.0.1"] }],
])("AddressPool: %s", async (_, good, bad) => {
  for (const version of ["v1alpha1", "v1beta1"]) {
    expect(await refusal(object(`AddressPool/${version}`, good))).toBe("");
    expect(await refusal(object(`AddressPool/${version}`, bad))).not.toBe("");
  }
});

it("a peer keeps all it says from one version to the other, and what it does not say to the defaults", async () => {
  const metadata = { name: "both", namespace: NAMESPACE };
  const [older, newer] = ["metallb.io/v1beta1/BGPPeer", "metallb.io/v1beta2/BGPPeer"];
  await applyStrictly({ ...object("BGPPeer/v1beta1", expression("Exists")), metadata });
  const asNewer = await kubernetes.admin.get(newer, `${NAMESPACE}/both`);
  expect(asNewer["spec"]).toEqual({ ...BASE["BGPPeer"], ...expression("Exists"), peerPort: 179 });

  const spec = { ...BASE["BGPPeer"], vrf: "red", holdTime: "9s", peerPort: 179 };
  await applyStrictly({ ...object("BGPPeer/v1beta2", spec), metadata });
  const asOlder = await kubernetes.admin.get(older, `${NAMESPACE}/both`);
  expect(asOlder["spec"]).toEqual(spec);
  await kubernetes.admin.replace(asOlder); // as a program does that knows the older version alone
  expect((await kubernetes.admin.get(newer, `${NAMESPACE}/both`))["spec"]).toEqual(spec);
});

it("the definition takes the place of one with a webhook, by replacing it, and the peers stay what they are", async () => {
  const [crd, name] = ["apiextensions.k8s.io/v1/CustomResourceDefinition", "bgppeers.metallb.io"];
  const replaceBy = async (spec: object) => {
    const { metadata, ...present } = await kubernetes.admin.get(crd, name);
    const { resourceVersion = "" } = metadata;
    return kubernetes.admin.replace({ ...present, metadata: { name, resourceVersion }, spec } as KubeManifest);
  };
  const [ours] = readManifests(await readFile("manifests/crds/bgppeers.yaml", "utf8"));
  const spec = { vrf: "red", holdTime: "9s" };
  await applyStrictly({ ...object("BGPPeer", spec), metadata: { name: "stays", namespace: NAMESPACE } });
  const service = { name: "metallb-webhook-service", namespace: NAMESPACE, path: "/convert" };
  const webhook = { clientConfig: { service }, conversionReviewVersions: ["v1beta1", "v1beta2"] };
  await replaceBy({ ...(ours?.["spec"] as object), conversion: { strategy: "Webhook", webhook } });

  const replaced = await replaceBy(ours?.["spec"] as object);
  expect(replaced["spec"].conversion).toEqual({ strategy: "None" });
  // Servers take up a changed definition in their own time.
  const readAsOlder = () =>
    kubernetes.admin.get("metallb.io/v1beta1/BGPPeer", `${NAMESPACE}/stays`).catch(() => undefined);
  const stays = await until(readAsOlder, { what: "the peer to be readable without the webhook", everyMs: 50 });
  expect(stays["spec"]).toMatchObject(spec);
});

it("defaults are those that the reader has", async () => {
  const { documents } = readDocuments(await readFile("examples/resources.yaml", "utf8"), "resources.yaml");
  const stored: KubeObject[] = [];
  for (const { body } of documents) {
    const manifest = { ...body, metadata: { ...(body["metadata"] as object), namespace: NAMESPACE } };
    stored.push(await tryOut(manifest as unknown as KubeManifest));
  }
  const written = documents.map(({ body }) => body);
  expect(modelOf(stored, NAMESPACE)).toEqual(modelOf(written, NAMESPACE));
});
