import { createSimulation } from "./simulation.js";

export type FailoverOptions = Readonly<{
  members: number;
  crashes: number;
  /** Without a crash, for what it costs then. */
  quietMilliseconds?: number;
  seed?: number;
}>;

/** Milliseconds, in ascending order; per member and second. */
export type Failovers = Readonly<{
  /** From each crash until the first of the others knows of it. */
  first: readonly number[];
  /** And until the last one does. */
  last: readonly number[];
  /** Who was found dead though he was not. */
  wrong: readonly string[];
  packets: number;
  octets: number;
}>;

const LOSS = 0.02;
/** Who is not found within this is not found. */
const CRASH_MILLISECONDS = 2000;
const LOOK_MILLISECONDS = 200;
/** Until who was killed is back, and all is quiet again. */
const RETURN_MILLISECONDS = 1500;

/** What it costs when nothing happens, then one crash after the other at any time; who crashed comes back. */
export function simulateFailovers({
  members,
  crashes,
  quietMilliseconds = 5000,
  seed = 1,
}: FailoverOptions): Failovers {
  const fleet = createSimulation({ members, heartbeats: true, loss: LOSS, seed, settleMilliseconds: members + 2000 });
  const before = fleet.traffic();
  fleet.run(quietMilliseconds);
  const after = fleet.traffic();
  const [first, last, wrong]: [number[], number[], string[]] = [[], [], []];
  for (let crash = 0; crash < crashes; crash += 1) {
    fleet.run((crash * 7) % 61); // at another moment between two heartbeats each time
    const dead = `n${2 + ((crash * 37) % (members - 2))}`;
    const crashedAt = fleet.now();
    fleet.changes.length = 0;
    fleet.kill(dead);
    const isOver = (): boolean => fleet.changes.length >= members - 1 || fleet.now() - crashedAt >= CRASH_MILLISECONDS;
    while (!isOver()) fleet.run(LOOK_MILLISECONDS);
    const found = fleet.changes.map(({ atMilliseconds }) => atMilliseconds - crashedAt);
    wrong.push(...fleet.changes.filter(({ name }) => name !== dead).map(({ by, name }) => `${by} of ${name}`));
    first.push(Math.min(...found));
    last.push(found.length === members - 1 ? Math.max(...found) : Number.POSITIVE_INFINITY);
    fleet.start(dead);
    fleet.run(RETURN_MILLISECONDS);
  }
  const perMemberSecond = (count: number): number => (count / members / quietMilliseconds) * 1000;
  return {
    first: first.toSorted((a, b) => a - b),
    last: last.toSorted((a, b) => a - b),
    wrong,
    packets: perMemberSecond(after.packets - before.packets),
    octets: perMemberSecond(after.octets - before.octets),
  };
}

/** The smallest value that this share of all does not exceed. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
