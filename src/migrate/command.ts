import type { CommandModule } from "yargs";
import { isObjectName } from "../config/label-selector.js";
import { describeFault, describeRemark } from "../runtime/net/fault.js";
import { convert } from "./convert.js";

/** The texts that a command reads and writes. `read` takes `-` for standard input and rejects what it cannot read. */
export interface TextIo {
  read(file: string): Promise<string>;
  /** Writes as it is. */
  out(text: string): void;
  /** Writes a line. */
  err(line: string): void;
}

export type ConvertArguments = Readonly<{ file: string; namespace?: string | undefined; output: "yaml" | "json" }>;
export type Exit = (code: number) => void;

/** The commands below `migrate`. */
export function migrateCommands(io: TextIo, exit: Exit): readonly CommandModule<object, never>[] {
  return [convertCommand(io, exit)] as unknown as readonly CommandModule<object, never>[];
}

export const convertCommand = (io: TextIo, exit: Exit): CommandModule<object, ConvertArguments> => ({
  command: "convert <file>",
  describe: "Convert a MetalLB ConfigMap into metallb.io resources",
  builder: (yargs) =>
    yargs
      .positional("file", {
        type: "string",
        demandOption: true,
        coerce: (file: string) => (file === "" ? "-" : file), // yargs makes an empty text of a lone hyphen
        describe: "ConfigMap manifest in YAML or JSON, or the text of its config key; - for standard input",
      })
      .option("namespace", {
        type: "string",
        requiresArg: true,
        describe: "Namespace of the resources [that of the ConfigMap, else metallb-system]",
      })
      .option("output", {
        choices: ["yaml", "json"] as const,
        default: "yaml" as const,
        describe: "Form of the output",
      })
      .example("$0 migrate convert config.yaml > resources.yaml", "Write the resources into a file")
      .example("kubectl get cm -n metallb-system config -o yaml | $0 migrate convert -", "Convert what is in force")
      .epilogue(
        "Resources go to standard output, what there is to say to standard error. Exit code 0: done, 1: refused.",
      ),
  handler: async (args) => exit(await runConvert(args, io)),
});

/**
 * Runs `migrate convert`.
 * @returns exit code 0: converted; 1: refused, with all the reasons on stderr and nothing on stdout; 2: wrong usage
 */
export async function runConvert({ file, namespace, output }: ConvertArguments, io: TextIo): Promise<0 | 1 | 2> {
  if (namespace !== undefined && (!isObjectName(namespace) || namespace.length > 63 || namespace.includes("."))) {
    io.err(`Cannot use --namespace: "${namespace}" is no name of a namespace: write lower-case letters, digits and -`);
    return 2;
  }
  const name = file === "-" ? "standard input" : file;
  let text: string;
  try {
    text = await io.read(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    io.err(`Cannot read ${name}: ${reason}: name a file that can be read, or - for standard input`);
    return 1;
  }
  const result = convert(text, { file: name, output, ...(namespace !== undefined && { namespace }) });
  if (!result.ok) {
    for (const fault of result.fault) io.err(describeFault(fault));
    return 1;
  }
  for (const notice of result.value.notices) io.err(`Note (${notice.class}): ${describeRemark(notice)}`);
  if (result.value.documents.length === 0) io.err("Note: the configuration is empty, so there are no resources");
  io.out(result.value.text);
  return 0;
}
