import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { FAULT_KINDS, runFault, runPartition, runRestart, runRollout } from "../failover/faults.js";
import { createFleet, type Fleet } from "../failover/fleet.js";
import { describeDoubles, problemsOf } from "../failover/outcome.js";
import { movesByAddress, type Verdict } from "../failover/verdict.js";
import type { LanHost } from "../lab/index.js";

/*
 * Three speakers, 100 Services of layer 2, and a client that asks for each address five times a second. What is asserted
 * is who answers, and in which order: how long it takes is for `make bench` and `make soak`.
 */

const SERVICES = 100;
const FAULTS = 10;

let fleet: Fleet;
beforeAll(async () => {
  fleet = await createFleet({ services: SERVICES });
});
afterEach(({ task }) => {
  if (task.result?.state !== "fail") return;
  for (const node of fleet?.lab.nodes ?? []) {
    console.error(`the speaker of ${node.name} said last:\n${fleet.speaker(node).output().slice(-6000)}`);
  }
});
afterAll(() => fleet?.close());

const nodeOf = (index: number): LanHost => fleet.lab.nodes[index % fleet.lab.nodes.length] as LanHost;

/** Every request was answered in time, once, and no address moved more often than twice: away and back. */
function expectNoneMissed(verdict: Verdict): void {
  const describe = ({ address, at, answers }: Verdict["unanswered"][number]): string =>
    `${address} at ${at.toFixed(0)}: ${answers.map(({ mac, at: answered }) => `${mac} after ${answered - at} ms`).join()}`;
  expect(verdict.asked).toBeGreaterThan(SERVICES);
  const first = Math.min(...verdict.unanswered.map(({ at }) => at));
  const stalls = fleet.stalls(first); // on a machine that has no time for it a thread answers nothing, as it must
  const unexcused = verdict.unanswered.filter(({ at }) => !stalls.some(({ from, to }) => at >= from && at <= to));
  expect(unexcused.map(describe)).toEqual([]);
  expect(describeDoubles(verdict.byTwo)).toEqual([]);
  expect(verdict.repeated.map(describe)).toEqual([]);
  expect([...movesByAddress(verdict.moves)].filter(([, moves]) => moves > 2)).toEqual([]);
  expect(verdict.moves.length).toBeGreaterThan(0);
}

it("answers every request, by one machine, while a speaker is restarted", async () => {
  expectNoneMissed((await runRestart(fleet, nodeOf(0), 1000)).verdict);
});

it("answers every request, by one machine, while all speakers are replaced in turn", async () => {
  expectNoneMissed((await runRollout(fleet)).verdict);
});

it.each(Array.from({ length: FAULTS }, (_, index) => [index + 1, FAULT_KINDS[index % FAULT_KINDS.length]] as const))(
  "moves the addresses of a node, and no other, at fault %i: %s",
  async (number, kind = "SIGKILL") => {
    expect(problemsOf(await runFault(fleet, kind, nodeOf(number)))).toEqual([]);
  },
);

it("settles on one owner for each address when a network is split and healed", async () => {
  const { apart, together } = await runPartition(fleet, nodeOf(1));
  expect(describeDoubles(apart.byTwo)).toEqual([]);
  expect(together.asked).toBeGreaterThan(SERVICES); // each is served by its owner alone, or it had not come back
});
