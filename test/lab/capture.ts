/** Capturing what an interface sends and receives. */
import { once } from "node:events";
import { closeSync, openSync, readSync } from "node:fs";
import type { Host } from "./host.js";
import { decodeFrame, describeFrame, type Frame } from "./frames.js";
import { readBlocks } from "./pcapng.js";
import { startIn } from "./process.js";
import { within } from "./until.js";
import { wireProgram } from "./wire-programs.js";

export type Capture = Readonly<{
  /** A pcapng file, for other programs. */
  file: string;
  /** All frames that passed until this call, in the kernel's order, none left out; rejects if it had to drop one. */
  frames: () => Promise<readonly Frame[]>;
  /** The first frame for which `wanted` holds, from the `since`-th on (0 if left out): it may have passed already. */
  waitFor: (
    wanted: (frame: Frame) => boolean,
    options: Readonly<{ what: string; deadlineMs?: number; since?: number }>,
  ) => Promise<Frame>;
  /** All frames, and no more. */
  stop: () => Promise<readonly Frame[]>;
}>;

let serial = 0;

/** @param device eth0 of a host, or a port of the switch; resolves when not a frame is missed any more */
export async function startCapture(
  host: Pick<Host, "name" | "namespace">,
  folder: string,
  device: string,
): Promise<Capture> {
  serial += 1;
  const file = `${folder}/${host.name}-${device}-${serial}.pcapng`;
  const program = await wireProgram("capture");
  const child = startIn(host.namespace, [program, device, file], {}, ["pipe", "pipe", "pipe"]);
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error("capture has no pipes");
  let complaint = "";
  stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  stdin.on("error", () => undefined); // it has ended: "close" says so

  const frames: Frame[] = []; // BOUNDED by what passes while the test captures
  const looks = new Set<() => void>(); // BOUNDED by the waits in flight
  const synced: ((dropped: number) => void)[] = []; // BOUNDED by the calls in flight
  let begun: () => void = () => undefined;
  let stopped = false;
  let place = 0;

  function readFile(): void {
    const descriptor = openSync(file, "r");
    try {
      for (let more = true; more;) {
        const part = Buffer.alloc(1 << 20); // more than the longest block
        const got = readSync(descriptor, part, 0, part.length, place);
        const { frames: read, octets } = readBlocks(part.subarray(0, got));
        for (const frame of read) frames.push(decodeFrame(frame));
        place += octets;
        more = got === part.length;
      }
    } finally {
      closeSync(descriptor);
    }
  }

  let rest = "";
  stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "capturing") begun();
      else if (line.startsWith("synced ")) synced.shift()?.(Number(line.slice(7)));
    }
    if (looks.size > 0) readFile();
    for (const look of looks) look();
  });
  const closed = once(child, "close").then(([code]) => {
    throw new Error(`capture on ${host.name} ${device} ended with exit code ${code}: ${complaint.trim()}`);
  });
  closed.catch(() => undefined); // told to those who wait for something
  const orEnd = <Value>(promise: Promise<Value>, what: string, deadlineMs?: number): Promise<Value> =>
    within(Promise.race([promise, closed]), { what, ...(deadlineMs === undefined ? {} : { deadlineMs }) });

  await orEnd(new Promise<void>((resolve) => (begun = resolve)), `the capture on ${host.name} ${device} to begin`);

  async function all(): Promise<readonly Frame[]> {
    if (!stopped) {
      const sync = new Promise<number>((resolve) => synced.push(resolve));
      stdin?.write("\n");
      const dropped = await orEnd(sync, `the capture on ${host.name} ${device} to be complete`);
      if (dropped > 0)
        throw new Error(`Cannot trust the capture on ${host.name} ${device}: ${dropped} frames are missing`);
    }
    readFile();
    return frames.slice();
  }

  return {
    file,
    frames: all,
    waitFor: async (wanted, { what, deadlineMs, since = 0 }) => {
      let look: () => void = () => undefined;
      const found = new Promise<Frame>((resolve) => {
        let next = since;
        look = () => {
          for (; next < frames.length; next += 1) {
            const frame = frames[next];
            if (frame !== undefined && wanted(frame)) return resolve(frame);
          }
        };
      });
      looks.add(look);
      try {
        await all();
        look();
        return await orEnd(found, what, deadlineMs);
      } catch (cause) {
        const last = frames.slice(-20).map(describeFrame).join("\n");
        throw new Error(`${(cause as Error).message}; the last of ${frames.length} frames:\n${last}`, { cause });
      } finally {
        looks.delete(look);
      }
    },
    stop: async () => {
      const seen = await all();
      stopped = true;
      const ended = once(child, "close");
      stdin.end();
      await ended;
      return seen;
    },
  };
}
