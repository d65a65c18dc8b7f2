/** Layer 2 as it is shipped, driver and worker thread and native part, in a process on a host of the lab. */
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import type {
  AddressConflict,
  AddressCounters,
  AnnouncerPolicy,
  InterfaceCounters,
  Layer2Error,
  Layer2Interface,
  Stall,
} from "../../src/runtime/layer2/messages.js";
import type { LanHost } from "./lab.js";
import { repositoryRoot } from "./places.js";
import { startIn, type SpawnOptions } from "./process.js";
import { until } from "./until.js";

export type AgentCall = Readonly<{
  id: number;
  driver: number;
  call: "start" | "announce" | "withdraw" | "setAll" | "counters" | "scan" | "stop" | "busy";
  worker: string;
  milliseconds: number;
  excludes: readonly string[];
  policy: AnnouncerPolicy;
  probe: boolean;
  addresses: readonly string[];
  interfaces: readonly string[];
}>;
export type AgentAnswer =
  | Readonly<{ id: number; value?: unknown }>
  | Readonly<{ id: number; failure: string }>
  | Readonly<{ error: Layer2Error }>
  | Readonly<{ conflict: AddressConflict }>
  | Readonly<{ regained: string }>
  | Readonly<{ stall: Stall }>
  | Readonly<{ interfaces: readonly Layer2Interface[] }>;

export type Counters = Readonly<{
  addresses: Readonly<Record<string, AddressCounters>>;
  interfaces: readonly InterfaceCounters[];
  restarts: number;
  stalls: number;
}>;

export type Layer2Process = Readonly<{
  announce: (addresses: readonly string[], interfaces?: readonly string[], probe?: boolean) => Promise<void>;
  withdraw: (addresses: readonly string[]) => Promise<void>;
  setAll: (addresses: readonly string[]) => Promise<void>;
  counters: () => Promise<Counters>;
  scan: () => Promise<readonly Layer2Interface[]>;
  stop: () => Promise<void>;
  /** Keeps the main thread computing for so long. */
  busy: (milliseconds: number) => Promise<void>;
  /** All that went wrong so far. */
  errors: () => readonly Layer2Error[];
  /** All machines so far that had an address too. */
  conflicts: () => readonly AddressConflict[];
  /** All addresses so far that are announced again after they were given up. */
  regained: () => readonly string[];
  /** How often, and for how long, it stood still. */
  stalls: () => readonly Stall[];
  pid: number;
  /** SIGSTOP, and SIGCONT. */
  pause: () => void;
  resume: () => void;
  /** Waits until the list of interfaces says so. */
  untilInterfaces: (
    what: string,
    holds: (interfaces: readonly Layer2Interface[]) => boolean,
    deadlineMs?: number,
  ) => Promise<void>;
  /** One more driver in the same process, with a worker thread of its own. */
  another: () => Promise<Layer2Process>;
  /** Ends the process, by itself or by force; tells its exit code. */
  end: () => Promise<number | null>;
}>;

export type Layer2ProcessOptions = Readonly<{
  /** The Node.js that runs it; that of the tests if left out. */
  node?: string;
  excludes?: readonly string[];
  policy?: Partial<AnnouncerPolicy>;
  /** The worker's bundle; one made of the sources if left out. */
  worker?: string;
  privileges?: NonNullable<SpawnOptions["privileges"]>;
}>;

/** Bundles what runs into `folder`, once. */
export async function bundleLayer2(folder: string): Promise<string> {
  const target = join(folder, "layer2");
  if (existsSync(join(target, "agent.mjs"))) return target;
  const root = repositoryRoot();
  const addon = join(root, "build/Release/smelter_native.node");
  if (!existsSync(addon)) throw new Error(`Cannot run layer 2: ${addon} is not there: run make build`);
  mkdirSync(target, { recursive: true });
  copyFileSync(addon, join(target, "smelter_native.node"));
  const common = { bundle: true, format: "esm", platform: "node", target: "node20.19", logLevel: "warning" } as const;
  const worker = join(root, "src/runtime/layer2-worker.ts");
  await build({ ...common, entryPoints: [worker], outfile: join(target, "layer2-worker.js") });
  const agent = join(root, "test/lab/layer2-agent.ts");
  await build({ ...common, entryPoints: [agent], outfile: join(target, "agent.mjs") });
  return target;
}

