import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { coverageFaults, readCoverage, readIfThere } from "../../scripts/rfc-coverage.js";

const PAGE = readFileSync("docs/rfc-coverage.md", "utf8");

it("the page has a test or a reason for each requirement, and names what is there", () => {
  expect(coverageFaults(PAGE, readIfThere)).toEqual([]);
  expect(readCoverage(PAGE).filter(({ isRequirement }) => isRequirement).length).toBeGreaterThan(200);
});

const table = (...rows: readonly string[]): string =>
  ["## RFC 9999, a protocol", "", "| Section | MUST | Where | Test |", "| --- | --- | --- | --- |", ...rows].join("\n");
const FILES: Readonly<Record<string, string>> = {
  "src/runtime/bgp/fsm.ts": "",
  "test/unit/runtime/bgp/fsm.test.ts": 'describe("in Idle", () => { it("says nothing", run); it("waits", run); });',
  "test/e2e/bgp.test.ts": 'it("comes up", run);',
};

it.each<{ name: string; row: string; fault: string | undefined }>([
  { name: "a test", row: "| §1 | be | fsm.ts | fsm.test.ts: says nothing |", fault: undefined },
  { name: "a test in a group", row: "| §1 | be | fsm.ts | fsm.test.ts: in Idle > waits |", fault: undefined },
  { name: "two tests", row: "| §1 | be | | fsm.test.ts: waits; test/e2e/bgp.test.ts: comes up |", fault: undefined },
  { name: "a reason", row: "| §1 | be | | n/a: nothing is learned |", fault: undefined },
  { name: "neither", row: "| §1 | be | fsm.ts | |", fault: "§1, be: names neither a test nor a reason" },
  { name: "a dash", row: "| §1 | be | fsm.ts | — |", fault: "§1, be: names neither a test nor a reason" },
  {
    name: "a test that is gone",
    row: "| §1 | be | | fsm.test.ts: says |",
    fault: "§1, be: there is no test fsm.test.ts: says",
  },
  {
    name: "a test of another group",
    row: "| §1 | be | | fsm.test.ts: waits > says nothing |",
    fault: "§1, be: there is no test fsm.test.ts: waits > says nothing",
  },
  {
    name: "a test file that is gone",
    row: "| §1 | be | | a.test.ts: b |",
    fault: "§1, be: there is no test a.test.ts: b",
  },
  {
    name: "a second test that is gone",
    row: "| §1 | be | | fsm.test.ts: waits; a.ts: b |",
    fault: "§1, be: there is no test a.ts: b",
  },
  {
    name: "a source that is gone",
    row: "| §1 | be | frame.ts | n/a: it is so |",
    fault: "§1, be: there is no file frame.ts",
  },
])("finds what is wrong with a row that names $name", ({ row, fault }) => {
  const faults = coverageFaults(table(row), (file) => FILES[file]).filter((one) => one.startsWith("RFC 9999"));
  expect(faults).toEqual(fault === undefined ? [] : [`RFC 9999, a protocol, ${fault}`]);
});

it("finds rows that stand there twice, and sections that lack some", () => {
  const row = "| §4.4 | be quiet | | n/a: it is so |";
  const faults = coverageFaults(table(row, row).replace("9999", "4271"), () => undefined);
  expect(faults).toContain("RFC 4271, a protocol, §4.4, be quiet: stands there twice");
  expect(faults).toContain("RFC 4271, §4.3: has 5 requirements, and 0 rows");
  expect(faults.some((fault) => fault.startsWith("RFC 4271, §4.4: has"))).toBe(false);
});
