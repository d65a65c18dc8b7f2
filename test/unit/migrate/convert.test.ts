import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { revealingText } from "../../../src/config/canonical.js";
import { isObjectName } from "../../../src/config/label-selector.js";
import { loadConfig } from "../../../src/config/load.js";
import { readDocuments } from "../../../src/config/read-documents.js";
import type { Conversion, ConvertOptions } from "../../../src/migrate/convert.js";
import { differenceOf } from "../../../src/migrate/compare-models.js";
import { convert } from "../../../src/migrate/convert.js";
import type { ManifestObject } from "../../../src/migrate/manifest-text.js";
import { describeFault } from "../../../src/runtime/net/fault.js";

const converted = (text: string, options: Partial<ConvertOptions> = {}): Conversion => {
  const result = convert(text, { file: "config.yaml", output: "yaml", ...options });
  if (!result.ok) throw new Error(result.fault.map(describeFault).join("\n"));
  return result.value;
};
const refusals = (text: string): string[] => {
  const result = convert(text, { file: "config.yaml", output: "yaml" });
  return result.ok ? [] : result.fault.map(({ path, problem }) => `${path} ${problem}`);
};
const manifest = (config: string, namespace = "metallb-system"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, namespace: ${namespace}}\ndata:\n  config: |\n${config.replaceAll(/^/gm, "    ")}\n`;

type Resource = Readonly<{
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string };
  spec: Record<string, unknown>;
}>;
const resources = (text: string, options: Partial<ConvertOptions> = {}): Resource[] =>
  converted(text, options).documents as unknown as Resource[];
const names = (text: string): string[] => resources(text).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
const spec = (text: string, kind: string): Record<string, unknown> | undefined =>
  resources(text).find((resource) => resource.kind === kind)?.spec;

/** The models of a text before and after conversion, with the passwords in clear. */
const models = (text: string, namespace = "metallb-system"): [before: string, after: string] => {
  const load = (manifests: string): string => {
    const loaded = loadConfig(readDocuments(manifests, "f").documents, { namespace, configMapName: "config" });
    if (!loaded.ok) throw new Error(loaded.fault.map(describeFault).join("\n"));
    return revealingText(loaded.value.model);
  };
  return [load(text), load(converted(text).text)];
};

const everything = [
  "peers:",
  "- my-asn: 64512",
  "  peer-asn: 64513",
  "  peer-address: 10.0.0.1",
  "  peer-port: 1179",
  "  source-address: 10.0.0.9",
  "  hold-time: 9.9s",
  "  keepalive-time: 3s",
  "  router-id: 10.0.0.9",
  "  password: 0123",
  "  bfd-profile: fast",
  "  ebgp-multihop: yes",
  "  node-selectors:",
  "  - match-labels: {rack: '1', zone: yes}",
  "    match-expressions: [{key: a, operator: In, values: [c, b]}, {key: d, operator: Exists}]",
  "- {my-asn: 64512, peer-asn: 64512, peer-address: '2001:db8::1'}",
  "bgp-communities: {no-export: 65535:65281, '1:2': 64512:9, 'yes': 64512:10}",
  "bfd-profiles: [{name: fast, receive-interval: 100, echo-mode: on}]",
  "address-pools:",
  "- name: office",
  "  protocol: bgp",
  "  addresses: [10.1.0.0/24, 10.2.0.5 - 10.2.0.9]",
  "  auto-assign: off",
  "  avoid-buggy-ips: on",
  "  bgp-advertisements:",
  "  - {aggregation-length: 32, localpref: 100, communities: [no-export, 1:2, 64512:60, yes]}",
  "- {name: lan, protocol: layer2, addresses: [192.168.1.0/28]}",
].join("\n");

describe("convert()", () => {
  it("writes every kind, each before those that refer to it", () => {
    expect(names(manifest(everything))).toEqual([
      "BFDProfile fast",
      "Secret peer-10-0-0-1-port-1179-password",
      "BGPPeer peer-10-0-0-1-port-1179",
      "BGPPeer peer-2001-db8--1",
      "Community communities",
      "IPAddressPool lan",
      "IPAddressPool office",
      "BGPAdvertisement office",
      "L2Advertisement lan",
    ]);
  });

  it("says all that the document says, and the model is the same", () => {
    const [before, after] = models(manifest(everything));
    expect(after).toBe(before);
    expect(spec(manifest(everything), "BGPPeer")).toEqual({
      myASN: 64512,
      peerASN: 64513,
      peerAddress: "10.0.0.1",
      peerPort: 1179,
      sourceAddress: "10.0.0.9",
      holdTime: "9s",
      keepaliveTime: "3s",
      routerID: "10.0.0.9",
      nodeSelectors: [
        {
          matchLabels: { rack: "1", zone: "yes" },
          matchExpressions: [
            { key: "a", operator: "In", values: ["b", "c"] },
            { key: "d", operator: "Exists", values: undefined },
          ],
        },
      ],
      passwordSecret: { name: "peer-10-0-0-1-port-1179-password" },
      bfdProfile: "fast",
      ebgpMultiHop: true,
    });
    const office = resources(manifest(everything)).find(
      ({ kind, metadata }) => kind === "IPAddressPool" && metadata.name === "office",
    );
    expect(office?.spec).toEqual({
      addresses: ["10.1.0.0/24", "10.2.0.5-10.2.0.9"],
      autoAssign: false,
      avoidBuggyIPs: true,
    });
  });

  it("leaves out what is the default, but for the hold time", () => {
    const text = "peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1, peer-port: 179, node-selectors: [{}]}]";
    expect(converted(text).text).toBe(
      [
        "apiVersion: metallb.io/v1beta2",
        "kind: BGPPeer",
        "metadata:",
        "  name: peer-10-0-0-1",
        "  namespace: metallb-system",
        "spec:",
        "  myASN: 1",
        "  peerASN: 2",
        '  peerAddress: "10.0.0.1"',
        '  holdTime: "90s"',
        "",
      ].join("\n"),
    );
  });

  it("puts passwords into Secrets of the type that they have to be of, and nowhere else", () => {
    const { documents, text } = converted(manifest(everything));
    expect(documents[1]).toMatchObject({
      kind: "Secret",
      type: "kubernetes.io/basic-auth",
      stringData: { password: "0123" },
    });
    expect(text.match(/0123/g)).toHaveLength(1);
  });

  it("quotes communities, and writes out aliases that resources cannot have", () => {
    expect(spec(manifest(everything), "BGPAdvertisement")?.["communities"]).toEqual([
      "64512:60",
      "64512:9",
      "no-export",
      "yes",
    ]);
    expect(spec(manifest(everything), "Community")).toEqual({
      communities: [
        { name: "no-export", value: "65535:65281" },
        { name: "yes", value: "64512:10" },
      ],
    });
    expect(converted(manifest(everything)).text).toContain('  - "64512:60"\n  - "64512:9"\n  - no-export\n  - "yes"\n');
  });

  it("takes the namespace that it is told, that of the ConfigMap, or metallb-system", () => {
    const namespaces = (text: string, options: Partial<ConvertOptions> = {}) =>
      new Set(resources(text, options).map(({ metadata }) => metadata.namespace));
    expect(namespaces(manifest(everything, "metallb"))).toEqual(new Set(["metallb"]));
    expect(namespaces(manifest(everything, "metallb"), { namespace: "net" })).toEqual(new Set(["net"]));
    expect(namespaces(manifest(everything).replace(/, namespace: [a-z-]+/, ""))).toEqual(new Set(["metallb-system"]));
    expect(namespaces(everything)).toEqual(new Set(["metallb-system"]));
  });

  it.each([
    ["a manifest in YAML", manifest(everything)],
    ["the bare document", everything],
    [
      "a manifest in JSON",
      JSON.stringify({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "config" },
        data: { config: everything },
      }),
    ],
    [
      "a List",
      `apiVersion: v1\nkind: List\nitems:\n${manifest(everything)
        .replaceAll(/^(?=.)/gm, "  ")
        .replace(/^ {2}/, "- ")}`,
    ],
    [
      "a stream with other ConfigMaps",
      `${manifest(everything)}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {config: x}\n`,
    ],
  ])("reads %s", (_, text) => expect(converted(text).text).toBe(converted(manifest(everything)).text));

  it("writes JSON with the same resources", () => {
    const { text } = converted(everything, { output: "json" });
    expect(JSON.parse(text)).toMatchObject({
      kind: "List",
      items: JSON.parse(JSON.stringify(resources(everything))) as unknown[],
    });
  });

  it("gives the same octets again, and the same names in another order", () => {
    expect(converted(everything).text).toBe(converted(everything).text);
    const advertisements = (...list: string[]) =>
      `address-pools: [{name: a, protocol: bgp, addresses: [10.0.0.0/24], bgp-advertisements: [${list.join(", ")}]}]`;
    const [one, other] = ["{aggregation-length: 24}", "{aggregation-length: 25, communities: [1:1]}"];
    expect(names(advertisements(one, other)).toSorted()).toEqual(names(advertisements(other, one)).toSorted());
    expect(new Set(names(advertisements(one, other))).size).toBe(3);
  });

  it("renames what no resource can be called, tells it, and changes nothing else", () => {
    const text = manifest(
      [
        "bfd-profiles: [{name: Fast One}]",
        "peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1, bfd-profile: Fast One}]",
        "address-pools:",
        "- {name: Office LAN, protocol: layer2, addresses: [10.0.0.0/24]}",
        "- {name: office-lan, protocol: layer2, addresses: [10.0.1.0/24]}",
        "- {name: a.b, protocol: layer2, addresses: [10.0.2.0/24]}",
      ].join("\n"),
    );
    const { notices } = converted(text);
    const pools = resources(text).flatMap(({ kind, metadata }) => (kind === "IPAddressPool" ? [metadata.name] : []));
    expect(pools).toEqual(["a.b", "office-lan", expect.stringMatching(/^office-lan-[0-9a-f]{8}$/)]);
    expect(resources(text).every(({ metadata }) => isObjectName(metadata.name))).toBe(true);
    expect(notices.filter((notice) => notice.class === "renamed").map(({ path, value }) => [path, value])).toEqual([
      ["/bfd-profiles/0/name", "Fast One"],
      ["/address-pools/0/name", "Office LAN"],
    ]);
    expect(notices.find(({ value }) => value === "Office LAN")?.remedy).toContain(`to ${pools[2]}`);
    const [before, after] = models(text);
    expect(after).toContain("fast-one");
    expect(after.replaceAll("fast-one", "Fast One").replaceAll(pools[2] ?? "", "Office LAN")).toHaveLength(
      before.length,
    );
  });

  it("leaves out ranges that hold nothing, and tells it", () => {
    const text = manifest("address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.9-10.0.0.1, 10.0.0.0/30]}]");
    expect(spec(text, "IPAddressPool")).toEqual({ addresses: ["10.0.0.0/30"] });
    expect(converted(text).notices.map(({ class: noticeClass, path }) => [noticeClass, path])).toEqual([
      ["generation", "/address-pools/0/addresses/0"],
    ]);
  });

  it.each([
    ["no key", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n"],
    ["an empty key", manifest("")],
    ["empty lists", "peers: []\naddress-pools: []\n"],
  ])("converts %s to nothing", (_, text) => {
    expect(converted(text)).toMatchObject({ documents: [], text: "" });
    expect(JSON.parse(converted(text, { output: "json" }).text)).toMatchObject({ items: [] });
  });
});

describe("differenceOf() sees it if conversion should ever go wrong", () => {
  const { documents } = converted(manifest(everything));
  const loaded = loadConfig(readDocuments(manifest(everything), "f").documents, {
    namespace: "metallb-system",
    configMapName: "config",
  });
  if (!loaded.ok) throw new Error("the document is refused");
  const none = { pools: new Map<string, string>(), bfdProfiles: new Map<string, string>() };
  const after = (change: (kind: string, object: ManifestObject) => ManifestObject | undefined) =>
    differenceOf(
      loaded.value.model,
      documents.flatMap((object): ManifestObject[] => {
        const changed = change(String(object["kind"]), object);
        return changed === undefined ? [] : [changed];
      }),
      none,
      { namespace: "metallb-system" },
    );

  it("nothing", () => expect(after((_, object) => object)).toBeUndefined());

  it.each<[string, (kind: string, object: ManifestObject) => ManifestObject | undefined, RegExp]>([
    [
      "another password",
      (kind, object) => (kind === "Secret" ? { ...object, stringData: { password: "other" } } : object),
      /^becomes resources that do not mean the same$/,
    ],
    [
      "a missing pool",
      (kind, object) => (kind === "IPAddressPool" ? undefined : object),
      /^becomes resources that do not/,
    ],
    [
      "a missing Secret",
      (kind, object) => (kind === "Secret" ? undefined : object),
      /^becomes resources that are refused/,
    ],
    [
      "no object at all",
      (kind, object) => (kind === "Secret" ? { ...object, kind: "" } : object),
      /^becomes resources that are none/,
    ],
  ])("%s", (_, change, problem) => {
    expect(after(change)?.[0]).toMatch(problem);
    expect(after(change)?.join()).not.toContain("0123");
  });
});

describe("the examples", () => {
  it.each(["layer2-range.yaml", "bgp-one-peer.yaml", "lokomotive-two-workers.yaml"])(
    "%s gives the same model",
    async (file) => {
      const text = await readFile(new URL(`../../../examples/${file}`, import.meta.url), "utf8");
      const [before, after] = models(text);
      expect(after).toBe(before);
      expect(converted(text).notices).toEqual([]);
    },
  );

  it.each([
    [
      "crds-mixed-namespaces.yaml",
      " holds resources of metallb.io already, and no ConfigMap or AddressPool to convert",
    ],
    ["services.yaml", " holds no ConfigMap and no AddressPool"],
  ])("%s has nothing to convert", async (file, refusal) => {
    expect(refusals(await readFile(new URL(`../../../examples/${file}`, import.meta.url), "utf8"))).toEqual([refusal]);
  });

  it.each(["empty-pools", "everything", "minimal"])(
    "what lokoctl makes of %s is refused for its discovery of peers alone, and converts with the Nodes or with what keeps it",
    async (name) => {
      const values = await readFile(
        new URL(`../../../examples/lokoctl-values/${name}.values.yaml`, import.meta.url),
        "utf8",
      );
      expect(refusals(values)).toEqual([
        "/peer-autodiscovery tells how to find peers on Nodes, which no resource can say",
      ]);
      const classes = (options: Partial<ConvertOptions>): string[] =>
        converted(values, options).notices.map((notice) => notice.class);
      expect(classes({ keepAutodiscovery: true })).toEqual(["kept"]);
      const annotations = `{${["node-asn: '1'", "peer-asn: '2'", "peer-ip: 10.0.0.1", "src-ip: 10.0.0.2"].map((one) => `metal.equinix.com/${one}`).join()}}`;
      const text = `{apiVersion: v1, kind: Node, metadata: {name: w, labels: {kubernetes.io/hostname: w}, annotations: ${annotations}}}`;
      expect(classes({ nodes: { text, file: "nodes" } })).toEqual(["left out"]);
    },
  );
});
