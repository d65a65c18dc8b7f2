// Runs every part of the tests, says how each went, and ends with the line `N passed, N failed`.
// A test that is skipped, or a part that breaks off, counts as failed: silence is no success.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const vitest = "node_modules/vitest/vitest.mjs";
const reports = mkdtempSync(join(tmpdir(), "smelter-tests-"));
const node24 = capture("scripts/install-node24.sh");

const parts = [
  check("types", "node_modules/.bin/tsc", "-p", "."),
  check("lint", "node_modules/.bin/oxlint", "--deny-warnings"),
  check("format", "node_modules/.bin/prettier", "--check", "--log-level", "warn", "."),
  check("manifests", process.execPath, "scripts/run-ts.mjs", "scripts/generate-crds.ts", "--check"),
  suite(`unit on Node.js ${process.versions.node}`, process.execPath, "unit*"),
  suite("unit on Node.js 24", node24, "unit*"),
  suite("lab", process.execPath, "lab"),
];
rmSync(reports, { recursive: true, force: true });

for (const { name, passed, failed, seconds } of parts) {
  console.log(
    `${failed === 0 ? "ok  " : "FAIL"}  ${name}: ${passed} passed, ${failed} failed, ${seconds.toFixed(0)} s`,
  );
}
const passed = parts.reduce((sum, part) => sum + part.passed, 0);
const failed = parts.reduce((sum, part) => sum + part.failed, 0);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function check(name, command, ...args) {
  const started = Date.now();
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  return { name, passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, seconds: (Date.now() - started) / 1000 };
}

function suite(name, node, project) {
  const started = Date.now();
  console.log(`\n== ${name}`);
  const report = join(reports, `${started}.json`);
  const { status } = spawnSync(
    node ?? process.execPath,
    [vitest, "run", "--project", project, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
    { stdio: "inherit", env: { ...process.env, SMELTER_TEST_NODE24: node24 ?? "" } },
  );
  const seconds = (Date.now() - started) / 1000;
  if (node === undefined) return { name: `${name} (no such Node.js)`, passed: 0, failed: 1, seconds };
  const { passed, failed } = countTests(report);
  return { name, passed, failed: failed === 0 && status !== 0 ? 1 : failed, seconds };
}

function countTests(report) {
  try {
    const { numPassedTests, numTotalTests } = JSON.parse(readFileSync(report, "utf8"));
    return { passed: numPassedTests, failed: numTotalTests - numPassedTests };
  } catch (error) {
    console.error(`Cannot count the tests: ${error.message}`);
    return { passed: 0, failed: 1 };
  }
}

function capture(command) {
  const { status, stdout } = spawnSync(command, { stdio: ["ignore", "pipe", "inherit"] });
  return status === 0 ? stdout.toString().trim() : undefined;
}
