import { BASIC_AUTH } from "../config/basic-auth.js";
import type { KubernetesDocument } from "../config/documents.js";
import type { Generation } from "../config/generations.js";
import { loadWithReading, type ConfigReading } from "../config/load.js";
import { compareTexts, faultAt, placeOf } from "../config/place.js";
import { isRecord } from "../config/read-documents.js";
import { configFlagOf } from "../config/workload.js";
import type { Fault } from "../runtime/net/fault.js";
import type { LintInput } from "./lint-input.js";
import { faultFinding, findingOf, noticeFinding, type LintFinding } from "./lint-rules.js";

export type LintOptions = Readonly<{
  /** Only what is in this namespace, or in none, is the configuration; undefined: that of each namespace. */
  namespace?: string | undefined;
  generation?: Generation | undefined;
}>;

/** One configuration as a controller would have it, with what reading it found. */
export type LintConfiguration = Readonly<{
  namespace: string;
  documents: readonly KubernetesDocument[];
  reading: ConfigReading;
  findings: readonly LintFinding[];
  /** How a ConfigMap is called that is written nowhere: by the key that Helm values are under, or as a bare text. */
  calledAs?: string;
}>;

const DEFAULT_NAMESPACE = "metallb-system";
const USUAL_NAMES = ["config", "metallb-config", "metallb"];

/**
 * Takes the input apart into configurations and reads each: the objects of one namespace together, and each further
 * ConfigMap, each Helm values file and each bare text for itself.
 */
export function readConfigurations(input: LintInput, options: LintOptions): readonly LintConfiguration[] {
  const { namespace, generation } = options;
  const configurations: LintConfiguration[] = [];
  for (const [home, documents] of groupsOf(input.configDocuments, namespace)) {
    const [first, ...others] = legacyConfigMaps(documents, home, input.workloads);
    const names = new Set<string | undefined>(others);
    const rest = documents.filter((document) => !names.has(nameOf(document)));
    const target = { namespace: home, configMapName: first ?? "", ...(generation && { generation }) };
    configurations.push(configurationOf(rest, target));
    for (const name of others) {
      const alone = documents.filter((document) => nameOf(document) === name);
      configurations.push(configurationOf(alone, { ...target, configMapName: name }));
    }
    for (const document of repeats(documents, home)) {
      configurations.push(configurationOf([document], { ...target, configMapName: document.name }));
    }
  }
  for (const document of input.inline) {
    const target = { namespace: namespace ?? "", configMapName: document.name, ...(generation && { generation }) };
    configurations.push({ ...configurationOf([document], target), calledAs: document.name });
  }
  return configurations;
}

/** Findings about a configuration, called by where people wrote it. */
export function called({ calledAs }: LintConfiguration, findings: readonly LintFinding[]): readonly LintFinding[] {
  if (calledAs === undefined) return findings;
  return findings.map((finding) =>
    finding.object === `ConfigMap ${calledAs}` ? Object.assign({}, finding, { object: calledAs }) : finding,
  );
}

type Target = Readonly<{ namespace: string; configMapName: string; generation?: Generation }>;

function configurationOf(documents: readonly KubernetesDocument[], target: Target): LintConfiguration {
  const { namespace } = target;
  const { secrets, absent } = standInSecrets(documents, namespace);
  const readable = documents.filter((document) => !isEncrypted(document));
  const reading = loadWithReading([...readable, ...secrets], target);
  const faults = reading.result.ok ? [] : reading.result.fault;
  const findings = [
    ...faults.map(faultFinding),
    ...reading.notices.map(noticeFinding),
    ...absent.map((fault) => findingOf("secret-not-here", fault)),
  ];
  return { namespace, documents, reading, findings };
}

/** By namespace, in order. With a namespace given all belong to it, and it is told of those that are elsewhere. */
function groupsOf(
  documents: readonly KubernetesDocument[],
  namespace: string | undefined,
): readonly (readonly [string, readonly KubernetesDocument[]])[] {
  const concerned = documents.filter(({ kind }) => kind !== "Secret");
  if (concerned.length === 0) return [];
  if (namespace !== undefined) return [[namespace, documents]];
  const named = new Set(concerned.map((document) => document.namespace).filter((name) => name !== ""));
  const [only] = named;
  const home = named.size === 1 && only !== undefined ? only : DEFAULT_NAMESPACE;
  const groups = new Map<string, KubernetesDocument[]>();
  for (const document of documents) {
    const name = document.namespace || home;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [document]);
    else group.push(document);
  }
  return [...groups]
    .filter(([, group]) => group.some(({ kind }) => kind !== "Secret"))
    .toSorted(([a], [b]) => compareTexts(a, b));
}

