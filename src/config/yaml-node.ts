import type { Event, ScalarEvent } from "js-yaml";
import { EVENT_ID, SCALAR_STYLE, YAMLException, getScalarValue, parseEvents } from "js-yaml";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";

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

/** What is wrong with a text and where. Never quotes the text, which may be a password. */
export type YamlFault = Readonly<{ offset: number; problem: string; remedy: string }>;

/** What one document may cost. `marks` are line breaks, commas and opening brackets: values are fewer than those. */
export type YamlLimits = Readonly<{ characters: number; marks: number }>;
/** For manifests: a List of 5,000 Services has 10 million characters and 400,000 marks. */
export const MANIFEST_LIMITS: YamlLimits = { characters: 32 * 1024 * 1024, marks: 1_000_000 };
/** Deepest nesting of collections, aliases included. */
export const MAX_DEPTH = 100;

/** A parsed document. `shared`: the nodes that aliases refer to, which a walk over the tree meets more than once. */
export type YamlDocument = Readonly<{ root: YamlNode | undefined; shared: ReadonlySet<YamlNode> }>;

/**
 * Parses one YAML document (or JSON, which is YAML). Never throws. Work and memory are BOUNDED by the limits, which
 * are checked before anything is parsed, and by MAX_DEPTH.
 * @returns the document, without a root where it is empty
 */
export function parseYaml(text: string, limits: YamlLimits): Result<YamlDocument, YamlFault> {
  const excess = excessOf(text, limits);
  if (excess !== undefined) return refuse({ offset: 0, problem: excess, remedy: "split it into smaller documents" });
  let events: Event[];
  try {
    events = parseEvents(text, { maxDepth: MAX_DEPTH });
  } catch (error) {
    return refuse(describeException(error));
  }
  return documentOfEvents(text, events);
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

/** The parser's texts may quote the input; these are the same in words that cannot. */
function describeException(error: unknown): YamlFault {
  if (!(error instanceof YAMLException)) {
    const problem = "is more than the parser can hold";
    return { offset: 0, problem, remedy: "write it with fewer levels and values" };
  }
  const offset = error.mark?.position ?? 0;
  if (error.reason.startsWith("nesting exceeded")) {
    const problem = `is nested more than ${MAX_DEPTH} levels deep`;
    return { offset, problem, remedy: "write it with fewer levels" };
  }
  const reason = error.reason.replace(/["!:(].*$/s, "").trimEnd();
  const remedy = /indentation|tab characters/.test(reason)
    ? "indent with blanks, the same number for the keys of one mapping"
    : "correct the text here or on the line before";
  return { offset, problem: `is not YAML (${reason})`, remedy };
}

type OpenNode =
  | { kind: "document"; root: YamlNode | undefined }
  | { kind: "sequence"; node: YamlSequence; items: YamlNode[] }
  | { kind: "mapping"; node: YamlMapping; entries: YamlEntry[]; key: YamlNode | undefined };

function documentOfEvents(text: string, events: readonly Event[]): Result<YamlDocument, YamlFault> {
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
        const offset = event.anchorStart - 1;
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
        const node = scalarOf(text, event);
        noteAnchor(anchors, text, event, node);
        addNode(open, node);
        break;
      }
      case EVENT_ID.SEQUENCE: {
        const items: YamlNode[] = [];
        const node: YamlSequence = { kind: "sequence", items, offset: event.start };
        noteAnchor(anchors, text, event, node);
        addNode(open, node);
        open.push({ kind: "sequence", node, items });
        break;
      }
      case EVENT_ID.MAPPING: {
        const entries: YamlEntry[] = [];
        const node: YamlMapping = { kind: "mapping", entries, offset: event.start };
        noteAnchor(anchors, text, event, node);
        addNode(open, node);
        open.push({ kind: "mapping", node, entries, key: undefined });
        break;
      }
    }
  }
  return succeed({ root, shared });
}

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

function scalarOf(text: string, event: ScalarEvent): YamlScalar {
  const style = STYLES[event.style] ?? "plain";
  const tag = event.tagStart < 0 ? "" : shortTag(text.slice(event.tagStart, event.tagEnd));
  const node = { kind: "scalar", text: getScalarValue(text, event), style, tag } as const;
  if (style === "literal" || style === "folded") {
    return { ...node, offset: -1, block: { offset: event.valueStart, indent: Math.max(event.indent, 0) } };
  }
  return { ...node, offset: style === "quoted" ? event.valueStart - 1 : event.valueStart };
}

/** `!!int`, `!<tag:yaml.org,2002:int>` and `!` (a string, whatever it looks like) as words. */
function shortTag(raw: string): string {
  if (raw === "!") return "str";
  return raw.replace(/^!!/, "").replace(/^!<(?:tag:yaml\.org,2002:)?(.*)>$/, "$1");
}
