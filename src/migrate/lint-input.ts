import { looksLegacy } from "../config/choose-documents.js";
import { documentFault, type KubernetesDocument } from "../config/documents.js";
import { isRecord, readDocuments } from "../config/read-documents.js";
import { isWorkload } from "../config/workload.js";
import { splitDocuments, type DocumentSlice } from "../config/split-documents.js";
import { createLineIndex } from "../config/text-position.js";
import type { Fault } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { readNamespace, readNode, readService } from "../runtime/world/read.js";
import type { NamespaceView, NodeView, ServiceView } from "../runtime/world/views.js";
import { inlineConfiguration } from "./inline-configuration.js";
import { findingOf, type LintFinding } from "./lint-rules.js";

export type LintService = Readonly<{ view: ServiceView; document: KubernetesDocument }>;

export type LintNode = Readonly<{ view: NodeView; document: KubernetesDocument }>;

/** A file that is passed over: `hasPools` says that there are pools in it which nobody sees. */
export type Template = Readonly<{ fault: Fault; hasPools: boolean }>;

/** What of the input matters here. BOUNDED by the characters of the input, which the reader of files bounds. */
export type LintInput = Readonly<{
  /** ConfigMaps with a legacy configuration, Secrets and metallb.io resources. */
  configDocuments: KubernetesDocument[];
  /** Controllers and speakers: they say which ConfigMap is theirs. */
  workloads: KubernetesDocument[];
  /** Legacy configurations that stand for themselves: Helm values and bare texts. */
  inline: KubernetesDocument[];
  services: LintService[];
  nodes: LintNode[];
  namespaces: NamespaceView[];
  templates: Template[];
  findings: LintFinding[];
}>;

export function emptyInput(): LintInput {
  return {
    configDocuments: [],
    workloads: [],
    inline: [],
    services: [],
    nodes: [],
    namespaces: [],
    templates: [],
    findings: [],
  };
}

