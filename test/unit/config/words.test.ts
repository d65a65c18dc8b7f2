import { describe, expect, it } from "vitest";
import { prefixLengths, readAddressEntry } from "../../../src/config/address-entry.js";
import { parseCommunity } from "../../../src/config/community.js";
import { parseGoDuration, wholeSeconds } from "../../../src/runtime/net/go-duration.js";
import { pointerKeys, pointerTo } from "../../../src/config/json-pointer.js";
import { findOverlaps, mergeRanges } from "../../../src/config/overlap.js";
import type { AddressRange } from "../../../src/runtime/net/address.js";
import { formatRange } from "../../../src/runtime/net/address.js";

describe("parseGoDuration()", () => {
  it.each([
    ["90s", 90_000_000_000n],
    ["1m30s", 90_000_000_000n],
    ["1.5m", 90_000_000_000n],
    [".5s", 500_000_000n],
    ["1.s", 1_000_000_000n],
    ["0", 0n],
    ["-0", 0n],
    ["0s", 0n],
    ["-3s", -3_000_000_000n],
    ["+4s", 4_000_000_000n],
    ["1h1m1s1ms1us1ns", 3_661_001_001_001n],
    ["5µs", 5_000n],
    ["5μs", 5_000n],
    ["1.23456789012345678901234567890s", 1_234_567_890n],
    ["2562047h47m16.854775807s", 9_223_372_036_854_775_807n],
  ])("reads %s", (text, nanoseconds) => expect(parseGoDuration(text)).toEqual({ ok: true, value: nanoseconds }));

  it.each([
    ["90", "has no unit"],
    ["1.5", "has no unit"],
    ["", "is no duration"],
    ["-", "is no duration"],
    ["s", "is no duration"],
    [".s", "is no duration"],
    ["1d", "is no duration"],
    ["3 s", "is no duration"],
    ["3s1", "is no duration"],
    ["3S", "is no duration"],
    ["--3s", "is no duration"],
    ["2562047h47m16.854775808s", "is longer than 292 years"],
    [`${"9".repeat(100_000)}h`, "is longer than 292 years"],
  ])("refuses %.20s", (text, problem) => expect(parseGoDuration(text)).toEqual({ ok: false, fault: problem }));

  it.each([
    [3_900_000_000n, 3],
    [-2_900_000_000n, -2],
    [500_000_000n, 0],
  ])("cuts %s ns to %i s", (nanoseconds, seconds) => expect(wholeSeconds(nanoseconds)).toBe(seconds));
});

describe("readAddressEntry()", () => {
  it.each([
    ["10.0.0.0/24", "10.0.0.0-10.0.0.255"],
    ["10.0.0.7/24", "10.0.0.0-10.0.0.255"],
    ["10.0.0.7/32", "10.0.0.7"],
    ["10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"],
    ["10.0.0.1 - 10.0.0.9", "10.0.0.1-10.0.0.9"],
    ["10.0.0.5-10.0.0.5", "10.0.0.5"],
    ["2001:db8::/126", "2001:db8::-2001:db8::3"],
    ["2001:db8::1-2001:db8::ff", "2001:db8::1-2001:db8::ff"],
  ])("reads %s", (text, range) => {
    const entry = readAddressEntry(text);
    expect(entry.ok && entry.value.range && formatRange(entry.value.range)).toBe(range);
  });

  it.each([
    ["10.0.0.9-10.0.0.1", "reversed"],
    ["10.0.0.1-2001:db8::1", "mixed"],
  ])("tells that %s holds nothing: %s", (text, kind) =>
    expect(readAddressEntry(text)).toMatchObject({ ok: true, value: { kind } }),
  );

  it.each([
    ["10.0.0.7", "write 10.0.0.7/32"],
    ["2001:db8::1", "write 2001:db8::1/128"],
    ["10.0.0.300/24", "write a prefix"],
    ["10.0.0.0/33", "write a prefix"],
    ["10.0.0.1-x", "write a prefix"],
    ["-10.0.0.1", "write a prefix"],
    ["10.0.0.1-10.0.0.2-10.0.0.3", "write a prefix"],
    ["", "write a prefix"],
  ])("refuses %s: %s", (text, remedy) => {
    const entry = readAddressEntry(text);
    expect(!entry.ok && entry.fault.remedy).toContain(remedy);
  });

  it("finds the shortest and the longest prefix of a range", () => {
    const entry = readAddressEntry("10.0.0.1-10.0.0.8");
    expect(entry.ok && entry.value.range && prefixLengths(entry.value.range)).toEqual({ shortest: 30, longest: 32 });
  });
});

