import type { ScalarEvent } from "js-yaml";
import { COLLECTION_STYLE, EVENT_ID, SCALAR_STYLE, getScalarValue } from "js-yaml";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import type { YamlEvents, YamlFault } from "./yaml-events.js";
import { parseYamlEvents } from "./yaml-events.js";

export type { YamlFault } from "./yaml-events.js";
export { MAX_DEPTH } from "./yaml-events.js";

/**
 * A YAML document as it was written, before any scalar got a meaning. An alias is the very node of its anchor, so the
 * tree is a graph without cycles: whoever walks it bounds depth and number of visits. Offsets count from the beginning
 * of the text that was parsed; -1 where a value has no place of its own (absent values, and block scalars, whose text
 * begins a line below).
 */
export type YamlNode = YamlScalar | YamlSequence | YamlMapping;
export type YamlScalar = Readonly<{
  kind: "scalar";
  /** Quotes, escapes and indentation taken off; otherwise the source text. */
  text: string;
  style: "plain" | "quoted" | "literal" | "folded";
  /** Explicit tag without its `!!`: `str`, `int`, …; the full tag where it is another's; "" where there is none. */
  tag: string;
  offset: number;
  /** Of a block scalar: where its first line begins, and the columns taken off each line. */
  block?: Readonly<{ offset: number; indent: number }>;
}>;
export type YamlSequence = Readonly<{ kind: "sequence"; items: readonly YamlNode[]; offset: number }>;
export type YamlMapping = Readonly<{ kind: "mapping"; entries: readonly YamlEntry[]; offset: number }>;
export type YamlEntry = Readonly<{ key: YamlNode; value: YamlNode }>;

/** What one document may cost. `marks` are line breaks, commas and opening brackets: values are fewer than those. */
export type YamlLimits = Readonly<{ characters: number; marks: number }>;
/** For manifests: a List of 5,000 Services has 10 million characters and 400,000 marks. */
export const MANIFEST_LIMITS: YamlLimits = { characters: 32 * 1024 * 1024, marks: 1_000_000 };

/** A parsed document. `shared`: the nodes that aliases refer to, which a walk over the tree meets more than once. */
export type YamlDocument = Readonly<{
  root: YamlNode | undefined;
  shared: ReadonlySet<YamlNode>;
  /** Upper bound of the nodes of the tree, aliases not expanded. */
  size: number;
}>;

/**
 * Parses one YAML document (or JSON, which is YAML). Never throws. Work and memory are BOUNDED by the limits, which
 * are checked before anything is parsed, and by MAX_DEPTH.
 * @returns the document, without a root where it is empty
 */
export function parseYaml(text: string, limits: YamlLimits): Result<YamlDocument, YamlFault> {
  const excess = excessOf(text, limits);
  if (excess !== undefined) return refuse({ offset: 0, problem: excess, remedy: "split it into smaller documents" });
  const events = parseYamlEvents(text);
  return events.ok ? documentOfEvents(events.value) : events;
}

function excessOf(text: string, limits: YamlLimits): string | undefined {
  if (text.length > limits.characters) return `has ${text.length} characters, more than ${limits.characters}`;
  let marks = 0;
  for (let index = 0; index < text.length; index += 1) {
    switch (text.charCodeAt(index)) {
      case 0x0a: // line feed
      case 0x0d: // carriage return
      case 0x2c: // ,
      case 0x5b: // [
      case 0x7b: // {
        marks += 1;
        break;
      default:
    }
  }
  return marks > limits.marks ? `has more than ${limits.marks} lines and values` : undefined;
}

type OpenNode =
  | { kind: "document"; root: YamlNode | undefined }
  | { kind: "sequence"; isFlow: boolean; node: YamlSequence; items: YamlNode[] }
  | { kind: "mapping"; isFlow: boolean; node: YamlMapping; entries: YamlEntry[]; key: YamlNode | undefined };

function documentOfEvents({ text, events, offsetOf }: YamlEvents): Result<YamlDocument, YamlFault> {
  const open: OpenNode[] = []; // BOUNDED by MAX_DEPTH
  const anchors = new Map<string, YamlNode>(); // BOUNDED by the values of the document
  const shared = new Set<YamlNode>(); // BOUNDED by the aliases of the document
  let root: YamlNode | undefined;
  for (const event of events) {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        if (open.length > 0 || root !== undefined) {
          return refuse({ offset: 0, problem: "holds a second document", remedy: "put --- on a line of its own" });
        }
        open.push({ kind: "document", root: undefined });
        break;
      case EVENT_ID.POP: {
        const closed = open.pop();
        if (closed?.kind === "document") root = closed.root;
        break;
      }
      case EVENT_ID.ALIAS: {
        const node = anchors.get(text.slice(event.anchorStart, event.anchorEnd));
        const offset = offsetOf(event.anchorStart - 1);
        if (node === undefined) {
          const remedy = "put the anchor (&name) before its first use, or quote the text if it is no alias";
          return refuse({ offset, problem: "is an alias of an anchor that does not exist", remedy });
        }
        if (open.some((outer) => outer.kind !== "document" && outer.node === node)) {
          return refuse({
            offset,
            problem: "is an alias of something that contains it",
            remedy: "write the value out",
          });
        }
        shared.add(node);
        addNode(open, node);
        break;
      }
      case EVENT_ID.SCALAR: {
        const node = scalarOf(text, event, offsetOf);
        const problem = beyondGo(text, event, open.at(-1));
        if (problem !== undefined) return refuse({ offset: offsetOf(Math.max(event.valueStart, 0)), ...problem });
        noteAnchor(anchors, text, event, node);
        addNode(open, node);
        break;
      }
      case EVENT_ID.SEQUENCE: {
        const items: YamlNode[] = [];
        const node: YamlSequence = { kind: "sequence", items, offset: offsetOf(event.start) };
        noteAnchor(anchors, text, event, node);
        addNode(open, node);
        open.push({ kind: "sequence", isFlow: event.style === COLLECTION_STYLE.FLOW, node, items });
        break;
      }
      case EVENT_ID.MAPPING: {
        const entries: YamlEntry[] = [];
        const node: YamlMapping = { kind: "mapping", entries, offset: offsetOf(event.start) };
        noteAnchor(anchors, text, event, node);
        addNode(open, node);
        open.push({ kind: "mapping", isFlow: event.style === COLLECTION_STYLE.FLOW, node, entries, key: undefined });
        break;
      }
    }
  }
  return succeed({ root, shared, size: events.length });
}

