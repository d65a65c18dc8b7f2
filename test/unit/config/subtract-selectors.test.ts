import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LabelSelector, MatchExpression } from "../../../src/config/model.js";
import { anySelectorMatches } from "../../../src/config/selector.js";
import { subtractSelectors } from "../../../src/config/subtract-selectors.js";
import { runs } from "../runs.js";

const labels = (matchLabels: Readonly<Record<string, string>>): LabelSelector => ({
  matchLabels: Object.entries(matchLabels),
  matchExpressions: [],
});
const expression = (
  key: string,
  operator: MatchExpression["operator"],
  ...values: readonly string[]
): MatchExpression => ({ key, operator, values });
const where = (...matchExpressions: readonly MatchExpression[]): LabelSelector => ({
  matchLabels: [],
  matchExpressions,
});
const [RACK_A, RACK_B] = [labels({ rack: "a" }), labels({ rack: "b" })];

describe("subtractSelectors()", () => {
  it.each<{
    name: string;
    from: readonly LabelSelector[];
    taken: readonly LabelSelector[];
    expected: readonly LabelSelector[] | undefined;
  }>([
    { name: "everything from everything", from: [], taken: [], expected: undefined },
    { name: "everything from some", from: [RACK_A], taken: [], expected: undefined },
    { name: "some from everything", from: [], taken: [RACK_A], expected: [where(expression("rack", "NotIn", "a"))] },
    {
      name: "several from everything",
      from: [],
      taken: [RACK_A, RACK_B],
      expected: [where(expression("rack", "NotIn", "a", "b"))],
    },
    { name: "the same from some", from: [RACK_A], taken: [RACK_A], expected: undefined },
    { name: "one of two", from: [RACK_A, RACK_B], taken: [RACK_A], expected: [RACK_B] },
    { name: "what is nowhere the same", from: [RACK_A], taken: [RACK_B], expected: [RACK_A] },
    {
      name: "what may be the same",
      from: [RACK_A],
      taken: [labels({ host: "n1" })],
      expected: [{ ...RACK_A, matchExpressions: [expression("host", "NotIn", "n1")] }],
    },
    {
      name: "two conditions at once",
      from: [],
      taken: [labels({ rack: "a", host: "n1" })],
      expected: [where(expression("host", "NotIn", "n1")), where(expression("rack", "NotIn", "a"))],
    },
    {
      name: "a label that is there",
      from: [],
      taken: [where(expression("gpu", "Exists"))],
      expected: [where(expression("gpu", "DoesNotExist"))],
    },
    {
      name: "all but one value",
      from: [],
      taken: [where(expression("rack", "NotIn", "a"))],
      expected: [where(expression("rack", "In", "a"))],
    },
  ])("$name", ({ from, taken, expected }) => expect(subtractSelectors(from, taken)).toEqual(expected));

  it("gives up where there would be too many", () => {
    const taken = Array.from({ length: 12 }, (_, n) => labels({ [`a${n}`]: "x", [`b${n}`]: "y" }));
    expect(subtractSelectors([], taken)).toBe("too many");
  });

  const keys = fc.constantFrom("a", "b", "c");
  const value = fc.constantFrom("x", "y", "z");
  const expressions = fc.oneof(
    fc.record({
      key: keys,
      operator: fc.constantFrom("In" as const, "NotIn" as const),
      values: fc.uniqueArray(value, { minLength: 1 }),
    }),
    fc.record({
      key: keys,
      operator: fc.constantFrom("Exists" as const, "DoesNotExist" as const),
      values: fc.constant([]),
    }),
  );
  const selector: fc.Arbitrary<LabelSelector> = fc.record({
    matchLabels: fc.dictionary(keys, value, { maxKeys: 2 }).map((record) => Object.entries(record)),
    matchExpressions: fc.array(expressions, { maxLength: 2 }),
  });
  const selectors = fc.array(selector, { maxLength: 3 });
  const worlds: Record<string, string>[] = [{}];
  for (const key of ["a", "b", "c"])
    for (const world of worlds.slice()) for (const text of ["x", "y", "z"]) worlds.push({ ...world, [key]: text });

  it("matches what the one matches and the other does not", () => {
    fc.assert(
      fc.property(selectors, selectors, (from, taken) => {
        const left = subtractSelectors(from, taken);
        if (left === "too many") return;
        for (const world of worlds) {
          const expected = anySelectorMatches(from, world) && !anySelectorMatches(taken, world);
          expect(left !== undefined && anySelectorMatches(left, world)).toBe(expected);
        }
      }),
      { numRuns: runs(200) },
    );
  });
});
