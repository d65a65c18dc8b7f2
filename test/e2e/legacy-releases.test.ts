import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { GENERATIONS } from "../../src/config/generations.js";
import { loadConfig } from "../../src/config/load.js";
import { testbedFolder } from "../lab/places.js";
import { configMap, faultsOf, OPTIONS } from "../unit/config/documents.js";
import { ACCEPTANCE, editedDocuments } from "../unit/config/legacy-acceptance-table.js";
import { runs } from "../unit/runs.js";

/*
 * `--generation` takes and refuses what the release did: the releases' own parsers are asked, built from their modules.
 */

/** The releases that take each of the documents, by their own word. */
function askReleases(documents: readonly string[]): readonly (readonly string[])[] {
  const program = join(testbedFolder("legacy-parsers"), "legacy-parsers");
  const input = documents.map((document) => `${JSON.stringify(document)}\n`).join("");
  const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: 1 << 30, encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => {
      const refusals = JSON.parse(line) as readonly string[];
      return GENERATIONS.filter((_, index) => refusals[index] === "");
    });
}

/** The releases under which the document is taken here. */
function ask(document: string): readonly string[] {
  const documents = [configMap(document)];
  return GENERATIONS.filter((generation) => faultsOf(documents, { generation }).length === 0);
}

/**
 * Texts that no one writes, and that are not read exactly as the old YAML parser did (docs/limitations.md): an anchor or
 * an empty collection as the whole document, and what stands behind its end, which that parser only looked at in part.
 */
function isOddity(document: string): boolean {
  if (/^\s*(?:&|[[{]\s*[\]}])/.test(document)) return true;
  const config = loadConfig([configMap(document)], OPTIONS);
  return config.ok && config.value.notices.some(({ problem }) => problem.endsWith("is not read"));
}

it("has in its table what the releases' own parsers answer", () => {
  const answers = askReleases(ACCEPTANCE.map(({ text }) => text));
  const answered = ACCEPTANCE.map(({ section, line }, index) => ({ section, line, takenBy: answers[index] }));
  expect(ACCEPTANCE.map(({ section, line, takenBy }) => ({ section, line, takenBy }))).toEqual(answered);
});

it("takes and refuses edited documents as the releases did", () => {
  const seed = Number(process.env["SMELTER_SEED"] ?? 1);
  const documents = fc.sample(editedDocuments(), { numRuns: runs(2000), seed });
  const differing = askReleases(documents).flatMap((takenBy, index) => {
    const document = documents[index] ?? "";
    const taken = ask(document);
    return taken.join() === takenBy.join() || isOddity(document) ? [] : [{ document, theirs: takenBy, ours: taken }];
  });
  expect(differing).toEqual([]);
});
