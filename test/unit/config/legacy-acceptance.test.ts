import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GENERATIONS } from "../../../src/config/generations.js";
import { loadConfig } from "../../../src/config/load.js";
import { sortFaults } from "../../../src/config/place.js";
import { runs } from "../runs.js";
import { configMap, faultsOf, load, OPTIONS } from "./documents.js";
import { ACCEPTANCE, DIALECTS, editedDocuments } from "./legacy-acceptance-table.js";

describe.each([...ACCEPTANCE, ...DIALECTS])("$section: $line", ({ text, takenBy }) => {
  const documents = [configMap(text)];

  it("is taken and refused as each release did", () => {
    const taken = GENERATIONS.filter((generation) => faultsOf(documents, { generation }).length === 0);
    expect(taken).toEqual(takenBy);
  });

  it("without a release is taken if any did, with notices that name those that refused it", () => {
    expect(faultsOf(documents).length === 0).toBe(takenBy.length > 0);
    if (takenBy.length === 0) return;
    const told = load(documents).notices.filter(({ class: noticeClass }) => noticeClass === "generation");
    const named = new Set(
      told.flatMap(({ problem }) => /; (.*) refused it$/.exec(problem)?.[1]?.match(/v0\.\d+/g) ?? []),
    );
    expect(GENERATIONS.filter((generation) => !named.has(generation))).toEqual(takenBy);
  });
});

it("has every section of rules, each with documents that are taken and documents that are refused", () => {
  const sections = new Map<string, Set<boolean>>();
  for (const { section, takenBy } of [...ACCEPTANCE, ...DIALECTS]) {
    sections.set(section, new Set([...(sections.get(section) ?? []), takenBy.length > 0]));
  }
  expect(sections.size).toBe(12);
  for (const outcomes of sections.values()) expect(outcomes.size).toBe(2);
});

it("whatever is written: taken without a release if any release takes it, every fault with its place, in order", () => {
  fc.assert(
    fc.property(editedDocuments(), (text) => {
      const documents = [configMap(text)];
      const taking = GENERATIONS.filter((generation) => faultsOf(documents, { generation }).length === 0);
      const result = loadConfig(documents, OPTIONS);
      expect(result.ok).toBe(taking.length > 0);
      if (result.ok) return;
      expect(result.fault).toEqual(sortFaults(result.fault));
      for (const { line = 0, column = 0 } of result.fault) expect(Math.min(line, column)).toBeGreaterThan(0);
    }),
    { numRuns: runs(300) },
  );
});
