import { pino, type DestinationStream } from "pino";
import type { Logger } from "../net/logger.js";

export type { Logger } from "../net/logger.js";

/** The words of `--log-level`; "all" is debug, "none" is silence. */
export const LOG_LEVELS = ["all", "debug", "info", "warn", "error", "none"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const PINO_LEVELS: Readonly<Record<LogLevel, string>> = {
  all: "debug",
  debug: "debug",
  info: "info",
  warn: "warn",
  error: "error",
  none: "silent",
};

/**
 * One JSON object a line on standard output with `ts` (RFC 3339, UTC), `level`, `msg` and the fields; with `pretty`,
 * lines for people. Lines are written before the turn of the event loop ends, those of a burst BURST_MILLISECONDS later at most,
 * and when the process exits.
 */
export async function createLogger(options: Readonly<{ level: LogLevel; pretty: boolean }>): Promise<Logger> {
  const logger: Logger = pino(
    {
      level: PINO_LEVELS[options.level],
      base: null,
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.pretty ? await prettyDestination() : gatherLines(pino.destination({ dest: 1, sync: true })),
  );
  return logger;
}

/** More than a pipe takes at once. */
const MAX_GATHERED_CHARACTERS = 65_536;

const BURST_MILLISECONDS = 20;

/** Writes the lines of a burst together: with thousands of Services each write alone is felt, here and where it is read. */
function gatherLines(to: DestinationStream): DestinationStream {
  let gathered = ""; // BOUNDED by MAX_GATHERED_CHARACTERS and a line
  let flushedAt = Number.NEGATIVE_INFINITY;
  const flush = (): void => {
    if (gathered === "") return;
    const lines = gathered;
    gathered = "";
    flushedAt = performance.now();
    to.write(lines);
  };
  process.once("exit", flush);
  return {
    write(line) {
      if (gathered === "") {
        if (performance.now() - flushedAt < BURST_MILLISECONDS) setTimeout(flush, BURST_MILLISECONDS);
        else setImmediate(flush);
      }
      gathered += line;
      if (gathered.length > MAX_GATHERED_CHARACTERS) flush();
    },
  };
}

async function prettyDestination(): Promise<DestinationStream> {
  const { default: pretty } = await import("pino-pretty"); // only a terminal needs it
  return pretty({ colorize: true, timestampKey: "ts", messageKey: "msg", translateTime: "HH:MM:ss.l", sync: true });
}
