import { Password } from "./password.js";
import { compareTexts } from "./place.js";

/** One text for each value: keys in order, numbers of any size. Passwords are not told apart by it, nor shown. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => canonicalPart(part));
}

/** As canonicalText, with passwords in clear: only to compare, never to show or to keep. */
export function revealingText(value: unknown): string {
  return JSON.stringify(value, function replace(this: Readonly<Record<string, unknown>>, key: string, part: unknown) {
    // toJSON has run by now: the password itself is still in its parent.
    const original = this[key];
    return original instanceof Password ? { password: original.reveal() } : canonicalPart(part);
  });
}

function canonicalPart(part: unknown): unknown {
  if (typeof part === "bigint") return part.toString();
  if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
  return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => compareTexts(a, b)));
}

/** Without repeats, sorted by canonical text: the order in which the elements were written means nothing. */
export function canonicalSet<Value>(values: readonly Value[]): Value[] {
  if (values.length < 2) return [...values];
  return [...new Map(values.map((value) => [canonicalText(value), value])).entries()]
    .toSorted(([a], [b]) => compareTexts(a, b))
    .map(([, value]) => value);
}
