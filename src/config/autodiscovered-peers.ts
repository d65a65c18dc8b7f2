import type { IpAddress } from "../runtime/net/address.js";
import { formatAddress, parseAddress } from "../runtime/net/address.js";
import type { Fault } from "../runtime/net/fault.js";
import { HIDDEN_VALUE } from "../runtime/net/fault.js";
import { parseGoDuration, wholeSeconds } from "../runtime/net/go-duration.js";
import { pointerTo } from "./json-pointer.js";
import type { UnnamedPeer } from "./legacy-peers.js";
import type { AutodiscoveryMapping, Model, Peer, PeerAutodiscovery } from "./model.js";
import { namePeers } from "./object-names.js";
import { anySelectorMatches } from "./selector.js";

/** What a Node says of itself. */
export type SpeakingNode = Readonly<{
  name: string;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
}>;

/** The peers of one Node, in the order in which they count, and why others that it might have are none. */
export type NodePeers = Readonly<{ peers: readonly Peer[]; faults: readonly Fault[] }>;
/** `discovered`: those of the peers that the Node says itself, with the path of what says so. The others are the model's. */
export type DiscoveredPeers = NodePeers & Readonly<{ discovered: readonly Readonly<{ peer: Peer; path: string }>[] }>;

/** The label by which discovered peers are for one Node. */
export const HOSTNAME = "kubernetes.io/hostname";

/**
 * The peers that a Node has sessions with: those of the model that its labels select, and those that its annotations
 * and labels say. Of two with the same address and port the first counts. What does not become a peer as it was meant
 * is a fault with the reason, and keeps nothing else from counting. Pure, never throws; BOUNDED by the peers of the
 * model and what the annotations hold.
 */
export function discoverPeers({ peers, peerAutodiscovery }: Model, node: SpeakingNode): DiscoveredPeers {
  const selected = peers.filter(({ nodeSelectors }) => anySelectorMatches(nodeSelectors, node.labels));
  if (peerAutodiscovery === undefined || !anySelectorMatches(peerAutodiscovery.nodeSelectors, node.labels)) {
    return { peers: selected, discovered: [], faults: [] };
  }
  const hostname = node.labels[HOSTNAME];
  if (hostname === undefined) {
    const remedy = "give the Node this label: discovered peers are for the Node that has it";
    const path = pointerTo("/metadata/labels", HOSTNAME);
    const fault = nodeFault(node, path, undefined, "is needed to discover peers", remedy);
    return { peers: selected, discovered: [], faults: [fault] };
  }
  const faults: Fault[] = [];
  const discovered: Found[] = []; // BOUNDED by the parts of the Node's annotations and labels
  const taken = new Map(
    peerAutodiscovery.prefersDiscovered ? [] : selected.map((peer) => [targetOf(peer), `peer ${peer.name}`]),
  );
  for (const mapping of peerAutodiscovery.mappings) {
    const { found, faults: mappingFaults } = readMapping(mapping, peerAutodiscovery.defaults, node, hostname);
    faults.push(...mappingFaults);
    for (const one of found) {
      const target = targetOf(one.peer);
      const owner = taken.get(target);
      if (owner === undefined) {
        taken.set(target, "another peer of this Node");
        discovered.push(one);
      } else {
        const problem = `is where ${owner} is already: there is one session for both`;
        faults.push(nodeFault(node, one.path, target, problem, "remove one of the two, or give it another port"));
      }
    }
  }
  const isReplaced = (peer: Peer): boolean => peerAutodiscovery.prefersDiscovered && taken.has(targetOf(peer));
  const kept = selected.filter((peer) => !isReplaced(peer));
  for (const peer of selected.filter(isReplaced)) {
    const problem = `takes the place of peer ${peer.name}, which has the same address and port`;
    const path = discovered.find((one) => targetOf(one.peer) === targetOf(peer))?.path ?? "";
    faults.push(nodeFault(node, path, targetOf(peer), problem, "remove one of the two, or give it another port"));
  }
  const unnamed = discovered.map(({ peer }) => peer);
  const names = namePeers(unnamed, new Set(peers.map(({ name }) => name)));
  const named = unnamed.map((peer, index): Peer => Object.assign({ name: names[index] ?? "" }, peer));
  return {
    peers: peerAutodiscovery.prefersDiscovered ? [...named, ...kept] : [...kept, ...named],
    discovered: named.map((peer, index) => ({ peer, path: discovered[index]?.path ?? "" })),
    faults,
  };
}

