import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { discoverPeers } from "../../../src/config/autodiscovered-peers.js";
import { revealingText } from "../../../src/config/canonical.js";
import { loadConfig } from "../../../src/config/load.js";
import type { Model, Peer } from "../../../src/config/model.js";
import { readDocuments } from "../../../src/config/read-documents.js";
import type { Conversion, ConvertOptions } from "../../../src/migrate/convert.js";
import { convert } from "../../../src/migrate/convert.js";
import { configMapText } from "../../../src/migrate/manifest-text.js";
import { revert } from "../../../src/migrate/revert.js";
import { describeFault } from "../../../src/runtime/net/fault.js";
import { runs } from "../runs.js";
import type { LegacyValue } from "./legacy-grammar.js";
import { documentAndNodes, flowText } from "./legacy-grammar.js";

type NodeText = Readonly<{ host?: string; annotations?: Readonly<Record<string, string>> }>;

const POOL = "address-pools: [{name: a, protocol: bgp, addresses: [10.0.0.0/24]}]";
const KEYS = "my-asn: a/my, peer-asn: a/peer, peer-address: a/ip, source-address: a/src, peer-port: a/port";
const DISCOVERY = `peer-autodiscovery: {from-annotations: [{${KEYS}}]}`;
/** As the builds have it in which the peer that a Node says comes first. */
const OLDER = `peer-autodiscovery: {from-annotations: {${KEYS.replace("source", "src")}}}`;
const SAID = { "a/my": "65000", "a/peer": "65530", "a/ip": "169.254.255.1" };
const GIVEN = "{my-asn: 1, peer-asn: 2, peer-address: 169.254.255.1}";

const manifest = (...parts: readonly string[]): string =>
  configMapText("metallb", "net", `${[POOL, ...parts].join("\n")}\n`);
/** As kubectl get nodes -o json prints them. */
const nodes = (found: Readonly<Record<string, NodeText>>): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "List",
    items: Object.entries(found).map(([name, { host = name, annotations = SAID }]) => ({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: host === "" ? {} : { "kubernetes.io/hostname": host }, annotations },
    })),
  });
const settle = (text: string, nodesText: string, options: Partial<ConvertOptions> = {}) =>
  convert(text, { file: "f", output: "yaml", nodes: { text: nodesText, file: "nodes" }, ...options });
const settled = (text: string, nodesText: string, options: Partial<ConvertOptions> = {}): Conversion => {
  const result = settle(text, nodesText, options);
  if (!result.ok) throw new Error(result.fault.map(describeFault).join("\n"));
  return result.value;
};
const refusals = (text: string, nodesText: string): string[] => {
  const result = settle(text, nodesText);
  return result.ok ? [] : result.fault.map(({ object, path, problem }) => `${object} ${path} ${problem}`);
};
const model = (text: string): Model => {
  const { documents, faults } = readDocuments(text, "f");
  expect(faults).toEqual([]);
  const loaded = loadConfig(documents, { namespace: "net", configMapName: "metallb" });
  if (!loaded.ok) throw new Error(loaded.fault.map(describeFault).join("\n"));
  return loaded.value.model;
};
const peerNames = ({ documents }: Conversion): unknown[] =>
  documents.flatMap(({ kind, metadata }) => (kind === "BGPPeer" ? [(metadata as { name: string }).name] : []));
const sessionText = (peer: Peer): string => revealingText({ ...peer, name: "", nodeSelectors: [] });
/** What sessions a Node has, whatever they are called. */
const sessions = (text: string, name: string, annotations: Readonly<Record<string, string>> = SAID): string[] =>
  discoverPeers(model(text), { name, labels: { "kubernetes.io/hostname": name }, annotations })
    .peers.map(sessionText)
    .toSorted();

