import type { KubernetesDocument } from "../config/documents.js";
import { documentOfObject } from "../config/read-documents.js";
import type { ApiClient } from "./kubernetes/api-client.js";
import { RECONNECT_BACKOFF, backoffDelay, type Backoff } from "./kubernetes/backoff.js";
import { createCollection, type Collection } from "./kubernetes/collection.js";
import { discoverMetallbKinds } from "./kubernetes/discovery.js";
import { pause } from "./kubernetes/pause.js";
import { isPermitted } from "./kubernetes/permission.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import { configMapResource, resourceName, secretsResource, type Resource } from "./kubernetes/resource.js";
import { watchResource } from "./kubernetes/watch.js";

export type ConfigWatchOptions = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  streamingList: boolean;
  namespace: string;
  configMapName: string;
  /** The Secrets of peers are wanted; without, `passwordSecret` is left out of the documents. */
  secrets: boolean;
  /** All documents there are. Called when everything has been listed, and then soon after each change. */
  changed(documents: readonly KubernetesDocument[]): void;
}>;

/** With a change others come: the resources of one `kubectl apply`, or those of a new list. */
const GATHER_MILLISECONDS = 50;
/** How often kinds and permissions that are not there are looked for again: sooner at first, they may be on the way. */
const LOOK_AGAIN: Backoff = { baseMilliseconds: 2_000, limitMilliseconds: 60_000 };

/**
 * Watches everything that may be configuration in our namespace: the one ConfigMap, those kinds of metallb.io that the
 * server has, and the Secrets that they name. What is not there or not permitted is said once and looked for again.
 */
export function watchConfiguration(options: ConfigWatchOptions): void {
  const { client, ports, signal, namespace, configMapName } = options;
  const watched = new Map<string, Collection<KubernetesDocument>>(); // by resource. BOUNDED by the kinds, and two
  const said = new Set<string>(); // what is not permitted. BOUNDED as well
  let lookedOnce = false;
  let told = false;
  let cancelGathering: (() => void) | undefined;

  function onChange(): void {
    if (!lookedOnce || ![...watched.values()].every((collection) => collection.listed())) return;
    const documents = [...watched.values()].flatMap((collection) => collection.values());
    if (options.secrets && !watched.has(SECRETS) && documents.some(namesSecret)) {
      void watchIfPermitted(secretsResource(namespace)).then(onChange);
      if (watched.has(SECRETS)) return; // it tells when the Secrets are listed
    }
    if (!told) return tell(); // the first is waited for
    cancelGathering ??= ports.clock.setTimer(GATHER_MILLISECONDS, tell);
  }

  function tell(): void {
    cancelGathering = undefined;
    if (signal.aborted) return;
    told = true;
    const documents = [...watched.values()].flatMap((collection) => collection.values());
    options.changed(options.secrets ? documents : documents.map(withoutPasswordSecret));
  }

  async function watchIfPermitted(resource: Resource, name?: string): Promise<boolean> {
    const id = resourceName(resource);
    if (watched.has(id)) return true;
    const permitted = await isPermitted(client, resource, ["list", "watch"], name);
    if (!permitted.ok) return false;
    if (permitted.value) {
      const collection = createCollection<KubernetesDocument>(onChange);
      watched.set(id, collection);
      const { streamingList } = options;
      watchResource({
        client,
        resource,
        read: documentOfObject,
        handlers: collection.handlers,
        ports,
        signal,
        streamingList,
      });
    } else if (!said.has(id)) {
      said.add(id);
      ports.log.warn(
        { resource: id, namespace },
        `Cannot read ${id} in ${namespace}: its list and watch are not permitted: grant them, or configure without`,
      );
    }
    return true;
  }

  /** @returns whether every question was answered */
  async function look(): Promise<boolean> {
    const answered = await Promise.all([
      watchIfPermitted(configMapResource(namespace, configMapName), configMapName),
      lookForKinds(),
    ]);
    return answered.every(Boolean);
  }

  async function lookForKinds(): Promise<boolean> {
    const kinds = await discoverMetallbKinds(client, namespace);
    if (!kinds.ok) return false;
    const answered = await Promise.all(kinds.value.map((resource) => watchIfPermitted(resource)));
    return answered.every(Boolean);
  }

  async function run(): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const complete = await look();
      if (complete && !lookedOnce) {
        lookedOnce = true;
        onChange();
      }
      const backoff = lookedOnce ? LOOK_AGAIN : RECONNECT_BACKOFF;
      await pause(backoffDelay(backoff, attempt, ports.random()), ports.clock, signal);
    }
  }

  void run();
}

const SECRETS = "secrets";

function namesSecret({ kind, body }: KubernetesDocument): boolean {
  return kind === "BGPPeer" && (body["spec"] as PeerSpec | undefined)?.passwordSecret?.name !== undefined;
}

type PeerSpec = Readonly<{ passwordSecret?: Readonly<{ name?: unknown }> }>;

/** For a process that has no use for passwords, and no permission to read them. */
function withoutPasswordSecret(document: KubernetesDocument): KubernetesDocument {
  if (!namesSecret(document)) return document;
  const { passwordSecret: _, ...spec } = document.body["spec"] as PeerSpec;
  return { ...document, body: { ...document.body, spec } };
}
