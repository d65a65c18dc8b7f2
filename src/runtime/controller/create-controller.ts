import { isDeepStrictEqual } from "node:util";
import type { KubernetesDocument } from "../../config/documents.js";
import type { Allocator } from "../allocator/allocator.js";
import type { Decision, DecisionEvent, StrandedAddress } from "../allocator/decision.js";
import type { ObjectKey, ServiceView } from "../world/views.js";
import { objectKey } from "../world/views.js";
import { createConfiguration } from "./configuration.js";
import type { Controller, ControllerOptions } from "./controller.js";
import { createOthersFirst } from "./others-first.js";
import type { ControllerPorts, StatusOutcome } from "./ports.js";
import { isAsWanted, wantedStatus, withStatus } from "./status.js";
import { logTaken, logWritten, type ReasonedStatus } from "./status-log.js";
import { createWorkQueue, type Backoff, type Retry, type WorkEnd } from "./work-queue.js";

/** Where nothing else is said: enough to keep an API server busy, and few beside what it takes at a time (hundreds). */
export const WRITES_IN_FLIGHT = 16;
const CONFLICT_BACKOFF: Backoff = { baseMilliseconds: 50, limitMilliseconds: 30_000 };
const REFUSED_BACKOFF: Backoff = { baseMilliseconds: 1_000, limitMilliseconds: 300_000 };

