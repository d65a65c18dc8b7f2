// JSON schemas for editors and for checks of manifests: one for each kind, one for files with several, and one for the
// document in the ConfigMap.
import { legacySchema } from "../src/config/legacy-schema.js";
import { KINDS, type Kind, type Schema, type Version } from "./resource-kinds.js";
import { wordsFor } from "./schema-words.js";

const DRAFT = "http://json-schema.org/draft-07/schema#";

/** What the reader takes as a list of one, and the schema it reads by does not say. */
const ALSO_ALONE: ReadonlySet<string> = new Set([
  "peer-autodiscovery.from-annotations",
  "peer-autodiscovery.from-labels",
]);

/** The schema with what each key means in the place of what messages say of it. */
function explained(schema: Schema, kind: string, path: string): Schema {
  const { description: _, ...rest } = schema;
  const isKey = path !== "" && !/(\[\]|\{\})$/.test(path);
  const words = isKey ? wordsFor(kind, path) : undefined;
  const absent = words?.absent === undefined ? "" : ` Absent: ${words.absent}.`;
  if (ALSO_ALONE.has(path)) {
    const alone = explained(schema["items"] as Schema, kind, `${path}[]`);
    return { description: words?.meaning, anyOf: [alone, { type: "array", items: alone }] };
  }
  const within = (value: unknown, next: string): unknown =>
    typeof value === "object" && value !== null ? explained(value as Schema, kind, next) : value;
  const { properties, items, additionalProperties, anyOf, oneOf, ...others } = rest;
  const branches = { ...(anyOf !== undefined && { anyOf }), ...(oneOf !== undefined && { oneOf }) };
  return {
    ...(words === undefined ? {} : { description: `${words.meaning}${absent}` }),
    ...others,
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties as Readonly<Record<string, Schema>>).map(([name, child]) => [
              name,
              within(child, path === "" ? name : `${path}.${name}`),
            ]),
          ),
        }),
    ...(items === undefined ? {} : { items: within(items, `${path}[]`) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: within(additionalProperties, `${path}{}`) }),
    ...Object.fromEntries(
      Object.entries(branches).map(([keyword, schemas]) => [
        keyword,
        (schemas as readonly Schema[]).map((branch) => explained(branch, kind, path)),
      ]),
    ),
  };
}

function objectSchema({ kind, summary }: Kind, { name, schema, deprecationWarning }: Version): Schema {
  const { spec } = (schema?.["properties"] ?? {}) as Readonly<Record<string, Schema>>;
  const required = (schema?.["required"] ?? []) as readonly string[];
  return {
    title: `${kind} metallb.io/${name}`,
    description: deprecationWarning ?? summary,
    type: "object",
    additionalProperties: false,
    required: ["apiVersion", "kind", "metadata", ...required],
    properties: {
      apiVersion: { const: `metallb.io/${name}` },
      kind: { const: kind },
      metadata: { type: "object", required: ["name"], properties: { name: { type: "string", minLength: 1 } } },
      spec: explained(spec ?? {}, kind, ""),
      status: { type: "object" },
    },
  };
}

/** File name to schema. A file for a kind is called as tools for checking manifests look for it. */
export function editorSchemas(): ReadonlyMap<string, Schema> {
  const files = new Map<string, Schema>();
  const cases: Schema[] = [];
  for (const kind of KINDS) {
    for (const version of kind.versions) {
      if (version.schema === undefined) continue;
      const name = `${kind.kind.toLowerCase()}_${version.name}.json`;
      files.set(name, { $schema: DRAFT, ...objectSchema(kind, version) });
      cases.push({
        if: {
          required: ["apiVersion", "kind"],
          properties: { apiVersion: { const: `metallb.io/${version.name}` }, kind: { const: kind.kind } },
        },
        then: { $ref: name }, // oxlint-disable-line unicorn/no-thenable -- a keyword of JSON schema
      });
    }
  }
  const manifests = {
    $schema: DRAFT,
    title: "Manifests with resources of metallb.io",
    description: "Each document is checked as its kind; those of other groups are passed over.",
    type: "object",
    required: ["apiVersion", "kind"],
    allOf: cases,
  };
  const configMap = {
    $schema: DRAFT,
    title: "The document in the key config of the ConfigMap",
    ...explained(legacySchema, "ConfigMap", ""),
  };
  return new Map([["manifests.json", manifests], ["configmap-config.json", configMap], ...files]);
}
