/** The webhooks, called by the API server itself, by way of their Service. */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { KubeError, until, type KubeManifest, type KubeObject, type LabProcess, type LanHost } from "../lab/index.js";
import { installedDefinitions } from "./installed-definitions.js";
import { prepareCluster, type Smelter } from "./smelter.js";
import type { WebhookAgentOptions } from "./webhook-agent.js";

const NAMESPACE = "lb-webhooks";
const SECRET = `${NAMESPACE}/metallb-webhook-cert`;
const CONFIGURATION = "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration";
const NAME = "metallb-webhook-configuration";
const DEFINITION = "apiextensions.k8s.io/v1/CustomResourceDefinition";
const PEERS = "bgppeers.metallb.io";
const [OLDER, NEWER] = ["metallb.io/v1beta1/BGPPeer", "metallb.io/v1beta2/BGPPeer"];

let smelter: Smelter;
let controller: LabProcess;
let configuration: KubeObject;

beforeAll(async () => {
  smelter = await prepareCluster({ nodes: 1, namespace: NAMESPACE, webhooks: true });
  const { lab, kubernetes } = smelter;
  await kubernetes.createNode(lab.controlPlane); // kube-proxy asks for it
  await kubernetes.startKubeProxy(lab.controlPlane);
  await kubernetes.admin.apply(installedDefinitions(NAMESPACE));
  configuration = await kubernetes.admin.get(CONFIGURATION, NAME);
  await endpoints(lab.controlPlane);
  controller = await smelter.startController();
  await untilCalled();
});
afterEach(({ task }) => {
  if (task.result?.state === "fail") console.error(`controller said last:\n${controller?.output().slice(-6000)}`);
});
afterAll(() => smelter?.close());

function endpoints(...hosts: readonly LanHost[]): Promise<void> {
  const addresses = hosts.map(({ name, ipv4 }) => ({ node: name, address: ipv4 }));
  return smelter.kubernetes.setEndpoints(`${NAMESPACE}/metallb-webhook-service`, addresses);
}

function object(kind: string, name: string, spec: object, more: Readonly<{ namespace?: string }> = {}): KubeManifest {
  const apiVersion = `metallb.io/${kind === "BGPPeer" ? "v1beta2" : "v1beta1"}`;
  return { apiVersion, kind, metadata: { name, namespace: NAMESPACE, ...more }, spec };
}
const pool = (name: string, ...addresses: readonly string[]) => object("IPAddressPool", name, { addresses });
const PEER = { myASN: 64512, peerASN: 64513, peerAddress: "10.0.0.1" };

/** The message with which the server refuses to make an object, "" where it takes it. Nothing is stored. */
async function refusal(manifest: KubeManifest): Promise<string> {
  const { namespace } = manifest.metadata as { namespace: string };
  const plural = manifest.kind === "Community" ? "communities" : `${manifest.kind.toLowerCase()}s`;
  const path = `/apis/${manifest.apiVersion}/namespaces/${namespace}/${plural}?dryRun=All`;
  return messageOf(smelter.kubernetes.admin.request("POST", path, manifest));
}

async function messageOf(request: Promise<unknown>): Promise<string> {
  try {
    await request;
    return "";
  } catch (error) {
    if (error instanceof KubeError) return error.status.message ?? error.message;
    throw error;
  }
}

/** Until validation and conversion are answered, whatever was wrong before. */
async function untilCalled(): Promise<void> {
  const { admin } = smelter.kubernetes;
  await until(async () => (await refusal(pool("probe", "wrong"))).includes("denied the request: Cannot use"), {
    what: "the validating webhook to be called",
    deadlineMs: 60_000,
    everyMs: 50,
  });
  await until(
    async () =>
      (await messageOf(admin.create({ ...object("BGPPeer", "probe", PEER), apiVersion: "metallb.io/v1beta1" }))) === "",
    {
      what: "the conversion webhook to be called",
      deadlineMs: 60_000,
      everyMs: 50,
    },
  );
  await admin.delete(NEWER, `${NAMESPACE}/probe`);
}

