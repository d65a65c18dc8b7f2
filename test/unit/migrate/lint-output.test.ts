import { describe, expect, it } from "vitest";
import type { LintReport } from "../../../src/migrate/lint.js";
import { STANDARD_INPUT, formatReport, summaryOf } from "../../../src/migrate/lint-output.js";
import { LINT_RULES, findingOf, rulesJson, rulesText } from "../../../src/migrate/lint-rules.js";

const FAULT = {
  object: "IPAddressPool net/a",
  path: "/spec/x",
  value: "100%",
  problem: "is bad",
  remedy: "write 1, or 2",
};

function reportOf(...positions: readonly Readonly<{ file?: string; line?: number; column?: number }>[]): LintReport {
  const findings = positions.map((position) => findingOf("refused", { ...FAULT, ...position }));
  return { findings, counts: { error: findings.length, warning: 0, info: 0 }, files: 1 };
}

const HERE = { file: "a/b c,d:%.yaml", line: 3, column: 7 };
const MESSAGE = 'IPAddressPool net/a: /spec/x is "100%", which is bad: write 1, or 2';

describe("text", () => {
  it.each([
    { position: HERE, place: "a/b c,d:%.yaml:3:7: " },
    { position: { file: "f" }, place: "f: " },
    { position: {}, place: "" },
  ])("begins with as much of a place as there is: $place", ({ position, place }) => {
    expect(formatReport(reportOf(position), "text")).toBe(`${place}error [refused] ${MESSAGE}\n`);
  });

  it("is empty without findings", () => {
    expect(formatReport(reportOf(), "text")).toBe("");
  });

  it("is one line for each, whatever is in a name", () => {
    expect(formatReport(reportOf({ file: "a\nb" }), "text").split("\n")).toHaveLength(2);
  });

  it.each([
    {
      counts: { error: 1, warning: 0, info: 2 },
      files: 1,
      text: "1 error, 0 warnings and 2 infos in 1 file; 3 of them are not shown",
    },
    { counts: { error: 0, warning: 0, info: 0 }, files: 2, text: "0 errors, 0 warnings and 0 infos in 2 files" },
  ])("ends with a summary: $text", ({ counts, files, text }) => {
    expect(summaryOf({ findings: [], counts, files })).toBe(text);
  });
});

describe("github", () => {
  it("escapes what ends a property or the line", () => {
    const place = "file=a/b c%2Cd%3A%25.yaml,line=3,col=7";
    const message = MESSAGE.replace("%", "%25");
    expect(formatReport(reportOf(HERE), "github")).toBe(`::error ${place},title=refused::${message}\n`);
  });

  it.each([{ file: STANDARD_INPUT, line: 1, column: 1 }, {}])("names no file where there is none", (position) => {
    expect(formatReport(reportOf(position), "github")).toMatch(/^::error title=refused::/);
  });

  it("breaks no line", () => {
    const fault = { ...FAULT, problem: "a\r\nb" };
    const report = { ...reportOf(), findings: [findingOf("shadowed", fault), findingOf("helm-template", fault)] };
    const lines = formatReport(report, "github").trimEnd().split("\n");
    expect(lines.map((line) => /^::\w+/.exec(line)?.[0])).toEqual(["::warning", "::notice"]);
    expect(lines[0]).toContain("a%0D%0Ab");
  });
});

describe("json", () => {
  it("has every part, and counts", () => {
    const { object, path, problem, remedy } = FAULT;
    const finding = { rule: "refused", severity: "error", ...HERE, object, path, problem, remedy, message: MESSAGE };
    expect(JSON.parse(formatReport(reportOf(HERE), "json"))).toEqual({
      findings: [finding],
      summary: { files: 1, errors: 1, warnings: 0, infos: 0 },
    });
  });
});

describe("sarif", () => {
  type Log = Readonly<{ version: string; runs: readonly [Run] }>;
  type Run = Readonly<{
    tool: { driver: { name: string; rules: { id: string }[] } };
    results: Result[];
    columnKind: string;
  }>;
  type Result = Readonly<{ ruleId: string; ruleIndex: number; level: string; message: object; locations?: unknown }>;
  const runOf = (report: LintReport): Run => (JSON.parse(formatReport(report, "sarif")) as Log).runs[0];

  it("is a log of version 2.1.0 with all rules", () => {
    const log = JSON.parse(formatReport(reportOf(), "sarif")) as Log;
    expect(log).toMatchObject({ version: "2.1.0", runs: [{ results: [], columnKind: "utf16CodeUnits" }] });
    expect(log.runs[0].tool.driver.rules.map(({ id }) => id)).toEqual(Object.keys(LINT_RULES));
  });

  it("refers to the rule, and to the place by a relative reference", () => {
    const { tool, results } = runOf(reportOf({ ...HERE, file: `./${HERE.file}` }));
    const region = { startLine: 3, startColumn: 7 };
    const physicalLocation = { artifactLocation: { uri: "a/b%20c%2Cd%3A%25.yaml" }, region };
    expect(results).toEqual([
      {
        ruleId: "refused",
        ruleIndex: tool.driver.rules.findIndex(({ id }) => id === "refused"),
        level: "error",
        message: { text: MESSAGE },
        locations: [{ physicalLocation }],
      },
    ]);
  });

  it.each([
    {
      position: { file: "/a b/c" },
      locations: [{ physicalLocation: { artifactLocation: { uri: "file:///a%20b/c" } } }],
    },
    { position: { file: STANDARD_INPUT, line: 1 }, locations: undefined },
    { position: {}, locations: undefined },
  ])("leaves out what is not known: $position", ({ position, locations }) => {
    expect(runOf(reportOf(position)).results[0]?.locations).toEqual(locations);
  });

  it.each([
    ["refused", "error"],
    ["shadowed", "warning"],
    ["helm-template", "note"],
  ] as const)("calls %s a %s", (rule, level) => {
    const report = { ...reportOf(), findings: [findingOf(rule, FAULT)] };
    expect(runOf(report).results[0]?.level).toBe(level);
  });
});

describe("the table of rules", () => {
  it("has a line for each in text, and an object for each in JSON", () => {
    const { rules } = JSON.parse(rulesJson()) as { rules: { id: string; severity: string; description: string }[] };
    expect(rules.map(({ id }) => id)).toEqual(Object.keys(LINT_RULES));
    const lines = rulesText().trimEnd().split("\n");
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual(
      rules.map(({ id, severity, description }) => [id, severity, description]),
    );
  });
});
