import { Session } from "node:inspector/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Allocator } from "../../../../src/runtime/allocator/allocator.js";
import type { Decision } from "../../../../src/runtime/allocator/decision.js";
import { allocatorWith, outcomeOf, performed, poolOf, serviceOf } from "./fixtures.js";

/*
 * What a decision costs is counted, not timed: how often V8 enters the blocks of the allocator's sources. The same run
 * gives the same count on every machine.
 */

const session = new Session();
beforeAll(async () => {
  session.connect();
  await session.post("Profiler.enable");
  // Before any of the sources' functions ran: what is compiled from now on is counted, block by block.
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
});
afterAll(() => session.disconnect());

/** How many blocks of the allocator's sources were entered since the last call. */
async function takeSteps(): Promise<number> {
  const { result } = await session.post("Profiler.takePreciseCoverage");
  const ours = result.filter(({ url }) => url.includes("/src/runtime/allocator/"));
  const ranges = ours.flatMap(({ functions }) => functions.flatMap((each) => each.ranges));
  return ranges.reduce((sum, { count }) => sum + count, 0);
}

async function countSteps(work: () => void): Promise<number> {
  await takeSteps();
  work();
  return takeSteps();
}

type Rest = Parameters<typeof serviceOf>[1];
const POOL = poolOf("p", ["10.0.0.0/8", "2001:db8::/64"]);
const decide = (allocator: Allocator, name: string, rest: Rest = {}): Decision => {
  const view = serviceOf(name, rest);
  const decision = allocator.decide(view);
  allocator.observe(performed(view, decision));
  allocator.written(`default/${name}`);
  return decision;
};
const k = (rest: Rest = {}): Rest => ({ ...rest, annotations: { "metallb.io/allow-shared-ip": "k" } });

/** `fill` makes the Service number `index` of a cluster; `work` is what is counted when it is full. */
const CASES: readonly {
  name: string;
  fill: (allocator: Allocator, index: number) => unknown;
  work: (allocator: Allocator, round: number) => unknown;
}[] = [
  {
    name: "a new Service",
    fill: (allocator, index) => decide(allocator, `s${index}`),
    work: (allocator, round) => decide(allocator, `new${round}`),
  },
  {
    name: "a Service that goes, and one that takes its place",
    fill: (allocator, index) => decide(allocator, `s${index}`),
    work(allocator, round) {
      allocator.release(`default/s${round * 3}`);
      decide(allocator, `new${round}`);
    },
  },
  {
    name: "a Service that is confirmed",
    fill: (allocator, index) => decide(allocator, `s${index}`),
    work: (allocator, round) => decide(allocator, `s${round * 3}`),
  },
  {
    name: "a Service that moves to an address that it asks for",
    fill: (allocator, index) => decide(allocator, `s${index}`),
    work: (allocator, round) => decide(allocator, `s${round}`, { loadBalancerIP: `10.200.0.${round}` }),
  },
  {
    name: "a Service of a sharing key that all have, with a port that none is free for",
    fill: (allocator, index) => decide(allocator, `s${index}`, k()),
    work: (allocator, round) => decide(allocator, `new${round}`, k()),
  },
  {
    name: "a port that comes free on one of the shared addresses, and is taken again",
    fill: (allocator, index) => decide(allocator, `s${index}`, k()),
    work(allocator, round) {
      decide(allocator, `other${round}`, k({ ports: ["TCP/81"] }));
      allocator.release(`default/s${round * 3}`);
      decide(allocator, `new${round}`, k());
    },
  },
  {
    name: "a Service whose address turns out to be a Node's",
    fill: (allocator, index) => decide(allocator, `s${index}`),
    work(allocator, round) {
      for (const key of allocator.useNodeAddresses([{ name: "n", internalIPs: [`10.0.0.${round}`] }])) {
        decide(allocator, key.slice("default/".length));
      }
    },
  },
];
const [FEW, MANY, ROUNDS] = [250, 4_000, 20];

const TIMEOUT_MILLISECONDS = 120_000; // counting makes everything slow, and a machine may be busy

it.each(CASES)(
  "$name costs no more beside 16 times as many",
  { timeout: TIMEOUT_MILLISECONDS },
  async ({ fill, work }) => {
    const steps: number[] = [];
    for (const size of [FEW, MANY]) {
      const allocator = allocatorWith(POOL);
      for (let index = 0; index < size; index += 1) fill(allocator, index);
      work(allocator, 0); // what is built at the first question of its kind
      const each = await countSteps(() => {
        for (let round = 1; round <= ROUNDS; round += 1) work(allocator, round);
      });
      steps.push(each / ROUNDS);
    }
    const [few = 0, many = 0] = steps;
    expect(few).toBeGreaterThan(10); // something was counted
    expect(many - few).toBeLessThan(100); // a heap that is four levels deeper
  },
);

it.each([
  { name: "an IPv4 /8", range: "10.0.0.0/8", rest: {} },
  { name: "an IPv6 /64", range: "2001:db8::/64", rest: { clusterIPs: ["fd00::1"] } },
  { name: "an IPv6 /32", range: "2001:db8::/32", rest: { clusterIPs: ["fd00::1"] } },
])("$name costs what a pool of 16 addresses costs", { timeout: TIMEOUT_MILLISECONDS }, async ({ range, rest }) => {
  const small = range.includes(":") ? "2001:db8::/124" : "10.0.0.0/28";
  const costs: number[] = [];
  for (const pool of [small, small, range]) {
    // the first one warms up
    let allocator = allocatorWith(POOL);
    costs.push(
      await countSteps(() => {
        allocator = allocatorWith(poolOf("p", [pool]));
        expect(outcomeOf(decide(allocator, "web", rest)).outcome).toBe("assigned");
        allocator.usage();
        allocator.release("default/web");
      }),
    );
  }
  expect(costs[2]).toBe(costs[1]);
});
