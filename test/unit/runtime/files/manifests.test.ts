import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readManifests, watchManifests, type ManifestText } from "../../../../src/runtime/files/manifests.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "smelter-manifests-"));
});
afterEach(() => rm(folder, { recursive: true }));

const names = (texts: readonly ManifestText[]): string[] => texts.map(({ file }) => file.slice(folder.length + 1));

it("reads the manifests of a folder by name, through links, and passes over what is hidden or no manifest", async () => {
  await mkdir(join(folder, "sub"));
  await mkdir(join(folder, ".smelter"));
  for (const name of ["b.yaml", "a.json", "c.yml", "notes.txt", "sub/d.yaml", ".smelter/decisions.json", ".e.yaml"]) {
    await writeFile(join(folder, name), name);
  }
  await symlink("b.yaml", join(folder, "linked.yaml"));
  const reading = await readManifests(folder);
  expect(reading.ok && names(reading.value)).toEqual(["a.json", "b.yaml", "c.yml", "linked.yaml", "sub/d.yaml"]);
});

it("ends on a folder that contains itself", async () => {
  await writeFile(join(folder, "a.yaml"), "a");
  await symlink(".", join(folder, "loop"));
  expect((await readManifests(folder)).ok).toBe(true);
});

it("refuses a path without manifests with a remedy", async () => {
  const empty = await readManifests(folder);
  expect(empty.ok ? "" : empty.fault.problem).toBe("holds no .yaml, .yml or .json file");
  const missing = await readManifests(join(folder, "missing.yaml"));
  expect(missing.ok ? "" : missing.fault.problem).toMatch(/^cannot be read \(ENOENT/);
});

it.each(["folder", "file"])("passes on what changes in a %s, also when the file is replaced", async (kind) => {
  const file = join(folder, "a.yaml");
  await writeFile(file, "one");
  const stop = new AbortController();
  const texts: string[] = [];
  const seen = new Map<string, () => void>();
  const waitFor = (text: string): Promise<void> =>
    texts.includes(text) ? Promise.resolve() : new Promise((resolve) => seen.set(text, resolve));
  await watchManifests(
    kind === "folder" ? folder : file,
    (reading) => {
      const text = reading.ok ? (reading.value[0]?.text ?? "") : reading.fault.problem;
      texts.push(text);
      seen.get(text)?.();
    },
    stop.signal,
  );
  expect(texts).toEqual(["one"]);
  await writeFile(join(folder, "unfinished"), "two");
  await rename(join(folder, "unfinished"), file);
  await waitFor("two");
  await writeFile(file, "three");
  await waitFor("three");
  stop.abort();
});
