import { describe, expect, it } from "vitest";
import { documentOfObject, readDocuments } from "../../../src/config/read-documents.js";
import { splitDocuments, splitJsonObjects } from "../../../src/config/split-documents.js";
import { describeFault } from "../../../src/runtime/net/fault.js";

const HEAD = "apiVersion: v1\nkind: Thing\nmetadata:\n  name: a\n";

const bodyOf = (yaml: string): unknown => {
  const { documents, faults } = readDocuments(`${HEAD}spec: ${yaml}\n`, "f");
  return faults.length > 0 ? faults.map(({ problem }) => problem) : documents[0]?.body["spec"];
};
const problemsOf = (text: string): string[] =>
  readDocuments(text, "f.yaml").faults.map(({ line, column, path, problem }) => `${line}:${column} ${path} ${problem}`);
const namesOf = (text: string): string[] =>
  readDocuments(text, "f").documents.map(({ apiVersion, kind, namespace, name }) =>
    [apiVersion, kind, namespace, name].join(" "),
  );

describe("values are what Kubernetes makes of YAML", () => {
  it.each<[string, unknown]>([
    ["text", "text"],
    ["yes", true],
    ["Off", false],
    ["'yes'", "yes"],
    ["~", null],
    ["", null],
    ["12", 12],
    ["-12", -12],
    ["+12", 12],
    ["0x1F", 31],
    ["0b101", 5],
    ["0o17", 15],
    ["0123", 83],
    ["08", 8],
    ["1_000", 1000],
    ["1.50", 1.5],
    [".5", 0.5],
    ["1e3", 1000],
    ["1e400", "1e400"],
    [".inf", ".inf"],
    ["64512:1", "64512:1"],
    ["1:20", "1:20"],
    ["2020-01-01", "2020-01-01"],
    ["10.0.0.1", "10.0.0.1"],
    ["!!str 12", "12"],
    ['!!int "12"', 12],
    ["!!float 3", 3],
    ["! 12", "12"],
    ["!!binary aGVsbG8=", "hello"],
    ["!other 12", "12"],
    ["[1, {a: b}, [c]]", [1, { a: "b" }, ["c"]]],
    ["{1: a, yes: b, 1.5: c, ~: d}", { 1: "a", true: "b", 1.5: "c", null: "d" }],
    ["{a: &x [1], b: *x}", { a: [1], b: [1] }],
    ["{<<: {a: 1, b: 2}, b: 3}", { a: 1, b: 3 }],
    ["{b: 3, <<: {a: 1, b: 2}}", { a: 1, b: 2 }],
    ["{<<: [{a: 1}, {a: 2, b: 2}]}", { a: 1, b: 2 }],
    ["{'<<': a}", { "<<": "a" }],
    ["|\n  a\n  b", "a\nb\n"],
    [">-\n  a\n  b", "a b"],
    ['"\\u00e9\\n\\x41"', "é\nA"],
  ])("%s", (yaml, value) => expect(bodyOf(yaml)).toEqual(value));

  it.each([
    ["{a: 1, a: 2}", "is a key that this mapping has already"],
    ["{1: a, '1': b}", "is a key that this mapping has already"],
    ["*nowhere", "is an alias of an anchor that does not exist"],
    ["&x [*x]", "is an alias of something that contains it"],
    ["{? [a] : b}", "is a key and not a plain word"],
    ["{<<: [a]}", "is merged (<<) and is not a mapping"],
    ["!!int x", "has the tag !!int, which does not fit the text"],
    ["!!binary x", "has the tag !!binary and is not base64"],
  ])("refuses %s", (yaml, problem) => expect(bodyOf(yaml)).toEqual([problem]));

  it("makes __proto__ a key like any other", () => {
    const value = bodyOf("{__proto__: {polluted: true}}") as object;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect("polluted" in value).toBe(false);
  });
});

