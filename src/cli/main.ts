import type { CommandModule } from "yargs";
import { rewriteGoFlags } from "./go-flags.js";
import { COMMIT, VERSION } from "./version.js";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const WIDEST_HELP_COLUMNS = 110;

/** The words on the command line are wrong, and that has been said. */
class UsageError extends Error {}

/**
 * Runs the program for the given arguments and sets process.exitCode: 0 done, 1 refused or failed, 2 wrong usage.
 * Each command brings its code only when it is called, so that `--help` and `--version` stay quick.
 */
export async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && argv[0] === "--version") {
    process.stdout.write(`${VERSION}\n`); // scripts ask for it often: not worth loading a parser
    return;
  }
  try {
    await parse(rewriteGoFlags(argv));
  } catch (error) {
    process.exitCode = error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
    if (!(error instanceof UsageError)) process.stderr.write(`Cannot go on: ${describeError(error)}\n`);
  }
}

async function parse(argv: readonly string[]): Promise<void> {
  const [{ default: yargs }, { commands }] = await Promise.all([import("yargs"), import("./commands.js")]);
  const known = commands((code) => void (process.exitCode = code));
  const isCommand = (word: string): boolean => known.some(({ command }) => String(command).split(" ", 1)[0] === word);
  const asked = argv.slice(0, argv[0] === "migrate" && /^[a-z]+$/.test(argv[1] ?? "") ? 2 : 1);
  const parser = yargs([...argv])
    .scriptName("smelter")
    .usage("$0 <command>\n\nA LoadBalancer for Kubernetes on your own hardware, in place of MetalLB.")
    .strict()
    .parserConfiguration({ "duplicate-arguments-array": false }) // of a repeated option the last counts
    .demandCommand(1, "Name a command")
    .recommendCommands()
    .version(VERSION)
    .help()
    .alias("help", "h")
    .wrap(Math.min(WIDEST_HELP_COLUMNS, process.stdout.columns ?? WIDEST_HELP_COLUMNS))
    .epilogue(`Version ${VERSION} (${COMMIT})`)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      // An option without its value comes as an error of the parser's own.
      if (error !== undefined && error !== null && error.name !== "YError") throw error;
      process.stderr.write(
        `${message ?? "Wrong usage"}\nTry ${["smelter", ...(isCommand(argv[0] ?? "") ? asked : []), "--help"].join(" ")}\n`,
      );
      throw new UsageError();
    });
  for (const command of known) parser.command(command as CommandModule);
  await parser.parseAsync();
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return process.env["SMELTER_DEBUG"] === undefined ? error.message : (error.stack ?? error.message);
}
