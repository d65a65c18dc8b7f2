import type { KubernetesDocument } from "../config/documents.js";
import { describeObject } from "../config/documents.js";
import type { Generation } from "../config/generations.js";
import { loadWithReading } from "../config/load.js";
import type { PeerAutodiscovery } from "../config/model.js";
import type { Place } from "../config/place.js";
import { compareTexts, sortFaults } from "../config/place.js";
import { isRecord } from "../config/read-documents.js";
import { readCommunities } from "../config/resource-advertisements.js";
import type { Findings } from "../config/resource-context.js";
import type { Fault } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import { readAddressPools } from "./address-pools.js";
import { beyondResources } from "./beyond-resources.js";
import { differenceOf } from "./compare-models.js";
import { joinSource } from "./conversion-source.js";
import type { JoinedSource } from "./conversion-source.js";
import type { ConvertNotice } from "./convert-notices.js";
import { leftOutNotices, renameNotices } from "./convert-notices.js";
import type { NodesText } from "./discovered-peers.js";
import { settlePeersOfNodes } from "./discovered-peers.js";
import { DISCOVERY_CHOICES, discoveryFaults, discoveryRemark } from "./discovery.js";
import type { MigrationInput } from "./find-input.js";
import { findInput, wholeFault } from "./find-input.js";
import type { WrittenResource } from "./legacy-resources.js";
import { resourcesOf } from "./legacy-resources.js";
import { discoveryText } from "./legacy-text.js";
import type { ManifestObject } from "./manifest-text.js";
import { configMapText, jsonList, yamlStream } from "./manifest-text.js";
import { resourceTable } from "./resource-table.js";

export type OutputForm = "yaml" | "json" | "table";
export type ConvertOptions = Readonly<{
  /** How faults call the input: its file. */
  file: string;
  /** Namespace of the resources; undefined: that of the input, or metallb-system where it has none. */
  namespace?: string;
  output: OutputForm;
  /** Refuse what this release refused; undefined: take what any release took. */
  generation?: Generation;
  /** Write passwords into the BGPPeers in place of Secrets. */
  inlinePasswords?: boolean;
  /** The Nodes whose peers become BGPPeers where the input tells how to find peers on Nodes. */
  nodes?: NodesText;
  /** Without `nodes`: what tells how to find peers on Nodes stays in a ConfigMap beside the resources. */
  keepAutodiscovery?: boolean;
}>;

export type Conversion = Readonly<{
  /** The resources as objects, in the order of the text; last a ConfigMap with what stays in one. */
  documents: readonly ManifestObject[];
  text: string;
  notices: readonly ConvertNotice[];
}>;

const DEFAULT_NAMESPACE = "metallb-system";

/**
 * Converts a legacy ConfigMap, AddressPools, or both, into metallb.io resources: text in, text out, the same octets for
 * the same meaning. What comes out is read back and compared with what went in before it is handed over. Never throws.
 * @returns the resources, or all that keeps the input from being converted
 */
export function convert(text: string, options: ConvertOptions): Result<Conversion, readonly Fault[]> {
  const found = findInput(text, options.file);
  if (!found.ok) return found;
  const input = found.value;
  // The ConfigMap around a bare document or Helm values is written nowhere.
  const { calledAs = "" } = input;
  const madeUp = calledAs === "" || input.configMap === undefined ? undefined : describeObject(input.configMap);
  const called = <Kind extends Fault>(faults: readonly Kind[]): Kind[] =>
    faults.map((fault) => (fault.object === madeUp ? { ...fault, object: calledAs } : fault));
  const fromCalled = ({ object, origin }: WrittenResource): WrittenResource =>
    madeUp === undefined ? { object, origin } : { object, origin: origin.replace(madeUp, calledAs) };
  const target = targetNamespace(input, options);
  if (!target.ok) return target;
  const namespace = target.value;
  const read = readInput(input, namespace, options.generation);
  if (!read.ok) return refuse(called(read.fault));
  const { notices: readNotices, place } = read.value;
  const settled = settleDiscovery(read.value, options);
  const limits = [...beyondResources(read.value.source, readNotices), ...(settled.ok ? [] : settled.fault)];
  if (!settled.ok || limits.length > 0) return refuse(called(sortFaults(limits)));
  const { source, model, notices: settledNotices } = settled.value;
  const present = presentIn(input, namespace);
  const { written: resources, renames } = resourcesOf(source, {
    namespace,
    inlinePasswords: options.inlinePasswords ?? false,
    present,
    presentAliases: new Set(presentAliases(present).keys()),
  });
  const written: WrittenResource[] = [...resources];
  const configMapName = input.configMap?.name ?? "";
  if (model.peerAutodiscovery !== undefined) {
    const object = discoveryConfigMap(configMapName, namespace, model.peerAutodiscovery);
    written.push({ object, origin: `${place?.object} /peer-autodiscovery` });
  }
  const objects = written.map(({ object }) => object);
  const difference = differenceOf(model, objects, renames, { namespace, configMapName, present });
  if (difference !== undefined) {
    const [problem, remedy] = difference;
    return refuse(called([wholeFault(options.file, problem, remedy)]));
  }
  const notices: ConvertNotice[] = [
    ...readNotices,
    ...settledNotices,
    ...renameNotices(source, renames, input.services),
    ...leftOutNotices(input, options.file),
  ];
  return succeed({
    documents: objects,
    text: formOf(options.output, objects, () => resourceTable(written.map(fromCalled))),
    notices: called(sortFaults(notices)),
  });
}

