import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.js";
import { readDocuments } from "../../../src/config/read-documents.js";
import type { Conversion, ConvertOptions } from "../../../src/migrate/convert.js";
import { convert } from "../../../src/migrate/convert.js";
import { configMapText } from "../../../src/migrate/manifest-text.js";
import { describeFault } from "../../../src/runtime/net/fault.js";

const stream = (...documents: readonly string[]): string => documents.join("---\n");
const configMap = (config: string, namespace = "net"): string => configMapText("config", namespace, `${config}\n`);
const object = (kind: string, name: string, rest: string, namespace = "net"): string => {
  const version =
    kind === "Secret" || kind === "Service" ? "v1" : kind === "BGPPeer" ? "metallb.io/v1beta2" : "metallb.io/v1beta1";
  return `apiVersion: ${version}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\n${rest}\n`;
};
const addressPool = (name: string, spec: string, namespace?: string): string =>
  object("AddressPool", name, `spec: {${spec}}`, namespace);

const convertOf = (text: string, options: Partial<ConvertOptions> = {}) =>
  convert(text, { file: "f", output: "yaml", ...options });
const converted = (text: string, options: Partial<ConvertOptions> = {}): Conversion => {
  const result = convertOf(text, options);
  if (!result.ok) throw new Error(result.fault.map(describeFault).join("\n"));
  return result.value;
};
const refusals = (text: string, options: Partial<ConvertOptions> = {}): string[] => {
  const result = convertOf(text, options);
  return result.ok ? [] : result.fault.map((fault) => `${fault.object} ${fault.path} ${fault.problem}`);
};
const names = ({ documents }: Conversion): string[] =>
  documents.map(({ kind, metadata }) => `${String(kind)} ${(metadata as { name: string }).name}`);
const specOf = ({ documents }: Conversion, wanted: string): unknown =>
  JSON.parse(JSON.stringify(documents.find(({ kind }) => kind === wanted)?.["spec"]));

const LAYER2 = "protocol: layer2, addresses: [10.0.0.0/24]";

describe("convert() of AddressPools", () => {
  it("makes a pool and its advertisements of each", () => {
    const text = stream(
      addressPool(
        "b",
        "protocol: bgp, addresses: [10.1.0.7/24], autoAssign: false, bgpAdvertisements: [{aggregationLength: 24, localPref: 5, communities: ['1:2', 'large:1:2:3']}, {aggregationLength: 32, aggregationLengthV6: 128}]",
      ),
      addressPool("a", LAYER2),
      addressPool("c", "protocol: bgp, addresses: [10.2.0.0/24]"),
    );
    const conversion = converted(text);
    expect(names(conversion)).toEqual([
      "IPAddressPool a",
      "IPAddressPool b",
      "IPAddressPool c",
      expect.stringMatching(/^BGPAdvertisement b-[0-9a-f]{8}$/),
      expect.stringMatching(/^BGPAdvertisement b-[0-9a-f]{8}$/),
      "BGPAdvertisement c",
      "L2Advertisement a",
    ]);
    expect(conversion.documents[1]?.["spec"]).toEqual({ addresses: ["10.1.0.0/24"], autoAssign: false });
    expect(conversion.text).toContain("aggregationLength: 24\n  localPref: 5\n");
    expect(conversion.text).toContain('communities:\n  - "1:2"\n  - "large:1:2:3"\n');
    expect(conversion.notices).toEqual([]);
  });

  it("takes the two versions of one object, as an export has them, for one", () => {
    const pool = addressPool("a", LAYER2);
    const text = stream(pool, pool.replace("v1beta1", "v1alpha1"));
    expect(names(converted(text))).toEqual(["IPAddressPool a", "L2Advertisement a"]);
    expect(refusals(stream(pool, addressPool("a", "protocol: bgp, addresses: [10.9.0.0/24]")))).toEqual([
      "AddressPool net/a /metadata/name is the name of another AddressPool too",
    ]);
  });

  it("reads aliases from the Community objects beside them", () => {
    const text = stream(
      addressPool("a", "protocol: bgp, addresses: [10.0.0.0/24], bgpAdvertisements: [{communities: [mine]}]"),
      object("Community", "c", "spec: {communities: [{name: mine, value: '64512:1'}]}"),
    );
    expect(specOf(converted(text), "BGPAdvertisement")).toEqual({ communities: ["64512:1"], ipAddressPools: ["a"] });
  });

  it.each([
    [
      "a misspelt protocol",
      "protocol: l2, addresses: [10.0.0.0/24]",
      "/spec/protocol is none of the words that are known here",
    ],
    ["no addresses", "protocol: bgp", "/spec/addresses is needed here"],
    [
      "a range that is reversed",
      "protocol: bgp, addresses: [10.0.0.9-10.0.0.1]",
      "/spec/addresses/0 ends before it begins",
    ],
    [
      "advertisements by layer 2",
      `${LAYER2}, bgpAdvertisements: [{}]`,
      "/spec/bgpAdvertisements is for pools of protocol bgp",
    ],
    [
      "an alias that nobody defines",
      "protocol: bgp, addresses: [10.0.0.0/24], bgpAdvertisements: [{communities: [x]}]",
      "/spec/bgpAdvertisements/0/communities/0 is neither a community nor an alias of one",
    ],
    [
      "an aggregate that is too large",
      "protocol: bgp, addresses: [10.0.0.0/24], bgpAdvertisements: [{aggregationLength: 23}]",
      "/spec/bgpAdvertisements/0/aggregationLength is shorter than /24 of 10.0.0.0/24",
    ],
  ])("refuses %s", (_, spec, refusal) =>
    expect(refusals(addressPool("a", spec))).toEqual([`AddressPool net/a ${refusal}`]),
  );

  it("refuses addresses that two of them have", () => {
    expect(
      refusals(stream(addressPool("a", LAYER2), addressPool("b", "protocol: bgp, addresses: [10.0.0.128/25]"))),
    ).toEqual(["AddressPool net/b /spec/addresses/0 has addresses in common with pool a"]);
  });

  it("refuses several namespaces, unless it is told one", () => {
    const text = stream(addressPool("a", LAYER2), addressPool("b", "protocol: bgp, addresses: [10.1.0.0/24]", "other"));
    expect(refusals(text)).toEqual(["input  is of several namespaces (net, other)"]);
    expect(names(converted(text, { namespace: "one" }))).toHaveLength(4);
  });
});

