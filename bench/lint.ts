import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Report } from "./run.js";
import { median } from "./statistics.js";

const ROUNDS = 5;
const FILES = 1000;

/** `migrate lint` of a folder of manifests as a whole process, beside Node.js doing nothing. */
export async function run(report: Report): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "smelter-bench-"));
  try {
    for (let index = 0; index < FILES; index += 1) {
      const below = join(folder, `app-${index % 20}`);
      await mkdir(below, { recursive: true });
      await writeFile(join(below, `manifest-${index}.yaml`), manifest(index));
    }
    const ours: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(secondsOf("bin/smelter", ["migrate", "lint", folder]));
      bare.push(secondsOf(process.execPath, ["-e", "0"]));
    }
    const [value, floor] = [median(ours), median(bare)];
    report({ bench: "lint", case: `${FILES} files`, value, unit: "s", floor, ratio: value / floor });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Five kinds in turn; every file has something to read, and every tenth something to tell. */
function manifest(index: number): string {
  const metadata = `metadata: {name: object-${index}, namespace: metallb-system}`;
  const third = `10.${index >> 8}.${index & 255}`;
  switch (index % 5) {
    case 0:
      return `apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\n${metadata}\nspec:\n  addresses:\n  - ${third}.0/24\n`;
    case 1: {
      const pool = index % 10 === 1 ? `object-${index}` : `object-${index - 1}`; // every other names none
      return `apiVersion: metallb.io/v1beta1\nkind: L2Advertisement\n${metadata}\nspec:\n  ipAddressPools:\n  - ${pool}\n`;
    }
    case 2: {
      const spec = `  myASN: 64512\n  peerASN: 64513\n  peerAddress: 172.16.${index >> 8}.${index & 255}`;
      const selector = `  nodeSelectors:\n  - matchLabels:\n      kubernetes.io/hostname: node-${index + 1}`;
      return `apiVersion: metallb.io/v1beta2\nkind: BGPPeer\n${metadata}\nspec:\n${spec}\n${selector}\n`;
    }
    case 3: {
      const node = `metadata:\n  name: node-${index}\n  labels:\n    kubernetes.io/hostname: node-${index}`;
      return `apiVersion: v1\nkind: Node\n${node}\n---\n${deployment(index)}`;
    }
    default: {
      const wish = `10.${(index - 4) >> 8}.${(index - 4) & 255}.7`;
      const service = `metadata:\n  name: web-${index}\n  annotations:\n    metallb.io/loadBalancerIPs: ${wish}`;
      const spec = "spec:\n  type: LoadBalancer\n  ports:\n  - port: 80\n  selector:\n    app: web";
      return `apiVersion: v1\nkind: Service\n${service}\n${spec}\n---\n${deployment(index)}`;
    }
  }
}

function deployment(index: number): string {
  const labels = `      labels:\n        app: web-${index}`;
  const container = `      containers:\n      - name: web\n        image: web:${index}`;
  const template = `  template:\n    metadata:\n${labels}\n    spec:\n${container}`;
  return `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-${index}\nspec:\n  replicas: 2\n${template}\n`;
}

/** Exit code 0 says that there were no errors: warnings are part of the work. */
function secondsOf(command: string, args: readonly string[]): number {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}: ${stderr.toString()}`);
  return Number(process.hrtime.bigint() - started) / 1e9;
}
