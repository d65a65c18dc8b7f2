import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { createAllocator } from "./allocator/create-allocator.js";
import { openCluster, type ClusterEdgeOptions } from "./cluster-edge.js";
import { watchConfiguration } from "./config-watch.js";
import { followAnsweredElsewhere } from "./answered-elsewhere-watch.js";
import { followNodeAddresses } from "./node-addresses.js";
import type { LoadOptions } from "../config/load.js";
import { createControllerOutputs } from "./controller-outputs.js";
import type { Controller } from "./controller/controller.js";
import { WRITES_IN_FLIGHT, createController } from "./controller/create-controller.js";
import { SOURCE_POOL_ANNOTATION, type StatusOutcome, type StatusWrite } from "./controller/ports.js";
import type { ApiClient } from "./kubernetes/api-client.js";
import { backoffDelay, type Backoff } from "./kubernetes/backoff.js";
import { createCollection } from "./kubernetes/collection.js";
import { connectToServer } from "./kubernetes/connect.js";
import { createEventRecorder, type EventRecorder } from "./kubernetes/event-recorder.js";
import { gateWrites } from "./kubernetes/gated-client.js";
import { createKeptSecret } from "./kubernetes/kept-secret.js";
import { lookAfterMemberlistSecret, type MemberlistSecretOptions } from "./kubernetes/memberlist-secret.js";
import { pause } from "./kubernetes/pause.js";
import { createOtherWriters } from "./kubernetes/other-writers.js";
import { isPermitted } from "./kubernetes/permission.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import { NAMESPACES, SERVICES } from "./kubernetes/resource.js";
import { createServiceStatusWriter, type ServiceStatusWriter } from "./kubernetes/service-status.js";
import { systemClock } from "./kubernetes/system-clock.js";
import { watchResource } from "./kubernetes/watch.js";
import { LAST_GOOD_SECRET, createLastGoodConfig } from "./last-good-config.js";
import { startLeaderElection, type LeaderElectionOptions, type Leadership } from "./leader-election.js";
import { createControllerMetrics } from "./metrics/controller-metrics.js";
import { createLeaderGauge } from "./metrics/leader-metrics.js";
import { createLogger, type LogLevel, type Logger } from "./metrics/log.js";
import { createRegistry, type Registry } from "./metrics/registry.js";
import { createWebhookMetrics } from "./metrics/webhook-metrics.js";
import { serveEndpoints } from "./serve-endpoints.js";
import { startWebhooks, type WebhookOptions, type Webhooks } from "./start-webhooks.js";
import { aborted, stopOnSignals } from "./stop-on-signals.js";
import { readNamespace } from "./world/read.js";
import type { NamespaceView } from "./world/views.js";

export type ControllerMainOptions = ClusterEdgeOptions &
  LoadOptions &
  Readonly<{
    loadBalancerClass: string;
    /** 0: no metrics. */
    metricsPort: number;
    /** "" is all addresses. */
    metricsHost: string;
    /** 0: no health endpoints. */
    healthPort: number;
    poolChange: "refuse" | "reassign";
    /** Our own Pod; "": not known. */
    podName: string;
    webhooks: WebhookOptions;
    election: Omit<LeaderElectionOptions, "namespace" | "podName" | "hostName">;
    /** With the key of the speakers' gossip; absent or without a name: none is made. */
    memberlistSecret?: Readonly<{ name: string; deployment: string }>;
    logLevel: LogLevel;
  }>;

/** Writes, and the few requests beside them, so that a full house of writes does not make a list wait. */
const MAX_SOCKETS = WRITES_IN_FLIGHT + 4;
const STOP_MILLISECONDS = 5_000;
const EVENTS_MILLISECONDS = 2_000;

/**
 * The controller of a cluster, until a signal.
 * @returns exit code 0 after a signal, 1 where it cannot begin (what is wrong has been logged)
 */
export async function runController(options: ControllerMainOptions): Promise<number> {
  const log = await createLogger({ level: options.logLevel, pretty: process.stdout.isTTY });
  const signal = stopOnSignals(log);
  const registry = createRegistry();
  const edge = openCluster(options, "controller", MAX_SOCKETS, { registry, log });
  if (!edge.ok) {
    log.error({ event: "startFailed" }, edge.fault);
    return 1;
  }
  const { client, ports } = edge.value;
  let waitingFor: string | undefined = "the API server has not answered yet";
  let joined: Joined | undefined;
  const metrics = createControllerMetrics(registry, () => joined?.controller.usage() ?? []);
  let webhooks: Webhooks | undefined;
  const { mode } = options.webhooks;
  const notReadyReason = (): string | undefined =>
    waitingFor ?? (mode === "onlywebhook" ? webhooks?.notReadyReason() : joined?.notReadyReason());
  const endpoints = await serveEndpoints({ ...options, healthHost: "", registry, notReadyReason }, log);
  if (endpoints === undefined) return 1;
  const server = await connectToServer(client, ports, signal, (reason) => void (waitingFor = reason));
  if (server !== undefined) {
    const { streamingList } = server;
    const shared = { client, ports, signal, streamingList };
    if (mode !== "onlywebhook") joined = joinController(options, { ...shared, metrics, registry });
    if (mode !== "disabled") {
      webhooks = startWebhooks(options.webhooks, options, { ...shared, metrics: createWebhookMetrics(registry) });
    }
    await aborted(signal);
    if (joined !== undefined) await end(joined, log);
    await webhooks?.close(); // last: who drains still answers
  }
  await Promise.all(endpoints.map((endpoint) => endpoint.close()));
  client.close();
  return 0;
}

