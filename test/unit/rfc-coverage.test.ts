import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

/** Where the pages' files and tests lie that are named without a folder. */
const [SOURCES, TESTS] = ["src/runtime/bgp", "test/unit/runtime/bgp"];
const PAGE = readFileSync("docs/rfc-coverage.md", "utf8");

const rows = PAGE.split("\n")
  .filter((line) => /^\| (?!Section|-)/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, section = "", what = "", where = "", test = ""]) => ({ section, what, where, test }));

it("names tests and files that exist", () => {
  expect(rows.length).toBeGreaterThan(60);
  const missing = rows.flatMap(({ section, where, test }) => {
    const files = where.split(", ").filter(Boolean);
    const gone = files.filter((file) => !existsSync(file.includes("/") ? file : join(SOURCES, file)));
    const [, file, title = ""] = /^(\S+\.[ct]js|\S+\.ts): (.*)$/.exec(test) ?? [];
    if (file === undefined) return gone;
    const place = file.includes("/") ? file : join(TESTS, file);
    const isThere = existsSync(place) && readFileSync(place, "utf8").includes(`"${title}`);
    return isThere ? gone : [...gone, `${section}: ${test}`];
  });
  expect(missing).toEqual([]);
});

it("says of each row which test shows it, or that there is none", () => {
  const silent = rows.filter(({ test }) => !/^(\S+\.(ts|cjs): .+|—|see below)$/.test(test));
  expect(silent).toEqual([]);
});
