import { compareTexts, sortFaults } from "../config/place.js";
import { called, readConfigurations, type LintOptions } from "./lint-configurations.js";
import { emptyInput, addText, type LintInput } from "./lint-input.js";
import { lintLinks, surroundingsOf } from "./lint-links.js";
import { joinFindings } from "./lint-namespaces.js";
import { findingOf, type LintFinding } from "./lint-rules.js";
import { lintNodes } from "./lint-nodes.js";
import { lintServices } from "./lint-services.js";

export type { LintOptions } from "./lint-configurations.js";

/** What was found, sorted by file and position. BOUNDED by MAX_FINDINGS. */
export type LintReport = Readonly<{
  findings: readonly LintFinding[];
  /** Of all findings, those beyond MAX_FINDINGS included. */
  counts: Readonly<{ error: number; warning: number; info: number }>;
  /** Texts that were given. */
  files: number;
}>;

/** A repository of manifests that is read text by text and judged as a whole at the end. */
export interface Linter {
  /** Takes one text. Texts without anything that matters here are forgotten at once. Never throws. */
  add(file: string, text: string): void;
  /** Notes something about a path that could not be read. */
  note(finding: LintFinding): void;
  /** Judges all that was added. Pure, and never throws. */
  report(): LintReport;
}

/** More findings than this are counted and not told. */
const MAX_FINDINGS = 10_000;

export function createLinter(options: LintOptions): Linter {
  const input = emptyInput();
  let files = 0;
  return {
    add(file, text) {
      files += 1;
      addText(input, text, file);
    },
    note: (finding) => void input.findings.push(finding),
    report: () => reportOf(judge(input, options), files),
  };
}

function judge(input: LintInput, options: LintOptions): LintFinding[] {
  const configurations = readConfigurations(input, options);
  const surroundings = surroundingsOf(input);
  const findings = [
    ...input.findings,
    ...joinFindings(configurations),
    ...configurations.flatMap((configuration) => called(configuration, lintLinks(configuration, surroundings))),
    ...configurations.flatMap((configuration) => lintNodes(configuration, input.nodes)),
    ...lintServices(input.services, configurations, {
      namespaces: input.namespaces,
      hidesPools: input.templates.some(({ hasPools }) => hasPools),
    }),
    ...templateFindings(input),
  ];
  const isEmpty = input.configDocuments.length + input.inline.length === 0 && findings.length === 0;
  if (isEmpty) {
    const remedy = "name the files or folders that the manifests are in";
    const fault = { object: "input", path: "", value: undefined, problem: "holds no configuration of MetalLB", remedy };
    findings.push(findingOf("nothing-found", fault));
  }
  return findings;
}

/** One finding for all templates: a chart has many of them. */
function templateFindings({ templates }: LintInput): LintFinding[] {
  const [first, ...others] = templates.toSorted((a, b) => compareTexts(a.fault.file ?? "", b.fault.file ?? ""));
  if (first === undefined) return [];
  const more = others.length === 0 ? "" : `, as ${others.length} more file${others.length === 1 ? " is" : "s are"}`;
  const problem = `is a Helm template${more}, and is passed over`;
  const remedy = "judge what comes out of it: helm template … | smelter migrate lint -";
  return [findingOf("helm-template", { ...first.fault, problem, remedy })];
}

function reportOf(found: readonly LintFinding[], files: number): LintReport {
  const counts = { error: 0, warning: 0, info: 0 };
  const seen = new Set<string>();
  const findings = sortFaults(found).filter((finding) => {
    const { rule, file, line, column, object, path, problem } = finding;
    const key = [rule, file, line, column, object, path, problem].join("\0");
    if (seen.has(key)) return false;
    seen.add(key);
    counts[finding.severity] += 1;
    return true;
  });
  return { findings: findings.slice(0, MAX_FINDINGS), counts, files };
}
