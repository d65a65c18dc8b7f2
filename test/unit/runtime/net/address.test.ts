import { expect, it } from "vitest";
import {
  canonicalAddress,
  formatPrefix,
  formatRange,
  parseAddress,
  parsePrefix,
  prefixOf,
  prefixRange,
  rangeContains,
  rangePrefixes,
  type AddressRange,
} from "../../../../src/runtime/net/address.js";

const range = (first: string, last: string): AddressRange => {
  const [low, high] = [parseAddress(first), parseAddress(last)];
  if (low === undefined || high === undefined) throw new Error(`not a range: ${first}-${last}`);
  return { family: low.family, first: low.value, last: high.value };
};

it.each([
  ["192.0.2.1", "192.0.2.1"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["::", "::"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["::192.0.2.1", "::c000:201"],
  ["64:ff9b::192.0.2.1", "64:ff9b::c000:201"],
  ["010.0.0.1", undefined],
  ["10.0.0", undefined],
  ["0x0a000001", undefined],
  ["10.0.0.1/24", undefined],
  ["fe80::1%eth0", undefined],
  ["localhost", undefined],
  ["", undefined],
])("canonicalAddress(%j) is %j", (text, expected) => expect(canonicalAddress(text)).toBe(expected));

it.each([
  ["10.0.0.7/24", "10.0.0.0/24"],
  ["10.0.0.7/32", "10.0.0.7/32"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["2001:db8::7/64", "2001:db8::/64"],
])("parsePrefix(%j) masks host bits", (text, expected) => {
  const parsed = parsePrefix(text);
  expect(parsed.ok && formatPrefix(parsed.value)).toBe(expected);
});

it.each(["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "::/129", "x/8", "/8"])(
  "parsePrefix(%j) is refused",
  (text) => expect(parsePrefix(text).ok).toBe(false),
);

it.each([
  ["10.0.0.1", "10.0.0.9", ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/30", "10.0.0.8/31"]],
  ["10.0.0.0", "10.0.0.255", ["10.0.0.0/24"]],
  ["0.0.0.0", "255.255.255.255", ["0.0.0.0/0"]],
  ["2001:db8::", "2001:db8::2", ["2001:db8::/127", "2001:db8::2/128"]],
])("rangePrefixes(%s-%s) is the fewest prefixes, low to high", (first, last, expected) =>
  expect(rangePrefixes(range(first, last)).map(formatPrefix)).toEqual(expected),
);

it("a range holds its ends and nothing around them", () => {
  const addresses = ["10.0.0.0", "10.0.0.1", "10.0.0.9", "10.0.0.10", "::a00:1"].map((text) => parseAddress(text)!);
  expect(addresses.map((address) => rangeContains(range("10.0.0.1", "10.0.0.9"), address))).toEqual([
    false,
    true,
    true,
    false,
    false,
  ]);
});

it("a prefix is the range of its addresses", () => {
  const address = parseAddress("192.0.2.77")!;
  expect(formatRange(prefixRange(prefixOf(address, 26)))).toBe("192.0.2.64-192.0.2.127");
  expect(formatRange(prefixRange(prefixOf(address, 32)))).toBe("192.0.2.77");
});