describe("streams", () => {
  it.each([
    ["one document", HEAD, ["v1 Thing  a"]],
    ["markers at both ends", `---\n${HEAD}---\n${HEAD}...\n`, ["v1 Thing  a", "v1 Thing  a"]],
    ["empty documents", `---\n---\n# nothing\n---\n~\n---\n${HEAD}`, ["v1 Thing  a"]],
    ["a byte order mark", `\uFEFF${HEAD}`, ["v1 Thing  a"]],
    ["carriage returns", `---\r\n${HEAD.replaceAll("\n", "\r\n")}`, ["v1 Thing  a"]],
    ["a directive", `%YAML 1.1\n---\n${HEAD}`, ["v1 Thing  a"]],
    ["JSON", '{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "namespace": "n"}}', ["v1 A n a"]],
    [
      "several JSON objects",
      '{"apiVersion":"v1","kind":"A","metadata":{"name":"{\\"}"}}\n{"apiVersion":"v1","kind":"B","metadata":{"name":"b"}}',
      ['v1 A  {"}', "v1 B  b"],
    ],
    [
      "a List with lists in it",
      `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: B, metadata: {name: b}}\n`,
      ["v1 A  a", "v1 B  b"],
    ],
    [
      "a typed list without kinds",
      "apiVersion: metallb.io/v1beta1\nkind: IPAddressPoolList\nitems:\n- metadata: {name: a, namespace: ns}\n",
      ["metallb.io/v1beta1 IPAddressPool ns a"],
    ],
    ["a text that looks like a marker", `${HEAD}data:\n  a: |\n    ---\n    b\n`, ["v1 Thing  a"]],
    [
      "a kustomization without a name",
      "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
      ["kustomize.config.k8s.io/v1beta1 Kustomization  "],
    ],
    ["nothing", "", []],
    ["comments", "# a\n\n# b\n", []],
  ])("%s", (_, text, names) => {
    expect(problemsOf(text)).toEqual([]);
    expect(namesOf(text)).toEqual(names);
  });

  it.each([
    ["no object", "- a\n", ["1:1  is not a Kubernetes object"]],
    ["no kind", `${HEAD}---\napiVersion: v1\nmetadata: {name: a}\n`, ["6:1 /kind makes this no Kubernetes object"]],
    ["a number for a name", "apiVersion: v1\nkind: A\nmetadata:\n  name: 5\n", ["4:9 /metadata/name is no name"]],
    [
      "true for a namespace",
      "apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: yes}\n",
      ["3:32 /metadata/namespace is no text"],
    ],
    ["a text for metadata", "apiVersion: v1\nkind: A\nmetadata: a\n", ["3:11 /metadata is not a mapping"]],
    [
      "a List item",
      "apiVersion: v1\nkind: List\nitems:\n- a\n- {kind: A}\n",
      ["4:3  is not a Kubernetes object", "5:3 /apiVersion makes this no Kubernetes object"],
    ],
    ["a repeated key", `${HEAD}---\n${HEAD}kind: B\n`, ["10:1  is a key that this mapping has already"]],
    [
      "two objects without a marker between them",
      `${HEAD}---\n${HEAD}${HEAD}spec: {}\n`,
      ["10:1  holds a second object from here on, and nothing parts the two"],
    ],
    ["syntax", "a:\n\tb: c\n", ["2:1  is not YAML (tab characters must not be used in indentation)"]],
    ["directives alone", "%YAML 1.1\n", ["2:1  is not YAML (directives end mark is expected)"]],
  ])("refuses %s where it stands", (_, text, problems) => expect(problemsOf(text)).toEqual(problems));

  it("reads the others beside a broken one", () => {
    const { documents, faults } = readDocuments(`a: [\n---\n${HEAD}---\n}\n`, "f.yaml");
    expect(documents.map(({ name }) => name)).toEqual(["a"]);
    expect(faults.map(({ line }) => line)).toEqual([2, 8]);
    expect(faults.map(describeFault)[1]).toMatch(/^f\.yaml:8:1: Cannot use document: it is not YAML/);
  });

  it("shows nothing of the text in a syntax fault", () => {
    for (const text of [
      "password: !s3cr3t!x",
      "password: *s3cr3t",
      'password: "s3cr3t',
      "password: @s3cr3t",
      "? s3cr3t\n- a",
    ]) {
      const { faults } = readDocuments(text, "f");
      expect(faults).not.toEqual([]);
      expect(JSON.stringify(faults)).not.toContain("s3cr3t");
    }
  });
});

