/** What can happen to a node, and how it comes back. */
import { setTimeout as delay } from "node:timers/promises";
import type { LanHost } from "../lab/index.js";
import { ANSWER_WITHIN_MS, type Fleet } from "./fleet.js";
import type { FaultOutcome } from "./outcome.js";
import { judge, measureFailover, type Failover, type Verdict } from "./verdict.js";

const ALLOWED = { withinMs: ANSWER_WITHIN_MS };

/**
 * SIGKILL: the speaker ends, and is started again. Cable cut: the link is down on both sides, then up. SIGSTOP: the speaker
 * does nothing, then goes on. Namespace gone: the node is switched off, then on again.
 */
export const FAULT_KINDS = ["SIGKILL", "cable cut", "SIGSTOP", "namespace gone"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** @returns what makes it good again */
async function inflict(fleet: Fleet, kind: FaultKind, node: LanHost): Promise<() => Promise<void>> {
  const { lab } = fleet;
  switch (kind) {
    case "SIGKILL":
      await fleet.speaker(node).kill();
      return () => fleet.start(node);
    case "cable cut":
      await node.cable.cut();
      return () => node.cable.mend();
    case "SIGSTOP":
      fleet.speaker(node).stop();
      return async () => fleet.speaker(node).continue();
    case "namespace gone":
      await lab.powerOff(node);
      return async () => {
        await lab.powerOn(node);
        await fleet.start(node);
      };
  }
}

/** One fault and its end, as the client saw it. */
export type FaultRun = FaultOutcome &
  Readonly<{
    kind: FaultKind;
    node: string;
    /** When it began: just before it was inflicted, so that times from here on are rather too long than too short. */
    at: number;
    failover: Failover;
    /** From when it was made good until all was as before. */
    healMs: number;
  }>;

/** The rest of the fleet takes over, then the node comes back. Rejects where it does not come to that. */
export async function runFault(fleet: Fleet, kind: FaultKind, node: LanHost): Promise<FaultRun> {
  const { lab, ledger } = fleet;
  const survivors = lab.nodes.filter((each) => each !== node);
  const [before, after] = [fleet.owners(lab.nodes, fleet.addresses), fleet.owners(survivors)];
  const lost = fleet.addresses.filter((address) => before.get(address) === node.mac);
  const at = Date.now();
  const from = at - ANSWER_WITHIN_MS; // some requests before the fault, so that the owner before it is seen
  const heal = await inflict(fleet, kind, node);
  await fleet.untilOwned(survivors, at);
  const healedAt = Date.now();
  const apart = ledger.requests({ from, to: healedAt });
  const during = judge(apart, ALLOWED);
  const claims = ledger.claims({ from: at, to: healedAt });
  const failover = measureFailover(apart, claims, { at, mac: node.mac, addresses: new Set(lost) });
  await heal();
  const settledAt = await fleet.untilOwned(lab.nodes, healedAt);
  return {
    kind,
    node: node.name,
    at,
    failover,
    healMs: settledAt - healedAt,
    victim: node.mac,
    heirs: new Map([...after].filter(([address]) => before.get(address) === node.mac)),
    during,
    whole: judge(ledger.requests({ from }), ALLOWED), // a request that waited for long may have been answered now
    claims,
  };
}

export type Planned = Readonly<{ verdict: Verdict; settledMs: number }>;

/** SIGTERM, and after that pause a new process; then until all is as before. */
export async function runRestart(fleet: Fleet, node: LanHost, pauseMs: number): Promise<Planned> {
  const { lab, ledger } = fleet;
  const at = Date.now();
  await fleet.speaker(node).terminate();
  await delay(pauseMs);
  await fleet.start(node);
  const backAt = Date.now();
  const settledAt = await fleet.untilOwned(lab.nodes, backAt);
  return {
    verdict: judge(ledger.requests({ from: at - ANSWER_WITHIN_MS }), ALLOWED),
    settledMs: settledAt - backAt,
  };
}

/** Each node in turn, as a DaemonSet's rolling update: the next one as soon as the one before is ready. */
export async function runRollout(fleet: Fleet): Promise<Planned> {
  const { lab, ledger } = fleet;
  const at = Date.now();
  for (const node of lab.nodes) {
    await fleet.speaker(node).terminate();
    await fleet.replacePod(node);
    await fleet.start(node);
    await fleet.untilReady(node);
  }
  const doneAt = Date.now();
  const settledAt = await fleet.untilOwned(lab.nodes, doneAt);
  return {
    verdict: judge(ledger.requests({ from: at - ANSWER_WITHIN_MS }), ALLOWED),
    settledMs: settledAt - doneAt,
  };
}

export type Healing = Readonly<{
  /** From the healing until each address was served by its owner alone. */
  healMs: number;
  /** While apart, as the client on the side of the many saw it. */
  apart: Verdict;
  together: Verdict;
}>;

/** One node on one side, two and the client on the other; every link stays up. Then the network is whole again. */
export async function runPartition(fleet: Fleet, node: LanHost): Promise<Healing> {
  const { lab, ledger } = fleet;
  const at = Date.now();
  const rule = await node.cable.block({});
  const others = lab.nodes.filter((each) => each !== node);
  await Promise.all([fleet.untilOwned(others, at), fleet.untilAnnouncesAll(node)]);
  const healedAt = Date.now(); // before it is, so that nothing of it is taken for what was before
  await rule.remove();
  const settledAt = await fleet.untilOwned(lab.nodes, healedAt);
  return {
    healMs: settledAt - healedAt,
    apart: judge(ledger.requests({ from: at - ANSWER_WITHIN_MS, to: healedAt }), ALLOWED),
    together: judge(ledger.requests({ from: healedAt }), ALLOWED),
  };
}
