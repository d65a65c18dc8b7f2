import type { Fleet } from "../announce/decision.js";
import { judgeFleet, NOTHING_SEEN, type FleetJudgement } from "../announce/fleet.js";
import type { ElectionRules } from "../announce/fleet-generation.js";
import { compareReleases, formatRelease, type Release } from "../announce/release.js";
import type { Logger } from "../net/logger.js";
import type { PodView } from "../world/views.js";

/**
 * How long the rules that a fleet went by until now still count. The others of ours learn of the same change, by gossip,
 * within some hundred milliseconds; until then an address that changes hands for the rules' sake is answered by nobody.
 */
export const FORMER_RULES_MILLISECONDS = 1_000;

/**
 * How long after the last speaker of the original is gone addresses are still asked for before they are announced: it tells
 * the others that it leaves, and goes on answering until its process ends.
 */
export const LINGERING_MILLISECONDS = 5_000;

export type FleetFollowerOptions = Readonly<{
  /** Name of this node. */
  self: string;
  /** Name of our own Pod; "": not known. */
  ownPod: string;
  /** What the releases of others are taken to be where nothing tells; undefined: the newest. */
  assumed: Release | undefined;
}>;

export type FleetFollowerPorts = Readonly<{
  /** Whose rules count from now on; when anything of it is another. */
  changed: (fleet: Fleet) => void;
  /** For people: the name of the rules, and why they are in force. */
  gauge: (generation: string) => void;
  /** Calls once; returns what calls it off. */
  startTimer: (milliseconds: number, run: () => void) => () => void;
  log: Logger;
}>;

/** Follows by whose rules the speakers elect. */
export type FleetFollower = Readonly<{
  /** @param ours those of the living whose speaker says in gossip that it is ours; undefined: no gossip */
  livingChanged: (alive: ReadonlySet<string>, ours: ReadonlySet<string> | undefined) => void;
  /** @param pods of all speakers; undefined: they cannot be seen */
  podsChanged: (pods: readonly PodView[] | undefined) => void;
  stop: () => void;
}>;

export function createFleetFollower(
  { self, ownPod, assumed }: FleetFollowerOptions,
  { changed, gauge, startTimer, log }: FleetFollowerPorts,
): FleetFollower {
  let alive: ReadonlySet<string> = new Set();
  let ours: ReadonlySet<string> | undefined;
  let pods: readonly PodView[] | undefined;
  const awaited = new Set(["living", "pods"]); // before both are known nothing is to be judged
  let judgement: FleetJudgement | undefined;
  let told: Fleet | undefined;
  let stopLingering: (() => void) | undefined; // there while the last one of the original may linger
  const former = new Map<ElectionRules, () => void>(); // what calls the timer off. BOUNDED by the rows of rules

  function judge(): void {
    if (awaited.size > 0) return;
    const seen = judgement?.seen ?? NOTHING_SEEN;
    const next = judgeFleet({ alive, ours, self, pods, ownPod, assumed, seen });
    const before = judgement;
    judgement = next;
    if (next.old.size > 0) stopLingering?.();
    if (next.old.size > 0) stopLingering = undefined;
    else if (before !== undefined && before.old.size > 0) linger();
    if (before !== undefined && before.rules !== next.rules) outdate(before.rules);
    former.get(next.rules)?.();
    former.delete(next.rules);
    if (before === undefined || !areWorded(before, next)) say(next);
    tell();
  }

  function outdate(rules: ElectionRules): void {
    former.get(rules)?.();
    const cancel = startTimer(FORMER_RULES_MILLISECONDS, () => {
      former.delete(rules);
      tell();
    });
    former.set(rules, cancel);
  }

  function linger(): void {
    stopLingering = startTimer(LINGERING_MILLISECONDS, () => {
      stopLingering = undefined;
      tell();
    });
  }

  function tell(): void {
    if (judgement === undefined) return;
    const fleet: Fleet = {
      rules: judgement.rules,
      old: judgement.old,
      gossips: ours !== undefined,
      asksFirst: judgement.old.size > 0 || stopLingering !== undefined,
      former: [...former.keys()],
    };
    if (told !== undefined && areAlike(told, fleet)) return;
    told = fleet;
    changed(fleet);
  }

  function say({ rules, release, old, reason }: FleetJudgement): void {
    gauge(rules.since);
    const of = release === undefined ? {} : { release: formatRelease(release) };
    const fields = { event: "fleetGeneration", generation: rules.since, ...of };
    const message = `electing by ${rules.since === "newest" ? "the newest rules" : `the rules since ${rules.since}`}: ${reason}`;
    if (old.size > 0 && release === undefined) log.warn(fields, message);
    else log.info(fields, message);
  }

  return {
    livingChanged(names, saidToBeOurs) {
      [alive, ours] = [names, saidToBeOurs];
      awaited.delete("living");
      judge();
    },
    podsChanged(seen) {
      pods = seen;
      awaited.delete("pods");
      judge();
    },
    stop() {
      for (const cancel of former.values()) cancel();
      stopLingering?.();
      former.clear();
    },
  };
}

/** Not every speaker that is replaced is worth a line. */
function areWorded(a: FleetJudgement, b: FleetJudgement): boolean {
  return a.rules === b.rules && a.old.size > 0 === b.old.size > 0 && sameRelease(a.release, b.release);
}

function sameRelease(a: Release | undefined, b: Release | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && compareReleases(a, b) === 0);
}

function areAlike(a: Fleet, b: Fleet): boolean {
  if (a.rules !== b.rules || a.gossips !== b.gossips || a.asksFirst !== b.asksFirst) return false;
  if (a.old.size !== b.old.size || ![...a.old].every((name) => b.old.has(name))) return false;
  return a.former.length === b.former.length && a.former.every((rules) => b.former.includes(rules));
}
