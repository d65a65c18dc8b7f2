import { meaningOf } from "./yaml-scalar.js";
import type { YamlDocument, YamlFault, YamlMapping, YamlNode, YamlScalar } from "./yaml-node.js";
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
export function manifestValue(document: YamlDocument): ManifestValue {
  if (document.root === undefined) return { value: null, faults: [] };
  const reading: Reading = { faults: [], shared: document.shared, met: new Set(), aliased: 0, isTooDeep: false };
  const value = valueOf(reading, document.root, { depth: 0, isRepeat: false });
  return { value, faults: reading.faults };
}

type Reading = {
  faults: YamlFault[];
  readonly shared: ReadonlySet<YamlNode>;
  /** Shared nodes that have been met. */
  readonly met: Set<YamlNode>;
  aliased: number;
  isTooDeep: boolean;
};
/** `isRepeat`: below a node that was met before. */
type Where = Readonly<{ depth: number; isRepeat: boolean }>;

function valueOf(reading: Reading, node: YamlNode, above: Where): unknown {
  const where = enter(reading, node, above);
  if (where === undefined) return null;
  switch (node.kind) {
    case "scalar":
      return scalarValue(reading, node);
    case "sequence":
      return node.items.map((item) => valueOf(reading, item, where));
    case "mapping": {
      const entries = new Map<string, unknown>();
      collect(reading, node, entries, where);
      return Object.fromEntries(entries); // unlike an assignment, it makes __proto__ a key like any other
    }
  }
}

/** One level down, or undefined where it is too deep or too much has been repeated. Both are said once. */
function enter(reading: Reading, node: YamlNode, { depth, isRepeat }: Where): Where | undefined {
  if (depth > MAX_DEPTH) {
    if (!reading.isTooDeep) {
      note(reading, node, `is nested more than ${MAX_DEPTH} levels deep`, "write it with fewer levels");
    }
    reading.isTooDeep = true;
    return undefined;
  }
  const isMet = isRepeat || reading.met.has(node);
  if (!isMet && reading.shared.has(node)) reading.met.add(node);
  if (isMet) reading.aliased += 1;
  if (reading.aliased === MAX_ALIASED_VALUES + 1) {
    const problem = `expands to more than ${MAX_ALIASED_VALUES} values through aliases`;
    note(reading, node, problem, "write the values out");
  }
  if (isMet && reading.aliased > MAX_ALIASED_VALUES) {
    reading.aliased = MAX_ALIASED_VALUES + 2;
    return undefined;
  }
  return { depth: depth + 1, isRepeat: isMet };
}

function collect(reading: Reading, node: YamlMapping, into: Map<string, unknown>, where: Where): void {
  const seen = new Set<string>();
  for (const { key, value } of node.entries) {
    if (isMergeKey(key)) {
      for (const source of mergeSources(value)) {
        if (source.kind !== "mapping") {
          note(reading, source, "is merged (<<) and is not a mapping", "merge mappings only");
          continue;
        }
        const inner = enter(reading, source, where);
        if (inner !== undefined) collect(reading, source, into, inner);
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
      into.set(name, valueOf(reading, value, where));
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
