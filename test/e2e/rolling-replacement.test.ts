import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { electionHash } from "../../src/runtime/announce/layer2-election.js";
import { createLedger, type Ledger } from "../failover/ledger.js";
import { machinesOf, settlement } from "../failover/verdict.js";
import { startAsking, until, type Asking, type LanHost } from "../lab/index.js";
import { runs } from "../unit/runs.js";
import { createMixedFleet, type MixedFleet, type OldRelease, type Program } from "./mixed-fleet.js";
import { gapsOf } from "./service-gaps.js";
import { prepareCluster, type Smelter } from "./smelter.js";

/*
 * Three speakers of MetalLB serve Services to a client, and are replaced by ours one after the other, and back: no
 * request is answered by one of ours and by another machine, and nobody waits longer than when an old one is restarted.
 */

const isLong = runs(1) > 1; // in make soak
const SERVICES = isLong ? 100 : 20;
const NAMESPACE = "metallb-system";
const PERIOD_MS = 200;
/** Nothing is answered later than that. */
const OPEN_MS = 500;
/** What a node needs at least to have another Pod in the place of one. */
const PAUSE_MS = 1000;
/** Each member is looked after about so often: what chance makes of the time in which a dead one is found. */
const MEMBERLIST_PROBE_MS = 1000;
/** An old speaker that has joined takes back what it claimed when it knew of nobody. */
const JOINED_MS = 1000;
const FIRST_SENDER = "10.77.255.0";

type Step = Readonly<{ name: string; from: number; to: number; gapMs: number; twice: readonly string[] }>;

