import { pathToFileURL } from "node:url";
import { describeRemark } from "../runtime/net/fault.js";
import type { LintReport } from "./lint.js";
import { LINT_RULES, type LintFinding, type RuleId, type Severity } from "./lint-rules.js";

export const LINT_OUTPUTS = ["text", "json", "github", "sarif"] as const;
export type LintOutput = (typeof LINT_OUTPUTS)[number];

/** How standard input is called; it is no file that a program could open. */
export const STANDARD_INPUT = "standard input";

/** What goes to standard output: each form ends with a line break, or is empty where there is nothing to say. */
export function formatReport(report: LintReport, output: LintOutput): string {
  switch (output) {
    case "text":
      return report.findings.map((finding) => `${textLine(finding)}\n`).join("");
    case "json":
      return `${JSON.stringify(jsonReport(report), null, 2)}\n`;
    case "github":
      return report.findings.map((finding) => `${githubLine(finding)}\n`).join("");
    case "sarif":
      return `${JSON.stringify(sarifLog(report), null, 2)}\n`;
  }
}

/** One line for the end: `2 errors, 1 warning and 0 infos in 12 files`. */
export function summaryOf({ counts, files, findings }: LintReport): string {
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? "" : "s"}`;
  const { error, warning, info } = counts;
  const all = `${count(error, "error")}, ${count(warning, "warning")} and ${count(info, "info")} in ${count(files, "file")}`;
  const untold = error + warning + info - findings.length;
  return untold > 0 ? `${all}; ${untold} of them are not shown` : all;
}

/** `file:line:column: error [rule] what, where, and the remedy`. */
function textLine(finding: LintFinding): string {
  const { file, line, column, severity, rule } = finding;
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  return `${place === "" ? "" : `${place}: `}${severity} [${rule}] ${messageOf(finding)}`.replace(/[\r\n]+/g, " ");
}

function messageOf({ file: _file, line: _line, column: _column, ...finding }: LintFinding): string {
  return describeRemark(finding);
}

function jsonReport({ findings, counts, files }: LintReport) {
  return {
    findings: findings.map((finding) => {
      const { rule, severity, file, line, column, object, path, problem, remedy } = finding;
      return { rule, severity, file, line, column, object, path, problem, remedy, message: messageOf(finding) };
    }),
    summary: { files, errors: counts.error, warnings: counts.warning, infos: counts.info },
  };
}

const GITHUB_COMMANDS: Readonly<Record<Severity, string>> = { error: "error", warning: "warning", info: "notice" };

/** A workflow command; what would end a property or the line is escaped. */
function githubLine(finding: LintFinding): string {
  const { file, line, column, rule, severity } = finding;
  const isFile = file !== undefined && file !== STANDARD_INPUT;
  const properties = [
    ...(isFile ? [`file=${escapeProperty(forwardSlashes(file))}`] : []),
    ...(isFile && line !== undefined ? [`line=${line}`] : []),
    ...(isFile && column !== undefined ? [`col=${column}`] : []),
    `title=${escapeProperty(rule)}`,
  ];
  return `::${GITHUB_COMMANDS[severity]} ${properties.join()}::${escapeData(messageOf(finding))}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

function forwardSlashes(file: string): string {
  return file.replaceAll("\\", "/");
}

const SARIF_LEVELS: Readonly<Record<Severity, string>> = { error: "error", warning: "warning", info: "note" };

/** A log of SARIF 2.1.0 with one run. Columns count UTF-16 code units, as everywhere here. */
function sarifLog({ findings }: LintReport) {
  const ids = Object.keys(LINT_RULES) as RuleId[];
  const indexes = new Map(ids.map((id, index) => [id, index]));
  const rules = ids.map((id) => {
    const { severity, description } = LINT_RULES[id];
    return {
      id,
      shortDescription: { text: description },
      defaultConfiguration: { level: SARIF_LEVELS[severity] },
    };
  });
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "smelter", rules } },
        columnKind: "utf16CodeUnits",
        results: findings.map((finding) => ({
          ruleId: finding.rule,
          ruleIndex: indexes.get(finding.rule),
          level: SARIF_LEVELS[finding.severity],
          message: { text: messageOf(finding) },
          ...sarifLocations(finding),
        })),
      },
    ],
  };
}

function sarifLocations({ file, line, column }: LintFinding) {
  if (file === undefined || file === STANDARD_INPUT) return {};
  const region =
    line === undefined ? {} : { region: { startLine: line, ...(column !== undefined && { startColumn: column }) } };
  return { locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file) }, ...region } }] };
}

/** A relative reference for a relative path, so that it counts from the root of the repository. RFC 3986 §4.2 */
function uriOf(file: string): string {
  const path = forwardSlashes(file).replaceAll(/\p{Surrogate}/gu, "\ufffd"); // half a character has no octets
  if (/^(?:\/|[A-Za-z]:)/.test(path)) return pathToFileURL(file).href;
  const encoded = path
    .replace(/^(?:\.\/)+/, "")
    .split("/")
    .map(encodeURIComponent)
    .join("/");
  return encoded;
}
