// Makes what runs: dist/ with the program in one file, its code cache, the worker threads and the native addon.
import { build } from "esbuild";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { compiledSchemas } from "./compiled-schemas.mjs";
import { execFileSync } from "node:child_process";

const CHUNKS = "build/chunks";
const { version } = JSON.parse(await readFile("package.json", "utf8"));
await rm("dist", { recursive: true, force: true });
await rm(CHUNKS, { recursive: true, force: true });

const common = { bundle: true, platform: "node", target: "node20.19", legalComments: "linked", logLevel: "warning" };

await build({
  ...common,
  entryPoints: ["src/runtime/layer2-worker.ts", "src/runtime/bfd-worker.ts"],
  outdir: "dist",
  format: "esm",
});

// In two steps: what is loaded by import() would be taken whole into one file, and as chunks only what is used of it is.
await build({
  ...common,
  entryPoints: { smelter: "src/cli/main.ts" },
  outdir: CHUNKS,
  format: "esm",
  splitting: true,
  alias: {
    "node-fetch": "./scripts/node-fetch.mjs", // Node.js has it; with it come tables of all characters of host names
    cliui: "./scripts/cliui.mjs", // as the package does it, lines of help end within words
  },
  plugins: [compiledSchemas(), declarationsOnly("@kubernetes/client-node")],
  define: {
    SMELTER_VERSION: JSON.stringify(version),
    SMELTER_COMMIT: JSON.stringify(commit()),
    "import.meta.url": "__smelterUrl",
  },
});
await build({
  ...common,
  entryPoints: [`${CHUNKS}/smelter.js`],
  outfile: "dist/smelter.cjs",
  format: "cjs",
  minifySyntax: true,
  minifyWhitespace: true, // names stay, for stack traces
  lineLimit: 200,
  // As a function that start.cjs calls, with what Node.js gives to each module.
  banner: {
    js: `(function (exports, require, module, __filename) {
const __smelterUrl = require("node:url").pathToFileURL(__filename).href;`,
  },
  footer: { js: "})" },
});
if ((await readFile("dist/smelter.cjs")).some((octet) => octet > 127)) {
  throw new Error(
    "dist/smelter.cjs is not all ASCII, as start.cjs reads it: write regular expressions with \\u escapes",
  );
}
await cp("build/Release/smelter_native.node", "dist/smelter_native.node");
await cp("scripts/start.cjs", "dist/start.cjs");
await writeFile("dist/package.json", '{ "type": "module" }\n');
const typicalRuns = [
  ["migrate", "convert", "examples/legacy-config.yaml"],
  ["run", "--from", "examples/legacy", "--once"],
  ["controller", "--kubeconfig", "/dev/null"],
];
execFileSync("bin/smelter", {
  env: { ...process.env, SMELTER_WRITE_CODE_CACHE: JSON.stringify(typicalRuns) },
  stdio: "ignore",
});

/** All modules of a package only declare things, which it does not say: what is not used of them is left out. */
function declarationsOnly(name) {
  return {
    name: "declarations-only",
    setup({ onResolve, resolve }) {
      onResolve({ filter: /\.js$/ }, async (args) => {
        if (args.pluginData === "resolving" || !(args.importer + args.path).includes(name)) return undefined;
        const { kind, importer, resolveDir } = args;
        const resolved = await resolve(args.path, { kind, importer, resolveDir, pluginData: "resolving" });
        return resolved.path.includes(`/node_modules/${name}/dist/`) ? { ...resolved, sideEffects: false } : resolved;
      });
    },
  };
}

function commit() {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { stdio: ["ignore", "pipe", "ignore"] })
      .toString()
      .trim();
  } catch {
    return "unknown"; // a source archive has no history
  }
}
