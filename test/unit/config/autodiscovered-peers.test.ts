import { describe, expect, it } from "vitest";
import { discoverPeers } from "../../../src/config/autodiscovered-peers.js";
import type { NodePeers } from "../../../src/config/autodiscovered-peers.js";
import { formatAddress } from "../../../src/runtime/net/address.js";
import { configMap, faultsOf, load, noticesOf } from "./documents.js";

const KEYS = "my-asn: a/my-asn, peer-asn: a/peer-asn, peer-address: a/peer-ip";
const MAPPING = `${KEYS}, source-address: a/src-ip, peer-port: a/port, hold-time: a/hold, router-id: a/id`;
const LIST = `peer-autodiscovery: {from-annotations: [{${MAPPING}}]}`;
const HOST = { "kubernetes.io/hostname": "n1" };
const ANNOTATIONS = { "a/my-asn": "65000", "a/peer-asn": "65530", "a/peer-ip": "169.254.255.1" };

const discover = (
  text: string,
  annotations: Record<string, string> = ANNOTATIONS,
  labels: Record<string, string> = HOST,
): NodePeers => discoverPeers(load([configMap(text)]).model, { name: "n1", labels, annotations });
const short = ({ peers }: NodePeers): string[] =>
  peers.map(({ myAsn, peerAsn, address, port }) => `${myAsn} ${peerAsn} ${address && formatAddress(address)} ${port}`);
const reasons = ({ faults }: NodePeers): string[] => faults.map(({ path, problem }) => `${path} ${problem}`);
const ANNOTATION = "/metadata/annotations";

describe("peer-autodiscovery", () => {
  it.each([
    ["a list", LIST, false],
    ["one mapping", `peer-autodiscovery: {from-annotations: {${MAPPING}}}`, true],
    ["one mapping by an alias", `peer-autodiscovery: {from-annotations: &m {${MAPPING}}, from-labels: *m}`, true],
    ["the older word for the source", LIST.replace("source-address", "src-address"), true],
  ])("is read as %s", (_, text, prefersDiscovered) => {
    const { peerAutodiscovery } = load([configMap(text)]).model;
    expect(peerAutodiscovery?.prefersDiscovered).toBe(prefersDiscovered);
    expect(peerAutodiscovery?.mappings[0]).toEqual({
      from: "annotations",
      myAsn: "a/my-asn",
      peerAsn: "a/peer-asn",
      address: "a/peer-ip",
      sourceAddress: "a/src-ip",
      port: "a/port",
      holdTime: "a/hold",
      routerId: "a/id",
    });
  });

  it.each([
    ["no source", "peer-autodiscovery: {}", ["/peer-autodiscovery has neither from-annotations nor from-labels"]],
    [
      "a source of null",
      "peer-autodiscovery: {from-labels: ~}",
      ["/peer-autodiscovery has neither from-annotations nor from-labels"],
    ],
    [
      "a mapping without what has no default",
      "peer-autodiscovery: {defaults: {my-asn: 1, peer-address: x}, from-labels: [{peer-asn: b}]}",
      ["/peer-autodiscovery/from-labels/0/peer-address is needed here, as there is no default"],
    ],
    [
      "the same in the older shape, told where it stands",
      `peer-autodiscovery: {from-labels: {my-asn: a, peer-asn: b}}`,
      ["/peer-autodiscovery/from-labels/peer-address is needed here, as there is no default"],
    ],
    [
      "unknown keys",
      `peer-autodiscovery: {from-labels: [{${KEYS}, password: p}], default: {}}`,
      [
        "/peer-autodiscovery/from-labels/0/password is a key that is not known here",
        "/peer-autodiscovery/default is a key that is not known here",
      ],
    ],
    [
      "a bad hold time",
      `peer-autodiscovery: {from-labels: [{${KEYS}}], defaults: {hold-time: 1s}}`,
      ["/peer-autodiscovery/defaults/hold-time is neither 0 nor at least 3 seconds"],
    ],
    [
      "a bad selector",
      `peer-autodiscovery: {from-labels: [{${KEYS}}], node-selectors: [{match-labels: {-a: b}}]}`,
      ['/peer-autodiscovery/node-selectors/0/match-labels/-a has the key "-a", that no label can have'],
    ],
    [
      "both words for the source",
      `peer-autodiscovery: {from-labels: [{${KEYS}, src-address: a, source-address: b}]}`,
      ["/peer-autodiscovery/from-labels/0/src-address is there beside source-address"],
    ],
    ["a text", "peer-autodiscovery: x", ["/peer-autodiscovery is not a mapping"]],
  ])("is refused with %s", (_, text, faults) => expect(faultsOf([configMap(text)])).toEqual(faults));

  it("may have no mapping at all, and defaults that were never used: those are told", () => {
    const text = "peer-autodiscovery: {from-labels: [], defaults: {peer-address: x, router-id: 10.0.0.1}}";
    expect(short(discover(text))).toEqual([]);
    expect(noticesOf([configMap(text)])).toEqual(
      expect.arrayContaining([
        "ignored /peer-autodiscovery/defaults/peer-address is no address and counts as none",
        "ignored /peer-autodiscovery/defaults/router-id was never used as a default",
      ]),
    );
  });
});

