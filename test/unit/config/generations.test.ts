import { describe, expect, it } from "vitest";
import type { Generation } from "../../../src/config/generations.js";
import { GENERATIONS } from "../../../src/config/generations.js";
import { configMap, faultsOf, load, noticesOf } from "./documents.js";

const peer = (extra = ""): string =>
  `{my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1${extra === "" ? "" : `, ${extra}`}}`;
const pool = (addresses: string, extra = ""): string =>
  `address-pools: [{name: a, protocol: bgp, addresses: [${addresses}]${extra === "" ? "" : `, ${extra}`}}]`;

/** What the releases differ in: a document, the path that matters, and the releases that refuse it. */
const differences: readonly [name: string, text: string, path: string, refusedBy: readonly Generation[]][] = [
  ["source-address", `peers: [${peer("source-address: 10.0.0.9")}]`, "/peers/0/source-address", ["v0.9", "v0.10"]],
  ["keepalive-time", `peers: [${peer("keepalive-time: 30s")}]`, "/peers/0/keepalive-time", ["v0.9", "v0.10", "v0.11"]],
  ["ebgp-multihop", `peers: [${peer("ebgp-multihop: true")}]`, "/peers/0/ebgp-multihop", ["v0.9", "v0.10", "v0.11"]],
  ["bfd-profiles", "bfd-profiles: [{name: a}]", "/bfd-profiles", ["v0.9", "v0.10", "v0.11"]],
  [
    "aggregation-length-v6",
    pool("10.0.0.0/24", "bgp-advertisements: [{aggregation-length-v6: 64}]"),
    "/address-pools/0/bgp-advertisements/0/aggregation-length-v6",
    ["v0.9", "v0.10", "v0.11"],
  ],
  ["a repeated peer", `peers: [${peer()}, ${peer("hold-time: 90s")}]`, "/peers/1", ["v0.10", "v0.11", "v0.12"]],
  ["a range of one", pool("10.0.0.5-10.0.0.5"), "/address-pools/0/addresses/0", ["v0.11"]],
  ["a reversed range", pool("10.0.0.9-10.0.0.1"), "/address-pools/0/addresses/0", ["v0.11", "v0.12"]],
  ["IPv4 to IPv6", pool("'10.0.0.1-2001:db8::1'"), "/address-pools/0/addresses/0", ["v0.12"]],
  ["IPv6 to IPv4", pool("'2001:db8::1-10.0.0.1'"), "/address-pools/0/addresses/0", ["v0.11", "v0.12"]],
  [
    "fragments longer than the aggregate",
    pool("10.0.0.1-10.0.0.8", "bgp-advertisements: [{aggregation-length: 30}]"),
    "/address-pools/0/bgp-advertisements/0/aggregation-length",
    ["v0.9", "v0.10", "v0.11"],
  ],
  [
    "an explicit advertisement of IPv6",
    pool("'2001:db8::/64'", "bgp-advertisements: [{localpref: 1}]"),
    "/address-pools/0/bgp-advertisements/0/aggregation-length",
    ["v0.9", "v0.10", "v0.11"],
  ],
  [
    "a repeated advertisement",
    pool("10.0.0.0/24", "bgp-advertisements: [{localpref: 1}, {localpref: 1}]"),
    "/address-pools/0/bgp-advertisements/1",
    ["v0.12"],
  ],
  [
    "a repeated community",
    pool("10.0.0.0/24", "bgp-advertisements: [{communities: [1:1, 1:1]}]"),
    "/address-pools/0/bgp-advertisements/0/communities/1",
    ["v0.12"],
  ],
];

describe.each(differences)("%s", (_, text, path, refusedBy) => {
  it("is taken, with a notice that names the releases that refused it", () => {
    const notices = load([configMap(text)]).notices.filter(({ class: noticeClass }) => noticeClass === "generation");
    expect(notices.map((notice) => notice.path)).toEqual([path]);
    const [, told = ""] = notices[0]?.problem.split("; ") ?? [];
    expect(GENERATIONS.filter((generation) => told.match(/v[\d.]+/g)?.includes(generation))).toEqual(refusedBy);
  });

  it.each(GENERATIONS)("is as %s has it where that is asked for", (generation) => {
    const faults = faultsOf([configMap(text)], { generation });
    expect(faults.map((fault) => fault.split(" ")[0])).toEqual(refusedBy.includes(generation) ? [path] : []);
    if (faults.length === 0) expect(noticesOf([configMap(text)], { generation })).not.toContainEqual(/generation/);
  });
});

it("what is repeated is in the model once", () => {
  expect(load([configMap(`peers: [${peer()}, ${peer()}]`)]).model.peers).toHaveLength(1);
  const repeated = pool("10.0.0.0/24", "bgp-advertisements: [{communities: [1:1]}, {communities: [1:1, 01:01]}]");
  expect(load([configMap(repeated)]).model.pools[0]?.bgp).toHaveLength(1);
});

it("peers that differ in anything are two", () => {
  const { model } = load([
    configMap(`peers: [${peer()}, ${peer("hold-time: 9s")}, ${peer("password: a")}, ${peer("password: b")}]`),
  ]);
  expect(model.peers).toHaveLength(4);
  expect(new Set(model.peers.map(({ name }) => name)).size).toBe(4);
});

it("a difference is told once, however often it is there", () => {
  const text = `peers:\n${Array.from({ length: 9 }, (_, index) => `- {my-asn: 1, peer-asn: 2, peer-address: 10.0.0.${index}, source-address: 10.0.1.1}`).join("\n")}`;
  expect(noticesOf([configMap(text)])).toEqual([
    "generation /peers/0/source-address is a key that came with v0.11 (so in 8 more places); v0.9 and v0.10 refused it",
  ]);
});

it("discovered peers are read under every generation, as installs of any of them have them", () => {
  for (const generation of GENERATIONS) {
    expect(faultsOf([configMap("peer-autodiscovery: {from-labels: [{my-asn: a}]}")], { generation })).toEqual([]);
  }
});
