import type { PodView } from "../world/views.js";
import { electionRulesOf, type ElectionRules } from "./fleet-generation.js";
import { nameNodes } from "./nodes.js";
import { compareReleases, formatRelease, type Release } from "./release.js";
import { imageOf, isOurPod, releaseOfPod, type SpeakerRelease } from "./speaker-release.js";

/** What a speaker knows of the others. */
export type FleetSigns = Readonly<{
  /** Names of the nodes whose speaker is alive, this one included. */
  alive: ReadonlySet<string>;
  /** Those of them whose speaker says in gossip that it is ours; undefined: there is no gossip, Pods tell. */
  ours: ReadonlySet<string> | undefined;
  self: string;
  /** The speakers' Pods; undefined: they cannot be seen. */
  pods: readonly PodView[] | undefined;
  /** Name of our own Pod; "": not known. */
  ownPod: string;
  /** What is not known to be another release is taken to be this one; undefined: the newest. */
  assumed: Release | undefined;
  /** What was seen in Pods before: one may be replaced already while its speaker still counts as alive. */
  seen: SeenReleases;
}>;

/** `last` is what the fleet went by last while one of the original's was in it. */
export type SeenReleases = Readonly<{ byNode: ReadonlyMap<string, SpeakerRelease>; last: Release | undefined }>;
export const NOTHING_SEEN: SeenReleases = { byNode: new Map(), last: undefined };

export type FleetJudgement = Readonly<{
  /** Names of the live nodes whose speaker is one of the original's. BOUNDED by the live nodes. */
  old: ReadonlySet<string>;
  /** The oldest of theirs; undefined: none lives, or nothing tells which they are. */
  release: Release | undefined;
  rules: ElectionRules;
  /** Whose rules these are and why, as a sentence. */
  reason: string;
  seen: SeenReleases;
}>;

/**
 * By whose rules the fleet elects: those of the oldest release that lives in it; the newest where all are ours. Who sees
 * the same signs comes to the same. O(Pods)
 */
export function judgeFleet(signs: FleetSigns): FleetJudgement {
  const { alive, self, assumed } = signs;
  const theirs = findTheirPods(signs);
  const old = new Set<string>();
  for (const name of alive) {
    // Without gossip a node counts as ours unless it has a Pod that is not: what cannot be seen changes nothing.
    const isOld = signs.ours === undefined ? theirs.ready.has(name) : !signs.ours.has(name);
    if (isOld && name !== self) old.add(name);
  }

  const byNode = new Map<string, SpeakerRelease>(); // BOUNDED by the nodes that have such a Pod or are alive
  for (const name of new Set([...theirs.releases.keys(), ...old])) {
    const release = theirs.releases.get(name) ?? signs.seen.byNode.get(name);
    if (release !== undefined) byNode.set(name, release);
  }
  if (old.size === 0) {
    const seen = { byNode, last: signs.seen.last };
    return { old, release: undefined, rules: electionRulesOf(undefined), reason: "all speakers are ours", seen };
  }
  const who = `${nameNodes([...old].toSorted())} ${old.size === 1 ? "has a speaker" : "have speakers"} of the original`;
  let oldest: (SpeakerRelease & Readonly<{ node: string }>) | undefined;
  for (const node of [...old].toSorted()) {
    const known = byNode.get(node);
    if (known === undefined) continue;
    if (oldest === undefined || compareReleases(known.release, oldest.release) < 0) oldest = { ...known, node };
  }
  if (oldest !== undefined) {
    const { release, node, evidence } = oldest;
    const reason = `${who}, ${old.size === 1 ? "" : "the oldest "}${formatRelease(release)} on ${node}: ${evidence}`;
    return { old, release, rules: electionRulesOf(release), reason, seen: { byNode, last: release } };
  }
  const release = signs.seen.last ?? assumed;
  const why =
    signs.seen.last !== undefined
      ? `taken to be ${formatRelease(signs.seen.last)}, as those before`
      : assumed !== undefined
        ? `taken to be ${formatRelease(assumed)}, as --fleet-generation says`
        : "taken to elect as the newest: say it with --fleet-generation";
  const reason = `${who}, and nothing tells which release: ${why}`;
  return { old, release, rules: electionRulesOf(release), reason, seen: { byNode, last: signs.seen.last } };
}

type TheirPods = Readonly<{
  /** Nodes with a Pod of the original's that is Ready. */
  ready: ReadonlySet<string>;
  /** The oldest release that a node has a Pod of: there are two where one takes the place of the other. */
  releases: ReadonlyMap<string, SpeakerRelease>;
}>;

function findTheirPods({ pods = [], ownPod }: FleetSigns): TheirPods {
  const ready = new Set<string>(); // BOUNDED by the nodes that have speakers, as the next
  const releases = new Map<string, SpeakerRelease>();
  const ownImage = imageOf(pods.find(({ name }) => name === ownPod));
  for (const pod of pods) {
    if (pod.nodeName === undefined || isOurPod(pod, ownImage)) continue;
    if (pod.ready) ready.add(pod.nodeName);
    const found = releaseOfPod(pod);
    const other = releases.get(pod.nodeName);
    if (found === undefined || (other !== undefined && compareReleases(other.release, found.release) <= 0)) continue;
    releases.set(pod.nodeName, found);
  }
  return { ready, releases };
}
