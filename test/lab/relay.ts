/**
 * Delay, jitter and reordering on a cable. A kernel without netem needs a program between the cable's end and the
 * bridge: a TAP interface takes the cable's place on the bridge, and frames wait in between.
 */
import { once } from "node:events";
import { ipBatch } from "./network.js";
import { startIn } from "./process.js";
import { within } from "./until.js";
import { wireProgram } from "./wire-programs.js";

/** What happens to the frames of one direction. */
export type Delay = Readonly<{
  milliseconds: number;
  /** Up to so much more for each frame, by dice; the order stays as it is. 0 if left out. */
  jitterMs?: number;
  /** This share of the frames, 0 to 100, does not wait, and so overtakes those that do. 0 if left out. */
  reorderPercent?: number;
}>;

export type Delays = Readonly<{
  /** What the host sends; undelayed if left out. */
  out?: Delay;
  /** What the host receives; undelayed if left out. */
  in?: Delay;
  /** Where the dice begin, so that a run can be repeated; 1 if left out. */
  seed?: number;
}>;

export type Relay = Readonly<{
  /** Other delays from now on; frames that wait keep theirs. */
  change: (delays: Delays) => Promise<void>;
  /** The cable is as it was; frames that still wait are lost. */
  remove: () => Promise<void>;
}>;

/** @param port the cable's end on the switch. The link stays up; frames that pass in this instant may be lost */
export async function startRelay(switchNamespace: string, port: string, delays: Delays): Promise<Relay> {
  const tap = `${port}-tap`;
  const program = await wireProgram("relay");
  const child = startIn(switchNamespace, [program, port, tap], { name: `relay of ${port}` }, [
    "pipe",
    "pipe",
    "inherit",
  ]);
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("relay has no pipes");
  const answers: (() => void)[] = []; // BOUNDED by the lines in flight
  stdin.on("error", () => undefined); // it has ended: "close" says so
  stdout.setEncoding("utf8").on("data", (text: string) => {
    for (const octet of text) if (octet === "\n") answers.shift()?.();
  });
  const closed = once(child, "close").then(([code]) => {
    throw new Error(`the relay of ${port} ended with exit code ${code}`);
  });
  closed.catch(() => undefined); // told to those who wait for an answer

  const answer = (): Promise<void> =>
    within(Promise.race([new Promise<void>((resolve) => answers.push(resolve)), closed]), {
      what: `the relay of ${port}`,
    });

  async function change({ out, in: inward, seed = 1 }: Delays): Promise<void> {
    const lines = Object.entries({ out, in: inward }).map(([way, delay = { milliseconds: 0 }]) => {
      const { milliseconds, jitterMs = 0, reorderPercent = 0 } = delay;
      const numbers = [milliseconds * 1000, jitterMs * 1000, reorderPercent * 10_000, seed].map(Math.round);
      return `${way} ${numbers.join(" ")}\n`;
    });
    const set = Promise.all(lines.map(answer));
    stdin?.write(lines.join(""));
    await set;
  }

  await answer(); // ready
  await change(delays);
  await ipBatch(switchNamespace, [`link set ${port} nomaster`, `link set ${tap} master lan up`]);
  return {
    change,
    remove: async () => {
      const ended = once(child, "close");
      stdin.end();
      await ended;
      await ipBatch(switchNamespace, [`link set ${port} master lan`]);
    },
  };
}