describe("convert() of a mix", () => {
  it("lets an AddressPool win over the ConfigMap's pool of its name or addresses, and tells it", () => {
    const text = stream(
      configMap(
        "address-pools: [{name: a, protocol: bgp, addresses: [10.7.0.0/24]}, {name: x, protocol: bgp, addresses: [10.0.0.0/24]}, {name: y, protocol: layer2, addresses: [10.2.0.0/24]}]",
      ),
      addressPool("a", LAYER2),
    );
    const conversion = converted(text);
    expect(names(conversion)).toEqual(["IPAddressPool a", "IPAddressPool y", "L2Advertisement a", "L2Advertisement y"]);
    expect(conversion.notices.map((notice) => [notice.class, notice.path, notice.value])).toEqual([
      ["shadowed", "/address-pools/0", "pool a"],
      ["shadowed", "/address-pools/1", "pool x"],
    ]);
    const half = stream(
      configMap("address-pools: [{name: h, protocol: bgp, addresses: [10.0.0.0/25]}]"),
      addressPool("a", LAYER2),
    );
    expect(refusals(half)).toEqual(["AddressPool net/a /spec/addresses/0 has addresses in common with pool h"]);
  });

  it("converts what resources beside it do not say already, and fits to them", () => {
    const text = stream(
      configMap(
        "bgp-communities: {mine: 64512:1, other: 64512:2}\npeers: [{my-asn: 1, peer-asn: 2, peer-address: 10.9.0.1}, {my-asn: 1, peer-asn: 2, peer-address: 10.9.0.2, password: p}]\naddress-pools: [{name: there, protocol: bgp, addresses: [10.0.0.0/24]}, {name: new, protocol: bgp, addresses: [10.1.0.0/24], bgp-advertisements: [{communities: [mine, other]}]}]",
      ),
      object("IPAddressPool", "there", "spec: {addresses: [10.0.0.0/24]}"),
      object("BGPAdvertisement", "new", "spec: {ipAddressPools: [there]}"),
      object("BGPPeer", "first", "spec: {myASN: 1, peerASN: 2, peerAddress: 10.9.0.1}"),
      object("Community", "communities", "spec: {communities: [{name: mine, value: '64512:1'}]}"),
      object("Secret", "peer-10-9-0-2-password", "type: Opaque"),
    );
    const conversion = converted(text);
    expect(names(conversion)).toEqual([
      "Secret peer-10-9-0-2-password-2",
      "BGPPeer peer-10-9-0-2",
      "Community communities-2",
      "IPAddressPool new",
      "BGPAdvertisement new-2",
    ]);
    expect(specOf(conversion, "Community")).toEqual({ communities: [{ name: "other", value: "64512:2" }] });
    expect(conversion.notices.map((notice) => notice.class)).toEqual(["left out", "shadowed", "shadowed"]);
    // Applied to what is there, it gives what ConfigMap and resources gave together.
    const load = (manifests: string, configMapName: string) => {
      const loaded = loadConfig(readDocuments(manifests, "f").documents, { namespace: "net", configMapName });
      return (
        loaded.ok &&
        JSON.stringify(loaded.value.model, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part))
      );
    };
    expect(load(stream(text, conversion.text), "none")).toBe(load(text, "config"));
  });

  it("refuses where an advertisement beside it would take the new pools in", () => {
    const text = stream(
      configMap("address-pools: [{name: new, protocol: bgp, addresses: [10.1.0.0/24]}]"),
      object("L2Advertisement", "all", ""),
    );
    const result = convertOf(text);
    expect(result.ok ? "" : result.fault.map(describeFault).join("\n")).toContain(
      "names no pools: it takes in the new ones",
    );
  });

  it("takes peers beside it whose Secrets were not exported", () => {
    const text = stream(
      configMap("address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.0/24]}]"),
      object("BGPPeer", "p", "spec: {myASN: 1, peerASN: 2, peerAddress: 10.9.0.1, passwordSecret: {name: s}}"),
    );
    expect(names(converted(text))).toEqual(["IPAddressPool a", "L2Advertisement a"]);
  });

  it("writes the advertisements that a pool beside it does not have yet", () => {
    const pools =
      `address-pools: [{name: a, ${LAYER2}}, {name: b, protocol: bgp, addresses: [10.0.1.0/24], ` +
      `bgp-advertisements: [{communities: ["1:1"]}, {aggregation-length: 24}]}]`;
    const text = stream(
      configMap(pools),
      object("IPAddressPool", "a", "spec: {addresses: [10.0.0.0/24]}"),
      object("IPAddressPool", "b", "spec: {addresses: [10.0.1.0/24]}"),
      object("BGPAdvertisement", "fine", 'spec: {ipAddressPools: [b], communities: ["1:1"]}'),
    );
    const conversion = converted(text);
    expect(names(conversion)).toEqual([expect.stringMatching(/^BGPAdvertisement b/), "L2Advertisement a"]);
    expect(specOf(conversion, "BGPAdvertisement")).toEqual({ ipAddressPools: ["b"], aggregationLength: 24 });
  });

  it("leaves the nodes of a peer beside it to that peer", () => {
    const peers = "peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1}]";
    const beside = "myASN: 1, peerASN: 2, peerAddress: 10.0.0.1, nodeSelectors: [{matchLabels: {rack: a}}]";
    const text = stream(configMap(peers), object("BGPPeer", "canary", `spec: {${beside}}`));
    const conversion = converted(text);
    expect(names(conversion)).toEqual(["BGPPeer peer-10-0-0-1"]);
    expect(specOf(conversion, "BGPPeer")).toMatchObject({
      nodeSelectors: [{ matchExpressions: [{ key: "rack", operator: "NotIn", values: ["a"] }] }],
    });
  });

  it("names the Services that refer to a pool by its old name", () => {
    const service = (name: string, pool: string) =>
      `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: web, annotations: {metallb.universe.tf/address-pool: ${pool}}}\n`;
    const text = stream(
      configMap("address-pools: [{name: Big, protocol: layer2, addresses: [10.0.0.0/24]}]"),
      service("a", "Big"),
      service("b", "big"),
    );
    const { notices } = converted(text);
    expect(notices.map(({ remedy }) => remedy)).toEqual([
      "change the annotation metallb.universe.tf/address-pool of Services that name it to big (in the input: Service web/a)",
    ]);
  });
});

