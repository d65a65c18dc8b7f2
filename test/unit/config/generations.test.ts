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

it("what each release but another refused, all refused", () => {
  const text = `peers: [${peer("source-address: 10.0.0.9")}]\n${pool("10.0.0.9-10.0.0.1")}`;
  expect(faultsOf([configMap(text)])).toEqual([
    "/peers/0/source-address is a key that came with v0.11, which v0.9 and v0.10 refuse, and v0.11 and v0.12 refuse something else in here",
    "/address-pools/0/addresses/0 ends before it begins and holds no address, which v0.11 and v0.12 refuse, and v0.9 and v0.10 refuse something else in here",
  ]);
  expect(faultsOf([configMap(text)], { generation: "v0.10" })).toHaveLength(1);
});

it.each(["10.0.0.1-2001:db8::1", "::-10.0.0.1", "::ffff:10.0.0.1-2001:db8::1"])(
  "no release refuses %s, which holds no address: that is told",
  (range) => {
    const problem =
      "ignored /address-pools/0/addresses/0 goes from one address family to the other and holds no address";
    expect(noticesOf([configMap(pool(`'${range}'`))])).toEqual([problem]);
    for (const generation of GENERATIONS) {
      expect(noticesOf([configMap(pool(`'${range}'`))], { generation })).toEqual([problem]);
    }
  },
);

it("a key counts by being there: releases that do not know it refuse it with null too", () => {
  for (const text of ["bfd-profiles:", `peers: [${peer("source-address: ~")}]`]) {
    expect(faultsOf([configMap(text)], { generation: "v0.10" })).toHaveLength(1);
    expect(faultsOf([configMap(text)], { generation: "v0.12" })).toEqual([]);
  }
});

describe("peers are compared as the releases did", () => {
  const selectors = (text: string): string => peer(`node-selectors: ${text}`);
  it.each([
    ["the default keepalive time written out", peer(), peer("keepalive-time: 30s"), true],
    ["another third", peer("hold-time: 100s"), peer("hold-time: 100s, keepalive-time: 33s"), false],
    ["everything, twice and once", selectors("[{}, {}]"), selectors("[{}]"), false],
    ["everything, in words and without", selectors("[{match-labels: {}}]"), peer(), true],
    [
      "values in another order",
      selectors("[{match-expressions: [{key: a, operator: In, values: [b, c]}]}]"),
      selectors("[{match-expressions: [{key: a, operator: In, values: [c, b]}]}]"),
      false,
    ],
    [
      "labels in another order",
      selectors("[{match-labels: {a: b, c: d}}]"),
      selectors("[{match-labels: {c: d, a: b}}]"),
      true,
    ],
    ["two spellings of an address", peer("source-address: '::1'"), peer("source-address: '0::1'"), true],
    ["an identifier of IPv6", peer("router-id: '::1'"), peer(), false],
  ])("%s", (_, first, second, isRefused) => {
    const documents = [configMap(`peers: [${first}, ${second}]`)];
    expect(faultsOf(documents, { generation: "v0.12" })).toHaveLength(isRefused ? 1 : 0);
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
    expect(
      faultsOf([configMap("peer-autodiscovery: {from-labels: [{my-asn: a, peer-asn: b, peer-address: c}]}")], {
        generation,
      }),
    ).toEqual([]);
  }
});

it("the older word for the source address is the same in the model, and told once", () => {
  const texts = ["src-address", "source-address"].map(
    (word) => `peers: [${peer(`${word}: 10.0.0.9`)}, ${peer(`${word}: 10.0.0.8`)}]`,
  );
  const [older, newer] = texts.map((text) => load([configMap(text)]).model);
  expect(older).toEqual(newer);
  expect(older?.peers[0]?.sourceAddress).toBeDefined();
  expect(noticesOf([configMap(texts[0] ?? "")], { generation: "v0.9" })).toEqual([
    "generation /peers/0/src-address is a word of one distribution for source-address, which no release knew (so in 1 more place)",
  ]);
});

it("a document that tells how to find peers on Nodes may have source-address: its builds of v0.9 had both", () => {
  const text = `peers: [${peer("source-address: 10.0.0.9")}]\npeer-autodiscovery: {from-labels: [{my-asn: a, peer-asn: b, peer-address: c}]}`;
  expect(noticesOf([configMap(text)])).toEqual([]);
  expect(noticesOf([configMap(text)], { generation: "v0.9" })).toEqual([]);
});
