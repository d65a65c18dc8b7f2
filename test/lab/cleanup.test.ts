import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { leftovers } from "./cleanup.js";
import { createLab } from "./lab.js";
import { isLeftover, nextLabName, startTime } from "./owner.js";
import { until } from "./until.js";

type Abandoned = Readonly<{ owner: ChildProcess; name: string; folder: string; pids: readonly number[] }>;

// Bundled, as the demo and the benchmarks are.
const folder = mkdtempSync(join(tmpdir(), "lab-bundle-"));
const bundle = join(folder, "abandoned-lab.mjs");
beforeAll(async () => {
  const entryPoints = ["test/lab/abandoned-lab.ts"];
  await build({ entryPoints, outfile: bundle, bundle: true, format: "esm", platform: "node", packages: "external" });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A lab of another process. */
async function labElsewhere(deed: string): Promise<Abandoned> {
  const owner = spawn(process.execPath, [bundle, deed], { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void owner.kill("SIGKILL"));
  const [line] = (await once(createInterface(owner.stdout), "line")) as [string];
  return { owner, ...(JSON.parse(line) as Omit<Abandoned, "owner">) };
}

const namespacesOf = (name: string): readonly string[] =>
  readdirSync("/run/netns").filter((entry) => entry.startsWith(name));

const remains = ({ name, folder, pids }: Abandoned) => ({
  namespaces: namespacesOf(name).length,
  folder: existsSync(folder),
  processes: pids.filter((pid) => startTime(pid) !== undefined).length,
});

const NOTHING = { namespaces: 0, folder: false, processes: 0 };

it("close() leaves nothing, whatever ran", async () => {
  const lab = await createLab({ nodes: 2 });
  await lab.node("n1").serveHttp(80);
  const capture = await lab.client.capture();
  await lab.client.fetch("http://10.77.0.11/");
  await lab.node("n1").cable.delay({ in: { milliseconds: 5 } });
  await lab.addPod(lab.node("n2"));
  const child = await lab.client.exec(["sh", "-c", "sleep 3600 >/dev/null 2>&1 & echo $!"]);
  const stopped = lab.client.spawn(["sleep", "3600"]);
  stopped.stop();
  await lab.close();
  expect(await stopped.ended).toEqual({ code: null, signal: "SIGKILL" });
  expect(namespacesOf(lab.name)).toEqual([]);
  expect([existsSync(lab.folder), existsSync(capture.file), startTime(Number(child))]).toEqual([
    false,
    false,
    undefined,
  ]);
  await lab.close(); // again: nothing to do
});

it("the next lab removes what a killed process left, and nothing of one that is alive", async () => {
  const [killed, alive] = await Promise.all([labElsewhere("wait"), labElsewhere("wait")]);
  killed.owner.kill("SIGKILL");
  await once(killed.owner, "exit");
  expect(remains(killed)).toMatchObject({ namespaces: 5, folder: true });
  expect(leftovers()).toContain(killed.name);
  const lab = await createLab({ nodes: 1 });
  onTestFinished(() => lab.close());
  expect(remains(killed)).toEqual(NOTHING);
  expect(remains(alive)).toEqual({ namespaces: 5, folder: true, processes: 2 });
  expect(leftovers()).not.toContain(alive.name);
});

it("a process that was spawned ends with its owner, even a killed one", async () => {
  const { owner, pids } = await labElsewhere("wait");
  owner.kill("SIGKILL");
  await until(() => startTime(pids[0] ?? 0) === undefined, { what: "the end of what the killed process had spawned" });
});

it.each([
  { how: "is terminated", deed: "wait", signal: "SIGTERM", end: [null, "SIGTERM"] },
  { how: "is interrupted", deed: "wait", signal: "SIGINT", end: [null, "SIGINT"] },
  { how: "throws", deed: "throw", signal: undefined, end: [1, null] },
  { how: "exits", deed: "exit", signal: undefined, end: [3, null] },
] as const)("nothing remains of a lab whose process $how", async ({ deed, signal, end }) => {
  const lab = await labElsewhere(deed);
  if (signal !== undefined) lab.owner.kill(signal);
  const ended = lab.owner.exitCode === null ? await once(lab.owner, "exit") : [lab.owner.exitCode, null];
  expect(ended).toEqual(end);
  expect(remains(lab)).toEqual(NOTHING);
});

it("isLeftover() knows a reused pid by its start time, and other people's names", () => {
  const [, pid = "", started = ""] = /^smelter-lab-(\d+)-(\d+)-/.exec(nextLabName()) ?? [];
  expect(isLeftover(`smelter-lab-${pid}-${started}-1-n1`)).toBe(false);
  expect(isLeftover(`smelter-lab-${pid}-${Number(started) - 1}-1-n1`)).toBe(true);
  expect(isLeftover(`smelter-lab-${pid}`)).toBe(false);
  expect(isLeftover("someone-else-1-2-3")).toBe(false);
});