describe("convert() of a dump with several ConfigMaps", () => {
  const text = (args: string, namespace = "net"): string =>
    stream(
      configMap(`address-pools: [{name: a, ${LAYER2}}]`),
      configMapText("metallb", "net", `address-pools: [{name: b, ${LAYER2}}]\n`),
      `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: speaker, namespace: ${namespace}}\nspec: ` +
        `{template: {spec: {containers: [{image: "quay.io/metallb/speaker:v0.12.1", args: [${args}]}]}}}\n`,
    );

  it("converts the one that a speaker in it is started with, and tells of the other", () => {
    const conversion = converted(text("--port=7472, --config=metallb"));
    expect(names(conversion)).toEqual(["IPAddressPool b", "L2Advertisement b"]);
    expect(conversion.notices.map(({ problem }) => problem)).toContain(
      "holds ConfigMap net/config, which is not what a controller or speaker in it is started with",
    );
  });

  it.each([
    { name: "a speaker does not say", args: "--port=7472", namespace: "net" },
    { name: "a speaker says another", args: "--config=x", namespace: "net" },
    { name: "the speaker is elsewhere", args: "--config=metallb", namespace: "other" },
  ])("refuses where $name", ({ args, namespace }) => {
    expect(refusals(text(args, namespace))).toEqual([
      "input  holds several ConfigMaps (ConfigMap net/config, ConfigMap net/metallb)",
    ]);
  });
});

