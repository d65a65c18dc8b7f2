import type { KubernetesDocument } from "../../../src/config/documents.js";
import { document, resource } from "./documents.js";

/** Resources that are right as they are; `spec` changes what a test is about. */
export const pool = (spec: object = {}, name = "a", metadata: object = {}): KubernetesDocument =>
  resource("IPAddressPool", name, { addresses: ["10.0.0.0/24"], ...spec }, metadata);
export const peer = (spec: object = {}, name = "p"): KubernetesDocument =>
  resource("BGPPeer", name, { myASN: 64512, peerASN: 64513, peerAddress: "10.0.0.1", ...spec });
/** A BGPPeer of v1beta1. */
export const olderPeer = (spec: object = {}, name = "p"): KubernetesDocument =>
  document({
    apiVersion: "metallb.io/v1beta1",
    kind: "BGPPeer",
    metadata: { name, namespace: "metallb-system" },
    spec: { myASN: 64512, peerASN: 64513, peerAddress: "10.0.0.1", ...spec },
  });
export const bgp = (spec: object = {}, name = "b"): KubernetesDocument => resource("BGPAdvertisement", name, spec);
export const l2 = (spec: object = {}, name = "l"): KubernetesDocument => resource("L2Advertisement", name, spec);
export const community = (name: string, ...communities: object[]): KubernetesDocument =>
  resource("Community", name, { communities });
export const bfd = (spec: object = {}, name = "fast"): KubernetesDocument => resource("BFDProfile", name, spec);
export const opaque = document({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "s", namespace: "metallb-system" },
  type: "Opaque",
  data: { password: "YQ==" },
});
export const basicAuth = (data: object): KubernetesDocument =>
  document({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "metallb-system" },
    type: "kubernetes.io/basic-auth",
    ...data,
  });
