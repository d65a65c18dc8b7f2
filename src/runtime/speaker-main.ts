import { openCluster, type ClusterEdgeOptions } from "./cluster-edge.js";
import { watchConfiguration } from "./config-watch.js";
import type { ApiClient } from "./kubernetes/api-client.js";
import { createCollection } from "./kubernetes/collection.js";
import { connectToServer } from "./kubernetes/connect.js";
import { createEventRecorder, type EventRecorder } from "./kubernetes/event-recorder.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import { ENDPOINT_SLICES, NODES, SERVICES, podsResource } from "./kubernetes/resource.js";
import { watchResource, type WatchOptions } from "./kubernetes/watch.js";
import { createLogger, type LogLevel, type Logger } from "./metrics/log.js";
import { createRegistry } from "./metrics/registry.js";
import { serveEndpoints } from "./serve-endpoints.js";
import { readExcludedInterfaces, startSpeakerNode, type SpeakerNode } from "./speaker-node.js";
import { aliveNodes } from "./speaker/alive-nodes.js";
import { aborted, stopOnSignals } from "./stop-on-signals.js";
import { readEndpointSlice, readNode, readPod, readService } from "./world/read.js";
import type { Labels, NodeView, PodView } from "./world/views.js";

export type SpeakerMainOptions = ClusterEdgeOptions &
  Readonly<{
    node: string;
    configMapName: string;
    loadBalancerClass: string;
    ignoreExcludeLabel: boolean;
    /** Labels of the speakers' Pods, as `key=value,key=value`. */
    speakerLabels: string;
    excludeInterfacesFile: string;
    metricsPort: number;
    metricsHost: string;
    healthPort: number;
    logLevel: LogLevel;
  }>;

const MAX_SOCKETS = 10;
const EVENTS_MILLISECONDS = 1_000;
/** The speaker is on the host network: its health is the kubelet's business alone. */
const HEALTH_HOST = "127.0.0.1";

/**
 * The speaker of one node of a cluster, until a signal.
 * @returns exit code 0 after a signal, 1 where it cannot begin (what is wrong has been logged)
 */
export async function runSpeaker(options: SpeakerMainOptions): Promise<number> {
  const log = await createLogger({ level: options.logLevel, pretty: process.stdout.isTTY });
  const signal = stopOnSignals(log);
  try {
    return await serve(options, log, signal);
  } catch (error) {
    log.error({ event: "startFailed" }, (error as Error).message);
    return 1;
  }
}

async function serve(options: SpeakerMainOptions, log: Logger, signal: AbortSignal): Promise<number> {
  const excludes = await readExcludedInterfaces(options.excludeInterfacesFile);
  const registry = createRegistry();
  const edge = openCluster(options, "speaker", MAX_SOCKETS, { registry, log });
  if (!edge.ok) throw new Error(edge.fault);
  const { client, ports } = edge.value;
  const events = createEventRecorder({
    client,
    origin: { component: "metallb-speaker", host: options.node },
    busy: () => false,
    ports,
  });
  const node = await startSpeakerNode({ ...options, excludes, registry }, log, (service, event) => {
    const { namespace, name, uid, resourceVersion } = service;
    events.record({ apiVersion: "v1", kind: "Service", namespace, name, uid, resourceVersion }, event);
  });
  let waitingFor: string | undefined = "the API server has not answered yet";
  const endpoints = await serveEndpoints(
    {
      ...options,
      healthHost: HEALTH_HOST,
      registry,
      refresh: () => node.refreshMetrics(),
      notReadyReason: () => waitingFor ?? node.notReadyReason(),
    },
    log,
  );
  if (endpoints === undefined) {
    await node.stop();
    return 1;
  }
  const server = await connectToServer(client, ports, signal, (reason) => void (waitingFor = reason));
  if (server !== undefined) {
    watchWorld(options, node, { client, ports, signal, ...server }, (reason) => void (waitingFor = reason));
    await aborted(signal);
  }
  await stop(node, events);
  await Promise.all(endpoints.map((endpoint) => endpoint.close()));
  client.close();
  return 0;
}

/** Answers nothing any more first, so that the next owner is alone on the wire. */
async function stop(node: SpeakerNode, events: EventRecorder): Promise<void> {
  await node.stop();
  await events.stop(EVENTS_MILLISECONDS);
}

type Edge = Readonly<{ client: ApiClient; ports: EdgePorts; signal: AbortSignal; streamingList: boolean }>;

/** Feeds the shell with all that it decides on; it begins when everything has been listed. */
function watchWorld(
  options: SpeakerMainOptions,
  { speaker, metrics }: SpeakerNode,
  edge: Edge,
  setWaitingFor: (reason: string | undefined) => void,
): void {
  const missing = new Set(["Services", "EndpointSlices", "Nodes", "speaker Pods", "the configuration"]);
  function arrived(what: string): void {
    if (!missing.delete(what)) return;
    setWaitingFor(missing.size === 0 ? undefined : `not listed yet: ${[...missing].join(", ")}`);
    if (missing.size === 0) speaker.synced();
  }
  const watch = <View>(options: Pick<WatchOptions<View>, "resource" | "read" | "handlers">): void =>
    void watchResource({ ...edge, ...options });

  watch({
    resource: SERVICES,
    read: readService,
    handlers: {
      changed(service) {
        metrics.countUpdate();
        speaker.serviceChanged(service);
      },
      deleted: (key) => speaker.serviceDeleted(key),
      listed: () => arrived("Services"),
    },
  });
  watch({
    resource: ENDPOINT_SLICES,
    read: readEndpointSlice,
    handlers: {
      changed: (slice) => speaker.endpointSliceChanged(slice),
      deleted: (key) => speaker.endpointSliceDeleted(key),
      listed: () => arrived("EndpointSlices"),
    },
  });

  const nodes = new Map<string, NodeView>(); // BOUNDED by the Nodes that exist
  const labels = parseLabels(options.speakerLabels);
  const pods = createCollection<PodView>(refreshSoon);
  let refreshing = false;
  /** Once for what arrives together: a list of Nodes comes one by one. */
  function refreshSoon(): void {
    if (refreshing) return;
    refreshing = true;
    setImmediate(() => {
      refreshing = false;
      speaker.aliveChanged(aliveNodes(nodes.values(), pods.values(), labels));
      if (pods.listed()) arrived("speaker Pods");
    });
  }
  watch({
    resource: NODES,
    read: readNode,
    handlers: {
      changed(node) {
        nodes.set(node.name, node);
        speaker.nodeChanged(node);
        refreshSoon();
      },
      deleted(name) {
        nodes.delete(name);
        speaker.nodeDeleted(name);
        refreshSoon();
      },
      listed() {
        speaker.aliveChanged(aliveNodes(nodes.values(), pods.values(), labels));
        arrived("Nodes");
      },
    },
  });
  watch({ resource: podsResource(options.namespace, options.speakerLabels), read: readPod, handlers: pods.handlers });
  watchConfiguration({
    ...edge,
    namespace: options.namespace,
    configMapName: options.configMapName,
    secrets: false, // nothing uses passwords until sessions are opened
    changed(documents) {
      speaker.configChanged(documents);
      arrived("the configuration");
    },
  });
}

/** @throws Error with a remedy where the text is no list of `key=value` */
function parseLabels(text: string): Labels {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [key, value, more] = pair.split("=");
      if (key === undefined || key === "" || value === undefined || more !== undefined) {
        throw new Error(`Cannot use --ml-labels: it is ${JSON.stringify(text)}, not key=value,key=value: write it so`);
      }
      return [key, value];
    }),
  );
}
