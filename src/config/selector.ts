import type { LabelSelector, MatchExpression } from "./model.js";

/** Whether all that the selector asks for is so; the selector without any condition matches everything. */
export function selectorMatches(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return (
    selector.matchLabels.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value) &&
    selector.matchExpressions.every((expression) => expressionMatches(expression, labels))
  );
}

function expressionMatches({ key, operator, values }: MatchExpression, labels: Readonly<Record<string, string>>) {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value); // also without the label, as Kubernetes has it
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

/** Whether any of the selectors matches; no selectors at all match everything. */
export function anySelectorMatches(
  selectors: readonly LabelSelector[],
  labels: Readonly<Record<string, string>>,
): boolean {
  return selectors.length === 0 || selectors.some((selector) => selectorMatches(selector, labels));
}
