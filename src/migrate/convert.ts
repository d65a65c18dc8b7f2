import type { KubernetesDocument } from "../config/documents.js";
import type { Generation } from "../config/generations.js";
import { loadWithReading } from "../config/load.js";
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
import { DISCOVERY_BEYOND_RESOURCES, discoveryFaults } from "./discovery.js";
import type { MigrationInput } from "./find-input.js";
import { findInput, wholeFault } from "./find-input.js";
import { resourcesOf } from "./legacy-resources.js";
import type { ManifestObject } from "./manifest-text.js";
import { jsonList, yamlStream } from "./manifest-text.js";
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
}>;

export type Conversion = Readonly<{
  /** The resources as objects, in the order of the text. */
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
  const called = <Kind extends Fault>(faults: readonly Kind[]): Kind[] =>
    input.isBare
      ? faults.map((fault) => (fault.object === "input" ? fault : { ...fault, object: "configuration" }))
      : [...faults];
  const target = targetNamespace(input, options);
  if (!target.ok) return target;
  const namespace = target.value;
  const read = readInput(input, namespace, options.generation);
  if (!read.ok) return refuse(called(read.fault));
  const { source, model, notices: readNotices } = read.value;
  const limits = beyondResources(source, readNotices);
  if (limits.length > 0) return refuse(called(sortFaults(limits)));
  const present = presentIn(input, namespace);
  const { written, renames } = resourcesOf(source, {
    namespace,
    inlinePasswords: options.inlinePasswords ?? false,
    present,
    presentAliases: new Set(presentAliases(present).keys()),
  });
  const objects = written.map(({ object }) => object);
  const difference = differenceOf(model, objects, renames, namespace, present);
  if (difference !== undefined) {
    const [problem, remedy] = difference;
    return refuse(called([wholeFault(options.file, problem, remedy)]));
  }
  const notices: ConvertNotice[] = [
    ...readNotices,
    ...renameNotices(source, renames, input.services),
    ...leftOutNotices(input, options.file),
  ];
  return succeed({
    documents: objects,
    text: formOf(options.output, objects, () => resourceTable(written)),
    notices: called(sortFaults(notices)),
  });
}

function formOf(output: OutputForm, objects: readonly ManifestObject[], table: () => string): string {
  if (output === "table") return table();
  return output === "json" ? jsonList(objects) : yamlStream(objects);
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

/** All that the input says, and what it means together with the resources that are there already. */
function readInput(
  input: MigrationInput,
  namespace: string,
  generation: Generation | undefined,
): Result<JoinedSource, readonly Fault[]> {
  const { configMap } = input;
  const present = presentIn(input, namespace);
  const from = configMap?.namespace ?? namespace;
  const { result: loaded, legacy } = loadWithReading(
    [...(configMap === undefined ? [] : [configMap]), ...present.map((document) => ({ ...document, namespace: from }))],
    { namespace: from, configMapName: configMap?.name ?? "", ...(generation !== undefined && { generation }) },
  );
  const findings: Findings = { faults: loaded.ok ? [] : [...loaded.fault], notices: [] };
  const addressPools = readAddressPools(input.addressPools, presentAliases(present), findings);
  if (!loaded.ok || findings.faults.length > 0) return refuse(sortFaults(findings.faults));
  const discovery = discoveryFaults(loaded.value.model, legacy?.place, DISCOVERY_BEYOND_RESOURCES);
  if (discovery.length > 0) return refuse(discovery);
  const joined = joinSource(loaded.value, legacy, addressPools);
  if (joined.faults.length > 0) return refuse(sortFaults(joined.faults));
  return succeed({ ...joined, notices: [...loaded.value.notices, ...findings.notices, ...joined.notices] });
}
