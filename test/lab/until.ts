/** Waiting for a condition, with a deadline that fails by naming what was waited for. No fixed sleeps. */
import { setTimeout as delay } from "node:timers/promises";

export type Deadline = Readonly<{
  /** What is waited for, as it completes "Waited 10000 ms in vain for …". */
  what: string;
  /** Milliseconds from now; 10,000 if left out. Generous: it is reached only when something is wrong. */
  deadlineMs?: number;
  /** Milliseconds between two looks; 10 if left out. */
  everyMs?: number;
}>;

/**
 * Looks again and again until `condition` gives something other than undefined, null or false, and returns that.
 * A condition that throws does not hold yet; its last error is told if it never does.
 */
export async function until<Value>(
  condition: () => Value | Promise<Value>,
  { what, deadlineMs = 10_000, everyMs = 10 }: Deadline,
): Promise<Exclude<Value, undefined | null | false>> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    let reason: unknown;
    try {
      const value = await condition();
      if (value !== undefined && value !== null && value !== false)
        return value as Exclude<Value, undefined | null | false>;
    } catch (error) {
      reason = error;
    }
    if (performance.now() >= end) throw waitedInVain(what, deadlineMs, reason);
    await delay(everyMs);
  }
}

/** Resolves and rejects as `promise` does, but no later than the deadline. */
export async function within<Value>(promise: Promise<Value>, { what, deadlineMs = 10_000 }: Deadline): Promise<Value> {
  const timer = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: timer.signal }).then(() => {
    throw waitedInVain(what, deadlineMs, undefined);
  });
  late.catch(() => undefined); // aborted: the promise was in time
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}

function waitedInVain(what: string, deadlineMs: number, reason: unknown): Error {
  const last = reason instanceof Error ? reason.message : undefined;
  return new Error(`Waited ${deadlineMs} ms in vain for ${what}${last === undefined ? "" : `; last error: ${last}`}`, {
    cause: reason,
  });
}