describe("validation refuses", () => {
  beforeAll(async () => {
    const { admin } = smelter.kubernetes;
    await admin.create(pool("present", "10.0.0.0/24"));
    await admin.create(object("BGPAdvertisement", "present", { localPref: 1 }));
    await admin.create(object("Community", "present", { communities: [{ name: "x", value: "1:2" }] }));
  });
  it.each([
    [pool("a", "10.0.0.1"), /\/spec\/addresses\/0 is "10\.0\.0\.1"/],
    [pool("a", "10.0.0.9-10.0.0.1"), /ends before it begins/],
    [pool("a", "10.0.0.128/25"), /With IPAddressPool .*\/a: .* in common with 10\.0\.0\.128\/25 in IPAddressPool/],
    [
      object("L2Advertisement", "a", { nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "Near" }] }] }),
      /Near/,
    ],
    [object("BGPAdvertisement", "a", { aggregationLength: 20 }), /shorter than \/24/],
    [object("BGPAdvertisement", "a", { localPref: 2 }), /\/spec\/localPref is 1, which differs from 2 of/],
    [object("BGPAdvertisement", "a", { communities: ["70000:1"] }), /70000:1/],
    [object("BGPPeer", "a", { ...PEER, myASN: 0 }), /\/spec\/myASN is 0/],
    [object("BGPPeer", "a", { ...PEER, peerAddress: "router" }), /"router"/],
    [object("BGPPeer", "a", { ...PEER, holdTime: "1s" }), /\/spec\/holdTime/],
    [object("BGPPeer", "a", { ...PEER, dynamicASN: "external" }), /dynamicASN/],
    [object("Community", "a", { communities: [{ name: "x", value: "1:3" }] }), /is an alias that Community/],
    [object("Community", "a", { communities: [{ name: "y", value: "1:2:3" }] }), /1:2:3/],
    [object("BFDProfile", "a", { receiveInterval: 1 }), /\/spec\/receiveInterval is 1/],
    [object("Community", "a", {}, { namespace: "default" }), /is not the namespace/],
  ])("%j", async (manifest, message) => {
    const said = await refusal(manifest);
    expect(said).toMatch(
      /^admission webhook "\w+validationwebhook\.metallb\.io" denied the request: (With .*: )?Cannot use /,
    );
    expect(said).toMatch(message);
  });

  it("nothing that is right, and no password is told", async () => {
    expect(await refusal(pool("a", "10.0.1.0/24"))).toBe("");
    expect(await refusal(object("BGPPeer", "a", { ...PEER, bfdProfile: "yet-to-come" }))).toBe("");
    expect(await refusal(object("BGPPeer", "a", { ...PEER, myASN: 0, password: "hunter2" }))).not.toContain("hunter2");
  });

  it("the deletion of a profile that is in use, and of no other", async () => {
    const { admin } = smelter.kubernetes;
    await admin.create(object("BFDProfile", "used", {}));
    await admin.create(object("BGPPeer", "user", { ...PEER, bfdProfile: "used" }));
    const key = `${NAMESPACE}/used`;
    expect(await messageOf(admin.delete("metallb.io/v1beta1/BFDProfile", key))).toMatch(/in use by BGPPeer .*\/user/);
    await admin.delete(NEWER, `${NAMESPACE}/user`);
    await admin.delete("metallb.io/v1beta1/BFDProfile", key);
    await admin.delete("metallb.io/v1beta1/IPAddressPool", `${NAMESPACE}/present`);
  });
});

describe("conversion", () => {
  const key = `${NAMESPACE}/both`;
  const spec = {
    ...PEER,
    vrf: "red",
    connectTime: "10s",
    passwordSecret: { name: "secret" },
    enableGracefulRestart: true,
    nodeSelectors: [{ matchLabels: { rack: "a" } }],
  };

  it("loses nothing on the way through v1beta1, which takes none of these fields", async () => {
    const { admin } = smelter.kubernetes;
    await admin.create(object("BGPPeer", "both", spec));
    const older = await admin.get(OLDER, key);
    const { vrf: _v, connectTime: _c, passwordSecret: _p, enableGracefulRestart: _g, ...common } = spec;
    expect(older["spec"]).toEqual(common);
    await admin.replace({ ...older, spec: { ...older["spec"], peerASN: 64999, holdTime: "0s" } });
    const newer = await admin.get(NEWER, key);
    expect(newer["spec"]).toEqual({ ...spec, peerASN: 64999 });
    expect(newer.metadata.annotations).toBeUndefined();
  });

  it("of what was written in v1beta1 leaves the usual times", async () => {
    const { admin } = smelter.kubernetes;
    await admin.create({ ...object("BGPPeer", "older", { ...PEER, peerPort: 0 }), apiVersion: "metallb.io/v1beta1" });
    expect((await admin.get(NEWER, `${NAMESPACE}/older`))["spec"]).toEqual(PEER);
  });

  it("of a whole list works", async () => {
    const { admin } = smelter.kubernetes;
    const names = Array.from({ length: 200 }, (_, index) => `many-${index}`);
    await Promise.all(names.map((name) => admin.create(object("BGPPeer", name, { ...spec, vrf: name }))));
    const older = await admin.list(OLDER, { namespace: NAMESPACE });
    expect(older.length).toBeGreaterThan(200);
    expect(older.some(({ spec }) => spec.vrf !== undefined)).toBe(false);
    await Promise.all(names.map((name) => admin.delete(NEWER, `${NAMESPACE}/${name}`)));
  });

  it("of an annotation that was edited fails with a message", async () => {
    const { admin } = smelter.kubernetes;
    const annotations = { "metallb.io/bgppeer-v1beta2": "{" };
    const older = await admin.get(OLDER, key);
    const edited = { ...older, metadata: { ...older.metadata, annotations } };
    expect(await messageOf(admin.replace(edited))).toMatch(/Cannot convert BGPPeer .*restore it, or remove it/);
  });
});