type Found = Readonly<{ peer: UnnamedPeer; path: string }>;

function targetOf({ address, interface: interfaceName = "", port, vrf }: UnnamedPeer): string {
  const host = address === undefined ? interfaceName : formatAddress(address);
  return `${host} port ${port}${vrf === "" ? "" : ` in ${vrf}`}`;
}

/** What is written for one parameter of a mapping: several texts where commas part them, none where it is absent. */
type Written = Readonly<{ path: string; texts: readonly string[] }>;

function readMapping(
  mapping: AutodiscoveryMapping,
  defaults: PeerAutodiscovery["defaults"],
  node: SpeakingNode,
  hostname: string,
): Readonly<{ found: readonly Found[]; faults: readonly Fault[] }> {
  const silence = silenceOf(mapping, defaults, node);
  if (silence !== undefined) return { found: [], faults: [silence] };
  const faults: Fault[] = [];
  const written = (key: string | undefined): Written => {
    const values = node[mapping.from];
    const text = key !== undefined && Object.hasOwn(values, key) ? (values[key] ?? "") : "";
    const texts = text.split(",").map((part) => part.trim());
    return { path: pointerTo(`/metadata/${mapping.from}`, key ?? ""), texts: text === "" ? [] : texts };
  };
  const read = <Value>(key: string | undefined, rule: Rule<Value>): readonly Value[] => {
    const { path, texts } = written(key);
    return texts.flatMap((text): Value[] => {
      const value = rule.read(text);
      if (value === undefined) faults.push(nodeFault(node, path, text, rule.problem, rule.remedy));
      return value === undefined ? [] : [value];
    });
  };
  const orDefault = <Value>(
    key: string | undefined,
    rule: Rule<Value>,
    otherwise: Value | undefined,
  ): readonly Value[] => {
    const before = faults.length;
    const values = read(key, rule);
    if (values.length > 0 || faults.length > before) return values;
    if (otherwise !== undefined) return [otherwise];
    const path = pointerTo(`/metadata/${mapping.from}`, key ?? "");
    faults.push(nodeFault(node, path, undefined, "is needed for a peer", `${rule.remedy}, or give a default`));
    return [];
  };
  const addresses = orDefault(mapping.address, ADDRESS, defaults.address);
  const lists = {
    myAsn: orDefault(mapping.myAsn, ASN, defaults.myAsn),
    peerAsn: orDefault(mapping.peerAsn, ASN, defaults.peerAsn),
    port: orDefault(mapping.port, PORT, defaults.port),
    holdTimeSeconds: orDefault(mapping.holdTime, HOLD_TIME, defaults.holdTimeSeconds),
    sourceAddress: read(mapping.sourceAddress, ADDRESS),
    routerId: read(mapping.routerId, ADDRESS),
  };
  for (const [parameter, values] of Object.entries(lists)) {
    if (values.length <= 1 || values.length === addresses.length) continue;
    const path = pointerTo(`/metadata/${mapping.from}`, mapping[KEYS[parameter as keyof typeof lists]] ?? "");
    const problem = `has ${values.length} values for ${addresses.length} address${addresses.length === 1 ? "" : "es"}`;
    faults.push(nodeFault(node, path, values.map(shown).join(), problem, "write one value, or one for each address"));
  }
  if (faults.length > 0) return { found: [], faults };
  const identifier = written(mapping.routerId);
  for (const [index, { family }] of lists.routerId.entries()) {
    if (family === "ipv4") continue; // RFC 4271 §4.2: an identifier has 4 octets
    const problem = "is an IPv6 address and cannot be an identifier: the peer has one chosen automatically";
    faults.push(nodeFault(node, identifier.path, identifier.texts[index], problem, "write an IPv4 address"));
  }
  const { path } = written(mapping.address);
  const found = addresses.flatMap((address, index): Found[] => {
    const at = <Value>(values: readonly Value[]): Value | undefined => values[values.length > 1 ? index : 0];
    const [myAsn, peerAsn] = [at(lists.myAsn), at(lists.peerAsn)];
    const [port, holdTimeSeconds] = [at(lists.port), at(lists.holdTimeSeconds)];
    if (myAsn === undefined || peerAsn === undefined || port === undefined || holdTimeSeconds === undefined) return [];
    const [sourceAddress, routerId] = [at(lists.sourceAddress), at(lists.routerId)];
    const peer: UnnamedPeer = {
      myAsn,
      peerAsn,
      address,
      port,
      ...(sourceAddress && { sourceAddress }),
      holdTimeSeconds,
      ...(routerId?.family === "ipv4" && { routerId }),
      nodeSelectors: [{ matchLabels: [[HOSTNAME, hostname]], matchExpressions: [] }],
      ebgpMultiHop: false,
      vrf: "",
      gracefulRestart: false,
      dualStackAddressFamily: false,
      disableMP: false,
    };
    return [{ peer, path }];
  });
  return { found, faults };
}

