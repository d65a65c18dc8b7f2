import { posix } from "node:path";
import { describeFault, describeRemark } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import { configMapToCrs } from "./configmaptocrs.js";
import type { TextIo } from "./text-io.js";

/** As TextIo, with what this command writes. */
export interface FileIo extends TextIo {
  /** Writes a file anew; rejects what it cannot write. */
  write(file: string, text: string): Promise<void>;
  /** Whether there is such a directory. */
  isDirectory(path: string): Promise<boolean>;
}

/** Where the container of the original has its files: paths lead on from there where it exists. */
const CONTAINER_DIRECTORY = "/var/input";
const OUTPUT_FILE = "resources.yaml";

export type GoFlags = Readonly<{ source: string; onlyData: boolean; stdout: boolean; help: boolean }>;

const USAGE = `Usage of smelter configmaptocrs:
  -only-data
        the source is the configuration alone, without the ConfigMap around it
  -source string
        file with the ConfigMap, below ${CONTAINER_DIRECTORY} where that directory exists (default "./config.yaml")
  -stdout
        write to standard output in place of the file ${OUTPUT_FILE}

Stands in for MetalLB's converter of the same name: the same flags, objects and names, and the same file. It ends with 1
where the input is refused, and then writes nothing. smelter migrate convert does more: it puts passwords into Secrets.

Examples:
  smelter configmaptocrs -source config.yaml -stdout
  smelter configmaptocrs -source config -only-data -stdout
`;

/**
 * Parses flags as Go's package flag does: one hyphen or two, values after = or a blank, truth only after =.
 * @returns what is wrong otherwise
 */
export function parseGoFlags(words: readonly string[]): Result<GoFlags, string> {
  let [source, onlyData, stdout, help] = ["./config.yaml", false, false, false];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    if (word === "--" && words.length === index + 1) break;
    const [, name, value] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) return refuse(`takes no word beside its flags, as "${word}" is`);
    const truth = goTruth(value ?? "true");
    if (name === "source") {
      index += value === undefined ? 1 : 0;
      const file = value ?? words[index];
      if (file === undefined) return refuse("has a flag -source without a file");
      source = file;
    } else if (name !== "only-data" && name !== "stdout" && name !== "h" && name !== "help") {
      return refuse(`has no flag -${name}`);
    } else if (truth === undefined) {
      return refuse(`has a flag -${name} that is neither true nor false`);
    } else if (name === "only-data") onlyData = truth;
    else if (name === "stdout") stdout = truth;
    else help = truth;
  }
  return succeed({ source, onlyData, stdout, help });
}

function goTruth(text: string): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  return ["0", "f", "F", "FALSE", "false", "False"].includes(text) ? false : undefined;
}

/**
 * Runs `configmaptocrs`.
 * @param words the flags as they were written
 * @returns exit code 0: done; 1: refused, and nothing written; 2: wrong usage
 */
export async function runConfigMapToCrs(words: readonly string[], io: FileIo): Promise<0 | 1 | 2> {
  const parsed = parseGoFlags(words);
  if (!parsed.ok) {
    io.err(`Cannot run configmaptocrs: it ${parsed.fault}`);
    io.err(USAGE.trimEnd());
    return 2;
  }
  const { source, onlyData, stdout, help } = parsed.value;
  if (help) {
    io.out(USAGE);
    return 0;
  }
  const inContainer = await io.isDirectory(CONTAINER_DIRECTORY);
  const file = inContainer ? posix.join(CONTAINER_DIRECTORY, source) : source;
  if (inContainer && !file.startsWith(`${CONTAINER_DIRECTORY}/`)) {
    io.err(`Cannot read ${source}: it is not below ${CONTAINER_DIRECTORY}: name a file in there`);
    return 1;
  }
  let text: string;
  try {
    text = await io.read(file);
  } catch (error) {
    io.err(`Cannot read ${file}: ${reasonOf(error)}: name the file with the ConfigMap as -source`);
    return 1;
  }
  const result = configMapToCrs(text, { file, onlyData });
  if (!result.ok) {
    for (const fault of result.fault) io.err(describeFault(fault));
    return 1;
  }
  for (const notice of result.value.notices) io.err(`Note (${notice.class}): ${describeRemark(notice)}`);
  if (stdout) {
    io.out(result.value.text);
    return 0;
  }
  const output = inContainer ? `${CONTAINER_DIRECTORY}/${OUTPUT_FILE}` : OUTPUT_FILE;
  try {
    await io.write(output, result.value.text);
  } catch (error) {
    io.err(`Cannot write ${output}: ${reasonOf(error)}: make its directory writable, or say -stdout`);
    return 1;
  }
  io.err(`Wrote ${output}`);
  return 0;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
