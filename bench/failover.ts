import { FAULT_KINDS, runFault, runPartition, type FaultRun } from "../test/failover/faults.js";
import { createFleet, type Fleet } from "../test/failover/fleet.js";
import { problemsOf } from "../test/failover/outcome.js";
import { failoverTimes, percentile } from "../test/failover/times.js";
import type { LanHost } from "../test/lab/index.js";
import type { Report } from "./run.js";

/** Shorter for a look: SIZES=500 FAULTS=1. */
const SERVICES = Number((process.env["SIZES"] ?? "5000").split(",")[0]);
const FAULTS_OF_A_KIND = Number(process.env["FAULTS"] ?? 10);
const FAULTS_WHILE_CREATING = Math.ceil(FAULTS_OF_A_KIND / 5);
const PARTITIONS = Math.ceil(FAULTS_OF_A_KIND / 2);
/** A client that asks for all of 5,000 addresses five times a second would be most of the load. */
const ASKED = 250;
/** In flight at once; so that new Services come for as long as the faults take. */
const CREATING_WIDTH = 2;

/**
 * From a fault of one of three nodes to the first frame by which another one claims an address of it, to the first
 * request that another one answers, and to the last address that is answered for again; and from the end of a fault until
 * each address is back at its owner alone. There are 5,000 Services, and then 5,000 more are being created.
 */
export async function run(report: Report): Promise<void> {
  const fleet = await createFleet({ services: SERVICES, asked: Math.min(ASKED, SERVICES) });
  try {
    const nodes = fleet.lab.nodes;
    const seconds = (name: string, milliseconds: number): void =>
      report({ bench: "failover", case: name, value: milliseconds / 1000, unit: "s", floor: null, ratio: null });
    const reportRuns = (situation: string, runs: readonly FaultRun[]): void => {
      for (const { name, p50, p99 } of failoverTimes(runs)) {
        seconds(`${situation}, ${name}, p50`, p50);
        seconds(`${situation}, ${name}, p99`, p99);
      }
    };

    reportRuns(`${SERVICES} services`, await inflictAll(fleet, FAULTS_OF_A_KIND));
    const heals: number[] = [];
    for (let turn = 0; turn < PARTITIONS; turn += 1) {
      heals.push((await runPartition(fleet, nodes[turn % nodes.length] as LanHost)).healMs);
    }
    seconds(`${SERVICES} services, partition heals, p50`, percentile(heals, 50));
    seconds(`${SERVICES} services, partition heals, p99`, percentile(heals, 99));
    const rss = Math.max(...nodes.map((node) => fleet.speaker(node).usage().rssMiB));
    const memory = `speaker memory at ${SERVICES}`;
    report({ bench: "failover", case: memory, value: rss, unit: "MiB", floor: null, ratio: null });

    const creating = fleet.createServices(SERVICES, SERVICES, CREATING_WIDTH);
    reportRuns(`${SERVICES} more being created`, await inflictAll(fleet, FAULTS_WHILE_CREATING));
    await creating;
  } finally {
    await fleet.close();
  }
}

async function inflictAll(fleet: Fleet, timesEach: number): Promise<readonly FaultRun[]> {
  const runs: FaultRun[] = [];
  for (let turn = 0; turn < timesEach * FAULT_KINDS.length; turn += 1) {
    const kind = FAULT_KINDS[turn % FAULT_KINDS.length] ?? "SIGKILL";
    const node = fleet.lab.nodes[turn % fleet.lab.nodes.length] as LanHost;
    const run = await runFault(fleet, kind, node);
    for (const problem of problemsOf(run)) console.error(`${kind} of ${node.name}: ${problem}`);
    runs.push(run);
    fleet.ledger.forget(Date.now() - 5000);
  }
  return runs;
}