describe("parseCommunity()", () => {
  it.each([
    ["64512:1", "64512:1"],
    ["0:0", "0:0"],
    ["65535:65535", "65535:65535"],
    ["0064512:01", "64512:1"],
    ["large:4294967295:0:07", "large:4294967295:0:7"],
  ])("reads %s", (text, community) =>
    expect(parseCommunity(text, { large: true })).toEqual({ ok: true, value: community }),
  );

  it.each([
    ["no-export", "format"],
    ["1", "format"],
    ["1:2:3", "format"],
    ["65536:1", "range"],
    ["-1:1", "range"],
    ["+1:1", "range"],
    ["1_0:1", "range"],
    ["0x1:1", "range"],
    [" 1:1", "range"],
    [":", "range"],
    ["large:1:2", "format"],
    ["large:1:2:4294967296", "range"],
    ["other:1:2:3", "format"],
  ])("refuses %s (%s)", (text, kind) => {
    expect(parseCommunity(text, { large: true })).toMatchObject({ ok: false, fault: { kind } });
  });

  it("knows no large ones where they did not exist", () => {
    expect(parseCommunity("large:1:2:3", { large: false }).ok).toBe(false);
  });
});

describe("findOverlaps()", () => {
  const claim = (order: number, first: number, last: number, family: AddressRange["family"] = "ipv4") => ({
    order,
    range: { family, first: BigInt(first), last: BigInt(last) },
  });
  const pairs = (claims: ReturnType<typeof claim>[]) =>
    findOverlaps(claims).map(({ earlier, later }) => [earlier.order, later.order]);

  it.each([
    { name: "touching", claims: [claim(0, 1, 5), claim(1, 6, 9)], expected: [] },
    { name: "one address", claims: [claim(0, 1, 5), claim(1, 5, 9)], expected: [[0, 1]] },
    { name: "the later one first", claims: [claim(0, 5, 9), claim(1, 1, 5)], expected: [[0, 1]] },
    { name: "equal", claims: [claim(0, 1, 5), claim(1, 1, 5)], expected: [[0, 1]] },
    { name: "two families", claims: [claim(0, 1, 5), claim(1, 1, 5, "ipv6")], expected: [] },
    {
      name: "several within one, apart from each other",
      claims: [claim(0, 0, 100), claim(1, 1, 2), claim(2, 50, 60), claim(3, 101, 102)],
      expected: [
        [0, 1],
        [0, 2],
      ],
    },
  ])("$name", ({ claims, expected }) => expect(pairs(claims)).toEqual(expected));

  it("finds each of 100,000 claims that overlap one, without comparing all with all", () => {
    const claims = [
      claim(0, 0, 1_000_000),
      ...Array.from({ length: 100_000 }, (_, index) => claim(index + 1, index * 10, index * 10 + 1)),
    ];
    expect(findOverlaps(claims)).toHaveLength(100_000);
  });

  it("merges what touches, in order", () => {
    const merged = mergeRanges(
      [claim(0, 6, 9), claim(0, 1, 5), claim(0, 20, 30), claim(0, 22, 23)].map(({ range }) => range),
    );
    expect(merged.map(({ first, last }) => [first, last])).toEqual([
      [1n, 9n],
      [20n, 30n],
    ]);
  });
});

it("JSON pointers carry slashes and tildes through", () => {
  const keys = ["match-labels", "kubernetes.io/host~name", "0", ""];
  expect(pointerKeys(keys.reduce(pointerTo, ""))).toEqual(keys);
});
