import { mkdir } from "node:fs/promises";
import { readManifests, watchManifests } from "./files/manifests.js";
import {
  decisionsFile,
  readDecisions,
  readHeartbeats,
  removeHeartbeat,
  stateFolderOf,
  writeHeartbeat,
} from "./files/state-folder.js";
import { acceptWorld, configNamespace, withDecisions, type ManifestWorld } from "./manifest-world.js";
import { createLogger, type Logger } from "./metrics/log.js";
import { createRegistry } from "./metrics/registry.js";
import { USUAL_NAMESPACE, type RunOptions } from "./run-once.js";
import { startSpeakerNode, type BgpOptions, type SpeakerNode } from "./speaker-node.js";
import type { Speaker } from "./speaker/speaker.js";
import { createConfigMapTeller } from "./tell-config-map.js";
import { aborted, stopOnSignals } from "./stop-on-signals.js";
import { objectKey, type ServiceView } from "./world/views.js";

type NodeOptions = RunOptions & BgpOptions & Readonly<{ node: string }>;

const HEARTBEAT_MS = 200;
/** A node that was silent for so long is dead to the others. */
const DEAD_AFTER_MS = 1_000;

/**
 * The speaker of one node on a folder of manifests: announces what `smelter run` decided about it. Reads only, but for
 * the heartbeat by which the speakers of one folder know of each other.
 * @returns exit code 0 after a signal, 1 where it cannot begin
 */
export async function runSpeakerOnFiles(options: NodeOptions): Promise<number> {
  const log = await createLogger({ level: options.logLevel, pretty: process.stdout.isTTY });
  const signal = stopOnSignals(log);
  const { from, node } = options;
  let running: SpeakerNode | undefined;
  try {
    const stateFolder = await stateFolderOf(from);
    await mkdir(stateFolder, { recursive: true });
    running = await serve(options, stateFolder, log, signal);
    await aborted(signal);
    await removeHeartbeat(stateFolder, node);
    return 0;
  } catch (error) {
    log.error({ event: "speakerFailed", node }, (error as Error).message);
    return 1;
  } finally {
    await running?.stop();
  }
}

type Decisions = Awaited<ReturnType<typeof readDecisions>>;

async function serve(
  options: NodeOptions,
  stateFolder: string,
  log: Logger,
  signal: AbortSignal,
): Promise<SpeakerNode> {
  const decisions = await readDecisions(stateFolder);
  const first = acceptWorld(await readManifests(options.from), log);
  if (first !== undefined && !first.nodes.has(options.node)) {
    const names = [...first.nodes.keys()].join(", ") || "none";
    log.warn(
      { node: options.node },
      `There is no Node ${options.node} in the manifests (there: ${names}): it announces nothing`,
    );
  }
  const namespace = options.namespace ?? configNamespace(first?.configDocuments ?? [], USUAL_NAMESPACE);
  const node = await startSpeakerNode(
    {
      ...options,
      namespace,
      ignoreExcludeLabel: false,
      excludes: [/^lo$/],
      layer2: { conflicts: "report", refreshMilliseconds: 0 },
      registry: createRegistry(),
      signal,
    },
    log,
    {
      recordEvent: (service, event) => log.debug({ event: event.reason, service: objectKey(service) }, event.message),
    },
  );
  try {
    await feed(node, { ...options, namespace }, stateFolder, decisions, log, signal);
  } catch (error) {
    await node.stop();
    throw error;
  }
  return node;
}

/** Tells the shell the world as it is and as it changes; returns when it announces what it has to. */
async function feed(
  node: SpeakerNode,
  options: NodeOptions & Readonly<{ namespace: string }>,
  stateFolder: string,
  firstDecisions: Decisions,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const told = createTeller(node.speaker);
  const tellConfigMap = createConfigMapTeller(log, options);
  let world: ManifestWorld | undefined;
  let decisions = firstDecisions;
  const tell = (): void => {
    if (world !== undefined) told.tell(world, withDecisions(world.services, decisions));
  };
  await watchManifests(
    options.from,
    (reading) => {
      world = acceptWorld(reading, log) ?? world;
      if (world !== undefined) tellConfigMap(world.configDocuments);
      tell();
    },
    signal,
  );
  await watchManifests(
    decisionsFile(stateFolder),
    (reading) => {
      if (!reading.ok) return; // nothing is decided yet
      readDecisions(stateFolder)
        .then((read) => {
          decisions = read;
          return tell();
        })
        .catch((error: unknown) => log.error({ event: "decisionsUnreadable" }, String(error)));
    },
    signal,
  );
  node.speaker.aliveChanged(await beat(stateFolder, options.node));
  node.speaker.synced();
  const timer = setInterval(() => {
    beat(stateFolder, options.node).then(
      (alive) => node.speaker.aliveChanged(alive),
      (error: unknown) => log.error({ event: "heartbeatFailed" }, String(error)),
    );
  }, HEARTBEAT_MS);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

async function beat(stateFolder: string, node: string): Promise<ReadonlySet<string>> {
  await writeHeartbeat(stateFolder, node);
  return readHeartbeats(stateFolder, DEAD_AFTER_MS);
}

/** Tells a speaker the difference between one world and the next. */
function createTeller(speaker: Speaker) {
  let before: ManifestWorld | undefined;
  let servicesBefore: ReadonlyMap<string, ServiceView> = new Map();
  return {
    tell(world: ManifestWorld, services: ReadonlyMap<string, ServiceView>): void {
      for (const node of world.nodes.values()) speaker.nodeChanged(node);
      for (const name of before?.nodes.keys() ?? []) if (!world.nodes.has(name)) speaker.nodeDeleted(name);
      for (const slice of world.endpointSlices.values()) speaker.endpointSliceChanged(slice);
      for (const key of before?.endpointSlices.keys() ?? []) {
        if (!world.endpointSlices.has(key)) speaker.endpointSliceDeleted(key);
      }
      for (const service of services.values()) speaker.serviceChanged(service);
      for (const key of servicesBefore.keys()) if (!services.has(key)) speaker.serviceDeleted(key);
      if (world !== before) speaker.configChanged(world.configDocuments);
      [before, servicesBefore] = [world, services];
    },
  };
}
