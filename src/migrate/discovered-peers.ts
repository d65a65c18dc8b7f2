import { HOSTNAME, discoverPeers } from "../config/autodiscovered-peers.js";
import { canonicalSet, revealingText } from "../config/canonical.js";
import type { KubernetesDocument } from "../config/documents.js";
import { documentFault } from "../config/documents.js";
import { anyOfSelectors } from "../config/label-selector.js";
import type { LabelSelector, Model, Peer } from "../config/model.js";
import { nameHostPeers } from "../config/object-names.js";
import type { Place } from "../config/place.js";
import { compareTexts, placeOf } from "../config/place.js";
import { readDocuments } from "../config/read-documents.js";
import { anySelectorMatches } from "../config/selector.js";
import { formatAddress } from "../runtime/net/address.js";
import type { Fault } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import { readNode } from "../runtime/world/read.js";
import type { NodeView } from "../runtime/world/views.js";
import { MAX_PORT } from "./beyond-resources.js";
import type { ConversionSource, SourcePeer } from "./conversion-source.js";
import type { ConvertNotice } from "./convert-notices.js";
import { discoveryRemark } from "./discovery.js";
import { wholeFault } from "./find-input.js";
import { listed } from "./listed-names.js";

/** A text with Nodes and how faults call it. */
export type NodesText = Readonly<{ text: string; file: string }>;
type ReadNode = Readonly<{ view: NodeView; document: KubernetesDocument }>;
type NodesReading = Readonly<{ nodes: readonly ReadNode[]; notices: readonly ConvertNotice[] }>;

/** What the peers of Nodes make of a source and its model: the same without anything that is to be found on Nodes. */
export type SettledPeers = Readonly<{ source: ConversionSource; model: Model; notices: readonly ConvertNotice[] }>;

/**
 * Puts the peers that Nodes say of themselves into a source, each for the Node of its host name, in the place of the
 * key that tells how to find them. Peers of the document that a Node replaces are kept from that Node. What a Node says
 * wrong is told and keeps nothing else from counting, as when it is read at run time. Never throws.
 * @param place the ConfigMap, for what is said about it
 * @returns refused where the text has no Nodes, or where resources could not give each Node the peers that it has
 */
export function settlePeersOfNodes(
  { source, model }: Readonly<{ source: ConversionSource; model: Model }>,
  text: NodesText,
  place: Place | undefined,
): Result<SettledPeers, readonly Fault[]> {
  const read = readNodes(text);
  if (!read.ok) return read;
  const { nodes } = read.value;
  const found = nodes.map(({ view, document }) => ({ view, document, ...discoverPeers(model, view) }));
  const replaced = new Map<string, Set<string>>(); // host names by name of the peer that others take the place of
  for (const { view, peers } of found) {
    const counting = new Set(peers);
    for (const peer of model.peers) {
      if (counting.has(peer) || !anySelectorMatches(peer.nodeSelectors, view.labels)) continue;
      const hosts = replaced.get(peer.name) ?? new Set();
      replaced.set(peer.name, hosts.add(view.labels[HOSTNAME] ?? ""));
    }
  }
  const discovered = discoveredPeers(found, new Set(model.peers.map(({ name }) => name)));
  const kept = source.peers.flatMap((peer) => keptFrom(replaced.get(peer.name), peer));
  const peers = [...kept, ...discovered].toSorted(byName);
  const converted = new Set(source.peers.map(({ name }) => name));
  const { peerAutodiscovery: _, ...rest } = model;
  const after: Model = {
    ...rest,
    peers: [
      ...model.peers.filter(({ name }) => !converted.has(name)),
      ...peers.map(({ peer, name }): Peer => ({ name, ...peer })),
    ].toSorted(byName),
  };
  const faults = [...portFaults(discovered), ...found.flatMap((one) => differenceOn(one, after))];
  if (faults.length > 0) return refuse(faults);
  return succeed({
    source: { ...source, peers },
    model: after,
    notices: [
      ...read.value.notices,
      ...joinedNotices(found.flatMap(({ document, faults: told }) => told.map((fault) => nodeNotice(document, fault)))),
      snapshotNotice(discovered.length, nodes.length, place),
    ],
  });
}

function readNodes({ text, file }: NodesText): Result<NodesReading, readonly Fault[]> {
  const { documents, faults } = readDocuments(text, file);
  if (faults.length > 0) return refuse(faults);
  const nodes: ReadNode[] = [];
  const notices: ConvertNotice[] = [];
  const seen = new Set<string>();
  for (const document of documents) {
    if (document.apiVersion !== "v1" || document.kind !== "Node") continue;
    if (seen.has(document.name)) {
      const fault = { object: `Node ${document.name}`, path: "", value: undefined };
      const problem = "is in the input twice";
      return refuse([documentFault(document, { ...fault, problem, remedy: "remove one of the two" })]);
    }
    seen.add(document.name);
    const view = readNode(document.body);
    if (view.ok) nodes.push({ view: view.value, document });
    else notices.push(nodeNotice(document, { ...view.fault, remedy: `${view.fault.remedy}; it is passed over` }));
  }
  if (seen.size > 0) return succeed({ nodes, notices });
  return refuse([wholeFault(file, "holds no Node", "give what kubectl get nodes -o yaml prints")]);
}

