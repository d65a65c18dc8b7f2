import { configMapText } from "../../../src/migrate/manifest-text.js";

/** A password that occurs nowhere by chance. */
export const MARK = "pAsSw0rdMark";
export const BASE64 = Buffer.from(MARK).toString("base64");
/** What a peer needs, in the ConfigMap. */
export const PEER = "my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1";

/** Legacy documents with a password in all the places where one may end up. */
export const LEGACY: readonly (readonly [string, string])[] = [
  ["where it belongs", `peers: [{${PEER}, password: ${MARK}}]`],
  ["beside a pool that is refused", `peers: [{${PEER}, password: ${MARK}}]\naddress-pools: [{name: a}]`],
  ["beside a peer without an address", `peers: [{my-asn: 1, peer-asn: 2, password: ${MARK}}]`],
  ["under a misspelt key", `peers: [{${PEER}, pasword: ${MARK}}]`],
  ["under a key in another case", `peers: [{${PEER}, Password: ${MARK}}]`],
  ["at the top level", `password: ${MARK}`],
  ["in a pool", `address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.0/24], password: ${MARK}}]`],
  ["as a list", `peers: [{${PEER}, password: [${MARK}]}]`],
  ["as a mapping", `peers: [{${PEER}, password: {value: ${MARK}}}]`],
  ["without the blank", `peers:\n- my-asn: 1\n  peer-asn: 2\n  peer-address: 10.0.0.1\n  password:${MARK}\n`],
  ["without the blank, alone in a peer", `peers:\n- password:${MARK}\n`],
  ["twice", `peers: [{${PEER}, password: a, password: ${MARK}}]`],
  ["with a tag that does not fit", `peers: [{${PEER}, password: !!int ${MARK}}]`],
  ["by way of an alias", `peers: [{${PEER}, password: &a ${MARK}, hold-time: *a}]`],
  ["by way of an alias elsewhere", `peers: [{${PEER}, password: &a ${MARK}}]\naddress-pools: [{name: *a}]`],
  ["in a merge", `peers: [{<<: {password: ${MARK}}, ${PEER}, bfd-profile: none}]`],
  ["in broken YAML", `peers: [{${PEER}, password: "${MARK}}]`],
  ["after a broken line", `peers:\n- password: ${MARK}\n my-asn: 1\n`],
  ["in two equal peers", `peers: [{${PEER}, password: ${MARK}}, {${PEER}, password: ${MARK}}]`],
  ["in a peer that has no place in resources", `peers: [{${PEER}, peer-port: 20000, password: ${MARK}}]`],
  ["in peers that are a mapping", `peers: {${PEER}, password: ${MARK}}`],
  ["in a peer that is a list", `peers: [[{${PEER}, password: ${MARK}}]]`],
  ["in a mapping where a number belongs", `peers: [{${PEER}, peer-port: {password: ${MARK}}}]`],
  [
    "in a mapping where a label belongs",
    `peers: [{${PEER}, node-selectors: [{match-labels: {a: {password: ${MARK}}}}]}]`,
  ],
  ["beside discovery", `peer-autodiscovery: {from-labels: [{my-asn: a}], password: ${MARK}}`],
];
/** Manifest of the ConfigMap around a document. */
export const configMap = (config: string): string => configMapText("config", "net", `${config}\n`);

const resource = (kind: string, spec: string, version = "v1beta2"): string =>
  `apiVersion: metallb.io/${version}\nkind: ${kind}\nmetadata: {name: a, namespace: net}\nspec: {${spec}}\n`;
const RESOURCE_PEER = "myASN: 1, peerASN: 2, peerAddress: 10.0.0.1";
const secret = (content: string): string =>
  `---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: net}\n${content}\n`;
const REFERRING = resource("BGPPeer", `${RESOURCE_PEER}, passwordSecret: {name: s}`);

/** Resources with a password in all the places where one may end up. */
export const RESOURCES: readonly (readonly [string, string])[] = [
  ["in a BGPPeer", resource("BGPPeer", `${RESOURCE_PEER}, password: ${MARK}`)],
  ["in an older BGPPeer", resource("BGPPeer", `${RESOURCE_PEER}, password: ${MARK}`, "v1beta1")],
  ["under a misspelt key", resource("BGPPeer", `${RESOURCE_PEER}, passwd: ${MARK}`)],
  ["as a list", resource("BGPPeer", `${RESOURCE_PEER}, password: [${MARK}]`)],
  ["beside a Secret", resource("BGPPeer", `${RESOURCE_PEER}, password: ${MARK}, passwordSecret: {name: s}`)],
  ["in a peer that no ConfigMap can say", resource("BGPPeer", `${RESOURCE_PEER}, vrf: red, password: ${MARK}`)],
  ["as the reference", resource("BGPPeer", `${RESOURCE_PEER}, passwordSecret: {password: ${MARK}}`)],
  ["beside spec", `${resource("BGPPeer", RESOURCE_PEER)}password: ${MARK}\n`],
  ["in an AddressPool", resource("AddressPool", `protocol: bgp, addresses: [x], password: ${MARK}`, "v1beta1")],
  ["in a Secret", REFERRING + secret(`type: kubernetes.io/basic-auth\nstringData: {password: ${MARK}}`)],
  ["in a Secret as base64", REFERRING + secret(`type: kubernetes.io/basic-auth\ndata: {password: ${BASE64}}`)],
  ["in a Secret of another type", REFERRING + secret(`type: Opaque\ndata: {password: ${BASE64}}`)],
  ["in a Secret under another key", REFERRING + secret(`type: kubernetes.io/basic-auth\ndata: {pass: ${BASE64}}`)],
  ["in a Secret that is not base64", REFERRING + secret(`type: kubernetes.io/basic-auth\ndata: {password: ${MARK}}`)],
  ["in two Secrets", REFERRING + secret(`stringData: {password: ${MARK}}`).repeat(2)],
];
