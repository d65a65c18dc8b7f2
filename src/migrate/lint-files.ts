import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Fault } from "../runtime/net/fault.js";

const EXTENSIONS = new Set([".yaml", ".yml", ".json"]);
const MAX_FILES = 100_000;
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_TOTAL_BYTES = 256 * 1024 * 1024;

/** What the reading of paths gives to its caller, one by one, in the order of names. */
export type FileSink = Readonly<{ text(file: string, text: string): void; fault(fault: Fault): void }>;

/**
 * Reads files, and what folders hold below them: .yaml, .yml and .json, hidden names and node_modules left out, each
 * folder once however many links lead to it. What cannot be read is told, and the rest is read all the same.
 * BOUNDED by 100,000 files, 64 MiB of a file and 256 MiB of all.
 */
export async function readPaths(paths: readonly string[], sink: FileSink): Promise<void> {
  const walk: Walk = { sink, seen: new Set(), files: 0, bytes: 0 };
  for (const path of paths) await readPath(walk, path, true);
}

type Walk = { readonly sink: FileSink; readonly seen: Set<string>; files: number; bytes: number };

async function readPath(walk: Walk, path: string, isNamed: boolean): Promise<void> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) {
      const real = await realpath(path);
      if (walk.seen.has(real)) return;
      walk.seen.add(real);
      await readFolder(walk, path);
    } else if (isNamed || EXTENSIONS.has(extname(path).toLowerCase())) {
      // A pipe or a device that lies in a folder would never end; one that is named is asked for: /dev/stdin.
      if (!stats.isFile() && !isNamed) return;
      await readOne(walk, path, stats.size);
    }
  } catch (error) {
    tell(walk, path, `cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
}

async function readFolder(walk: Walk, folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter(({ name }) => !name.startsWith(".") && name !== "node_modules")
    .filter((entry) => !entry.isFile() || EXTENSIONS.has(extname(entry.name).toLowerCase()))
    .map(({ name }) => name)
    .toSorted();
  for (const name of names) await readPath(walk, join(folder, name), false);
}

async function readOne(walk: Walk, file: string, bytes: number): Promise<void> {
  const real = await realpath(file);
  if (walk.seen.has(real)) return;
  walk.seen.add(real);
  walk.files += 1;
  walk.bytes += bytes;
  if (bytes > MAX_FILE_BYTES) return tell(walk, file, `is larger than ${MAX_FILE_BYTES >> 20} MiB`);
  if (walk.files > MAX_FILES || walk.bytes > MAX_TOTAL_BYTES) {
    const limit = walk.files > MAX_FILES ? `${MAX_FILES} files` : `${MAX_TOTAL_BYTES >> 20} MiB`;
    walk.bytes -= bytes;
    return tell(walk, file, `is beyond the first ${limit}`);
  }
  walk.sink.text(file, await readFile(file, "utf8"));
}

function tell({ sink }: Walk, file: string, problem: string): void {
  const remedy = "name files and folders that can be read, and fewer at once if they are too large";
  sink.fault({ object: "path", path: "", value: undefined, problem, remedy, file });
}
