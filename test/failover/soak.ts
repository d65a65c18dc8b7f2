// Many faults of a fleet of three speakers, then half an hour of noise. Prints JSON lines; `make soak` runs it.
// FAULTS=400 MINUTES=30 SEED=1 are what is left out; SERVICES=100.
import { createFleet, type Fleet } from "./fleet.js";
import { FAULT_KINDS, runFault, type FaultRun } from "./faults.js";
import { makeNoise } from "./noise.js";
import { problemsOf } from "./outcome.js";
import { failoverTimes } from "./times.js";
import type { LanHost } from "../lab/index.js";

const FAULTS = Number(process.env["FAULTS"] ?? 400);
const MINUTES = Number(process.env["MINUTES"] ?? 30);
const SEED = Number(process.env["SEED"] ?? 1);
const SERVICES = Number(process.env["SERVICES"] ?? 100);
/** What has to hold for all faults together, from the fault to the first frame and to the first answer. */
const [MOST_P50_MS, MOST_P99_MS] = [500, 1000];
const KEPT_MS = 5000;
const LINES_OF_AN_OUTLIER = 40;

/** The same numbers for the same seed, each from 0 up to 1. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0; // Numerical Recipes: good enough to choose a node
    return state / 2 ** 32;
  };
}

const say = (line: Readonly<Record<string, unknown>>): void =>
  console.log(JSON.stringify({ soak: "failover", ...line }));
const choose = <Value>(random: () => number, list: readonly Value[]): Value =>
  list[Math.floor(random() * list.length)] as Value;

/** What the speakers wrote from the fault until all was answered for again: the cause is to be looked for in it. */
function logsOf(fleet: Fleet, { at, failover }: FaultRun): readonly string[] {
  const until = at + (failover.allAnsweredMs ?? KEPT_MS);
  return fleet.lab.nodes
    .flatMap((node) =>
      fleet
        .speaker(node)
        .output()
        .split("\n")
        .flatMap((line) => {
          const time = Number(/"time":(\d+)/.exec(line)?.[1] ?? Number.NaN);
          return time >= at && time <= until ? [{ time, text: `${node.name} ${line}` }] : [];
        }),
    )
    .toSorted((a, b) => a.time - b.time)
    .slice(0, LINES_OF_AN_OUTLIER)
    .map(({ text }) => text);
}

async function inflictMany(fleet: Fleet, random: () => number): Promise<readonly string[]> {
  const runs: FaultRun[] = []; // BOUNDED by FAULTS
  const failures: string[] = [];
  for (let index = 0; index < FAULTS; index += 1) {
    const [kind, node] = [choose(random, FAULT_KINDS), choose(random, fleet.lab.nodes) as LanHost];
    const run = await runFault(fleet, kind, node);
    const problems = problemsOf(run);
    failures.push(...problems.map((problem) => `fault ${index}, ${kind} of ${node.name}: ${problem}`));
    const { failover, healMs, during, whole } = run;
    const { firstFrameMs = Infinity, firstAnswerMs = Infinity, allAnsweredMs = Infinity } = failover;
    const waitedMs = Math.max(firstFrameMs, firstAnswerMs, allAnsweredMs);
    const evidence =
      waitedMs <= MOST_P99_MS && problems.length === 0
        ? {}
        : { outlier: true, problems, clientLateMs: during.lateMs, log: logsOf(fleet, run) };
    say({ fault: index, kind, node: node.name, ...failover, healMs, doubles: whole.byTwo.length, ...evidence });
    runs.push({
      ...run,
      claims: [],
      heirs: new Map(),
      during: { ...during, moves: [] },
      whole: { ...whole, moves: [] },
    });
    fleet.ledger.forget(Date.now() - KEPT_MS);
  }
  for (const times of failoverTimes(runs)) {
    say(times);
    if (!times.name.startsWith("all faults, first")) continue;
    if (times.p50 > MOST_P50_MS) failures.push(`${times.name}: p50 is ${times.p50} ms, more than ${MOST_P50_MS}`);
    if (times.p99 > MOST_P99_MS) failures.push(`${times.name}: p99 is ${times.p99} ms, more than ${MOST_P99_MS}`);
  }
  return failures;
}

say({ seed: SEED, faults: FAULTS, minutes: MINUTES, services: SERVICES });
const random = createRandom(SEED);
const fleet = await createFleet({ services: SERVICES });
try {
  const failures = FAULTS > 0 ? [...(await inflictMany(fleet, random))] : [];
  if (MINUTES > 0) {
    const { moves, unexpected, throttled, verdict } = await makeNoise(fleet, { minutes: MINUTES, random, say });
    say({ noise: MINUTES, throttled, moves, unexpectedMoves: unexpected.length, ...verdict });
    failures.push(...unexpected.map((move) => `noise: ${JSON.stringify(move)} has no cause`));
    if (verdict.answeredByTwo > 0) failures.push(`noise: ${verdict.answeredByTwo} requests were answered by two`);
  }
  for (const failure of failures) say({ failure });
  say({ failures: failures.length });
  process.exitCode = failures.length === 0 ? 0 : 1;
} finally {
  await fleet.close();
}
