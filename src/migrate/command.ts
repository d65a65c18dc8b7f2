import type { CommandModule } from "yargs";
import { convertCommand } from "./convert-command.js";
import { lintCommand } from "./lint-command.js";
import { revertCommand } from "./revert-command.js";
import type { Exit, TextIo } from "./text-io.js";

export type { Exit, TextIo } from "./text-io.js";

/** The commands below `migrate`. */
export function migrateCommands(io: TextIo, exit: Exit): readonly CommandModule<object, never>[] {
  const commands: readonly unknown[] = [convertCommand(io, exit), revertCommand(io, exit), lintCommand(io, exit)];
  return commands as readonly CommandModule<object, never>[];
}
