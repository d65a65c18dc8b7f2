import type { CommandModule } from "yargs";
import { OUTPUT_FORMATS, type OutputFormat } from "./options.js";
import { COMMIT, VERSION } from "./version.js";

export function versionCommand(): CommandModule<object, { output: OutputFormat }> {
  return {
    command: "version",
    describe: "Print the version",
    builder: (yargs) =>
      yargs
        .option("output", { alias: "o", choices: OUTPUT_FORMATS, default: "table" as const, describe: "Form" })
        .example("$0 version --output json", "For scripts"),
    handler: async ({ output }) => {
      const facts = { version: VERSION, commit: COMMIT, node: process.versions.node };
      process.stdout.write(await formatVersion(facts, output));
    },
  };
}

async function formatVersion(facts: Readonly<Record<string, string>>, output: OutputFormat): Promise<string> {
  if (output === "json") return `${JSON.stringify(facts)}\n`;
  if (output === "yaml") return (await import("js-yaml")).dump(facts);
  return `smelter ${facts["version"]} (${facts["commit"]}, Node.js ${facts["node"]})\n`;
}
