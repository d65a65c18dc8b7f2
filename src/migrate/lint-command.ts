import type { CommandModule } from "yargs";
import { GENERATIONS, type Generation } from "../config/generations.js";
import { isObjectName } from "../config/label-selector.js";
import { createLinter } from "./lint.js";
import { readPaths } from "./lint-files.js";
import { LINT_OUTPUTS, STANDARD_INPUT, formatReport, summaryOf, type LintOutput } from "./lint-output.js";
import { findingOf, rulesJson, rulesText } from "./lint-rules.js";
import type { Exit, TextIo } from "./text-io.js";

export type LintArguments = Readonly<{
  /** Files and folders; - is standard input. */
  path: readonly string[];
  output: LintOutput;
  namespace?: string | undefined;
  generation?: Generation | undefined;
  exitCode: boolean;
  rules: boolean;
}>;

type ParsedArguments = Omit<LintArguments, "path"> & Readonly<{ _: readonly (string | number)[] }>;

/**
 * The paths are no positionals of the parser, which would drop a lone hyphen from a list of them; so it is told to be
 * strict with options alone.
 */
export const lintCommand = (io: TextIo, exit: Exit): CommandModule<object, ParsedArguments> => ({
  command: "lint",
  describe: "Find what is wrong in files and folders of manifests",
  builder: (yargs) =>
    yargs
      .strict(false)
      .strictOptions()
      .usage(
        "$0 migrate lint <path..>\n\nFind what is wrong in files and in folders with .yaml, .yml and .json files; " +
          "- for standard input",
      )
      .option("output", { alias: "o", choices: LINT_OUTPUTS, default: "text" as const, describe: "Form of the output" })
      .option("generation", {
        choices: GENERATIONS,
        describe: "Read ConfigMaps as strictly as this release [as the most lenient of them]",
      })
      .option("namespace", {
        type: "string",
        requiresArg: true,
        describe: "The one namespace of the configuration [each namespace is judged for itself]",
      })
      .option("exit-code", { type: "boolean", default: false, describe: "End with 3 where there are warnings" })
      .option("rules", { type: "boolean", default: false, describe: "Print the rules instead (text or json)" })
      .example("$0 migrate lint clusters/ values.yaml", "Judge a repository")
      .example("helm template metallb . | $0 migrate lint -", "Judge what a chart makes")
      .example("$0 migrate lint --output sarif . > lint.sarif", "For code scanning")
      .epilogue(
        "Exit code 0: no errors, 1: errors, 2: wrong usage, 3: warnings, with --exit-code. Findings go to standard " +
          "output. Services are held against the pools of the same input, selectors against its Nodes and Services.",
      ) as never,
  handler: async ({ _: words, ...args }) => {
    const path = words.slice(words.indexOf("lint") + 1).map(String);
    exit(await runLint({ ...args, path }, io));
  },
});

/**
 * Runs `migrate lint`.
 * @returns exit code 0: no errors; 1: errors, also where a path cannot be read; 2: wrong usage; 3: warnings, where
 *   they are to count
 */
export async function runLint(args: LintArguments, io: TextIo): Promise<0 | 1 | 2 | 3> {
  const { path: paths, output, namespace, generation } = args;
  if (args.rules) {
    if (output !== "text" && output !== "json")
      return usage(io, `Cannot print the rules as ${output}: write text or json`);
    io.out(output === "json" ? rulesJson() : rulesText());
    return 0;
  }
  if (paths.length === 0) return usage(io, "Cannot lint nothing: name files or folders, or - for standard input");
  if (namespace !== undefined && (!isObjectName(namespace) || namespace.length > 63 || namespace.includes("."))) {
    const problem = `"${namespace}" is no name of a namespace: write lower-case letters, digits and -`;
    return usage(io, `Cannot use --namespace: ${problem}`);
  }
  const linter = createLinter({ namespace, generation });
  if (paths.includes("-")) {
    try {
      linter.add(STANDARD_INPUT, await io.read("-"));
    } catch (error) {
      const problem = `cannot be read (${error instanceof Error ? error.message : String(error)})`;
      const fault = { object: "path", path: "", value: undefined, problem, remedy: "give manifests there" };
      linter.note(findingOf("unreadable", { ...fault, file: STANDARD_INPUT }));
    }
  }
  readPaths(
    paths.filter((path) => path !== "-"),
    {
      text: (file, text) => linter.add(file, text),
      fault: (fault) => linter.note(findingOf("unreadable", fault)),
    },
  );
  const report = linter.report();
  io.out(formatReport(report, output));
  if (output === "text") io.err(summaryOf(report));
  if (report.counts.error > 0) return 1;
  return args.exitCode && report.counts.warning > 0 ? 3 : 0;
}

function usage(io: TextIo, line: string): 2 {
  io.err(line);
  return 2;
}
