import { afterEach, beforeEach, expect, it } from "vitest";
import { membershipFlagsOf, speakerLabelsOf } from "../../../src/cli/membership-options.js";

const VARIABLE = "METALLB_ML_LABELS";
let before: string | undefined;
beforeEach(() => {
  before = process.env[VARIABLE];
  delete process.env[VARIABLE];
});
afterEach(() => {
  if (before === undefined) delete process.env[VARIABLE];
  else process.env[VARIABLE] = before;
});

it.each([
  { name: "nothing", args: { port: 7472, "ml-labels": undefined }, expected: {} },
  {
    name: "what was given, empty or not",
    args: { "ml-bindaddr": "10.0.0.1", "ml-secret-key": "", "ml-wan-config": true, mlBindaddr: "10.0.0.1" },
    expected: { "ml-bindaddr": "10.0.0.1", "ml-secret-key": "", "ml-wan-config": true },
  },
])("membershipFlagsOf() is $name", ({ args, expected }) => {
  expect(membershipFlagsOf(args)).toEqual(expected);
});

it.each([
  { flag: undefined, variable: undefined, expected: "app=metallb,component=speaker" },
  { flag: undefined, variable: "", expected: "app=metallb,component=speaker" },
  { flag: undefined, variable: "app=lb", expected: "app=lb" },
  { flag: "app=here", variable: "app=lb", expected: "app=here" },
  { flag: "", variable: "app=lb", expected: "app=lb" },
])("speakers' Pods have the labels of --ml-labels=$flag and a variable of $variable: $expected", (row) => {
  if (row.variable !== undefined) process.env[VARIABLE] = row.variable;
  expect(speakerLabelsOf({ "ml-labels": row.flag })).toBe(row.expected);
});