/** Names of the ConfigMaps with a legacy configuration; the first is taken for the one beside the resources. */
function legacyConfigMaps(
  documents: readonly KubernetesDocument[],
  home: string,
  workloads: readonly KubernetesDocument[],
): readonly string[] {
  const names = new Set<string>();
  for (const document of documents) {
    const isHere = document.namespace === home || document.namespace === "";
    if (document.kind === "ConfigMap" && isHere) names.add(document.name);
  }
  const own = workloads.filter(({ namespace }) => namespace === home || namespace === "");
  const started = new Set(own.map(configFlagOf));
  const rank = (name: string): number =>
    started.has(name) ? -1 : (USUAL_NAMES.indexOf(name) + USUAL_NAMES.length + 1) % (USUAL_NAMES.length + 1);
  return [...names].toSorted((a, b) => rank(a) - rank(b) || compareTexts(a, b));
}

/** ConfigMaps that are there already: refused as such, and yet what is wrong within them is told too. */
function repeats(documents: readonly KubernetesDocument[], home: string): readonly KubernetesDocument[] {
  const seen = new Set<string>();
  return documents.filter((document) => {
    const isHere = document.namespace === home || document.namespace === "";
    if (document.kind !== "ConfigMap" || !isHere) return false;
    const isRepeat = seen.has(document.name);
    seen.add(document.name);
    return isRepeat;
  });
}

function nameOf({ kind, name }: KubernetesDocument): string | undefined {
  return kind === "ConfigMap" ? name : undefined;
}

/**
 * Secrets are rarely kept beside manifests, or only encrypted: that one is not here, or cannot be read here, says
 * nothing about the configuration. Peers that refer to such are read as if it were right.
 */
function standInSecrets(
  documents: readonly KubernetesDocument[],
  namespace: string,
): Readonly<{ secrets: readonly KubernetesDocument[]; absent: readonly Fault[] }> {
  const known = new Set(documents.flatMap((one) => (one.kind === "Secret" && !isEncrypted(one) ? [one.name] : [])));
  const encrypted = new Set(documents.filter(isEncrypted).map(({ name }) => name));
  const secrets: KubernetesDocument[] = [];
  const absent: Fault[] = [];
  for (const document of documents) {
    const name = secretNameOf(document);
    if (name === undefined || known.has(name)) continue;
    known.add(name);
    const body = { type: BASIC_AUTH, stringData: { password: "stands in" } };
    secrets.push({ apiVersion: "v1", kind: "Secret", namespace, name, body });
    const what = encrypted.has(name) ? "encrypted here" : "not part of the input";
    const problem = `names a Secret that is ${what}, so its content is not judged`;
    const remedy = `see that it is of type ${BASIC_AUTH} and has the key password`;
    absent.push(faultAt(placeOf(document), "/spec/passwordSecret/name", name, problem, remedy));
  }
  return { secrets, absent };
}

/** As SOPS leaves it: the values are cipher texts. */
function isEncrypted({ kind, body }: KubernetesDocument): boolean {
  return kind === "Secret" && isRecord(body["sops"]);
}

function secretNameOf({ kind, body }: KubernetesDocument): string | undefined {
  const spec = body["spec"];
  if (kind !== "BGPPeer" || !isRecord(spec) || !isRecord(spec["passwordSecret"])) return undefined;
  const { name } = spec["passwordSecret"];
  return typeof name === "string" && name !== "" ? name : undefined;
}

const NO_POOLS: ReadonlySet<string> = new Set(["community-undefined", "bfd-profile-undefined", "address-overlap"]);
const NO_POOL_OBJECT = /^(?:BGPPeer|BFDProfile|Community|L2Advertisement|BGPAdvertisement) /;
const NO_POOL_PATH = /^\/(?:peers|bfd-profiles|bgp-communities|peer-autodiscovery)\b/;

/** Whether all addresses of its pools could be read, whatever else it is refused for. */
export function knowsAddresses({ findings }: LintConfiguration): boolean {
  return findings.every(
    ({ severity, rule, object, path }) =>
      severity !== "error" || NO_POOLS.has(rule) || NO_POOL_OBJECT.test(object) || NO_POOL_PATH.test(path),
  );
}
