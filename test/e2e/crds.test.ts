import { readFile, readdir } from "node:fs/promises";
import * as fc from "fast-check";
import { dump } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import type { Model } from "../../src/config/model.js";
import { documentOfObject, readDocuments } from "../../src/config/read-documents.js";
import { convert } from "../../src/migrate/convert.js";
import { describeFault } from "../../src/runtime/net/fault.js";
import { createLab, KubeError, readManifests, startKubernetes, until } from "../lab/index.js";
import type { Kubernetes, KubeManifest, KubeObject, Lab } from "../lab/index.js";
import { flowText, legacyDocument } from "../unit/migrate/legacy-grammar.js";
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
  const inputs: readonly (readonly [name: string, text: () => Promise<string>])[] = [
    ...["layer2-range", "bgp-one-peer", "lokomotive-two-workers", "legacy/layer2-range"].map(
      (name) => [name, () => readFile(`examples/${name}.yaml`, "utf8")] as const,
    ),
    ["everything", () => Promise.resolve(dump(legacyConfigMap(NAMESPACE, everything)))],
    ["nothing", () => Promise.resolve(dump(legacyConfigMap(NAMESPACE, "")))],
  ];

  it.each(inputs)("of %s is taken by the server, and means the same when it comes back", async (name, text) => {
    const namespace = `of-${name.replaceAll("/", "-")}`;
    await kubernetes.admin.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    const converted = convert(await text(), { file: name, output: "yaml", namespace });
    if (!converted.ok) throw new Error(converted.fault.map(describeFault).join("\n"));
    const sent = readManifests(converted.value.text);
    for (const object of sent) await applyStrictly(object);
    const stored: KubeObject[] = [];
    for (const kind of KINDS) {
      const version = kind === "BGPPeer" ? "v1beta2" : "v1beta1";
      stored.push(...(await kubernetes.admin.list(`metallb.io/${version}/${kind}`, { namespace })));
    }
    stored.push(...(await kubernetes.admin.list("v1/Secret", { namespace })));
    expect(stored).toHaveLength(sent.length);
    const model = modelOf(stored, namespace);
    expect(model).toEqual(modelOf(sent, namespace));
    expect(model.peers.map(({ password }) => password?.reveal())).toEqual(
      modelOf(sent, namespace).peers.map(({ password }) => password?.reveal()),
    );
  });

  it("of any document is taken", async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(legacyDocument, async (document) => {
        const text = dump(legacyConfigMap(NAMESPACE, flowText(document)));
        const converted = convert(text, { file: "any", output: "yaml" });
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
    for (const file of ["resources.yaml", "crds-mixed-namespaces.yaml"]) {
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

const expression = (operator: string, ...values: string[]) => ({
  nodeSelectors: [{ matchExpressions: [{ key: "a.example/b", operator, ...(values.length > 0 && { values }) }] }],
});

/** What is refused, what is taken in its place, and what the server says. */
const rules: readonly [rule: string, kind: string, good: object, bad: object, message: RegExp][] = [
  ["keys are known", "IPAddressPool", { autoAssign: true }, { autoasign: true }, /unknown field "spec.autoasign"/],
  ["addresses are there", "IPAddressPool", {}, { addresses: [] }, /should have at least 1 items/],
  ["an address has a length", "IPAddressPool", { addresses: ["10.0.0.7/24"] }, { addresses: ["10.0.0.1"] }, /cidr/],
  ["octets are such", "IPAddressPool", { addresses: ["::/0"] }, { addresses: ["10.0.0.300/24"] }, /cidr/],
  [
    "octets of ranges too",
    "IPAddressPool",
    { addresses: ["10.0.0.9 - 10.0.0.10"] },
    { addresses: ["10.0.0.9-10.0.0.300"] },
    /addresses\[0\]/,
  ],
  [
    "a range goes up",
    "IPAddressPool",
    { addresses: ["10.0.0.9-10.0.0.9", "2001:db8::1-2001:db8::2", "9.0.0.0-10.0.0.0"] },
    { addresses: ["10.0.0.0-9.0.0.0"] },
    /it ends before it begins: write the lower address first/,
  ],
  [
    "priority is a number",
    "IPAddressPool",
    alloc({ priority: -1 }),
    alloc({ priority: "1" }),
    /must be of type integer/,
  ],
  [
    "namespaces once",
    "IPAddressPool",
    alloc({ namespaces: ["a", "b"] }),
    alloc({ namespaces: ["a", "a"] }),
    /Duplicate/,
  ],

  ["peers have myASN", "BGPPeer", { myASN: 4_294_967_295 }, { myASN: undefined }, /myASN: Required/],
  ["an AS is not 0", "BGPPeer", { myASN: 1 }, { myASN: 0 }, /myASN.*greater than or equal to 1/],
  ["an AS has 32 bits", "BGPPeer", {}, { peerASN: 4_294_967_296 }, /peerASN.*less than or equal to 4294967295/],
  [
    "one of peerASN and dynamicASN",
    "BGPPeer",
    { peerASN: undefined, dynamicASN: "internal" },
    { peerASN: undefined },
    /write one of peerASN and dynamicASN/,
  ],
  ["not both", "BGPPeer", { dynamicASN: "" }, { dynamicASN: "external" }, /write one of peerASN and dynamicASN/],
  ["dynamicASN is known", "BGPPeer", {}, { dynamicASN: "any", peerASN: 0 }, /Unsupported value: "any"/],
  ["localASN is not 0", "BGPPeer", { localASN: 1 }, { localASN: 0 }, /localASN.*greater than or equal to 1/],
  [
    "one of peerAddress and interface",
    "BGPPeer",
    { peerAddress: "", interface: "eth0" },
    { peerAddress: "" },
    /write one of peerAddress and interface/,
  ],
  ["not both of those", "BGPPeer", {}, { interface: "eth0" }, /write one of peerAddress and interface/],
  ["peerAddress", "BGPPeer", { peerAddress: "2001:db8::1" }, { peerAddress: "a.example" }, /spec.peerAddress/],
  ["sourceAddress", "BGPPeer", { sourceAddress: "10.0.0.2" }, { sourceAddress: "10.0.0.2/24" }, /spec.sourceAddress/],
  ["routerID", "BGPPeer", { routerID: "10.0.0.2" }, { routerID: "2" }, /spec.routerID/],
  ["peerPort", "BGPPeer", { peerPort: 16_384 }, { peerPort: 16_385 }, /less than or equal to 16384/],
  ["holdTime of 3 s", "BGPPeer", { holdTime: "3s" }, { holdTime: "2.9s" }, /write 0s, or a duration of 3s and more/],
  ["holdTime of 0", "BGPPeer", { holdTime: "0s" }, { holdTime: "-3s" }, /write 0s, or a duration of 3s and more/],
  ["holdTime has a unit", "BGPPeer", { holdTime: "1h1m1.5s" }, { holdTime: "90" }, /spec.holdTime/],
  [
    "keepaliveTime within holdTime",
    "BGPPeer",
    { holdTime: "9s", keepaliveTime: "9s" },
    { holdTime: "9s", keepaliveTime: "9.5s" },
    /keepaliveTime is longer than holdTime/,
  ],
  [
    "keepaliveTime alone",
    "BGPPeer",
    { keepaliveTime: "1s" },
    { keepaliveTime: "500ms" },
    /keepaliveTime makes a hold time that is neither 0 nor at least 3 seconds/,
  ],
  ["connectTime whole", "BGPPeer", { connectTime: "65535s" }, { connectTime: "1.0005s" }, /write whole seconds/],
  ["connectTime not 0", "BGPPeer", { connectTime: "1000ms" }, { connectTime: "0s" }, /write whole seconds/],
  ["connectTime bounded", "BGPPeer", { connectTime: "1m" }, { connectTime: "65536s" }, /write whole seconds/],
  [
    "ebgpMultiHop",
    "BGPPeer",
    { ebgpMultiHop: true },
    { ebgpMultiHop: true, peerASN: 64_512 },
    /ebgpMultiHop is for peers of another AS/,
  ],
  [
    "one password",
    "BGPPeer",
    { password: "x", passwordSecret: {} },
    { password: "x", passwordSecret: { name: "s" } },
    /password is given beside passwordSecret/,
  ],
  ["In has values", "BGPPeer", expression("In", "b"), expression("In"), /matchExpressions\[0\].values/],
  ["Exists has none", "BGPPeer", expression("Exists"), expression("Exists", "b"), /matchExpressions\[0\]/],
  ["operators", "BGPPeer", expression("NotIn", "b"), expression("Gt", "1"), /Unsupported value: "Gt"/],
  ["values are such", "BGPPeer", expression("In", ""), expression("In", "b c"), /values\[0\]/],
  ["values once", "BGPPeer", expression("In", "b", "c"), expression("In", "b", "b"), /Duplicate/],
  [
    "labels",
    "BGPPeer",
    { nodeSelectors: [{ matchLabels: { a: "" } }] },
    { nodeSelectors: [{ matchLabels: { a: "-" } }] },
    /matchLabels.a/,
  ],
  ["v1beta1: peerAddress", "BGPPeer/v1beta1", {}, { peerAddress: undefined, interface: "a" }, /peerAddress: Required/],
  ["v1beta1: peerASN", "BGPPeer/v1beta1", { peerPort: 0 }, { peerASN: 0 }, /write one of peerASN and dynamicASN/],
  ["v1beta1: keys are known", "BGPPeer/v1beta1", { vrf: "red" }, { bfd: "fast" }, /unknown field "spec.bfd"/],
  ["v1beta1: holdTime", "BGPPeer/v1beta1", { holdTime: "0s" }, { holdTime: "1s" }, /write 0s, or a duration/],

  ["aggregates", "BGPAdvertisement", { aggregationLength: 1 }, { aggregationLength: 0 }, /greater than or equal to 1/],
  ["aggregates of IPv6", "BGPAdvertisement", {}, { aggregationLengthV6: 129 }, /less than or equal to 128/],
  ["localPref", "BGPAdvertisement", { localPref: 4_294_967_295 }, { localPref: -1 }, /greater than or equal to 0/],
  [
    "no aggregates of selected Services",
    "BGPAdvertisement",
    { serviceSelectors: [{}], aggregationLength: 32, aggregationLengthV6: 128 },
    { serviceSelectors: [{}], aggregationLengthV6: 64 },
    /aggregates cannot be made of selected Services/,
  ],
  ["communities", "BGPAdvertisement", said("65535:065535", "an-alias"), said("70000:1"), /two numbers of 0 to 65535/],
  ["large ones", "BGPAdvertisement", said("large:4294967295:0:1"), said("large:1:2:4294967296"), /large: and three/],
  ["communities of two parts", "BGPAdvertisement", said("1:2"), said("1:2:3"), /two numbers of 0 to 65535/],
  ["communities once", "BGPAdvertisement", said("1:2", "1:3"), said("1:2", "1:2"), /Duplicate/],
  ["peers once", "BGPAdvertisement", { peers: ["p", "q"] }, { peers: ["p", "p"] }, /Duplicate/],
  ["pools once", "L2Advertisement", { ipAddressPools: ["a"] }, { ipAddressPools: ["a", "a"] }, /Duplicate/],
  ["interfaces are texts", "L2Advertisement", { interfaces: ["eth0", "eth0"] }, { interfaces: [0] }, /type string/],
  ["weights", "L2Advertisement", preferring(100, 100), preferring(101), /less than or equal to 100/],
  ["weights are needed", "L2Advertisement", preferring(1), preferring(undefined), /weight: Required/],

  ["aliases once", "Community", aliases(["x", "1:1"], ["y", "1:1"]), aliases(["x", "1:1"], ["x", "1:2"]), /Duplicate/],
  [
    "aliases have values",
    "Community",
    aliases(["x", "large:1:2:3"]),
    { communities: [{ name: "x" }] },
    /value: Required/,
  ],
  ["values are communities", "Community", aliases(["x", "1:65535"]), aliases(["x", "1:65536"]), /two numbers of 0 to/],
  ["no alias of an alias", "Community", aliases(["x", "0:0"]), aliases(["x", "y"]), /two numbers of 0 to/],

  ["BFD intervals", "BFDProfile", { receiveInterval: 10 }, { echoInterval: 9 }, /greater than or equal to 10/],
  ["BFD multipliers", "BFDProfile", { detectMultiplier: 2 }, { detectMultiplier: 256 }, /less than or equal to 255/],
  ["BFD hops", "BFDProfile", { minimumTtl: 254 }, { minimumTtl: 255 }, /less than or equal to 254/],
];

function alloc(serviceAllocation: object): object {
  return { serviceAllocation };
}
function said(...communities: string[]): object {
  return { communities };
}
function preferring(...weights: (number | undefined)[]): object {
  return { preferredNodeSelectors: weights.map((weight) => ({ weight, preference: {} })) };
}
function aliases(...pairs: [name: string, value: string][]): object {
  return { communities: pairs.map(([name, value]) => ({ name, value })) };
}

/** Whether our own reader takes an object, with the aliases that it may name. */
function isTakenByReader(manifest: KubeManifest): boolean {
  const document = documentOfObject(JSON.parse(JSON.stringify(manifest)));
  const alias = documentOfObject({ ...object("Community", aliases(["an-alias", "1:1"])), metadata: { name: "other" } });
  if (!document.ok || !alias.ok) return false;
  const loaded = loadConfig([document.value, alias.value], { namespace: NAMESPACE, configMapName: "config" });
  return loaded.ok && !loaded.value.notices.some(({ problem }) => problem.startsWith("is a key that is not known"));
}

describe.each(rules)("%s (%s)", (_, kind, good, bad, message) => {
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
