/** A network and machines that are not well: nobody may lose an address for it, but who has no time to answer. */
import { setTimeout as delay } from "node:timers/promises";
import type { LanHost } from "../lab/index.js";
import { ANSWER_WITHIN_MS, type Fleet } from "./fleet.js";
import { throttle } from "./throttle.js";
import { describeDoubles } from "./outcome.js";
import { judge, type Move } from "./verdict.js";

export type NoiseOptions = Readonly<{
  minutes: number;
  random: () => number;
  /** Told of each turn. */
  say: (line: Readonly<Record<string, unknown>>) => void;
}>;

export type Noise = Readonly<{
  /** How often a node was throttled. */
  throttled: number;
  moves: number;
  /** Neither from nor to a node that was throttled then, or in the turn before. */
  unexpected: readonly Move[];
  verdict: Readonly<{ asked: number; unanswered: number; answeredByTwo: number; clientLateMs: number }>;
}>;

const LOST_PERCENT = 2;
const SPINNING = 2;
const THROTTLED_MS = 15_000;
const REST_MS = 15_000;
const THROTTLED_PERCENT = 10;

/**
 * Two processes that never rest, every node's cable loses 2 % of what it sends, and one node's speaker after the other
 * has a tenth of a processor for 15 s, with as long a pause after it.
 */
export async function makeNoise(fleet: Fleet, { minutes, random, say }: NoiseOptions): Promise<Noise> {
  const { lab, ledger } = fleet;
  const spinners = Array.from({ length: SPINNING }, () => lab.controlPlane.spawn(["sh", "-c", "while :; do :; done"]));
  const losses = await Promise.all(lab.nodes.map(({ cable }) => cable.lose(LOST_PERCENT, { direction: "out" })));
  const unexpected: Move[] = []; // BOUNDED by what goes wrong
  const sums = { asked: 0, unanswered: 0, answeredByTwo: 0, clientLateMs: 0 };
  let [moves, throttled, lastMac] = [0, 0, ""];
  try {
    await fleet.look();
    let from = ledger.until();
    for (const end = Date.now() + minutes * 60_000; Date.now() < end;) {
      const node = lab.nodes[Math.floor(random() * lab.nodes.length)] as LanHost;
      await slowDown(fleet, node, `${lab.name}-${throttled}`);
      throttled += 1;
      await fleet.look();
      const to = ledger.until() - ANSWER_WITHIN_MS; // what came later may still be answered
      const seen = judge(ledger.requests({ from, to }), { withinMs: ANSWER_WITHIN_MS });
      const overlap = judge(ledger.requests({ from: from - ANSWER_WITHIN_MS, to }), { withinMs: ANSWER_WITHIN_MS });
      const moved = overlap.moves.filter(({ at }) => at >= from); // also that of the first request
      const strange = moved.filter(
        ({ from: mac, to: next }) => ![mac, next].some((each) => [node.mac, lastMac].includes(each)),
      );
      say({
        throttled: node.name,
        moves: moved.length,
        unexpectedMoves: strange.length,
        unanswered: seen.unanswered.length,
        answeredByTwo: seen.byTwo.length,
        asked: seen.asked,
        ...(seen.byTwo.length === 0
          ? {}
          : { doubles: describeDoubles(seen.byTwo), machines: lab.nodes.map(({ name, mac }) => `${name} is ${mac}`) }),
      });
      moves += moved.length;
      unexpected.push(...strange);
      sums.asked += seen.asked;
      sums.unanswered += seen.unanswered.length;
      sums.answeredByTwo += seen.byTwo.length;
      sums.clientLateMs = Math.max(sums.clientLateMs, seen.lateMs);
      ledger.forget(to - ANSWER_WITHIN_MS);
      [from, lastMac] = [to, node.mac];
    }
  } finally {
    await Promise.all(losses.map((loss) => loss.remove()));
    await Promise.all(spinners.map((spinner) => spinner.kill()));
  }
  return { throttled, moves, unexpected, verdict: sums };
}

async function slowDown(fleet: Fleet, node: LanHost, name: string): Promise<void> {
  const end = throttle(name, fleet.speaker(node).pid, THROTTLED_PERCENT);
  try {
    await delay(THROTTLED_MS);
  } finally {
    end();
  }
  await delay(REST_MS);
}
