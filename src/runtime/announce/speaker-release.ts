import type { ContainerView, PodView } from "../world/views.js";
import { parseRelease, type Release } from "./release.js";

/** Which release runs in a Pod, and what says so: the end of a sentence. */
export type SpeakerRelease = Readonly<{ release: Release; evidence: string }>;

const VERSION_LABEL = "app.kubernetes.io/version";
const CHART_LABEL = "helm.sh/chart";

/**
 * Which release of the original runs in a speaker's Pod: by the tag of its image; else by what charts label Pods with;
 * else by arguments and variables, of which each came and went with a release. What could be several is taken to be the
 * oldest of them.
 * @returns undefined where nothing tells
 */
export function releaseOfPod(pod: PodView): SpeakerRelease | undefined {
  const container = speakerContainer(pod);
  const tag = container === undefined ? undefined : tagOf(container.image);
  const byTag = tag === undefined ? undefined : parseRelease(tag);
  if (byTag !== undefined) return { release: byTag, evidence: `its image is tagged ${tag}` };
  for (const label of [VERSION_LABEL, CHART_LABEL]) {
    const text = pod.labels[label];
    const release = text === undefined ? undefined : parseRelease(text.replace(/^[a-z-]+-(?=v?\d)/, ""));
    if (release !== undefined) return { release, evidence: `its label ${label} is ${text}` };
  }
  return container === undefined ? undefined : releaseOfArguments(container);
}

type Clue = Readonly<{ release: Release; evidence: string; holds: (seen: Seen) => boolean }>;
type Seen = Readonly<{ flags: ReadonlyMap<string, string>; variables: ReadonlySet<string> }>;

const flag =
  (...names: readonly string[]) =>
  ({ flags }: Seen): boolean =>
    names.some((name) => flags.has(name));
const variable =
  (...names: readonly string[]) =>
  ({ variables }: Seen): boolean =>
    names.some((name) => variables.has(name));
const clue = (minor: number, patch: number, evidence: string, holds: Clue["holds"]): Clue => ({
  release: { minor, patch },
  evidence,
  holds,
});

/** The first that holds counts: what only later releases know comes first, then what older ones still had. */
const CLUES: readonly Clue[] = [
  clue(
    16,
    0,
    "it has flags of v0.16",
    flag("bgp-debounce-timeout", "tls-curve-preferences", "metrics-cert-dir", "frrk8s-secret-passthrough"),
  ),
  clue(16, 0, "its port is that of v0.16", ({ flags }) => flags.get("port") === "9120"),
  clue(14, 6, "it knows the name of its Pod, as since v0.14.6", (seen) => {
    return variable("METALLB_POD_NAME")(seen) || flag("pod-name")(seen);
  }),
  clue(14, 4, "it has a flag of v0.14.4", flag("ignore-exclude-lb", "enable-l2-service-status")),
  clue(14, 0, "it has a flag of v0.14", flag("ml-wan-config")),
  clue(9, 0, "it names its namespace, as v0.9 did", (seen) => {
    return variable("METALLB_ML_NAMESPACE")(seen) || flag("ml-namespace")(seen);
  }),
  // From v0.13.8 the secret is a file. Until v0.14 the manifests are the same: which it is makes a difference to few.
  clue(13, 8, "it reads its secret as since v0.13.8", (seen) => {
    return variable("METALLB_ML_SECRET_KEY_PATH")(seen) || flag("ml-secret-key-path")(seen);
  }),
  clue(12, 0, "it names a ConfigMap and a kind of BGP, as v0.12 did", (seen) => {
    return flag("config")(seen) && variable("METALLB_BGP_TYPE")(seen);
  }),
  clue(11, 0, "it names a ConfigMap and a log level, as v0.11 did", (seen) => {
    return flag("config")(seen) && flag("log-level", "disable-epslices")(seen);
  }),
  clue(10, 0, "it names a ConfigMap and no log level, as v0.10 did", flag("config")),
  clue(13, 0, "it names no ConfigMap, as since v0.13", flag("log-level", "lb-class")),
];

function releaseOfArguments({ arguments: words, environment }: ContainerView): SpeakerRelease | undefined {
  const flags = new Map<string, string>(); // BOUNDED by the arguments
  for (const [index, word] of words.entries()) {
    const [, name, value] = /^--?([a-z0-9-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name !== undefined) flags.set(name, value ?? words[index + 1] ?? "");
  }
  const seen = { flags, variables: new Set(environment) };
  const found = CLUES.find(({ holds }) => holds(seen));
  return found === undefined ? undefined : { release: found.release, evidence: found.evidence };
}

/** The container called so, or whose image is; the only one there is. Others bring FRR, or look after metrics. */
function speakerContainer({ containers }: PodView): ContainerView | undefined {
  const named = containers.find(({ name }) => name === "speaker");
  const byImage = named ?? containers.find(({ image }) => lastPart(repositoryOf(image)).includes("speaker"));
  return byImage ?? (containers.length === 1 ? containers[0] : undefined);
}

/** The image of a speaker's container; undefined where there is none. */
export function imageOf(pod: PodView | undefined): string | undefined {
  return pod === undefined ? undefined : speakerContainer(pod)?.image;
}

/**
 * Whether a speaker of ours runs in a Pod: its image is ours by name, or the very one that this process runs in, or it is
 * started as ours are. Gossip says it better where there is gossip.
 * @param ownImage of this process's Pod; undefined: not known
 */
export function isOurPod(pod: PodView, ownImage: string | undefined): boolean {
  const container = speakerContainer(pod);
  if (container === undefined) return false;
  const { image, arguments: words } = container;
  return image === ownImage || lastPart(repositoryOf(image)).includes("smelter") || words.includes("speaker");
}

/** `registry:5000/metallb/speaker:v0.11.0@sha256:…`: `registry:5000/metallb/speaker`. */
function repositoryOf(image: string): string {
  const [name = ""] = image.split("@");
  return name.replace(/:[^:/]*$/, "");
}

function tagOf(image: string): string | undefined {
  const [name = ""] = image.split("@");
  return /:([^:/]+)$/.exec(name)?.[1];
}

function lastPart(repository: string): string {
  return repository.slice(repository.lastIndexOf("/") + 1);
}
