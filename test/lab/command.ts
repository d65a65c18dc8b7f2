/** Running a short command to its end. Long-lived ones are in process.ts. */
import { spawn, spawnSync } from "node:child_process";

export type Output = Readonly<{ stdout: string; stderr: string; code: number }>;

/** @returns the output, whatever the exit code; a command that cannot be started or is killed by a signal rejects */
export function attempt(argv: readonly string[], input = ""): Promise<Output> {
  return new Promise((resolve, reject) => {
    const [command = "", ...args] = argv;
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.on("error", () => undefined); // ended without reading its input: the exit code tells
    child.on("error", (cause) => reject(new Error(`Cannot run ${argv.join(" ")}: ${cause.message}`, { cause })));
    child.on("close", (code, signal) => {
      if (code !== null) resolve({ stdout, stderr, code });
      else reject(new Error(`Cannot run ${argv.join(" ")}: it was killed by ${signal}\n${stderr}`));
    });
    child.stdin.end(input);
  });
}

/** @returns what it wrote to stdout; rejects with its stderr when the exit code is not 0 */
export async function run(argv: readonly string[], input = ""): Promise<string> {
  const { stdout, stderr, code } = await attempt(argv, input);
  if (code === 0) return stdout;
  const given = input === "" ? "" : `\n--- input:\n${input}`;
  throw new Error(`Cannot run ${argv.join(" ")}: exit code ${code}\n${stderr}${stdout}${given}`);
}

/** For clean-up when the process is about to end: nothing is thrown, what goes wrong has no one left to tell. */
export function runNow(argv: readonly string[], input = ""): void {
  const [command = "", ...args] = argv;
  spawnSync(command, args, { input, stdio: ["pipe", "ignore", "ignore"] });
}