describe("convert() with Nodes", () => {
  const two = { w0: { annotations: { ...SAID, "a/src": "10.0.0.9" } }, w1: {} };

  it("writes a BGPPeer for each peer of each Node, for that Node alone", () => {
    const { text, notices } = settled(manifest(DISCOVERY), nodes(two));
    expect(text.slice(0, text.indexOf("---\napiVersion: metallb.io/v1beta1"))).toMatchInlineSnapshot(`
      "apiVersion: metallb.io/v1beta2
      kind: BGPPeer
      metadata:
        name: peer-169-254-255-1-w0
        namespace: net
      spec:
        myASN: 65000
        peerASN: 65530
        peerAddress: "169.254.255.1"
        sourceAddress: "10.0.0.9"
        holdTime: "90s"
        nodeSelectors:
        - matchLabels:
            kubernetes.io/hostname: w0
      ---
      apiVersion: metallb.io/v1beta2
      kind: BGPPeer
      metadata:
        name: peer-169-254-255-1-w1
        namespace: net
      spec:
        myASN: 65000
        peerASN: 65530
        peerAddress: "169.254.255.1"
        holdTime: "90s"
        nodeSelectors:
        - matchLabels:
            kubernetes.io/hostname: w1
      "
    `);
    expect(text).not.toContain("autodiscovery");
    expect(notices.map((notice) => [notice.class, notice.path, notice.problem])).toEqual([
      [
        "left out",
        "/peer-autodiscovery",
        "becomes 2 BGPPeers, by what the 2 Nodes say now, and does not follow later changes of Nodes",
      ],
    ]);
  });

  it("tells in a table which Node a BGPPeer comes from", () => {
    expect(settled(manifest(DISCOVERY), nodes(two), { output: "table" }).text).toContain(
      "peer-169-254-255-1-w0  Node w0 /metadata/annotations/a~1ip\n",
    );
  });

  it("gives the same octets in whatever order the Nodes come, and a further Node changes no name", () => {
    const { w0, w1 } = two;
    const found = { w0, w1, "w1.example.com": {}, "w1-example-com": {} };
    const first = settled(manifest(DISCOVERY), nodes(found));
    const reversed = Object.fromEntries(Object.entries(found).toReversed());
    expect(settled(manifest(DISCOVERY), nodes(reversed)).text).toBe(first.text);
    expect(new Set(peerNames(first)).size).toBe(4);
    expect(peerNames(settled(manifest(DISCOVERY), nodes({ w0 })))).toEqual(["peer-169-254-255-1-w0"]);
    expect(peerNames(first)).toEqual(
      expect.arrayContaining([
        "peer-169-254-255-1-w0",
        "peer-169-254-255-1-w1",
        expect.stringMatching(/^peer-169-254-255-1-w1-example-com-[0-9a-f]{8}$/),
      ]),
    );
  });

  it("gives no name that a peer of the document has", () => {
    const given = "{my-asn: 1, peer-asn: 2, peer-address: 169.254.255.1, node-selectors: [{match-labels: {r: a}}]}";
    const text = settled(manifest(`peers: [${given}, ${given.replace("r: a", "r: b")}]`, DISCOVERY), nodes(two));
    expect(new Set(peerNames(text)).size).toBe(4);
  });

  it("takes several addresses of one Node, by annotations of kubectl's YAML", () => {
    const text =
      "apiVersion: v1\nkind: Node\nmetadata:\n  name: w\n  labels: {kubernetes.io/hostname: w}\n  annotations: {a/my: '1', a/peer: '2', a/ip: '10.0.0.1,2001:db8::1', a/port: '1179'}\n";
    expect(peerNames(settled(manifest(DISCOVERY), text))).toEqual([
      "peer-10-0-0-1-port-1179-w",
      "peer-2001-db8--1-port-1179-w",
    ]);
  });

  it.each([
    ["the peer of the document comes first", DISCOVERY],
    ["the peer that the Node says comes first", OLDER],
  ])("gives every Node the sessions that it has now: %s", (_, discovery) => {
    const pinned =
      "{my-asn: 3, peer-asn: 4, peer-address: 169.254.255.1, node-selectors: [{match-labels: {kubernetes.io/hostname: w1}}]}";
    for (const peers of ["", GIVEN, pinned, `${GIVEN}, ${pinned}`]) {
      const before = manifest(`peers: [${peers}]`, discovery);
      const after = settled(before, nodes({ w0: {}, w1: {}, w2: { annotations: {} } })).text;
      for (const name of ["w0", "w1"]) expect(sessions(after, name)).toEqual(sessions(before, name));
      expect(sessions(after, "w2", {})).toEqual(sessions(before, "w2", {}));
    }
  });

  it("keeps a peer of the document from the Nodes that have another in its place, and leaves it out where it is for none else", () => {
    const selecting = (host: string): string => `node-selectors: [{match-labels: {kubernetes.io/hostname: ${host}}}]`;
    const others =
      "{my-asn: 1, peer-asn: 2, peer-address: 169.254.255.1, node-selectors: [{match-labels: {r: a}}, {match-expressions: [{key: kubernetes.io/hostname, operator: In, values: [w0, w9]}]}]}";
    const peers = `peers: [${GIVEN.replace("}", `, ${selecting("w0")}}`)}, ${others}]`;
    const { text, notices } = settled(manifest(peers, OLDER), nodes({ w0: {} }));
    const notHere = { key: "kubernetes.io/hostname", operator: "NotIn", values: ["w0"] };
    const some = { key: "kubernetes.io/hostname", operator: "In", values: ["w0", "w9"] };
    expect(model(text).peers.map(({ myAsn, nodeSelectors }) => [myAsn, nodeSelectors])).toEqual([
      [
        1,
        [
          { matchLabels: [], matchExpressions: [some, notHere] },
          { matchLabels: [["r", "a"]], matchExpressions: [notHere] },
        ],
      ],
      [65000, [{ matchLabels: [["kubernetes.io/hostname", "w0"]], matchExpressions: [] }]],
    ]);
    expect(notices.filter((notice) => notice.class === "node").map(({ problem }) => problem)).toEqual([
      expect.stringContaining("takes the place of peer"),
      expect.stringContaining("takes the place of peer"),
    ]);
  });

  it("warns of what a Node says wrong, by its name and place, and takes the others", () => {
    const found = nodes({
      w0: { annotations: { ...SAID, "a/ip": "router" } },
      w1: { host: "" },
      w2: {},
      w3: { annotations: { ...SAID, "a/my": 1 as unknown as string } },
    });
    const { notices, ...conversion } = settled(manifest(DISCOVERY), found);
    expect(peerNames({ notices, ...conversion })).toEqual(["peer-169-254-255-1-w2"]);
    expect(notices.filter((notice) => notice.class === "node").map(describeFault)).toEqual([
      expect.stringMatching(
        /^nodes:1:\d+: Cannot use Node w0: \/metadata\/annotations\/a~1ip is "router", which is no address/,
      ),
      expect.stringMatching(
        /^nodes:1:\d+: Cannot use Node w1: .*hostname is absent, which is needed to discover peers/,
      ),
      expect.stringMatching(/^nodes:1:\d+: Cannot use Node w3: .*it is passed over$/),
    ]);
  });

  it("tells what many Nodes say wrong once, with their names", () => {
    const many = Object.fromEntries(
      Array.from({ length: 30 }, (_, index) => [`w${index}`, { annotations: { ...SAID, "a/ip": "router" } }] as const),
    );
    const { notices } = settled(manifest(DISCOVERY), nodes({ ...many, v: { annotations: { ...SAID, "a/my": "x" } } }));
    expect(notices.filter((notice) => notice.class === "node").map(({ object, problem }) => [object, problem])).toEqual(
      [
        [
          "Node w0",
          expect.stringMatching(/^is no address \(so it is with Node w1, Node w2, .*, Node w20 and 9 more\)$/),
        ],
        ["Node v", "is no AS number of 1 to 4294967295"],
      ],
    );
  });

  it("says so where the Nodes say nothing, or where nothing is to be found on them", () => {
    const none = settled(manifest(DISCOVERY), nodes({ w: { annotations: {} } }));
    expect(peerNames(none)).toEqual([]);
    expect(none.notices.map(({ problem }) => problem)).toContain(
      "becomes no BGPPeer, by what the Node says now, and does not follow later changes of Nodes",
    );
    expect(settled(manifest(), nodes({ w: {} })).notices).toMatchObject([{ class: "unused", file: "nodes" }]);
  });

  it.each<readonly [string, string, string, string]>([
    ["a text without Nodes", DISCOVERY, manifest(), "input  holds no Node"],
    ["an empty text", DISCOVERY, "", "input  holds no Node"],
    ["no YAML", DISCOVERY, "{", "document  "],
    [
      "a Node that is there twice",
      DISCOVERY,
      `${nodes({ w: {} })}\n---\n${nodes({ w: {} })}`,
      "Node w  is in the input twice",
    ],
    [
      "Nodes with one host name that say different peers",
      DISCOVERY,
      nodes({ w0: { host: "w" }, w1: { host: "w", annotations: { ...SAID, "a/peer": "7" } } }),
      "Node w0  would have other peers than it has: another Node has its host name",
    ],
    [
      "a port that no BGPPeer can have",
      DISCOVERY,
      nodes({ w: { annotations: { ...SAID, "a/port": "16385" } } }),
      "Node w /metadata/annotations/a~1ip is on a port above what a BGPPeer can have",
    ],
  ])("refuses %s", (_, discovery, found, refusal) => {
    expect(refusals(manifest(discovery), found)[0]).toMatch(refusal);
  });

  it("takes Nodes with one host name that say the same for one", () => {
    const found = nodes({ w0: { host: "w" }, w1: { host: "w" } });
    expect(peerNames(settled(manifest(DISCOVERY), found))).toEqual(["peer-169-254-255-1-w"]);
  });

  it("lets BGPPeers that are there already be, and refuses where the Node's would take their place", () => {
    const there =
      "---\napiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata: {name: p, namespace: net}\nspec: {myASN: 1, peerASN: 2, peerAddress: 169.254.255.1}\n";
    expect(peerNames(settled(manifest(DISCOVERY) + there, nodes({ w: {} })))).toEqual([]);
    expect(refusals(manifest(OLDER) + there, nodes({ w: {} }))).toEqual([
      expect.stringContaining("Node w  would have other peers than it has"),
    ]);
  });
});