describe("what somebody breaks heals:", () => {
  it.each([
    ["a wiped caBundle", () => smelter.kubernetes.admin.replace(configuration)],
    [
      "the caBundle of somebody else",
      () =>
        smelter.kubernetes.admin.patch(
          CONFIGURATION,
          NAME,
          [{ op: "replace", path: "/webhooks/0/clientConfig/caBundle", value: strangersBundle() }],
          { type: "json" },
        ),
    ],
    [
      "a wiped caBundle of the conversion",
      () =>
        smelter.kubernetes.admin.patch(
          DEFINITION,
          PEERS,
          [{ op: "remove", path: "/spec/conversion/webhook/clientConfig/caBundle" }],
          { type: "json" },
        ),
    ],
    ["a wiped Secret", () => smelter.kubernetes.admin.patch("v1/Secret", SECRET, { data: null })],
  ])("%s", async (_, wipe) => {
    const { metadata } = await smelter.kubernetes.admin.get(CONFIGURATION, NAME);
    const { resourceVersion = "" } = metadata;
    configuration = { ...configuration, metadata: { ...configuration.metadata, resourceVersion } };
    await wipe();
    await untilBundlesAre(async () => authority());
    await untilCalled();
  });

  it("a webhook configuration that is gone is no fault, and one that comes is served", async () => {
    const { admin } = smelter.kubernetes;
    await admin.delete(CONFIGURATION, NAME);
    await until(async () => (await refusal(pool("a", "wrong"))) === "", { what: "nobody to be asked", everyMs: 50 });
    expect(controller.running()).toBe(true);
    const {
      resourceVersion: _r,
      uid: _u,
      creationTimestamp: _c,
      managedFields: _m,
      ...metadata
    } = configuration.metadata;
    await admin.create({ ...configuration, metadata });
    await untilCalled();
  });
});

function strangersBundle(): string {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null"];
  return execFileSync("openssl", ["req", "-x509", ...key, "-subj", "/CN=stranger"], {
    stdio: ["ignore", "pipe", "ignore"],
  }).toString("base64");
}

const decoded = (text: unknown): string => Buffer.from(String(text ?? ""), "base64").toString("utf8");

async function authority(): Promise<string> {
  const { data } = await smelter.kubernetes.admin.get("v1/Secret", SECRET);
  return decoded(data?.["ca.crt"]);
}

/** Until each place says so. */
async function untilBundlesAre(wanted: () => Promise<string>): Promise<void> {
  const { admin } = smelter.kubernetes;
  await until(
    async () => {
      const [text, hooks, definition] = await Promise.all([
        wanted(),
        admin.get(CONFIGURATION, NAME),
        admin.get(DEFINITION, PEERS),
      ]);
      const clients = (hooks["webhooks"] as { clientConfig: { caBundle?: string } }[]).map(
        ({ clientConfig }) => clientConfig,
      );
      const bundles = [...clients, definition["spec"].conversion.webhook.clientConfig].map(({ caBundle }) =>
        decoded(caBundle),
      );
      return text !== "" && bundles.every((bundle) => bundle === text);
    },
    { what: "the authority in each caBundle", deadlineMs: 30_000, everyMs: 50 },
  );
}

