import { describe, expect, it } from "vitest";
import type { KubernetesDocument } from "../../../src/config/documents.js";
import { loadConfig } from "../../../src/config/load.js";
import { describeFault, describeRemark } from "../../../src/runtime/net/fault.js";
import { document, faultsOf, load, manifests, NAMESPACE, noticesOf, OPTIONS } from "./documents.js";

const withData = (data: unknown): readonly KubernetesDocument[] => [
  document({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "config", namespace: NAMESPACE }, data }),
];
const HEAD = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, namespace: ${NAMESPACE}}\n`;

describe("a ConfigMap without a document", () => {
  it.each([
    ["no data at all", undefined, ""],
    ["null", null, ""],
    ["no keys", {}, ""],
    ["other keys", { "config.yaml": "peers: []", b: "" }, ' (found "config.yaml", "b")'],
    ["null under config", { config: null, a: "" }, ' (found "config", "a")'],
  ])("is valid and empty, and that is told: %s", (_, data, found) => {
    const documents = withData(data);
    expect(load(documents).model).toEqual({ pools: [], peers: [], bfdProfiles: [] });
    expect(noticesOf(documents)).toEqual([
      `ignored /data/config is where the document is looked for, and without it there are no pools and no peers${found}`,
    ]);
  });

  it("is not one whose document is empty", () => expect(noticesOf(withData({ config: "" }))).toEqual([]));

  it.each([
    ["a mapping", { config: { peers: [] } }, "/data/config is not a text"],
    ["a text for data", "peers: []", "/data is not a text"],
  ])("is refused where there is %s in its place", (_, data, fault) => {
    expect(faultsOf(withData(data))).toEqual([fault]);
  });
});

it("keys that are beside config for lack of indentation are told one by one, with where they are", () => {
  const documents = manifests(`${HEAD}data:\n  config: |\n  peers: []\n  address-pools: []\n`);
  expect(load(documents).notices.map(describeRemark)).toEqual([
    "test.yaml:6:10: ConfigMap metallb-system/config: /data/peers is a key beside config and is not read as a part of it: write config: | and the document below it, indented",
    "test.yaml:7:18: ConfigMap metallb-system/config: /data/address-pools is a key beside config and is not read as a part of it: write config: | and the document below it, indented",
  ]);
});

it("the value of an unknown key is left out of the message", () => {
  const result = loadConfig(withData({ config: "peers: [{passwd: s3cr3t}]" }), OPTIONS);
  const messages = result.ok ? [] : result.fault.map(describeFault);
  expect(messages.find((message) => message.includes("passwd"))).toMatch(
    /: \/peers\/0\/passwd is a key that is not known here: /,
  );
  expect(messages.join("\n")).not.toContain("s3cr3t");
});
