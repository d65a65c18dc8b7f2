import { isDeepStrictEqual } from "node:util";
import type { KubernetesDocument } from "../config/documents.js";
import { USUAL_NAME } from "../config/find-config-map.js";
import { readConfigDocument, withoutPasswordSecret } from "./config-document.js";
import type { ApiClient } from "./kubernetes/api-client.js";
import type { ApiFailure } from "./kubernetes/api-failure.js";
import { RECONNECT_BACKOFF, backoffDelay, type Backoff } from "./kubernetes/backoff.js";
import { createCollection, type Collection } from "./kubernetes/collection.js";
import { discoverMetallbKinds } from "./kubernetes/discovery.js";
import { pause } from "./kubernetes/pause.js";
import { isPermitted } from "./kubernetes/permission.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import {
  LEFTOVER_KINDS,
  METALLB_KINDS,
  basicAuthResource,
  configMapResource,
  configMapsResource,
  resourceName,
  type Resource,
} from "./kubernetes/resource.js";
import { watchResource } from "./kubernetes/watch.js";
import { createConfigMapTeller } from "./tell-config-map.js";
import { createWorkloadLook } from "./workload-look.js";

export type ConfigWatchOptions = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  streamingList: boolean;
  namespace: string;
  /** undefined: it is looked for, as far as that is permitted. */
  configMapName: string | undefined;
  /** Also watch what has no effect, for one that tells people of it. */
  withLeftovers: boolean;
  /** Also the passwords that peers name, for one that opens sessions. */
  withSecrets: boolean;
  /** All documents there are. Called when everything has been listed, and then soon after each change. */
  changed(documents: readonly KubernetesDocument[]): void;
}>;

export type ConfigWatch = Readonly<{
  /** What the first reading of the configuration waits for; undefined once it has been told. */
  missing(): string | undefined;
}>;

/** With a change others come: the resources of one `kubectl apply`, or those of a new list. */
const GATHER_MILLISECONDS = 50;
/** How often kinds and permissions that are not there are looked for again: sooner at first, they may be on the way. */
const LOOK_AGAIN: Backoff = { baseMilliseconds: 2_000, limitMilliseconds: 60_000 };
/** The ConfigMap with what went into the configuration of FRR. */
const EXTRAS_NAME = "bgpextras";

type Watched = Readonly<{
  resource: Resource;
  collection: Collection<KubernetesDocument>;
  /** What a configuration is not known without. */
  isNeeded: boolean;
  stop: AbortController;
}>;
/** Whether it is watched now, whatever the permission is for; `unanswered`: nobody said whether it may be. */
type Watching = "watched" | "denied" | "unanswered";

/**
 * Watches everything that may be configuration in our namespace: those kinds of metallb.io that the server has, and one
 * ConfigMap, or all of them together with the workloads that tell which one it is. What is not there or not permitted
 * is said once and looked for again. Nothing is told before all of it has been listed, since half a configuration looks
 * like one that takes addresses away; a kind that turns up later is left out until it has been listed.
 */