it("goes on with the authority and the certificate that the original made", async () => {
  const { admin } = smelter.kubernetes;
  await controller.terminate();
  const folder = smelter.lab.folder;
  const openssl = (...args: readonly string[]) =>
    execFileSync("openssl", [...args], { cwd: folder, stdio: ["ignore", "pipe", "ignore"] }).toString();
  const name = `metallb-webhook-service.${NAMESPACE}.svc`;
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "ca8.key",
    "-out",
    "ca.crt",
    "-days",
    "3650",
    "-subj",
    "/O=metallb/CN=cert",
  );
  openssl(
    "req",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "tls8.key",
    "-out",
    "tls.csr",
    "-subj",
    `/O=metallb/CN=${name}`,
    "-addext",
    `subjectAltName=DNS:${name}`,
  );
  openssl(
    "x509",
    "-req",
    "-in",
    "tls.csr",
    "-CA",
    "ca.crt",
    "-CAkey",
    "ca8.key",
    "-days",
    "365",
    "-copy_extensions",
    "copy",
    "-out",
    "tls.crt",
  );
  const read = (file: string) => openssl("base64", "-A", "-in", file);
  openssl("rsa", "-in", "ca8.key", "-traditional", "-out", "ca.key");
  openssl("rsa", "-in", "tls8.key", "-traditional", "-out", "tls.key");
  const data = Object.fromEntries(["ca.crt", "ca.key", "tls.crt", "tls.key"].map((file) => [file, read(file)]));
  await admin.patch("v1/Secret", SECRET, { data });
  const before = await admin.get("v1/Secret", SECRET);
  controller = await smelter.startController();
  await untilBundlesAre(async () => decoded(data["ca.crt"]));
  await untilCalled();
  expect((await admin.get("v1/Secret", SECRET)).metadata.resourceVersion).toBe(before.metadata.resourceVersion);

  await admin.patch("v1/Secret", SECRET, { data: { "tls.crt": null } }); // one more, of the same authority
  await until(async () => decoded((await admin.get("v1/Secret", SECRET))["data"]["tls.crt"]) !== "", {
    what: "a certificate",
  });
  await untilCalled();
  expect(await authority()).toBe(decoded(data["ca.crt"]));
});

it("asks for nothing that is not granted", () => {
  const user = `system:serviceaccount:${NAMESPACE}:controller`;
  const asked = smelter.kubernetes.auditLog(user);
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter(({ code }) => code === 403).map(({ verb, uri }) => `${verb} ${uri}`)).toEqual([]);
});

it("serves certificates one after the other, and authorities, under 50 writes a second without one failed call", async () => {
  const { lab, kubernetes } = smelter;
  await controller.terminate();
  const outfile = `${process.cwd()}/build/ts/webhook-agent.mjs`;
  const common = { bundle: true, packages: "external", format: "esm", platform: "node", target: "node20.19" } as const;
  await build({ ...common, entryPoints: ["test/e2e/webhook-agent.ts"], outfile, logLevel: "warning" });
  const kubeconfig = await kubernetes.kubeconfigOf(`${NAMESPACE}/controller`);
  const terms = { authority: 40_000, server: 15_000, renewBefore: 60_000, backdate: 0, settle: 3_000, look: 1_000 };
  const options: WebhookAgentOptions = { kubeconfig, namespace: NAMESPACE, terms };
  const hosts = [lab.controlPlane, lab.node("n1")];
  await kubernetes.admin.patch("v1/Secret", SECRET, { data: null });
  const agents = hosts.map((host) =>
    host.spawn([process.execPath, outfile, JSON.stringify(options)], { name: `webhooks on ${host.name}` }),
  );
  controller = agents[0] as LabProcess;
  await Promise.all(agents.map((agent) => agent.waitForOutput("webhooks are served")));
  await endpoints(...hosts);
  await untilBundlesAre(authority);
  await untilCalled();

  await kubernetes.admin.create(object("BGPPeer", "watched", PEER));
  const made = (what: string): number =>
    agents.reduce((sum, agent) => sum + agent.output().split(`"what":"${what}"`).length - 1, 0);
  const seen = new Set<string>();
  const failures: string[] = [];
  const inFlight = new Set<Promise<void>>();
  const note = async (call: Promise<unknown>): Promise<void> => {
    const message = await messageOf(call);
    if (message !== "") failures.push(message);
  };
  const start = performance.now();
  const before = { certificate: made("certificate"), authority: made("authority") };
  let writes = 0;
  // Until a second authority has signed more than once.
  while (made("authority") < before.authority + 1 || made("certificate") < before.certificate + 5) {
    const write = note(
      kubernetes.admin.patch("metallb.io/v1beta1/Community", `${NAMESPACE}/present`, {
        spec: { communities: [{ name: "x", value: `1:${(writes % 1000) + 1}` }] },
      }),
    );
    const read = writes % 5 === 0 ? [note(kubernetes.admin.get(OLDER, `${NAMESPACE}/watched`))] : [];
    for (const call of [write, ...read]) {
      inFlight.add(call);
      void call.then(() => inFlight.delete(call));
    }
    writes += 1;
    if (writes % 25 === 0) seen.add(serialOf((await kubernetes.admin.get("v1/Secret", SECRET))["data"]["tls.crt"]));
    const due = start + writes * 20;
    if (due > performance.now()) await delay(due - performance.now());
    if (writes > 50 * 120) throw new Error("the certificates are not renewed");
  }
  await Promise.all(inFlight);
  expect([...new Set(failures)]).toEqual([]);
  expect(seen.size).toBeGreaterThanOrEqual(5);
  const counted = agents.map((agent) => agent.running());
  expect(counted).toEqual([true, true]);
});

const serialOf = (text: unknown): string => new X509Certificate(decoded(text)).serialNumber;
