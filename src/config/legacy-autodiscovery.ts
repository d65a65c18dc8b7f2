import { parseAddress } from "../runtime/net/address.js";
import { HIDDEN_VALUE } from "../runtime/net/fault.js";
import { parseGoDuration, wholeSeconds } from "../runtime/net/go-duration.js";
import { pointerTo } from "./json-pointer.js";
import type { LegacyContext } from "./legacy-context.js";
import { DEFAULT_HOLD_TIME_SECONDS, DURATION_REMEDY, readLegacySelectors } from "./legacy-peers.js";
import type { LegacyDiscoveryDocument, LegacyDiscoveryMapping, LegacyDocument } from "./legacy-schema.js";
import type { AutodiscoveryMapping, PeerAutodiscovery } from "./model.js";
import type { YamlDocument, YamlEntry, YamlNode } from "./yaml-node.js";

const PATH = "/peer-autodiscovery";
const SOURCES = ["from-annotations", "from-labels"] as const;

/**
 * Reads `peer-autodiscovery`, which no release knew and every ConfigMap of one distribution has: it is read whatever
 * the release.
 * @param isOlderShape one mapping stood where later builds take a list of them
 */
export function readLegacyAutodiscovery(
  document: LegacyDocument,
  isOlderShape: boolean,
  context: LegacyContext,
): PeerAutodiscovery | undefined {
  const written = document["peer-autodiscovery"];
  if (written === undefined) return undefined;
  if (SOURCES.every((source) => written[source] === undefined)) {
    const remedy = "add from-annotations or from-labels, or remove peer-autodiscovery";
    context.refuse(PATH, HIDDEN_VALUE, "has neither from-annotations nor from-labels", remedy);
  }
  const defaults = readDefaults(written, context);
  const hasSrcAddress = SOURCES.some((source) => written[source]?.some((one) => one?.["src-address"] !== undefined));
  return {
    nodeSelectors: readLegacySelectors(written["node-selectors"] ?? [], `${PATH}/node-selectors`, context),
    defaults,
    mappings: SOURCES.flatMap((source) => readMappings(written, source, defaults, context)),
    prefersDiscovered: isOlderShape || hasSrcAddress,
  };
}

function readDefaults(
  { defaults = {} }: LegacyDiscoveryDocument,
  context: LegacyContext,
): PeerAutodiscovery["defaults"] {
  const path = `${PATH}/defaults`;
  const { "my-asn": myAsn = 0, "peer-asn": peerAsn = 0, "peer-port": port = 0 } = defaults;
  const { "peer-address": addressText = "", "hold-time": holdTime = "", "router-id": routerId = "" } = defaults;
  const address = parseAddress(addressText);
  if (addressText !== "" && address === undefined) {
    const remedy = "write one IPv4 or IPv6 address";
    context.ignore(`${path}/peer-address`, addressText, "is no address and counts as none", remedy);
  }
  if (routerId !== "") {
    const remedy = "map it to an annotation, or remove it: the identifier is then chosen automatically";
    context.ignore(`${path}/router-id`, routerId, "was never used as a default", remedy);
  }
  return {
    ...(myAsn !== 0 && { myAsn }),
    ...(peerAsn !== 0 && { peerAsn }),
    ...(address !== undefined && { address }),
    port: port || 179, // 0 too means the well-known port
    holdTimeSeconds: readHoldTime(holdTime, `${path}/hold-time`, context),
  };
}

function readHoldTime(text: string, path: string, context: LegacyContext): number {
  if (text === "") return DEFAULT_HOLD_TIME_SECONDS;
  const duration = parseGoDuration(text);
  const seconds = duration.ok ? wholeSeconds(duration.value) : -1;
  if (seconds === 0 || seconds >= 3) return seconds;
  const problem = duration.ok ? "is neither 0 nor at least 3 seconds" : duration.fault;
  context.refuse(path, text, problem, DURATION_REMEDY);
  return DEFAULT_HOLD_TIME_SECONDS;
}

function readMappings(
  written: LegacyDiscoveryDocument,
  source: (typeof SOURCES)[number],
  defaults: PeerAutodiscovery["defaults"],
  context: LegacyContext,
): AutodiscoveryMapping[] {
  return (written[source] ?? []).flatMap((one, index): AutodiscoveryMapping[] => {
    if (one === undefined) return [];
    const path = pointerTo(`${PATH}/${source}`, index);
    const needed = [
      ["my-asn", defaults.myAsn],
      ["peer-asn", defaults.peerAsn],
      ["peer-address", defaults.address],
    ] as const;
    for (const [key, otherwise] of needed) {
      if ((one[key] ?? "") !== "" || otherwise !== undefined) continue;
      const remedy = `name the ${WORDS[source]} that holds it, or give it under defaults`;
      context.refuse(`${path}/${key}`, one[key], "is needed here, as there is no default", remedy);
    }
    if ((one["source-address"] ?? "") !== "" && (one["src-address"] ?? "") !== "") {
      const remedy = "remove one of the two";
      context.refuse(`${path}/src-address`, one["src-address"], "is there beside source-address", remedy);
    }
    return [mappingOf(one, source)];
  });
}

const WORDS = { "from-annotations": "annotation", "from-labels": "label" } as const;

function mappingOf(written: LegacyDiscoveryMapping, source: (typeof SOURCES)[number]): AutodiscoveryMapping {
  const keys = {
    myAsn: written["my-asn"],
    peerAsn: written["peer-asn"],
    address: written["peer-address"],
    port: written["peer-port"],
    sourceAddress: written["source-address"] || written["src-address"],
    holdTime: written["hold-time"],
    routerId: written["router-id"],
  };
  const mapped = Object.entries(keys).filter(([, key]) => key !== undefined && key !== "");
  return { from: source === "from-annotations" ? "annotations" : "labels", ...Object.fromEntries(mapped) };
}

/** The places in which a document has one mapping where later builds take a list of them. */
export type SingleMappings = ReadonlySet<string>;

/** The document with a list around each such mapping. */
export function listSingleMappings(
  document: YamlDocument,
): Readonly<{ root: YamlNode | undefined; singles: SingleMappings }> {
  const singles = new Set<string>(); // BOUNDED by SOURCES
  const listed = (node: YamlNode): YamlNode =>
    withEntries(node, ({ key, value }) => {
      const source = SOURCES.find((name) => isKey(key, name));
      if (source === undefined || value.kind !== "mapping") return value;
      singles.add(`${PATH}/${source}`);
      return { kind: "sequence", items: [value], offset: value.offset };
    });
  const root =
    document.root &&
    withEntries(document.root, ({ key, value }) => (isKey(key, "peer-autodiscovery") ? listed(value) : value));
  return { root, singles };
}

/** A path into the document with the lists, as it leads into the document that was written. */
export function pathWithoutLists(path: string, singles: SingleMappings): string {
  for (const single of singles) {
    if (path.startsWith(`${single}/0`)) return single + path.slice(single.length + 2);
  }
  return path;
}

function isKey(key: YamlNode, name: string): boolean {
  return key.kind === "scalar" && key.text === name;
}

function withEntries(node: YamlNode, change: (entry: YamlEntry) => YamlNode): YamlNode {
  if (node.kind !== "mapping") return node;
  return { ...node, entries: node.entries.map((entry) => ({ key: entry.key, value: change(entry) })) };
}
