import { looksLegacy } from "../config/choose-documents.js";
import { revealingText } from "../config/canonical.js";
import type { KubernetesDocument } from "../config/documents.js";
import { documentFault, describeObject } from "../config/documents.js";
import type { Generation } from "../config/generations.js";
import { loadConfig, loadWithReading } from "../config/load.js";
import type { LoadedConfig, Model, Peer } from "../config/model.js";
import { compareTexts, sortFaults } from "../config/place.js";
import { isRecord, readDocuments } from "../config/read-documents.js";
import { readCommunities } from "../config/resource-advertisements.js";
import type { Findings } from "../config/resource-context.js";
import type { Fault } from "../runtime/net/fault.js";
import { HIDDEN_VALUE } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import { readAddressPools } from "./address-pools.js";
import { beyondLegacy } from "./beyond-legacy.js";
import { joinSource } from "./conversion-source.js";
import type { ConvertNotice } from "./convert-notices.js";
import type { OutputForm } from "./convert.js";
import { convert } from "./convert.js";
import { isManifest, wholeFault } from "./find-input.js";
import { legacyText } from "./legacy-text.js";
import { listed } from "./listed-names.js";
import { configMapText } from "./manifest-text.js";
import { textTable } from "./resource-table.js";

export type RevertOptions = Readonly<{
  /** How faults call the input: its file. */
  file: string;
  /** Namespace to read from, and of the ConfigMap; undefined: the one of all resources in the input. */
  namespace?: string;
  /** Name of the ConfigMap; undefined: that of the one in the input, or `config`. */
  configMapName?: string;
  output: OutputForm;
  /** The ConfigMap is for this release: refuse what it would refuse; undefined: what any would take. */
  generation?: Generation;
}>;

export type Reversion = Readonly<{ text: string; notices: readonly ConvertNotice[]; isEmpty: boolean }>;

const DEFAULT_NAMESPACE = "metallb-system";

/**
 * Converts metallb.io resources into the ConfigMap that means the same: the inverse of `convert`. Passwords come from
 * the Secrets in the same input. What comes out is read back and compared. Never throws.
 * @returns the ConfigMap, or all that no ConfigMap can say and all that is wrong with the resources
 */
export function revert(text: string, options: RevertOptions): Result<Reversion, readonly Fault[]> {
  const { file, generation } = options;
  const { documents, faults } = isManifest(text) ? readDocuments(text, file) : { documents: [], faults: [] };
  if (faults.length > 0) return refuse(faults);
  const configuration = documents.filter(
    (document) =>
      document.apiVersion.startsWith("metallb.io/") || (document.kind === "ConfigMap" && looksLegacy(document)),
  );
  if (configuration.length === 0) {
    return refuse([wholeFault(file, "holds no metallb.io resource", "give the resources to make a ConfigMap of")]);
  }
  const namespaces = new Set(configuration.map((document) => document.namespace).filter((name) => name !== ""));
  const [only = DEFAULT_NAMESPACE, ...others] = [...namespaces].toSorted(compareTexts);
  if (options.namespace === undefined && others.length > 0) {
    const problem = `has resources in several namespaces (${[only, ...others].join(", ")})`;
    return refuse([wholeFault(file, problem, "say with --namespace which one to read")]);
  }
  const namespace = options.namespace ?? only;
  const loaded = loadAll(documents, namespace);
  if (!loaded.ok) return loaded;
  const { config, aliases } = loaded.value;
  const limits = beyondLegacy(config);
  if (limits.length > 0) return refuse(sortFaults(limits));

  const name = options.configMapName ?? configMapIn(configuration, namespace)?.name ?? "config";
  const legacy = isEmpty(config.model) ? "" : legacyText(config.model, aliases);
  const configMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace },
    data: { config: legacy },
  };
  const document: KubernetesDocument = { apiVersion: "v1", kind: "ConfigMap", name, namespace, body: configMap };
  const after = loadConfig([document], {
    namespace,
    configMapName: name,
    ...(generation !== undefined && { generation }),
  });
  if (!after.ok) return refuse(after.fault);
  if (unnamedText(after.value.model) !== unnamedText(config.model)) {
    const remedy = "keep the resources and report this as a bug of Smelter";
    return refuse([wholeFault(file, "becomes a ConfigMap that does not mean the same", remedy)]);
  }
  const yaml = configMapText(name, namespace, legacy);
  const notices = sortFaults([
    ...config.notices,
    ...lostNames(configuration, yaml, { file, namespace }),
    ...lostMetadata(documents, namespace),
    ...lossNotices(config.model, aliases, file),
  ]);
  const written =
    options.output === "json"
      ? `${JSON.stringify(configMap, undefined, 2)}\n`
      : options.output === "table"
        ? reversionTable(config, describeObject(document))
        : yaml;
  return succeed({ text: written, notices, isEmpty: isEmpty(config.model) });
}

