// Writes what is made of the schemas that the program itself reads configuration by, so that they cannot differ:
// manifests/crds, docs/schemas and docs/configuration.md.
// Usage: node scripts/run-ts.mjs scripts/generate-crds.ts [--check]
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { dump } from "js-yaml";
import { format, resolveConfig } from "prettier";
import { configurationPage } from "./configuration-page.js";
import { editorSchemas } from "./editor-schemas.js";
import { KINDS } from "./resource-kinds.js";
import { customResourceDefinition } from "./structural-schema.js";

const CRDS = "manifests/crds";
const SCHEMAS = "docs/schemas";
const CRD_HEAD = "# Written by make manifests from the schemas in src/config; the rules are in scripts/crd-rules.ts.\n";

const options = (await resolveConfig("package.json")) ?? {};
const files = new Map<string, string>();
for (const kind of KINDS) {
  const text = dump(customResourceDefinition(kind), { noRefs: true, lineWidth: 120 });
  files.set(`${CRDS}/${kind.plural}.yaml`, `${CRD_HEAD}${text}`);
}
for (const [name, schema] of editorSchemas()) {
  files.set(`${SCHEMAS}/${name}`, await format(JSON.stringify(schema), { ...options, parser: "json" }));
}
files.set("docs/configuration.md", await format(configurationPage(), { ...options, parser: "markdown" }));

const isCheck = process.argv.includes("--check");
for (const folder of [CRDS, SCHEMAS]) {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const file = `${folder}/${name}`;
    if (files.has(file)) continue;
    if (isCheck) complain(`${file} is made of no schema`);
    else await rm(file);
  }
}
for (const [file, text] of files) {
  if (!isCheck) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  } else if ((await readFile(file, "utf8").catch(() => "")) !== text) {
    complain(`${file} is not what the schemas in src/config say`);
  }
}

function complain(what: string): void {
  console.error(`${what}: run make manifests`);
  process.exitCode = 1;
}
