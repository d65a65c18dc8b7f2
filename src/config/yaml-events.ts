import type { Event } from "js-yaml";
import { YAMLException, parseEvents } from "js-yaml";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";

/** What is wrong with a text and where. Never quotes the text, which may be a password. */
export type YamlFault = Readonly<{
  offset: number;
  problem: string;
  remedy: string;
  /** The text up to here is a whole document, and what follows is none. */
  isTrailing?: true;
}>;

/** Deepest nesting of collections, aliases included. */
export const MAX_DEPTH = 100;

const INDENT_REMEDY = "indent with blanks, the same number for the keys of one mapping";

/** Lines of flow collections that may be indented by less than what is around them: each costs one more parsing. */
const MAX_SHALLOW_LINES = 200;

/** `text` is what positions in the events count in; `offsetOf` turns them into offsets of what was given. */
export type YamlEvents = Readonly<{ events: readonly Event[]; text: string; offsetOf(position: number): number }>;

/**
 * Parses a YAML document into events, as go-yaml reads it: between brackets a line may be indented by anything, tabs
 * included, where the parser wants more blanks than the collection around has; such lines are indented for it.
 */
export function parseYamlEvents(source: string): Result<YamlEvents, YamlFault> {
  const [before] = /^(?: *(?:#[^\r\n]*)?[\r\n]+)* *(?=\t)/.exec(source) ?? [];
  if (before !== undefined) {
    return refuse({ offset: before.length, problem: "is not YAML (a tab begins the document)", remedy: INDENT_REMEDY });
  }
  let text = source;
  const insertions: Insertion[] = []; // BOUNDED by MAX_SHALLOW_LINES
  const offsetOf = (position: number): number => offsetBefore(insertions, position);
  for (;;) {
    try {
      return succeed({ events: parseEvents(text, { maxDepth: MAX_DEPTH }), text, offsetOf });
    } catch (error) {
      const deeper = insertions.length < MAX_SHALLOW_LINES ? indentedFor(error, text, insertions) : undefined;
      if (deeper === undefined) return refuse(describeException(error, offsetOf));
      text = deeper;
    }
  }
}

/** Blanks that were put into the text: where they begin in it and how many they are. */
type Insertion = Readonly<{ position: number; blanks: number }>;

function offsetBefore(insertions: readonly Insertion[], position: number): number {
  let offset = position;
  for (const { position: at, blanks } of insertions) if (at < position) offset -= Math.min(blanks, position - at);
  return offset;
}

/** The text with more indentation where the parser missed it; undefined where that was not the problem. */
function indentedFor(error: unknown, text: string, insertions: Insertion[]): string | undefined {
  if (!(error instanceof YAMLException) || error.reason !== "deficient indentation") return undefined;
  const position = error.mark?.position ?? 0;
  const [blank = ""] = /[ \t]*$/.exec(text.slice(0, position)) ?? [];
  const start = position - blank.length;
  if (blank.includes("\t")) return text.slice(0, start) + " ".repeat(blank.length) + text.slice(position);
  const line = text.slice(Math.max(text.lastIndexOf("\n", start - 1), text.lastIndexOf("\r", start - 1)) + 1, start);
  const tab = /^[^"'\t]*[ :,[{-]\t/.exec(line)?.[0].length;
  if (tab !== undefined) {
    const at = start - line.length + tab - 1;
    return `${text.slice(0, at)} ${text.slice(at + 1)}`;
  }
  const isLineStart = start === 0 || /[\r\n]/.test(text.charAt(start - 1));
  if (!isLineStart || insertions.some((one) => one.position === start)) return undefined;
  const blanks = widestIndent(text);
  for (const [index, one] of insertions.entries()) {
    if (one.position > start) insertions[index] = { ...one, position: one.position + blanks };
  }
  insertions.push({ position: start, blanks });
  return text.slice(0, start) + " ".repeat(blanks) + text.slice(start);
}

function widestIndent(text: string): number {
  let widest = 0;
  for (const [{ length }] of text.matchAll(/^[ -]*/gm)) widest = Math.max(widest, length);
  return Math.min(widest, MAX_DEPTH * 8) + 1;
}

/** The parser's texts may quote the input; these are the same in words that cannot. */
function describeException(error: unknown, offsetOf: (position: number) => number): YamlFault {
  if (!(error instanceof YAMLException)) {
    const problem = "is more than the parser can hold";
    return { offset: 0, problem, remedy: "write it with fewer levels and values" };
  }
  const offset = offsetOf(error.mark?.position ?? 0);
  if (error.reason.startsWith("nesting exceeded")) {
    const problem = `is nested more than ${MAX_DEPTH} levels deep`;
    return { offset, problem, remedy: "write it with fewer levels" };
  }
  const reason = error.reason.replace(/["!:(].*$/s, "").trimEnd();
  const remedy = /indentation|tab characters/.test(reason)
    ? INDENT_REMEDY
    : "correct the text here or on the line before";
  const fault = { offset, problem: `is not YAML (${reason})`, remedy };
  return reason.startsWith("end of the stream or a document separator") ? { ...fault, isTrailing: true } : fault;
}
