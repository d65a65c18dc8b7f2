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

function numbersOf(parts: readonly string[], max: bigint): bigint[] | undefined {
  if (!parts.every((part) => /^\d{1,40}$/.test(part))) return undefined;
  const numbers = parts.map(BigInt);
  return numbers.every((number) => number <= max) ? numbers : undefined;
}
