import type { Result } from "./result.js";
import { refuse, succeed } from "./result.js";

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n, // micro sign U+00B5
  μs: 1_000n, // Greek mu U+03BC
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const MAX_NANOSECONDS = 2n ** 63n - 1n;
const PARTS = /(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/gy;

/**
 * Reads a duration as Go writes them: `90s`, `1m30s`, `1.5h`, `0`, with a sign if need be. Exact to the nanosecond.
 * @returns nanoseconds, within 64 bits with a sign; or what is wrong
 */
export function parseGoDuration(text: string): Result<bigint, string> {
  const [, sign = "", rest = ""] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return succeed(0n);
  if (rest === "") return refuse("is no duration");
  if (/^[\d.]+$/.test(rest)) return refuse("has no unit");
  let total = 0n;
  let end = 0;
  PARTS.lastIndex = 0;
  for (let match = PARTS.exec(rest); match !== null; match = PARTS.exec(rest)) {
    const [whole, integer = "", fraction = "", unit = ""] = match;
    if (integer === "" && fraction === "") return refuse("is no duration");
    const scale = NANOSECONDS[unit] ?? 0n;
    // More digits of a fraction than nanoseconds have places say nothing.
    const digits = fraction.slice(0, 18);
    total += BigInt(integer.slice(-40) || "0") * scale + (BigInt(digits || "0") * scale) / 10n ** BigInt(digits.length);
    if (integer.length > 40 || total > MAX_NANOSECONDS + (sign === "-" ? 1n : 0n))
      return refuse("is longer than 292 years");
    end += whole.length;
  }
  if (end !== rest.length) return refuse("is no duration");
  return succeed(sign === "-" ? -total : total);
}

/** Whole seconds, the rest cut off towards zero. */
export function wholeSeconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000_000n);
}
