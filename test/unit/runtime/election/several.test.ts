import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  holds,
  startOfElection,
  stepElection,
  wakeAt,
  type ElectionEvent,
  type ElectionOptions,
  type ElectionState,
  type Lease,
  type LeaseWrite,
} from "../../../../src/runtime/election/election.js";
import { runs } from "../../runs.js";

/*
 * Several processes and one server on a simulated clock: requests and answers take any time or get lost, watches are
 * late and out of order, clocks run at different rates, processes are stopped for a while, killed and started again.
 * After each event: at most one of them believes to hold the Lease.
 */

const TIMES = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 };
const LONGEST_LIFE = 400_000;

type Process = {
  readonly pod: string;
  readonly options: ElectionOptions;
  /** Of the process's clock to true time, and where it began. */
  readonly rate: number;
  readonly offset: number;
  state: ElectionState;
  isAlive: boolean;
  stoppedUntil: number;
  cancelWake: () => void;
};

type Happening = Readonly<{ at: number; order: number; run: () => void }>;

/** What chance decides: how long a way takes, in ms; Infinity: the message is lost. */
type Chance = Readonly<{ way(): number; below(limit: number): number }>;

/** @returns how often somebody began to hold it */
function live(pods: number, chance: Chance): number {
  let now = 0;
  let order = 0;
  let terms = 0;
  let lease: Lease | undefined;
  let version = 0;
  const happenings: Happening[] = [];
  const at = (time: number, run: () => void): (() => void) => {
    if (time === Infinity) return () => undefined;
    const happening = { at: time, order: (order += 1), run };
    happenings.push(happening);
    return () => void happenings.splice(happenings.indexOf(happening), happenings.includes(happening) ? 1 : 0);
  };
  const processes: Process[] = [];
  const clockOf = ({ rate, offset }: Process): number => now * rate + offset;

  /** A container is started again when the former one is gone. */
  function start(pod: string): void {
    for (const process of processes) if (process.pod === pod) kill(process);
    const rate = 0.85 + chance.below(31) / 100; // 15 s to 10 s leaves room for 1.5, here it is 1.15 / 0.85
    const options = { ...TIMES, identity: `${pod}_${(order += 1)}`, formerLives: `${pod}_` };
    const process: Process = {
      pod,
      options,
      rate,
      offset: chance.below(1_000_000),
      state: { name: "ended" },
      isAlive: true,
      stoppedUntil: 0,
      cancelWake: () => undefined,
    };
    process.state = startOfElection(clockOf(process));
    processes.push(process);
    give(process, (local) => ({ type: "time", now: local }));
  }

  /** Now, or when the process goes on. */
  function give(process: Process, eventAt: (local: number) => ElectionEvent): void {
    if (!process.isAlive) return;
    if (now < process.stoppedUntil) return void at(process.stoppedUntil, () => give(process, eventAt));
    const [after, effects] = stepElection(process.options, process.state, eventAt(clockOf(process)));
    process.state = after;
    for (const effect of effects) {
      if (effect.do === "begin") terms += 1;
      if (effect.do === "read") request(process, undefined);
      if (effect.do === "write") request(process, effect.write);
    }
    process.cancelWake();
    const wake = wakeAt(process.options, process.state);
    if (wake === undefined) return;
    const due = Math.max(now, (wake - process.offset) / process.rate) + 0.001; // not before, for all rounding
    process.cancelWake = at(due, () => give(process, (local) => ({ type: "time", now: local })));
  }

  function request(process: Process, write: LeaseWrite | undefined): void {
    const sentAt = clockOf(process);
    let isAnswered = false;
    const answer = (eventAt: (local: number) => ElectionEvent): void => {
      if (isAnswered) return;
      isAnswered = true;
      give(process, eventAt);
    };
    const fails = (local: number): ElectionEvent =>
      write === undefined ? { type: "readFailed", now: local } : { type: "writeFailed", now: local, isConflict: false };
    at(now + 5_000 / process.rate, () => answer(fails)); // its time-out; the server may store it nevertheless
    at(now + chance.way(), () => {
      const found = lease;
      const isConflict = write !== undefined && write.over?.version !== lease?.version;
      if (write !== undefined && !isConflict) {
        const { holder, leaseDurationSeconds, transitions } = write;
        lease = { version: `${(version += 1)}`, holder, leaseDurationSeconds, transitions, object: undefined };
        for (const watcher of processes) tellWatcher(watcher, lease);
      }
      const stored = lease;
      at(now + chance.way(), () =>
        answer((local) => {
          if (write === undefined) return { type: "read", now: local, lease: found };
          if (isConflict || stored === undefined) return { type: "writeFailed", now: local, isConflict };
          return { type: "written", now: local, sentAt, lease: stored };
        }),
      );
    });
  }

  function tellWatcher(watcher: Process, seen: Lease): void {
    at(now + chance.way(), () => give(watcher, (local) => ({ type: "seen", now: local, lease: seen })));
  }

  /** Something happens to somebody. */
  function disturb(): void {
    const process = processes[chance.below(processes.length)];
    if (process?.isAlive === true) {
      const what = chance.below(6);
      if (what === 0) kill(process);
      if (what === 1) give(process, (local) => ({ type: "resign", now: local }));
      if (what <= 1) at(now + chance.below(20_000), () => start(process.pod));
      if (what === 1) at(now + chance.below(20_000), () => kill(process));
      if (what === 2) process.stoppedUntil = now + chance.below(40_000);
    }
    at(now + chance.below(30_000), disturb);
  }
  function kill(process: Process): void {
    process.isAlive = false;
    process.cancelWake();
  }

  for (let pod = 0; pod < pods; pod += 1) start(`pod${pod}`);
  at(chance.below(30_000), disturb);
  while (now < LONGEST_LIFE) {
    const next = happenings.reduce((first, each) =>
      each.at < first.at || (each.at === first.at && each.order < first.order) ? each : first,
    );
    happenings.splice(happenings.indexOf(next), 1);
    now = next.at;
    next.run();
    const holders = processes.filter((one) => one.isAlive && holds(one.options, one.state, clockOf(one)));
    expect(holders.map(({ options }) => options.identity).slice(1)).toEqual([]);
  }
  return terms;
}

it("never has two who believe to hold the Lease, and again and again one who does", () => {
  let terms = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.infiniteStream(fc.nat(1_000_000)), (pods, stream) => {
      const below = (limit: number): number => ((stream.next().value as number) % limit) | 0;
      const way = (): number => {
        const kind = below(20);
        if (kind === 0) return Infinity;
        return kind <= 2 ? below(20_000) : below(50);
      };
      terms += live(pods, { way, below });
    }),
    { numRuns: runs(40) },
  );
  expect(terms).toBeGreaterThan(runs(40) * 3);
});