function isEmpty({ pools, peers, bfdProfiles, peerAutodiscovery }: Model): boolean {
  return pools.length + peers.length + bfdProfiles.length === 0 && peerAutodiscovery === undefined;
}

function configMapIn(documents: readonly KubernetesDocument[], namespace: string): KubernetesDocument | undefined {
  return documents.find(
    (document) => document.kind === "ConfigMap" && (document.namespace === namespace || document.namespace === ""),
  );
}

type Loaded = Readonly<{ config: LoadedConfig; aliases: ReadonlyMap<string, string> }>;

/** What all sources in the input mean together: resources, AddressPools, and a ConfigMap beside them. */
function loadAll(documents: readonly KubernetesDocument[], namespace: string): Result<Loaded, readonly Fault[]> {
  const isHere = (document: KubernetesDocument): boolean =>
    document.namespace === namespace || document.namespace === "";
  const isAddressPool = ({ apiVersion, kind }: KubernetesDocument): boolean =>
    apiVersion.startsWith("metallb.io/") && kind === "AddressPool";
  const configMapName = configMapIn(documents.filter(looksLegacy), namespace)?.name ?? "";
  const { result: loaded, legacy } = loadWithReading(
    documents.filter((document) => !isAddressPool(document)),
    { namespace, configMapName },
  );
  const communities = documents.filter((document) => document.kind === "Community" && isHere(document));
  const aliases = readCommunities(communities, { faults: [], notices: [] }); // their faults are in loaded
  const findings: Findings = { faults: [], notices: [] };
  const pools = readAddressPools(
    documents.filter((document) => isAddressPool(document) && isHere(document)),
    aliases,
    findings,
  );
  findings.faults.push(...(loaded.ok ? [] : loaded.fault.map(secretFault)));
  if (!loaded.ok || findings.faults.length > 0) return refuse(sortFaults(findings.faults));
  const joined = joinSource(loaded.value, undefined, pools);
  const missing = missingPasswords(documents.filter(isHere), joined.model.peers);
  if (joined.faults.length + missing.length > 0) return refuse(sortFaults([...joined.faults, ...missing]));
  const origins = new Map(loaded.value.origins);
  for (const pool of joined.source.pools) {
    origins.set(`pool/${pool.name}`, [{ object: pool.place.object, path: pool.path, ...pool.place.positionOf("") }]);
  }
  const notices = [...loaded.value.notices, ...findings.notices, ...joined.notices];
  const named = [...aliases].flatMap(([alias, community]): (readonly [string, string])[] =>
    community === undefined ? [] : [[alias, community]],
  );
  for (const [alias, community] of legacy?.communities ?? []) {
    if (!aliases.has(alias)) named.push([alias, community]);
  }
  const config = { ...loaded.value, origins, model: joined.model, notices };
  return succeed({ config, aliases: new Map(named) });
}

const SECRET_PATH = "/spec/passwordSecret/name";
const SECRET_REMEDY = "give the Secret in the same input, as kubectl get secret -o yaml prints it";

function secretFault(fault: Fault): Fault {
  const isMissing = fault.path === SECRET_PATH && fault.transient === true;
  return isMissing ? { ...fault, remedy: SECRET_REMEDY } : fault;
}

/** Whoever loads may take a Secret that is missing for one that comes later: a ConfigMap cannot wait for it. */
function missingPasswords(documents: readonly KubernetesDocument[], peers: readonly Peer[]): Fault[] {
  const withPassword = new Set(peers.flatMap(({ name, password }) => (password === undefined ? [] : [name])));
  return documents.flatMap((document): Fault[] => {
    const { kind, name, body } = document;
    const spec = isRecord(body["spec"]) ? body["spec"] : {};
    const secret = isRecord(spec["passwordSecret"]) ? spec["passwordSecret"]["name"] : undefined;
    if (kind !== "BGPPeer" || typeof secret !== "string" || secret === "" || withPassword.has(name)) return [];
    const object = describeObject(document);
    const problem = "names a Secret whose password is not known here";
    return [documentFault(document, { object, path: SECRET_PATH, value: secret, problem, remedy: SECRET_REMEDY })];
  });
}

/** The model without the names of peers, which a ConfigMap does not have; with passwords, only to compare. */
function unnamedText({ peers, ...model }: Model): string {
  const unnamed = peers.map((peer) => revealingText({ ...peer, name: "" })).toSorted(compareTexts);
  return `${revealingText(model)} ${unnamed.join()}`;
}