describe("discoverPeers()", () => {
  it("gives the peer that the annotations say, for this Node alone", () => {
    const annotations = {
      ...ANNOTATIONS,
      "a/src-ip": "10.0.0.9",
      "a/port": "1179",
      "a/hold": "30s",
      "a/id": "10.0.0.7",
    };
    const { peers, faults } = discover(LIST, annotations);
    expect(faults).toEqual([]);
    expect(peers).toMatchObject([
      {
        name: "peer-169-254-255-1-port-1179",
        myAsn: 65000,
        peerAsn: 65530,
        port: 1179,
        holdTimeSeconds: 30,
        sourceAddress: { value: 0x0a000009n },
        routerId: { value: 0x0a000007n },
        nodeSelectors: [{ matchLabels: [["kubernetes.io/hostname", "n1"]], matchExpressions: [] }],
      },
    ]);
  });

  it("falls back on defaults, and then on port 179 and 90 seconds", () => {
    const defaults = "defaults: {my-asn: 1, peer-asn: 2, peer-address: 10.0.0.1, peer-port: 5, hold-time: 9s}";
    const withDefaults = discover(LIST.replace("{from", `{${defaults}, from`), { "a/peer-asn": "7", "a/port": "" });
    expect(short(withDefaults)).toEqual(["1 7 10.0.0.1 5"]);
    expect(withDefaults.peers[0]?.holdTimeSeconds).toBe(9);
    expect(short(discover(LIST))).toEqual(["65000 65530 169.254.255.1 179"]);
    expect(discover(LIST).peers[0]?.holdTimeSeconds).toBe(90);
  });

  it("reads labels as it reads annotations", () => {
    const labels = { ...HOST, ...ANNOTATIONS };
    expect(short(discover(`peer-autodiscovery: {from-labels: [{${KEYS}}]}`, {}, labels))).toHaveLength(1);
  });

  it("gives a peer for each of several addresses, parted by commas, each with its own or the one value", () => {
    const annotations = { ...ANNOTATIONS, "a/peer-ip": "169.254.255.1, 169.254.255.2", "a/peer-asn": "65530,65531" };
    expect(short(discover(LIST, annotations))).toEqual([
      "65000 65530 169.254.255.1 179",
      "65000 65531 169.254.255.2 179",
    ]);
    const { faults } = discover(LIST, { ...annotations, "a/peer-asn": "1,2,3" });
    expect(faults.map(({ problem }) => problem)).toEqual(["has 3 values for 2 addresses"]);
  });

  it.each([
    ["no address", { "a/peer-ip": "" }, `${ANNOTATION}/a~1peer-ip is needed for a peer`],
    ["a host name", { "a/peer-ip": "router" }, `${ANNOTATION}/a~1peer-ip is no address`],
    ["an AS number of 0", { "a/my-asn": "0" }, `${ANNOTATION}/a~1my-asn is no AS number of 1 to 4294967295`],
    ["an AS number in hex", { "a/my-asn": "0x1" }, `${ANNOTATION}/a~1my-asn is no AS number of 1 to 4294967295`],
    ["33 bits", { "a/peer-asn": "4294967296" }, `${ANNOTATION}/a~1peer-asn is no AS number of 1 to 4294967295`],
    ["a port of 17 bits", { "a/port": "65536" }, `${ANNOTATION}/a~1port is no TCP port of 1 to 65535`],
    ["a short time", { "a/hold": "2s" }, `${ANNOTATION}/a~1hold is no duration of 0s, or of 3s and more`],
    ["one empty address", { "a/peer-ip": "10.0.0.1,," }, `${ANNOTATION}/a~1peer-ip is no address`],
  ])("says why there is no peer: %s", (_, annotations, reason) => {
    const found = discover(LIST, { ...ANNOTATIONS, ...annotations });
    expect(found.peers).toEqual([]);
    expect(reasons(found)).toContain(reason);
  });

  it("says once of a Node that it has nothing of a peer, and no more where defaults leave one thing to say", () => {
    expect(reasons(discover(LIST, { other: "1" }))).toEqual([
      "/metadata/annotations has none of the keys that a peer is read from",
    ]);
    const withDefaults = LIST.replace("{from", "{defaults: {my-asn: 1, peer-asn: 2}, from");
    expect(reasons(discover(withDefaults, {}))).toEqual([`${ANNOTATION}/a~1peer-ip is needed for a peer`]);
  });

  it("keeps one bad mapping from harming the others", () => {
    const found = discover(`peer-autodiscovery: {from-annotations: [{${KEYS.replace("a/my", "b/my")}}, {${KEYS}}]}`);
    expect(short(found)).toHaveLength(1);
    expect(reasons(found)).toEqual([`${ANNOTATION}/b~1my-asn is needed for a peer`]);
  });

  it("uses no IPv6 address for an identifier, and says so", () => {
    const found = discover(LIST, { ...ANNOTATIONS, "a/id": "::1" });
    expect(found.peers[0]).not.toHaveProperty("routerId");
    expect(found.faults).toHaveLength(1);
  });

  it.each([
    ["without the label that names the host", {}, 1],
    ["that is not selected", { ...HOST, role: "other" }, 0],
  ])("discovers nothing for a Node %s", (_, labels, faults) => {
    const text = LIST.replace(
      "{from",
      "{node-selectors: [{match-expressions: [{key: role, operator: DoesNotExist}]}], from",
    );
    const found = discover(text, ANNOTATIONS, labels);
    expect(found.peers).toEqual([]);
    expect(found.faults).toHaveLength(faults);
  });

  const given =
    "peers: [{my-asn: 1, peer-asn: 2, peer-address: 169.254.255.1}, {my-asn: 1, peer-asn: 2, peer-address: 10.0.0.2}]";

  it("keeps the peer of the document where the Node says the same address and port", () => {
    const found = discover(`${given}\n${LIST}`);
    expect(short(found)).toEqual(["1 2 10.0.0.2 179", "1 2 169.254.255.1 179"]);
    expect(reasons(found)[0]).toContain("is where peer peer-169-254-255-1 is already");
  });

  it("takes the peer that the Node says where the older shape is written", () => {
    const found = discover(`${given}\npeer-autodiscovery: {from-annotations: {${KEYS}}}`);
    expect(short(found)).toEqual(["65000 65530 169.254.255.1 179", "1 2 10.0.0.2 179"]);
    expect(reasons(found)[0]).toContain("takes the place of peer peer-169-254-255-1");
    expect(new Set(found.peers.map(({ name }) => name)).size).toBe(2);
  });

  it("takes annotations before labels, and each address and port once", () => {
    const text = `peer-autodiscovery: {from-labels: [{${KEYS}}], from-annotations: [{${KEYS}}]}`;
    const found = discover(text, ANNOTATIONS, { ...HOST, ...ANNOTATIONS, "a/peer-asn": "9" });
    expect(short(found)).toEqual(["65000 65530 169.254.255.1 179"]);
    expect(found.faults).toMatchObject([{ object: "Node n1", path: "/metadata/labels/a~1peer-ip" }]);
  });

  it("gives what the document has for the Node where nothing is to be discovered", () => {
    const text = "peers: [{my-asn: 1, peer-asn: 2, peer-address: 10.0.0.2, node-selectors: [{match-labels: {a: b}}]}]";
    expect(short(discover(text, {}, { a: "b" }))).toHaveLength(1);
    expect(short(discover(text, {}, {}))).toHaveLength(0);
  });
});
