import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { createLinter } from "../../../src/migrate/lint.js";
import { formatReport, STANDARD_INPUT } from "../../../src/migrate/lint-output.js";
import { findingOf, LINT_RULES, type LintFinding, type RuleId } from "../../../src/migrate/lint-rules.js";
import { ROWS } from "./lint-rows.js";
import { sarifSchema } from "./sarif-schema.js";

const isUri = (text: string): boolean => URL.canParse(text);
/** RFC 3986 §4.1: absolute or relative, of the characters that a URI may have. */
const isReference = (text: string): boolean =>
  /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*$/.test(text) && URL.canParse(text, "file:///r/");
const ajv = new Ajv({ allErrors: true, strictRequired: true, formats: { uri: isUri, "uri-reference": isReference } });
const check = ajv.compile(sarifSchema);

/** What the standard has against a log; [] for a good one. */
const marks = (log: unknown): string[] => {
  check(log);
  return (check.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
};
const logOf = (...findings: LintFinding[]): object =>
  JSON.parse(formatReport({ findings, counts: { error: 0, warning: 0, info: 0 }, files: 1 }, "sarif")) as object;

describe("a log in SARIF 2.1.0", () => {
  it.each(ROWS)("is one for what lint says of $rule: $name", ({ texts }) => {
    const linter = createLinter({});
    for (const [file, text] of Object.entries(typeof texts === "string" ? { f: texts } : texts)) linter.add(file, text);
    expect(marks(JSON.parse(formatReport(linter.report(), "sarif")))).toEqual([]);
  });

  it.each([
    undefined,
    STANDARD_INPUT,
    "./a b/c%d.yaml",
    "a/[b]{c}|d.yaml",
    "C:\\a b\\c.yaml",
    "/ä/日本.yaml",
    "\u0000\ud800",
  ])("is one for every rule, in a file called %j", (file) => {
    const fault = { object: "o", path: "/p", value: 1n, problem: "is\n\u2028bad", remedy: "mend it" };
    const places = [{}, { line: 1 }, { line: 2, column: 3 }];
    const findings = (Object.keys(LINT_RULES) as RuleId[]).flatMap((rule) =>
      places.map((place) => findingOf(rule, { ...fault, ...place, ...(file !== undefined && { file }) })),
    );
    const log = logOf(...findings);
    expect(marks(log)).toEqual([]);
    expect(log).toMatchObject({ runs: [{ results: { length: findings.length } }] });
  });

  it("would not be one with another word, place or key", () => {
    const finding = findingOf("refused", {
      object: "o",
      path: "",
      value: 1,
      problem: "is bad",
      remedy: "mend it",
      file: "f",
      line: 0,
    });
    const log = logOf(finding);
    expect(marks(log)).toEqual(["/runs/0/results/0/locations/0/physicalLocation/region/startLine minimum"]);
    expect(marks({ ...log, version: "2.0.0", other: 1 })).toEqual(
      expect.arrayContaining([" additionalProperties", "/version enum"]),
    );
  });
});
