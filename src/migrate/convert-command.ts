import type { CommandModule } from "yargs";
import type { Generation } from "../config/generations.js";
import { GENERATIONS } from "../config/generations.js";
import type { OutputForm } from "./convert.js";
import { convert } from "./convert.js";
import type { Exit, ExitCode, MigrateArguments, TextIo } from "./text-io.js";
import { exitCodeOption, fileArgument, outputOption, readText, runMigration } from "./text-io.js";

export type ConvertArguments = MigrateArguments &
  Readonly<{
    output: OutputForm;
    generation?: Generation | undefined;
    inlinePasswords?: boolean | undefined;
    /** File with Nodes, - for standard input. */
    nodes?: string | undefined;
    keepAutodiscovery?: boolean | undefined;
  }>;

export const convertCommand = (io: TextIo, exit: Exit): CommandModule<object, ConvertArguments> => ({
  command: "convert [file]",
  describe: "Convert a MetalLB ConfigMap or AddressPools into metallb.io resources",
  builder: (yargs) =>
    yargs
      .positional("file", {
        ...fileArgument,
        describe:
          "ConfigMap, AddressPools or both in YAML or JSON, the text of the config key, or Helm values with configInline; - for standard input",
      })
      .option("namespace", {
        type: "string",
        requiresArg: true,
        describe: "Namespace of the resources [that of the input, else metallb-system]",
      })
      .option("output", outputOption)
      .option("generation", {
        choices: GENERATIONS,
        describe: "Refuse what this release of MetalLB refused [take what any of them took]",
      })
      .option("inline-passwords", {
        type: "boolean",
        default: false,
        describe: "Write passwords in clear into the BGPPeers in place of Secrets",
      })
      .option("nodes", {
        type: "string",
        requiresArg: true,
        describe: "Make BGPPeers of what peer-autodiscovery finds on these Nodes now; a file, or - for standard input",
      })
      .option("keep-autodiscovery", {
        type: "boolean",
        default: false,
        describe: "Keep peer-autodiscovery, which no resource can say, in a ConfigMap beside the resources",
      })
      .option("exit-code", exitCodeOption)
      .example("$0 migrate convert config.yaml > resources.yaml", "Write the resources into a file")
      .example("kubectl get cm -n metallb-system config -o yaml | $0 migrate convert -", "Convert what is in force")
      .example(
        "$0 migrate convert config.yaml -o table --exit-code",
        "See what would be made; 3 where there are warnings",
      )
      .example(
        "kubectl get nodes -o yaml | $0 migrate convert config.yaml --nodes -",
        "Write out the peers that Lokomotive finds on Nodes",
      )
      .epilogue(
        "Resources go to standard output, what there is to say to standard error. Exit code 0: done, 1: refused, 2: wrong usage, 3: done with warnings (--exit-code).",
      ),
  handler: async (args) => exit(await runConvert(args, io)),
});

/**
 * Runs `migrate convert`.
 * @returns exit code 0: converted; 1: refused, with all the reasons on stderr and nothing on stdout; 2: wrong usage;
 *   3: converted with warnings, where that was asked for
 */
export async function runConvert(args: ConvertArguments, io: TextIo): Promise<ExitCode> {
  const { namespace, output, generation, inlinePasswords = false, nodes, keepAutodiscovery = false } = args;
  const wrong =
    nodes !== undefined && keepAutodiscovery
      ? "Cannot use --nodes beside --keep-autodiscovery: peers of Nodes are written out or kept as they are: leave one of the two out"
      : nodes === "-" && args.file === "-"
        ? "Cannot read both the configuration and the Nodes from standard input: name a file for one of the two"
        : undefined;
  if (wrong !== undefined) {
    io.err(wrong);
    return 2;
  }
  return await runMigration("convert", args, io, async (text, file) => {
    const read = nodes === undefined ? undefined : await readText(nodes, io);
    if (read !== undefined && !read.ok) return undefined;
    const result = convert(text, {
      file,
      output,
      inlinePasswords,
      keepAutodiscovery,
      ...(read !== undefined && { nodes: read.value }),
      ...(namespace !== undefined && { namespace }),
      ...(generation !== undefined && { generation }),
    });
    if (!result.ok || result.value.documents.length > 0) return result;
    return { ok: true, value: { ...result.value, emptyNote: "the configuration is empty, so there are no resources" } };
  });
}
