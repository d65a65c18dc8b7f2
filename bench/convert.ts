import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Report } from "./run.js";
import { median } from "./statistics.js";

const ROUNDS = 7;
const POOLS = 1000;
const PEERS = 1000;

/** `migrate convert` of a large ConfigMap as a whole process, beside Node.js doing nothing. */
export async function run(report: Report): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "smelter-bench-"));
  try {
    const file = join(folder, "config.yaml");
    await writeFile(file, manifest());
    const ours: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(secondsOf("bin/smelter", ["migrate", "convert", file]));
      bare.push(secondsOf(process.execPath, ["-e", "0"]));
    }
    const [value, floor] = [median(ours), median(bare)];
    const name = `${POOLS} pools and ${PEERS} peers`;
    report({ bench: "convert", case: name, value, unit: "s", floor, ratio: value / floor });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Pools of both protocols and peers with selectors, passwords and profiles: every kind of resource comes out. */
function manifest(): string {
  const lines = ["apiVersion: v1", "kind: ConfigMap", "metadata:", "  name: config", "  namespace: metallb-system"];
  lines.push("data:", "  config: |", "    bfd-profiles:", "    - name: fast", "      receive-interval: 100");
  lines.push("    bgp-communities:", "      no-export: 65535:65281", "    peers:");
  for (let index = 0; index < PEERS; index += 1) {
    lines.push("    - my-asn: 64512", `      peer-asn: ${64513 + (index % 100)}`);
    lines.push(`      peer-address: 10.${100 + (index >> 8)}.${index & 255}.1`, "      hold-time: 30s");
    lines.push(`      password: secret-${index}`, "      bfd-profile: fast", "      node-selectors:");
    lines.push("      - match-labels:", `          kubernetes.io/hostname: worker-${index}`);
  }
  lines.push("    address-pools:");
  for (let index = 0; index < POOLS; index += 1) {
    const prefix = `10.${index >> 8}.${index & 255}`;
    lines.push(
      `    - name: pool-${index}`,
      `      protocol: ${index % 2 === 0 ? "bgp" : "layer2"}`,
      "      addresses:",
    );
    lines.push(`      - ${prefix}.0/25`, `      - ${prefix}.130-${prefix}.250`);
    if (index % 4 !== 0) continue;
    lines.push("      bgp-advertisements:", "      - aggregation-length: 32", "        localpref: 100");
    lines.push("        communities: [no-export, 64512:1]");
  }
  return `${lines.join("\n")}\n`;
}

function secondsOf(command: string, args: readonly string[]): number {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}: ${stderr.toString()}`);
  return Number(process.hrtime.bigint() - started) / 1e9;
}