/** Names that do not come back when what was written is converted again: a ConfigMap names pools and profiles alone. */
function lostNames(
  documents: readonly KubernetesDocument[],
  written: string,
  { file, namespace }: Readonly<{ file: string; namespace: string }>,
): ConvertNotice[] {
  const again = convert(written, { file, output: "yaml", namespace, keepAutodiscovery: true });
  const kept = new Set(again.ok ? again.value.documents.map(titleOf) : []);
  const lost = documents.flatMap((document) => {
    const isHere = document.namespace === namespace || document.namespace === "";
    const title = titleOf(document.body);
    return isHere && NAMED_KINDS.has(document.kind) && !kept.has(title) ? [title] : [];
  });
  if (lost.length === 0) return [];
  const problem = `has names that no ConfigMap keeps (${listed(lost.toSorted(compareTexts))})`;
  const remedy = "keep the resources where something refers to these names: converting again gives others";
  return [{ ...wholeFault(file, problem, remedy), class: "left out" }];
}

const NAMED_KINDS: ReadonlySet<string> = new Set(["BGPPeer", "BGPAdvertisement", "L2Advertisement", "Community"]);
const ALL_KINDS: ReadonlySet<string> = new Set([...NAMED_KINDS, "IPAddressPool", "AddressPool", "BFDProfile"]);

function titleOf({ kind, metadata }: Readonly<Record<string, unknown>>): string {
  return `${String(kind)} ${String(isRecord(metadata) ? metadata["name"] : "")}`;
}

/** What kubectl puts on objects for itself. */
const OWN_KEY = "kubectl.kubernetes.io/last-applied-configuration";

/** Labels and annotations, which something else may go by; that pools are selected by labels has been resolved. */
function lostMetadata(documents: readonly KubernetesDocument[], namespace: string): ConvertNotice[] {
  return documents.flatMap((document): ConvertNotice[] => {
    const { kind, apiVersion, body } = document;
    const isHere = document.namespace === namespace || document.namespace === "";
    if (!isHere || !apiVersion.startsWith("metallb.io/") || !ALL_KINDS.has(kind)) return [];
    const metadata = isRecord(body["metadata"]) ? body["metadata"] : {};
    const lost = (["labels", "annotations"] as const).flatMap((part) => {
      const values = isRecord(metadata[part]) ? metadata[part] : {};
      const keys = Object.keys(values).filter((key) => key !== OWN_KEY);
      return keys.length === 0 ? [] : [`${part} (${listed(keys.toSorted(compareTexts))})`];
    });
    if (lost.length === 0) return [];
    const problem = `has ${lost.join(" and ")} that no ConfigMap keeps`;
    const remedy = "keep the resource where something goes by them";
    const fault = { object: describeObject(document), path: "/metadata", value: HIDDEN_VALUE, problem, remedy };
    return [{ ...documentFault(document, fault), class: "left out" }];
  });
}

/** What else the ConfigMap does not keep, and that it has passwords in clear. */
function lossNotices(before: Model, aliases: ReadonlyMap<string, string>, file: string): ConvertNotice[] {
  const notices: ConvertNotice[] = [];
  const large = [...aliases].flatMap(([alias, community]) => (community.startsWith("large:") ? [alias] : []));
  if (large.length > 0) {
    const problem = `has aliases of large communities, which no ConfigMap can have (${listed(large)})`;
    notices.push({ ...wholeFault(file, problem, "nothing: no advertisement uses them"), class: "left out" });
  }
  const passwords = before.peers.filter(({ password }) => password !== undefined).length;
  if (passwords > 0) {
    const problem = `has ${passwords} password${passwords === 1 ? "" : "s"}, which a ConfigMap holds in clear`;
    notices.push({ ...wholeFault(file, problem, "keep the output where only you can read it"), class: "password" });
  }
  return notices;
}

function reversionTable({ model, origins }: LoadedConfig, configMap: string): string {
  const objects = (piece: string): string => (origins.get(piece) ?? []).map(({ object }) => object).join(", ");
  const rows = [
    ...model.peers.map(({ name }, index) => [`/peers/${index}`, objects(`peer/${name}`)]),
    ...model.bfdProfiles.map(({ name }, index) => [`/bfd-profiles/${index}`, objects(`bfdProfile/${name}`)]),
    ...model.pools.map(({ name }, index) => [`/address-pools/${index}`, objects(`pool/${name}`)]),
    ...(model.peerAutodiscovery === undefined ? [] : [["/peer-autodiscovery", configMap]]),
  ];
  return textTable([[`PATH IN ${configMap}`, "FROM"], ...rows]);
}
