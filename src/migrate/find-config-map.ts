import { looksLegacy } from "../config/choose-documents.js";
import type { KubernetesDocument } from "../config/documents.js";
import { describeObject } from "../config/documents.js";
import { readDocuments } from "../config/read-documents.js";
import type { Fault } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";

/** The ConfigMap to convert, and how many other objects were beside it. `isBare`: it was made around a bare document. */
export type FoundConfigMap = Readonly<{ configMap: KubernetesDocument; others: number; isBare: boolean }>;

/** Where a bare document is taken to be from. */
const BARE = { namespace: "metallb-system", name: "config" };

/**
 * Finds what to convert in a text: a manifest (or a list, or a stream of them) with one legacy ConfigMap, or the bare
 * document of a ConfigMap's `config` key.
 */
export function findConfigMap(text: string, file: string): Result<FoundConfigMap, readonly Fault[]> {
  const isManifest = /(?:^|[{,\n])\s*["']?apiVersion["']?\s*:/.test(text);
  if (!isManifest) return findBare(text, file);
  const { documents, faults } = readDocuments(text, file);
  if (faults.length > 0) return refuse(faults);
  const configMaps = documents.filter(({ apiVersion, kind }) => apiVersion === "v1" && kind === "ConfigMap");
  const legacy = configMaps.filter(looksLegacy);
  const [configMap, ...rivals] = legacy.length > 0 ? legacy : configMaps;
  if (configMap === undefined) {
    return refuse([wholeFault(file, "holds no ConfigMap", "give the ConfigMap that MetalLB reads, or its config key")]);
  }
  if (rivals.length > 0) {
    const names = [configMap, ...rivals].map(describeObject).join(", ");
    return refuse([wholeFault(file, `holds several ConfigMaps (${names})`, "give only the one that MetalLB reads")]);
  }
  return succeed({ configMap, others: documents.length - 1, isBare: false });
}

function findBare(text: string, file: string): Result<FoundConfigMap, readonly Fault[]> {
  if (/^\s*(?:#[^\n]*\s*)*$/.test(text)) {
    return refuse([wholeFault(file, "is empty", "give the ConfigMap that MetalLB reads, or its config key")]);
  }
  const configMap: KubernetesDocument = {
    apiVersion: "v1",
    kind: "ConfigMap",
    ...BARE,
    body: { data: { config: text } },
    source: { file, line: 1, positionOf: () => ({ line: 1, column: 1 }), positionInText: (_, inner) => inner },
  };
  return succeed({ configMap, others: 0, isBare: true });
}

function wholeFault(file: string, problem: string, remedy: string): Fault {
  return { object: "input", path: "", value: undefined, problem, remedy, file };
}
