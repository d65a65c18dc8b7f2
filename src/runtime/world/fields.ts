import type { Fault } from "../net/fault.js";
import type { Labels } from "./views.js";

/**
 * Reads the fields of one untyped API object. A field that is absent or null gives its empty value; one of the wrong
 * type gives its empty value too and is remembered as the fault of the object, the first one only: the object is
 * refused as a whole, and its owner mends it from the top.
 */
export type FieldReader = { readonly object: string; fault: Fault | undefined };

export type UntypedRecord = Readonly<Record<string, unknown>>;

// Shared by all views: thousands of objects have no annotations, no ingress, no selector.
const NO_RECORD: UntypedRecord = Object.freeze({});
const NO_LIST: readonly never[] = Object.freeze([]);
export const NO_LABELS: Labels = Object.freeze({});

export function isRecord(value: unknown): value is UntypedRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Remembers what is wrong unless something before it was wrong already. */
export function note(
  reader: FieldReader,
  path: string,
  value: unknown,
  { problem, remedy }: Readonly<{ problem: string; remedy: string }>,
): void {
  reader.fault ??= { object: reader.object, path, value, problem, remedy };
}

export function readRecord(reader: FieldReader, value: unknown, path: string): UntypedRecord {
  if (value === undefined || value === null) return NO_RECORD;
  if (isRecord(value)) return value;
  note(reader, path, value, { problem: "is not a mapping", remedy: "write fields with values under it" });
  return NO_RECORD;
}

export function readList(reader: FieldReader, value: unknown, path: string): readonly unknown[] {
  if (value === undefined || value === null) return NO_LIST;
  if (Array.isArray(value)) return value;
  note(reader, path, value, { problem: "is not a list", remedy: "write its elements after a dash each" });
  return NO_LIST;
}

/** `fallback` is what an absent field means; "" stays "". */
export function readText(reader: FieldReader, value: unknown, path: string, fallback = ""): string {
  if (value === undefined || value === null) return fallback;
  if (typeof value === "string") return value;
  note(reader, path, value, { problem: "is not a string", remedy: "put it in quotes" });
  return fallback;
}

/** undefined where the field is absent. */
export function readFlag(reader: FieldReader, value: unknown, path: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  note(reader, path, value, { problem: "is neither true nor false", remedy: "write true or false without quotes" });
  return undefined;
}

/** One of the words that the API knows; absent and "" give the first of `words`. */
export function readWord<Word extends string>(
  reader: FieldReader,
  value: unknown,
  path: string,
  words: readonly [Word, ...(readonly Word[])],
): Word {
  if (value === undefined || value === null || value === "") return words[0];
  const word = words.find((known) => known === value);
  if (word !== undefined) return word;
  note(reader, path, value, { problem: "is not a value of this field", remedy: `write ${words.join(" or ")}` });
  return words[0];
}

export function readTexts(reader: FieldReader, value: unknown, path: string): readonly string[] {
  const list = readList(reader, value, path);
  if (list.length === 0) return NO_LIST;
  return list.map((element, index) => readText(reader, element, `${path}/${index}`));
}

/** A map of strings, for instance labels. `keep` says which keys the view needs; the others are not even read. */
export function readLabels(
  reader: FieldReader,
  value: unknown,
  path: string,
  keep: (key: string) => boolean = () => true,
): Labels {
  const entries: [string, string][] = [];
  for (const [key, text] of Object.entries(readRecord(reader, value, path))) {
    if (!keep(key)) continue;
    entries.push([key, readText(reader, text, `${path}/${escapePointer(key)}`)]);
  }
  // fromEntries defines own properties, whatever the key: "__proto__" out of a hand-written manifest too.
  return entries.length === 0 ? NO_LABELS : Object.fromEntries(entries);
}

/** A key as a step of a JSON pointer. RFC 6901 §3 */
function escapePointer(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** The elements that `read` makes of a list; the shared empty list where it is empty or absent. */
export function readEach<View>(
  reader: FieldReader,
  value: unknown,
  path: string,
  read: (element: UntypedRecord, path: string) => View,
): readonly View[] {
  const list = readList(reader, value, path);
  if (list.length === 0) return NO_LIST;
  return list.map((element, index) => {
    const elementPath = `${path}/${index}`;
    return read(readRecord(reader, element, elementPath), elementPath);
  });
}

/** A field to spread into a view: nothing where the value is absent, as exactOptionalPropertyTypes has it. */
export function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): Readonly<{ [Name in Key]?: Value }> {
  return (value === undefined ? {} : { [key]: value }) as { [Name in Key]?: Value };
}
