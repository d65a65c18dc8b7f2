import type { Fault } from "../runtime/net/fault.js";
import { HIDDEN_VALUE } from "../runtime/net/fault.js";
import type { Generation } from "./generations.js";
import { listSingleMappings, pathWithoutLists, readLegacyAutodiscovery } from "./legacy-autodiscovery.js";
import type { LegacyContext, LegacyFindings } from "./legacy-context.js";
import { createLegacyContext, settleDifferences } from "./legacy-context.js";
import { decodeLegacy } from "./legacy-decode.js";
import type { LegacyBfdProfile, LegacyPeer } from "./legacy-peers.js";
import { readLegacyBfdProfiles, readLegacyPeers } from "./legacy-peers.js";
import type { LegacyPool } from "./legacy-pools.js";
import { readLegacyCommunities, readLegacyPools } from "./legacy-pools.js";
import type { LegacyDocument } from "./legacy-schema.js";
import { legacySchema } from "./legacy-schema.js";
import type { Notice, PeerAutodiscovery } from "./model.js";
import type { Place, Position } from "./place.js";
import { noticeOf } from "./place.js";
import { checkAgainst, pruneAt } from "./schema-faults.js";
import { splitDocuments } from "./split-documents.js";
import { createLineIndex } from "./text-position.js";
import type { TextPosition } from "./text-position.js";
import type { YamlLimits } from "./yaml-node.js";
import { parseYaml } from "./yaml-node.js";

/** The text of a `config` key and where it comes from. */
export type LegacyText = Readonly<{
  text: string;
  /** How faults call the object that the text is part of. */
  object: string;
  /** Position of a line and column of the text for the reader of a fault; counts within the text where it is absent. */
  locate?: (inner: TextPosition) => Position;
}>;

/** A legacy document, part by part, and what there is to say about it. With a fault, parts are missing. */
export type LegacyReading = Readonly<{
  place: Place;
  pools: readonly LegacyPool[];
  peers: readonly LegacyPeer[];
  bfdProfiles: readonly LegacyBfdProfile[];
  /** Alias to community. */
  communities: ReadonlyMap<string, string>;
  peerAutodiscovery?: PeerAutodiscovery;
  faults: readonly Fault[];
  notices: readonly Notice[];
}>;

const check = checkAgainst(legacySchema);

/** A ConfigMap holds a million characters at most; files may hold more of them. */
const LEGACY_LIMITS: YamlLimits = { characters: 4 * 1024 * 1024, marks: 200_000 };

/**
 * Reads the document that a legacy ConfigMap holds, with every fault that it has. Only the first document of a stream
 * counts; an empty one is valid and says nothing. Never throws.
 * @param generation as strict as this release; undefined: as lenient as the most lenient
 */
export function readLegacy({ text: source, object, locate }: LegacyText, generation?: Generation): LegacyReading {
  const text = source.replaceAll(/[\u0085\u2028\u2029]/g, "\n"); // line breaks of YAML 1.1 §5.4, of the same length
  const [slice = { start: 0, end: text.length }] = splitDocuments(text);
  const positionAt = createLineIndex(text);
  const positionOfOffset = (offset: number): Position => {
    const inner = positionAt(slice.start + Math.max(offset, 0));
    return locate?.(inner) ?? inner;
  };
  const { parsed, unread } = parseFirst(text.slice(slice.start, slice.end));
  if (!parsed.ok) {
    const { offset, problem, remedy } = parsed.fault;
    const place = { object, positionOf: () => positionOfOffset(offset) };
    const fault = { object, path: "", value: undefined, problem, remedy, ...positionOfOffset(offset) };
    return { ...EMPTY_READING, place, faults: [fault] };
  }
  const { root, singles } = listSingleMappings(parsed.value);
  const { value, faults: decodeFaults, isIncomplete, truncated, offsets } = decodeLegacy(root, legacySchema);
  const place: Place = { object, positionOf: (path) => positionOfOffset(closestOffset(offsets, path)) };
  const findings: LegacyFindings = { faults: [], notices: [], differences: new Map() };
  const context = createLegacyContext(place, generation, findings, (path) => offsets.has(path));
  for (const { path, offset, problem, remedy } of decodeFaults) {
    const position = offset < 0 ? place.positionOf(path) : positionOfOffset(offset);
    findings.faults.push({ object, path, value: HIDDEN_VALUE, problem, remedy, ...position });
  }
  if (isIncomplete) return { ...EMPTY_READING, place, faults: findings.faults };
  if (unread !== undefined) {
    const problem = "has text here that does not belong to the document above it and is not read";
    const fault = { object, path: "", value: undefined, problem, remedy: "begin all its keys in the same column" };
    findings.notices.push(noticeOf({ ...fault, ...positionOfOffset(unread) }, "ignored"));
  }
  for (const { path, text: number, value: read } of truncated) {
    context.ignore(path, number, `has a fraction, which is cut off: it counts as ${read}`, "write a whole number");
  }
  const schemaFaults = check(value);
  for (const { path, value: found, problem, remedy } of schemaFaults) context.refuse(path, found, problem, remedy);
  pruneAt(
    value,
    schemaFaults.map(({ path }) => path),
  );
  const isMapping = !schemaFaults.some(({ path }) => path === "");
  const reading = isMapping ? readParts(value as LegacyDocument, singles.size > 0, context) : EMPTY_READING;
  const passwords = passwordsOf(value);
  settleDifferences(place, findings);
  const { faults, notices } = findings;
  const asWritten = <Kind extends Fault>(found: readonly Kind[]): Kind[] =>
    hide(found, passwords).map((one) => Object.assign({}, one, { path: pathWithoutLists(one.path, singles) }));
  return { ...reading, place, faults: asWritten(faults), notices: asWritten(notices) };
}

