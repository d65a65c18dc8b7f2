import { stat, writeFile } from "node:fs/promises";
import type { ArgumentsCamelCase, CommandModule } from "yargs";
import { controllerCommand } from "./controller.js";
import { processIo } from "./io.js";
import { runCommand } from "./run.js";
import { speakerCommand } from "./speaker.js";
import { versionCommand } from "./version-command.js";

export type Exit = (code: number) => void;

/** Every command of the program. What a command runs is loaded by its handler or builder, not here. */
export function commands(exit: Exit): readonly CommandModule<object, never>[] {
  return [
    controllerCommand(exit),
    speakerCommand(exit),
    runCommand(exit),
    migrateStub(exit),
    configMapToCrsStub(exit),
    versionCommand(),
  ] as unknown as readonly CommandModule<object, never>[];
}

/** The migrate commands carry the schemas of the whole configuration: loaded when one of them is called. */
function migrateStub(exit: Exit): CommandModule {
  return {
    command: "migrate",
    describe: "Bring a MetalLB configuration over",
    builder: async (yargs) => {
      const { migrateCommands } = await import("../migrate/command.js");
      for (const command of migrateCommands(processIo(), exit)) yargs.command(command as unknown as CommandModule);
      return yargs.demandCommand(1, "Name what to do: migrate convert, migrate revert or migrate lint");
    },
    handler: () => undefined, // strict parsing and demandCommand leave nothing to do here
  };
}

/** Loaded like the migrate commands, when it is called. */
function configMapToCrsStub(exit: Exit): CommandModule<object, { flags: string[] | undefined }> {
  return {
    command: "configmaptocrs [flags..]",
    describe: "Stand in for MetalLB's converter of this name, with its flags",
    builder: (yargs) =>
      yargs
        // The flags are Go's: nothing of them is an option here, nor a group of short ones.
        .parserConfiguration({ "unknown-options-as-args": true, "parse-positional-numbers": false })
        .help(false)
        .version(false)
        .strict(false)
        .strictOptions(false)
        .positional("flags", { type: "string", array: true }),
    handler: async ({ flags = [] }: ArgumentsCamelCase<{ flags: string[] | undefined }>) => {
      const { runConfigMapToCrs } = await import("../migrate/configmaptocrs-command.js");
      const io = {
        ...processIo(),
        write: (file: string, text: string) => writeFile(file, text),
        isDirectory: (path: string) =>
          stat(path).then(
            (stats) => stats.isDirectory(),
            () => false,
          ),
      };
      exit(await runConfigMapToCrs(flags, io));
    },
  };
}
