import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Handover } from "../../../../src/runtime/layer2/answered-requests.js";
import { decodeHandover, encodeHandover, type Addressed } from "../../../../src/runtime/layer2/handover-message.js";
import { runs } from "../../runs.js";

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

it.each<{ hex: string; handover: Handover; addressed: Addressed }>([
  {
    hex: "5348 02 00 00fa 00000007",
    handover: { coveredMilliseconds: 250, answered: [] },
    addressed: { kind: "answered", incarnation: 7 },
  },
  {
    hex: "5348 02 01 0040 fffffffe 00000001 ffffffff",
    handover: { coveredMilliseconds: 64, answered: [1, -1] },
    addressed: { kind: "gaveWay", incarnation: 0xfffffffe },
  },
  {
    hex: "5348 02 02 0000 00000001",
    handover: { coveredMilliseconds: 0, answered: [] },
    addressed: { kind: "asks", incarnation: 1 },
  },
])("a handover is $hex on the wire", ({ hex, handover, addressed }) => {
  expect(encodeHandover(handover, addressed).map((body) => Buffer.from(body))).toEqual([Buffer.from(octets(hex))]);
  expect(decodeHandover(octets(hex))).toEqual({ ok: true, value: { ...handover, ...addressed } });
});

it.each([
  { name: "an empty one", hex: "", fault: "handoverKind" },
  { name: "what is said of heartbeats", hex: "5357 01 01 0000", fault: "handoverKind" },
  { name: "another version", hex: "5348 03 00 0000 00000001", fault: "handoverKind" },
  { name: "what is said for something else", hex: "5348 02 03 0000 00000001", fault: "handoverKind" },
  { name: "one without its time", hex: "5348 02 00 00", fault: "handoverTruncated" },
  { name: "one with a part of a mark", hex: "5348 02 00 0000 00000001 000000", fault: "handoverTruncated" },
])("decodeHandover() refuses $name", ({ hex, fault }) => {
  expect(decodeHandover(octets(hex))).toEqual({ ok: false, fault });
});

it("decodeHandover() undoes encodeHandover(), in packets of 1,200 octets at most, and throws at nothing", () => {
  const marks = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 600 });
  const handovers = fc.record<Handover>({ coveredMilliseconds: fc.nat(0xffff), answered: marks });
  fc.assert(
    fc.property(handovers, fc.uint8Array({ maxLength: 64 }), (handover, noise) => {
      const bodies = encodeHandover(handover, { kind: "gaveWay", incarnation: 1 });
      const read = bodies.map(decodeHandover).flatMap((result) => (result.ok ? [result.value] : []));
      expect(Math.max(...bodies.map(({ length }) => length))).toBeLessThanOrEqual(1200);
      expect(read.flatMap(({ answered }) => answered)).toEqual(handover.answered);
      expect(new Set(read.map(({ coveredMilliseconds }) => coveredMilliseconds))).toEqual(
        new Set([handover.coveredMilliseconds]),
      );
      decodeHandover(noise);
      decodeHandover(Uint8Array.of(0x53, 0x48, 2, 0, ...noise));
    }),
    { numRuns: runs(100) },
  );
});
