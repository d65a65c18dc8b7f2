import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

type Override = Readonly<{ files: readonly string[]; rules: Readonly<Record<string, unknown>> }>;
const { overrides } = JSON.parse(readFileSync(".oxlintrc.json", "utf8")) as { overrides: readonly Override[] };
const ruled = new Set(overrides.flatMap(({ files }) => files));

/** The rooms are the folders with sources; the command line and the C sources join or stand outside. */
const rooms = ["runtime", ""]
  .flatMap((parent) =>
    readdirSync(`src/${parent}`, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => (parent === "" ? name : `${parent}/${name}`)),
  )
  .filter((room) => !["runtime", "cli", "native"].includes(room));

let checkout: string;
beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "smelter-rooms-"));
  copyFileSync(".oxlintrc.json", join(checkout, ".oxlintrc.json"));
  for (const room of ["layer2", "membership"]) mkdirSync(join(checkout, "src/runtime", room), { recursive: true });
});
afterEach(() => rmSync(checkout, { recursive: true }));

/** What the linter says to a source in a pure room, under the project's own rules; "" for nothing. */
function lint(source: string, room = "layer2"): string {
  writeFileSync(join(checkout, "src/runtime", room, "probe.ts"), `${source}\n`);
  const { status, stdout } = spawnSync(`${process.cwd()}/node_modules/.bin/oxlint`, ["src"], { cwd: checkout });
  return status === 0 ? "" : stdout.toString();
}

it.each(rooms)("src/%s has a rule that says what it may import", (room) => {
  expect([...ruled]).toContain(`src/${room}/**/*.ts`);
});

it.each([
  { name: "a neighbour it does not name", line: 'import "../../config/model.js";' },
  { name: "an edge", line: 'import "../transport/clock.js";' },
  { name: "a file system", line: 'import "node:fs";' },
  { name: "a clock", line: "export const now = Date.now();" },
  { name: "a timer", line: "setTimeout(() => undefined, 1);" },
])("the linter refuses a pure room $name", ({ line }) => {
  expect(lint(line)).toMatch(/no-restricted-(imports|properties|globals)/);
});

it("the linter lets a pure room use the words that all share", () => {
  const line = 'import { parseMac } from "../net/mac.js";\nexport const mac = parseMac("02:00:00:00:00:01");';
  expect(lint(line)).toBe("");
});

it.each([
  { line: 'import { randomBytes } from "node:crypto";\nexport const nonce = randomBytes(12);', refused: true },
  { line: 'import { createHash } from "node:crypto";\nexport const digest = createHash("sha256");', refused: false },
])("the linter lets membership compute with node:crypto, not draw from it: $line", ({ line, refused }) => {
  if (refused) expect(lint(line, "membership")).toMatch("no-restricted-imports");
  else expect(lint(line, "membership")).toBe("");
});
