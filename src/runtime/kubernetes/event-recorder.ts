import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { RECONNECT_BACKOFF, backoffDelay } from "./backoff.js";
import {
  eventBody,
  eventName,
  eventNamespace,
  recordKey,
  repetitionPatch,
  topicKey,
  type EventOrigin,
  type EventRecord,
  type EventSubject,
  type EventText,
} from "./event-record.js";
import type { EdgeDrop, EdgePorts } from "./ports.js";
import { resourcePath } from "./resource.js";
import { createTokenBuckets } from "./token-buckets.js";

/**
 * Writes core v1 Events with the verbs `create` and `patch`, which is what the RBAC of old installs grants. They have
 * time: while `busy()` says that something more important is on its way, they wait, and so do those beyond the limits:
 * OF_AN_OBJECT for each object, IN_ALL for all together. The same text about the same object is counted up in one
 * Event; of what waits about an object for one reason the newest text counts, so that it is true when it is written.
 * Every Event that is not written is counted with a reason.
 */
export interface EventRecorder {
  record(subject: EventSubject, text: EventText): void;
  /** To be called when `busy()` has become false, so that nothing waits for the next look. */
  resume(): void;
  /** Writes what waits for at most that long, then gives up the rest; nothing is taken afterwards. */
  stop(milliseconds: number): Promise<void>;
}

export type EventRecorderOptions = Readonly<{
  client: ApiClient;
  origin: EventOrigin;
  busy: () => boolean;
  ports: EdgePorts;
}>;

const MAX_OBJECTS = 25_000; // whose last Events are remembered
const MAX_WAITING = MAX_OBJECTS;
const IN_FLIGHT = 4;
const PATIENCE_MILLISECONDS = 10_000; // of other work without a pause; then one Event at a time goes beside it
const RETRY_MILLISECONDS = 500;
const NOT_PERMITTED_MILLISECONDS = 600_000; // then permission is tried again
const MAX_ATTEMPTS = 5;
const TOGETHER_MILLISECONDS = 100; // what is said within it may all be said by one decision
const MAX_TOGETHER = 8;
// As the Go client does it: 25 Events about one object at once, then one in five minutes.
const OF_AN_OBJECT = { burst: 25, refillMilliseconds: 300_000, maxKeys: MAX_OBJECTS };
// A backlog is told at once; thousands that tell something new each second are told at 25 Events a second.
const IN_ALL = { burst: 1_000, refillMilliseconds: 40, maxKeys: 1 };

/** `notBefore` is on the clock: the limit of its object. */
type Waiting = Readonly<{ record: EventRecord; attempts: number; notBefore: number }>;
type Said = Readonly<{ key: string; at: number }>;
/** What is needed to count up an Event that was written. */
type Written = Pick<EventRecord, "name" | "count" | "firstAt">;