export async function startLayer2On(
  host: LanHost,
  folder: string,
  { node = process.execPath, excludes = ["^lo$"], policy = {}, worker, privileges }: Layer2ProcessOptions = {},
): Promise<Layer2Process> {
  const bundle = await bundleLayer2(folder);
  const workerFile = worker ?? join(bundle, "layer2-worker.js");
  const options = privileges === undefined ? {} : { privileges };
  const child = startIn(host.namespace, [node, join(bundle, "agent.mjs")], options, [
    "ignore",
    "inherit",
    "inherit",
    "ipc",
  ]);
  const waiting = new Map<number, (answer: AgentAnswer) => void>(); // BOUNDED by the calls in flight
  const errors: Layer2Error[] = []; // BOUNDED by what a test lets go wrong
  const conflicts: AddressConflict[] = []; // BOUNDED likewise
  const regained: string[] = []; // BOUNDED likewise
  const stalls: Stall[] = []; // BOUNDED likewise
  let interfaces: readonly Layer2Interface[] = [];
  let nextId = 1;
  let nextDriver = 0;

  child.on("message", (answer: AgentAnswer) => {
    if ("error" in answer) errors.push(answer.error);
    else if ("conflict" in answer) conflicts.push(answer.conflict);
    else if ("regained" in answer) regained.push(answer.regained);
    else if ("stall" in answer) stalls.push(answer.stall);
    else if ("interfaces" in answer) interfaces = answer.interfaces;
    else waiting.get(answer.id)?.(answer);
  });
  const ended = once(child, "exit").then(([code]) => {
    for (const [id, tell] of waiting) tell({ id, failure: `the process ended with exit code ${String(code)}` });
    return code as number | null;
  });

  function ask(driver: number, call: AgentCall["call"], more: Partial<AgentCall> = {}): Promise<unknown> {
    const id = nextId;
    nextId += 1;
    const wholePolicy: AnnouncerPolicy = { conflicts: "report", refreshMilliseconds: 0, ...policy };
    const fixed = { id, driver, call, excludes, worker: workerFile, policy: wholePolicy };
    const usual = { addresses: [], interfaces: [], milliseconds: 0, probe: false };
    child.send({ ...fixed, ...usual, ...more } satisfies AgentCall);
    return new Promise((resolve, reject) => {
      waiting.set(id, (answer) => {
        waiting.delete(id);
        if ("failure" in answer) reject(new Error(`Cannot ${call} on ${host.name}: ${answer.failure}`));
        else resolve("value" in answer ? answer.value : undefined);
      });
    });
  }

  async function another(): Promise<Layer2Process> {
    const driver = nextDriver;
    nextDriver += 1;
    await ask(driver, "start");
    return {
      announce: async (addresses, names = [], probe = false) =>
        void (await ask(driver, "announce", { addresses, interfaces: names, probe })),
      withdraw: async (addresses) => void (await ask(driver, "withdraw", { addresses })),
      setAll: async (addresses) => void (await ask(driver, "setAll", { addresses })),
      counters: async () => (await ask(driver, "counters")) as Counters,
      scan: async () => (await ask(driver, "scan")) as readonly Layer2Interface[],
      stop: async () => void (await ask(driver, "stop")),
      busy: async (milliseconds) => void (await ask(driver, "busy", { milliseconds })),
      errors: () => errors.slice(),
      conflicts: () => conflicts.slice(),
      regained: () => regained.slice(),
      stalls: () => stalls.slice(),
      pid: child.pid ?? 0,
      pause: () => void child.kill("SIGSTOP"),
      resume: () => void child.kill("SIGCONT"),
      untilInterfaces: async (what, holds, deadlineMs = 10_000) =>
        void (await until(() => holds(interfaces), { what, deadlineMs })),
      another,
      end: async () => {
        child.disconnect();
        const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
        const code = await ended;
        clearTimeout(timer);
        return code;
      },
    };
  }
  return another();
}
