/** BFD as it is shipped, client and worker thread and native part, in a process on a host of the lab. */
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import type { BfdError, BfdSessionSpec, BfdStateReport } from "../../src/runtime/bfd/messages.js";
import type { BfdCounters } from "../../src/runtime/speaker/bfd-client.js";
import type { LanHost } from "./lab.js";
import { repositoryRoot } from "./places.js";
import type { LabProcess, SpawnOptions } from "./process.js";
import { until } from "./until.js";

/** `at`: milliseconds of the machine's monotonic clock. */
export type BfdLine = Readonly<{ at: number }> &
  (
    | Readonly<{ state: BfdStateReport }>
    | Readonly<{ error: BfdError }>
    | Readonly<{ counters: BfdCounters }>
    | Readonly<{ ready: true }>
  );

export type BfdProcess = Readonly<{
  process: LabProcess;
  use: (sessions: readonly BfdSessionSpec[]) => Promise<void>;
  counters: () => Promise<BfdCounters>;
  /** All changes of state so far. */
  states: () => readonly (BfdStateReport & Readonly<{ at: number }>)[];
  errors: () => readonly BfdError[];
  /** What each session is in that has said something. */
  current: () => ReadonlyMap<string, string>;
}>;

/** Bundles what runs into `folder`, once. */
async function bundleBfd(folder: string): Promise<string> {
  const target = join(folder, "bfd");
  if (existsSync(join(target, "agent.mjs"))) return target;
  const root = repositoryRoot();
  const addon = join(root, "build/Release/smelter_native.node");
  if (!existsSync(addon)) throw new Error(`Cannot run BFD: ${addon} is not there: run make build`);
  mkdirSync(target, { recursive: true });
  copyFileSync(addon, join(target, "smelter_native.node"));
  const common = { bundle: true, format: "esm", platform: "node", target: "node20.19", logLevel: "warning" } as const;
  const worker = join(root, "src/runtime/bfd-worker.ts");
  await build({ ...common, entryPoints: [worker], outfile: join(target, "bfd-worker.js") });
  const agent = join(root, "test/lab/bfd-agent.ts");
  await build({ ...common, entryPoints: [agent], outfile: join(target, "agent.mjs") });
  return target;
}

export async function startBfdOn(
  host: LanHost,
  folder: string,
  sessions: readonly BfdSessionSpec[],
  options: Pick<SpawnOptions, "privileges"> = {},
): Promise<BfdProcess> {
  const bundle = await bundleBfd(folder);
  const file = join(folder, `bfd-${host.name}.json`);
  await writeFile(file, JSON.stringify(sessions));
  const worker = join(bundle, "bfd-worker.js");
  const argv = [globalThis.process.execPath, join(bundle, "agent.mjs"), worker, file];
  const process = host.spawn(argv, { name: `BFD on ${host.name}`, ...options });
  await process.waitForOutput(/"ready":true/);

  const lines = (since = 0): readonly BfdLine[] =>
    process
      .output("stdout")
      .slice(since)
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as BfdLine);
  const states = () => lines().flatMap((line) => ("state" in line ? [{ ...line.state, at: line.at }] : []));
  return {
    process,
    states,
    errors: () => lines().flatMap((line) => ("error" in line ? [line.error] : [])),
    current: () => new Map(states().map(({ session, to }) => [session, to])),
    async use(next) {
      await writeFile(file, JSON.stringify(next));
      process.signal("SIGHUP");
    },
    async counters() {
      const before = lines().length;
      process.signal("SIGUSR2");
      const found = (): BfdCounters | undefined =>
        lines()
          .slice(before)
          .flatMap((line) => ("counters" in line ? [line.counters] : []))[0];
      await until(() => found() !== undefined, { what: "the counters of BFD" });
      return found() ?? { sessions: [], drops: undefined };
    },
  };
}

/** A session of one hop with what is usual, but for what is said. */
export const bfdSpec = (remoteAddress: string, fields: Partial<BfdSessionSpec> = {}): BfdSessionSpec => ({
  key: `with ${remoteAddress}`,
  remoteAddress,
  localAddress: "",
  device: "",
  isMultihop: false,
  minimumTtl: 1,
  desiredMinTxMicroseconds: 50_000,
  requiredMinRxMicroseconds: 50_000,
  detectMult: 3,
  passive: false,
  echoIntervalMicroseconds: 0,
  ...fields,
});
