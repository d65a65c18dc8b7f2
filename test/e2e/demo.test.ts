import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { repositoryRoot } from "../lab/index.js";

const run = promisify(execFile);
const options = { cwd: repositoryRoot() };
const SERVICES = [
  "default/dns-tcp",
  "default/dns-udp",
  "default/fixed-by-annotation",
  "default/fixed-by-field",
  "default/nginx",
  "ingress/traefik",
];

it("shows each Service answered on the wire, then moved, and ends with demo: ok", async () => {
  const { stdout } = await run(process.execPath, ["scripts/run-ts.mjs", "test/demo/demo.ts"], options);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.at(-1)).toBe("demo: ok");
  for (const service of SERVICES) {
    const rows = lines.filter((line) => line.startsWith(`  ${service} `));
    expect(rows).toHaveLength(2); // before and after
    for (const row of rows) expect(row).toMatch(/192\.168\.1\.24\d +(n[123]) +.* on \1"?$/);
  }
  expect(stdout).toMatch(/default\/nginx moved from n\d to n\d: the client had a page again after \d+\.\d\d s\./);
});

it("shows the decisions to those who are not root", async () => {
  const nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
  const { stdout } = await run("setpriv", [...nobody, process.execPath, "build/ts/demo.mjs"], options);
  expect(stdout).toContain("showing the decisions without the wire");
  for (const service of SERVICES) expect(stdout.split(service)).toHaveLength(service === "default/nginx" ? 5 : 3);
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("demo: ok");
});
