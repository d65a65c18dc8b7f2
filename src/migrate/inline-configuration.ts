import type { KubernetesDocument } from "../config/documents.js";
import type { DocumentSlice } from "../config/split-documents.js";
import { createLineIndex, type TextPosition } from "../config/text-position.js";
import { MANIFEST_LIMITS, parseYaml, type YamlMapping, type YamlNode } from "../config/yaml-node.js";

const INLINE_KEY = /^\s*["']?configInline["']?\s*:|[{,]\s*["']?configInline["']?\s*:/m;
const BARE_KEY = /^\uFEFF?["']?(?:address-pools|bgp-communities|bfd-profiles|peer-autodiscovery)["']?\s*:/m;
/** A key that other formats have as well, and one below it that they have not. */
const BARE_PEERS = [/^\uFEFF?["']?peers["']?\s*:/m, /\b(?:my|peer)-asn["']?\s*:/];
/** Where Helm values keep the configuration: of the chart, of a chart that has it as a part, and within a HelmRelease. */
const INLINE_PATHS = [
  ["configInline"],
  ["metallb", "configInline"],
  ["spec", "values", "configInline"],
  ["spec", "values", "metallb", "configInline"],
];

/** A part of a text as a text of its own; `locate` turns its places into those of the whole. */
type Excerpt = Readonly<{ text: string; start: TextPosition; locate(inner: TextPosition): TextPosition }>;

/**
 * The legacy configuration that a document holds without being a ConfigMap: Helm values with `configInline`, as a
 * mapping or as a text, or the text of a ConfigMap's `config` key by itself.
 * @param only `values`: not by itself
 * @returns a ConfigMap around it, or undefined where there is none or the document cannot be parsed
 */
export function inlineConfiguration(
  text: string,
  { start, end }: DocumentSlice,
  file: string,
  only?: "values",
): KubernetesDocument | undefined {
  const slice = text.slice(start, end);
  const isBare = only !== "values" && (BARE_KEY.test(slice) || BARE_PEERS.every((key) => key.test(slice)));
  if (!isBare && !INLINE_KEY.test(slice)) return undefined;
  const positionAt = createLineIndex(text);
  const { line } = positionAt(start);
  if (isBare) {
    const excerpt = { text: slice, start: { line, column: 1 }, locate: shiftLines(line) };
    return configMapAround(excerpt, file, "configuration");
  }
  const parsed = parseYaml(slice, MANIFEST_LIMITS);
  if (!parsed.ok || parsed.value.root === undefined) return undefined;
  for (const keys of INLINE_PATHS) {
    const node = nodeAt(parsed.value.root, keys);
    const excerpt = node && excerptOf(slice, node, (offset) => positionAt(start + offset));
    if (excerpt !== undefined) return configMapAround(excerpt, file, keys.join("."));
  }
  return undefined;
}

function nodeAt(root: YamlNode, keys: readonly string[]): YamlNode | undefined {
  let node: YamlNode | undefined = root;
  for (const name of keys) {
    if (node?.kind !== "mapping") return undefined;
    node = (node as YamlMapping).entries.find(({ key }) => key.kind === "scalar" && key.text === name)?.value;
  }
  return node;
}

function excerptOf(slice: string, node: YamlNode, positionAt: (offset: number) => TextPosition): Excerpt | undefined {
  if (node.kind === "mapping" && node.entries.length > 0) {
    const isFlow = slice[node.offset] === "{";
    return isFlow ? flowExcerpt(slice, node, positionAt) : blockExcerpt(slice, node, positionAt);
  }
  if (node.kind !== "scalar" || node.text.trim() === "") return undefined;
  const { text, block, style } = node;
  const start = positionAt(block?.offset ?? node.offset);
  const isExact = style === "literal" && block !== undefined;
  const shift = block?.indent ?? 0;
  const locate = (inner: TextPosition): TextPosition =>
    isExact ? { line: start.line + inner.line - 1, column: inner.column + shift } : start;
  return { text, start, locate };
}

/** The lines of the mapping without its indentation; a comment that is indented less is no part of it. */
function blockExcerpt(
  slice: string,
  { entries, offset }: YamlMapping,
  positionAt: (offset: number) => TextPosition,
): Excerpt | undefined {
  const first = entries[0]?.key.offset ?? offset;
  const start = positionAt(first);
  const indent = start.column - 1;
  const lineStart = first - indent;
  if (slice.slice(lineStart, first).trim() !== "") return undefined; // something else begins on this line
  const lines: string[] = []; // BOUNDED by the lines of the document
  for (const line of slice.slice(lineStart).split(/\r\n?|\n/)) {
    const depth = /^ */.exec(line)?.[0].length ?? 0;
    const isEmpty = /^\s*(?:#.*)?$/.test(line);
    if (depth < indent && !isEmpty) break;
    lines.push(depth < indent ? "" : line.slice(indent));
  }
  const locate = (inner: TextPosition): TextPosition => ({
    line: start.line + inner.line - 1,
    column: inner.column + indent,
  });
  return { text: `${lines.join("\n")}\n`, start, locate };
}

/** From the brace that opens the mapping to the one that closes it. */
function flowExcerpt(slice: string, { offset }: YamlMapping, positionAt: (offset: number) => TextPosition): Excerpt {
  const tokens = /"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[{}[\]]/gs;
  tokens.lastIndex = offset;
  let depth = 0;
  let end = slice.length;
  for (let match = tokens.exec(slice); match !== null; match = tokens.exec(slice)) {
    const [token] = match;
    if (token === "{" || token === "[") depth += 1;
    else if (token === "}" || token === "]") depth -= 1;
    if (depth > 0) continue;
    end = tokens.lastIndex;
    break;
  }
  const start = positionAt(offset);
  const locate = ({ line, column }: TextPosition): TextPosition => ({
    line: start.line + line - 1,
    column: line === 1 ? start.column + column - 1 : column,
  });
  return { text: slice.slice(offset, end), start, locate };
}

function shiftLines(first: number): (inner: TextPosition) => TextPosition {
  return ({ line, column }) => ({ line: first + line - 1, column });
}

/** `object`: what faults call it; the ConfigMap itself is written nowhere. */
function configMapAround({ text, start, locate }: Excerpt, file: string, object: string): KubernetesDocument {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    namespace: "",
    name: object,
    body: { data: { config: text } },
    source: { file, line: start.line, positionOf: () => start, positionInText: (_, inner) => locate(inner) },
  };
}
