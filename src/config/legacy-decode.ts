import { isMergeKey, mergeSources } from "./manifest-value.js";
import { pointerTo } from "./json-pointer.js";
import { isRecord } from "./read-documents.js";
import type { ScalarMeaning } from "./yaml-scalar.js";
import { meaningOf } from "./yaml-scalar.js";
import type { YamlMapping, YamlNode, YamlScalar } from "./yaml-node.js";
import { MAX_DEPTH } from "./yaml-node.js";

/** The part of a JSON schema that directs how scalars are read. */
export type DecodeSchema = Readonly<{
  type?: string;
  /** What an absent value means, where that is not the zero of the type. */
  default?: unknown;
  properties?: Readonly<Record<string, DecodeSchema>>;
  additionalProperties?: boolean | DecodeSchema;
  items?: DecodeSchema;
}>;

export type DecodeFault = Readonly<{ path: string; offset: number; problem: string; remedy: string }>;
export type LegacyDecoding = Readonly<{
  /** What fits the schema by type has that type; the rest is left as it came, for the schema to refuse. */
  value: unknown;
  faults: readonly DecodeFault[];
  /** Not all of it was read: there is one fault, which says why. */
  isIncomplete: boolean;
  /** Numbers whose fraction was cut off: an AS number in the form 1.10 is read as 1. */
  truncated: readonly Readonly<{ path: string; text: string; value: number }>[];
  /** Where the value at each JSON pointer was written. */
  offsets: ReadonlyMap<string, number>;
}>;

/** More values than this, aliases expanded, are no configuration: 1,000 pools and 1,000 peers have 15,000. */
const MAX_VALUES = 300_000;
const MAX_FAULTS = 1000;

/**
 * Gives the values of a legacy document the types of its schema, as the decoder of the old releases did:
 * - a text field takes the source text of any scalar (`0123`, `yes`, `64512:1`), a number field unquoted numbers only,
 *   with fractions cut off; null is the same as absent, and in a list or map the zero of its type;
 * - a merge key is carried out where it stands and wins over the keys above it; mappings from text to text
 *   (`match-labels`, `bgp-communities`) are joined instead, and there a clash is a fault, as any repeated key is.
 *
 * Never throws; BOUNDED by MAX_VALUES and MAX_DEPTH, with a fault when it ends there.
 */
export function decodeLegacy(root: YamlNode | undefined, schema: DecodeSchema): LegacyDecoding {
  const decoding: Decoding = {
    faults: [],
    truncated: [],
    offsets: new Map(),
    remaining: MAX_VALUES,
    excess: undefined,
  };
  const value = root === undefined ? undefined : decode(decoding, root, schema, { path: "", depth: 0 });
  const { faults, truncated, offsets, excess } = decoding;
  if (excess !== undefined) return { value: {}, faults: [excess], isIncomplete: true, truncated: [], offsets };
  return { value: value ?? {}, faults, isIncomplete: false, truncated, offsets };
}

type Decoding = {
  faults: DecodeFault[];
  truncated: { path: string; text: string; value: number }[];
  offsets: Map<string, number>;
  remaining: number;
  excess: DecodeFault | undefined;
};
type Where = Readonly<{ path: string; depth: number }>;

/**
 * @param before what an earlier key or merge put in the same place
 * @returns undefined for null
 */
function decode(decoding: Decoding, node: YamlNode, schema: DecodeSchema, where: Where, before?: unknown): unknown {
  if (!isWithinBounds(decoding, node, where)) return undefined;
  if (node.offset >= 0) decoding.offsets.set(where.path, node.offset);
  switch (node.kind) {
    case "scalar":
      return decodeScalar(decoding, node, schema, where);
    case "sequence":
      return node.items.map((item, index) => {
        const itemWhere = { path: pointerTo(where.path, index), depth: where.depth + 1 };
        return decode(decoding, item, schema.items ?? {}, itemWhere) ?? zeroOf(schema.items);
      });
    case "mapping": {
      const into = new Map<string, unknown>(isRecord(before) ? Object.entries(before) : undefined);
      collect(decoding, node, schema, where, into);
      return Object.fromEntries(into); // unlike an assignment, it makes __proto__ a key like any other
    }
  }
}

