// An esbuild plugin: puts validators that Ajv has compiled at build time in the place of src/config/compile-schema.ts.
import { build } from "esbuild";
import { Ajv } from "ajv";
import standaloneCode from "ajv/dist/standalone/index.js";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";

const REPLACED = resolve("src/config/compile-schema.ts");

export function compiledSchemas() {
  return {
    name: "compiled-schemas",
    setup({ onLoad }) {
      onLoad({ filter: /compile-schema\.ts$/ }, async ({ path }) => {
        if (path !== REPLACED) return undefined;
        return { contents: await compile(), loader: "js", resolveDir: resolve(".") };
      });
    },
  };
}

/** A module of the same shape. A schema is known by its JSON, whichever object it is. */
async function compile() {
  const { options, schemas } = await loadSchemas();
  const names = new Map(
    [...new Set(schemas.map((schema) => JSON.stringify(schema)))].map((text, i) => [`v${i}`, text]),
  );
  const ajv = new Ajv({ ...options, code: { ...options.code, source: true, esm: true, optimize: 2 } });
  for (const [name, text] of names) ajv.addSchema(JSON.parse(text), name);
  const code = standaloneCode(ajv, Object.fromEntries([...names.keys()].map((name) => [name, name])));
  const entries = [...names].map(([name, text]) => `[${JSON.stringify(text)}, ${name}]`);
  return `${code}
    const validators = new Map([${entries.join(",\n")}]);
    export function compileSchema(schema) {
      const validate = validators.get(JSON.stringify(schema));
      if (validate === undefined) throw new Error("a schema was not compiled: export it from src/config/*-schema.ts");
      return validate;
    }`;
}

/** Everything that the schema modules export, and the options of the module that is replaced. */
async function loadSchemas() {
  const files = readdirSync("src/config").filter((name) => /-schemas?\.ts$/.test(name) && name !== "compile-schema.ts");
  const contents = [
    `export { AJV_OPTIONS as options } from "./src/config/compile-schema.ts";`,
    ...files.map((name, i) => `import * as m${i} from "./src/config/${name}";`),
    `export const schemas = [${files.map((_, i) => `...Object.values(m${i})`).join()}];`,
  ];
  const { outputFiles } = await build({
    stdin: { contents: contents.join("\n"), resolveDir: resolve(".") },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    external: ["ajv"],
    logLevel: "warning",
  });
  // From a data URL packages are not found: what it needs of Ajv is types alone, and the one import goes.
  const source = outputFiles[0].text.replace(/^import .*from "ajv";$/m, "const Ajv = undefined;");
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
}