/** What the parser takes and go-yaml does not: the old releases, and Kubernetes, refuse it. */
function beyondGo(
  text: string,
  { valueStart, valueEnd, style }: ScalarEvent,
  parent: OpenNode | undefined,
): Readonly<{ problem: string; remedy: string }> | undefined {
  if (parent === undefined || parent.kind === "document") return undefined;
  if (parent.isFlow) {
    if (style !== SCALAR_STYLE.PLAIN || valueStart < 0 || !/^:|\?/.test(text.slice(valueStart, valueEnd)))
      return undefined;
    return { problem: "begins with : or has a ? in it, between brackets", remedy: "put the text in quotes" };
  }
  if (parent.kind !== "mapping" || parent.key !== undefined) return undefined;
  let lineStart = Math.max(valueStart, 0); // lastIndexOf would search the whole text for the line end that it has not
  while (lineStart > 0 && !isLineBreak(text.charCodeAt(lineStart - 1))) lineStart -= 1;
  const isFirst = valueStart >= 0 && KEY_PREFIX.test(text.slice(lineStart, valueStart));
  return isFirst ? undefined : { problem: "is a key in the wrong place", remedy: "begin a new line with the key" };
}

function isLineBreak(code: number): boolean {
  return code === 0x0a || code === 0x0d;
}

/** What may stand before a key of a block mapping: indicators, an anchor, a tag. */
const KEY_PREFIX = /^\uFEFF?(?:---[ \t]+)?[ \t]*(?:[-?:][ \t]+)*(?:[&!]\S*[ \t]+)*["']?$/;

function addNode(open: readonly OpenNode[], node: YamlNode): void {
  const parent = open.at(-1);
  if (parent === undefined) return;
  if (parent.kind === "document") {
    parent.root = isAbsent(node) ? undefined : node;
  } else if (parent.kind === "sequence") {
    parent.items.push(node);
  } else if (parent.key === undefined) {
    parent.key = node;
  } else {
    parent.entries.push({ key: parent.key, value: node });
    parent.key = undefined;
  }
}

function isAbsent(node: YamlNode): boolean {
  return node.kind === "scalar" && node.style === "plain" && node.text === "" && node.tag === "";
}

function noteAnchor(
  anchors: Map<string, YamlNode>,
  text: string,
  { anchorStart, anchorEnd }: Readonly<{ anchorStart: number; anchorEnd: number }>,
  node: YamlNode,
): void {
  if (anchorStart >= 0) anchors.set(text.slice(anchorStart, anchorEnd), node);
}

const STYLES: Readonly<Record<number, YamlScalar["style"]>> = {
  [SCALAR_STYLE.SINGLE_QUOTED]: "quoted",
  [SCALAR_STYLE.DOUBLE_QUOTED]: "quoted",
  [SCALAR_STYLE.LITERAL_BLOCK]: "literal",
  [SCALAR_STYLE.FOLDED_BLOCK]: "folded",
};

function scalarOf(text: string, event: ScalarEvent, offsetOf: YamlEvents["offsetOf"]): YamlScalar {
  const style = STYLES[event.style] ?? "plain";
  const tag = event.tagStart < 0 ? "" : shortTag(text.slice(event.tagStart, event.tagEnd));
  const value = getScalarValue(text, event);
  if (style === "literal" || style === "folded") {
    const block = { offset: offsetOf(event.valueStart), indent: Math.max(event.indent, 0) };
    return { kind: "scalar", text: value, style, tag, offset: -1, block };
  }
  const offset = offsetOf(style === "quoted" ? event.valueStart - 1 : event.valueStart);
  return { kind: "scalar", text: value, style, tag, offset };
}

/** `!!int`, `!<tag:yaml.org,2002:int>` and `!` (a string, whatever it looks like) as words. */
function shortTag(raw: string): string {
  if (raw === "!") return "str";
  return raw.replace(/^!!/, "").replace(/^!<(?:tag:yaml\.org,2002:)?(.*)>$/, "$1");
}
