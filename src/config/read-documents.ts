import type { Fault } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import type { DocumentReading, DocumentSource, KubernetesDocument } from "./documents.js";
import { pointerKeys, pointerTo } from "./json-pointer.js";
import { manifestValue } from "./manifest-value.js";
import type { DocumentSlice } from "./split-documents.js";
import { splitDocuments, splitJsonObjects } from "./split-documents.js";
import { createLineIndex } from "./text-position.js";
import type { TextPosition } from "./text-position.js";
import type { YamlFault, YamlNode } from "./yaml-node.js";
import { MANIFEST_LIMITS, parseYaml } from "./yaml-node.js";

/** Most documents of one text, and most faults that are told of it. */
const MAX_DOCUMENTS = 100_000;
const MAX_FAULTS = 1000;

/**
 * Reads a stream of Kubernetes manifests in YAML or JSON: several documents, `kind: List` and typed lists taken apart,
 * empty documents passed over. Documents that cannot be read are faults with file, line and column, and do not keep
 * the others from being read. Never throws; BOUNDED per document as parseYaml says.
 * @param file how faults call the text: a path, or what stands for one
 */
export function readDocuments(text: string, file: string): DocumentReading {
  const stream: Stream = { text, file, positionAt: createLineIndex(text), documents: [], faults: [] };
  const slices = splitDocuments(text);
  if (slices.length > MAX_DOCUMENTS) {
    const problem = `holds ${slices.length} documents, more than ${MAX_DOCUMENTS}`;
    const fault = { object: "document", path: "", value: undefined, problem, remedy: "split it into several files" };
    return { documents: [], faults: [{ ...fault, file }] };
  }
  for (const slice of slices) {
    if (stream.faults.length >= MAX_FAULTS) break; // the rest would say no more than that something is wrong
    readSlice(stream, slice);
  }
  return { documents: stream.documents, faults: stream.faults.slice(0, MAX_FAULTS) };
}

/**
 * Takes an object that came from the API, or from anywhere else as plain JSON.
 * @returns the document, without a source, or why the value is no Kubernetes object
 */
export function documentOfObject(object: unknown): Result<KubernetesDocument, Fault> {
  const header = readHeader(object);
  if (header.ok) return header;
  const { path, value, problem, remedy } = header.fault;
  return refuse({ object: "an API object", path, value, problem, remedy });
}

type Stream = Readonly<{
  text: string;
  file: string;
  positionAt: (offset: number) => TextPosition;
  documents: KubernetesDocument[];
  faults: Fault[];
}>;

function readSlice(stream: Stream, slice: DocumentSlice): void {
  const text = stream.text.slice(slice.start, slice.end);
  const parsed = parseYaml(text, MANIFEST_LIMITS);
  if (!parsed.ok) {
    const parts = text.trimStart().startsWith("{") ? splitJsonObjects(text) : undefined;
    if (parts !== undefined && parts.length > 1) {
      for (const { start, end } of parts) readSlice(stream, { start: slice.start + start, end: slice.start + end });
    } else {
      stream.faults.push(syntaxFault(stream, slice, parsed.fault));
    }
    return;
  }
  if (parsed.value.root === undefined) return;
  const second = secondObject(parsed.value.root);
  if (second !== undefined) {
    stream.faults.push(syntaxFault(stream, slice, second));
    return;
  }
  const { value, faults } = manifestValue(parsed.value);
  if (faults.length > 0) {
    for (const fault of faults) stream.faults.push(syntaxFault(stream, slice, fault));
  } else if (value !== null) {
    const { root, size } = parsed.value;
    addObject(stream, createSource(stream, slice, size <= MAX_KEPT_NODES ? root : undefined), value);
  }
}

/** Two objects that are pasted together repeat the keys that every object begins with. */
function secondObject(root: YamlNode): YamlFault | undefined {
  if (root.kind !== "mapping") return undefined;
  const seen = new Set<string>(); // BOUNDED by the keys of an object's head
  const repeated: YamlNode[] = [];
  for (const { key } of root.entries) {
    if (key.kind !== "scalar" || !OBJECT_KEYS.has(key.text)) continue;
    if (seen.has(key.text)) repeated.push(key);
    seen.add(key.text);
  }
  const [first] = repeated;
  if (first === undefined || repeated.length < 2) return undefined;
  const problem = "holds a second object from here on, and nothing parts the two";
  return { offset: Math.max(first.offset, 0), problem, remedy: "put a line --- before the second object" };
}
const OBJECT_KEYS: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

function syntaxFault(stream: Stream, slice: DocumentSlice, { offset, problem, remedy }: YamlFault): Fault {
  const { line, column } = stream.positionAt(slice.start + offset);
  return { object: "document", path: "", value: undefined, problem, remedy, file: stream.file, line, column };
}