describe("convert() of any document with any Nodes", () => {
  it("gives each Node the sessions that it has, or says why not", () => {
    let converted = 0;
    fc.assert(
      fc.property(documentAndNodes, ([document, found]) => {
        const before = configMapText("metallb", "net", `${flowText(document as unknown as LegacyValue)}\n`);
        const items = found.map(({ host, said }, index) => ({
          apiVersion: "v1",
          kind: "Node",
          metadata: { name: `node-${index}`, labels: { "kubernetes.io/hostname": host, ...said }, annotations: said },
        }));
        const result = settle(before, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
        if (!result.ok) {
          for (const { problem } of result.fault) expect(problem).not.toMatch(/would have other peers|is a BGPPeer/);
          return;
        }
        converted += 1;
        for (const { metadata } of items) {
          const { name, labels, annotations } = metadata;
          // Profiles that no resource can be called get other names.
          const sessionsBy = (text: string): string[] =>
            discoverPeers(model(text), { name, labels, annotations })
              .peers.map((peer) => sessionText(peer).replace(/"bfdProfile":"[^"]*"/, ""))
              .toSorted();
          expect(sessionsBy(result.value.text)).toEqual(sessionsBy(before));
        }
        expect(new Set(peerNames(result.value)).size).toBe(peerNames(result.value).length);
      }),
      { numRuns: runs(20) },
    );
    expect(converted).toBeGreaterThan(0);
  });
});

describe("convert() that keeps how to find peers", () => {
  const kept = (text: string, options: Partial<ConvertOptions> = {}): Conversion => {
    const result = convert(text, { file: "f", output: "yaml", keepAutodiscovery: true, ...options });
    if (!result.ok) throw new Error(result.fault.map(describeFault).join("\n"));
    return result.value;
  };

  it.each([
    ["newer builds", DISCOVERY],
    ["older builds", OLDER],
  ])("puts it into a ConfigMap after the resources, which mean the same together: %s", (_, discovery) => {
    const before = manifest(`peers: [${GIVEN}]`, discovery);
    for (const output of ["yaml", "json"] as const) {
      const { text, documents } = kept(before, { output });
      expect(documents.at(-1)).toMatchObject({ kind: "ConfigMap", metadata: { name: "metallb", namespace: "net" } });
      expect(model(text)).toEqual(model(before));
      expect(model(text).peerAutodiscovery).toBeDefined();
      const [resources, again] = [kept(text), revert(text, { file: "f", output })];
      expect(resources.documents).toEqual(documents.slice(-1)); // the rest is there already
      expect(again.ok && model(again.value.text)).toEqual(model(before));
    }
  });

  it("keeps nothing where there is nothing to keep", () => {
    expect(kept(manifest()).documents.map(({ kind }) => kind)).toEqual(["IPAddressPool", "BGPAdvertisement"]);
    expect(kept(manifest()).notices).toEqual([]);
  });

  it("writes a ConfigMap alone where there is nothing else, into the namespace that is asked for", () => {
    const { text, notices } = kept(`${DISCOVERY}\n`, { namespace: "lb" });
    expect(text).toMatchInlineSnapshot(`
      "apiVersion: v1
      kind: ConfigMap
      metadata:
        name: config
        namespace: lb
      data:
        config: |
          peer-autodiscovery:
            from-annotations:
            - my-asn: a/my
              peer-asn: a/peer
              peer-address: a/ip
              peer-port: a/port
              source-address: a/src
      "
    `);
    expect(notices.map((notice) => [notice.class, notice.object])).toEqual([["kept", "configuration"]]);
    expect(kept(`${DISCOVERY}\n`, { output: "table" }).text).toContain("  configuration /peer-autodiscovery\n");
  });
});
