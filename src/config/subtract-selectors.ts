import { anyOfSelectors } from "./label-selector.js";
import { canonicalSet } from "./canonical.js";
import type { LabelSelector, MatchExpression } from "./model.js";
import { compareTexts } from "./place.js";

/** Lists of selectors that take away each other's conditions can grow with every step: more than this are given up. */
const MAX_SELECTORS = 64;

const EVERYTHING: LabelSelector = { matchLabels: [], matchExpressions: [] };

/**
 * The selectors of what one list matches and another does not; in both [] is everything.
 * @returns `selectors` itself where no labels can be matched by both; undefined where nothing is left; "too many" where
 *   more than 64 selectors would have to be written
 */
export function subtractSelectors(
  selectors: readonly LabelSelector[],
  taken: readonly LabelSelector[],
): readonly LabelSelector[] | undefined | "too many" {
  if (taken.length === 0) return undefined;
  let left = selectors.length === 0 ? [EVERYTHING] : [...selectors];
  let isChanged = false;
  for (const one of taken) {
    if (!left.some((selector) => isPossible(both(selector, one)))) continue;
    isChanged = true;
    left = canonicalSet(left.flatMap((selector) => without(selector, one)));
    if (left.length > MAX_SELECTORS) return "too many";
  }
  if (!isChanged) return selectors;
  return left.length === 0 ? undefined : anyOfSelectors(left);
}

/** One that matches neither all that is taken nor anything else: a selector for each condition that may not hold. */
function without(selector: LabelSelector, taken: LabelSelector): readonly LabelSelector[] {
  if (!isPossible(both(selector, taken))) return [selector];
  return conditionsOf(taken)
    .map((condition) => both(selector, { matchLabels: [], matchExpressions: [opposite(condition)] }))
    .filter(isPossible);
}

function opposite({ key, operator, values }: MatchExpression): MatchExpression {
  switch (operator) {
    case "In":
      return { key, operator: "NotIn", values }; // which is true also without the label, as In is not
    case "NotIn":
      return { key, operator: "In", values };
    case "Exists":
      return { key, operator: "DoesNotExist", values };
    case "DoesNotExist":
      return { key, operator: "Exists", values };
  }
}

/** What both match; those values of one label that are not allowed become one condition. */
function both(a: LabelSelector, b: LabelSelector): LabelSelector {
  const labels = new Map(a.matchLabels);
  const expressions = [...a.matchExpressions];
  for (const [key, value] of b.matchLabels) {
    if (labels.get(key) === undefined) labels.set(key, value);
    else if (labels.get(key) !== value) expressions.push({ key, operator: "In", values: [value] });
  }
  for (const expression of b.matchExpressions) {
    const index = expressions.findIndex(({ key, operator }) => key === expression.key && operator === "NotIn");
    const other = expressions[index];
    if (expression.operator !== "NotIn" || other === undefined) expressions.push(expression);
    else {
      const values = [...new Set([...other.values, ...expression.values])].toSorted(compareTexts);
      expressions[index] = { ...other, values };
    }
  }
  const matchLabels = [...labels].toSorted(([x], [y]) => compareTexts(x, y));
  return { matchLabels, matchExpressions: canonicalSet(expressions) };
}

/** Whether there are labels that the selector matches. */
function isPossible(selector: LabelSelector): boolean {
  const byKey = new Map<string, MatchExpression[]>();
  for (const condition of conditionsOf(selector)) {
    const list = byKey.get(condition.key);
    if (list === undefined) byKey.set(condition.key, [condition]);
    else list.push(condition);
  }
  return [...byKey.values()].every((conditions) => {
    const of = (operator: MatchExpression["operator"]) => conditions.filter((one) => one.operator === operator);
    const sets = of("In").map(({ values }) => values);
    if (of("DoesNotExist").length > 0) return sets.length + of("Exists").length === 0;
    const [first, ...others] = sets;
    if (first === undefined) return true; // some value is always allowed
    const refused = new Set(of("NotIn").flatMap(({ values }) => values));
    return first.some((value) => others.every((set) => set.includes(value)) && !refused.has(value));
  });
}

function conditionsOf({ matchLabels, matchExpressions }: LabelSelector): readonly MatchExpression[] {
  const labels = matchLabels.map(([key, value]): MatchExpression => ({ key, operator: "In", values: [value] }));
  return [...labels, ...matchExpressions];
}
