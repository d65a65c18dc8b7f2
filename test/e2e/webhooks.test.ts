/** The webhooks, called by the API server itself, by way of their Service. */
import { execFileSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { until, type KubeObject, type LabProcess } from "../lab/index.js";
import {
  CONFIGURATION,
  CONFIGURATION_NAME,
  DEFINITION,
  NAMESPACE,
  NEWER_PEER,
  OLDER_PEER,
  PEER,
  PEERS,
  SECRET,
  messageOf,
  pool,
  prepareWebhookCluster,
  resource,
  type WebhookCluster,
} from "./webhook-cluster.js";

let cluster: WebhookCluster;
let controller: LabProcess;
let configuration: KubeObject;

beforeAll(async () => {
  cluster = await prepareWebhookCluster();
  configuration = await cluster.kubernetes.admin.get(CONFIGURATION, CONFIGURATION_NAME);
  controller = await cluster.startController();
  await cluster.untilCalled();
});
afterEach(({ task }) => {
  if (task.result?.state === "fail") console.error(`controller said last:\n${controller?.output().slice(-6000)}`);
});
afterAll(() => cluster?.close());

describe("validation refuses", () => {
  beforeAll(async () => {
    const { admin } = cluster.kubernetes;
    await admin.create(pool("present", "10.0.0.0/24"));
    await admin.create(resource("BGPAdvertisement", "present", { localPref: 1 }));
    await admin.create(resource("Community", "present", { communities: [{ name: "x", value: "1:2" }] }));
  });
  it.each([
    [pool("a", "10.0.0.1"), /\/spec\/addresses\/0 is "10\.0\.0\.1"/],
    [pool("a", "10.0.0.9-10.0.0.1"), /ends before it begins/],
    [pool("a", "10.0.0.128/25"), /With IPAddressPool .*\/a: .* in common with 10\.0\.0\.128\/25 in IPAddressPool/],
    [
      resource("L2Advertisement", "a", { nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "Near" }] }] }),
      /Near/,
    ],
    [resource("BGPAdvertisement", "a", { aggregationLength: 20 }), /shorter than \/24/],
    [resource("BGPAdvertisement", "a", { localPref: 2 }), /\/spec\/localPref is 1, which differs from 2 of/],
    [resource("BGPAdvertisement", "a", { communities: ["70000:1"] }), /70000:1/],
    [resource("BGPPeer", "a", { ...PEER, myASN: 0 }), /\/spec\/myASN is 0/],
    [resource("BGPPeer", "a", { ...PEER, peerAddress: "router" }), /"router"/],
    [resource("BGPPeer", "a", { ...PEER, holdTime: "1s" }), /\/spec\/holdTime/],
    [resource("BGPPeer", "a", { ...PEER, dynamicASN: "external" }), /dynamicASN/],
    [resource("Community", "a", { communities: [{ name: "x", value: "1:3" }] }), /is an alias that Community/],
    [resource("Community", "a", { communities: [{ name: "y", value: "1:2:3" }] }), /1:2:3/],
    [resource("BFDProfile", "a", { receiveInterval: 1 }), /\/spec\/receiveInterval is 1/],
    [resource("Community", "a", {}, { namespace: "default" }), /is not the namespace/],
  ])("%j", async (manifest, message) => {
    const said = await cluster.refusal(manifest);
    expect(said).toMatch(
      /^admission webhook "\w+validationwebhook\.metallb\.io" denied the request: (With .*: )?Cannot use /,
    );
    expect(said).toMatch(message);
  });

  it("nothing that is right, and no password is told", async () => {
    expect(await cluster.refusal(pool("a", "10.0.1.0/24"))).toBe("");
    expect(await cluster.refusal(resource("BGPPeer", "a", { ...PEER, bfdProfile: "yet-to-come" }))).toBe("");
    expect(await cluster.refusal(resource("BGPPeer", "a", { ...PEER, myASN: 0, password: "hunter2" }))).not.toContain(
      "hunter2",
    );
  });

  it("the deletion of a profile that is in use, and of no other", async () => {
    const { admin } = cluster.kubernetes;
    await admin.create(resource("BFDProfile", "used", {}));
    await admin.create(resource("BGPPeer", "user", { ...PEER, bfdProfile: "used" }));
    const key = `${NAMESPACE}/used`;
    expect(await messageOf(admin.delete("metallb.io/v1beta1/BFDProfile", key))).toMatch(/in use by BGPPeer .*\/user/);
    await admin.delete(NEWER_PEER, `${NAMESPACE}/user`);
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
    const { admin } = cluster.kubernetes;
    await admin.create(resource("BGPPeer", "both", spec));
    const older = await admin.get(OLDER_PEER, key);
    const { vrf: _v, connectTime: _c, passwordSecret: _p, enableGracefulRestart: _g, ...common } = spec;
    expect(older["spec"]).toEqual(common);
    await admin.replace({ ...older, spec: { ...older["spec"], peerASN: 64999, holdTime: "0s" } });
    const newer = await admin.get(NEWER_PEER, key);
    expect(newer["spec"]).toEqual({ ...spec, peerASN: 64999 });
    expect(newer.metadata.annotations).toBeUndefined();
  });

  it("of what was written in v1beta1 leaves the usual times", async () => {
    const { admin } = cluster.kubernetes;
    await admin.create({ ...resource("BGPPeer", "older", { ...PEER, peerPort: 0 }), apiVersion: "metallb.io/v1beta1" });
    expect((await admin.get(NEWER_PEER, `${NAMESPACE}/older`))["spec"]).toEqual(PEER);
  });

  it("of a whole list works", async () => {
    const { admin } = cluster.kubernetes;
    const names = Array.from({ length: 200 }, (_, index) => `many-${index}`);
    await Promise.all(names.map((name) => admin.create(resource("BGPPeer", name, { ...spec, vrf: name }))));
    const older = await admin.list(OLDER_PEER, { namespace: NAMESPACE });
    expect(older.length).toBeGreaterThan(200);
    expect(older.some(({ spec }) => spec.vrf !== undefined)).toBe(false);
    await Promise.all(names.map((name) => admin.delete(NEWER_PEER, `${NAMESPACE}/${name}`)));
  });

  it("of an annotation that was edited fails with a message", async () => {
    const { admin } = cluster.kubernetes;
    const annotations = { "metallb.io/bgppeer-v1beta2": "{" };
    const older = await admin.get(OLDER_PEER, key);
    const edited = { ...older, metadata: { ...older.metadata, annotations } };
    expect(await messageOf(admin.replace(edited))).toMatch(/Cannot convert BGPPeer .*restore it, or remove it/);
  });
});

