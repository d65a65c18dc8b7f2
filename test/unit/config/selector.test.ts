import { describe, expect, it } from "vitest";
import {
  LEGACY_SELECTOR_KEYS,
  anyOfSelectors,
  isObjectName,
  readSelector,
} from "../../../src/config/label-selector.js";
import type { WrittenSelector } from "../../../src/config/label-selector.js";
import { anySelectorMatches, selectorMatches } from "../../../src/config/selector.js";

const read = (selector: WrittenSelector) => {
  const result = readSelector(selector, LEGACY_SELECTOR_KEYS);
  if (!result.ok) throw new Error(result.fault.map(({ problem }) => problem).join());
  return result.value;
};

describe("selectorMatches()", () => {
  const labels = { zone: "a", rack: "1", empty: "" };
  it.each<[string, WrittenSelector, boolean]>([
    ["nothing asked", {}, true],
    ["all labels", { matchLabels: { zone: "a", rack: "1" } }, true],
    ["one label not", { matchLabels: { zone: "a", rack: "2" } }, false],
    ["an empty value", { matchLabels: { empty: "" } }, true],
    ["an empty value of a missing label", { matchLabels: { none: "" } }, false],
    ["a name every object inherits", { matchLabels: { constructor: "" } }, false],
    ["In", { matchExpressions: [{ key: "zone", operator: "In", values: ["b", "a"] }] }, true],
    ["In, other value", { matchExpressions: [{ key: "zone", operator: "In", values: ["b"] }] }, false],
    ["In, no label", { matchExpressions: [{ key: "none", operator: "In", values: ["a"] }] }, false],
    ["NotIn", { matchExpressions: [{ key: "zone", operator: "NotIn", values: ["b"] }] }, true],
    ["NotIn, the value", { matchExpressions: [{ key: "zone", operator: "NotIn", values: ["a"] }] }, false],
    ["NotIn, no label", { matchExpressions: [{ key: "none", operator: "NotIn", values: ["a"] }] }, true],
    ["Exists", { matchExpressions: [{ key: "empty", operator: "Exists" }] }, true],
    ["Exists, no label", { matchExpressions: [{ key: "none", operator: "Exists" }] }, false],
    ["DoesNotExist", { matchExpressions: [{ key: "none", operator: "DoesNotExist" }] }, true],
    ["DoesNotExist, label", { matchExpressions: [{ key: "zone", operator: "DoesNotExist" }] }, false],
    [
      "both parts",
      { matchLabels: { zone: "a" }, matchExpressions: [{ key: "rack", operator: "NotIn", values: ["1"] }] },
      false,
    ],
  ])("%s", (_, selector, expected) => expect(selectorMatches(read(selector), labels)).toBe(expected));

  it("takes any of several, and everything where there is none", () => {
    const selectors = [read({ matchLabels: { zone: "b" } }), read({ matchLabels: { rack: "1" } })];
    expect(anySelectorMatches(selectors, labels)).toBe(true);
    expect(anySelectorMatches(selectors.slice(0, 1), labels)).toBe(false);
    expect(anySelectorMatches([], labels)).toBe(true);
  });
});

describe("readSelector()", () => {
  it("gives one form to what means the same", () => {
    const a = read({
      matchLabels: { b: "2", a: "1" },
      matchExpressions: [
        { key: "z", operator: "In", values: ["y", "x", "x"] },
        { key: "c", operator: "Exists" },
      ],
    });
    const b = read({
      matchExpressions: [
        { key: "c", operator: "Exists", values: [] },
        { key: "z", operator: "In", values: ["x", "y"] },
      ],
      matchLabels: { a: "1", b: "2" },
    });
    expect(a).toEqual(b);
  });

  it("cuts a list down to [] where one of it matches everything, and sorts it otherwise", () => {
    const [a, b] = [read({ matchLabels: { a: "1" } }), read({ matchLabels: { b: "1" } })];
    expect(anyOfSelectors([a, read({})])).toEqual([]);
    expect(anyOfSelectors([b, a, b])).toEqual([a, b]);
  });

  it.each<[string, WrittenSelector, string]>([
    ["a key with a blank", { matchLabels: { "a b": "1" } }, "/match-labels/a b"],
    ["a value with a blank", { matchLabels: { a: "1 2" } }, "/match-labels/a"],
    ["a long value", { matchLabels: { a: "x".repeat(64) } }, "/match-labels/a"],
    ["an upper-case prefix", { matchLabels: { "A.b/c": "1" } }, "/match-labels/A.b~1c"],
    ["an empty key", { matchExpressions: [{ key: "", operator: "Exists" }] }, "/match-expressions/0/key"],
    ["In without values", { matchExpressions: [{ key: "a", operator: "In" }] }, "/match-expressions/0/values"],
    [
      "Exists with values",
      { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] },
      "/match-expressions/0/values",
    ],
    [
      "a value that no label has",
      { matchExpressions: [{ key: "a", operator: "In", values: ["b", "-"] }] },
      "/match-expressions/0/values/1",
    ],
  ])("refuses %s", (_, selector, path) => {
    expect(readSelector(selector, LEGACY_SELECTOR_KEYS)).toMatchObject({ ok: false, fault: [{ path }] });
  });
});

it.each([
  ["a", true],
  ["pool-1.example", true],
  ["1.2.3.4", true],
  ["x".repeat(253), true],
  ["", false],
  ["Pool", false],
  ["pool_1", false],
  ["-a", false],
  ["a.", false],
  ["a.-b", false],
  ["x".repeat(254), false],
])("isObjectName(%.20s) is %s", (text, expected) => expect(isObjectName(text)).toBe(expected));
