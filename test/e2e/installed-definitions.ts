/** Definitions as installs have them: no rules of their own, and peers that a webhook converts. */
import type { KubeManifest } from "../lab/index.js";

const ANYTHING = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const text = { type: "string" };
const number = { type: "integer", format: "int64" };
const bool = { type: "boolean" };

function version(name: string, spec: object, storage = true) {
  const properties = { apiVersion: text, kind: text, metadata: { type: "object" }, spec, status: { type: "object" } };
  const openAPIV3Schema = { type: "object", properties };
  return { name, served: true, storage, subresources: { status: {} }, schema: { openAPIV3Schema } };
}

function definition(kind: string, plural: string, versions: readonly object[], conversion: object = {}): KubeManifest {
  const names = { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.metallb.io` },
    spec: { group: "metallb.io", names, scope: "Namespaced", versions, ...conversion },
  };
}

const selector = {
  type: "object",
  properties: {
    matchLabels: { type: "object", additionalProperties: text },
    matchExpressions: {
      type: "array",
      items: {
        type: "object",
        required: ["key", "operator", "values"],
        properties: { key: text, operator: text, values: { type: "array", minItems: 1, items: text } },
      },
    },
  },
};
/** All that a peer of the older version can say: the API server drops everything else. */
const OLDER_PEER = {
  type: "object",
  required: ["myASN", "peerASN", "peerAddress"],
  properties: {
    myASN: number,
    peerASN: number,
    peerAddress: text,
    sourceAddress: text,
    peerPort: number,
    holdTime: text,
    keepaliveTime: text,
    routerID: text,
    nodeSelectors: { type: "array", items: selector },
    password: text,
    bfdProfile: text,
    ebgpMultiHop: bool,
  },
};

export function installedDefinitions(namespace: string): readonly KubeManifest[] {
  const service = { name: "metallb-webhook-service", namespace, path: "/convert" };
  const webhook = { clientConfig: { service }, conversionReviewVersions: ["v1beta1", "v1beta2"] };
  const plain = [version("v1beta1", ANYTHING)];
  return [
    definition("IPAddressPool", "ipaddresspools", plain),
    definition("L2Advertisement", "l2advertisements", plain),
    definition("BGPAdvertisement", "bgpadvertisements", plain),
    definition("Community", "communities", plain),
    definition("BFDProfile", "bfdprofiles", plain),
    definition("BGPPeer", "bgppeers", [version("v1beta1", OLDER_PEER, false), version("v1beta2", ANYTHING)], {
      conversion: { strategy: "Webhook", webhook },
    }),
  ];
}
