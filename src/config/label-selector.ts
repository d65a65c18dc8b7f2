import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import { canonicalSet } from "./canonical.js";
import { pointerTo } from "./json-pointer.js";
import type { LabelSelector, MatchExpression } from "./model.js";
import { compareTexts } from "./place.js";

/** A selector as either source writes it, the keys' spelling aside. Absent parts are what a fault elsewhere is about. */
export type WrittenSelector = Readonly<{
  matchLabels?: Readonly<Record<string, string>>;
  matchExpressions?: readonly WrittenExpression[];
}>;
export type WrittenExpression = Readonly<{
  key?: string;
  operator?: MatchExpression["operator"];
  values?: readonly string[];
}>;

/** `path` leads on from the selector. */
export type SelectorProblem = Readonly<{ path: string; value: unknown; problem: string; remedy: string }>;

/** How the two parts of a selector are called where it was written: paths of problems use it. */
export type SelectorKeys = Readonly<{ labels: string; expressions: string }>;
export const RESOURCE_SELECTOR_KEYS: SelectorKeys = { labels: "matchLabels", expressions: "matchExpressions" };
export const LEGACY_SELECTOR_KEYS: SelectorKeys = { labels: "match-labels", expressions: "match-expressions" };

/** Checks a selector as Kubernetes does and brings it into canonical order. */
export function readSelector(
  { matchLabels = {}, matchExpressions = [] }: WrittenSelector,
  keys: SelectorKeys,
): Result<LabelSelector, readonly SelectorProblem[]> {
  const problems: SelectorProblem[] = [];
  for (const [key, value] of Object.entries(matchLabels)) {
    const path = pointerTo(`/${keys.labels}`, key);
    if (!isLabelKey(key))
      problems.push({ path, value, problem: `has the key "${key}", ${BAD_KEY}`, remedy: KEY_REMEDY });
    if (!isLabelValue(value)) problems.push({ path, value, problem: BAD_VALUE, remedy: VALUE_REMEDY });
  }
  const expressions = matchExpressions.flatMap((expression, index): MatchExpression[] => {
    const { key, operator, values = [] } = expression;
    const path = pointerTo(`/${keys.expressions}`, index);
    if (key !== undefined && !isLabelKey(key)) {
      problems.push({ path: `${path}/key`, value: key, problem: `is a key ${BAD_KEY}`, remedy: KEY_REMEDY });
    }
    for (const [position, value] of values.entries()) {
      if (isLabelValue(value)) continue;
      problems.push({ path: `${path}/values/${position}`, value, problem: BAD_VALUE, remedy: VALUE_REMEDY });
    }
    const takesValues = operator === "In" || operator === "NotIn";
    if (operator !== undefined && takesValues !== values.length > 0) {
      const problem = takesValues ? `is empty, which ${operator} cannot be` : `is given, which ${operator} cannot have`;
      const remedy = takesValues ? "add a value" : "remove the values";
      problems.push({ path: `${path}/values`, value: values, problem, remedy });
    }
    if (key === undefined || operator === undefined) return [];
    return [{ key, operator, values: [...new Set(values)].toSorted(compareTexts) }];
  });
  if (problems.length > 0) return refuse(problems);
  const labels = Object.entries(matchLabels).toSorted(([a], [b]) => compareTexts(a, b));
  return succeed({ matchLabels: labels, matchExpressions: canonicalSet(expressions) });
}

/** A list of which any may match, in canonical order; [] where one of them matches everything. */
export function anyOfSelectors(selectors: readonly LabelSelector[]): LabelSelector[] {
  const matchesAll = selectors.some((one) => one.matchLabels.length === 0 && one.matchExpressions.length === 0);
  return matchesAll ? [] : canonicalSet(selectors);
}

const BAD_KEY = "that no label can have";
const BAD_VALUE = "is a text that no label can have";
const KEY_REMEDY =
  "write a name of letters, digits, -, _ and . (at most 63), with a DNS name and / in front if need be";
const VALUE_REMEDY = "write at most 63 letters, digits, -, _ and ., with a letter or digit at both ends";

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function isLabelKey(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash >= 0 && !isObjectName(key.slice(0, slash))) return false;
  const name = key.slice(slash + 1);
  return name.length <= 63 && NAME.test(name);
}

function isLabelValue(value: string): boolean {
  return value === "" || (value.length <= 63 && NAME.test(value));
}

/** Whether a text can be the name of most Kubernetes objects. RFC 1123 §2.1, RFC 1035 §2.3.4 */
export function isObjectName(text: string): boolean {
  return text.length <= 253 && DNS_SUBDOMAIN.test(text);
}
