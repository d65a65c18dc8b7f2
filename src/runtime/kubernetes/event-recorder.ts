import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { RECONNECT_BACKOFF, backoffDelay } from "./backoff.js";
import {
  eventBody,
  eventName,
  eventNamespace,
  recordKey,
  repetitionPatch,
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
 * time: while `busy()` says that something more important is on its way, they wait. The same text about the same
 * object is counted up in one Event. Every Event that is not written is counted with a reason.
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

const MAX_WAITING = 20_000;
const MAX_REMEMBERED = 2_048;
const IN_FLIGHT = 4;
const PATIENCE_MILLISECONDS = 10_000; // of other work without a pause; then one Event at a time goes beside it
const RETRY_MILLISECONDS = 500;
const NOT_PERMITTED_MILLISECONDS = 600_000; // then permission is tried again
const MAX_ATTEMPTS = 5;
// As the Go client does it: 25 Events about one object at once, then one in five minutes.
const LIMITS = { burst: 25, refillMilliseconds: 300_000, maxKeys: 2_048 };

type Waiting = Readonly<{ record: EventRecord; attempts: number }>;

export function createEventRecorder({ client, origin, busy, ports }: EventRecorderOptions): EventRecorder {
  const { clock, counters, log, random } = ports;
  const waiting = new Map<string, Waiting>(); // by recordKey. BOUNDED by MAX_WAITING
  const sending = new Map<string, EventRecord>(); // by recordKey. BOUNDED by IN_FLIGHT
  const repeated = new Map<string, EventRecord>(); // while the same is being sent. BOUNDED by IN_FLIGHT
  const written = new Map<string, EventRecord>(); // by recordKey. BOUNDED by MAX_REMEMBERED, the oldest goes
  const mayRecord = createTokenBuckets(LIMITS);
  let cursor = waiting.entries(); // goes on where it stood: a new one would pass over all that was deleted before
  let busySince: number | undefined;
  let cancelTimer: (() => void) | undefined;
  let notPermittedUntil = 0;
  let notBefore = 0;
  let stopped = false;
  let whenEmpty: (() => void) | undefined;

  function record(subject: EventSubject, text: EventText): void {
    const now = clock.now();
    const key = recordKey(subject, text);
    const before = waiting.get(key)?.record ?? repeated.get(key) ?? sending.get(key) ?? written.get(key);
    if (stopped) return counters.dropped("event_at_shutdown");
    if (now < notPermittedUntil) return counters.dropped("event_not_permitted");
    if (!waiting.has(key) && waiting.size >= MAX_WAITING) return counters.dropped("event_queue_full");
    if (!mayRecord(`${subject.kind}/${subject.namespace}/${subject.name}`, now)) {
      return counters.dropped("event_rate_limited");
    }
    const date = clock.date();
    const record =
      before === undefined
        ? { subject, text, name: undefined, count: 1, firstAt: date, lastAt: date }
        : { ...before, count: before.count + 1, lastAt: date };
    if (sending.has(key)) return void repeated.set(key, record);
    waiting.set(key, { record, attempts: 0 });
    if (cancelTimer === undefined) pump(); // else all wait for the next look
  }

  function pump(): void {
    cancelTimer?.();
    cancelTimer = undefined;
    const now = clock.now();
    busySince = busy() && !stopped ? (busySince ?? now) : undefined;
    const patient = busySince !== undefined && now - busySince <= PATIENCE_MILLISECONDS;
    const limit = now < notBefore || patient ? 0 : busySince === undefined ? IN_FLIGHT : 1;
    while (waiting.size > 0 && sending.size < limit) start(...nextWaiting());
    if (waiting.size === 0 && sending.size === 0) whenEmpty?.();
    else if (sending.size === 0) cancelTimer = clock.setTimer(RETRY_MILLISECONDS, pump);
  }

  function nextWaiting(): [string, Waiting] {
    for (;;) {
      const next = cursor.next();
      if (next.done !== true) return next.value;
      cursor = waiting.entries();
    }
  }

  function start(key: string, entry: Waiting): void {
    waiting.delete(key);
    sending.set(key, entry.record);
    void send(entry).then((again) => {
      const newer = repeated.get(key);
      sending.delete(key);
      repeated.delete(key);
      if (newer !== undefined) waiting.set(key, { record: { ...newer, name: written.get(key)?.name }, attempts: 0 });
      else if (again !== undefined) waiting.set(key, again);
      pump();
      return undefined;
    });
  }

  /** @returns what is to be tried again */
  async function send(entry: Waiting): Promise<Waiting | undefined> {
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
      remember({ ...record, name });
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
        return undefined;
      case "notFound": // a repetition of one that has expired is a new one; a namespace that is gone needs none
        if (record.name === undefined) return drop("event_refused", message);
        return { record: { ...record, name: undefined, count: 1, firstAt: record.lastAt }, attempts };
      case "conflict":
      case "invalid":
        return drop("event_refused", message);
    }
    if (attempts + 1 >= MAX_ATTEMPTS) return drop("event_failed", message);
    notBefore =
      clock.now() + Math.max(backoffDelay(RECONNECT_BACKOFF, attempts, random()), retryAfterMilliseconds ?? 0);
    return { record, attempts: attempts + 1 };
  }

  function drop(reason: EdgeDrop, message: string): undefined {
    counters.dropped(reason);
    log.debug({ reason }, `Event is not written: ${message}`);
    return undefined;
  }

  function remember(record: EventRecord): void {
    const key = recordKey(record.subject, record.text);
    written.delete(key);
    written.set(key, record);
    if (written.size <= MAX_REMEMBERED) return;
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
    },
  };
}
