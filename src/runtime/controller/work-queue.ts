import { createKeyFifo } from "./key-fifo.js";
import type { ControllerClock } from "./ports.js";

/** How a piece of work ended; undefined: it is done. */
export type WorkEnd = undefined | Retry;

/** What is to happen after a piece of work that did not succeed. */
export type Retry =
  /** This key again, after a delay that doubles with each failure in a row. */
  | Readonly<{ retry: "key"; backoff: Backoff }>
  /** No key can be worked on now: all wait. */
  | Readonly<{ retry: "all"; atLeastMilliseconds: number }>;

export type Backoff = Readonly<{ baseMilliseconds: number; limitMilliseconds: number }>;

export type WorkQueueOptions = Readonly<{
  /** BOUND of the pieces of work that are in flight at a time. */
  inFlight: number;
  /**
   * Works on a key: whatever can be done at once is done when it returns, one key after the other; what takes time is
   * a promise, which never rejects. undefined: done.
   */
  work(key: string): Promise<WorkEnd> | undefined;
  /** Nothing waits any more, though work may be in flight; may add keys. */
  onDrained(): void;
  /** Nothing waits and nothing is in flight. */
  onIdle(): void;
  clock: ControllerClock;
  random(): number;
}>;

/** A waiting key is kept once; one that is added while it is worked on runs once more; failed ones come again later. */
export interface WorkQueue {
  add(key: string): void;
  /** Begins to work; keys that were added before have waited. */
  open(): void;
  /** Something waits, except for its time, or is in flight. */
  busy(): boolean;
  /** Takes no more work; resolves when what is in flight has ended. */
  stop(): Promise<void>;
}

const KEYS_IN_A_ROW = 500; // then other events get their turn
const PAUSE_BACKOFF: Backoff = { baseMilliseconds: 500, limitMilliseconds: 30_000 };

export function createWorkQueue({ work, onDrained, onIdle, clock, random, ...options }: WorkQueueOptions): WorkQueue {
  const ready = createKeyFifo();
  const inFlight = new Set<string>(); // BOUNDED by options.inFlight
  const again = new Set<string>(); // added while worked on. BOUNDED by options.inFlight
  const failures = new Map<string, number>(); // in a row. BOUNDED by the keys that fail
  const delayed = new Map<string, () => void>(); // cancels its timer. BOUNDED by the keys that fail
  let current: string | undefined; // its work has begun and not returned yet
  let state: "closed" | "open" | "stopped" = "closed";
  let scheduled = false;
  let pause: Readonly<{ milliseconds: number; cancel: () => void }> | undefined;
  let pauses = 0; // in a row
  let whenStopped: (() => void) | undefined;

  function add(key: string): void {
    if (state === "stopped") return;
    delayed.get(key)?.(); // it need not wait for its time: something has changed
    delayed.delete(key);
    if (inFlight.has(key) || key === current) again.add(key);
    else ready.push(key);
    schedule();
  }

  /** Lets what arrives together arrive before the first of it is worked on. */
  function schedule(): void {
    if (scheduled || state !== "open") return;
    scheduled = true;
    clock.setTimer(0, () => {
      scheduled = false;
      pump();
    });
  }

  function pump(): void {
    if (state !== "open" || pause !== undefined) return;
    for (let count = 0; inFlight.size < options.inFlight; count += 1) {
      if (count === KEYS_IN_A_ROW) return schedule();
      if (ready.size === 0) onDrained();
      const key = ready.shift();
      if (key === undefined) break;
      current = key;
      const ended = work(key);
      current = undefined;
      if (ended === undefined) {
        failures.delete(key);
        if (again.delete(key)) ready.push(key);
      } else {
        inFlight.add(key);
        void ended.then((end) => settle(key, end));
      }
    }
    if (ready.size === 0 && inFlight.size === 0) onIdle();
  }

  function settle(key: string, end: WorkEnd): void {
    inFlight.delete(key);
    if (end === undefined) {
      failures.delete(key);
      pauses = 0;
    } else if (end.retry === "all") {
      ready.push(key);
      holdAll(end.atLeastMilliseconds);
    } else {
      comeAgain(key, end.backoff);
    }
    if (again.delete(key)) add(key);
    if (state === "stopped") {
      if (inFlight.size === 0) whenStopped?.();
      return;
    }
    pump();
  }

  /** Several that were in flight together may say so: the longest pause counts, from when it was asked for. */
  function holdAll(atLeastMilliseconds: number): void {
    if (state === "stopped" || (pause !== undefined && atLeastMilliseconds === 0)) return;
    if (pause === undefined) pauses += 1;
    pause?.cancel();
    const own = pause?.milliseconds ?? delayOf(PAUSE_BACKOFF, pauses - 1, random());
    const milliseconds = Math.max(own, atLeastMilliseconds);
    const cancel = clock.setTimer(milliseconds, () => {
      pause = undefined;
      pump();
    });
    pause = { milliseconds, cancel };
  }

  function comeAgain(key: string, backoff: Backoff): void {
    if (state === "stopped") return;
    const count = failures.get(key) ?? 0;
    failures.set(key, count + 1);
    const cancel = clock.setTimer(delayOf(backoff, count, random()), () => {
      delayed.delete(key);
      add(key);
    });
    delayed.set(key, cancel);
  }

  return {
    add,
    open() {
      if (state !== "closed") return;
      state = "open";
      schedule();
    },
    busy: () => state === "open" && (ready.size > 0 || inFlight.size > 0),
    async stop() {
      state = "stopped";
      pause?.cancel();
      for (const cancel of delayed.values()) cancel();
      delayed.clear();
      if (inFlight.size === 0) return;
      await new Promise<void>((resolve) => {
        whenStopped = resolve;
      });
    },
  };
}

/** Between half of the exponential delay and the whole, so that what failed together does not come back together. */
function delayOf({ baseMilliseconds, limitMilliseconds }: Backoff, failuresBefore: number, random: number): number {
  const whole = Math.min(limitMilliseconds, baseMilliseconds * 2 ** Math.min(failuresBefore, 30));
  return Math.round(whole / 2 + (whole / 2) * random);
}
