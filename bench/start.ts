import { spawnSync } from "node:child_process";
import type { Report } from "./run.js";
import { median } from "./statistics.js";

const ROUNDS = 21;

/** Start of the program: `bin/smelter --version` as a whole process, beside Node.js doing nothing. */
export async function run(report: Report): Promise<void> {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(secondsOf("bin/smelter", ["--version"]));
    bare.push(secondsOf(process.execPath, ["-e", "0"]));
  }
  const [value, floor] = [median(ours) * 1000, median(bare) * 1000];
  report({ bench: "start", case: "smelter --version", value, unit: "ms", floor, ratio: value / floor });
}

function secondsOf(command: string, args: readonly string[]): number {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}: ${stderr.toString()}`);
  return Number(process.hrtime.bigint() - started) / 1e9;
}
