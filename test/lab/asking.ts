/** Asking who has many addresses, again and again, and keeping what was asked and answered. */
import { once } from "node:events";
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import { readAskedRecords, type AskedRecord } from "./asked-record.js";
import type { Host } from "./host.js";
import { startIn } from "./process.js";
import { within } from "./until.js";
import { wireProgram } from "./wire-programs.js";

export type AskingOptions = Readonly<{
  /** IPv4, 1 to 65,536 of them. */
  addresses: readonly string[];
  /** Each address once in so many milliseconds. */
  periodMs: number;
  /** The first of the 256 sender addresses that requests come from, in turn: nobody's, and none that is asked for. */
  firstSender: string;
}>;

/** All of a stretch of time that begins where the one before ended, and is complete until `until` (as Date.now()). */
export type AskedPart = Readonly<{ records: readonly AskedRecord[]; until: number }>;

export type Asking = Readonly<{
  /** What has come since the last call, or the beginning. Rejects if a frame could not be sent or kept. */
  take: () => Promise<AskedPart>;
  /** The rest; no more is asked. */
  stop: () => Promise<AskedPart>;
}>;

let serial = 0;

export async function startAsking(
  host: Pick<Host, "name" | "namespace">,
  folder: string,
  { addresses, periodMs, firstSender }: AskingOptions,
): Promise<Asking> {
  serial += 1;
  const [list, file] = [`${folder}/asked-${serial}.txt`, `${folder}/asked-${serial}.records`];
  writeFileSync(list, addresses.map((address) => `${address}\n`).join(""));
  const program = await wireProgram("ask");
  const argv = [program, "eth0", firstSender, `${periodMs}`, list, file];
  const child = startIn(host.namespace, argv, {}, ["pipe", "pipe", "pipe"]);
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error("ask has no pipes");
  let complaint = "";
  stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  stdin.on("error", () => undefined); // it has ended: "close" says so

  const synced: ((line: string) => void)[] = []; // BOUNDED by the calls in flight
  let begun: () => void = () => undefined;
  let rest = "";
  stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "asking") begun();
      else if (line.startsWith("synced ")) synced.shift()?.(line);
    }
  });
  const closed = once(child, "close").then(([code]) => {
    throw new Error(`the program that asks on ${host.name} ended with exit code ${code}: ${complaint.trim()}`);
  });
  closed.catch(() => undefined); // told to those who wait for something
  const orEnd = <Value>(promise: Promise<Value>, what: string): Promise<Value> =>
    within(Promise.race([promise, closed]), { what, deadlineMs: 30_000 });
  await orEnd(new Promise<void>((resolve) => (begun = resolve)), `${host.name} to ask`);

  let place = 0;
  function readFile(): readonly AskedRecord[] {
    const parts: AskedRecord[][] = [];
    const descriptor = openSync(file, "r");
    try {
      for (let more = true; more;) {
        const part = Buffer.alloc(24 * 40_000);
        const got = readSync(descriptor, part, 0, part.length, place);
        const { records, octets } = readAskedRecords(part.subarray(0, got));
        parts.push([...records]);
        place += octets;
        more = got === part.length;
      }
    } finally {
      closeSync(descriptor);
    }
    return parts.flat();
  }

  async function take(): Promise<AskedPart> {
    const sync = new Promise<string>((resolve) => synced.push(resolve));
    stdin?.write("\n");
    const line = await orEnd(sync, `what ${host.name} has asked`);
    const [, at = "0", dropped, unsent] = line.split(" ");
    if (dropped !== "0" || unsent !== "0") {
      throw new Error(
        `Cannot trust what ${host.name} has asked: ${dropped} frames are missing, ${unsent} were not sent`,
      );
    }
    return { records: readFile(), until: Number(BigInt(at) / 1_000_000n) };
  }

  return {
    take,
    stop: async () => {
      const last = await take();
      const ended = once(child, "close");
      stdin.end();
      await ended;
      return last;
    },
  };
}
