import { describe, expect, it } from "vitest";
import type { KubernetesDocument } from "../../../src/config/documents.js";
import { faultsOf, secret } from "./documents.js";
import { basicAuth, bfd, opaque, peer } from "./resource-documents.js";

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
