import { expect, it } from "vitest";
import { readConfigDocument, withoutPasswordSecret } from "../../../src/runtime/config-document.js";

const METADATA = { namespace: "lb", name: "a", labels: { team: "net" } };
const KEPT_BY_THE_SERVER = { resourceVersion: "7", uid: "u", managedFields: [], annotations: { a: "b" } };

const bodyOf = (object: object): unknown => {
  const read = readConfigDocument(object);
  return read.ok ? read.value.body : read.fault;
};

it.each<[string, object, object]>([
  [
    "a pool without its counters",
    { apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool", spec: { addresses: [] }, status: { assignedIPv4: 5 } },
    { apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool", spec: { addresses: [] } },
  ],
  [
    "of a Secret its type and password",
    {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/basic-auth",
      data: { username: "eA==", password: "eQ==" },
    },
    { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/basic-auth", data: { password: "eQ==" } },
  ],
  [
    "a ConfigMap without its other keys",
    { apiVersion: "v1", kind: "ConfigMap", data: { config: "peers: []", dashboard: "{}" }, binaryData: { x: "eA==" } },
    { apiVersion: "v1", kind: "ConfigMap", data: { config: "peers: []" } },
  ],
  [
    "that there are extras, but not which",
    { apiVersion: "v1", kind: "ConfigMap", data: { extras: "neighbor x password y" } },
    { apiVersion: "v1", kind: "ConfigMap", data: { extras: "(not shown)" } },
  ],
  [
    "no extras where they are blank",
    { apiVersion: "v1", kind: "ConfigMap", data: { extras: " \n" } },
    { apiVersion: "v1", kind: "ConfigMap", data: {} },
  ],
  ["a ConfigMap without data", { apiVersion: "v1", kind: "ConfigMap" }, { apiVersion: "v1", kind: "ConfigMap" }],
])("readConfigDocument() keeps %s", (_, object, expected) => {
  const metadata = { ...METADATA, ...KEPT_BY_THE_SERVER };
  expect(bodyOf({ ...object, metadata })).toEqual({ ...expected, metadata: METADATA });
});

it("withoutPasswordSecret() takes from a peer what it has no permission to follow, and nothing from others", () => {
  const read = (kind: string, spec: object) => {
    const document = readConfigDocument({ apiVersion: "metallb.io/v1beta2", kind, metadata: METADATA, spec });
    if (!document.ok) throw new Error(document.fault.problem);
    return document.value;
  };
  const peer = read("BGPPeer", { myASN: 1, passwordSecret: { name: "s" } });
  expect(withoutPasswordSecret(peer)).toEqual(read("BGPPeer", { myASN: 1 }));
  const other = read("Community", { passwordSecret: { name: "s" } });
  expect(withoutPasswordSecret(other)).toBe(other);
});

it("readConfigDocument() refuses what is no object of the API", () => {
  expect(bodyOf({ kind: "ConfigMap", metadata: METADATA })).toMatchObject({ path: "/apiVersion" });
});