export function watchConfiguration(options: ConfigWatchOptions): ConfigWatch {
  const { client, ports, signal, namespace, configMapName, streamingList } = options;
  const watched = new Map<string, Watched>(); // BOUNDED by the kinds, and two
  const leftoverKinds = options.withLeftovers ? LEFTOVER_KINDS : [];
  const workloads = configMapName === undefined ? createWorkloadLook(client, ports, namespace, sayUnseen) : undefined;
  const tellConfigMap = createConfigMapTeller(ports.log, { namespace, configMapName });
  const said = new Set<string>(); // BOUNDED by the kinds, and by the ways in which discovery can fail
  let lookedOnce = false;
  let told = false;
  let cancelGathering: (() => void) | undefined;

  const unlisted = (): readonly string[] =>
    [...watched.values()].flatMap(({ resource, collection, isNeeded }) =>
      isNeeded && !collection.listed() ? [resourceName(resource)] : [],
    );

  function onChange(): void {
    if (told) cancelGathering ??= ports.clock.setTimer(GATHER_MILLISECONDS, tell);
    else if (lookedOnce && unlisted().length === 0) tell();
  }

  function tell(): void {
    cancelGathering = undefined;
    if (signal.aborted) return;
    told = true;
    leaveOutTwins();
    const listed = [...watched.values()].filter(({ collection }) => collection.listed());
    const hasSecrets = watched.get(idOf(basicAuthResource(namespace)))?.collection.listed() === true;
    const read = listed.flatMap(({ collection }) => collection.values());
    const documents = hasSecrets ? read : read.map(withoutPasswordSecret);
    if (workloads !== undefined) documents.push(...workloads.documents());
    tellConfigMap(documents);
    options.changed(documents);
  }

  /** Once all ConfigMaps are there, the one that was watched by its name before is there twice. */
  function leaveOutTwins(): void {
    const all = watched.get(idOf(configMapsResource(namespace)));
    if (all?.collection.listed() !== true) return;
    for (const [id, { resource, stop }] of watched) {
      if (resource.kind !== "ConfigMap" || resource.fieldSelector === undefined) continue;
      stop.abort();
      watched.delete(id);
    }
  }

  function sayOnce(level: "info" | "warn", id: string, resource: string, message: string): void {
    if (said.has(id)) return;
    said.add(id);
    ports.log[level]({ resource, namespace }, message);
  }

  async function watchIfPermitted(resource: Resource, isNeeded: boolean, name?: string): Promise<Watching> {
    const id = idOf(resource);
    if (watched.has(id)) return "watched";
    const permitted = await isPermitted(client, resource, ["list", "watch"], name);
    if (!permitted.ok) return unanswered(permitted.fault);
    if (!permitted.value) return "denied";
    const collection = createCollection<KubernetesDocument>(onChange, (before, after) =>
      isDeepStrictEqual(before.body, after.body),
    );
    const stop = new AbortController();
    watched.set(id, { resource, collection, isNeeded, stop });
    watchResource({
      client,
      resource,
      read: readConfigDocument,
      handlers: collection.handlers,
      ports,
      signal: AbortSignal.any([signal, stop.signal]),
      streamingList,
    });
    return "watched";
  }

  function sayUnseen(): void {
    const id = "deployments.apps, daemonsets.apps";
    const message = `What controllers and speakers in ${namespace} are started with is not looked at: the list of deployments and daemonsets is not permitted: grant it, or name the ConfigMap with --config`;
    sayOnce("info", id, id, message);
  }

  /** @returns whether the question was answered */
  async function watchNeeded(resource: Resource, name?: string): Promise<boolean> {
    const watching = await watchIfPermitted(resource, true, name);
    if (watching === "denied") {
      const id = resourceName(resource);
      const message = `Cannot read ${id} in ${namespace}: its list and watch are not permitted: grant them, or configure without`;
      sayOnce("warn", id, id, message);
    }
    return watching !== "unanswered";
  }

  function unanswered({ kind, message }: ApiFailure): "unanswered" {
    sayOnce("warn", `unanswered:${kind}`, "configuration", `${message} (asking again)`);
    return "unanswered";
  }

  async function lookForConfigMaps(): Promise<boolean> {
    if (configMapName !== undefined) return watchNeeded(configMapResource(namespace, configMapName), configMapName);
    const watching = await watchIfPermitted(configMapsResource(namespace), true);
    if (watching !== "denied") return watching === "watched";
    sayOnce(
      "info",
      "other ConfigMaps",
      "configmaps",
      `Of the ConfigMaps in ${namespace} only ${USUAL_NAME} is looked at: list and watch of the others are not permitted: grant them, or name another one with --config`,
    );
    return watchNeeded(configMapResource(namespace, USUAL_NAME), USUAL_NAME);
  }

  async function lookForSecrets(): Promise<boolean> {
    if (!options.withSecrets) return true;
    const watching = await watchIfPermitted(basicAuthResource(namespace), true);
    if (watching === "denied") {
      const message = `Cannot read secrets in ${namespace}: their list and watch are not permitted: peers with a passwordSecret are spoken to without a password`;
      sayOnce("info", "secrets", "secrets", message);
    }
    return watching !== "unanswered";
  }

  async function lookForWorkloads(): Promise<boolean> {
    const seen = (await workloads?.look()) ?? "same";
    if (seen === "different" && told) onChange();
    return typeof seen === "string" || unanswered(seen) !== "unanswered";
  }

  async function lookForKinds(): Promise<boolean> {
    const kinds = await discoverMetallbKinds(client, namespace, [...METALLB_KINDS, ...leftoverKinds]);
    if (!kinds.ok && kinds.fault.kind === "forbidden") {
      const message = `${kinds.fault.message}: going on without resources: grant the role system:discovery`;
      sayOnce("warn", "metallb.io", "metallb.io", message);
      return true;
    }
    if (!kinds.ok) return unanswered(kinds.fault) !== "unanswered";
    const answered = await Promise.all(
      kinds.value.map((resource) => (isLeftover(resource) ? watchLeftover(resource) : watchNeeded(resource))),
    );
    return answered.every(Boolean);
  }

  /** What is told of it is worth neither waiting for nor a word about a missing permission. */
  async function watchLeftover(resource: Resource, name?: string): Promise<true> {
    await watchIfPermitted(resource, false, name);
    return true;
  }

  async function lookForExtras(): Promise<true> {
    if (!options.withLeftovers || watched.has(idOf(configMapsResource(namespace)))) return true;
    return watchLeftover(configMapResource(namespace, EXTRAS_NAME), EXTRAS_NAME);
  }

  async function run(): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const looks = [lookForWorkloads(), lookForKinds(), lookForConfigMaps(), lookForSecrets()];
      const answered = await Promise.all(looks);
      if (!lookedOnce && answered.every(Boolean)) {
        lookedOnce = true;
        onChange();
      }
      await lookForExtras();
      const backoff = lookedOnce ? LOOK_AGAIN : RECONNECT_BACKOFF;
      await pause(backoffDelay(backoff, attempt, ports.random()), ports.clock, signal);
    }
  }

  void run();
  return {
    missing() {
      if (told) return undefined;
      const resources = unlisted();
      return `the configuration has not been read yet${resources.length === 0 ? "" : `: waiting for ${resources.join(", ")}`}`;
    },
  };
}

function isLeftover({ plural }: Resource): boolean {
  return LEFTOVER_KINDS.some((kind) => kind.plural === plural);
}

function idOf(resource: Resource): string {
  const { fieldSelector = "" } = resource;
  return `${resourceName(resource)}?${fieldSelector}`;
}