/** A list is its items, whatever else it says; an item without a kind has the list's. */
function addObject(stream: Stream, source: DocumentSource, object: unknown): void {
  if (isRecord(object) && typeof object["kind"] === "string" && Array.isArray(object["items"])) {
    const [, itemKind] = /^(.*)List$/.exec(object["kind"]) ?? [];
    if (itemKind !== undefined) {
      const defaults = itemKind === "" ? {} : { apiVersion: object["apiVersion"], kind: itemKind };
      for (const [index, item] of object["items"].entries()) {
        const itemSource = withinSource(source, pointerTo("/items", index));
        addObject(stream, itemSource, isRecord(item) ? { ...defaults, ...item } : item);
      }
      return;
    }
  }
  const header = readHeader(object);
  if (header.ok) {
    stream.documents.push({ ...header.value, source });
  } else {
    const { line, column } = source.positionOf(header.fault.path);
    stream.faults.push({ object: "document", ...header.fault, file: stream.file, line, column });
  }
}

type HeaderFault = Pick<Fault, "path" | "value" | "problem" | "remedy">;

function readHeader(object: unknown): Result<KubernetesDocument, HeaderFault> {
  if (!isRecord(object)) {
    const remedy = "write a mapping with apiVersion, kind and metadata";
    return refuse({ path: "", value: undefined, problem: "is not a Kubernetes object", remedy });
  }
  const { apiVersion, kind, metadata = {} } = object;
  for (const [path, value] of [
    ["/apiVersion", apiVersion],
    ["/kind", kind],
  ] as const) {
    if (typeof value !== "string" || value === "") {
      const remedy = "name apiVersion and kind as texts, as in apiVersion: v1, kind: ConfigMap";
      return refuse({ path, value, problem: "makes this no Kubernetes object", remedy });
    }
  }
  if (!isRecord(metadata)) {
    return refuse({ path: "/metadata", value: metadata, problem: "is not a mapping", remedy: "write name: below it" });
  }
  const { name, namespace } = metadata;
  // Client-side files such as kustomization.yaml look like objects and never have a name.
  const isNamed = typeof name === "string" && name !== "";
  if (!isNamed && !String(apiVersion).startsWith("kustomize.config.k8s.io/")) {
    const remedy = "name the object with a text (quote what YAML reads as a number or as true)";
    return refuse({ path: "/metadata/name", value: name, problem: "is no name", remedy });
  }
  if (namespace !== undefined && namespace !== null && typeof namespace !== "string") {
    const remedy = "write the namespace as a text, in quotes";
    return refuse({ path: "/metadata/namespace", value: namespace, problem: "is no text", remedy });
  }
  return succeed({
    apiVersion: String(apiVersion),
    kind: String(kind),
    namespace: namespace ?? "",
    name: isNamed ? name : "",
    body: object,
  });
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A ConfigMap is a handful of nodes around one long text. */
const MAX_KEPT_NODES = 64;

/** Positions are rarely asked for, so only a small tree is kept: else the first question parses the document again. */
function createSource(
  { text, file, positionAt }: Stream,
  { start, end }: DocumentSlice,
  kept: YamlNode | undefined,
): DocumentSource {
  let root = kept;
  let isParsed = kept !== undefined;
  let last: Readonly<{ path: string; nodes: readonly YamlNode[] }> | undefined; // many questions are about one text
  const nodesAt = (path: string): readonly YamlNode[] => {
    if (last?.path === path) return last.nodes;
    if (!isParsed) {
      const parsed = parseYaml(text.slice(start, end), MANIFEST_LIMITS);
      root = parsed.ok ? parsed.value.root : undefined;
      isParsed = true;
    }
    last = { path, nodes: root === undefined ? [] : nodesOnPath(root, pointerKeys(path)) };
    return last.nodes;
  };
  const positionOf = (path: string): TextPosition => {
    const offset = nodesAt(path).findLast((node) => node.offset >= 0)?.offset ?? 0;
    return positionAt(start + offset);
  };
  return {
    file,
    get line() {
      return positionOf("").line;
    },
    positionOf,
    positionInText: (path, inner) => {
      const node = nodesAt(path).at(-1);
      if (node?.kind !== "scalar" || node.style !== "literal" || node.block === undefined) return positionOf(path);
      const { line } = positionAt(start + node.block.offset);
      return { line: line + inner.line - 1, column: inner.column + node.block.indent };
    },
  };
}

function withinSource(source: DocumentSource, prefix: string): DocumentSource {
  return {
    file: source.file,
    get line() {
      return source.positionOf(prefix).line;
    },
    positionOf: (path) => source.positionOf(prefix + path),
    positionInText: (path, inner) => source.positionInText(prefix + path, inner),
  };
}

/** Every node from the root to the place, as far as there are any; of each entry its key and then its value. */
function nodesOnPath(root: YamlNode, keys: readonly string[]): YamlNode[] {
  const nodes = [root];
  let node: YamlNode | undefined = root;
  for (const key of keys) {
    if (node.kind === "sequence") {
      node = node.items[Number(key)];
    } else if (node.kind === "mapping") {
      const entry: YamlEntryLike | undefined = node.entries.find(
        ({ key: name }) => name.kind === "scalar" && name.text === key,
      );
      if (entry !== undefined) nodes.push(entry.key);
      node = entry?.value;
    } else {
      node = undefined;
    }
    if (node === undefined) break;
    nodes.push(node);
  }
  return nodes;
}
type YamlEntryLike = Readonly<{ key: YamlNode; value: YamlNode }>;
