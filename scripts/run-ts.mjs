// Runs a TypeScript program of the checkout (demo, benchmarks, soak runs): bundled into build/, packages left outside.
// Usage: node scripts/run-ts.mjs FILE.ts [ARG…]
import { build } from "esbuild";
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [source, ...args] = process.argv.slice(2);
const outfile = resolve("build/ts", `${basename(source, ".ts")}.mjs`);
await build({
  entryPoints: [source],
  outfile,
  bundle: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: "node20.19",
  sourcemap: "inline",
  logLevel: "warning",
});
process.argv = [process.argv[0], outfile, ...args];
await import(pathToFileURL(outfile).href);
