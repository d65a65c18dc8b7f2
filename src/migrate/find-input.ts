import { looksLegacy } from "../config/choose-documents.js";
import type { KubernetesDocument } from "../config/documents.js";
import { describeObject } from "../config/documents.js";
import { readDocuments } from "../config/read-documents.js";
import { splitDocuments } from "../config/split-documents.js";
import { configFlagOf } from "../config/workload.js";
import type { Fault } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import { inlineConfiguration } from "./inline-configuration.js";

/** What a text holds, by what conversion does with it. */
export type MigrationInput = Readonly<{
  /** The legacy ConfigMap; there may be AddressPools alone. */
  configMap: KubernetesDocument | undefined;
  addressPools: readonly KubernetesDocument[];
  /** Resources of kinds that stay, and Secrets: taken as being there already. */
  present: readonly KubernetesDocument[];
  /** Only to tell which of them refer to a name that changes. */
  services: readonly KubernetesDocument[];
  /** Legacy ConfigMaps that are not converted: a controller or speaker in the input was started with the other one. */
  passedOver: readonly KubernetesDocument[];
  /** How many objects have nothing to do with it. */
  others: number;
  /** What people call the configuration, where the ConfigMap around it is written nowhere. */
  calledAs: string | undefined;
}>;

/** Where a bare document is taken to be from. */
const BARE = { namespace: "metallb-system", name: "config" };
/** What Helm values are taken to be for: the chart calls the ConfigMap after the release, which is mostly called so. */
const HELM = { namespace: "metallb-system", name: "metallb" };
/** What templates of charts have in double braces; alerts and dashboards have others. */
const HELM_ACTION = /\{\{-?\s*(?:\.(?:Values|Release|Chart)\b|(?:include|template|toYaml|define|if|range|with|end)\b)/;
const PRESENT_KINDS: ReadonlySet<string> = new Set([
  "IPAddressPool",
  "L2Advertisement",
  "BGPAdvertisement",
  "BGPPeer",
  "Community",
  "BFDProfile",
]);

/** Whether the text is a manifest, or else the bare document of a ConfigMap's `config` key. */
export function isManifest(text: string): boolean {
  return /(?:^|[{,\n])\s*["']?apiVersion["']?\s*:/.test(text);
}

/**
 * Finds what to convert in a text: a manifest (or a list, or a stream of them) with one legacy ConfigMap, AddressPools
 * or both, the bare document of a ConfigMap's `config` key, or Helm values that have it under `configInline`.
 */
export function findInput(text: string, file: string): Result<MigrationInput, readonly Fault[]> {
  if (!isManifest(text)) return findHelmValues(text, file) ?? findBare(text, file);
  const { documents, faults } = readDocuments(text, file);
  if (faults.length > 0 && HELM_ACTION.test(text)) {
    const remedy = "convert what comes out of it: helm template … | smelter migrate convert -";
    return refuse([...faults, wholeFault(file, "seems to be a Helm template", remedy)]);
  }
  const hasObjects = documents.length > 0; // values too may have apiVersion somewhere
  if (faults.length > 0) return (hasObjects ? undefined : findHelmValues(text, file)) ?? refuse(faults);
  const configMaps: KubernetesDocument[] = [];
  const addressPools: KubernetesDocument[] = [];
  const present: KubernetesDocument[] = [];
  const services: KubernetesDocument[] = [];
  let others = 0;
  for (const document of documents) {
    const { apiVersion, kind } = document;
    if (apiVersion === "v1" && kind === "ConfigMap") configMaps.push(document);
    else if (apiVersion === "v1" && kind === "Secret") present.push(document);
    else if (apiVersion === "v1" && kind === "Service") services.push(document);
    else if (apiVersion.startsWith("metallb.io/") && kind === "AddressPool") addressPools.push(document);
    else if (apiVersion.startsWith("metallb.io/") && PRESENT_KINDS.has(kind)) present.push(document);
    else others += 1;
  }
  const legacy = configMaps.filter(looksLegacy);
  // Beside AddressPools a ConfigMap that does not look like configuration is one of something else.
  const possible = legacy.length > 0 || addressPools.length > 0 ? legacy : configMaps;
  const started = possible.filter((configMap) => isStartedWith(configMap, documents));
  const candidates = started.length === 1 ? started : possible;
  const [configMap, ...rivals] = candidates;
  if (configMap === undefined && addressPools.length === 0) {
    const values = findHelmValues(text, file);
    if (values !== undefined) return values;
    if (present.some(({ kind }) => kind !== "Secret")) {
      const problem = "holds resources of metallb.io already, and no ConfigMap or AddressPool to convert";
      return refuse([wholeFault(file, problem, "keep them as they are, or give the ConfigMap that MetalLB reads")]);
    }
    const remedy = "give the ConfigMap that MetalLB reads, or its config key";
    return refuse([wholeFault(file, "holds no ConfigMap and no AddressPool", remedy)]);
  }
  if (rivals.length > 0) {
    const names = candidates.map(describeObject).join(", ");
    return refuse([wholeFault(file, `holds several ConfigMaps (${names})`, "give only the one that MetalLB reads")]);
  }
  others += configMaps.length - possible.length;
  const passedOver = possible.filter((document) => !candidates.includes(document));
  return succeed({ configMap, addressPools, present, services, passedOver, others, calledAs: undefined });
}

function findBare(text: string, file: string): Result<MigrationInput, readonly Fault[]> {
  if (/^\s*(?:#[^\n]*\s*)*$/.test(text)) {
    return refuse([wholeFault(file, "is empty", "give the ConfigMap that MetalLB reads, or its config key")]);
  }
  return succeed({ ...NOTHING_ELSE, configMap: bareConfigMap(text, file), calledAs: "configuration" });
}

const NOTHING_ELSE = { addressPools: [], present: [], services: [], passedOver: [], others: 0 } as const;

/** Helm values, also those in a HelmRelease; undefined where the text has none. */
function findHelmValues(text: string, file: string): Result<MigrationInput, readonly Fault[]> | undefined {
  const found = splitDocuments(text).flatMap((slice) => inlineConfiguration(text, slice, file, "values") ?? []);
  const [values, ...others] = found;
  if (values === undefined) return undefined;
  if (others.length > 0) {
    const problem = `holds Helm values ${found.length} times`;
    return refuse([wholeFault(file, problem, "give only those of the release that runs")]);
  }
  return succeed({ ...NOTHING_ELSE, configMap: { ...values, ...HELM }, calledAs: values.name });
}

/** Whether a controller or speaker of the input reads this one. */
function isStartedWith({ namespace, name }: KubernetesDocument, documents: readonly KubernetesDocument[]): boolean {
  return documents.some((document) => document.namespace === namespace && configFlagOf(document) === name);
}

/** The ConfigMap that a bare document would be in; positions count in the text itself. */
export function bareConfigMap(text: string, file: string): KubernetesDocument {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    ...BARE,
    body: { data: { config: text } },
    source: { file, line: 1, positionOf: () => ({ line: 1, column: 1 }), positionInText: (_, inner) => inner },
  };
}

/** A fault of the input as a whole. */
export function wholeFault(file: string, problem: string, remedy: string): Fault {
  return { object: "input", path: "", value: undefined, problem, remedy, file };
}
