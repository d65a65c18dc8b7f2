import { meaningOf } from "./yaml-scalar.js";
import type { YamlFault, YamlMapping, YamlNode, YamlScalar } from "./yaml-node.js";
import { MAX_DEPTH } from "./yaml-node.js";

/** Values that aliases may add to those that are written out: more is a bomb, not a manifest. */
const MAX_ALIASED_VALUES = 100_000;
const MAX_FAULTS = 100;

export type ManifestValue = Readonly<{ value: unknown; faults: readonly YamlFault[] }>;

/**
 * The plain value of a manifest, as Kubernetes makes JSON of YAML: keys become strings, merge keys are carried out (a
 * merge wins over the keys above it), dates stay text. A repeated key is a fault. BOUNDED by the values of the tree
 * and MAX_ALIASED_VALUES; never throws.
 */
export function manifestValue(root: YamlNode): ManifestValue {
  const reading: Reading = { faults: [], seen: new Set(), aliased: 0 };
  const value = valueOf(reading, root, 0);
  return { value, faults: reading.faults };
}

type Reading = { faults: YamlFault[]; seen: Set<YamlNode>; aliased: number };

function valueOf(reading: Reading, node: YamlNode, depth: number): unknown {
  if (!isWithinBounds(reading, node, depth)) return null;
  switch (node.kind) {
    case "scalar":
      return scalarValue(reading, node);
    case "sequence":
      return node.items.map((item) => valueOf(reading, item, depth + 1));
    case "mapping": {
      const entries = new Map<string, unknown>();
      collect(reading, node, entries, depth);
      return Object.fromEntries(entries); // unlike an assignment, it makes __proto__ a key like any other
    }
  }
}

/** Counts a visit; said once when there are too many, and from then on nothing is expanded a second time. */
function isWithinBounds(reading: Reading, node: YamlNode, depth: number): boolean {
  if (depth > MAX_DEPTH) {
    note(reading, node, `is nested more than ${MAX_DEPTH} levels deep`, "write it with fewer levels");
    return false;
  }
  if (!reading.seen.has(node)) {
    reading.seen.add(node);
    return true;
  }
  reading.aliased += 1;
  if (reading.aliased === MAX_ALIASED_VALUES + 1) {
    const problem = `expands to more than ${MAX_ALIASED_VALUES} values through aliases`;
    note(reading, node, problem, "write the values out");
  }
  return reading.aliased <= MAX_ALIASED_VALUES;
}

function collect(reading: Reading, node: YamlMapping, into: Map<string, unknown>, depth: number): void {
  const seen = new Set<string>();
  for (const { key, value } of node.entries) {
    if (isMergeKey(key)) {
      for (const source of mergeSources(value)) {
        if (source.kind !== "mapping")
          note(reading, source, "is merged (<<) and is not a mapping", "merge mappings only");
        else if (isWithinBounds(reading, source, depth + 1)) collect(reading, source, into, depth + 1);
      }
      continue;
    }
    const name = keyText(key);
    if (name === undefined) {
      note(reading, key, "is a key and not a plain word", "use texts as keys");
    } else if (seen.has(name)) {
      note(reading, key, "is a key that this mapping has already", "remove one of the two");
    } else {
      seen.add(name);
      into.set(name, valueOf(reading, value, depth + 1));
    }
  }
}

/** An unquoted `<<` key. */
export function isMergeKey(key: YamlNode): boolean {
  return (
    key.kind === "scalar" && key.text === "<<" && ((key.style === "plain" && key.tag === "") || key.tag === "merge")
  );
}

/** What a merge key brings in, in the order in which later ones win. */
export function mergeSources(value: YamlNode): readonly YamlNode[] {
  return value.kind === "sequence" ? value.items.toReversed() : [value];
}

function keyText(key: YamlNode): string | undefined {
  if (key.kind !== "scalar") return undefined;
  const meaning = meaningOf(key);
  if (meaning.type === "invalid") return undefined;
  return meaning.type === "null" ? "null" : String(meaning.value);
}

function scalarValue(reading: Reading, node: YamlScalar): unknown {
  const meaning = meaningOf(node);
  switch (meaning.type) {
    case "null":
      return null;
    case "invalid":
      return note(reading, node, meaning.problem, "remove the tag or correct the text");
    case "float":
      return Number.isFinite(meaning.value) ? meaning.value : node.text; // JSON has no infinity
    default:
      return meaning.value;
  }
}

function note(reading: Reading, { offset }: YamlNode, problem: string, remedy: string): undefined {
  if (reading.faults.length < MAX_FAULTS) reading.faults.push({ offset: Math.max(offset, 0), problem, remedy });
  return undefined;
}
