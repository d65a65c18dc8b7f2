import { readFileSync, readdirSync, realpathSync, statSync, type Dirent } from "node:fs";
import { extname, join } from "node:path";
import type { Fault } from "../runtime/net/fault.js";
import { decodeText } from "./decode-text.js";

const EXTENSIONS = new Set([".yaml", ".yml", ".json"]);
const MAX_FILES = 100_000;
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_TOTAL_BYTES = 256 * 1024 * 1024;

/** What the reading of paths gives to its caller, one by one, in the order of names. */
export type FileSink = Readonly<{ text(file: string, text: string): void; fault(fault: Fault): void }>;

/**
 * Reads files, and what folders hold below them: .yaml, .yml and .json, hidden names and node_modules left out, each
 * file and folder once however many links lead to it. What cannot be read is told, and the rest is read all the same.
 * BOUNDED by 100,000 files, 64 MiB of a file and 256 MiB of all. Synchronous: nothing else goes on meanwhile, and a
 * thousand small files take a third of the time.
 */
export function readPaths(paths: readonly string[], sink: FileSink): void {
  const walk: Walk = { sink, seen: new Set(), files: 0, bytes: 0 };
  for (const path of paths) {
    attempt(walk, path, () => {
      const real = realpathSync(path);
      if (statSync(real).isDirectory()) readFolder(walk, path, real);
      else readOne(walk, path, real);
    });
  }
}

type Walk = { readonly sink: FileSink; readonly seen: Set<string>; files: number; bytes: number };

function attempt(walk: Walk, path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    tell(walk, path, `cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
}

function readFolder(walk: Walk, folder: string, realFolder: string): void {
  if (walk.seen.has(realFolder)) return;
  walk.seen.add(realFolder);
  const entries = readdirSync(realFolder, { withFileTypes: true });
  const wanted = entries.filter(({ name }) => !name.startsWith(".") && name !== "node_modules");
  for (const entry of wanted.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    attempt(walk, path, () => readEntry(walk, path, join(realFolder, entry.name), entry));
  }
}

/** Pipes and devices in a folder are passed over: to read one may never end. */
function readEntry(walk: Walk, path: string, place: string, entry: Dirent): void {
  const isManifest = EXTENSIONS.has(extname(path).toLowerCase());
  if (!isManifest && entry.isFile()) return;
  const isLink = entry.isSymbolicLink();
  const kind = isLink ? statSync(place, { throwIfNoEntry: isManifest }) : entry;
  if (kind === undefined) return; // a link that leads nowhere, and by its name to no manifest
  const real = isLink ? realpathSync(place) : place;
  if (kind.isDirectory()) readFolder(walk, path, real);
  else if (kind.isFile() && isManifest) readOne(walk, path, real);
}

function readOne(walk: Walk, file: string, real: string): void {
  if (walk.seen.has(real)) return;
  walk.seen.add(real);
  const { size } = statSync(real);
  if (size > MAX_FILE_BYTES) return tell(walk, file, `is larger than ${MAX_FILE_BYTES >> 20} MiB`);
  if (walk.files === MAX_FILES) return tell(walk, file, `is beyond the first ${MAX_FILES} files`);
  if (walk.bytes + size > MAX_TOTAL_BYTES) return tell(walk, file, `is beyond ${MAX_TOTAL_BYTES >> 20} MiB in all`);
  walk.files += 1;
  walk.bytes += size;
  walk.sink.text(file, decodeText(readFileSync(real)));
}

function tell({ sink }: Walk, file: string, problem: string): void {
  const remedy = "name files and folders that can be read, and fewer at once where they are too large";
  sink.fault({ object: "path", path: "", value: undefined, problem, remedy, file });
}
