import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";

const MAX_UINT16 = 65_535n;
const MAX_UINT32 = 4_294_967_295n;

/** A community in its one text: `64512:1` (RFC 1997) or `large:64512:1:2` (RFC 8092), without leading zeros. */
export type CommunityText = string;

/** What is wrong; `format` where the text has not even the shape of a community, and may have been meant as an alias. */
export type CommunityProblem = Readonly<{ kind: "format" | "range"; problem: string; remedy: string }>;

/** Reads two 16-bit numbers, and with `large` also `large:` and three 32-bit numbers. */
export function parseCommunity(
  text: string,
  { large }: Readonly<{ large: boolean }>,
): Result<CommunityText, CommunityProblem> {
  const parts = text.split(":");
  if (large && parts.length === 4 && parts[0] === "large") {
    const numbers = numbersOf(parts.slice(1), MAX_UINT32);
    if (numbers !== undefined) return succeed(`large:${numbers.join(":")}`);
    return refuse({
      kind: "range",
      problem: "is no large community",
      remedy: "write large: and three numbers of 0 to 4294967295, as in large:64512:1:2",
    });
  }
  const remedy = large
    ? "write two numbers of 0 to 65535, as in 64512:1, or large: and three numbers"
    : "write two numbers of 0 to 65535, as in 64512:1";
  if (parts.length !== 2) return refuse({ kind: "format", problem: "is no community", remedy });
  const numbers = numbersOf(parts, MAX_UINT16);
  return numbers === undefined
    ? refuse({ kind: "range", problem: "is no community", remedy })
    : succeed(numbers.join(":"));
}

/**
 * Reads a community in which `*` may stand for whole numbers: `64512:*`, `large:64512:*:*`.
 * @returns the one text of it
 */
export function parseCommunityPattern(text: string): Result<string, CommunityProblem> {
  const asked = text.split(":");
  // A number in the place of each asterisk makes a community of it, and says whether the others are in range.
  const filled = parseCommunity(asked.map((part) => (part === "*" ? "0" : part)).join(":"), { large: true });
  if (!filled.ok) {
    const { remedy, ...fault } = filled.fault;
    return refuse({ ...fault, remedy: `${remedy}; * stands for any number` });
  }
  const parts = filled.value.split(":").map((part, index) => (asked[index] === "*" ? "*" : part));
  return succeed(parts.join(":"));
}

/**
 * Whether a community is one of those that a pattern stands for, both as this file writes them. `*` in the first place
 * does not stand for 0 and 65535, below which are the communities that RFC 1997 reserves (NO_EXPORT, BLACKHOLE and others):
 * they have to be written.
 */
export function matchesPattern(community: CommunityText, pattern: string): boolean {
  const [numbers, wanted] = [community.split(":"), pattern.split(":")];
  if (numbers.length !== wanted.length) return false; // one of them is a large one
  const isReserved = numbers.length === 2 && (numbers[0] === "0" || numbers[0] === "65535");
  return wanted.every((part, index) => part === numbers[index] || (part === "*" && !(index === 0 && isReserved)));
}

function numbersOf(parts: readonly string[], max: bigint): bigint[] | undefined {
  if (!parts.every((part) => /^\d{1,40}$/.test(part))) return undefined;
  const numbers = parts.map(BigInt);
  return numbers.every((number) => number <= max) ? numbers : undefined;
}