function collect(
  decoding: Decoding,
  node: YamlMapping,
  schema: DecodeSchema,
  where: Where,
  into: Map<string, unknown>,
): void {
  const joins = schema.properties === undefined; // a mapping from text to text, where merges add and never override
  const seen = new Set<string>();
  for (const { key, value } of node.entries) {
    if (isMergeKey(key)) {
      merge(decoding, value, schema, where, into);
      continue;
    }
    const name = keyText(key);
    if (name === undefined) {
      note(decoding, where.path, key, "has a key that is no text", "write the key as a text");
      continue;
    }
    const path = pointerTo(where.path, name);
    if (seen.has(name) || (joins && into.has(name))) {
      note(decoding, path, key, "is a key that this mapping has already", "remove one of the two");
      continue;
    }
    seen.add(name);
    if (value.offset < 0 && key.offset >= 0) decoding.offsets.set(path, key.offset);
    const property = propertySchema(schema, name);
    if (property === undefined) {
      if (key.offset >= 0) decoding.offsets.set(path, key.offset);
      into.set(name, null); // the schema refuses the key, whatever its value
      continue;
    }
    const decoded = decode(decoding, value, property, { path, depth: where.depth + 1 }, into.get(name));
    if (decoded !== undefined) into.set(name, decoded);
    else if (joins) into.set(name, zeroOf(property));
    else into.delete(name);
  }
}

function merge(
  decoding: Decoding,
  value: YamlNode,
  schema: DecodeSchema,
  where: Where,
  into: Map<string, unknown>,
): void {
  for (const source of mergeSources(value)) {
    if (source.kind !== "mapping") {
      note(decoding, where.path, source, "is merged (<<) and is no mapping", "merge mappings only");
    } else if (isWithinBounds(decoding, source, { ...where, depth: where.depth + 1 })) {
      collect(decoding, source, schema, { ...where, depth: where.depth + 1 }, into);
    }
  }
}

function propertySchema(schema: DecodeSchema, name: string): DecodeSchema | undefined {
  if (schema.properties !== undefined) {
    return Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
  }
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : {};
}

function keyText(key: YamlNode): string | undefined {
  if (key.kind !== "scalar") return undefined;
  const meaning = meaningOf(key);
  return meaning.type === "invalid" ? undefined : textOf(key, meaning);
}

function textOf(node: YamlScalar, meaning: ScalarMeaning): string {
  if (meaning.type === "null") return "";
  return node.tag === "binary" && meaning.type === "string" ? meaning.value : node.text;
}

function decodeScalar(decoding: Decoding, node: YamlScalar, schema: DecodeSchema, { path }: Where): unknown {
  const { type } = schema;
  const meaning = meaningOf(node);
  switch (meaning.type) {
    case "invalid":
      return note(decoding, path, node, meaning.problem, "remove the tag or correct the text");
    case "null": {
      // The old decoder took two of the spellings for a value, not for its absence.
      const isZero = schema.default !== undefined && (node.text === "Null" || node.text === "NULL");
      return isZero ? zeroOf(schema) : undefined;
    }
    default:
      if (type === "string") return textOf(node, meaning);
      if (type !== "integer" || meaning.type !== "float") return meaning.value;
      return Number.isFinite(meaning.value) ? truncate(decoding, path, node.text, meaning.value) : node.text;
  }
}

function truncate({ truncated }: Decoding, path: string, text: string, number: number): number {
  const value = Math.trunc(number) + 0; // + 0: no negative zero
  if (value !== number) truncated.push({ path, text, value });
  return value;
}

/** What a null in a list or a map from text to text stands for. */
function zeroOf(schema: DecodeSchema | undefined): unknown {
  switch (schema?.type) {
    case "string":
      return "";
    case "integer":
      return 0;
    case "boolean":
      return false;
    case "array":
      return [];
    case "object":
      return {};
    default:
      return null;
  }
}

function isWithinBounds(decoding: Decoding, { offset }: YamlNode, { path, depth }: Where): boolean {
  if (decoding.excess !== undefined) return false; // ends the walk wherever it is
  decoding.remaining -= 1;
  if (depth > MAX_DEPTH) {
    const problem = `is nested more than ${MAX_DEPTH} levels deep`;
    decoding.excess = { path, offset, problem, remedy: "write it with fewer levels" };
  } else if (decoding.remaining < 0) {
    const problem = `is beyond the first ${MAX_VALUES} values, aliases expanded`;
    decoding.excess = { path, offset, problem, remedy: "write less of them" };
  }
  return decoding.excess === undefined;
}

function note({ faults }: Decoding, path: string, { offset }: YamlNode, problem: string, remedy: string): undefined {
  if (faults.length < MAX_FAULTS) faults.push({ path, offset, problem, remedy });
  return undefined;
}
