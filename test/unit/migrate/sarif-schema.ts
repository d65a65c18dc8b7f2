/**
 * What SARIF 2.1.0 asks of a log, for the objects that ours has: the same demands (types, words, bounds, what is
 * required and what may stand nowhere) as in the standard's own schema, and no property that we do not write. §3.13 to §3.49
 */
const text = { type: "string" } as const;
const level = { enum: ["none", "note", "warning", "error"] } as const;
const position = { type: "integer", minimum: 1 } as const;

/** An object without any other property. */
function object(required: Readonly<Record<string, unknown>>, optional: Readonly<Record<string, unknown>> = {}) {
  const properties = { ...required, ...optional };
  return { type: "object", additionalProperties: false, required: Object.keys(required), properties };
}

const region = object({ startLine: position }, { startColumn: position }); // §3.30
const artifactLocation = object({ uri: { type: "string", format: "uri-reference" } }); // §3.4
const physicalLocation = object({ artifactLocation }, { region }); // §3.29
const message = object({ text }); // §3.11
const rule = object({ id: text }, { shortDescription: message, defaultConfiguration: object({}, { level }) }); // §3.49
const driver = object({ name: text, rules: { type: "array", uniqueItems: true, items: rule } }); // §3.19
const location = object({}, { physicalLocation }); // §3.28
const result = object(
  { message, ruleId: text },
  { ruleIndex: { type: "integer", minimum: -1 }, level, locations: { type: "array", items: location } },
); // §3.27
const columnKind = { enum: ["utf16CodeUnits", "unicodeCodePoints"] };
const run = object({ tool: object({ driver }) }, { columnKind, results: { type: "array", items: result } }); // §3.14

export const sarifSchema = object(
  { version: { enum: ["2.1.0"] }, runs: { type: "array", minItems: 0, items: run } },
  { $schema: { type: "string", format: "uri" } },
);
