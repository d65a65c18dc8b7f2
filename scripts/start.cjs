// Loads the program with the code that V8 has compiled when it was built: that takes a quarter off each start.
// It lies in dist/ as start.cjs, beside the program and its code cache. V8 itself refuses a cache of another version of
// its own or made with other flags; the program is then compiled as any other, and does the same.
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");
const { setFlagsFromString } = require("node:v8");
const { Script } = require("node:vm");

const PROGRAM = join(__dirname, "smelter.cjs");
const CACHE = join(__dirname, "smelter.cache");

function load(cachedData) {
  const module = { exports: {} };
  const source = readFileSync(PROGRAM, "latin1"); // the bundler escapes all else
  const script = new Script(source, { filename: PROGRAM, cachedData });
  script.runInThisContext()(module.exports, createRequire(PROGRAM), module, PROGRAM);
  return { script, main: module.exports.main };
}

/** Commands that run for weeks start seldom, and memory on each node counts for more than their first second. */
const DAEMONS = new Set(["controller", "speaker", "run"]);

// After the program is loaded: V8 refuses a code cache that was made with other flags.
function tune([command]) {
  if (!DAEMONS.has(command)) return;
  // Of V8 as it is in Node.js 20 and 22 the helper threads take a fifth of all CPU time in a life of seconds, to
  // optimise what has hardly run. This has code run six times as long before. V8 13 knows no such flag, and is less
  // eager.
  if (Number.parseInt(process.versions.v8, 10) < 13) setFlagsFromString("--interrupt-budget=400000");

  // With so small a young generation its helpers cost more than they save.
  setFlagsFromString("--no-parallel-scavenge");

  // By itself V8 lets the heap grow to several times of what is in use before it looks what is not: a fifth of all
  // memory with 5,000 Services, for no time that could be measured.
  setFlagsFromString("--heap-growing-percent=60");
}

/** Keeps what V8 compiles for runs of these kinds: a cache of all functions would take longer to read than it saves. */
async function writeCodeCache(runs) {
  const { script, main } = load(undefined);
  for (const args of runs) await main(args);
  writeFileSync(CACHE, script.createCachedData());
  process.exitCode = 0;
}

const runs = process.env.SMELTER_WRITE_CODE_CACHE;
if (runs !== undefined) writeCodeCache(JSON.parse(runs));
else {
  const { main } = load(existsSync(CACHE) ? readFileSync(CACHE) : undefined);
  const args = process.argv.slice(2);
  tune(args);
  main(args);
}
