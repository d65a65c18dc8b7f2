import { createHash } from "node:crypto";
import { watch, type FSWatcher } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import type { Fault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";

/** One manifest file as it was read. */
export type ManifestText = Readonly<{ file: string; text: string }>;

const MANIFEST_EXTENSIONS = new Set([".yaml", ".yml", ".json"]);
const MAX_TOTAL_BYTES = 256 * 1024 * 1024;
const MAX_DEPTH = 16;
/** What arrives within this time is read once. */
const SETTLE_MS = 20;
/** Some file systems report no changes: look again this often. */
const POLL_MS = 2_000;

/**
 * Reads a file, or every manifest below a folder (hidden names left out, links followed), by name.
 * @returns one fault where the path cannot be read, holds no manifest, or holds more than 256 MiB
 */
export async function readManifests(path: string): Promise<Result<readonly ManifestText[], Fault>> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const files = isFolder ? (await listManifests(path, MAX_DEPTH)).files : [path];
    if (files.length === 0) {
      return refuse(pathFault(path, "holds no .yaml, .yml or .json file", "name a folder with manifests"));
    }
    const texts: ManifestText[] = [];
    let bytes = 0;
    for (const file of files) {
      bytes += (await stat(file)).size;
      if (bytes > MAX_TOTAL_BYTES) return refuse(pathFault(path, "holds more than 256 MiB", "name a smaller folder"));
      texts.push({ file, text: await readFile(file, "utf8") });
    }
    return succeed(texts);
  } catch (error) {
    return refuse(pathFault(path, `cannot be read (${(error as Error).message})`, "name a file or folder that can"));
  }
}

async function listManifests(folder: string, depth: number): Promise<{ files: string[]; folders: string[] }> {
  const files: string[] = [];
  const folders: string[] = [];
  if (depth === 0) return { files, folders }; // a link that leads back up ends here
  const names = (await readdir(folder)).filter((name) => !name.startsWith(".") && name !== "node_modules").toSorted();
  for (const name of names) {
    const path = join(folder, name);
    if ((await stat(path)).isDirectory()) {
      const below = await listManifests(path, depth - 1);
      files.push(...below.files);
      folders.push(path, ...below.folders);
    } else if (MANIFEST_EXTENSIONS.has(extname(name))) files.push(path);
  }
  return { files, folders };
}

function pathFault(path: string, problem: string, remedy: string): Fault {
  return { object: path, path: "", value: path, problem, remedy };
}

/**
 * Reads now and again whenever something changes, and calls `onTexts` with each reading that differs from the last.
 * Ends with the signal. A reading that fails is passed on like any other; the caller keeps what it had.
 */
export async function watchManifests(
  path: string,
  onTexts: (reading: Result<readonly ManifestText[], Fault>) => void,
  signal: AbortSignal,
): Promise<void> {
  let last = "";
  const watchers = new Map<string, FSWatcher>(); // BOUNDED by the folders below the path
  const readNow = async (): Promise<void> => {
    const folders = await foldersOf(path);
    if (signal.aborted) return; // the watches that are there have been closed
    watchFolders(folders, watchers, reader.request);
    const reading = await readManifests(path);
    const fingerprint = createHash("sha256").update(JSON.stringify(reading)).digest("hex");
    if (fingerprint === last || signal.aborted) return;
    last = fingerprint;
    onTexts(reading);
  };
  const reader = coalesce(readNow);
  const poll = setInterval(reader.request, POLL_MS);
  signal.addEventListener("abort", () => {
    clearInterval(poll);
    reader.cancel();
    for (const watcher of watchers.values()) watcher.close();
  });
  await readNow();
}

/** Runs `work` once for all requests of a short time, never twice at once. */
function coalesce(work: () => Promise<void>): Readonly<{ request: () => void; cancel: () => void }> {
  let timer: NodeJS.Timeout | undefined;
  let running = false;
  let again = false;
  let cancelled = false;
  const request = (): void => {
    if (running) {
      again = true;
      return;
    }
    timer ??= setTimeout(() => {
      timer = undefined;
      running = true;
      void work().finally(() => {
        running = false;
        if (again && !cancelled) request();
        again = false;
      });
    }, SETTLE_MS);
  };
  return {
    request: () => {
      if (!cancelled) request();
    },
    cancel() {
      cancelled = true;
      clearTimeout(timer);
    },
  };
}

/** Watches the folders that are not watched yet. */
function watchFolders(folders: readonly string[], watchers: Map<string, FSWatcher>, onChange: () => void): void {
  for (const folder of folders) {
    if (watchers.has(folder)) continue;
    try {
      const watcher = watch(folder, (_, name) => {
        if (name === null || !name.startsWith(".")) onChange();
      });
      const forget = (): void => {
        watcher.close();
        watchers.delete(folder);
      };
      watcher.on("error", forget).on("close", forget);
      watchers.set(folder, watcher);
    } catch {
      return; // a file system without notices: the poll is slower, and always there
    }
  }
}

/** Every folder below the path; a file is watched through its folder, since editors replace files. */
async function foldersOf(path: string): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [dirname(path)];
    return [path, ...(await listManifests(path, MAX_DEPTH)).folders];
  } catch {
    return []; // what cannot be listed cannot be read either, and that is reported by the reading
  }
}
