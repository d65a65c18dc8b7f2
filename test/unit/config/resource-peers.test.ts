import { describe, expect, it } from "vitest";
import type { KubernetesDocument } from "../../../src/config/documents.js";
import { faultsOf, load, secret } from "./documents.js";
import { basicAuth, bfd, bgp, olderPeer, opaque, peer, pool } from "./resource-documents.js";

const inOrder = (...values: string[]) => ({ key: "a", operator: "In", values });

/** Each rule for peers, with documents that keep it and documents that break it. */
const rules: readonly [rule: string, good: KubernetesDocument[], bad: KubernetesDocument[], fault: string][] = [
  ["myASN is given", [peer()], [peer({ myASN: undefined })], "/spec/myASN is needed here"],
  ["myASN is not 0", [peer()], [peer({ myASN: 0 })], "/spec/myASN is not 1 to 4294967295"],
  [
    "one of peerASN and dynamicASN",
    [peer({ peerASN: 0, dynamicASN: "external" })],
    [peer({ peerASN: 0 })],
    "/spec/peerASN is missing, and so is dynamicASN",
  ],
  [
    "not both of them",
    [peer({ dynamicASN: "" })],
    [peer({ dynamicASN: "internal" })],
    "/spec/peerASN is given beside dynamicASN",
  ],
  [
    "one of peerAddress and interface",
    [peer({ peerAddress: "", interface: "eth0" })],
    [peer({ peerAddress: "" })],
    "/spec/peerAddress is missing, and so is interface",
  ],
  ["not both of those", [peer()], [peer({ interface: "eth0" })], "/spec/peerAddress is given beside interface"],
  [
    "peerAddress is an address",
    [peer({ peerAddress: "2001:db8::1" })],
    [peer({ peerAddress: "a.example" })],
    "/spec/peerAddress is no address",
  ],
  [
    "sourceAddress is an address",
    [peer({ sourceAddress: "10.0.0.2" })],
    [peer({ sourceAddress: "10.0.0.2/24" })],
    "/spec/sourceAddress is no address",
  ],
  [
    "dynamicASN is a known word",
    [peer({ peerASN: undefined, dynamicASN: "internal" })],
    [peer({ dynamicASN: "any" })],
    "/spec/dynamicASN is none of the words that are known here",
  ],
  [
    "localASN is not 0",
    [peer({ localASN: 4_294_967_295 })],
    [peer({ localASN: 0 })],
    "/spec/localASN is not 1 to 4294967295",
  ],
  [
    "peerASN is 32 bits",
    [peer({ peerASN: 4_294_967_295 })],
    [peer({ peerASN: 4_294_967_296 })],
    "/spec/peerASN is not 0 to 4294967295",
  ],
  [
    "v1beta1: peerAddress is given",
    [olderPeer()],
    [olderPeer({ peerAddress: undefined })],
    "/spec/peerAddress is needed here",
  ],
  ["v1beta1: peerASN is given", [olderPeer()], [olderPeer({ peerASN: undefined })], "/spec/peerASN is needed here"],
  [
    "v1beta1: peerASN is not 0",
    [olderPeer({ peerPort: 0 })],
    [olderPeer({ peerASN: 0 })],
    "/spec/peerASN is missing, and so is dynamicASN",
  ],
  [
    "v1beta1: selectors are those of labels",
    [olderPeer({ nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "In", values: ["b"] }] }] })],
    [olderPeer({ nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] }] })],
    "/spec/nodeSelectors/0/matchExpressions/0/values is given, which Exists cannot have",
  ],
  [
    "routerID is an address",
    [peer({ routerID: "10.0.0.2" })],
    [peer({ routerID: "2" })],
    "/spec/routerID is no address",
  ],
  [
    "peerPort is at most 16384",
    [peer({ peerPort: 16384 })],
    [peer({ peerPort: 16385 })],
    "/spec/peerPort is not 0 to 16384",
  ],
  [
    "holdTime is 0 or 3 s and more",
    [peer({ holdTime: "0s" })],
    [peer({ holdTime: "2s" })],
    "/spec/holdTime makes a hold time that is neither 0 nor at least 3 seconds",
  ],
  ["holdTime has a unit", [peer({ holdTime: "3s" })], [peer({ holdTime: "90" })], "/spec/holdTime has no unit"],
  [
    "a keepalive makes the hold time",
    [peer({ keepaliveTime: "1s" })],
    [peer({ keepaliveTime: "500ms" })],
    "/spec/keepaliveTime makes a hold time that is neither 0 nor at least 3 seconds",
  ],
  [
    "keepaliveTime is within the hold time",
    [peer({ holdTime: "9s", keepaliveTime: "9s" })],
    [peer({ holdTime: "9s", keepaliveTime: "9.5s" })],
    "/spec/keepaliveTime is longer than the hold time of 9 s",
  ],
  [
    "connectTime is whole seconds",
    [peer({ connectTime: "65535s" })],
    [peer({ connectTime: "1.5s" })],
    "/spec/connectTime is no whole number of seconds from 1 to 65535",
  ],
  [
    "connectTime is 1 s and more",
    [peer({ connectTime: "1s" })],
    [peer({ connectTime: "0s" })],
    "/spec/connectTime is no whole number of seconds from 1 to 65535",
  ],
  [
    "ebgpMultiHop is for other ASes",
    [peer({ ebgpMultiHop: true })],
    [peer({ ebgpMultiHop: true, peerASN: 64512 })],
    "/spec/ebgpMultiHop is for peers of another AS, and this one is of the same",
  ],
  [
    "values are written once",
    [peer({ nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "In", values: ["b", "c"] }] }] })],
    [peer({ nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "In", values: ["b", "b"] }] }] })],
    "/spec/nodeSelectors/0/matchExpressions/0/values has the same value twice",
  ],
  [
    "expressions are written once",
    [peer({ nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "Exists" }] }] })],
    [
      peer({
        nodeSelectors: [
          {
            matchExpressions: [
              { key: "a", operator: "Exists" },
              { key: "a", operator: "Exists", values: [] },
            ],
          },
        ],
      }),
    ],
    "/spec/nodeSelectors/0/matchExpressions has the same expression twice",
  ],
  [
    "expressions are written once, in whatever order",
    [peer({ nodeSelectors: [{ matchExpressions: [inOrder("b", "c"), inOrder("c", "d")] }] })],
    [peer({ nodeSelectors: [{ matchExpressions: [inOrder("b", "c"), inOrder("c", "b")] }] })],
    "/spec/nodeSelectors/0/matchExpressions has the same expression twice",
  ],
  [
    "node selectors are written once",
    [peer({ nodeSelectors: [{ matchLabels: { a: "b" } }, { matchLabels: { a: "c" } }] })],
    [peer({ nodeSelectors: [{ matchLabels: { a: "b" } }, { matchLabels: { a: "b" } }] })],
    "/spec/nodeSelectors/1 is the same selector as one above",
  ],
  [
    "BFD echo is not for pools of IPv6",
    [
      bfd({ echoMode: true }),
      peer({ bfdProfile: "fast" }),
      pool({ addresses: ["2001:db8::/64"] }),
      bgp({ peers: ["q"] }),
    ],
    [bfd({ echoMode: true }), peer({ bfdProfile: "fast" }), pool({ addresses: ["2001:db8::/64"] }), bgp()],
    "/spec/bfdProfile has echo mode, which cannot be with the IPv6 addresses of IPAddressPool metallb-system/a",
  ],
  [
    "BFD echo is for pools of IPv4",
    [bfd({ echoMode: true }), peer({ bfdProfile: "fast" }), pool(), bgp()],
    [
      bfd({ echoMode: true }),
      peer({ bfdProfile: "fast" }),
      pool({ addresses: ["10.0.0.0/24", "2001:db8::/64"] }),
      bgp({ peers: ["p"] }),
    ],
    "/spec/bfdProfile has echo mode, which cannot be with the IPv6 addresses of IPAddressPool metallb-system/a",
  ],
  [
    "a BFD profile exists",
    [peer({ bfdProfile: "fast" }), bfd()],
    [peer({ bfdProfile: "fast" })],
    "/spec/bfdProfile is not the name of a BFDProfile",
  ],
  [
    "a Secret exists",
    [peer({ passwordSecret: { name: "s" } }), secret("s", "x")],
    [peer({ passwordSecret: { name: "s" } })],
    "/spec/passwordSecret/name is not the name of a Secret in this namespace",
  ],
  [
    "a Secret is of the type",
    [peer({ passwordSecret: { name: "" } }), opaque],
    [peer({ passwordSecret: { name: "s" } }), opaque],
    "/spec/passwordSecret/name names a Secret that is not of type kubernetes.io/basic-auth",
  ],
  [
    "a Secret has a password",
    [peer({ passwordSecret: { name: "s" } }), basicAuth({ stringData: { password: "x" } })],
    [peer({ passwordSecret: { name: "s" } }), basicAuth({ data: { username: "eA==" } })],
    "/spec/passwordSecret/name names a Secret without the key password",
  ],
  [
    "its data are base64",
    [peer({ passwordSecret: { name: "s" } }), basicAuth({ data: { password: "eA==\n" } })],
    [peer({ passwordSecret: { name: "s" } }), basicAuth({ data: { password: "x" } })],
    "/spec/passwordSecret/name names a Secret whose password is not base64",
  ],
  [
    "its password is a text",
    [peer({ passwordSecret: { name: "s" } }), basicAuth({ data: { password: "w7w=" } })],
    [peer({ passwordSecret: { name: "s" } }), basicAuth({ data: { password: "/w==" } })],
    "/spec/passwordSecret/name names a Secret whose password is not UTF-8",
  ],
  [
    "one of password and passwordSecret",
    [peer({ password: "x", passwordSecret: {} }), secret("s", "x")],
    [peer({ password: "x", passwordSecret: { name: "s" } }), secret("s", "x")],
    "/spec/passwordSecret/name is given beside a password",
  ],
];

describe.each(rules)("%s", (_, good, bad, fault) => {
  it("is kept", () => expect(faultsOf(good)).toEqual([]));
  it("is broken", () => expect(faultsOf(bad)).toEqual([fault]));
});

it.each<[string, object, string | undefined]>([
  ["data", { data: { password: "eA==" } }, "x"],
  ["stringData, which wins", { data: { password: "eA==" }, stringData: { password: "y" } }, "y"],
  ["an empty text, which is none", { stringData: { password: "" } }, undefined],
  ["a text of more than letters", { data: { password: "w7wg4oKsCg==" } }, "ü €\n"],
])("takes the password of a Secret out of %s", (_, data, expected) => {
  const { model } = load([peer({ passwordSecret: { name: "s" } }), basicAuth(data)]);
  expect(model.peers[0]?.password?.reveal()).toBe(expected);
});
