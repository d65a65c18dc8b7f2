import type { LoadOptions } from "../config/load.js";
import { watchConfiguration } from "./config-watch.js";
import { createKeptSecret } from "./kubernetes/kept-secret.js";
import { LAST_GOOD_SECRET, createLastGoodConfig } from "./last-good-config.js";
import { ENDPOINT_SLICES, NODES, SERVICES, podsResource } from "./kubernetes/resource.js";
import { watchResource, type WatchOptions } from "./kubernetes/watch.js";
import type { SpeakerMetrics } from "./metrics/speaker-metrics.js";
import { followSpeakerPods, type ClusterWatch } from "./speaker-pods.js";
import type { Release } from "./announce/release.js";
import { succeed } from "./net/result.js";
import { aliveNodes } from "./speaker/alive-nodes.js";
import { createFleetFollower } from "./speaker/fleet-follower.js";
import { gossipPeers } from "./speaker/gossip-peers.js";
import type { Gossip, TellAlive } from "./speaker/gossip.js";
import type { Speaker } from "./speaker/speaker.js";
import { announcedPart, createSliceReducer } from "./speaker/view-parts.js";
import { readEndpointSlice, readNode, readService } from "./world/read.js";
import { startTimer } from "./transport/clock.js";
import type { Labels, NodeView, PodView } from "./world/views.js";

export type SpeakerWatchOptions = LoadOptions &
  Readonly<{
    /** Name of this speaker's Node. */
    node: string;
    /** Name of our own Pod; "": not known. */
    podName: string;
    /** Of speakers of the original that do not show it. */
    fleetGeneration?: Release;
    /** Of the speakers' Pods. */
    labels: Labels;
    /** Where the speakers' Pods are. */
    podNamespace: string;
  }>;

/** How it is known which speakers live. */
export type Liveness = Readonly<{
  /** Undefined where it is off: then what the API server says of Nodes and Pods counts. */
  gossip: Pick<Gossip, "usePeers" | "joinMissing"> | undefined;
  /** Called once, when everything has been listed: tells who lives first. @returns whether the speaker may begin */
  enter: (tell: TellAlive) => Promise<boolean>;
}>;

/**
 * Feeds a speaker with all that it decides on; it begins when everything has been listed.
 * @returns why it has not begun yet; undefined once it has
 */
export function watchWorld(
  options: SpeakerWatchOptions,
  speaker: Speaker,
  metrics: SpeakerMetrics,
  edge: ClusterWatch,
  { gossip, enter }: Liveness,
): () => string | undefined {
  const missing = new Set(["Services", "EndpointSlices", "Nodes", "the speakers' Pods", "the configuration"]);
  let hasBegun = false;
  function arrived(what: string): void {
    if (missing.delete(what) && missing.size === 0) void begin();
  }
  async function begin(): Promise<void> {
    if (gossip !== undefined) speaker.rehearse();
    hasBegun = await enter(tellLiving);
    if (hasBegun) speaker.synced();
  }
  const watch = <View>(watched: Pick<WatchOptions<View>, "resource" | "read" | "handlers">): void =>
    void watchResource({ ...edge, ...watched, streamingList: false }); // thousands come in half the time in pages

  watch({
    resource: SERVICES,
    read(object) {
      const service = readService(object);
      if (!service.ok) metrics.countUpdateError();
      return service.ok ? succeed(announcedPart(service.value)) : service;
    },
    handlers: {
      changed(service, key) {
        metrics.countUpdate();
        speaker.serviceChanged(service, key);
      },
      deleted: (key) => speaker.serviceDeleted(key),
      listed: () => arrived("Services"),
    },
  });
  const reduceSlice = createSliceReducer();
  watch({
    resource: ENDPOINT_SLICES,
    read(object) {
      const slice = readEndpointSlice(object);
      return slice.ok ? succeed(reduceSlice(slice.value)) : slice;
    },
    handlers: {
      changed: (slice, key) => speaker.endpointSliceChanged(slice, key),
      deleted: (key) => speaker.endpointSliceDeleted(key),
      listed: () => arrived("EndpointSlices"),
    },
  });

  const fleet = createFleetFollower(
    { self: options.node, ownPod: options.podName, assumed: options.fleetGeneration },
    {
      changed: (next) => speaker.fleetChanged(next),
      gauge: (generation) => metrics.setFleetGeneration(generation),
      startTimer,
      log: edge.ports.log,
    },
  );
  edge.signal.addEventListener("abort", fleet.stop);
  const nodes = new Map<string, NodeView>(); // BOUNDED by the Nodes that exist
  let pods: readonly PodView[] | undefined = [];
  let refreshing = false;
  function tellLiving(alive: ReadonlySet<string>, ours: ReadonlySet<string> | undefined): void {
    fleet.livingChanged(alive, ours);
    speaker.aliveChanged(alive);
  }
  function tellAlive(): void {
    refreshing = false;
    const running = aliveNodes(nodes.values(), pods, options.labels);
    if (gossip === undefined) tellLiving(running, undefined);
    else gossip.usePeers(gossipPeers(options.node, nodes.values(), pods, running));
  }
  /** Once for what arrives together: a list of Nodes comes one by one. */
  function tellAliveSoon(): void {
    if (!refreshing) setImmediate(tellAlive);
    refreshing = true;
  }
  watch({
    resource: NODES,
    read: readNode,
    handlers: {
      changed(node) {
        nodes.set(node.name, node);
        speaker.nodeChanged(node);
        tellAliveSoon();
        if (node.name === options.node) gossip?.joinMissing();
      },
      deleted(name) {
        nodes.delete(name);
        speaker.nodeDeleted(name);
        tellAliveSoon();
      },
      listed() {
        tellAlive();
        arrived("Nodes");
      },
    },
  });
  const selector = Object.entries(options.labels)
    .map((pair) => pair.join("="))
    .join(",");
  void followSpeakerPods(edge, podsResource(options.podNamespace, selector), (seen) => {
    pods = seen;
    fleet.podsChanged(seen);
    tellAlive();
    arrived("the speakers' Pods");
  });

  const lastGood = createKeptSecret({ ...edge, namespace: options.namespace, name: LAST_GOOD_SECRET });
  const configuration = watchConfiguration({
    ...edge,
    namespace: options.namespace,
    configMapName: options.configMapName,
    withLeftovers: false, // the controller tells of them, once for all
    withSecrets: true,
    changed: createLastGoodConfig({
      load: options,
      read: () => lastGood.read(),
      log: edge.ports.log,
      shell: {
        configRestored: (documents) => speaker.configRestored(documents),
        configChanged(documents) {
          speaker.configChanged(documents);
          arrived("the configuration");
        },
      },
    }),
  });
  return () => {
    if (hasBegun) return undefined;
    if (missing.size === 0) return "joining the other speakers";
    return configuration.missing() ?? `not listed yet: ${[...missing].join(", ")}`;
  };
}
