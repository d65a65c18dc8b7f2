import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeWatchMessage,
  encodeWatchMessage,
  type WatchMessage,
} from "../../../../src/runtime/membership/watch-messages.js";
import { runs } from "../../runs.js";
import { octets } from "./octets.js";

const ROUNDS = 400;
const HEX = (message: WatchMessage): string => Buffer.from(encodeWatchMessage(message)).toString("hex");

it.each<{ message: WatchMessage; hex: string }>([
  {
    message: {
      kind: "beat",
      incarnation: 2,
      epoch: 0xfffffffe,
      sequence: 77,
      name: "n1",
      watchers: ["0123456789abcdef"],
    },
    hex: "08 535701 01 00000002 fffffffe 0000004d 02 6e31 01 0123456789abcdef",
  },
  {
    message: { kind: "accusation", incarnation: 1, subject: "n1", from: "n22" },
    hex: "08 535701 02 00000001 02 6e31 03 6e3232",
  },
  {
    message: { kind: "denial", incarnation: 1, subject: "n1", from: "ä" },
    hex: "08 535701 03 00000001 02 6e31 02 c3a4",
  },
  {
    message: { kind: "question", incarnation: 3, nonce: 9, from: "n1" },
    hex: "08 535701 04 00000003 00000009 02 6e31",
  },
  {
    message: { kind: "verdict", incarnation: 3, nonce: 9, from: "n1", state: "unknown" },
    hex: "08 535701 05 00000003 00000009 02 6e31 04",
  },
])("a $message.kind is written and read as it stands in the table", ({ message, hex }) => {
  expect(HEX(message)).toBe(hex.replaceAll(" ", ""));
  const body = octets(hex).subarray(1);
  expect(decodeWatchMessage(body)).toEqual({ ok: true, value: message });
  // Later versions may add to it.
  expect(decodeWatchMessage(Uint8Array.of(...body, 1, 2, 3))).toEqual({ ok: true, value: message });
  for (let length = 4; length < body.length; length += 1) {
    expect(decodeWatchMessage(body.subarray(0, length))).toMatchObject({ ok: false });
  }
});

it.each([
  { name: "nothing", hex: "", fault: "watchKind" },
  { name: "what another application says", hex: "535800 0000000000", fault: "watchKind" },
  { name: "a later version", hex: "535702 01 00000002", fault: "watchKind" },
  { name: "a kind that is not known", hex: "535701 06 00000002", fault: "watchKind" },
  { name: "one that is cut off", hex: "535701 02 00000001 02 6e", fault: "watchTruncated" },
  { name: "a name of nothing", hex: "535701 02 00000001 00 02 6e31", fault: "watchName" },
  { name: "a name that is no UTF-8", hex: "535701 02 00000001 01 ff 02 6e31", fault: "watchName" },
  {
    name: "more watchers than there can be",
    hex: `535701 01 000000020000000000000000 02 6e31 09 ${"00".repeat(72)}`,
    fault: "watchTruncated",
  },
  { name: "a state that is not known", hex: "535701 05 00000003 00000009 02 6e31 05", fault: "watchState" },
])("$name is refused", ({ hex, fault }) => {
  expect(decodeWatchMessage(octets(hex))).toEqual({ ok: false, fault });
});

describe("whatever comes", () => {
  const number = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff), fc.nat(0xffff_ffff));
  const name = fc.string({ minLength: 1, maxLength: 80, unit: "grapheme" }).filter((text) => !text.includes("\ufffd"));
  const key = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((octets) => Buffer.from(octets).toString("hex"));
  const state = fc.constantFrom("alive", "suspect", "dead", "left", "unknown");
  const message = fc.oneof(
    fc.record({
      kind: fc.constant("beat"),
      incarnation: number,
      epoch: number,
      sequence: number,
      name,
      watchers: fc.array(key, { maxLength: 8 }),
    }),
    fc.record({ kind: fc.constantFrom("accusation", "denial"), incarnation: number, subject: name, from: name }),
    fc.record({ kind: fc.constant("question"), incarnation: number, nonce: number, from: name }),
    fc.record({ kind: fc.constant("verdict"), incarnation: number, nonce: number, from: name, state }),
  ) as fc.Arbitrary<WatchMessage>;

  it("is read as it was written", () => {
    fc.assert(
      fc.property(message, (said) => {
        expect(decodeWatchMessage(encodeWatchMessage(said).subarray(1))).toEqual({ ok: true, value: said });
      }),
      { numRuns: runs(ROUNDS) },
    );
  });

  const changes = fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 3 }), fc.nat(255)), { maxLength: 5 });
  it("is read or refused, and what is read is the same once more", () => {
    fc.assert(
      fc.property(message, changes, (said, edits) => {
        const changed = [...encodeWatchMessage(said).subarray(1)];
        for (const [at, removed, added] of edits) changed.splice(at % (changed.length + 1), removed, added);
        const read = decodeWatchMessage(Uint8Array.from(changed));
        if (read.ok) expect(decodeWatchMessage(encodeWatchMessage(read.value).subarray(1))).toEqual(read);
        else expect(read.fault).toMatch(/^watch/);
      }),
      { numRuns: runs(2 * ROUNDS) },
    );
  });
});