/** A Node that has none of the keys is not meant to have a peer: that is said once, not for each of them. */
function silenceOf(
  mapping: AutodiscoveryMapping,
  defaults: PeerAutodiscovery["defaults"],
  node: SpeakingNode,
): Fault | undefined {
  const { from, ...keys } = mapping;
  if (Object.values(keys).some((key) => (Object.hasOwn(node[from], key) ? node[from][key] : "") !== ""))
    return undefined;
  const needed = (["myAsn", "peerAsn", "address"] as const).flatMap((parameter) =>
    defaults[parameter] === undefined && keys[parameter] !== undefined ? [keys[parameter]] : [],
  );
  if (needed.length < 2) return undefined; // what is missing is told as well by itself
  const remedy = `give the Node ${needed.join(", ")} if it is to have a peer, or leave it out with node-selectors`;
  const problem = "has none of the keys that a peer is read from";
  return { ...nodeFault(node, `/metadata/${from}`, HIDDEN_VALUE, problem, remedy), code: "node-without-peer" };
}

const KEYS = {
  myAsn: "myAsn",
  peerAsn: "peerAsn",
  port: "port",
  holdTimeSeconds: "holdTime",
  sourceAddress: "sourceAddress",
  routerId: "routerId",
} as const;

type Rule<Value> = Readonly<{ read(text: string): Value | undefined; problem: string; remedy: string }>;

const ADDRESS: Rule<IpAddress> = {
  read: parseAddress,
  problem: "is no address",
  remedy: "write one IPv4 or IPv6 address",
};
const ASN: Rule<number> = {
  read: (text) => decimal(text, 1, 4_294_967_295),
  problem: "is no AS number of 1 to 4294967295",
  remedy: "write an AS number",
};
const PORT: Rule<number> = {
  read: (text) => (text === "0" ? 179 : decimal(text, 1, 65_535)), // 0 too means the well-known port
  problem: "is no TCP port of 1 to 65535",
  remedy: "write a TCP port",
};
const HOLD_TIME: Rule<number> = {
  read: (text) => {
    const duration = parseGoDuration(text);
    const seconds = duration.ok ? wholeSeconds(duration.value) : -1;
    return seconds === 0 || seconds >= 3 ? seconds : undefined;
  },
  problem: "is no duration of 0s, or of 3s and more",
  remedy: "write a duration with its unit, as in 90s",
};

function decimal(text: string, min: number, max: number): number | undefined {
  const value = /^\d{1,20}$/.test(text) ? Number(text) : -1;
  return min <= value && value <= max ? value : undefined;
}

function shown(value: number | IpAddress): string {
  return typeof value === "number" ? String(value) : formatAddress(value);
}

function nodeFault({ name }: SpeakingNode, path: string, value: unknown, problem: string, remedy: string): Fault {
  return { object: `Node ${name}`, path, value, problem, remedy };
}
