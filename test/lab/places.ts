/** Where things are: the checkout, the cache, the programs that `make testbed` builds. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/**
 * The folder of the checkout: SMELTER_ROOT, or the nearest folder above the working directory, then above the running
 * script, whose package.json has the name smelter. (Works for a bundle too, which knows nothing of its sources' places.)
 */
export function repositoryRoot(): string {
  const { SMELTER_ROOT } = process.env;
  if (SMELTER_ROOT !== undefined && SMELTER_ROOT !== "") return SMELTER_ROOT;
  for (const start of [process.cwd(), dirname(process.argv[1] ?? "/")]) {
    for (let folder = start; ; folder = dirname(folder)) {
      if (isSmelter(join(folder, "package.json"))) return folder;
      if (folder === dirname(folder)) break;
    }
  }
  throw new Error(
    `Cannot find the checkout of smelter above ${process.cwd()}: run inside it, or set SMELTER_ROOT to its folder`,
  );
}

function isSmelter(file: string): boolean {
  if (!existsSync(file)) return false;
  return (JSON.parse(readFileSync(file, "utf8")) as { name?: unknown }).name === "smelter";
}

/** What is built or fetched once and kept outside the checkout; the Makefile and the scripts have the same rule. */
export function cacheFolder(): string {
  const { SMELTER_CACHE, XDG_CACHE_HOME } = process.env;
  return SMELTER_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "smelter");
}

const MAIN_MODULE = {
  etcd: "go.etcd.io/etcd/server/v3",
  kubernetes: "k8s.io/kubernetes",
  "legacy-parsers": "gopkg.in/yaml.v2",
  "metallb-v0.11": "go.universe.tf/metallb",
  "metallb-v0.14": "go.universe.tf/metallb",
  memberlist: "github.com/hashicorp/memberlist",
  "memberlist-v0.1": "github.com/hashicorp/memberlist",
} as const;

/**
 * The folder of the programs built from a folder of test/lab or test/peers, by the rule of scripts/build-testbed.sh.
 * Throws when `make testbed` has not built them for the present go.mod and go.sum.
 */
export function testbedFolder(name: keyof typeof MAIN_MODULE): string {
  const places = ["lab", "peers"].map((room) => join(repositoryRoot(), "test", room, name));
  const source = places.find(existsSync) ?? "";
  const mod = readFileSync(join(source, "go.mod"), "utf8");
  const sum = readFileSync(join(source, "go.sum"), "utf8");
  const version = mod
    .split("\n")
    .map((line) =>
      line
        .replace(/^require /, "")
        .trim()
        .split(/\s+/),
    )
    .find(([module]) => module === MAIN_MODULE[name])?.[1];
  const main = join(source, "main.go");
  const program = existsSync(main) ? readFileSync(main) : "";
  const digest = createHash("sha256").update(mod).update(sum).update(program).digest("hex").slice(0, 16);
  const folder = join(cacheFolder(), "testbed", `${name}-${version}-${digest}`);
  if (existsSync(join(folder, ".complete"))) return folder;
  throw new Error(`Cannot run ${name} ${version}: ${folder} is not there: run make testbed`);
}

/** The folder into which scripts/fetch-routers.sh unpacks BGP routers. Throws when it is not there. */
export function routersFolder(): string {
  const folder = join(cacheFolder(), "testbed", "routers");
  if (existsSync(join(folder, ".complete"))) return folder;
  throw new Error(`Cannot start a router: ${folder} is not there: run make testbed`);
}
