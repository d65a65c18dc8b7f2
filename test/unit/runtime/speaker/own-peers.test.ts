import { expect, it } from "vitest";
import { readDocuments } from "../../../../src/config/read-documents.js";
import { createSpeaker } from "../../../../src/runtime/speaker/speaker.js";
import type { NodeView } from "../../../../src/runtime/world/views.js";

/*
 * The peers that a Node's annotations give its speaker, through the whole shell: configuration in, Node in, peers out.
 */

const CONFIG = `
peer-autodiscovery:
  defaults: {my-asn: 65000}
  from-annotations:
  - {peer-asn: example.com/asn, peer-address: example.com/peer}
  - {peer-asn: example.com/asn, peer-address: example.com/spare}
peers:
- {my-asn: 65000, peer-asn: 65100, peer-address: 10.0.0.1}
address-pools:
- {name: p, protocol: bgp, addresses: [192.0.2.0/24]}
`;

function ownNode(annotations: Record<string, string>, name = "n1"): NodeView {
  const labels = { "kubernetes.io/hostname": name };
  return { name, labels, annotations, internalIPs: [], ready: true, networkUnavailable: false };
}

function begin(config = CONFIG) {
  const lines: { level: string; event: unknown; text: string }[] = [];
  const keep =
    (level: string) =>
    (fields: object, text: string): void =>
      void lines.push({ level, event: (fields as { event?: unknown }).event, text });
  const speaker = createSpeaker(
    {
      node: "n1",
      namespace: "metallb-system",
      configMapName: "config",
      loadBalancerClass: "",
      ignoreExcludeLabel: false,
    },
    {
      announce: () => undefined,
      withdraw: () => undefined,
      fleetChanged: () => undefined,
      recordEvent: () => undefined,
      bgp: { usePeers: () => undefined, setRoutes: () => undefined, hold: () => undefined, flush: () => undefined },
      gaugeAnnounced: () => undefined,
      gaugeConfig: () => undefined,
      defer: (work) => work(),
      log: { debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") },
    },
  );
  const configure = (text: string): void => {
    const metadata = { name: "config", namespace: "metallb-system" };
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { config: text } };
    speaker.configChanged(readDocuments(JSON.stringify(object), "config.json").documents);
  };
  configure(config);
  speaker.nodeChanged(ownNode({ "example.com/asn": "65200", "example.com/peer": "10.0.0.2" }));
  speaker.synced();
  const targets = (): unknown[] => speaker.peers().map(({ address, peerAsn }) => [address?.value, peerAsn]);
  return { speaker, configure, lines, targets };
}

const at = (last: number): bigint => 0x0a000000n + BigInt(last);
const STATIC = [at(1), 65100];

it("has the peers of the configuration, and those that its Node says", () => {
  expect(begin().targets()).toEqual([STATIC, [at(2), 65200]]);
});

it.each<{ name: string; annotations: Record<string, string>; targets: unknown[] }>([
  {
    name: "another address",
    annotations: { "example.com/asn": "65200", "example.com/peer": "10.0.0.3" },
    targets: [STATIC, [at(3), 65200]],
  },
  {
    name: "one more",
    annotations: { "example.com/asn": "65200", "example.com/peer": "10.0.0.2", "example.com/spare": "10.0.0.9" },
    targets: [STATIC, [at(2), 65200], [at(9), 65200]],
  },
  {
    name: "several addresses parted by commas",
    annotations: { "example.com/asn": "65200", "example.com/peer": "10.0.0.2,10.0.0.4" },
    targets: [STATIC, [at(2), 65200], [at(4), 65200]],
  },
  { name: "nothing any more", annotations: {}, targets: [STATIC] },
])("follows its Node's annotations: $name", ({ annotations, targets: expected }) => {
  const { speaker, targets } = begin();
  speaker.nodeChanged(ownNode(annotations));
  expect(targets()).toEqual(expected);
});

it("follows the labels of its Node, which peers choose their nodes by", () => {
  const peerFor = (rack: string, last: number): string =>
    `- {my-asn: 65000, peer-asn: 65100, peer-address: 10.0.0.${last}, node-selectors: [{match-labels: {rack: ${rack}}}]}\n`;
  const { speaker, targets } = begin(`peers:\n${peerFor("a", 1)}${peerFor("b", 2)}`);
  const labelled = (rack: string): NodeView => ({ ...ownNode({}), labels: { rack } });
  expect(targets()).toEqual([]);
  speaker.nodeChanged(labelled("a"));
  expect(targets()).toEqual([[at(1), 65100]]);
  speaker.nodeChanged(labelled("b"));
  expect(targets()).toEqual([[at(2), 65100]]);
  speaker.nodeChanged({ ...labelled("b"), name: "n2", labels: { rack: "a" } });
  expect(targets()).toEqual([[at(2), 65100]]);
});

it("does not look at the annotations of other Nodes", () => {
  const { speaker, targets } = begin();
  speaker.nodeChanged(ownNode({ "example.com/asn": "1", "example.com/peer": "10.9.9.9" }, "n2"));
  expect(targets()).toEqual([STATIC, [at(2), 65200]]);
});

it("follows the configuration, and keeps the peers while a document is refused", () => {
  const { configure, targets } = begin();
  configure(CONFIG.replace("my-asn: 65000}", "my-asn: -1}"));
  expect(targets()).toEqual([STATIC, [at(2), 65200]]);
  configure(CONFIG.replaceAll("example.com/peer", "example.com/spare"));
  expect(targets()).toEqual([STATIC]);
});

it("has none that are discovered when its Node is gone", () => {
  const { speaker, targets } = begin();
  speaker.nodeDeleted("n1");
  expect(targets()).toEqual([]);
});

it("says what could not become a peer, once, and which peers there are", () => {
  const { speaker, lines } = begin();
  const problems = (): string[] => lines.flatMap(({ event, text }) => (event === "peerNotDiscovered" ? [text] : []));
  expect(problems()).toHaveLength(1); // the spare, which is not annotated
  const wrong = ownNode({ "example.com/asn": "65200", "example.com/peer": "tor-a" });
  speaker.nodeChanged(wrong);
  speaker.nodeChanged({ ...wrong });
  expect(problems()).toHaveLength(2);
  expect(problems().at(-1)).toMatch(
    /Node n1: \/metadata\/annotations\/example\.com~1peer is "tor-a", which is no address/,
  );
  expect(lines.filter(({ event }) => event === "peersChanged")).toHaveLength(2);
});
