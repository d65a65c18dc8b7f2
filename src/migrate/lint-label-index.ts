import { canonicalText } from "../config/canonical.js";
import type { LabelSelector } from "../config/model.js";
import { selectorMatches } from "../config/selector.js";
import type { Labels } from "../runtime/world/views.js";

/** Whether any of the selectors matches any of the objects; no selectors at all match everything. */
export type MatchesAny = (selectors: readonly LabelSelector[]) => boolean;

/**
 * An index over labels, so that a selector by name does not look at every object, and a selector that was asked for
 * before does not look at all. BOUNDED by the labels of the objects and the different selectors.
 */
export function createLabelIndex(objects: readonly Labels[]): MatchesAny {
  const byLabel = new Map<string, Labels[]>();
  for (const labels of objects) {
    for (const [key, value] of Object.entries(labels)) {
      const name = `${key}=${value}`;
      const list = byLabel.get(name);
      if (list === undefined) byLabel.set(name, [labels]);
      else list.push(labels);
    }
  }
  const known = new Map<string, boolean>();
  const matches = (selector: LabelSelector): boolean => {
    const text = canonicalText(selector);
    const earlier = known.get(text);
    if (earlier !== undefined) return earlier;
    const found = candidatesOf(selector).some((labels) => selectorMatches(selector, labels));
    known.set(text, found);
    return found;
  };
  const candidatesOf = ({ matchLabels, matchExpressions }: LabelSelector): readonly Labels[] => {
    const [label] = matchLabels;
    if (label !== undefined) return byLabel.get(`${label[0]}=${label[1]}`) ?? [];
    const choice = matchExpressions.find(({ operator }) => operator === "In");
    if (choice === undefined) return objects;
    return choice.values.flatMap((value) => byLabel.get(`${choice.key}=${value}`) ?? []);
  };
  return (selectors) => selectors.length === 0 || selectors.some(matches);
}
