import { createLab, until, type Lab, type LanHost } from "../test/lab/index.js";
import { bfdSpec, startBfdOn, type BfdProcess } from "../test/lab/bfd-process.js";
import { measureRoutes } from "./bfd-routes.js";
import type { Report } from "./run.js";

/** Sessions at once, and milliseconds between packets; the multiplier is always 3. */
const CASES = [
  { sessions: 1, interval: 300 },
  { sessions: 1, interval: 50 },
  { sessions: 1, interval: 10 },
  { sessions: 100, interval: 300 },
  { sessions: 100, interval: 50 },
] as const;
const DETECT_MULT = 3;
const ROUNDS = 5;
const QUIET_MILLISECONDS = 10_000;

/**
 * How soon a router drops the routes of a lost node. Then two nodes with sessions between them. First nothing happens, and no session may go down; then the peer is killed, and
 * the time until the last session has noticed is taken. The floor is the time by which RFC 5880 §6.8.4 wants it noticed.
 */
export async function run(report: Report): Promise<void> {
  await measureRoutes(report);
  const lab = await createLab({ nodes: 2 });
  try {
    await giveAddresses(lab);
    for (const { sessions, interval } of CASES) await measure(lab, sessions, interval, report);
  } finally {
    await lab.close();
  }
}

const MOST = Math.max(...CASES.map(({ sessions }) => sessions));
const address = (host: number, index: number): string => `198.18.${host}.${index + 1}`;

async function giveAddresses(lab: Lab): Promise<void> {
  for (const [index, host] of lab.nodes.entries()) {
    const lines = Array.from({ length: MOST }, (_, number) => `address add ${address(index, number)}/15 dev eth0`);
    await host.exec(["ip", "-batch", "-"], lines.join("\n"));
  }
}

async function measure(lab: Lab, count: number, interval: number, report: Report): Promise<void> {
  const [n1, n2] = lab.nodes as [LanHost, LanHost];
  const microseconds = interval * 1000;
  const specs = (from: number, to: number) =>
    Array.from({ length: count }, (_, index) =>
      bfdSpec(address(to, index), {
        localAddress: address(from, index),
        desiredMinTxMicroseconds: microseconds,
        requiredMinRxMicroseconds: microseconds,
        detectMult: DETECT_MULT,
      }),
    );
  const watcher = await startBfdOn(n1, lab.folder, specs(0, 1));
  const taken: number[] = [];
  let falseAlarms = 0;
  let cpu = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const peer = await startBfdOn(n2, lab.folder, specs(1, 0));
    await until(() => upCount(watcher) === count && upCount(peer) === count, { what: "all sessions to be up" });
    if (round === 0) {
      const [changes, cpuBefore] = [watcher.states().length, watcher.process.usage().cpuMs];
      await new Promise((resolve) => setTimeout(resolve, QUIET_MILLISECONDS));
      falseAlarms = watcher.states().length - changes;
      cpu = watcher.process.usage().cpuMs - cpuBefore;
    }
    const killedAt = Number(process.hrtime.bigint()) / 1e6;
    await peer.process.kill();
    await until(() => upCount(watcher) === 0, { what: "the peer to be missed" });
    const noticed = watcher.states().filter(({ at, from }) => at > killedAt && from === "Up");
    taken.push(Math.max(...noticed.map(({ at }) => at - killedAt)));
  }
  await watcher.process.kill();
  const name = `${interval} ms x ${DETECT_MULT}, ${count} ${count === 1 ? "session" : "sessions"}`;
  const [value, floor] = [Math.max(...taken), interval * DETECT_MULT];
  report({ bench: "bfd", case: `${name}: slowest detection`, value, unit: "ms", floor, ratio: value / floor });
  report({ bench: "bfd", case: `${name}: false alarms in 10 s`, value: falseAlarms, unit: "", floor: 0, ratio: null });
  const perSecond = cpu / (QUIET_MILLISECONDS / 1000);
  report({ bench: "bfd", case: `${name}: CPU`, value: perSecond, unit: "ms/s", floor: null, ratio: null });
}

function upCount(bfd: BfdProcess): number {
  return [...bfd.current().values()].filter((state) => state === "Up").length;
}