export function createEventRecorder({ client, origin, busy, ports }: EventRecorderOptions): EventRecorder {
  const { clock, counters, log, random } = ports;
  const waiting = new Map<string, Waiting>(); // by recordKey. BOUNDED by MAX_WAITING
  const topics = new Map<string, readonly Said[]>(); // what waits for one reason, oldest first. BOUNDED as waiting
  const sending = new Map<string, EventRecord>(); // by recordKey. BOUNDED by IN_FLIGHT
  const repeated = new Map<string, EventRecord>(); // while the same is being sent. BOUNDED by IN_FLIGHT
  const written = new Map<string, Written>(); // by recordKey. BOUNDED by MAX_OBJECTS, the oldest goes
  const ofObject = createTokenBuckets(OF_AN_OBJECT);
  const inAll = createTokenBuckets(IN_ALL);
  let cursor = waiting.entries(); // goes on where it stood: a new one would pass over all that was deleted before
  let busySince: number | undefined;
  let cancelTimer: (() => void) | undefined;
  let notPermittedUntil = 0;
  let notBefore = 0;
  let stopped = false;
  let isPumpSoon = false;
  let whenEmpty: (() => void) | undefined;

  function record(subject: EventSubject, text: EventText): void {
    const now = clock.now();
    if (stopped) return counters.dropped("event_at_shutdown");
    if (now < notPermittedUntil) return counters.dropped("event_not_permitted");
    const topic = topicKey(subject, text);
    // Before anything that takes time: with a hundred thousand Services most get no further.
    if (waiting.size >= MAX_WAITING && !topics.has(topic)) return counters.dropped("event_queue_full");
    const key = recordKey(subject, text);
    supersede(topic, key, now);
    if (!waiting.has(key) && waiting.size >= MAX_WAITING) return counters.dropped("event_queue_full");
    const before = waiting.get(key)?.record ?? repeated.get(key) ?? sending.get(key) ?? written.get(key);
    const date = clock.date();
    const record =
      before === undefined
        ? { subject, text, name: undefined, count: 1, firstAt: date, lastAt: date }
        : { subject, text, name: before.name, count: before.count + 1, firstAt: before.firstAt, lastAt: date };
    if (sending.has(key)) return void repeated.set(key, record);
    wait(key, { record, attempts: 0, notBefore: waiting.get(key)?.notBefore ?? 0 });
    if (cancelTimer === undefined) pumpSoon(); // else all wait for the next look
  }

  /** Once for what is said in one go: a look passes over all who wait for their limit. */
  function pumpSoon(): void {
    if (isPumpSoon) return;
    isPumpSoon = true;
    queueMicrotask(() => {
      isPumpSoon = false;
      pump();
    });
  }

  /** What earlier decisions said about the object for the same reason is not true any more. */
  function supersede(topic: string, key: string, now: number): void {
    const said = topics.get(topic) ?? [];
    const kept = said.filter(({ at }) => now - at <= TOGETHER_MILLISECONDS).slice(1 - MAX_TOGETHER);
    for (const older of said) {
      if (kept.includes(older) || older.key === key) continue;
      if (waiting.delete(older.key)) counters.dropped("event_superseded");
    }
    setTopic(topic, kept);
  }

  function setTopic(topic: string, said: readonly Said[]): void {
    if (said.length === 0) topics.delete(topic);
    else topics.set(topic, said);
  }

  function wait(key: string, entry: Waiting): void {
    const topic = topicKey(entry.record.subject, entry.record.text);
    const others = (topics.get(topic) ?? []).filter((said) => said.key !== key);
    waiting.set(key, entry);
    topics.set(topic, [...others, { key, at: clock.now() }]);
  }

  function pump(): void {
    cancelTimer?.();
    cancelTimer = undefined;
    const now = clock.now();
    busySince = busy() && !stopped ? (busySince ?? now) : undefined;
    const patient = busySince !== undefined && now - busySince <= PATIENCE_MILLISECONDS;
    const limit = now < notBefore || patient ? 0 : busySince === undefined ? IN_FLIGHT : 1;
    for (let left = waiting.size; left > 0 && sending.size < limit; left -= 1) {
      const [key, entry] = nextWaiting();
      if (stopped)
        start(key, entry); // as much as there is time for
      else if (inAll.waitFor("", now) > 0) break;
      else if (entry.notBefore <= now) startOrHold(key, entry, now);
    }
    if (waiting.size === 0 && sending.size === 0) whenEmpty?.();
    else if (sending.size === 0) cancelTimer = clock.setTimer(RETRY_MILLISECONDS, pump);
  }

  function startOrHold(key: string, entry: Waiting, now: number): void {
    const { kind, namespace, name } = entry.record.subject;
    const object = `${kind}/${namespace}/${name}`;
    const milliseconds = ofObject.waitFor(object, now);
    if (milliseconds > 0) return void waiting.set(key, { ...entry, notBefore: now + milliseconds });
    ofObject.take(object, now);
    inAll.take("", now);
    start(key, entry);
  }

  function nextWaiting(): [string, Waiting] {
    for (;;) {
      const next = cursor.next();
      if (next.done !== true) return next.value;
      cursor = waiting.entries();
    }
  }

  function start(key: string, entry: Waiting): void {
    const { subject, text } = entry.record;
    const topic = topicKey(subject, text);
    waiting.delete(key);
    setTopic(
      topic,
      (topics.get(topic) ?? []).filter((said) => said.key !== key),
    );
    sending.set(key, entry.record);
    void send(key, entry).then((again) => {
      const newer = repeated.get(key);
      sending.delete(key);
      repeated.delete(key);
      if (newer !== undefined)
        wait(key, { record: { ...newer, name: written.get(key)?.name }, attempts: 0, notBefore: 0 });
      else if (again !== undefined && !topics.has(topic)) wait(key, again);
      else if (again !== undefined) counters.dropped("event_superseded");
      pump();
      return undefined;
    });
  }

  /** @returns what is to be tried again */
  async function send(key: string, entry: Waiting): Promise<Waiting | undefined> {
    const { record } = entry;
    const collection = resourcePath({
      group: "",
      version: "v1",
      plural: "events",
      namespace: eventNamespace(record.subject),
    });
    const name = record.name ?? eventName(record.subject, record.firstAt, random());
    const answer =
      record.name === undefined
        ? await client.request({
            method: "POST",
            path: collection,
            body: JSON.stringify(eventBody(record, origin, name)),
          })
        : await client.request({
            method: "PATCH",
            path: `${collection}/${record.name}`,
            body: JSON.stringify(repetitionPatch(record)),
            contentType: "application/merge-patch+json",
          });
    if (answer.ok) {
      remember(key, { name, count: record.count, firstAt: record.firstAt });
      return undefined;
    }
    return handleFailure(entry, answer.fault);
  }

  function handleFailure({ record, attempts }: Waiting, { kind, message, retryAfterMilliseconds }: ApiFailure) {
    switch (kind) {
      case "forbidden":
        if (notPermittedUntil === 0) log.warn({ reason: kind }, `Events are off: ${message}`);
        notPermittedUntil = clock.now() + NOT_PERMITTED_MILLISECONDS;
        for (let index = 0; index <= waiting.size; index += 1) counters.dropped("event_not_permitted");
        waiting.clear();
        topics.clear();
        return undefined;
      case "notFound": // a repetition of one that has expired is a new one; a namespace that is gone needs none
        if (record.name === undefined) return drop("event_refused", message);
        return { record: { ...record, name: undefined, count: 1, firstAt: record.lastAt }, attempts, notBefore: 0 };
      case "conflict":
      case "invalid":
        return drop("event_refused", message);
    }
    if (attempts + 1 >= MAX_ATTEMPTS) return drop("event_failed", message);
    notBefore =
      clock.now() + Math.max(backoffDelay(RECONNECT_BACKOFF, attempts, random()), retryAfterMilliseconds ?? 0);
    return { record, attempts: attempts + 1, notBefore: 0 };
  }

  function drop(reason: EdgeDrop, message: string): undefined {
    counters.dropped(reason);
    log.debug({ reason }, `Event is not written: ${message}`);
    return undefined;
  }

  function remember(key: string, event: Written): void {
    written.delete(key);
    written.set(key, event);
    if (written.size <= MAX_OBJECTS) return;
    const [oldest] = written.keys();
    if (oldest !== undefined) written.delete(oldest);
  }

  return {
    record,
    resume: pump,
    async stop(milliseconds) {
      stopped = true;
      notBefore = 0;
      await new Promise<void>((resolve) => {
        const cancel = clock.setTimer(milliseconds, resolve);
        whenEmpty = () => {
          cancel();
          resolve();
        };
        pump();
      });
      whenEmpty = undefined;
      cancelTimer?.();
      for (let left = waiting.size; left > 0; left -= 1) counters.dropped("event_at_shutdown");
      waiting.clear();
      topics.clear();
    },
  };
}
