// From the JSON schemas that resources are read by to the custom resource definitions of the API server.
import { CRD_RULES } from "./crd-rules.js";
import type { Kind, Schema, Version } from "./resource-kinds.js";
import { entriesAt, wordsFor } from "./schema-words.js";

/**
 * A structural schema: no closed objects (the API server drops what is unknown, or refuses it when asked to be
 * strict), lists of texts as sets, and what crd-rules.ts and schema-words.ts say.
 */
function structural(schema: Schema, kind: string, path: string): Schema {
  const { additionalProperties, uniqueItems, writeOnly: _, description: _remedy, properties, items, ...rest } = schema;
  const children = properties as Readonly<Record<string, Schema>> | undefined;
  const isTextList = (items as Schema | undefined)?.["type"] === "string";
  const isKey = path !== "" && !/(\[\]|\{\})$/.test(path);
  return {
    ...(isKey ? { description: wordsFor(kind, path).meaning } : {}),
    ...rest,
    ...(rest["type"] === "integer" ? { format: "int64" } : {}),
    ...(uniqueItems === true && isTextList ? { "x-kubernetes-list-type": "set" } : {}),
    ...(children === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(children).map(([name, child]) => [
              name,
              structural(child, kind, path === "" ? name : `${path}.${name}`),
            ]),
          ),
        }),
    ...(items === undefined ? {} : { items: structural(items as Schema, kind, `${path}[]`) }),
    ...(typeof additionalProperties === "object" && additionalProperties !== null
      ? { additionalProperties: structural(additionalProperties as Schema, kind, `${path}{}`) }
      : {}),
    ...Object.assign({}, ...entriesAt(CRD_RULES, kind, path)),
  };
}

function definedVersion({ kind, summary, columns, status }: Kind, version: Version): Schema {
  const { name, schema, storage, deprecationWarning } = version;
  const { spec } = (schema?.["properties"] ?? {}) as Readonly<Record<string, Schema>>;
  const required = schema?.["required"] as readonly string[] | undefined;
  return {
    name,
    served: true,
    storage,
    ...(deprecationWarning === undefined ? {} : { deprecated: true, deprecationWarning }),
    subresources: { status: {} },
    ...(columns.length === 0 ? {} : { additionalPrinterColumns: columns }),
    schema: {
      openAPIV3Schema: {
        description: summary,
        type: "object",
        ...(required === undefined || required.length === 0 ? {} : { required }),
        properties: {
          apiVersion: { type: "string" },
          kind: { type: "string" },
          metadata: { type: "object" },
          spec: spec === undefined ? { type: "object" } : structural(spec, kind, ""),
          status: status ?? { type: "object" },
        },
      },
    },
  };
}

/** Objects look the same in all versions of a kind, which have the same fields: no webhook has to convert them. */
export function customResourceDefinition(definition: Kind): Schema {
  const { kind, plural, versions } = definition;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.metallb.io` },
    spec: {
      group: "metallb.io",
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      scope: "Namespaced",
      ...(versions.length > 1 ? { conversion: { strategy: "None" } } : {}),
      versions: versions.map((version) => definedVersion(definition, version)),
    },
  };
}
