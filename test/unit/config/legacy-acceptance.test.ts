import { describe, expect, it } from "vitest";
import { GENERATIONS } from "../../../src/config/generations.js";
import { configMap, faultsOf, load } from "./documents.js";
import { ACCEPTANCE } from "./legacy-acceptance-table.js";

describe.each(ACCEPTANCE)("$section: $line", ({ text, takenBy }) => {
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
  for (const { section, takenBy } of ACCEPTANCE) {
    sections.set(section, new Set([...(sections.get(section) ?? []), takenBy.length > 0]));
  }
  expect(sections.size).toBe(11);
  for (const outcomes of sections.values()) expect(outcomes.size).toBe(2);
});
