import type { KubernetesDocument } from "./documents.js";
import { isRecord } from "./read-documents.js";

type Fields = Readonly<Record<string, unknown>>;

/** The labels that tell a controller or speaker: of the plain manifests, and of the charts. */
const LABELS = [
  ["app", "component"],
  ["app.kubernetes.io/name", "app.kubernetes.io/component"],
] as const;
/** `registry/metallb/speaker:v0.12.1`, and `registry/someone/metallb-speaker:tag` of forks. */
const IMAGE = /(?:^|\/)metallb[/-](?:controller|speaker)(?:[:@]|$)/;
const ROLES: ReadonlySet<unknown> = new Set(["controller", "speaker"]);

/** The flags of the old programs that are on or off: what follows one of them is not its value. */
const SWITCHES: ReadonlySet<string> = new Set([
  "disable-cert-rotation",
  "disable-epslices",
  "enable-l2-service-status",
  "enable-pprof",
  "frrk8s-secret-passthrough",
  "ignore-exclude-lb",
  "ml-wan-config",
  "webhook-http2",
]);

/**
 * The name of the ConfigMap that a controller or speaker is started with: the `--config` of a Deployment or DaemonSet
 * that is one, by its labels or its image.
 * @returns undefined where it is none, or does not say; a value that is put together at its start does not count
 */
export function configFlagOf(document: KubernetesDocument): string | undefined {
  return isWorkloadKind(document) ? firstConfigFlag(containersOf(document)) : undefined;
}

/** Whether it is the Deployment or DaemonSet of a controller or speaker. */
export function isWorkload(document: KubernetesDocument): boolean {
  return isWorkloadKind(document) && containersOf(document).length > 0;
}

/**
 * As much of a Deployment or DaemonSet as these questions need. Its other arguments and its environment may hold
 * secrets.
 */
export function trimWorkload(document: KubernetesDocument): KubernetesDocument {
  const { apiVersion, kind, namespace, name, body } = document;
  const containers = containersOf(document).map((container) => {
    const config = configFlag(wordsOf(container));
    const args = config === undefined ? [] : [`--config=${config}`];
    return { name: container["name"], image: container["image"], args };
  });
  const template = { metadata: { labels: labelsOf(templateOf(body)) }, spec: { containers } };
  const metadata = { namespace, name, labels: labelsOf(body) };
  return { apiVersion, kind, namespace, name, body: { apiVersion, kind, metadata, spec: { template } } };
}

function isWorkloadKind({ apiVersion, kind }: KubernetesDocument): boolean {
  return /^(?:apps|extensions)\//.test(apiVersion) && (kind === "Deployment" || kind === "DaemonSet");
}

/** The containers that run a controller or speaker: by their image, or by their name in a workload with the labels. */
function containersOf({ body }: KubernetesDocument): readonly Fields[] {
  const template = templateOf(body);
  const isLabelled = [labelsOf(body), labelsOf(template)].some((labels) =>
    LABELS.some(([program, component]) => labels[program] === "metallb" && ROLES.has(labels[component])),
  );
  const list = fieldsOf(template["spec"])["containers"];
  const containers = Array.isArray(list) ? list.filter(isRecord) : [];
  const named = containers.filter(
    ({ name, image }) => (typeof image === "string" && IMAGE.test(image)) || (isLabelled && ROLES.has(name)),
  );
  return named.length === 0 && isLabelled ? containers : named;
}

function firstConfigFlag(containers: readonly Fields[]): string | undefined {
  return containers.map((container) => configFlag(wordsOf(container))).find((name) => name !== undefined);
}

/** As the flag package of Go reads words: one dash or two, the value after = or in the next word, the last one counts. */
function configFlag(words: readonly string[]): string | undefined {
  let found: string | undefined;
  for (let index = 0; index < words.length; index += 1) {
    const [, flag, , value] = /^--?([a-z][a-z0-9-]*)(=([^]*))?$/.exec(words[index] ?? "") ?? [];
    if (flag === undefined) continue;
    if (flag === "config") found = value ?? words[index + 1];
    if (value === undefined && !SWITCHES.has(flag)) index += 1;
  }
  return found === undefined || found === "" || found.includes("$(") ? undefined : found;
}

function wordsOf(container: Fields): readonly string[] {
  return [container["command"], container["args"]]
    .flatMap((words): unknown[] => (Array.isArray(words) ? words : []))
    .filter((word) => typeof word === "string");
}

function templateOf(body: Fields): Fields {
  return fieldsOf(fieldsOf(body["spec"])["template"]);
}

function labelsOf(object: Fields): Fields {
  return fieldsOf(fieldsOf(object["metadata"])["labels"]);
}

function fieldsOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}
