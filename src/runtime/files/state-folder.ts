import { mkdir, readdir, readFile, rename, stat, utimes, writeFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ObjectKey } from "../world/views.js";

/** What was decided for one Service: its status, and why. */
export type StoredDecision = Readonly<{
  namespace: string;
  name: string;
  addresses: readonly string[];
  pool: string;
  reason: string;
}>;

const DECISIONS = "decisions.json";
const HEARTBEATS = "heartbeats";

/**
 * Where a world of manifests keeps what is decided about it: `.smelter` in the folder, or `.<file>.smelter` beside the
 * file. Hidden, so that it is never read as a manifest.
 */
export async function stateFolderOf(path: string): Promise<string> {
  const isFolder = (await stat(path)).isDirectory();
  return isFolder ? join(path, ".smelter") : join(dirname(path), `.${basename(path)}.smelter`);
}

/**
 * The decisions as they were last written, by Service; none where nothing was written yet.
 * @throws Error with a remedy where the file cannot be read as such
 */
export async function readDecisions(stateFolder: string): Promise<ReadonlyMap<ObjectKey, StoredDecision>> {
  let text: string;
  try {
    text = await readFile(join(stateFolder, DECISIONS), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw error;
  }
  try {
    const stored = JSON.parse(text) as { services: StoredDecision[] };
    return new Map(stored.services.map((decision) => [`${decision.namespace}/${decision.name}`, decision]));
  } catch (cause) {
    const file = join(stateFolder, DECISIONS);
    const message = `Cannot read ${file}: it is not what was written there: mend it, or remove it to decide anew`;
    throw new Error(message, { cause });
  }
}

/** Writes all decisions at once; a reader sees either the former file or the new one. */
export async function writeDecisions(stateFolder: string, decisions: Iterable<StoredDecision>): Promise<void> {
  await mkdir(stateFolder, { recursive: true });
  const unfinished = join(stateFolder, `.${DECISIONS}.${process.pid}`);
  await writeFile(unfinished, `${JSON.stringify({ services: [...decisions] }, undefined, 2)}\n`);
  await rename(unfinished, join(stateFolder, DECISIONS));
}

export function decisionsFile(stateFolder: string): string {
  return join(stateFolder, DECISIONS);
}

/** Says that the speaker of a node is alive, now. */
export async function writeHeartbeat(stateFolder: string, node: string): Promise<void> {
  const file = heartbeatFile(stateFolder, node);
  const now = new Date();
  try {
    await utimes(file, now, now);
  } catch {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, "");
  }
}

/** Says that it is not any more, so that nobody waits for the silence to be noticed. */
export async function removeHeartbeat(stateFolder: string, node: string): Promise<void> {
  await rm(heartbeatFile(stateFolder, node), { force: true });
}

/** Names of the nodes whose heartbeat is at most `maxAgeMs` old. */
export async function readHeartbeats(stateFolder: string, maxAgeMs: number): Promise<ReadonlySet<string>> {
  const folder = join(stateFolder, HEARTBEATS);
  const alive = new Set<string>();
  for (const name of await readdir(folder).catch(() => [])) {
    const heartbeat = await stat(join(folder, name)).catch(() => undefined);
    if (heartbeat !== undefined && Date.now() - heartbeat.mtimeMs <= maxAgeMs) alive.add(decodeURIComponent(name));
  }
  return alive;
}

function heartbeatFile(stateFolder: string, node: string): string {
  return join(stateFolder, HEARTBEATS, encodeURIComponent(node)); // a node name is no path
}