/** When no write is in flight any more the next one may begin; it need not wait for our last Events. */
async function end({ controller, leadership, events }: Joined, log: Logger): Promise<void> {
  await stopWithin(controller.stop(), log);
  await Promise.all([leadership.resign(), events.stop(EVENTS_MILLISECONDS)]);
}

type Need = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  streamingList: boolean;
  metrics: ReturnType<typeof createControllerMetrics>;
  registry: Registry;
}>;

type Joined = Readonly<{
  controller: Controller;
  leadership: Leadership;
  events: EventRecorder;
  notReadyReason(): string | undefined;
}>;

/** What a controller is told besides how its process is to be seen from outside. */
export type ControllerJoinOptions = LoadOptions &
  Pick<ControllerMainOptions, "loadBalancerClass" | "poolChange" | "podName" | "election" | "memberlistSecret">;

/** Joins the shell to the edge: watches in, statuses and Events out. All of a controller but its process. */
export function joinController(options: ControllerJoinOptions, need: Need): Joined {
  const { client, ports, signal, streamingList, metrics } = need;
  const others = createOtherWriters(ports.clock);
  const mayWrite = (): boolean => leadership.holds();
  const writer = gateWrites(client, mayWrite);
  const statuses = createServiceStatusWriter(writer);
  const events = createEventRecorder({
    client: gateWrites(client, () => mayWrite() || signal.aborted), // the last ones tell what we did in our turn
    origin: { component: "metallb-controller" },
    busy: () => controller.busy(),
    ports,
  });
  const outputs = createControllerOutputs(
    { ...need, ...options, client: writer, usage: () => controller.usage(), busy: () => controller.busy(), mayWrite },
    metrics,
  );
  const controller = createController(
    {
      ...options,
      keepDecisions: false, // nobody asks, and there may be many
      isStandby: true,
    },
    createAllocator({ loadBalancerClass: options.loadBalancerClass }),
    {
      writeStatus: createStatusPort(need, statuses),
      recordEvent({ namespace, name, uid, resourceVersion }, event) {
        events.record({ apiVersion: "v1", kind: "Service", namespace, name, uid, resourceVersion }, event);
      },
      log: ports.log,
      ...outputs,
      othersGive: () => others.areActive(),
      clock: ports.clock,
      random: ports.random,
    },
  );
  const services = watchResource({
    client,
    resource: { ...SERVICES, managers: true },
    read(object) {
      const view = statuses.read(object);
      const isOurs = view.ok && (view.value.loadBalancerClass ?? "") === options.loadBalancerClass;
      if (isOurs) others.observe(object);
      return view;
    },
    handlers: {
      changed: (service) => controller.serviceChanged(service),
      deleted(key) {
        statuses.forget(key);
        controller.serviceDeleted(key);
      },
      listed: () => controller.servicesListed(),
    },
    ports,
    signal,
    streamingList: false, // thousands come in half the time in pages
  });
  const { namespace, configMapName } = options;
  const lastGood = createKeptSecret({ client: writer, ports, signal, namespace, name: LAST_GOOD_SECRET });
  let goodText: string | undefined; // BOUNDED: the newest
  const configuration = watchConfiguration({
    client,
    ports,
    signal,
    streamingList,
    namespace,
    configMapName,
    withLeftovers: true,
    withSecrets: false, // it opens no sessions
    changed: createLastGoodConfig({
      load: options,
      read: () => lastGood.read(),
      keep(text) {
        goodText = text;
        if (mayWrite()) lastGood.keep(text);
      },
      log: ports.log,
      shell: controller,
    }),
  });
  const setLeader = createLeaderGauge(need.registry, options.election.leaseName);
  const memberlistSecret = createMemberlistSecretKeeper(
    { ...need, client: writer, namespace, isOurTurn: mayWrite },
    options.memberlistSecret,
  );
  let turn = 0;
  const leadership = startLeaderElection(
    { ...options.election, namespace, podName: options.podName, hostName: hostname() },
    {
      client,
      ports,
      async begin(isElected) {
        turn += 1;
        setLeader(true);
        const current = turn;
        // What the former one has written must have been seen before anything is given out.
        if (isElected) await services.refresh();
        if (turn !== current || !mayWrite()) return;
        controller.lead();
        outputs.resume();
        if (goodText !== undefined) lastGood.keep(goodText);
        memberlistSecret.lookAfter();
      },
      end() {
        turn += 1;
        setLeader(false);
        controller.follow();
      },
    },
  );
  void watchNamespaces(need, controller);
  void followNodeAddresses(need, (nodes) => controller.nodesChanged(nodes));
  void followAnsweredElsewhere(need, options.namespace, (answered) => controller.answeredElsewhere(answered));
  return {
    controller,
    leadership,
    events,
    notReadyReason: () => configuration.missing() ?? controller.notReadyReason(),
  };
}

