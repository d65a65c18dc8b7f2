/** The commands that stand in for programs whose arguments were read by Go's flag package. */
const STAND_INS: ReadonlySet<string> = new Set(["controller", "speaker"]);
/** Their flags that are on or off: the next word is not their value. */
const SWITCHES: ReadonlySet<string> = new Set(["help", "version", "ignore-exclude-lb", "ml-wan-config"]);
const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/**
 * Rewrites the arguments of a command that stands in for a Go program into the one form `--flag=value`: there a flag
 * may have one dash as well, its value may be the next word whatever that begins with, and a switch may be `=1` or `=t`.
 * Arguments of other commands are left as they are.
 */
export function rewriteGoFlags(argv: readonly string[]): readonly string[] {
  const [command = "", ...words] = argv;
  if (!STAND_INS.has(command)) return argv;
  const rewritten = [command];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    const [, flag, , value] = /^--?([a-z][a-z0-9-]+)(=([^]*))?$/.exec(word) ?? [];
    const next = words[index + 1];
    if (word === "--") return [...rewritten, ...words.slice(index)];
    if (flag === undefined) rewritten.push(word);
    else if (SWITCHES.has(flag)) rewritten.push(value === undefined ? `--${flag}` : `--${flag}=${switchValue(value)}`);
    else if (value !== undefined) rewritten.push(`--${flag}=${value}`);
    else if (next === undefined) rewritten.push(`--${flag}`);
    else {
      rewritten.push(`--${flag}=${next}`);
      index += 1;
    }
  }
  return rewritten;
}

function switchValue(value: string): string {
  if (TRUE.has(value)) return "true";
  return FALSE.has(value) ? "false" : value;
}
