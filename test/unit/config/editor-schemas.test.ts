import { readFileSync, readdirSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { Ajv } from "ajv";
import { loadAll } from "js-yaml";
import { describe, expect, it } from "vitest";
import { readDocuments } from "../../../src/config/read-documents.js";
import { load } from "./documents.js";

const FOLDER = "docs/schemas";
const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false });
for (const name of readdirSync(FOLDER)) {
  ajv.addSchema(JSON.parse(readFileSync(`${FOLDER}/${name}`, "utf8")) as object, name);
}
/** What an editor with this schema underlines. */
const marks = (schema: string, value: unknown): string[] => {
  ajv.validate(schema, value);
  return (ajv.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
};
const manifest = (apiVersion: string, kind: string, spec: object) => ({
  apiVersion,
  kind,
  metadata: { name: "a" },
  spec,
});

const EXAMPLES = (readdirSync("examples", { recursive: true }) as string[])
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => ({ name, text: readFileSync(`examples/${name}`, "utf8") }));
const LINE = /^# yaml-language-server: \$schema=(.*)$/m;

describe("examples", () => {
  it.each(EXAMPLES)("$name names the schema that fits it, if one does", ({ name, text }) => {
    const isConfiguration = /^(?:apiVersion: metallb\.io\/|address-pools:)/m.test(text);
    const [, schema] = LINE.exec(text) ?? [];
    expect(schema !== undefined).toBe(isConfiguration);
    if (schema === undefined) return;
    const file = relative(FOLDER, resolve("examples", dirname(name), schema));
    expect(readdirSync(FOLDER)).toContain(file);
    expect(text.indexOf("# yaml-language-server")).toBe(0);
    expect(loadAll(text).flatMap((document) => marks(file, document))).toEqual([]);
  });

  it.each(EXAMPLES)("$name has nothing in it that manifests.json marks", ({ text }) => {
    if (!/^apiVersion:/m.test(text)) return;
    expect(loadAll(text).flatMap((object) => marks("manifests.json", object))).toEqual([]);
  });
});

describe("manifests.json", () => {
  it.each<[string, object, string[]]>([
    [
      "a key that nobody knows",
      manifest("metallb.io/v1beta1", "IPAddressPool", { addresses: ["10.0.0.0/24"], autoasign: true }),
      ["/spec additionalProperties"],
    ],
    ["a key that is missing", manifest("metallb.io/v1beta1", "IPAddressPool", {}), ["/spec required"]],
    [
      "a number out of range",
      manifest("metallb.io/v1beta2", "BGPPeer", { myASN: 0, peerASN: 1, peerAddress: "10.0.0.1" }),
      ["/spec/myASN minimum"],
    ],
    [
      "what the older version requires",
      manifest("metallb.io/v1beta1", "BGPPeer", { myASN: 1, peerASN: 1 }),
      ["/spec required"],
    ],
    [
      "an operator",
      manifest("metallb.io/v1beta1", "L2Advertisement", {
        nodeSelectors: [{ matchExpressions: [{ key: "a", operator: "Gt" }] }],
      }),
      ["/spec/nodeSelectors/0/matchExpressions/0/operator enum"],
    ],
  ])("marks %s", (_, object, expected) => {
    const found = marks("manifests.json", object).filter((mark) => mark !== " if");
    expect(found).toEqual(expected);
  });
});

describe("configmap-config.json", () => {
  it.each(["layer2-range", "bgp-one-peer", "lokomotive-two-workers", "lokomotive/metallb"])(
    "has nothing to say to examples/%s.yaml",
    (name) => {
      const { documents } = readDocuments(readFileSync(`examples/${name}.yaml`, "utf8"), name);
      const config = String((documents[0]?.body["data"] as Readonly<Record<string, unknown>> | undefined)?.["config"]);
      expect(loadAll(config).flatMap((document) => marks("configmap-config.json", document))).toEqual([]);
    },
  );

  it.each<[string, object, string]>([
    ["a misspelt key", { "address-pool": [] }, " additionalProperties"],
    ["a protocol", { "address-pools": [{ name: "a", protocol: "arp", addresses: ["10.0.0.0/24"] }] }, "/protocol enum"],
    ["what is missing", { peers: [{ "my-asn": 1, "peer-asn": 2 }] }, "/peers/0 required"],
  ])("marks %s", (_, document, mark) => {
    expect(marks("configmap-config.json", document)).toEqual([expect.stringContaining(mark)]);
  });

  it.each([
    ["a mapping", { "peer-asn": "example.com/asn" }],
    ["a list of them", [{ "peer-asn": "example.com/asn" }]],
  ])("takes %s for the annotations of peers", (_, mapping) => {
    expect(marks("configmap-config.json", { "peer-autodiscovery": { "from-annotations": mapping } })).toEqual([]);
  });
});

it("examples/bgp-requests.yaml is a configuration without a remark", () => {
  const { documents, faults } = readDocuments(readFileSync("examples/bgp-requests.yaml", "utf8"), "bgp-requests.yaml");
  expect(faults).toEqual([]);
  const { model, notices } = load(documents.filter(({ apiVersion }) => apiVersion.startsWith("metallb.io/")));
  expect(notices).toEqual([]);
  expect(model.pools[0]?.bgp).toMatchObject([
    { peers: ["spare"], asPathPrepend: 3 },
    { peers: ["rack"], localPref: 100, serviceRequests: { localPref: { min: 50, max: 150 } } },
  ]);
});

it("examples/resources.yaml is a configuration without a remark", () => {
  const { documents, faults } = readDocuments(readFileSync("examples/resources.yaml", "utf8"), "resources.yaml");
  expect(faults).toEqual([]);
  const { model, notices } = load(documents);
  expect(notices).toEqual([]);
  expect(model).toMatchObject({
    pools: [
      { name: "home", layer2: [{ interfaces: ["eth0"] }], bgp: [] },
      { name: "public", layer2: [], bgp: [{ communities: ["64512:100", "65535:65281", "large:64512:1:100"] }] },
    ],
    peers: [{ name: "rack-1", bfdProfile: "fast" }],
  });
});