type FirstDocument = Readonly<{ parsed: ReturnType<typeof parseYaml>; unread?: number }>;

/**
 * The old releases read up to where the document ends and looked at nothing else: text further to the left than the
 * keys of the document is not part of it.
 */
function parseFirst(text: string): FirstDocument {
  const parsed = parseYaml(text, LEGACY_LIMITS);
  if (parsed.ok || parsed.fault.isTrailing !== true) return { parsed };
  const { offset } = parsed.fault;
  const before = parseYaml(text.slice(0, offset), LEGACY_LIMITS);
  const root = before.ok ? before.value.root : undefined;
  if (root === undefined) return { parsed };
  const isOutside = "[{".includes(text.charAt(root.offset)) || columnOf(text, offset) < columnOf(text, root.offset);
  return isOutside ? { parsed: before, unread: offset } : { parsed };
}

function columnOf(text: string, offset: number): number {
  return offset - text.lastIndexOf("\n", offset - 1);
}

const EMPTY_READING = {
  pools: [],
  peers: [],
  bfdProfiles: [],
  communities: new Map<string, string>(),
  faults: [],
  notices: [],
} as const;

function readParts(
  document: LegacyDocument,
  hasSingleMapping: boolean,
  context: LegacyContext,
): Omit<LegacyReading, "place" | "faults" | "notices"> {
  const bfdProfiles = readLegacyBfdProfiles(document, context);
  const peers = readLegacyPeers(document, context);
  const communities = readLegacyCommunities(document, context);
  const pools = readLegacyPools(document, communities, context);
  const peerAutodiscovery = readLegacyAutodiscovery(document, hasSingleMapping, context);
  return { bfdProfiles, peers, communities, pools, ...(peerAutodiscovery && { peerAutodiscovery }) };
}

function closestOffset(offsets: ReadonlyMap<string, number>, path: string): number {
  for (let closest = path; ; closest = closest.slice(0, closest.lastIndexOf("/"))) {
    const offset = offsets.get(closest);
    if (offset !== undefined) return offset;
    if (closest === "") return 0;
  }
}

function passwordsOf(document: unknown): string[] {
  const { peers } = document as LegacyDocument;
  if (!Array.isArray(peers)) return [];
  return (peers as NonNullable<LegacyDocument["peers"]>).flatMap((peer) => peer?.password || []);
}

/** A password can stand in a second place by way of an alias: wherever it is, it is not shown. */
function hide<Kind extends Fault>(faults: readonly Kind[], passwords: readonly string[]): Kind[] {
  if (passwords.length === 0) return [...faults];
  const secret = new Set(passwords);
  return faults.map((fault) =>
    typeof fault.value === "string" && secret.has(fault.value) ? { ...fault, value: HIDDEN_VALUE } : fault,
  );
}