describe.each<{ release: OldRelease }>([{ release: "v0.11" }, { release: "v0.14" }])("$release", ({ release }) => {
  let smelter: Smelter;
  let fleet: MixedFleet & Readonly<{ addresses: readonly string[] }>;
  let asking: Asking;
  let ledger: Ledger;
  const steps: Step[] = [];

  beforeAll(async () => {
    smelter = await prepareCluster({ nodes: 3, namespace: NAMESPACE, kubeProxy: false });
    fleet = await createMixedFleet(smelter, release, SERVICES);
    ledger = createLedger();
    const { client, folder, nodes } = smelter.lab;
    const order = { addresses: fleet.addresses, periodMs: PERIOD_MS, firstSender: FIRST_SENDER };
    asking = await startAsking(client, folder, order);
    for (const node of nodes) await fleet.start(node, release);
    await allServed();
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") for (const output of fleet?.outputs() ?? []) console.error(output);
  });
  afterAll(async () => {
    if (isLong)
      for (const { name, from, to, gapMs, twice } of steps) console.log(release, name, to - from, gapMs, twice);
    await smelter?.close();
  });

  /** Every address was answered for by its owner among these nodes, several times in a row, and by nobody else. */
  async function allServed(nodes: readonly LanHost[] = smelter.lab.nodes): Promise<void> {
    const since = Date.now();
    const owners = new Map(fleet.addresses.map((address) => [address, ownerOf(address, nodes)]));
    await until(
      async () => {
        ledger.add(await asking.take());
        const requests = ledger.requests({ from: since, to: ledger.until() - OPEN_MS });
        const bounds = { until: ledger.until(), withinMs: OPEN_MS, times: 4 };
        return settlement(requests, owners, bounds).at !== undefined;
      },
      { what: "each address to be answered for by its owner", deadlineMs: 120_000, everyMs: 50 },
    );
  }

  /** What a client saw from the beginning of `work` until all was served again. */
  async function step(name: string, work: () => Promise<number | void>): Promise<Step> {
    const from = Date.now();
    const joinedAt = (await work()) ?? from;
    await allServed();
    const to = Date.now();
    const requests = ledger.requests({ from, to });
    const gaps = gapsOf(requests, ledger.until(), OPEN_MS).map(({ milliseconds }) => milliseconds);
    const twice = [...requests.values()].flat().filter((request) => {
      // Until an old speaker has joined it takes itself for the only one.
      if (joinedAt > from && request.at < joinedAt + JOINED_MS) return false;
      const machines = [...machinesOf(request)];
      return machines.length > 1 && machines.some((mac) => fleet.programAt(mac, request.at) === "ours");
    });
    const described = twice.map(({ address, at, answers }) => {
      const by = answers.map(
        ({ mac, at: then }) => `${fleet.programAt(mac, at)} ${mac} after ${Math.round(then - at)} ms`,
      );
      return `${address} at ${Math.round(at - from)} ms by ${by.join(" and ")}`;
    });
    const done = { name, from, to, gapMs: Math.round(Math.max(...gaps)), twice: described };
    steps.push(done);
    return done;
  }

  /** @returns when it had joined, of an old one */
  async function start(node: LanHost, program: Program): Promise<number | void> {
    const { process } = await fleet.start(node, program);
    if (program === "ours") return;
    await process.waitForOutput(/memberlist join succes/, { deadlineMs: 60_000 });
    return Date.now();
  }

  /** As a DaemonSet does it: with the time to leave that plain manifests give, or none, as charts have it. */
  const replace = (node: LanHost, by: Program, how: "orderly" | "hard" = "orderly"): Promise<Step> =>
    step(`${fleet.on(node).program} on ${node.name} by ${by}, ${how}`, async () => {
      await fleet.stop(fleet.on(node), how);
      await delay(PAUSE_MS);
      return start(node, by);
    });

  /** Killed, and replaced when the others have found out. */
  const lose = (node: LanHost, by: Program): Promise<Step> =>
    step(`${fleet.on(node).program} on ${node.name} dies, later ${by}`, async () => {
      await fleet.stop(fleet.on(node), "hard");
      await allServed(smelter.lab.nodes.filter((other) => other !== node));
      return start(node, by);
    });

  it("is replaced by ours, one speaker after the other, and back", async () => {
    const [n1, n2, n3] = smelter.lab.nodes as [LanHost, LanHost, LanHost];
    const restarts: Step[] = [];
    // With many Services an orderly restart takes long enough to compare with; with few, one without the time to leave.
    for (const node of isLong ? [n1, n2, n3] : [n1])
      restarts.push(await replace(node, release, isLong ? "orderly" : "hard"));
    const replaced: Step[] = [];
    for (const node of [n1, n2, n3]) replaced.push(await replace(node, "ours"));
    for (const node of isLong ? [n1, n2, n3] : [n1]) replaced.push(await replace(node, release));
    expect(replaced.flatMap(({ name, twice }) => twice.map((each) => `${name}: ${each}`))).toEqual([]);
    // What a moment costs without an answer depends on who asks in it, and then waits for its next turn.
    const longest = PERIOD_MS + Math.max(...restarts.map(({ gapMs }) => gapMs));
    expect(replaced.filter(({ gapMs }) => gapMs > longest)).toEqual([]);
  });

  /** In short for one release: the others need as long as it does to find that a speaker is dead. */
  if (!isLong && release !== "v0.11") return;
  it("dies hard, the last one of its kind, and ours take over", async () => {
    const [n1, n2, n3] = smelter.lab.nodes as [LanHost, LanHost, LanHost];
    const lostAmongOld = isLong ? await lose(n3, release) : undefined;
    const replaced: Step[] = [];
    if (fleet.on(n3).program === "ours") replaced.push(await replace(n3, release));
    for (const node of [n1, n2]) if (fleet.on(node).program !== "ours") replaced.push(await replace(node, "ours"));
    const lost = await lose(n3, "ours");
    expect([...replaced, lost].flatMap(({ name, twice }) => twice.map((each) => `${name}: ${each}`))).toEqual([]);
    if (lostAmongOld !== undefined) expect(lost.gapMs).toBeLessThanOrEqual(lostAmongOld.gapMs + MEMBERLIST_PROBE_MS);
  });
});

/** Whom all releases from v0.11 on elect where all nodes may announce. */
function ownerOf(address: string, nodes: readonly LanHost[]): string {
  const [first] = nodes.toSorted((a, b) => (electionHash(a.name, address) < electionHash(b.name, address) ? -1 : 1));
  return first?.mac ?? "";
}
