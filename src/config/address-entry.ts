import type { AddressRange } from "../runtime/net/address.js";
import { parseAddress, parsePrefix, prefixRange, rangePrefixes } from "../runtime/net/address.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";

/** What an entry of a pool's `addresses` says. The last two hold no address at all. */
export type AddressEntry =
  | Readonly<{ kind: "prefix" | "range"; range: AddressRange }>
  | Readonly<{ kind: "reversed" | "mixed"; range?: undefined }>;

export type AddressProblem = Readonly<{ problem: string; remedy: string }>;

const SYNTAX_REMEDY = "write a prefix such as 192.168.1.0/24 or a range such as 192.168.1.10-192.168.1.20";

/** Reads `10.0.0.0/24` or `10.0.0.1-10.0.0.9`, with blanks around the dash. A lone address is neither. */
export function readAddressEntry(text: string): Result<AddressEntry, AddressProblem> {
  const dash = text.indexOf("-");
  if (dash < 0) return readPrefix(text);
  const first = parseAddress(text.slice(0, dash).trim());
  const last = parseAddress(text.slice(dash + 1).trim());
  if (first === undefined) return refuse({ problem: "does not begin with an address", remedy: SYNTAX_REMEDY });
  if (last === undefined) return refuse({ problem: "does not end with an address", remedy: SYNTAX_REMEDY });
  if (first.family !== last.family) return succeed({ kind: "mixed" });
  if (first.value > last.value) return succeed({ kind: "reversed" });
  return succeed({ kind: "range", range: { family: first.family, first: first.value, last: last.value } });
}

function readPrefix(text: string): Result<AddressEntry, AddressProblem> {
  const prefix = parsePrefix(text);
  if (prefix.ok) return succeed({ kind: "prefix", range: prefixRange(prefix.value) });
  const alone = parseAddress(text);
  if (alone === undefined) return refuse({ problem: prefix.fault, remedy: SYNTAX_REMEDY });
  return refuse({ problem: prefix.fault, remedy: `write ${text}/${alone.family === "ipv4" ? 32 : 128}` });
}

/** Lengths of the longest and the shortest prefix that a range falls apart into. */
export function prefixLengths(range: AddressRange): Readonly<{ shortest: number; longest: number }> {
  const lengths = rangePrefixes(range).map(({ length }) => length);
  return { shortest: Math.min(...lengths), longest: Math.max(...lengths) };
}