/** `apiVersion:` as a key of the outermost mapping in YAML, of any mapping in JSON; or else a kind that matters. */
const MANIFEST =
  /^\uFEFF?apiVersion\s*:|["']apiVersion["']\s*:|^["']?kind["']?\s*:\s*["']?(?:IPAddressPool|AddressPool|L2Advertisement|BGPAdvertisement|BGPPeer|BFDProfile|Community)\b/m;
const KINDS =
  /\bkind["']?\s*:\s*["']?(?:Secret|Node|Namespace|List|SecretList|NodeList|NamespaceList|ServiceList|ConfigMapList)\b|\bmetallb\.io\/v|\bLoadBalancer\b|metallb/;
const CONFIG_KEY = /\bconfig["']?\s*:/;
const CONFIG_MAP = /\bkind["']?\s*:\s*["']?ConfigMap\b/;

/**
 * Adds one text to the input. What has nothing to do with load balancing is passed over without being parsed, other
 * kinds of files without a word; a fault in one document does not keep the others from being read. Never throws.
 */
export function addText(input: LintInput, text: string, file: string): void {
  const slices = splitDocuments(text);
  const wanted = slices.filter(({ start, end }) => isWanted(text.slice(start, end)));
  const inline = slices.flatMap((slice) => inlineConfiguration(text, slice, file) ?? []);
  input.inline.push(...inline);
  if (wanted.length === 0) return;
  const { documents, faults } = readDocuments(withoutOthers(text, slices, wanted), file);
  const template = wanted.find(({ start, end }) => text.slice(start, end).includes("{{"));
  if (template !== undefined && (faults.length > 0 || isTemplate(file, documents))) {
    const hasPools = /\bIPAddressPool\b|\baddress-pools\b/.test(text);
    input.templates.push({ fault: templateFault(text, template, file), hasPools });
    return;
  }
  const places = faults.length === 0 ? [] : wantedSlices(text, wanted);
  for (const fault of faults) {
    if (!isOthers(fault, places)) input.findings.push(findingOf("syntax", fault));
  }
  for (const document of documents) addDocument(input, document);
}

function isWanted(slice: string): boolean {
  if (!MANIFEST.test(slice)) return false;
  return KINDS.test(slice) || (CONFIG_MAP.test(slice) && CONFIG_KEY.test(slice));
}

/** The text with nothing but line breaks where the other documents stand, so that lines keep their numbers. */
function withoutOthers(text: string, slices: readonly DocumentSlice[], wanted: readonly DocumentSlice[]): string {
  if (wanted.length === slices.length) return text;
  const kept = new Set(wanted);
  let end = 0;
  let result = "";
  for (const slice of slices) {
    result += text.slice(end, slice.start);
    const part = text.slice(slice.start, slice.end);
    result += kept.has(slice) ? part : part.replace(/[^\r\n]+/g, "");
    end = slice.end;
  }
  return result + text.slice(end);
}

/** Braces in quotes are well-formed YAML; in a chart, or where this configuration is concerned, they are a template. */
function isTemplate(file: string, documents: readonly KubernetesDocument[]): boolean {
  if (/(?:^|[\\/])templates[\\/]/.test(file)) return true;
  return documents.some((document) => {
    const isConfigMap = document.apiVersion === "v1" && document.kind === "ConfigMap";
    if (isConfigMap && !looksLegacy(document)) return false; // dashboards and alerts have braces of their own
    return JSON.stringify(document.body).includes("{{");
  });
}

function templateFault(text: string, { start }: DocumentSlice, file: string): Fault {
  const position = createLineIndex(text)(text.indexOf("{{", start));
  return { object: "template", path: "", value: undefined, problem: "", remedy: "", file, ...position };
}

/**
 * Files of other programs look like objects and have no name. A resource without one is told, and a name that is no
 * text: y is true.
 */
function isOthers({ path, value, line = 1 }: Fault, wanted: readonly WantedSlice[]): boolean {
  if (path !== "/metadata/name" || value !== undefined) return false;
  return wanted.findLast((slice) => slice.line <= line)?.hasResources !== true;
}

/** Where a document begins, and whether it mentions resources of this configuration. */
type WantedSlice = Readonly<{ line: number; hasResources: boolean }>;

function wantedSlices(text: string, slices: readonly DocumentSlice[]): readonly WantedSlice[] {
  const positionAt = createLineIndex(text);
  return slices.map(({ start, end }) => ({
    line: positionAt(start).line,
    hasResources: /\bmetallb\.io\/v/.test(text.slice(start, end)),
  }));
}

function addDocument(input: LintInput, document: KubernetesDocument): void {
  const keep = <View>(reading: Result<View, Fault>, put: (view: View) => void): void => {
    if (reading.ok) put(reading.value);
    else input.findings.push(findingOf("service-unreadable", documentFault(document, reading.fault)));
  };
  switch (`${document.apiVersion} ${document.kind}`) {
    case "v1 Service":
      return keep(readService(document.body), (view) => input.services.push({ view, document }));
    case "v1 Node":
      return keep(readNode(document.body), (view) => input.nodes.push({ view, document }));
    case "v1 Namespace":
      return keep(readNamespace(document.body), (view) => input.namespaces.push(view));
    case "v1 Secret":
      input.configDocuments.push(document);
      return;
    case "v1 ConfigMap":
      if (isLegacy(document)) input.configDocuments.push(document);
      return;
    default:
      if (document.apiVersion.startsWith("metallb.io/")) input.configDocuments.push(document);
      else if (isWorkload(document)) input.workloads.push(document);
  }
}

const HOME_NAMES: ReadonlySet<string> = new Set(["metallb-system", "metallb"]);

/** By what it says, or else by where it is: a configuration with no known key is still meant as one there. */
function isLegacy(document: KubernetesDocument): boolean {
  if (looksLegacy(document)) return true;
  const { data } = document.body;
  const hasConfig = isRecord(data) && Object.hasOwn(data, "config");
  return hasConfig && document.name === "config" && HOME_NAMES.has(document.namespace);
}
