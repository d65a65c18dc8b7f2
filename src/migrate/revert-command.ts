import type { CommandModule } from "yargs";
import type { Generation } from "../config/generations.js";
import { GENERATIONS } from "../config/generations.js";
import type { OutputForm } from "./convert.js";
import { revert } from "./revert.js";
import type { Exit, ExitCode, MigrateArguments, TextIo } from "./text-io.js";
import { exitCodeOption, fileArgument, outputOption, runMigration } from "./text-io.js";

export type RevertArguments = MigrateArguments &
  Readonly<{ output: OutputForm; generation?: Generation | undefined; config?: string | undefined }>;

export const revertCommand = (io: TextIo, exit: Exit): CommandModule<object, RevertArguments> => ({
  command: "revert [file]",
  describe: "Convert metallb.io resources back into a MetalLB ConfigMap",
  builder: (yargs) =>
    yargs
      .positional("file", {
        ...fileArgument,
        describe: "Resources, and the Secrets of their passwords, in YAML or JSON; - for standard input",
      })
      .option("namespace", {
        type: "string",
        requiresArg: true,
        describe: "Namespace to read from, and of the ConfigMap [that of the resources]",
      })
      .option("config", {
        type: "string",
        requiresArg: true,
        describe: "Name of the ConfigMap [that of the one in the input, else config]",
      })
      .option("output", outputOption)
      .option("generation", {
        choices: GENERATIONS,
        describe: "Refuse what this release of MetalLB would refuse [what all would]",
      })
      .option("exit-code", exitCodeOption)
      .example("$0 migrate revert resources.yaml > config.yaml", "Write the ConfigMap into a file")
      .example("$0 migrate revert resources.yaml --generation v0.9", "Make sure that v0.9 can read it")
      .epilogue(
        "The ConfigMap goes to standard output, with passwords in clear as its format has them; what there is to say goes to standard error. Exit code 0: done, 1: refused, 2: wrong usage, 3: done with warnings (--exit-code).",
      ),
  handler: async (args) => exit(await runRevert(args, io)),
});

/** Runs `migrate revert`. Exit codes as runConvert has them. */
export async function runRevert(args: RevertArguments, io: TextIo): Promise<ExitCode> {
  const { namespace, output, generation, config } = args;
  return await runMigration("revert", args, io, (text, file) => {
    const result = revert(text, {
      file,
      output,
      ...(namespace !== undefined && { namespace }),
      ...(config !== undefined && { configMapName: config }),
      ...(generation !== undefined && { generation }),
    });
    if (!result.ok || !result.value.isEmpty) return result;
    return { ok: true, value: { ...result.value, emptyNote: "the resources say nothing, so the ConfigMap is empty" } };
  });
}
