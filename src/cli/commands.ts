import type { CommandModule } from "yargs";
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
    versionCommand(),
  ] as unknown as readonly CommandModule<object, never>[];
}

/** The migrate commands carry the schemas of the whole configuration: loaded when one of them is called. */
function migrateStub(exit: Exit): CommandModule {
  return {
    command: "migrate <command>",
    describe: "Bring a MetalLB configuration over",
    builder: async (yargs) => {
      const { migrateCommands } = await import("../migrate/command.js");
      for (const command of migrateCommands(processIo(), exit)) yargs.command(command as unknown as CommandModule);
      return yargs.demandCommand(1, "Name what to migrate: migrate convert");
    },
    handler: () => undefined, // strict parsing and demandCommand leave nothing to do here
  };
}