describe("convert() with options", () => {
  it("refuses what a release refused, where it stands in for that release", () => {
    const text = configMap("address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.5-10.0.0.5]}]");
    expect(converted(text, { generation: "v0.12" }).notices).toEqual([]);
    expect(refusals(text, { generation: "v0.11" })).toEqual([
      expect.stringContaining("/address-pools/0/addresses/0 is a range of one address, which v0.11 refuses"),
    ]);
  });

  it("shows what would become of what as a table", () => {
    const text = configMap("peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1, password: secret}]");
    expect(converted(text, { output: "table" }).text).toBe(
      [
        "KIND     NAMESPACE  NAME                    FROM",
        "Secret   net        peer-10-0-0-1-password  ConfigMap net/config /peers/0",
        "BGPPeer  net        peer-10-0-0-1           ConfigMap net/config /peers/0",
        "",
      ].join("\n"),
    );
  });

  it("refuses BFD echo beside IPv6 pools, as resources do", () => {
    const text = configMap(
      "bfd-profiles: [{name: e, echo-mode: true}]\npeers: [{my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1, bfd-profile: e}]\naddress-pools: [{name: six, protocol: bgp, addresses: ['2001:db8::/120']}]",
    );
    expect(refusals(text)).toEqual([
      "ConfigMap net/config /peers/0/bfd-profile has echo mode, which resources refuse beside the IPv6 addresses of pool six",
    ]);
  });
});

describe("convert() of Helm values", () => {
  const document = "address-pools:\n- {name: A, protocol: layer2, addresses: [10.0.0.0/24]}\n";
  const within = (indent: string): string => document.replaceAll(/^(?=.)/gm, indent);
  const release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: metallb, namespace: x}\n";

  it.each([
    ["configInline", `image: {}\nconfigInline:\n${within("  ")}`, 4],
    ["metallb.configInline", `metallb:\n  configInline: |\n${within("    ")}`, 4],
    ["configInline", `rbac:\n  apiVersion: v1\nconfigInline:\n${within("  ")}`, 5],
    ["spec.values.configInline", `${release}spec:\n  values:\n    configInline:\n${within("      ")}`, 8],
  ])("takes what is under %s, and calls it so", (called, text, line) => {
    const { notices, ...conversion } = converted(text);
    expect(names({ notices, ...conversion })).toEqual(["IPAddressPool a", "L2Advertisement a"]);
    expect(notices).toMatchObject([{ class: "renamed", object: called, path: "/address-pools/0/name", line }]);
    expect(converted(text, { output: "table" }).text).toContain(`a     ${called} /address-pools/0\n`);
    expect(refusals(text.replace("/24", "/33"))).toEqual([expect.stringContaining(`${called} /address-pools/0/`)]);
  });

  it("tells templates, which are no YAML, from what comes out of them", () => {
    const template = configMap("x").replace("name: config", 'name: {{ template "a" . }}');
    expect(refusals(template)).toEqual([
      expect.stringMatching(/^document {2}is/),
      "input  seems to be a Helm template",
    ]);
    expect(refusals(template.replace("template", "$labels.x"))).toHaveLength(1);
  });

  it("prefers a ConfigMap beside them, and refuses values of several releases", () => {
    const values = `${release}spec:\n  values:\n    configInline:\n${within("      ")}`;
    expect(converted(stream(configMap(document.replace("A", "b")), values)).documents[0]).toMatchObject({
      metadata: { name: "b", namespace: "net" },
    });
    expect(refusals(stream(values, values.replace("metallb,", "other,")))).toEqual([
      "input  holds Helm values 2 times",
    ]);
  });
});
