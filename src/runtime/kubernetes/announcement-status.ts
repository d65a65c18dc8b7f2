import type { ObjectKey } from "../world/views.js";
import {
  announcementsOf,
  readAnnouncement,
  type AnnouncementKind,
  type SeenAnnouncement,
} from "./announcement-object.js";
import { createAnnouncementStore } from "./announcement-store.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { RECONNECT_BACKOFF, REFUSED_BACKOFF, backoffDelay, type Backoff } from "./backoff.js";
import { listPages } from "./list-pages.js";
import { pause } from "./pause.js";
import type { EdgePorts } from "./ports.js";
import { createTokenBuckets } from "./token-buckets.js";
import { watchResource } from "./watch.js";

/**
 * Writes what this node announces into one object for each Service (ServiceL2Status, ServiceBGPStatus). Level-triggered:
 * what was set last is what the object is to say; nothing is written where it does. They are for people to read, and
 * have time: IN_FLIGHT of them are written at once, RATE requests a second are made, and what is not true any more
 * is taken back before anything new is said. An announcement waits for none of it.
 *
 * The objects go with our Pod. What another node has left of a Service that this node answers for now is taken away:
 * under our common name at once, under other names (the original makes some up) in one look when all is written.
 *
 * Off, which is said once, where the server does not know the kind or does not permit it; that is asked again later.
 */
export interface AnnouncementStatus {
  /**
   * What this node announces of a Service now. Costs nothing however often it is said.
   * @param names of interfaces ([]: all), or of peers; undefined: nothing of it is announced
   */
  set(service: ObjectKey, names: readonly string[] | undefined): void;
  /** All that is announced has been set: from now on it is written, and what else there is of this node taken back. */
  begin(): void;
}

export type AnnouncementStatusOptions = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  streamingList: boolean;
  namespace: string;
  node: string;
  /** Our own Pod, with which the objects go; "": they stay until another node, or our next life, takes them away. */
  podName: string;
  kind: AnnouncementKind;
}>;

const IN_FLIGHT = 2;
const MAX_LISTS = 1_000;
/** 1,500 Services a minute: soon enough for people, and a hundred nodes do not keep a server from its work. */
const RATE = { burst: 100, refillMilliseconds: 20, maxKeys: 1 };
const SETTLE_MILLISECONDS = 1_000; // who announced it before takes its own back first, and much that moves moves again
const REST_MILLISECONDS = 1_000; // after a write: by then the watch has it
const CONTESTED: Backoff = { baseMilliseconds: 2_000, limitMilliseconds: 600_000 }; // somebody else takes it away
const SWEEP_MILLISECONDS = 60_000; // between two looks at all nodes' objects
/** Where it is off: an API server that starts refuses everybody for a moment; otherwise permissions come seldom. */
const OFF: Backoff = { baseMilliseconds: 10_000, limitMilliseconds: 1_200_000 };
const REFUSED_MILLISECONDS = 600_000; // until what the server does not take is tried again

