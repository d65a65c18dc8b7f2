import * as fc from "fast-check";
import { CORE_SCHEMA, YAML11_SCHEMA, loadAll } from "js-yaml";
import { describe, expect, it } from "vitest";
import { readDocuments } from "../../../src/config/read-documents.js";
import type { ManifestObject } from "../../../src/migrate/manifest-text.js";
import { jsonList, yamlStream } from "../../../src/migrate/manifest-text.js";

const HEADER = { apiVersion: "v1", kind: "A", metadata: { name: "a" } };

/** What three kinds of readers make of it: 1.1 with base 60 and dates, 1.2, and the one that Kubernetes uses. */
const readings = (object: ManifestObject): unknown[] => {
  const text = yamlStream([object]);
  return [
    ...loadAll(text, { schema: YAML11_SCHEMA }),
    ...loadAll(text, { schema: CORE_SCHEMA }),
    ...readDocuments(text, "f").documents.map(({ body }) => body),
  ];
};

describe("yamlStream()", () => {
  it.each([
    "64512:1",
    "65535:20",
    "1:20",
    "190:20:30",
    "yes",
    "No",
    "y",
    "N",
    "on",
    "OFF",
    "true",
    "null",
    "Null",
    "~",
    "",
    "0123",
    "0o17",
    "0x1F",
    "0b1",
    "1_000",
    "1e3",
    "1.",
    ".5",
    "-.inf",
    ".nan",
    "nan",
    "+1",
    "2001-01-01",
    "2001-01-01T00:00:00Z",
    "<<",
    "=",
    "- a",
    "a: b",
    "a #b",
    "#a",
    "&a",
    "*a",
    "!a",
    "@a",
    "%a",
    "'a'",
    '"a"',
    "a\nb",
    " a ",
    "\ta",
    "---",
    "...",
    "a\u0085b",
    "a\u2028b",
    "\uFEFFa",
    "\u0000\u0007\u007f",
    "é😀",
    "\\",
    "90s",
    "10.0.0.1-10.0.0.9",
  ])("writes the text %j so that every reader has it back", (text) => {
    const object = { ...HEADER, spec: { value: text, list: [text], [text]: "as a key" } };
    expect(readings(object)).toEqual([object, object, object]);
  });

  it("writes every text so", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }), (text, key) => {
        fc.pre(key !== "__proto__");
        const object = { ...HEADER, spec: { value: text, list: [text, { inner: key }], nested: { [key]: text } } };
        expect(readings(object)).toEqual([object, object, object]);
      }),
    );
  });

  it("leaves plain what is plain, and out what is absent", () => {
    const object = {
      ...HEADER,
      spec: {
        number: 5,
        truth: true,
        word: "default",
        absent: undefined,
        none: {},
        empty: [],
        list: [{ a: 1, b: undefined }],
      },
    };
    expect(yamlStream([object, { kind: "B" }])).toBe(
      [
        "apiVersion: v1",
        "kind: A",
        "metadata:",
        "  name: a",
        "spec:",
        "  number: 5",
        "  truth: true",
        "  word: default",
        "  none: {}",
        "  empty: []",
        "  list:",
        "  - a: 1",
        "---",
        "kind: B",
        "",
      ].join("\n"),
    );
  });

  it("writes nothing for nothing", () => expect(yamlStream([])).toBe(""));
});

it("jsonList() is one document that holds them all", () => {
  expect(JSON.parse(jsonList([HEADER]))).toEqual({ apiVersion: "v1", kind: "List", items: [HEADER] });
  expect(readDocuments(jsonList([HEADER, HEADER]), "f").documents).toHaveLength(2);
});
