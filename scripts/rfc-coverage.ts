// Reads docs/rfc-coverage.md and says what is wrong with it: a requirement without a test and without a reason, a test or a
// file that is not there, a section with fewer rows than it has requirements. The unit tests run it; by hand it is
// node scripts/run-ts.mjs scripts/rfc-coverage.ts
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const PAGE = "docs/rfc-coverage.md";
/** Where files lie that are named without a folder. */
const [SOURCES, TESTS] = ["src/runtime/bgp", "test/unit/runtime/bgp"];

/** How often MUST, MUST NOT, SHALL, SHALL NOT or REQUIRED stands in each section: so many rows it has at least. */
const REQUIREMENTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "RFC 4271": {
    "§4.1": 3,
    "§4.2": 2,
    "§4.3": 5,
    "§4.4": 2,
    "§5": 8,
    "§5.1.2": 1,
    "§5.1.3": 3,
    "§5.1.4": 4,
    "§5.1.5": 5,
    "§5.1.6": 1,
    "§5.1.7": 1,
    "§6": 1,
    "§6.1": 6,
    "§6.2": 9,
    "§6.3": 25,
    "§6.7": 2,
    "§6.8": 2,
    "§8.2.1": 3,
    "§8.2.2": 1,
  },
  "RFC 7606": {
    "§2": 3,
    "§3 a": 1,
    "§3 b": 1,
    "§3 c": 1,
    "§3 d": 1,
    "§3 e": 1,
    "§3 f": 1,
    "§3 g": 2,
    "§3 h": 2,
    "§3 i": 1,
    "§3 j": 1,
    "§4": 3,
    "§5.1": 3,
    "§5.2": 1,
    "§5.3": 2,
    "§5.4": 1,
    "§6": 2,
    "§7.1": 1,
    "§7.2": 1,
    "§7.3": 1,
    "§7.4": 1,
    "§7.5": 2,
    "§7.6": 1,
    "§7.7": 1,
    "§7.8": 1,
    "§7.9": 2,
    "§7.10": 2,
    "§7.11": 1,
    "§7.13": 1,
    "§7.14": 2,
    "§7.15": 2,
    "§7.16": 1,
  },
  "RFC 5880": {
    "§6.1": 3,
    "§6.3": 1,
    "§6.5": 3,
    "§6.6": 3,
    "§6.7": 1,
    "§6.8.1": 14,
    "§6.8.3": 8,
    "§6.8.4": 1,
    "§6.8.5": 1,
    "§6.8.6": 20,
    "§6.8.7": 12,
    "§6.8.8": 2,
    "§6.8.9": 3,
    "§6.8.14": 1,
    "§6.8.15": 1,
    "§6.8.16": 1,
    "§6.8.17": 1,
  },
};

export type CoverageRow = Readonly<{
  /** The page's heading that it stands under: `RFC 4271, BGP-4`. */
  heading: string;
  section: string;
  what: string;
  where: string;
  test: string;
  /** It is of a table of requirements: a test or a reason has to stand there. */
  isRequirement: boolean;
}>;

/** The rows of all tables. A table whose second column is called MUST has one requirement in each row. */
export function readCoverage(page: string): readonly CoverageRow[] {
  const rows: CoverageRow[] = [];
  let heading = "";
  let isRequirement = false;
  for (const line of page.split("\n")) {
    if (line.startsWith("#")) heading = line.startsWith("## ") ? line.slice(3) : heading;
    if (!line.startsWith("|") || line.startsWith("| -")) continue;
    const [section = "", what = "", where = "", test = ""] = line
      .split("|")
      .slice(1)
      .map((cell) => cell.trim());
    if (section === "Section") isRequirement = what === "MUST";
    else rows.push({ heading, section, what, where, test, isRequirement });
  }
  return rows;
}

/**
 * @param read the text of a file; undefined where there is none
 * @returns a line for each fault; none where all is well
 */
export function coverageFaults(page: string, read: (file: string) => string | undefined): readonly string[] {
  const rows = readCoverage(page);
  return [...rows.flatMap((row) => rowFaults(row, read)), ...repeatedRows(rows), ...missingRows(rows)];
}

function rowFaults(row: CoverageRow, read: (file: string) => string | undefined): readonly string[] {
  const place = `${row.heading}, ${row.section}, ${row.what}`;
  const files = row.where.split(", ").filter(Boolean);
  const gone = files.filter((file) => read(file.includes("/") ? file : join(SOURCES, file)) === undefined);
  const faults = gone.map((file) => `${place}: there is no file ${file}`);
  if (row.test.startsWith("n/a: ")) return faults;
  if (row.test === "—" && !row.isRequirement) return faults;
  for (const test of row.test.split(/; (?=\S+\.(?:ts|cjs): )/)) {
    const [, file, name = ""] = /^(\S+\.(?:ts|cjs)): (.+)$/.exec(test) ?? [];
    if (file === undefined) faults.push(`${place}: names neither a test nor a reason`);
    else if (!hasTest(read(file.includes("/") ? file : join(TESTS, file)), name)) {
      faults.push(`${place}: there is no test ${test}`);
    }
  }
  return faults;
}

/** Do all parts of the name (`group > test`) stand in the file as whole texts, one behind the other? */
function hasTest(source: string | undefined, name: string): boolean {
  let at = 0;
  for (const part of name.split(" > ")) {
    const found = source?.indexOf(`"${part}"`, at) ?? -1;
    if (found < 0) return false;
    at = found + 1;
  }
  return true;
}

function repeatedRows(rows: readonly CoverageRow[]): readonly string[] {
  const seen = new Set<string>();
  return rows.flatMap(({ heading, section, what }) => {
    const key = `${heading}, ${section}, ${what}`;
    if (seen.has(key)) return [`${key}: stands there twice`];
    seen.add(key);
    return [];
  });
}

function missingRows(rows: readonly CoverageRow[]): readonly string[] {
  return Object.entries(REQUIREMENTS).flatMap(([rfc, sections]) =>
    Object.entries(sections).flatMap(([section, least]) => {
      const there = rows.filter((row) => row.isRequirement && row.heading.startsWith(rfc) && row.section === section);
      return there.length >= least ? [] : [`${rfc}, ${section}: has ${least} requirements, and ${there.length} rows`];
    }),
  );
}

export const readIfThere = (file: string): string | undefined =>
  existsSync(file) ? readFileSync(file, "utf8") : undefined;

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const faults = coverageFaults(readFileSync(PAGE, "utf8"), readIfThere);
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
