import { describe, expect, it } from "vitest";
import { convert } from "../../../src/migrate/convert.js";
import { describeFault } from "../../../src/runtime/net/fault.js";

const refusals = (text: string): string[] => {
  const result = convert(text, { file: "config.yaml", output: "yaml" });
  return result.ok ? [] : result.fault.map(({ path, problem }) => `${path} ${problem}`);
};
const manifest = (config: string, namespace = "metallb-system"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, namespace: ${namespace}}\ndata:\n  config: |\n${config.replaceAll(/^/gm, "    ")}\n`;

describe("convert() refuses", () => {
  const pool = (extra: string): string => `address-pools: [{name: a, protocol: bgp, ${extra}}]`;
  it.each([
    [
      "a port that a BGPPeer cannot have",
      "peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1, peer-port: 16385}]",
      "/peers/0/peer-port is above what a BGPPeer can have",
    ],
    [
      "an aggregate of everything",
      pool("addresses: [0.0.0.0/0], bgp-advertisements: [{aggregation-length: 0}]"),
      "/address-pools/0/bgp-advertisements/0/aggregation-length is below what a BGPAdvertisement can have",
    ],
    [
      "a preference that the API refuses",
      pool("addresses: [10.0.0.0/24], bgp-advertisements: [{localpref: 2147483648}]"),
      "/address-pools/0/bgp-advertisements/0/localpref is above what a BGPAdvertisement can have",
    ],
    [
      "a pool without an address",
      pool("addresses: [10.0.0.9-10.0.0.1]"),
      "/address-pools/0/addresses/0 ends before it begins and holds no address, and leaves pool a without any address",
    ],
    [
      "preferences that contradict each other",
      pool("addresses: [10.0.0.0/24], bgp-advertisements: [{localpref: 1}, {localpref: 2}]"),
      "/address-pools/0/bgp-advertisements/1/localpref differs from 1 of another advertisement of the same routes: either may be sent",
    ],
    ["nothing", "", " is empty"],
    ["comments", "# a\n\n", " is empty"],
    [
      "resources",
      "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: a}\n",
      " holds resources of metallb.io already, and no ConfigMap or AddressPool to convert",
    ],
    [
      "two of them",
      `${manifest("peers: []")}---\n${manifest("peers: []", "other")}`,
      " holds several ConfigMaps (ConfigMap metallb-system/config, ConfigMap other/config)",
    ],
    ["a key of another program", "configInline: {}", "/configInline is a key that is not known here"],
    ["broken YAML", "peers: [", " is not YAML (unexpected end of the stream within a flow collection)"],
    [
      "a broken manifest",
      "apiVersion: v1\nkind: ConfigMap\n metadata: {}\n",
      " is not YAML (bad indentation of a mapping entry)",
    ],
    [
      "an alias that nobody defined",
      pool("addresses: [10.0.0.0/24], bgp-advertisements: [{communities: [x]}]"),
      "/address-pools/0/bgp-advertisements/0/communities/0 is neither a community nor an alias of one",
    ],
  ])("%s", (_, text, refusal) => expect(refusals(text)).toEqual([refusal]));

  it("all faults at once, with their places in the file", () => {
    const result = convert(manifest("peers: [{my-asn: 0}]\nfoo: 1"), { file: "config.yaml", output: "yaml" });
    expect(result.ok ? [] : result.fault.map(describeFault)).toEqual([
      "config.yaml:6:13: Cannot use ConfigMap metallb-system/config: /peers/0/peer-address is absent, which is needed here: write the address of the peer, as in 10.0.0.1",
      expect.stringContaining(
        "config.yaml:6:13: Cannot use ConfigMap metallb-system/config: /peers/0/peer-asn is absent",
      ),
      expect.stringContaining("config.yaml:6:22: Cannot use ConfigMap metallb-system/config: /peers/0/my-asn is 0"),
      expect.stringContaining("config.yaml:7:5: Cannot use ConfigMap metallb-system/config: /foo is"),
    ]);
    const bare = convert("foo: 1\n", { file: "config.yaml", output: "yaml" });
    expect(bare.ok ? [] : bare.fault.map(describeFault)).toEqual([
      expect.stringContaining("config.yaml:1:1: Cannot use configuration: /foo"),
    ]);
  });
});
