import { beforeEach, expect, it } from "vitest";
import type { Link } from "../../../../src/runtime/net/link.js";
import { createLinkGuard, type LinkGuard } from "../../../../src/runtime/speaker/link-guard.js";

let now: number;
let log: string[];
let timers: { at: number; run: () => void }[];
let answers: ((answer: boolean | Error) => void)[]; // of those who were asked
let guard: LinkGuard;

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const links = (...running: readonly boolean[]): Link[] =>
  running.map((isRunning, position) => ({
    index: position + 1,
    name: `eth${position}`,
    mac: undefined,
    up: true,
    running: isRunning,
    broadcast: true,
    noArp: false,
    loopback: false,
    masterIndex: undefined,
    bonded: false,
    tap: false,
    ipv6: true,
    forwardsIpv6: false,
  }));

async function answer(question: number, said: boolean | Error): Promise<void> {
  answers[question]?.(said);
  await settled();
}
const silent = (): boolean[] => [1, 2].map((index) => guard.isSilent(index));

beforeEach(() => {
  [now, log, timers, answers] = [0, [], [], []];
  guard = createLinkGuard({
    now: () => now,
    startTimer(milliseconds, run) {
      const timer = { at: now + milliseconds, run };
      timers.push(timer);
      return () => void (timers = timers.filter((each) => each !== timer));
    },
    confirmOwnership: (unsureMilliseconds) =>
      new Promise((resolve, reject) => {
        log.push(`asks about ${unsureMilliseconds} ms`);
        answers.push((said) => (typeof said === "boolean" ? resolve(said) : reject(said)));
      }),
    onUnconfirmed: (error) => log.push(`unconfirmed: ${(error as Error).message}`),
    onSure: (indexes, held) => log.push(`sure on ${indexes.join()} after ${held} ms`),
    isExcluded: (name) => name.startsWith("veth"),
  });
  guard.look(links(true, true));
});

it("an interface is silent from the loss of its carrier until it is back and the ownership confirmed; others are not", async () => {
  now = 1000;
  guard.look(links(false, true));
  expect([silent(), log]).toEqual([[true, false], []]);
  now = 6000;
  guard.look(links(true, true));
  guard.look(links(true, true));
  expect([silent(), log]).toEqual([[true, false], ["asks about 5000 ms"]]);
  now = 6020;
  await answer(0, true);
  expect([silent(), log.slice(1)]).toEqual([[false, false], ["sure on 1 after 20 ms"]]);
});

it("asks again where it is not confirmed, and says why", async () => {
  guard.look(links(false, true));
  guard.look(links(true, true));
  await answer(0, false);
  timers.shift()?.run();
  await answer(1, new Error("nobody there"));
  expect([silent(), timers.length]).toEqual([[true, false], 1]);
  timers.shift()?.run();
  await answer(2, true);
  expect([silent(), log.filter((line) => !line.startsWith("asks"))]).toEqual([
    [false, false],
    ["unconfirmed: nobody there", "sure on 1 after 0 ms"],
  ]);
});

it("one that comes back while another is asked about has a question of its own, and keeps that one waiting for nothing", async () => {
  guard.look(links(false, true));
  now = 100;
  guard.look(links(false, false));
  now = 200;
  guard.look(links(true, false));
  now = 300;
  guard.look(links(true, true));
  await answer(0, true);
  expect(silent()).toEqual([false, true]);
  await answer(1, true);
  expect([silent(), log]).toEqual([
    [false, false],
    ["asks about 200 ms", "asks about 200 ms", "sure on 1 after 100 ms", "sure on 2 after 0 ms"],
  ]);
});

it("one that flaps is silent until the answer to its last question, and its first loss counts", async () => {
  for (const [at, isRunning] of [false, true, false, true].entries()) {
    now = 100 * at;
    guard.look(links(isRunning, true));
  }
  await answer(0, true);
  expect(silent()).toEqual([true, false]);
  await answer(1, true);
  expect([silent(), log]).toEqual([
    [false, false],
    ["asks about 100 ms", "asks about 300 ms", "sure on 1 after 0 ms"],
  ]);
});

it("asks nobody about one where nothing is answered", () => {
  const pods = (isRunning: boolean): Link[] =>
    links(true, isRunning).map((link, position) => Object.assign({}, link, { name: ["eth0", "veth1"][position] }));
  for (const isRunning of [true, false, true]) guard.look(pods(isRunning));
  expect([silent(), log]).toEqual([[false, false], []]);
});

it("one that loses its carrier once more while it is asked stays silent", async () => {
  guard.look(links(false, true));
  guard.look(links(true, true));
  guard.look(links(false, true));
  await answer(0, true);
  expect(silent()).toEqual([true, false]);
  guard.look(links(true, true));
  await answer(1, true);
  expect(silent()).toEqual([false, false]);
});

it("asks nobody and waits for nothing after stop()", async () => {
  guard.look(links(false, true));
  guard.look(links(true, true));
  await answer(0, false);
  guard.stop();
  expect(timers).toEqual([]);
  guard.look(links(false, true));
  guard.look(links(true, true));
  expect(log).toHaveLength(1);
});