/** Looks after the Secret from its call on, until it is another controller's turn. */
function createMemberlistSecretKeeper(
  need: Omit<MemberlistSecretOptions, "name" | "deployment" | "randomOctets">,
  secret: ControllerMainOptions["memberlistSecret"] = { name: "", deployment: "" },
): Readonly<{ lookAfter: () => void }> {
  let isLookedAfter = false;
  return {
    lookAfter() {
      if (isLookedAfter) return; // our turn again before it was noticed that it had ended
      isLookedAfter = true;
      const ended = lookAfterMemberlistSecret({ ...need, ...secret, randomOctets: randomBytes });
      void ended.finally(() => (isLookedAfter = false));
    },
  };
}

/** Statuses may not be written at all: the server is left alone longer and longer. One that starts refuses briefly. */
const FORBIDDEN_BACKOFF: Backoff = { baseMilliseconds: 1_000, limitMilliseconds: 60_000 };

function createStatusPort({ client, ports }: Need, statuses: ServiceStatusWriter) {
  let refusals = 0; // in a row, those of writes that were in flight together counted once
  let askAgainAt = 0; // on the clock
  return async ({ service, addresses, pool }: StatusWrite): Promise<StatusOutcome> => {
    const written = await statuses.write({ service, addresses, annotations: { [SOURCE_POOL_ANNOTATION]: pool } });
    if (written.outcome !== "forbidden") {
      refusals = 0;
      return written;
    }
    const { message } = written;
    const permitted = await isPermitted(client, { ...SERVICES, plural: "services/status" }, ["update"]);
    if (permitted.ok && permitted.value) return { outcome: "refused", message };
    const now = ports.clock.now();
    if (now >= askAgainAt) {
      askAgainAt = now + backoffDelay(FORBIDDEN_BACKOFF, refusals, ports.random());
      refusals += 1;
    }
    return { outcome: "unavailable", message, retryAfterMilliseconds: askAgainAt - now };
  };
}

/** What changes in many Namespaces at once is looked at once; the first list is waited for, and told as it comes. */
const GATHER_MILLISECONDS = 50;
/** Permissions may be granted later; while they are not, the question costs little. */
const ASK_AGAIN: Backoff = { baseMilliseconds: 2_000, limitMilliseconds: 60_000 };

/** Old installs do not grant Namespaces: without them, selectors of Namespaces match nothing. */
async function watchNamespaces({ client, ports, signal, streamingList }: Need, controller: Controller): Promise<void> {
  let isDenied = false;
  for (let attempt = 0; ; attempt += 1) {
    const permitted = await isPermitted(client, NAMESPACES, ["list", "watch"]);
    if (signal.aborted) return;
    if (permitted.ok && permitted.value) break;
    if (permitted.ok && !isDenied) {
      isDenied = true;
      ports.log.info({ resource: "namespaces" }, "list and watch of Namespaces are not permitted, going on without");
      controller.namespacesChanged([]);
    }
    await pause(backoffDelay(ASK_AGAIN, attempt, ports.random()), ports.clock, signal);
  }
  let told: string | undefined;
  let cancelGathering: (() => void) | undefined;
  const tell = (): void => {
    cancelGathering = undefined;
    const views = namespaces.values();
    const text = JSON.stringify(views); // most of what changes in a Namespace decides nothing
    if (signal.aborted || text === told) return;
    told = text;
    controller.namespacesChanged(views);
  };
  const namespaces = createCollection<NamespaceView>(() => {
    if (!namespaces.listed()) return;
    if (told === undefined) tell();
    else cancelGathering ??= ports.clock.setTimer(GATHER_MILLISECONDS, tell);
  });
  watchResource({
    client,
    resource: NAMESPACES,
    read: readNamespace,
    handlers: namespaces.handlers,
    ports,
    signal,
    streamingList,
  });
}

/** Writes in flight may end; one that hangs does not keep the process. */
async function stopWithin(stopped: Promise<void>, log: Logger): Promise<void> {
  let cancel: (() => void) | undefined;
  const late = new Promise<"late">((resolve) => {
    cancel = systemClock.setTimer(STOP_MILLISECONDS, () => resolve("late"));
  });
  if ((await Promise.race([stopped, late])) === "late") {
    log.warn({ event: "stopLate" }, `status writes did not end within ${STOP_MILLISECONDS / 1000} s`);
  }
  cancel?.();
}
