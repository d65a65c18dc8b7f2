import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { compressLzw, expandLzw } from "../../../../src/runtime/membership/lzw.js";
import { runs } from "../../runs.js";
import { hex, octets } from "./octets.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

// As written by Go's compress/lzw, LSB first, literals of 8 bits.
it.each([
  { name: "nothing", plain: octets(""), wire: "000302" },
  { name: "one octet", plain: octets("00"), wire: "00010404" },
  {
    name: "a text that repeats itself",
    plain: text("TOBEORNOTTOBEORTOBEORNOT"),
    wire: "00a93c1152e48914274fa80824687061c183090302",
  },
])("compressLzw() writes and expandLzw() reads $name", ({ plain, wire }) => {
  expect(hex(compressLzw(plain))).toBe(wire);
  expect(expandLzw(octets(wire), 1000)).toEqual({ ok: true, value: plain });
});

it("compressLzw() is as long as Go's where the codes grow and the table is cleared", () => {
  const plain = Uint8Array.from({ length: 5000 }, (_, index) => (index * index) >> 3);
  expect([255, 256, 300, 5000].map((length) => compressLzw(plain.subarray(0, length)).length)).toEqual([
    288, 290, 345, 3679,
  ]);
});

it("compressLzw() writes what Go writes of 20,000 octets without a pattern, which fill the table five times", () => {
  let seed = 1;
  const plain = Uint8Array.from(
    { length: 20_000 },
    () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) >>> 24,
  );
  const wire = compressLzw(plain);
  const digest = createHash("sha256").update(wire).digest("hex");
  expect(wire.length).toBe(27_301);
  expect(digest).toBe("ba11198685180a0f062b19a0110b6264a9347c723de001e2d37626ab3b3dc2b1");
  expect(expandLzw(wire, 20_000)).toEqual({ ok: true, value: plain });
});

it.each([
  { name: "nothing", wire: "", fault: "lzwTruncated" },
  { name: "data without an end", wire: "0001", fault: "lzwTruncated" },
  { name: "a code that was not made yet", wire: "005902", fault: "lzwCode" },
])("expandLzw() refuses $name", ({ wire, fault }) => {
  expect(expandLzw(octets(wire), 1000)).toEqual({ ok: false, fault });
});

it("expandLzw() stops at the bound, however much is in a few octets", () => {
  const bomb = compressLzw(new Uint8Array(10_000_000));
  expect(bomb.length).toBeLessThan(10_000);
  expect(expandLzw(bomb, 65_536)).toEqual({ ok: false, fault: "lzwOversized" });
  expect(expandLzw(compressLzw(new Uint8Array(65_536)), 65_536)).toMatchObject({ ok: true });
});

it("expandLzw() undoes compressLzw() of anything", () => {
  const plain = fc.oneof(
    fc.uint8Array({ maxLength: 8_000 }),
    fc.array(fc.constantFrom(0, 1), { maxLength: 8_000 }).map((bits) => Uint8Array.from(bits)),
  );
  fc.assert(
    fc.property(plain, (value) => {
      expect(expandLzw(compressLzw(value), value.length)).toEqual({ ok: true, value });
    }),
    { numRuns: runs(50) },
  );
});
