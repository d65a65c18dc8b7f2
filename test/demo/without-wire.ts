import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

type Outcome = Readonly<{
  services: readonly Readonly<{
    namespace: string;
    name: string;
    announcedBy: readonly Readonly<{ node: string }>[];
  }>[];
}>;

/** The demo for those who are not root on Linux: the same decisions, and what a dead node changes, without packets. */
export async function showDecisions(example: string, smelter: string, say: (text: string) => void): Promise<void> {
  say("Network namespaces need root on Linux: showing the decisions without the wire.\n");
  const world = await mkdtemp(join(tmpdir(), "smelter-demo-"));
  try {
    await cp(example, world, { recursive: true, dereference: true });
    say((await run(smelter, ["run", "--from", world, "--once"])).stdout);
    const victim = await announcerOfNginx(smelter, world);
    say(`Now ${victim}, which would announce default/nginx, is not Ready any more:\n`);
    await markNotReady(join(world, "nodes.yaml"), victim);
    say((await run(smelter, ["run", "--from", world, "--once"])).stdout);
    const heir = await announcerOfNginx(smelter, world);
    if (heir === victim) throw new Error(`default/nginx is still announced by ${victim}`);
    say(`default/nginx would move from ${victim} to ${heir}.`);
  } finally {
    await rm(world, { recursive: true, force: true });
  }
}

async function announcerOfNginx(smelter: string, world: string): Promise<string> {
  const { stdout } = await run(smelter, ["run", "--from", world, "--once", "--output", "json"]);
  const { services } = JSON.parse(stdout) as Outcome;
  const node = services.find(({ name }) => name === "nginx")?.announcedBy[0]?.node;
  if (node === undefined) throw new Error("nobody would announce default/nginx");
  return node;
}

async function markNotReady(file: string, node: string): Promise<void> {
  const documents = (await readFile(file, "utf8")).split("---\n");
  const changed = documents.map((document) =>
    document.includes(`  name: ${node}\n`) ? document.replace('status: "True"', 'status: "False"') : document,
  );
  await writeFile(file, changed.join("---\n"));
}