export function createAnnouncementStatus(options: AnnouncementStatusOptions): AnnouncementStatus {
  const { client, ports, signal, node, kind } = options;
  const { clock, counters, log } = ports;
  const resource = announcementsOf(node, kind, options.namespace);
  const budget = createTokenBuckets(RATE);
  const wanted = new Map<ObjectKey, readonly string[]>(); // BOUNDED by the Services that are announced here
  const lists = new Map<string, readonly string[]>(); // the same for all that is announced alike. BOUNDED by MAX_LISTS
  const seen = new Map<string, SeenAnnouncement>(); // by name, those of this node. BOUNDED by those that exist
  const seenOf = new Map<ObjectKey, Set<string>>(); // names in seen, by Service
  // Who is to be looked at: each Service is in one of these at most. BOUNDED by wanted and seen.
  const removals = new Set<ObjectKey>();
  const writes = new Set<ObjectKey>();
  const working = new Set<ObjectKey>();
  const resting = new Map<ObjectKey, () => void>(); // cancels; looked at when its time is over
  const contests = new Map<ObjectKey, number>(); // how often somebody took it away. BOUNDED as wanted
  let state: "waiting" | "asking" | "off" | "on" = "waiting";
  let stopWatch = new AbortController();
  let isListed = false;
  let cancelPump: (() => void) | undefined;
  let cancelSweep: (() => void) | undefined;
  let cancelLook: (() => void) | undefined;
  let notBefore = 0;
  let failures = 0; // in a row
  let timesOff = 0; // likewise
  let nextSweep = 0;
  let sweepIsDue = false;
  let said = "";
  const store = createAnnouncementStore({
    ...options,
    clock,
    resource,
    asked: () => budget.take("", clock.now()),
    stored: keep,
    removed: (name) => void forget(name),
  });

  signal.addEventListener("abort", () => {
    stopWatch.abort();
    for (const cancel of [cancelPump, cancelSweep, cancelLook, ...resting.values()]) cancel?.();
    for (let left = removals.size + writes.size + working.size; left > 0; left -= 1)
      counters.dropped("status_at_shutdown");
  });

  function touch(service: ObjectKey): void {
    if (state === "off") counters.dropped("status_not_permitted");
    if (state !== "on" || working.has(service) || resting.has(service)) return; // those are looked at again anyway
    (wanted.has(service) ? writes : removals).add(service);
    cancelPump ??= clock.setTimer(0, pump); // once for what comes together
  }

  function touchLater(service: ObjectKey, milliseconds: number): void {
    if (state !== "on" || signal.aborted) return;
    wake(service);
    for (const queue of [removals, writes]) queue.delete(service);
    const look = (): void => {
      resting.delete(service);
      touch(service);
    };
    resting.set(service, clock.setTimer(milliseconds, look));
  }

  function sharedList(names: readonly string[]): readonly string[] {
    const text = names.join();
    const list = lists.get(text) ?? names;
    if (lists.size >= MAX_LISTS) lists.clear();
    lists.set(text, list);
    return list;
  }

  function wake(service: ObjectKey): void {
    resting.get(service)?.();
    resting.delete(service);
  }

  function keep(one: SeenAnnouncement): void {
    forget(one.name);
    seen.set(one.name, one);
    seenOf.set(one.service, (seenOf.get(one.service) ?? new Set()).add(one.name));
  }

  function forget(name: string): SeenAnnouncement | undefined {
    const before = seen.get(name);
    if (before === undefined) return undefined;
    seen.delete(name);
    const names = seenOf.get(before.service);
    names?.delete(name);
    if (names?.size === 0) seenOf.delete(before.service);
    return before;
  }

  const thereOf = (service: ObjectKey): readonly SeenAnnouncement[] =>
    [...(seenOf.get(service) ?? [])].flatMap((name) => seen.get(name) ?? []);

  function pump(): void {
    cancelPump?.();
    cancelPump = undefined;
    if (state !== "on" || !isListed || signal.aborted) return;
    while (working.size < IN_FLIGHT) {
      const [service] = removals.size > 0 ? removals : writes;
      if (service === undefined) return sweepLater();
      const now = clock.now();
      const wait = Math.max(notBefore - now, budget.waitFor("", now));
      if (wait > 0) return void (cancelPump = clock.setTimer(wait, pump));
      removals.delete(service);
      writes.delete(service);
      if (!isTold(service)) void work(service);
    }
  }

  function isTold(service: ObjectKey): boolean {
    const [names, there] = [wanted.get(service), thereOf(service)];
    if (names === undefined) return there.length === 0;
    return there.length === 1 && there[0]?.names?.join() === names.join();
  }

  async function work(service: ObjectKey): Promise<void> {
    working.add(service);
    const [names, there] = [wanted.get(service), thereOf(service)];
    if (names !== undefined && there.length === 0) sweepIsDue = kind.isOfOneNode;
    const done = await store.write(service, names, there);
    working.delete(service);
    if (done.ok) {
      [failures, timesOff] = [0, 0];
      touchLater(service, REST_MILLISECONDS); // something else may be wanted by now
    } else {
      takeFailure(service, done.fault);
    }
    pump();
  }

  function takeFailure(service: ObjectKey, fault: ApiFailure): void {
    const { message, retryAfterMilliseconds = 0 } = fault;
    switch (fault.kind) {
      case "forbidden":
      case "notFound": // the kind, or the namespace
        return turnOff(message);
      case "conflict": // what was in its way is on its way to us
        return touchLater(service, REST_MILLISECONDS);
      case "invalid":
        counters.dropped("status_refused");
        if (message !== said) log.warn({ event: "announcementStatusRefused", service }, message);
        said = message;
        return touchLater(service, REFUSED_MILLISECONDS);
    }
    log.debug({ event: "announcementStatusLate", service }, `${message} (trying again)`); // others say so, too
    const milliseconds = backoffDelay(RECONNECT_BACKOFF, failures, ports.random());
    notBefore = clock.now() + Math.max(milliseconds, retryAfterMilliseconds);
    failures += 1;
    touchLater(service, REST_MILLISECONDS);
  }

  function sweepLater(): void {
    if (!sweepIsDue || working.size > 0) return;
    const wait = Math.max(nextSweep - clock.now(), SETTLE_MILLISECONDS) * (1 + ports.random());
    cancelSweep ??= clock.setTimer(wait, () => {
      cancelSweep = undefined;
      void sweep();
    });
  }

  /** Takes away what other nodes have left under other names than ours about Services of this node. */
  async function sweep(): Promise<void> {
    sweepIsDue = false;
    nextSweep = clock.now() + SWEEP_MILLISECONDS;
    const others: SeenAnnouncement[] = []; // BOUNDED by those that exist
    const { labelSelector: _, ...all } = resource;
    const listed = await listPages(client, all, (object) => {
      const one = readAnnouncement(object);
      if (one.ok && one.value.node !== node && wanted.has(one.value.service)) others.push(one.value);
    });
    if (!listed.ok) log.debug({ event: "announcementStatusLate" }, listed.fault.message);
    for (const one of others) {
      await pause(budget.waitFor("", clock.now()), clock, signal);
      if (state !== "on" || signal.aborted) return;
      if (wanted.has(one.service)) await store.remove(one); // where that fails, again with the next look
    }
  }

  function turnOff(why: string): void {
    // An install of old has neither the definition nor the permission, and is none the worse for it.
    const message = `The ${kind.kind} of each Service is not written: ${why}`;
    if (message !== said) log[state === "on" ? "warn" : "info"]({ event: "announcementStatusOff" }, message);
    said = message;
    state = "off";
    isListed = false;
    stopWatch.abort();
    for (const cancel of resting.values()) cancel();
    for (const each of [removals, writes, resting, seen, seenOf, contests]) each.clear();
    cancelLook = clock.setTimer(backoffDelay(OFF, timesOff, ports.random()), () => void turnOn());
    timesOff += 1;
  }

  async function turnOn(): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const obstacle = await store.findObstacle();
      if (signal.aborted) return;
      if (obstacle === undefined) return watch();
      if (obstacle.kind === "forbidden") return turnOff(obstacle.message);
      await pause(backoffDelay(REFUSED_BACKOFF, attempt, ports.random()), clock, signal);
    }
  }

  function watch(): void {
    state = "on";
    stopWatch = new AbortController();
    watchResource({
      ...options,
      resource,
      read: readAnnouncement,
      handlers: {
        changed(one) {
          if (one.node !== node || isOlder(one, seen.get(one.name))) return;
          keep(one);
          touch(one.service);
        },
        deleted(key) {
          const service = forget(key.slice(key.indexOf("/") + 1))?.service;
          if (service === undefined || !wanted.has(service)) return;
          const times = contests.get(service) ?? 0;
          contests.set(service, times + 1);
          touchLater(service, backoffDelay(CONTESTED, times, ports.random()));
        },
        listed() {
          isListed = true;
          for (const service of [...wanted.keys(), ...seenOf.keys()]) touch(service);
        },
      },
      signal: stopWatch.signal,
    });
  }

  return {
    set(service, names) {
      const before = wanted.get(service);
      if (before?.join() === names?.join()) return;
      if (names !== undefined) {
        wanted.set(service, sharedList(names));
        removals.delete(service);
        if (before === undefined && state === "on" && !working.has(service)) touchLater(service, SETTLE_MILLISECONDS);
        else touch(service);
        return;
      }
      for (const each of [wanted, contests, writes]) each.delete(service);
      wake(service);
      if (seenOf.has(service)) touch(service);
    },
    begin() {
      if (state !== "waiting" || signal.aborted) return;
      state = "asking";
      void turnOn();
    },
  };
}

/** Our own write is known by its answer, before the watch has come so far. Versions are numbers that grow. */
function isOlder(one: SeenAnnouncement, than: SeenAnnouncement | undefined): boolean {
  return one.uid === than?.uid && Number(one.resourceVersion) < Number(than.resourceVersion);
}