function formOf(output: OutputForm, objects: readonly ManifestObject[], table: () => string): string {
  if (output === "table") return table();
  return output === "json" ? jsonList(objects) : yamlText(objects);
}

/** A ConfigMap, which is the last of the objects, has its document as a block. */
function yamlText(objects: readonly ManifestObject[]): string {
  const last = objects.at(-1);
  if (last?.["kind"] !== "ConfigMap") return yamlStream(objects);
  const { metadata, data } = last as ReturnType<typeof discoveryConfigMap>;
  const others = yamlStream(objects.slice(0, -1));
  return `${others}${others === "" ? "" : "---\n"}${configMapText(metadata.name, metadata.namespace, data.config)}`;
}

function discoveryConfigMap(name: string, namespace: string, peerAutodiscovery: PeerAutodiscovery) {
  const data = { config: discoveryText(peerAutodiscovery) };
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data } as const;
}

type Settled = Pick<JoinedSource, "source" | "model"> & Readonly<{ notices: readonly ConvertNotice[] }>;

/** What is done with peers that are to be found on Nodes, where the input has such. */
function settleDiscovery(
  { source, model, place }: ReadInput,
  { nodes, keepAutodiscovery = false }: ConvertOptions,
): Result<Settled, readonly Fault[]> {
  if (model.peerAutodiscovery === undefined) {
    const problem =
      "is given with --nodes, and the configuration has no peer-autodiscovery that it would be needed for";
    const notice = nodes && { ...wholeFault(nodes.file, problem, "leave --nodes out"), class: "unused" as const };
    return succeed({ source, model, notices: notice === undefined ? [] : [notice] });
  }
  if (nodes !== undefined) return settlePeersOfNodes({ source, model }, nodes, place);
  if (!keepAutodiscovery) return refuse(discoveryFaults(model, place, DISCOVERY_CHOICES));
  const problem = "stays in a ConfigMap, which Smelter reads beside the resources and MetalLB from v0.13 on does not";
  const remedy = "apply the ConfigMap after the resources: it takes the place of the old one";
  return succeed({ source, model, notices: [{ ...discoveryRemark(place, problem, remedy), class: "kept" }] });
}

/** The namespace asked for, else the one of all that is converted. */
function targetNamespace(input: MigrationInput, { namespace, file }: ConvertOptions): Result<string, readonly Fault[]> {
  if (namespace !== undefined) return succeed(namespace);
  const { configMap, addressPools } = input;
  const documents = configMap === undefined ? addressPools : [configMap, ...addressPools];
  const namespaces = new Set(documents.map((document) => document.namespace).filter((name) => name !== ""));
  const [only = DEFAULT_NAMESPACE, ...others] = [...namespaces].toSorted(compareTexts);
  if (others.length === 0) return succeed(only);
  const problem = `is of several namespaces (${[only, ...others].join(", ")})`;
  return refuse([wholeFault(file, problem, "say with --namespace which one the resources are for")]);
}

/**
 * What of the target namespace is in the input already. An export without Secrets has peers whose passwords are not
 * known: they count without them, since nothing of theirs is written.
 */
function presentIn({ present }: MigrationInput, namespace: string): KubernetesDocument[] {
  const here = present.filter((document) => document.namespace === namespace || document.namespace === "");
  const secrets = new Set(here.flatMap(({ kind, name }) => (kind === "Secret" ? [name] : [])));
  return here.map((document) => {
    const { kind, body } = document;
    const spec = isRecord(body["spec"]) ? body["spec"] : {};
    const secret = isRecord(spec["passwordSecret"]) ? spec["passwordSecret"]["name"] : undefined;
    if (kind !== "BGPPeer" || typeof secret !== "string" || secrets.has(secret)) return document;
    const { passwordSecret: _, ...known } = spec;
    return Object.assign({}, document, { body: { ...body, spec: known } });
  });
}

function presentAliases(present: MigrationInput["present"]) {
  const communities = present.filter(({ kind }) => kind === "Community");
  return readCommunities(communities, { faults: [], notices: [] }); // what is wrong with them is told by whoever loads
}

/** `place`: the ConfigMap. */
type ReadInput = JoinedSource & Readonly<{ place: Place | undefined }>;

/** All that the input says, and what it means together with the resources that are there already. */
function readInput(
  input: MigrationInput,
  namespace: string,
  generation: Generation | undefined,
): Result<ReadInput, readonly Fault[]> {
  const { configMap } = input;
  const present = presentIn(input, namespace);
  const from = configMap?.namespace ?? namespace;
  const {
    result: loaded,
    legacy,
    resources,
  } = loadWithReading(
    [...(configMap === undefined ? [] : [configMap]), ...present.map((document) => ({ ...document, namespace: from }))],
    { namespace: from, configMapName: configMap?.name ?? "", ...(generation !== undefined && { generation }) },
  );
  const findings: Findings = { faults: loaded.ok ? [] : [...loaded.fault], notices: [] };
  const addressPools = readAddressPools(input.addressPools, presentAliases(present), findings);
  if (!loaded.ok || findings.faults.length > 0) return refuse(sortFaults(findings.faults));
  const joined = joinSource(loaded.value, legacy, addressPools, resources.advertisements);
  if (joined.faults.length > 0) return refuse(sortFaults(joined.faults));
  const notices = [...loaded.value.notices, ...findings.notices, ...joined.notices];
  return succeed({ ...joined, notices, place: legacy?.place });
}
