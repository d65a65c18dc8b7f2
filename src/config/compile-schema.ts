import { Ajv, type AnySchemaObject, type Options, type ValidateFunction } from "ajv";

/**
 * All faults, each with the value. The rest keeps the start short: the schemas refer to nothing, so that Ajv's own
 * resolver (slow to begin) is not needed, and they are run too rarely for optimised code to pay.
 */
export const AJV_OPTIONS: Options = {
  allErrors: true,
  verbose: true,
  strict: true,
  meta: false,
  validateSchema: false, // the schemas are constants: checking them against their own schema is for a test
  code: { optimize: false },
  uriResolver: { parse: () => ({}), resolve: (_, path) => path, serialize: () => "" },
};

let ajv: Ajv | undefined;

/**
 * Compiles a JSON schema. Only where the program runs from its sources: in the bundle this module is replaced by one
 * that has the compiled schemas of `*-schema.ts` and `*-schemas.ts` ready (scripts/compiled-schemas.mjs), since Ajv
 * and its work are a tenth of a second of each start.
 */
export function compileSchema(schema: AnySchemaObject): ValidateFunction {
  ajv ??= new Ajv(AJV_OPTIONS);
  return ajv.compile(schema);
}
