import type { KubernetesDocument } from "./documents.js";
import { compareTexts } from "./place.js";
import { isRecord } from "./read-documents.js";
import { configFlagOf } from "./workload.js";

/** The name that programs look for when nobody says another. */
export const USUAL_NAME = "config";
/** What the chart called it whose release was called as the program, and a distribution did in every install. */
const CHART_NAME = "metallb";

/** A ConfigMap that the old configuration may be in; `how` says in a sentence why. */
export type ConfigMapCandidate = Readonly<{ name: string; how: string }>;

/**
 * Which ConfigMap the old configuration is read from where nobody has said so.
 * `usual`: nothing speaks for another one than `config`, whether it is there or not. `several`: they differ, and
 * choosing would be guessing; by name.
 */
export type ConfigMapChoice =
  | Readonly<{ outcome: "usual"; name: string }>
  | Readonly<{ outcome: "found"; name: string; how: string }>
  | Readonly<{ outcome: "several"; candidates: readonly ConfigMapCandidate[] }>;

/**
 * Looks for the ConfigMap of an install that is taken over: first what its controllers and speakers were started with,
 * then `config`, then the names that charts gave it. Depends on nothing but what is there now, so that all processes
 * come to the same answer whenever they ask. Pure.
 * @param documents ConfigMaps, Deployments and DaemonSets; others, and those of other namespaces, are passed over
 */
export function findConfigMap(documents: readonly KubernetesDocument[], namespace: string): ConfigMapChoice {
  const here = documents.filter((document) => document.namespace === namespace || document.namespace === "");
  const texts = new Map<string, string>(); // of the key `config`, by name of the ConfigMap that has it
  for (const document of here) {
    const text = configTextOf(document);
    if (text !== undefined) texts.set(document.name, text);
  }
  const started = startedWith(here);
  if (started.length > 0) {
    // One that is missing is not replaced by another: it may be about to be written anew.
    const present = started.filter(({ name }) => texts.has(name));
    return choose(present.length > 0 ? present : started, texts);
  }
  if (texts.has(USUAL_NAME)) return { outcome: "usual", name: USUAL_NAME };
  const likely = here.flatMap((document): ConfigMapCandidate[] => {
    if (!texts.has(document.name) || document.kind !== "ConfigMap") return [];
    if (document.name === CHART_NAME) return [{ name: document.name, how: "it has the name that charts gave it" }];
    const label = labelsOf(document)["app.kubernetes.io/name"];
    return label === "metallb" ? [{ name: document.name, how: "it has the label of the chart" }] : [];
  });
  return likely.length > 0 ? choose(likely, texts) : { outcome: "usual", name: USUAL_NAME };
}

/** `ConfigMap metallb-system/metallb: DaemonSet speaker starts with --config=metallb`, or undefined where it is the usual. */
export function describeChoice(choice: ConfigMapChoice, namespace: string): string | undefined {
  if (choice.outcome !== "found") return undefined;
  return `ConfigMap ${namespace}/${choice.name} is read: ${choice.how}`;
}

/** What each was started with, one entry for each name, by name. */
function startedWith(documents: readonly KubernetesDocument[]): readonly ConfigMapCandidate[] {
  const names = new Map<string, string>();
  for (const document of documents) {
    const name = configFlagOf(document);
    if (name === undefined) continue;
    const how = `${document.kind} ${document.name} starts with --config=${name}`;
    const other = names.get(name);
    if (other === undefined || compareTexts(how, other) < 0) names.set(name, how);
  }
  return [...names].map(([name, how]) => ({ name, how }));
}

/** The only one, or the first of those that say the same. */
function choose(candidates: readonly ConfigMapCandidate[], texts: ReadonlyMap<string, string>): ConfigMapChoice {
  const sorted = candidates.toSorted((a, b) => compareTexts(a.name, b.name));
  const [first] = sorted;
  const differ = new Set(sorted.map(({ name }) => texts.get(name))).size > 1;
  if (first === undefined || differ) return { outcome: "several", candidates: sorted };
  return { outcome: "found", ...first };
}

function configTextOf({ apiVersion, kind, body }: KubernetesDocument): string | undefined {
  if (apiVersion !== "v1" || kind !== "ConfigMap") return undefined;
  const text = isRecord(body["data"]) ? body["data"]["config"] : undefined;
  return typeof text === "string" ? text : undefined;
}

function labelsOf({ body }: KubernetesDocument): Readonly<Record<string, unknown>> {
  const labels = isRecord(body["metadata"]) ? body["metadata"]["labels"] : undefined;
  return isRecord(labels) ? labels : {};
}
