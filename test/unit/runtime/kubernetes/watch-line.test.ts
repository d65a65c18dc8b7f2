import * as fc from "fast-check";
import { expect, it } from "vitest";
import { createLineSplitter, decodeWatchLine } from "../../../../src/runtime/kubernetes/watch-line.js";

const chunksOf = (text: string, cuts: readonly number[]): readonly Buffer[] => {
  const octets = Buffer.from(text);
  const places = [0, ...cuts.map((cut) => cut % (octets.length + 1)).toSorted((a, b) => a - b), octets.length];
  return places.slice(1).map((place, index) => octets.subarray(places[index], place));
};

it("gives the same lines however the octets are cut, also within a character", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "binary" }).map((line) => line.replaceAll("\n", ""))),
      fc.array(fc.nat()),
      (lines, cuts) => {
        const split = createLineSplitter(1_000_000);
        const wellFormed = lines.map((line) => Buffer.from(line).toString("utf8"));
        const text = wellFormed.map((line) => `${line}\n`).join("");
        const found = chunksOf(text, cuts).flatMap((chunk) => split(chunk));
        expect(found).toEqual(wellFormed.filter((line) => line !== ""));
      },
    ),
  );
});

it("holds back a line until it ends", () => {
  const split = createLineSplitter(100);
  expect(split(Buffer.from("ab"))).toEqual([]);
  expect(split(Buffer.from("c\nde"))).toEqual(["abc"]);
  expect(split(Buffer.from("\n\nf\n"))).toEqual(["de", "f"]);
});

it.each([
  { name: "in one chunk", chunks: ["12345678901\n"] },
  { name: "over two chunks", chunks: ["123456", "78901\n"] },
  { name: "without an end", chunks: ["1\n2345678", "9012"] },
])("refuses a line longer than allowed, $name", ({ chunks }) => {
  const split = createLineSplitter(10);
  expect(chunks.map((chunk) => split(Buffer.from(chunk))).at(-1)).toBe("oversized");
});

it("takes a line of exactly the allowed length", () => {
  expect(createLineSplitter(10)(Buffer.from("1234567890\n"))).toEqual(["1234567890"]);
});

const metadata = { namespace: "a", name: "b", resourceVersion: "7", uid: "u" };

it.each([
  { type: "ADDED", expected: { type: "ADDED", object: { metadata }, resourceVersion: "7" } },
  { type: "MODIFIED", expected: { type: "MODIFIED", object: { metadata }, resourceVersion: "7" } },
  { type: "DELETED", expected: { type: "DELETED", key: "a/b", resourceVersion: "7" } },
  { type: "BOOKMARK", expected: { type: "BOOKMARK", resourceVersion: "7", initialEventsEnd: false } },
])("decodeWatchLine() reads $type", ({ type, expected }) => {
  const object = { metadata: { ...metadata, managedFields: [{ manager: "kubectl" }] } };
  expect(decodeWatchLine(JSON.stringify({ type, object }))).toEqual({ ok: true, value: expected });
});

it.each([
  { object: { code: 410, message: "too old" }, expected: { code: 410, message: "too old" } },
  { object: {}, expected: { code: 500, message: "no message" } },
])("decodeWatchLine() reads ERROR with $object", ({ object, expected }) => {
  expect(decodeWatchLine(JSON.stringify({ type: "ERROR", object }))).toEqual({
    ok: true,
    value: { type: "ERROR", ...expected },
  });
});

it.each([
  ["", "is not JSON"],
  ['{"type":"ADDED"', "is not JSON"],
  ["null", "has no object"],
  ["[]", "has no object"],
  ['{"type":"ADDED"}', "has no object"],
  ['{"type":"ADDED","object":[]}', "has no object"],
  ['{"type":"ADDED","object":{"metadata":{"name":"b"}}}', "without metadata, name or resourceVersion"],
  ['{"type":"ADDED","object":{"metadata":{"name":"b","resourceVersion":7}}}', "without metadata"],
  ['{"type":"ADDED","object":{"metadata":{"resourceVersion":"7"}}}', "without a name"],
  ['{"type":"DELETED","object":{"metadata":{"name":"","resourceVersion":"7"}}}', "without a name"],
  ['{"type":"RENAMED","object":{"metadata":{"name":"b","resourceVersion":"7"}}}', 'of type "RENAMED"'],
])("decodeWatchLine(%s) says that it %s", (line, problem) => {
  expect(decodeWatchLine(line)).toEqual({ ok: false, fault: expect.stringContaining(problem) as string });
});

it("decodeWatchLine() takes any text without throwing", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => void decodeWatchLine(line)));
});
