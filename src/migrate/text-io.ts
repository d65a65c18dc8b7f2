import { isObjectName } from "../config/label-selector.js";
import type { Fault } from "../runtime/net/fault.js";
import { describeFault, describeRemark } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";

/** The texts that a command reads and writes. `read` takes `-` for standard input and rejects what it cannot read. */
export interface TextIo {
  read(file: string): Promise<string>;
  /** Writes as it is. */
  out(text: string): void;
  /** Writes a line. */
  err(line: string): void;
}

export type Exit = (code: number) => void;

/** 0: done; 1: refused; 2: wrong usage; 3: done, with warnings, where it was asked for. */
export type ExitCode = 0 | 1 | 2 | 3;

export type MigrateArguments = Readonly<{
  /** undefined: none was named. */
  file?: string | undefined;
  namespace?: string | undefined;
  /** Warnings make the exit code 3. */
  exitCode?: boolean | undefined;
}>;

/** What a conversion has to say beside its text. */
export type MigrateNotice = Fault & Readonly<{ class: string }>;
export type Migrated = Readonly<{ text: string; notices: readonly MigrateNotice[]; emptyNote?: string | undefined }>;

type Outcome = Result<Migrated, readonly Fault[]>;

/**
 * Reads the input, converts it, and writes what came of it: the text to stdout, notices to stderr; of what is refused
 * all the reasons to stderr and nothing to stdout. Faults and notices show no passwords.
 * @param verb what is done, for messages
 * @param migrate what does it; undefined where it cannot, and has said why
 */
export async function runMigration(
  verb: "convert" | "revert",
  { file, namespace, exitCode = false }: MigrateArguments,
  io: TextIo,
  migrate: (text: string, name: string) => Outcome | Promise<Outcome | undefined>,
): Promise<ExitCode> {
  if (file === undefined) {
    const example = `smelter migrate ${verb} ${verb === "convert" ? "config.yaml" : "resources.yaml"}`;
    io.err(`Cannot ${verb} nothing: name the file, or - for standard input, as in: ${example}`);
    io.err(`Try smelter migrate ${verb} --help`);
    return 2;
  }
  if (namespace !== undefined && (!isObjectName(namespace) || namespace.length > 63 || namespace.includes("."))) {
    io.err(`Cannot use --namespace: "${namespace}" is no name of a namespace: write lower-case letters, digits and -`);
    return 2;
  }
  const read = await readText(file, io);
  if (!read.ok) return 1;
  const result = await migrate(read.value.text, read.value.file);
  if (result === undefined) return 1;
  if (!result.ok) {
    for (const fault of result.fault) io.err(describeFault(fault));
    return 1;
  }
  const { notices, emptyNote } = result.value;
  for (const notice of notices) io.err(`Note (${notice.class}): ${describeRemark(notice)}`);
  if (emptyNote !== undefined) io.err(`Note: ${emptyNote}`);
  io.out(result.value.text);
  return exitCode && (notices.length > 0 || emptyNote !== undefined) ? 3 : 0;
}

/** Reads a text, `-` for standard input, and tells how messages call it; says why where it cannot be read. */
export async function readText(
  file: string,
  io: TextIo,
): Promise<Result<Readonly<{ text: string; file: string }>, undefined>> {
  const name = file === "-" ? "standard input" : file;
  try {
    return succeed({ text: await io.read(file), file: name });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    io.err(`Cannot read ${name}: ${reason}: name a file that can be read, or - for standard input`);
    return refuse(undefined);
  }
}

/** The positional argument that all of them have: its absence is answered by the command, with an example. */
export const fileArgument = {
  type: "string",
  coerce: (file: string | undefined) => (file === "" ? "-" : file), // yargs makes an empty text of a lone hyphen
} as const;

export const outputOption = {
  alias: "o",
  choices: ["yaml", "json", "table"] as const,
  default: "yaml" as const,
  describe: "Form of the output; table: what would become of what",
} as const;

export const exitCodeOption = {
  type: "boolean",
  default: false,
  describe: "End with 3 where there are warnings",
} as const;