describe("positions", () => {
  const text = [
    "# a comment",
    "apiVersion: v1",
    "kind: ConfigMap",
    "metadata: {name: a}",
    "data:",
    "  literal: |",
    "    first",
    "      second",
    '  quoted: "first\\nsecond"',
    "  with/slash: [1, 2]",
    "",
  ].join("\n");
  const source = readDocuments(`---\n${text}`, "f.yaml").documents[0]?.source;

  it.each([
    ["", 3, 1],
    ["/kind", 4, 7],
    ["/metadata/name", 5, 18],
    ["/data/with~1slash/1", 11, 19],
    ["/data/nowhere/at/all", 7, 3],
    ["/data/literal", 7, 3],
  ])("%s is at %i:%i", (path, line, column) => expect(source?.positionOf(path)).toEqual({ line, column }));

  it("leads into a literal block, and to the beginning of any other text", () => {
    expect(source?.positionInText("/data/literal", { line: 2, column: 3 })).toEqual({ line: 9, column: 7 });
    expect(source?.positionInText("/data/quoted", { line: 2, column: 3 })).toEqual({ line: 10, column: 11 });
  });

  it("are those of the whole file inside a List", () => {
    const list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: A\n  metadata:\n    name: a\n";
    const item = readDocuments(`---\n${list}`, "f").documents[0]?.source;
    expect(item).toMatchObject({ file: "f", line: 5 });
    expect(item?.positionOf("/metadata/name")).toEqual({ line: 8, column: 11 });
  });
});

describe("documentOfObject()", () => {
  it("takes an API object", () => {
    const body = { apiVersion: "v1", kind: "Secret", metadata: { name: "a", namespace: "n" } };
    expect(documentOfObject(body)).toEqual({
      ok: true,
      value: { apiVersion: "v1", kind: "Secret", namespace: "n", name: "a", body },
    });
  });

  it.each([
    [null, ""],
    ["text", ""],
    [[], ""],
    [{}, "/apiVersion"],
    [{ apiVersion: "v1", kind: "" }, "/kind"],
    [{ apiVersion: "v1", kind: "A" }, "/metadata/name"],
    [{ apiVersion: "v1", kind: "A", metadata: { name: "" } }, "/metadata/name"],
  ])("refuses %j", (object, path) => expect(documentOfObject(object)).toMatchObject({ ok: false, fault: { path } }));
});

describe("bounds: one fault, and no more work than that", () => {
  const problemOf = (text: string): string | undefined => {
    const { documents, faults } = readDocuments(text, "f");
    expect(documents).toEqual([]);
    expect(faults).toHaveLength(1);
    return faults[0]?.problem;
  };
  const laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 12; level += 1) {
    laughs.push(
      `a${level}: &a${level} [${Array(9)
        .fill(`*a${level - 1}`)
        .join(", ")}]`,
    );
  }
  const merges = ["a0: &a0 {k: 1}"];
  for (let level = 1; level < 20; level += 1) {
    merges.push(
      `a${level}: &a${level} {<<: [${Array(9)
        .fill(`*a${level - 1}`)
        .join(", ")}]}`,
    );
  }
  const chain = ["- &b0 x", ...Array.from({ length: 1000 }, (_, level) => `- &b${level + 1} [*b${level}]`)];

  it.each([
    ["aliases of aliases", laughs.join("\n"), "expands to more than 100000 values through aliases"],
    ["merges of merges", merges.join("\n"), "expands to more than 100000 values through aliases"],
    ["a chain of aliases", chain.join("\n"), "is nested more than 100 levels deep"],
    ["brackets", "[".repeat(100_000), "is nested more than 100 levels deep"],
    ["mappings in JSON", '{"a":'.repeat(100_000), "is nested more than 100 levels deep"],
    ["dashes", "- ".repeat(100_000), "is nested more than 100 levels deep"],
    ["values", `[${"1,".repeat(1_000_001)}]`, "has more than 1000000 lines and values"],
    ["characters", "a".repeat(32 * 1024 * 1024 + 1), "has 33554433 characters, more than 33554432"],
    ["documents", "---\n".repeat(100_001), "holds 100001 documents, more than 100000"],
  ])("%s", (_, text, problem) => expect(problemOf(text)).toBe(problem));

  it("tells no more than 1,000 faults of one text", () => {
    expect(readDocuments("---\n[\n".repeat(5000), "f").faults).toHaveLength(1000);
  });
});

it("splitDocuments() leaves the markers with the documents that they begin", () => {
  const text = "a\n--- b\n...\nc\n";
  expect(splitDocuments(text).map(({ start, end }) => text.slice(start, end))).toEqual(["a\n", "--- b\n...\n", "c\n"]);
});

it.each([
  ['{"a": "}"} {"b": [{}]}', 2],
  ['{"a": 1}', 1],
  ["{} x", undefined],
  ["{", undefined],
])("splitJsonObjects(%s)", (text, count) => expect(splitJsonObjects(text)?.length).toBe(count));
