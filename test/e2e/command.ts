import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { repositoryRoot } from "../lab/index.js";

export type Outcome = Readonly<{ code: number | null; stdout: string; stderr: string }>;
export type CommandOptions = Readonly<{
  input?: string;
  env?: Readonly<Record<string, string>>;
  /** The Node.js to run it with; the one on the PATH if left out. */
  node?: string;
}>;

/** Runs `bin/smelter` of the checkout to its end. */
export async function smelter(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const bin = `${repositoryRoot()}/bin/smelter`;
  const [command, all] = options.node === undefined ? [bin, args] : [options.node, [bin, ...args]];
  const child = spawn(command, [...all], { cwd: repositoryRoot(), env: { ...process.env, ...options.env } });
  child.stdin.on("error", () => undefined); // it may end without reading what it is given
  child.stdin.end(options.input ?? "");
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve)),
  ]);
  return { code, stdout, stderr };
}
