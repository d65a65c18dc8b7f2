// Runs on a host of the lab: BFD as it is shipped, client and worker thread and native part, with the sessions of a file, which
// is read again at SIGHUP. Says as lines of JSON what happens, and at SIGUSR2 what was counted. See bfd-process.ts.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { BfdSessionSpec } from "../../src/runtime/bfd/messages.js";
import { createBfdClient } from "../../src/runtime/speaker/bfd-client.js";
import type { BfdLine } from "./bfd-process.js";

const [worker = "", file = ""] = process.argv.slice(2);
const say = (line: BfdLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const milliseconds = (): number => Number(process.hrtime.bigint()) / 1e6; // the same clock in all processes

const client = createBfdClient({
  workerUrl: pathToFileURL(worker),
  onState: (state) => say({ at: milliseconds(), state }),
  onError: (error) => say({ at: milliseconds(), error }),
});
const use = (): void => client.use(JSON.parse(readFileSync(file, "utf8")) as BfdSessionSpec[]);
const keepAlive = setInterval(() => {}, 1000);

process.on("SIGHUP", use);
process.on("SIGUSR2", () => void client.counters().then((counters) => say({ at: milliseconds(), counters })));
process.on("SIGTERM", () => void client.stop().then(() => clearInterval(keepAlive)));
use();
say({ at: milliseconds(), ready: true });
