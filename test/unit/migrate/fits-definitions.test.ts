import { readFileSync, readdirSync } from "node:fs";
import { Ajv, type AnySchemaObject, type ValidateFunction } from "ajv";
import * as fc from "fast-check";
import { load } from "js-yaml";
import { expect, it } from "vitest";
import { convert } from "../../../src/migrate/convert.js";
import { runs } from "../runs.js";
import { flowText, legacyDocument } from "./legacy-grammar.js";
import type { LegacyValue } from "./legacy-grammar.js";

type Definition = Readonly<{
  kind: string;
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: AnySchemaObject } }[];
  };
}>;

/** As the API server has it with fieldValidation=Strict: a field that is not defined is an error. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const parts = Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, closed(part)]));
  return "properties" in parts && "type" in parts ? { additionalProperties: false, ...parts } : parts;
}

const folder = new URL("../../../manifests/crds/", import.meta.url);
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
const checks = new Map<string, ValidateFunction>();
for (const file of readdirSync(folder).filter((name) => name.endsWith(".yaml"))) {
  const { kind, spec } = load(readFileSync(new URL(file, folder), "utf8")) as Definition;
  if (kind !== "CustomResourceDefinition") continue;
  for (const { name, schema } of spec.versions) {
    const { properties, required = [] } = schema.openAPIV3Schema as {
      properties: AnySchemaObject;
      required?: string[];
    };
    const whole = closed({ ...properties, metadata: {} });
    const check = ajv.compile({ type: "object", required, additionalProperties: false, properties: whole });
    checks.set(`${spec.group}/${name} ${spec.names.kind}`, check);
  }
}

it("convert() writes what the resource definitions take, down to the last field", () => {
  const kinds = new Set<string>();
  fc.assert(
    fc.property(legacyDocument, fc.boolean(), (document, inlinePasswords) => {
      const result = convert(flowText(document as unknown as LegacyValue), {
        file: "f",
        output: "json",
        inlinePasswords,
        keepAutodiscovery: true,
      });
      if (!result.ok) return;
      const { items } = JSON.parse(result.value.text) as { items: { apiVersion: string; kind: string }[] };
      for (const item of items) {
        if (item.kind === "Secret" || item.kind === "ConfigMap") continue;
        kinds.add(item.kind);
        const check = checks.get(`${item.apiVersion} ${item.kind}`);
        expect(check?.(item)).toBe(true);
        expect(check?.errors ?? []).toEqual([]);
      }
    }),
    { numRuns: runs(60) },
  );
  expect([...kinds].toSorted()).toEqual([
    "BFDProfile",
    "BGPAdvertisement",
    "BGPPeer",
    "Community",
    "IPAddressPool",
    "L2Advertisement",
  ]);
});
