/** A cluster whose API server calls webhooks at the Service that installs have, as installs define the resources. */
import { KubeError, until, type KubeManifest, type LanHost } from "../lab/index.js";
import { installedDefinitions } from "./installed-definitions.js";
import { prepareCluster, type Smelter } from "./smelter.js";

export const NAMESPACE = "lb-webhooks";
export const SECRET = `${NAMESPACE}/metallb-webhook-cert`;
export const CONFIGURATION = "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration";
export const CONFIGURATION_NAME = "metallb-webhook-configuration";
export const DEFINITION = "apiextensions.k8s.io/v1/CustomResourceDefinition";
export const PEERS = "bgppeers.metallb.io";
export const OLDER_PEER = "metallb.io/v1beta1/BGPPeer";
export const NEWER_PEER = "metallb.io/v1beta2/BGPPeer";
export const PEER = { myASN: 64512, peerASN: 64513, peerAddress: "10.0.0.1" };

export function resource(
  kind: string,
  name: string,
  spec: object,
  more: Readonly<{ namespace?: string }> = {},
): KubeManifest {
  const apiVersion = `metallb.io/${kind === "BGPPeer" ? "v1beta2" : "v1beta1"}`;
  return { apiVersion, kind, metadata: { name, namespace: NAMESPACE, ...more }, spec };
}
export const pool = (name: string, ...addresses: readonly string[]): KubeManifest =>
  resource("IPAddressPool", name, { addresses });

/** The message with which the server refuses something, "" where it does it. */
export async function messageOf(request: Promise<unknown>): Promise<string> {
  try {
    await request;
    return "";
  } catch (error) {
    if (error instanceof KubeError) return error.status.message ?? error.message;
    throw error;
  }
}

export const decoded = (base64: unknown): string => Buffer.from(String(base64 ?? ""), "base64").toString("utf8");

export type WebhookCluster = Smelter &
  Readonly<{
    /** Who answers for the Service. */
    endpoints: (...hosts: readonly LanHost[]) => Promise<void>;
    /** The message with which the server refuses to make an object, "" where it takes it. Nothing is stored. */
    refusal: (manifest: KubeManifest) => Promise<string>;
    /** Until validation and conversion are answered, whatever was wrong before. */
    untilCalled: (denial?: string) => Promise<void>;
    /** The authorities that the Secret holds. */
    authority: () => Promise<string>;
    /** Until those, or these, are in each caBundle. */
    untilBundlesAre: (wanted?: string) => Promise<void>;
  }>;

/** Nothing answers yet; the control-plane host is to. */
export async function prepareWebhookCluster(): Promise<WebhookCluster> {
  const smelter = await prepareCluster({ nodes: 1, namespace: NAMESPACE, webhooks: true });
  const { lab, kubernetes } = smelter;
  const { admin } = kubernetes;

  const endpoints = (...hosts: readonly LanHost[]): Promise<void> => {
    const addresses = hosts.map(({ name, ipv4 }) => ({ node: name, address: ipv4 }));
    return kubernetes.setEndpoints(`${NAMESPACE}/metallb-webhook-service`, addresses);
  };
  const refusal = (manifest: KubeManifest): Promise<string> => {
    const { namespace } = manifest.metadata as { namespace: string };
    const plural = manifest.kind === "Community" ? "communities" : `${manifest.kind.toLowerCase()}s`;
    const path = `/apis/${manifest.apiVersion}/namespaces/${namespace}/${plural}?dryRun=All`;
    return messageOf(admin.request("POST", path, manifest));
  };
  const often = { deadlineMs: 60_000, everyMs: 50 };
  const untilCalled = async (denial = "denied the request: Cannot use"): Promise<void> => {
    const isDenied = async (): Promise<boolean> => (await refusal(pool("probe", "wrong"))).includes(denial);
    await until(isDenied, { what: "the validating webhook to be called", ...often });
    const older = { ...resource("BGPPeer", "probe", PEER), apiVersion: "metallb.io/v1beta1" };
    const isMade = async (): Promise<boolean> => (await messageOf(admin.create(older))) === "";
    await until(isMade, { what: "the conversion webhook to be called", ...often });
    await admin.delete(NEWER_PEER, `${NAMESPACE}/probe`);
  };
  const authority = async (): Promise<string> => decoded((await admin.get("v1/Secret", SECRET))["data"]?.["ca.crt"]);
  const bundles = async (): Promise<readonly string[]> => {
    const [hooks, definition] = await Promise.all([
      admin.get(CONFIGURATION, CONFIGURATION_NAME),
      admin.get(DEFINITION, PEERS),
    ]);
    const clients = (hooks["webhooks"] as { clientConfig: { caBundle?: string } }[]).map((hook) => hook.clientConfig);
    return [...clients, definition["spec"].conversion.webhook.clientConfig].map(({ caBundle }) => decoded(caBundle));
  };
  const untilBundlesAre = async (wanted?: string): Promise<void> => {
    const agree = async (): Promise<boolean> => {
      const [text, present] = await Promise.all([wanted ?? authority(), bundles()]);
      return text !== "" && present.every((bundle) => bundle === text);
    };
    await until(agree, { what: "the authority in each caBundle", ...often });
  };

  try {
    await kubernetes.createNode(lab.controlPlane); // kube-proxy asks for it
    await kubernetes.startKubeProxy(lab.controlPlane);
    await admin.apply(installedDefinitions(NAMESPACE));
    await endpoints(lab.controlPlane);
  } catch (error) {
    await smelter.close();
    throw error;
  }
  return { ...smelter, endpoints, refusal, untilCalled, authority, untilBundlesAre };
}
