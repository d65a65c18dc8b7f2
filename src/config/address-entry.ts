import type { AddressRange, IpAddress, Prefix } from "../runtime/net/address.js";
import { parseAddress, parsePrefix, prefixOf, prefixRange, rangePrefixes } from "../runtime/net/address.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";

/** What an entry of a pool's `addresses` says. */
export type AddressEntry =
  /** `shortest`, `longest`: lengths of the prefixes that it is written as or falls apart into. */
  | Readonly<{ kind: "prefix" | "range"; range: AddressRange; shortest: number; longest: number }>
  /** These hold no address at all. `descends`: the first is the higher number, IPv4 addresses as mapped into IPv6. */
  | Readonly<{ kind: "reversed" | "mixed"; range?: undefined; descends: boolean }>;

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
  if (first.family !== last.family) return succeed({ kind: "mixed", descends: asMapped(first) > asMapped(last) });
  if (first.value > last.value) return succeed({ kind: "reversed", descends: true });
  const range = { family: first.family, first: first.value, last: last.value };
  return succeed({ kind: "range", range, ...prefixLengths(range) });
}

/** The number of an address among all IPv6 addresses. RFC 4291 §2.5.5.2 */
function asMapped({ family, value }: IpAddress): bigint {
  return family === "ipv4" ? MAPPED | value : value;
}
const MAPPED = 0xffff_0000_0000n;

function readPrefix(text: string): Result<AddressEntry, AddressProblem> {
  const prefix = text.includes(":") ? parseColonPrefix(text) : parsePrefix(text);
  if (prefix.ok) {
    const { length } = prefix.value;
    return succeed({ kind: "prefix", range: rangeOf(prefix.value), shortest: length, longest: length });
  }
  const alone = parseAddress(text);
  if (alone === undefined) return refuse({ problem: prefix.fault, remedy: SYNTAX_REMEDY });
  return refuse({ problem: prefix.fault, remedy: `write ${text}/${alone.family === "ipv4" ? 32 : 128}` });
}

/** An IPv4-mapped address has the length of an IPv6 prefix: `::ffff:10.0.0.0/120` is 10.0.0.0/24. */
function parseColonPrefix(text: string): Result<Prefix, string> {
  const slash = text.indexOf("/");
  const address = slash < 0 ? undefined : parseAddress(text.slice(0, slash));
  if (address?.family !== "ipv4") return parsePrefix(text);
  const written = parsePrefix(`::1${text.slice(slash)}`); // for the length alone
  if (!written.ok) return written;
  return succeed(prefixOf({ family: "ipv6", value: asMapped(address) }, written.value.length));
}

function rangeOf(prefix: Prefix): AddressRange {
  const { family, length, value } = prefix;
  if (family === "ipv4" || length < 96 || value >> 32n !== MAPPED >> 32n) return prefixRange(prefix);
  return prefixRange({ family: "ipv4", value: value & 0xffff_ffffn, length: length - 96 });
}

/** Lengths of the longest and the shortest prefix that a range falls apart into. */
export function prefixLengths(range: AddressRange): Readonly<{ shortest: number; longest: number }> {
  const lengths = rangePrefixes(range).map(({ length }) => length);
  return { shortest: Math.min(...lengths), longest: Math.max(...lengths) };
}
