import { setMaxListeners } from "node:events";
import type { Logger } from "./net/logger.js";

const SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT"] as const;

/** Aborts with the first signal, so that the process can end in order; the second ends it at once, with code 1. */
export function stopOnSignals(log: Logger): AbortSignal {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal); // each watch and each wait listens: BOUNDED by those
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (stop.signal.aborted) {
        log.warn({ signal: name }, "second signal: ending at once");
        process.exit(1);
      }
      log.info({ signal: name }, "stopping");
      stop.abort();
    });
  }
  return stop.signal;
}

/** Resolves when the signal has been given. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
