import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { smelter } from "./command.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "smelter-lint-"));
});
afterEach(() => rm(folder, { recursive: true }));

const POOL = "address-pools: [{name: a, protocol: layer2, addresses: [10.0.0.0/24]}]\n";

it("judges a folder, with places and an exit code for scripts", async () => {
  await writeFile(join(folder, "good.yaml"), POOL);
  await writeFile(join(folder, "bad.yaml"), POOL.replace("/24", "/40"));
  const { code, stdout, stderr } = await smelter(["migrate", "lint", folder]);
  expect(stdout).toContain(`${join(folder, "bad.yaml")}:1:57: error [refused]`);
  expect([code, stderr]).toEqual([1, "1 error, 0 warnings and 0 infos in 2 files\n"]);
});

it("writes a whole log where there is much to tell", async () => {
  const pools = Array.from({ length: 900 }, (_, index) => POOL.replace("/24", `/${index + 40}`));
  await writeFile(join(folder, "bad.yaml"), pools.join("---\n"));
  const { code, stdout } = await smelter(["migrate", "lint", "--output", "sarif", folder]);
  const { runs } = JSON.parse(stdout) as { runs: [{ results: unknown[] }] };
  expect([code, runs[0].results.length]).toEqual([1, 900]);
});