function nodeNotice(document: KubernetesDocument, fault: Fault): ConvertNotice {
  return { ...documentFault(document, fault), class: "node" };
}

const MAX_ALIKE = 3;

/** What many Nodes say wrong in the same way is told once, with their names. */
function joinedNotices(notices: readonly ConvertNotice[]): ConvertNotice[] {
  const groups = new Map<string, ConvertNotice[]>();
  for (const notice of notices) {
    const key = `${notice.path} ${notice.problem}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [notice]);
    else group.push(notice);
  }
  return [...groups.values()].flatMap((group): ConvertNotice[] => {
    const [first, ...others] = group;
    if (first === undefined || group.length <= MAX_ALIKE) return group;
    const names = listed(others.map(({ object }) => object));
    return [{ ...first, problem: `${first.problem} (so it is with ${names})` }];
  });
}

type Found = ReadNode & ReturnType<typeof discoverPeers>;

/** Each peer once: Nodes with one host name may say the same. */
function discoveredPeers(found: readonly Found[], taken: ReadonlySet<string>): SourcePeer[] {
  const peers = new Map<string, Omit<SourcePeer, "name">>();
  for (const { document, discovered } of found) {
    for (const { peer: named, path } of discovered) {
      const { name: _, ...peer } = named;
      const text = revealingText(peer);
      if (!peers.has(text)) peers.set(text, { peer, place: placeOf(document), path });
    }
  }
  // In the order of what they say, so that their names do not depend on that of the Nodes.
  const sorted = [...peers].toSorted(([a], [b]) => compareTexts(a, b)).map(([, peer]) => peer);
  const unnamed = sorted.map(({ peer }) => peer);
  const names = nameHostPeers(unnamed, taken);
  return sorted.map((peer, index): SourcePeer => Object.assign({ name: names[index] ?? "" }, peer));
}

/** The peer without the Nodes on which another takes its place; nothing where it is for none but those. */
function keptFrom(hosts: ReadonlySet<string> | undefined, one: SourcePeer): SourcePeer[] {
  if (hosts === undefined) return [one];
  const isFor = ({ matchLabels }: LabelSelector): boolean =>
    matchLabels.some(([key, value]) => key === HOSTNAME && hosts.has(value));
  const { peer } = one;
  const everywhere: LabelSelector = { matchLabels: [], matchExpressions: [] };
  const others = {
    key: HOSTNAME,
    operator: "NotIn",
    values: [...hosts].toSorted(compareTexts),
  } as const;
  const selectors = (peer.nodeSelectors.length === 0 ? [everywhere] : peer.nodeSelectors)
    .filter((selector) => !isFor(selector))
    .map(({ matchLabels, matchExpressions }) => ({
      matchLabels,
      matchExpressions: canonicalSet([...matchExpressions, others]),
    }));
  return selectors.length === 0 ? [] : [{ ...one, peer: { ...peer, nodeSelectors: anyOfSelectors(selectors) } }];
}

function portFaults(discovered: readonly SourcePeer[]): Fault[] {
  return discovered.flatMap(({ peer: { address, port }, place, path }): Fault[] => {
    if (port <= MAX_PORT) return [];
    const value = `${address === undefined ? "" : formatAddress(address)} port ${port}`;
    const problem = "is on a port above what a BGPPeer can have";
    const remedy = `let the peer listen on a port of 1 to ${MAX_PORT}, or say --keep-autodiscovery`;
    return [{ object: place.object, path, value, problem, remedy, ...place.positionOf(path) }];
  });
}

/** A Node has to have the same peers by the resources alone. */
function differenceOn({ view, document, peers }: Found, { peers: after }: Model): Fault[] {
  const now = textsOf(peers);
  const then = textsOf(after.filter(({ nodeSelectors }) => anySelectorMatches(nodeSelectors, view.labels)));
  if (now === then) return [];
  const fault = { object: `Node ${view.name}`, path: "", value: undefined };
  const problem =
    "would have other peers than it has: another Node has its host name, or a BGPPeer that is there already is in the way";
  const remedy = "give the Nodes unlike host names, convert without that BGPPeer, or say --keep-autodiscovery";
  return [documentFault(document, { ...fault, problem, remedy })];
}

/** Without what differs between a peer that a Node says and the BGPPeer that it becomes. */
function textsOf(peers: readonly Peer[]): string {
  return peers
    .map((peer) => revealingText({ ...peer, name: "", nodeSelectors: [] }))
    .toSorted(compareTexts)
    .join();
}

function snapshotNotice(count: number, nodes: number, place: Place | undefined): ConvertNotice {
  const peers = count === 0 ? "no BGPPeer" : count === 1 ? "1 BGPPeer" : `${count} BGPPeers`;
  const problem = `becomes ${peers}, by what ${nodes === 1 ? "the Node says" : `the ${nodes} Nodes say`} now, and does not follow later changes of Nodes`;
  const remedy = "convert again when Nodes come, go or change, or say --keep-autodiscovery instead of --nodes";
  return { ...discoveryRemark(place, problem, remedy), class: "left out" };
}

function byName(a: Readonly<{ name: string }>, b: Readonly<{ name: string }>): number {
  return compareTexts(a.name, b.name);
}
