// Makes what runs: dist/ with one entry for the program, one for each worker thread, and chunks that load lazily.
import { build } from "esbuild";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";

const { version } = JSON.parse(await readFile("package.json", "utf8"));
const staging = "dist";
await rm(staging, { recursive: true, force: true });

await build({
  entryPoints: {
    main: "src/cli/main.ts",
    "layer2-worker": "src/runtime/layer2-worker.ts",
  },
  outdir: staging,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  minifySyntax: true,
  sourcemap: false,
  legalComments: "linked",
  logLevel: "warning",
  define: { SMELTER_VERSION: JSON.stringify(version), SMELTER_COMMIT: JSON.stringify(commit()) },
  // Packages in CommonJS ask for Node's own modules by require().
  banner: {
    js: 'import { createRequire as smelterCreateRequire } from "node:module"; const require = smelterCreateRequire(import.meta.url);',
  },
});
await cp("build/Release/smelter_native.node", `${staging}/smelter_native.node`);
await writeFile(`${staging}/package.json`, '{ "type": "module" }\n');

function commit() {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { stdio: ["ignore", "pipe", "ignore"] })
      .toString()
      .trim();
  } catch {
    return "unknown"; // a source archive has no history
  }
}