describe("what somebody breaks heals:", () => {
  it.each([
    ["a wiped caBundle", () => cluster.kubernetes.admin.replace(configuration)],
    [
      "the caBundle of somebody else",
      () =>
        cluster.kubernetes.admin.patch(
          CONFIGURATION,
          CONFIGURATION_NAME,
          [{ op: "replace", path: "/webhooks/0/clientConfig/caBundle", value: strangersBundle() }],
          { type: "json" },
        ),
    ],
    [
      "a wiped caBundle of the conversion",
      () =>
        cluster.kubernetes.admin.patch(
          DEFINITION,
          PEERS,
          [{ op: "remove", path: "/spec/conversion/webhook/clientConfig/caBundle" }],
          { type: "json" },
        ),
    ],
    ["a wiped Secret", () => cluster.kubernetes.admin.patch("v1/Secret", SECRET, { data: null })],
  ])("%s", async (_, wipe) => {
    const { metadata } = await cluster.kubernetes.admin.get(CONFIGURATION, CONFIGURATION_NAME);
    const { resourceVersion = "" } = metadata;
    configuration = { ...configuration, metadata: { ...configuration.metadata, resourceVersion } };
    await wipe();
    await cluster.untilBundlesAre();
    await cluster.untilCalled();
  });

  it("a webhook configuration that is gone is no fault, and one that comes is served", async () => {
    const { admin } = cluster.kubernetes;
    await admin.delete(CONFIGURATION, CONFIGURATION_NAME);
    await until(async () => (await cluster.refusal(pool("a", "wrong"))) === "", {
      what: "nobody to be asked",
      everyMs: 50,
    });
    expect(controller.running()).toBe(true);
    const {
      resourceVersion: _r,
      uid: _u,
      creationTimestamp: _c,
      managedFields: _m,
      ...metadata
    } = configuration.metadata;
    await admin.create({ ...configuration, metadata });
    await cluster.untilCalled();
  });
});

it("alone, without allocation, or not at all: as --webhook-mode says", async () => {
  const { lab, kubernetes } = cluster;
  await kubernetes.admin.create(pool("only", "10.9.0.0/24"));
  await controller.terminate();
  await kubernetes.createService("default/waiting");
  controller = await cluster.startController(["--webhook-mode", "onlywebhook"]);
  await cluster.untilCalled();
  expect((await lab.client.fetch(`http://${lab.controlPlane.ipv4}:17472/readyz`)).status).toBe(200);
  expect((await kubernetes.admin.get("v1/Service", "default/waiting"))["status"].loadBalancer).toEqual({});
  await controller.terminate();

  controller = await cluster.startController(["--webhook-mode", "disabled"]);
  const hasAddress = async () =>
    (await kubernetes.admin.get("v1/Service", "default/waiting"))["status"].loadBalancer.ingress;
  await until(hasAddress, { what: "an address", deadlineMs: 30_000 });
  expect(await cluster.refusal(pool("a", "10.0.1.0/24"))).toMatch(/failed calling webhook/);
  await controller.terminate();

  controller = await cluster.startController(["--webhook-http2=true", "--tls-min-version", "VersionTLS13"]);
  await cluster.untilCalled();
});

it("asks for nothing that is not granted", () => {
  const user = `system:serviceaccount:${NAMESPACE}:controller`;
  const asked = cluster.kubernetes.auditLog(user);
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter(({ code }) => code === 403).map(({ verb, uri }) => `${verb} ${uri}`)).toEqual([]);
});

function strangersBundle(): string {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null"];
  return execFileSync("openssl", ["req", "-x509", ...key, "-subj", "/CN=stranger"], {
    stdio: ["ignore", "pipe", "ignore"],
  }).toString("base64");
}
