import { setMaxListeners } from "node:events";
import type { LoadOptions } from "../config/load.js";
import { openCluster, type ClusterEdgeOptions } from "./cluster-edge.js";
import type { AnnouncerPolicy } from "./layer2/messages.js";
import { createConfigurationState } from "./kubernetes/configuration-state.js";
import { connectToServer } from "./kubernetes/connect.js";
import { createEventRecorder } from "./kubernetes/event-recorder.js";
import type { Release } from "./announce/release.js";
import { loadMembership, type MembershipInputs } from "./membership-edge.js";
import type { MembershipFlags } from "./membership/settings.js";
import { createLogger, type LogLevel, type Logger } from "./metrics/log.js";
import { createRegistry } from "./metrics/registry.js";
import { explainAnnouncement } from "./explain-announcement.js";
import { explainPeers } from "./explain-peers.js";
import { describeFault } from "./net/fault.js";
import { serveEndpoints } from "./serve-endpoints.js";
import { createSpeakerGossip } from "./speaker-gossip.js";
import type { TellAlive } from "./speaker/gossip.js";
import { readExcludedInterfaces, startSpeakerNode, type BgpOptions } from "./speaker-node.js";
import { createSpeakerStatuses } from "./speaker-statuses.js";
import { watchWorld } from "./speaker-watches.js";
import { aborted, stopOnSignals } from "./stop-on-signals.js";
import { ANSWERED_ANNOTATION, answeredText, type AnsweredView } from "./world/answered-elsewhere.js";
import type { Labels } from "./world/views.js";

export type SpeakerMainOptions = ClusterEdgeOptions &
  LoadOptions &
  BgpOptions &
  Readonly<{
    node: string;
    loadBalancerClass: string;
    ignoreExcludeLabel: boolean;
    /** Labels of the speakers' Pods, as `key=value,key=value`. */
    speakerLabels: string;
    /** As they were given, and only those. */
    membershipFlags: MembershipFlags;
    excludeInterfacesFile: string;
    layer2: AnnouncerPolicy;
    /** Our own Pod; "": not known. */
    podName: string;
    /** Of speakers of the original that do not show it. */
    fleetGeneration?: Release;
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

async function serve(options: SpeakerMainOptions, log: Logger, stopped: AbortSignal): Promise<number> {
  const refused = new AbortController();
  const signal = AbortSignal.any([stopped, refused.signal]);
  setMaxListeners(0, signal); // as of the other: each watch and each wait listens
  const labels = parseLabels(options.speakerLabels);
  const excludes = await readExcludedInterfaces(options.excludeInterfacesFile);
  const membership = await readMembership(options.membershipFlags);
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
  const state = createConfigurationState({
    client,
    ports,
    signal,
    namespace: options.namespace,
    podName: options.podName,
    writer: { component: "speaker", node: options.node },
  });
  let answeredElsewhere: readonly AnsweredView[] = []; // BOUNDED by what is announced here
  const node = await startSpeakerNode({ ...options, excludes, registry, signal }, log, {
    recordEvent({ namespace, name, uid, resourceVersion }, event) {
      events.record({ apiVersion: "v1", kind: "Service", namespace, name, uid, resourceVersion }, event);
    },
    configResult: (problems) => state.report(problems),
    answeredElsewhere(answered) {
      answeredElsewhere = answered;
      state.annotate({ [ANSWERED_ANNOTATION]: answeredText(answered) });
    },
    ...createSpeakerStatuses({ ...options, client, ports, signal, streamingList: false }), // there are few of one node
  });
  const gossip = createSpeakerGossip(membership, { ...node, node: options.node }, registry, log);
  let waitingFor = (): string | undefined => "the API server has not answered yet";
  const endpoints = await serveEndpoints(
    {
      ...options,
      healthHost: HEALTH_HOST,
      registry,
      refresh: async () => void (await Promise.all([node.refreshMetrics(), gossip?.refreshMetrics()])),
      notReadyReason: () => waitingFor() ?? node.notReadyReason(),
      explain: (query) =>
        query.has("peer")
          ? explainPeers(options.node, node.bgpPeers(), query)
          : explainAnnouncement(options.node, { ...node.speaker, answeredElsewhere: () => answeredElsewhere }, query),
    },
    log,
  );
  const server =
    endpoints === undefined
      ? undefined
      : await connectToServer(client, ports, signal, (reason) => {
          if (reason !== undefined) waitingFor = () => reason;
        });
  if (server !== undefined) {
    const { streamingList } = server;
    const podNamespace = membership?.settings.namespace ?? options.namespace;
    const edges = { client, ports, signal, streamingList };
    const enter = async (tell: TellAlive): Promise<boolean> => {
      try {
        await gossip?.enter(tell);
      } catch (error) {
        log.error({ event: "startFailed" }, (error as Error).message);
        refused.abort();
      }
      return !signal.aborted;
    };
    const liveness = { gossip, enter };
    waitingFor = watchWorld({ ...options, labels, podNamespace }, node.speaker, node.metrics, edges, liveness);
    await aborted(signal);
  }
  await node.silence(); // first, so that the next owner, who takes over at the farewell, is alone on the wire
  await gossip?.leave();
  await node.stop();
  await events.stop(EVENTS_MILLISECONDS);
  await Promise.all((endpoints ?? []).map((endpoint) => endpoint.close()));
  client.close();
  return endpoints === undefined || refused.signal.aborted ? 1 : 0;
}

/** @throws Error with all that is wrong with flags, environment and the files that they name */
async function readMembership(flags: MembershipFlags): Promise<MembershipInputs | undefined> {
  const inputs = await loadMembership(flags, process.env);
  if (inputs.ok) return inputs.value;
  throw new Error(inputs.fault.map(describeFault).join("; "));
}

/** @throws Error with a remedy where the text is no list of `key=value` */
function parseLabels(text: string): Labels {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [, key, value] = /^([^=!]+)==?([^=]*)$/.exec(pair.trim()) ?? [];
      if (key === undefined || value === undefined) {
        throw new Error(`Cannot use --ml-labels: it is ${JSON.stringify(text)}, not key=value,key=value: write it so`);
      }
      return [key, value];
    }),
  );
}
