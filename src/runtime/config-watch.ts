import { isDeepStrictEqual } from "node:util";
import type { KubernetesDocument } from "../config/documents.js";
import { documentOfObject } from "../config/read-documents.js";
import type { ApiClient } from "./kubernetes/api-client.js";
import type { ApiFailure } from "./kubernetes/api-failure.js";
import { RECONNECT_BACKOFF, backoffDelay, type Backoff } from "./kubernetes/backoff.js";
import { createCollection, type Collection } from "./kubernetes/collection.js";
import { discoverMetallbKinds } from "./kubernetes/discovery.js";
import { pause } from "./kubernetes/pause.js";
import { isPermitted } from "./kubernetes/permission.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import { configMapResource, resourceName, type Resource } from "./kubernetes/resource.js";
import { watchResource } from "./kubernetes/watch.js";

export type ConfigWatchOptions = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  streamingList: boolean;
  namespace: string;
  configMapName: string;
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

/**
 * Watches everything that may be configuration in our namespace: the one ConfigMap and those kinds of metallb.io that
 * the server has. What is not there or not permitted is said once and looked for again. Nothing is told before all of
 * it has been listed, since half a configuration looks like one that takes addresses away; a kind that turns up later
 * is left out until it has been listed.
 */
export function watchConfiguration(options: ConfigWatchOptions): ConfigWatch {
  const { client, ports, signal, namespace, configMapName } = options;
  const watched = new Map<string, Collection<KubernetesDocument>>(); // by resource. BOUNDED by the kinds, and one
  const said = new Set<string>(); // BOUNDED by the kinds, and by the ways in which discovery can fail
  let lookedOnce = false;
  let told = false;
  let cancelGathering: (() => void) | undefined;

  const unlisted = (): readonly string[] =>
    [...watched].flatMap(([id, collection]) => (collection.listed() ? [] : [id]));

  function onChange(): void {
    if (told) cancelGathering ??= ports.clock.setTimer(GATHER_MILLISECONDS, tell);
    else if (lookedOnce && unlisted().length === 0) tell();
  }

  function tell(): void {
    cancelGathering = undefined;
    if (signal.aborted) return;
    told = true;
    const listed = [...watched.values()].filter((collection) => collection.listed());
    options.changed(listed.flatMap((collection) => collection.values()).map(withoutPasswordSecret));
  }

  function warnOnce(id: string, message: string): void {
    if (said.has(id)) return;
    said.add(id);
    ports.log.warn({ resource: id, namespace }, message);
  }

  /** @returns whether the question was answered */
  async function watchIfPermitted(resource: Resource, name?: string): Promise<boolean> {
    const id = resourceName(resource);
    if (watched.has(id)) return true;
    const permitted = await isPermitted(client, resource, ["list", "watch"], name);
    if (!permitted.ok) return unanswered(permitted.fault);
    if (!permitted.value) {
      warnOnce(
        id,
        `Cannot read ${id} in ${namespace}: its list and watch are not permitted: grant them, or configure without`,
      );
      return true;
    }
    const collection = createCollection<KubernetesDocument>(onChange, saysTheSame);
    watched.set(id, collection);
    const { streamingList } = options;
    const { handlers } = collection;
    watchResource({ client, resource, read: documentOfObject, handlers, ports, signal, streamingList });
    return true;
  }

  function unanswered({ kind, message }: ApiFailure): false {
    warnOnce(`unanswered:${kind}`, `${message} (asking again)`);
    return false;
  }

  async function lookForKinds(): Promise<boolean> {
    const kinds = await discoverMetallbKinds(client, namespace);
    if (!kinds.ok && kinds.fault.kind === "forbidden") {
      warnOnce("metallb.io", `${kinds.fault.message}: going on without resources: grant the role system:discovery`);
      return true;
    }
    if (!kinds.ok) return unanswered(kinds.fault);
    const answered = await Promise.all(kinds.value.map((resource) => watchIfPermitted(resource)));
    return answered.every(Boolean);
  }

  async function run(): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const answered = await Promise.all([
        watchIfPermitted(configMapResource(namespace, configMapName), configMapName),
        lookForKinds(),
      ]);
      if (!lookedOnce && answered.every(Boolean)) {
        lookedOnce = true;
        onChange();
      }
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

/** Counters in the status of a pool change with each Service, and what the server notes for itself with every write. */
function saysTheSame(before: KubernetesDocument, after: KubernetesDocument): boolean {
  return isDeepStrictEqual(written(before), written(after));
}

function written({ body }: KubernetesDocument) {
  const { status: _, metadata, ...rest } = body;
  const { labels, annotations } = metadata as Readonly<Record<string, unknown>>;
  return { ...rest, labels, annotations };
}

type PeerSpec = Readonly<{ passwordSecret?: Readonly<{ name?: unknown }> }>;

/** Nothing opens sessions yet: no permission on Secrets is needed, and a peer must not be refused for want of one. */
function withoutPasswordSecret(document: KubernetesDocument): KubernetesDocument {
  const peer = document.body["spec"] as PeerSpec | undefined;
  if (document.kind !== "BGPPeer" || peer?.passwordSecret === undefined) return document;
  const { passwordSecret: _, ...spec } = peer;
  return { ...document, body: { ...document.body, spec } };
}
