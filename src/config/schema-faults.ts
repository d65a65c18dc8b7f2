import type { AnySchemaObject, ErrorObject, ValidateFunction } from "ajv";
import { HIDDEN_VALUE } from "../runtime/net/fault.js";
import { compileSchema } from "./compile-schema.js";
import { pointerKeys, pointerTo } from "./json-pointer.js";

/** A finding of a schema, in words. `unknownKey`: the path leads to a key that the schema does not have. */
export type SchemaFault = Readonly<{
  path: string;
  value: unknown;
  problem: string;
  remedy: string;
  unknownKey: boolean;
}>;

/** Most findings that are told of one object: nobody reads more, and hostile input would have millions. */
export const MAX_SCHEMA_FAULTS = 1000;

/**
 * A JSON schema as a function from a value to all that is wrong with it. It is compiled at the first call. What the
 * schema says in `description` is what remedies tell to write; a value whose schema says `writeOnly` is never shown.
 */
export function checkAgainst(schema: AnySchemaObject): (value: unknown) => readonly SchemaFault[] {
  let validate: ValidateFunction | undefined;
  return (value) => {
    validate ??= compileSchema(schema);
    if (validate(value)) return [];
    return (validate.errors ?? []).slice(0, MAX_SCHEMA_FAULTS).map(faultOf);
  };
}

function faultOf(error: ErrorObject): SchemaFault {
  const { instancePath: path, keyword, params, data } = error;
  const schema = (error.parentSchema ?? {}) as Readonly<Record<string, unknown>>;
  const value = shownValue(schema, data);
  const known = { path, value, unknownKey: false };
  switch (keyword) {
    case "additionalProperties":
      return unknownKeyFault(path, String(params["additionalProperty"]), schema);
    case "required": {
      const key = String(params["missingProperty"]);
      const remedy = describedAs(propertiesOf(schema)[key], "add it");
      return { path: pointerTo(path, key), value: undefined, problem: "is needed here", remedy, unknownKey: false };
    }
    case "type":
      return { ...known, problem: `is not ${typeWord(params["type"])}`, remedy: typeRemedy(schema, data) };
    case "enum": {
      const values = (params["allowedValues"] as readonly unknown[]).join(", ");
      return { ...known, problem: "is none of the words that are known here", remedy: `write one of ${values}` };
    }
    case "minimum":
    case "maximum": {
      const { minimum, maximum } = schema;
      if (minimum === undefined) {
        return {
          ...known,
          problem: `is above ${String(maximum)}`,
          remedy: describedAs(schema, "write a lower number"),
        };
      }
      const range = `${String(minimum)} to ${String(maximum)}`;
      return { ...known, problem: `is not ${range}`, remedy: describedAs(schema, `write a number of ${range}`) };
    }
    case "minItems":
    case "minLength":
      return { ...known, problem: "is empty", remedy: describedAs(schema, "add what is missing") };
    case "uniqueItems":
      return { ...known, problem: "has the same element twice", remedy: "remove one of the two" };
    default:
      return { ...known, problem: `does not fit (${keyword})`, remedy: describedAs(schema, "see the documentation") };
  }
}

function unknownKeyFault(parent: string, key: string, schema: Readonly<Record<string, unknown>>): SchemaFault {
  const keys = Object.keys(propertiesOf(schema));
  const similar = keys.find((known) => isSimilar(known, key));
  const remedy = similar === undefined ? `remove it (known are ${keys.join(", ")})` : `write ${similar}`;
  const path = pointerTo(parent, key);
  // Its value may be a password under a misspelt key.
  return { path, value: HIDDEN_VALUE, problem: "is a key that is not known here", remedy, unknownKey: true };
}

/** The same letters, one letter wrong, missing or too many, or two letters swapped. */
function isSimilar(known: string, written: string): boolean {
  const [a, b] = [known, written].map((key) => key.toLowerCase().replaceAll(/[^a-z0-9]/g, ""));
  if (a === undefined || b === undefined || Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start += 1;
  const [restA, restB] = [a.slice(start), b.slice(start)];
  return (
    restA === restB ||
    restA.slice(1) === restB ||
    restA === restB.slice(1) ||
    restA.slice(1) === restB.slice(1) ||
    (restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2))
  );
}

function propertiesOf(schema: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return (schema["properties"] ?? {}) as Readonly<Record<string, unknown>>;
}

function describedAs(schema: unknown, otherwise: string): string {
  const description = (schema as Readonly<Record<string, unknown>> | undefined)?.["description"];
  return typeof description === "string" ? `write ${description}` : otherwise;
}

function shownValue(schema: Readonly<Record<string, unknown>>, data: unknown): unknown {
  if (schema["writeOnly"] === true) return HIDDEN_VALUE;
  // Where a mapping or a list is wanted, a text may be a `password:secret` without its blank.
  const wantsCollection = schema["type"] === "object" || schema["type"] === "array";
  if (wantsCollection && typeof data === "string") return HIDDEN_VALUE;
  // A mapping or a list where something else is wanted may have a password in it.
  if (typeof data !== "object" || data === null) return data;
  const isWanted = schema["type"] === (Array.isArray(data) ? "array" : "object");
  return isWanted ? data : Array.isArray(data) ? "(a list)" : "(a mapping)";
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
};

function typeWord(type: unknown): string {
  const types = Array.isArray(type) ? type : [type];
  return types.map((one) => TYPE_WORDS[String(one)] ?? String(one)).join(" or ");
}

function typeRemedy(schema: Readonly<Record<string, unknown>>, data: unknown): string {
  if (schema["type"] === "integer" && typeof data === "string" && /^\d+$/.test(data)) {
    return "write the number without quotes";
  }
  if (schema["type"] === "string" && typeof data !== "object") return "put the text in quotes";
  return describedAs(schema, `write ${typeWord(schema["type"])}`);
}

/** Takes the values at the paths out, so that what is left fits the schema but for what is missing. */
export function pruneAt(root: unknown, paths: Iterable<string>): void {
  for (const path of paths) {
    const keys = pointerKeys(path);
    const last = keys.pop();
    let parent: unknown = root;
    for (const key of keys) parent = (parent as Record<string, unknown> | undefined)?.[key];
    if (last === undefined || typeof parent !== "object" || parent === null) continue;
    if (Array.isArray(parent)) parent[Number(last)] = undefined;
    else delete (parent as Record<string, unknown>)[last];
  }
}
