import { describe, expect, it } from "vitest";
import { formatAddress, formatRange } from "../../../src/runtime/net/address.js";
import { configMap, faultsOf, load, noticesOf } from "./documents.js";

const peer = (extra = "", base = "my-asn: 64512, peer-asn: 64513, peer-address: 10.0.0.1"): string =>
  `bfd-profiles: [{name: fast}]\npeers:\n- {${base}${extra === "" ? "" : `, ${extra}`}}\n`;
const pool = (extra = "", addresses = "[10.0.0.0/24]"): string =>
  `bgp-communities: {no-export: 65535:65281, '1:2': 64512:9}\naddress-pools:\n- {name: a, protocol: bgp, addresses: ${addresses}${extra === "" ? "" : `, ${extra}`}}\n`;
const advertisements = (list: string, addresses?: string): string => pool(`bgp-advertisements: ${list}`, addresses);
const pools = (...list: string[]): string => `address-pools:\n${list.map((one) => `- ${one}`).join("\n")}\n`;

describe("the model of a legacy document", () => {
  it("has the defaults of the old parsers", () => {
    expect(load([configMap(`${peer()}${pool()}`)]).model).toMatchObject({
      peers: [
        {
          name: "peer-10-0-0-1",
          myAsn: 64512,
          peerAsn: 64513,
          port: 179,
          holdTimeSeconds: 90,
          nodeSelectors: [],
          ebgpMultiHop: false,
          vrf: "",
        },
      ],
      pools: [
        {
          autoAssign: true,
          avoidBuggyIPs: false,
          layer2: [],
          bgp: [{ aggregationLength: 32, aggregationLengthV6: 128, localPref: 0, communities: [], peers: [] }],
        },
      ],
    });
    const [first] = load([configMap(peer())]).model.peers;
    expect(Object.keys(first ?? {})).not.toContain("password");
    expect(Object.keys(first ?? {})).not.toContain("keepaliveTimeSeconds");
  });

  it("keeps the order of addresses and announces a layer2 pool everywhere", () => {
    const { model } = load([
      configMap(
        pools(
          "{name: a, protocol: layer2, addresses: [10.0.1.0/31, 10.0.0.7-10.0.0.9], auto-assign: no, avoid-buggy-ips: yes}",
        ),
      ),
    ]);
    expect(model.pools[0]?.ranges.map(formatRange)).toEqual(["10.0.1.0-10.0.1.1", "10.0.0.7-10.0.0.9"]);
    expect(model.pools[0]).toMatchObject({
      autoAssign: false,
      avoidBuggyIPs: true,
      layer2: [{ nodeSelectors: [], interfaces: [], serviceSelectors: [], preferredNodes: [] }],
      bgp: [],
    });
  });

  it("resolves communities, an alias before a literal, and sorts them", () => {
    const { model } = load([configMap(advertisements("[{communities: ['1:2', 064512:007, no-export]}]"))]);
    expect(model.pools[0]?.bgp[0]?.communities).toEqual(["64512:7", "64512:9", "65535:65281"]);
  });

  it("skips the check of lengths where advertisements are left to default", () => {
    expect(faultsOf([configMap(pool("", "[0.0.0.0/0, '::/0']"))])).toEqual([]);
  });

  it("takes an empty selector for all nodes", () => {
    const { model } = load([configMap(peer("node-selectors: [{match-labels: {a: b}}, {}]"))]);
    expect(model.peers[0]?.nodeSelectors).toEqual([]);
  });

  it("reads BFD profiles as far as they are written", () => {
    const text = "bfd-profiles: [{name: a, receive-interval: 300, echo-mode: on, minimum-ttl: 254}]";
    expect(load([configMap(text)]).model.bfdProfiles).toEqual([
      { name: "a", receiveIntervalMs: 300, echoMode: true, passiveMode: false, minimumTtl: 254 },
    ]);
  });

  it("leaves out what cannot be used, and says so", () => {
    const document = configMap(peer("router-id: '2001:db8::1', keepalive-time: -1s"));
    const [first] = load([document]).model.peers;
    expect(first).toMatchObject({ address: { family: "ipv4" }, holdTimeSeconds: 90 });
    expect(first?.routerId).toBeUndefined();
    expect(first?.keepaliveTimeSeconds).toBeUndefined();
    expect(noticesOf([document]).filter((notice) => notice.startsWith("ignored"))).toEqual([
      "ignored /peers/0/router-id is an IPv6 address and cannot be an identifier",
      "ignored /peers/0/keepalive-time is negative and cannot be used",
    ]);
  });

  it("reads a mapped address as the IPv4 address that it is", () => {
    const { model } = load([configMap(peer("", "my-asn: 1, peer-asn: 2, peer-address: '::ffff:10.0.0.9'"))]);
    expect(model.peers.map(({ name, address }) => [name, address && formatAddress(address)])).toEqual([
      ["peer-10-0-0-9", "10.0.0.9"],
    ]);
  });

  it("tells of preferences that contradict each other", () => {
    const same = advertisements("[{localpref: 1, communities: [64512:1]}, {localpref: 2}]");
    expect(noticesOf([configMap(same)]).filter((notice) => notice.startsWith("conflict"))).toHaveLength(1);
    const other = advertisements("[{localpref: 1}, {localpref: 2, aggregation-length: 24}]");
    expect(noticesOf([configMap(other)]).filter((notice) => notice.startsWith("conflict"))).toEqual([]);
  });
});
