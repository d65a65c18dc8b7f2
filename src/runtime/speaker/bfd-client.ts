import { Worker } from "node:worker_threads";
import type {
  BfdDrops,
  BfdError,
  BfdReport,
  BfdRequest,
  BfdSessionCounters,
  BfdSessionSpec,
  BfdStateReport,
} from "../bfd/messages.js";

export type BfdClientOptions = Readonly<{
  /** The bundled runtime/bfd-worker.ts. */
  workerUrl: URL;
  onState: (state: BfdStateReport) => void;
  /** Each is said once, until it goes away or becomes another one. */
  onError: (error: BfdError) => void;
}>;

export type BfdCounters = Readonly<{ sessions: readonly BfdSessionCounters[]; drops: BfdDrops | undefined }>;

/** BFD on a worker thread of its own, as the main thread sees it. The thread is there from the first session on. */
export interface BfdClient {
  /** All sessions that are wanted; those that are as before go on untouched. */
  use(sessions: readonly BfdSessionSpec[]): void;
  /** Empty where the worker is not running. */
  counters(): Promise<BfdCounters>;
  /** Tells all peers that it was an orderly end. Idempotent. */
  stop(): Promise<void>;
}

/** The worker holds a few buffers and the sessions; a leak shall not take the node's memory. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };
const FIRST_RESTART_MILLISECONDS = 100;
const LAST_RESTART_MILLISECONDS = 10_000;
const STOP_MILLISECONDS = 2000;
const NOTHING: BfdCounters = { sessions: [], drops: undefined };

export function createBfdClient({ workerUrl, onState, onError }: BfdClientOptions): BfdClient {
  const asked = new Map<number, (counters: BfdCounters) => void>(); // BOUNDED by the callers that wait
  let wanted: readonly BfdSessionSpec[] = [];
  let worker: Worker | undefined;
  let restartTimer: NodeJS.Timeout | undefined;
  let restartDelay = FIRST_RESTART_MILLISECONDS;
  let nextId = 1;
  let stopping: Promise<void> | undefined;

  function start(): void {
    const started = new Worker(workerUrl, { resourceLimits: RESOURCE_LIMITS, name: "bfd" });
    worker = started;
    let cause: unknown;
    started.on("error", (error) => (cause = error));
    started.on("exit", (code) => ended(cause ?? `exit code ${code}`));
    started.on("message", receive);
    tell({ type: "sessions", sessions: wanted });
  }

  function tell(request: BfdRequest): void {
    worker?.postMessage(request, []);
  }

  function receive(report: BfdReport): void {
    switch (report.type) {
      case "state":
        restartDelay = FIRST_RESTART_MILLISECONDS;
        return onState(report.state);
      case "error":
        return onError(report.error);
      case "counters":
        asked.get(report.id)?.({ sessions: report.sessions, drops: report.drops });
        asked.delete(report.id);
    }
  }

  /** That the thread is gone says nothing of the peers: nobody is told that a session went down. */
  function ended(cause: unknown): void {
    worker = undefined;
    for (const answer of asked.values()) answer(NOTHING);
    asked.clear();
    if (stopping !== undefined) return;
    const message = `Cannot speak BFD: its thread ended, ${String(cause)}: nothing to do, it is started again`;
    onError({ session: undefined, code: "ERR_BFD_THREAD", message });
    restartTimer = setTimeout(start, restartDelay);
    restartDelay = Math.min(2 * restartDelay, LAST_RESTART_MILLISECONDS);
  }

  async function stop(): Promise<void> {
    clearTimeout(restartTimer);
    if (worker === undefined) return;
    const stopped = worker;
    const exited = new Promise<void>((resolve) => stopped.once("exit", () => resolve()));
    tell({ type: "stop" });
    const timer = setTimeout(() => void stopped.terminate(), STOP_MILLISECONDS);
    await exited;
    clearTimeout(timer);
  }

  return {
    use(sessions) {
      if (stopping !== undefined || (sessions.length === 0 && wanted.length === 0)) return;
      const isFirst = wanted.length === 0 && worker === undefined && restartTimer === undefined;
      wanted = sessions;
      if (isFirst) start();
      else tell({ type: "sessions", sessions });
    },
    counters() {
      if (worker === undefined || stopping !== undefined) return Promise.resolve(NOTHING);
      const id = nextId;
      nextId += 1;
      tell({ type: "counters", id });
      return new Promise((resolve) => asked.set(id, resolve));
    },
    stop: () => (stopping ??= stop()),
  };
}
