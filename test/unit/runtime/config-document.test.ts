import { expect, it } from "vitest";
import { readConfigDocument } from "../../../src/runtime/config-document.js";

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
    "a peer without its Secret",
    { apiVersion: "metallb.io/v1beta2", kind: "BGPPeer", spec: { myASN: 1, passwordSecret: { name: "s" } } },
    { apiVersion: "metallb.io/v1beta2", kind: "BGPPeer", spec: { myASN: 1 } },
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

it("readConfigDocument() refuses what is no object of the API", () => {
  expect(bodyOf({ kind: "ConfigMap", metadata: METADATA })).toMatchObject({ path: "/apiVersion" });
});
