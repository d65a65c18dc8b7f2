import type { Clock } from "./ports.js";

/** Waits that long, or until the signal. */
export function pause(milliseconds: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.setTimer(milliseconds, done);
    signal.addEventListener("abort", done);
  });
}