/** @see Controller */
export function createController(options: ControllerOptions, allocator: Allocator, ports: ControllerPorts): Controller {
  const { log, metrics } = ports;
  const { writesInFlight = WRITES_IN_FLIGHT, keepDecisions = true } = options;
  const services = new Map<ObjectKey, ServiceView>(); // BOUNDED by the Services that exist, as decisions, pending and untold
  const decisions = new Map<ObjectKey, Decision>();
  const pending = new Set<ObjectKey>(); // want an address that they do not have
  const writing = new Set<ObjectKey>(); // status writes in flight. BOUNDED by writesInFlight
  const echoes = new Set<ObjectKey>(); // to be observed when nothing waits
  const untold = new Map<ObjectKey, readonly DecisionEvent[]>(); // of decisions whose write has not succeeded yet
  const configuration = createConfiguration(options, { allocator, ports, unplaced });
  const queue = createWorkQueue({
    inFlight: writesInFlight,
    work: reconcile,
    onDrained: () => {
      for (const key of echoes) observe(key);
      echoes.clear();
      requeuePending();
    },
    onIdle: () => {
      for (const resolve of waitingForIdle.splice(0)) resolve();
    },
    clock: ports.clock,
    random: ports.random,
  });
  const othersFirst = createOthersFirst(ports.othersGive ?? (() => false), ports.clock, queue.add);
  const waitingForIdle: (() => void)[] = []; // BOUNDED by those who called settled()
  let documents: readonly KubernetesDocument[] | undefined;
  let restored: readonly KubernetesDocument[] | undefined; // to be used before them
  let servicesAreListed = false;
  let namespacesAreKnown = false;
  let nodesAreKnown = false;
  let running = false; // everything has been told and a model is in force: addresses may be given out
  let leading = options.isStandby !== true; // else another controller gives them out
  let vacanciesSeen = 0;
  let unavailable = false;
  let stopped = false;

  /** Decides one Service. @returns the write that follows, if one does */
  function reconcile(key: ObjectKey): Promise<WorkEnd> | undefined {
    const service = services.get(key);
    if (service === undefined) return undefined; // forgotten when it went
    if (!leading) return noteStatus(key, service);
    if (isHeld(key, service)) {
      // As it is now: who may share with it, and an address that somebody has written meanwhile.
      freeingWay(key, () => allocator.adopt(service));
      if (isHeld(key, service)) return undefined;
    }
    if (isLeftToOthers(key, service)) return undefined;
    metrics.updateHandled();
    const decision = decide(key, service);
    if (keepDecisions) decisions.set(key, decision);
    if (wantsMore(decision)) pending.add(key);
    else pending.delete(key);
    if (decision.outcome !== "ignored" && decision.events.length > 0) untold.set(key, decision.events);
    const wanted = wantedStatus(decision);
    if (wanted !== undefined && !isAsWanted(service, wanted))
      return write(key, service, { ...wanted, reason: decision.reason });
    tellEvents(key, service);
    return undefined;
  }

  /** What the other controller gave it counts, whatever we would have. */
  function noteStatus(key: ObjectKey, service: ServiceView): undefined {
    metrics.updateHandled();
    freeingWay(key, () => allocator.adopt(service));
  }

  function decide(key: ObjectKey, service: ServiceView): Decision {
    const decision = freeingWay(key, () => allocator.decide(service));
    for (const other of allocator.disturbed()) queue.add(other);
    return decision;
  }

  /** Where the Service was in the way of a model that waits, and is not any more, the model may come. */
  function freeingWay<Value>(key: ObjectKey, change: () => Value): Value {
    const isInTheWay = configuration.stranded().has(key);
    const before = isInTheWay ? allocator.assignment(key)?.addresses.join() : undefined;
    const value = change();
    if (isInTheWay && allocator.assignment(key)?.addresses.join() !== before) tryModelAgain();
    return value;
  }

  function forget(key: ObjectKey): void {
    metrics.updateHandled();
    const freed = allocator.release(key);
    if (freed.length > 0 && leading)
      log.info({ event: "serviceDeleted", service: key, ips: freed }, "released its addresses");
    decisions.delete(key);
    pending.delete(key);
    untold.delete(key);
    othersFirst.forget(key);
    if (configuration.stranded().has(key)) tryModelAgain();
  }

  /** A Service whose address no pool has is left alone, rather than moved behind its owner's back. */
  function isHeld(key: ObjectKey, service: ServiceView): boolean {
    if (!configuration.stranded().has(key)) return false;
    const assignment = allocator.assignment(key);
    return service.type === "LoadBalancer" && assignment !== undefined && assignment.pool === undefined;
  }

  /** Somebody who waits for a first address, while another controller gives addresses. */
  function isLeftToOthers(key: ObjectKey, service: ServiceView): boolean {
    const isNew = service.ingress.length === 0 && service.type === "LoadBalancer";
    if (isNew && allocator.assignment(key) === undefined) return !othersFirst.mayGive(key);
    othersFirst.forget(key);
    return false;
  }

  function unplaced(): readonly StrandedAddress[] {
    return [...services.values()].flatMap((service) => {
      const { addresses = [], pool } = allocator.assignment(objectKey(service)) ?? {};
      if (service.type !== "LoadBalancer" || addresses.length === 0 || pool !== undefined) return [];
      return [{ service: objectKey(service), address: addresses.join(" and "), pool: "" }];
    });
  }

  async function write(key: ObjectKey, service: ServiceView, { reason, ...wanted }: ReasonedStatus): Promise<WorkEnd> {
    writing.add(key);
    logTaken(log, service, { ...wanted, reason });
    const outcome = await ports.writeStatus({ service, ...wanted });
    writing.delete(key);
    const isWritten = outcome.outcome === "written";
    const left = isWritten ? withStatus(service, wanted, outcome.resourceVersion) : service;
    const newest = services.get(key);
    if (newest === service) services.set(key, left);
    else if (newest !== undefined && !isSame(newest, left))
      queue.add(key); // more came than what we have written
    else if (newest !== undefined) echo(key);
    if (isWritten) logWritten(log, service, { ...wanted, reason });
    if (!leading) {
      queue.add(key);
      return undefined;
    }
    if (isWritten) {
      unavailable = false;
      allocator.written(key);
      tellEvents(key, left);
      return undefined;
    }
    if (outcome.outcome === "gone") return undefined; // its deletion is on the way to us
    metrics.updateFailed();
    return retryOf(key, outcome);
  }

  function retryOf(key: ObjectKey, outcome: Exclude<StatusOutcome, { outcome: "written" | "gone" }>): Retry {
    switch (outcome.outcome) {
      case "conflict":
        log.debug({ service: key }, "the Service was changed meanwhile, looking again");
        return { retry: "key", backoff: CONFLICT_BACKOFF };
      case "refused":
        log.error({ event: "updateError", service: key }, outcome.message);
        return { retry: "key", backoff: REFUSED_BACKOFF };
      case "unavailable":
        if (!unavailable) log.error({ event: "updateError", service: key }, `${outcome.message} (trying again)`);
        unavailable = true;
        return { retry: "all", atLeastMilliseconds: outcome.retryAfterMilliseconds ?? 0 };
    }
  }

  function tellEvents(key: ObjectKey, service: ServiceView): void {
    const events = untold.get(key);
    if (events === undefined) return;
    untold.delete(key);
    for (const event of events) {
      if (event.type === "Warning") log.warn({ event: event.reason, service: key }, event.message);
      ports.recordEvent(service, event);
    }
  }

  /** The server shows what we wrote. What it showed before that is worked on first: it may be somebody else's claim. */
  function echo(key: ObjectKey): void {
    if (queue.busy()) echoes.add(key);
    else observe(key);
  }

  function observe(key: ObjectKey): void {
    const service = services.get(key);
    if (service !== undefined && leading) allocator.observe(service);
  }

  /** One look at all who wait, however many addresses became free since the last one. */
  function requeuePending(): void {
    const vacancies = allocator.vacancies();
    if (!running || !leading || vacancies === vacanciesSeen) return;
    vacanciesSeen = vacancies;
    for (const key of pending) queue.add(key);
  }

  /** Who came first is served first. */
  function queueAll(): void {
    vacanciesSeen = allocator.vacancies();
    for (const service of [...services.values()].toSorted(byVersion)) queue.add(objectKey(service));
  }

  /** Something is to be had, or not any more, apart from what Services did. */
  function lookAgain(concerned: readonly ObjectKey[]): void {
    if (!running) return;
    for (const key of concerned) queue.add(key);
    if (!queue.busy()) requeuePending();
  }

  function tryModelAgain(): void {
    if (configuration.retry()) queueAll();
  }

  function useDocuments(): void {
    if (documents === undefined || !servicesAreListed || stopped) return;
    if (!namespacesAreKnown || !nodesAreKnown) return;
    const isRestored = restored !== undefined && configuration.useDocuments(restored);
    restored = undefined;
    if (!configuration.useDocuments(documents) && !isRestored) return;
    if (!running) {
      running = true;
      for (const service of services.values()) allocator.adopt(service);
      configuration.checkAdopted();
      queue.open();
    }
    queueAll();
  }

  return {
    serviceChanged(service) {
      if (stopped) return;
      const key = objectKey(service);
      const before = services.get(key);
      if (before !== undefined && isSame(before, service)) return echo(key); // what we wrote comes back
      if (before !== undefined && before.uid !== service.uid) forget(key); // another Service of the same name
      services.set(key, service);
      // It may be the echo of the write in flight, which is known when that ends: write() looks then.
      if (running && !writing.has(key)) queue.add(key); // until then all are queued together
    },
    serviceDeleted(key) {
      if (stopped || !services.delete(key)) return;
      forget(key); // at once: the next one of this name may be here before the key has its turn
      queue.add(key);
    },
    servicesListed() {
      if (servicesAreListed) return;
      servicesAreListed = true;
      useDocuments();
    },
    namespacesChanged(namespaces) {
      if (stopped) return;
      allocator.useNamespaces(namespaces);
      const isFirst = !namespacesAreKnown;
      namespacesAreKnown = true;
      if (isFirst) useDocuments();
      else if (running) queueAll();
    },
    nodesChanged(nodes) {
      if (stopped) return;
      const concerned = allocator.useNodeAddresses(nodes);
      const isFirst = !nodesAreKnown;
      nodesAreKnown = true;
      if (isFirst) useDocuments();
      lookAgain(concerned);
    },
    answeredElsewhere(addresses) {
      if (!stopped) lookAgain(allocator.useAnsweredAddresses(addresses));
    },
    lead() {
      if (leading || stopped) return;
      leading = true;
      if (!running) return;
      // All of it before the first decision: what waits in the queue may be an address that the former leader gave.
      for (const service of services.values()) allocator.adopt(service);
      queueAll();
    },
    follow() {
      if (!leading || stopped) return;
      leading = false;
      for (const state of [pending, untold, decisions, othersFirst]) state.clear();
      for (const [key, service] of services) {
        allocator.release(key); // also what was decided and not written
        allocator.adopt(service);
      }
      allocator.disturbed();
    },
    configRestored(earlier) {
      restored = earlier;
    },
    configChanged(next) {
      documents = next;
      useDocuments();
    },
    notReadyReason() {
      if (!servicesAreListed) return "the Services have not been listed yet";
      if (!namespacesAreKnown) return "the Namespaces have not been listed yet";
      if (!nodesAreKnown) return "the Nodes have not been listed yet";
      if (documents === undefined) return "the configuration has not been read yet";
      return undefined;
    },
    settled: () =>
      queue.busy() ? new Promise<void>((resolve) => void waitingForIdle.push(resolve)) : Promise.resolve(),
    busy: () => queue.busy(),
    decision: (key) => decisions.get(key),
    usage: () => allocator.usage(),
    async stop() {
      stopped = true;
      othersFirst.clear();
      await queue.stop();
    },
  };
}

/** Would the Service take something that may come free? */
function wantsMore(decision: Decision): boolean {
  return decision.outcome === "pending" || decision.outcome === "kept" || ("partial" in decision && decision.partial);
}

/** The older state first: the versions are numbers, as texts. */
function byVersion({ resourceVersion: a }: ServiceView, { resourceVersion: b }: ServiceView): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** By content: the resourceVersion of a manifest, where it has one, stays the same when the manifest is edited. */
function isSame(a: ServiceView, b: ServiceView): boolean {
  return a.resourceVersion === b.resourceVersion && isDeepStrictEqual(a, b);
}
