/** The lab's small C programs, compiled once for each version of their sources. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.js";
import { cacheFolder, repositoryRoot } from "./places.js";

export type WireProgram = "ask" | "capture" | "inject" | "relay";

const compiling = new Map<WireProgram, Promise<string>>(); // BOUNDED by the programs that there are

/** The path of the compiled program. Rejects with the compiler's messages. */
export function wireProgram(name: WireProgram): Promise<string> {
  const path = compiling.get(name) ?? compile(name);
  compiling.set(name, path);
  return path;
}

async function compile(name: WireProgram): Promise<string> {
  const sources = join(repositoryRoot(), "test/lab/wire");
  const digest = createHash("sha256")
    .update(readFileSync(join(sources, "wire.h")))
    .update(readFileSync(join(sources, `${name}.c`)))
    .digest("hex");
  const folder = join(cacheFolder(), "lab");
  const program = join(folder, `${name}-${digest.slice(0, 16)}`);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, ".compiling-"));
  try {
    const built = join(work, name);
    await run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-o", built, join(sources, `${name}.c`)]);
    renameSync(built, program); // whoever was as fast as this process made the same
  } finally {
    rmSync(work, { recursive: true });
  }
  return program;
}
