import { createAllocator } from "./allocator/create-allocator.js";
import { createController } from "./controller/create-controller.js";
import type { Controller } from "./controller/controller.js";
import { SOURCE_POOL_ANNOTATION, type StatusWrite } from "./controller/ports.js";
import { watchManifests } from "./files/manifests.js";
import { readDecisions, stateFolderOf, writeDecisions, type StoredDecision } from "./files/state-folder.js";
import { acceptWorld, configNamespace, type ManifestWorld } from "./manifest-world.js";
import { createLogger, type Logger } from "./metrics/log.js";
import { USUAL_NAMESPACE, type RunOptions } from "./run-once.js";
import { createConfigMapTeller } from "./tell-config-map.js";
import { aborted, stopOnSignals } from "./stop-on-signals.js";
import { objectKey, type ObjectKey, type ServiceView } from "./world/views.js";

/**
 * The controller of a folder of manifests: allocates, and keeps what it decides beside the manifests, until a signal.
 * @returns exit code 0 after a signal, 1 where the path cannot be read at all
 */
export async function runControllerOnFiles(options: RunOptions): Promise<number> {
  const log = await createLogger({ level: options.logLevel, pretty: process.stdout.isTTY });
  const signal = stopOnSignals(log);
  let stateFolder: string;
  try {
    stateFolder = await stateFolderOf(options.from);
  } catch (error) {
    log.error(
      { path: options.from },
      `Cannot read ${options.from}: ${(error as Error).message}: name a file or folder`,
    );
    return 1;
  }
  const decisions = new Map(await readDecisions(stateFolder)); // BOUNDED by the Services that exist
  const store = createStore(stateFolder, decisions, log);
  let world: ManifestWorld | undefined;
  let controller: Controller | undefined;

  let tellConfigMap: ReturnType<typeof createConfigMapTeller> | undefined;

  function create(first: ManifestWorld): Controller {
    const namespace = options.namespace ?? configNamespace(first.configDocuments, USUAL_NAMESPACE);
    tellConfigMap = createConfigMapTeller(log, { ...options, namespace });
    return createController(
      { ...options, namespace },
      createAllocator({ loadBalancerClass: options.loadBalancerClass }),
      {
        writeStatus: async (write) => {
          keep(write);
          return { outcome: "written", resourceVersion: write.service.resourceVersion };
        },
        recordEvent: (service, { type, reason, message }) => {
          const fields = { event: reason, service: objectKey(service) };
          if (type === "Warning") log.warn(fields, message);
          else log.info(fields, message);
        },
        log,
        metrics: { updateHandled: () => undefined, updateFailed: () => undefined, configState: () => undefined },
        clock: {
          setTimer: (milliseconds, run) => {
            const timer = setTimeout(run, milliseconds);
            return () => clearTimeout(timer);
          },
        },
        random: Math.random,
      },
    );
  }

  function keep({ service, addresses, pool }: StatusWrite): void {
    const key = objectKey(service);
    const decision = controller?.decision(key);
    const reason = decision === undefined ? "" : decision.reason;
    decisions.set(key, { namespace: service.namespace, name: service.name, addresses, pool: pool ?? "", reason });
    store.request();
    log.info({ event: "decided", service: key, ips: addresses, pool }, "decided");
    const current = world?.services.get(key);
    if (current !== undefined) queueMicrotask(() => controller?.serviceChanged(withDecision(current, decisions)));
  }

  function useWorld(next: ManifestWorld): void {
    const before = world;
    world = next;
    controller ??= create(next);
    controller.namespacesChanged([...next.namespaces.values()]);
    controller.nodesChanged([...next.nodes.values()]);
    for (const service of next.services.values()) controller.serviceChanged(withDecision(service, decisions));
    for (const key of [...(before?.services.keys() ?? []), ...decisions.keys()]) {
      if (next.services.has(key)) continue;
      controller.serviceDeleted(key);
      if (decisions.delete(key)) store.request();
    }
    if (before === undefined) controller.servicesListed();
    tellConfigMap?.(next.configDocuments);
    controller.configChanged(next.configDocuments);
  }

  let refused = false;
  await watchManifests(
    options.from,
    (reading) => {
      const next = acceptWorld(reading, log);
      if (next !== undefined && refused) log.info({ event: "manifestsLoaded" }, "the manifests can be read again");
      refused = next === undefined;
      if (next !== undefined) useWorld(next);
    },
    signal,
  );
  await aborted(signal);
  await controller?.stop();
  await store.flushed();
  return 0;
}

function withDecision(service: ServiceView, decisions: ReadonlyMap<ObjectKey, StoredDecision>): ServiceView {
  const decision = decisions.get(objectKey(service));
  if (decision === undefined) return service;
  const { [SOURCE_POOL_ANNOTATION]: _, ...others } = service.annotations;
  const annotations = decision.pool === "" ? others : { ...others, [SOURCE_POOL_ANNOTATION]: decision.pool };
  return { ...service, annotations, ingress: decision.addresses.map((ip) => ({ ip })) };
}

/** Writes all decisions soon after a change, one write at a time; a write that fails is tried again with the next. */
function createStore(stateFolder: string, decisions: ReadonlyMap<ObjectKey, StoredDecision>, log: Logger) {
  let wanted = false;
  let running: Promise<void> | undefined;
  async function write(): Promise<void> {
    while (wanted) {
      wanted = false;
      try {
        await writeDecisions(stateFolder, decisions.values());
      } catch (error) {
        log.error(
          { event: "decisionsNotWritten" },
          `Cannot write decisions to ${stateFolder}: ${(error as Error).message}`,
        );
      }
    }
    running = undefined;
  }
  return {
    request(): void {
      wanted = true;
      running ??= Promise.resolve().then(write);
    },
    flushed: async (): Promise<void> => running,
  };
}
