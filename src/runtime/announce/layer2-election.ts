import { hash } from "node:crypto";
import type { Layer2Advertisement } from "../../config/model.js";
import { anySelectorMatches, selectorMatches } from "../../config/selector.js";
import { annotationOf } from "../world/annotations.js";
import { objectKey, type NodeView } from "../world/views.js";
import type { AnnounceWorld, Fleet, Layer2Announcement, WithholdReason } from "./decision.js";
import { usableEndpoints, type UsableEndpoints } from "./endpoints.js";
import { NEWEST_RULES, type ElectionRules } from "./fleet-generation.js";
import { advertisementsOn, EXCLUDE_LABEL, isExcluded, nameNodes } from "./nodes.js";
import type { Situation } from "./situation.js";

/**
 * Who of all nodes answers for a Service's addresses. Every speaker works this out by itself and all come to the same:
 * there is no lease and no message but those that say who is alive. So the input of the hash, and who is a candidate,
 * are a protocol between releases.
 */
export type Election = Readonly<{
  /** Advertisements of the pool that apply to the Service. */
  advertisements: readonly Layer2Advertisement[];
  /** What keeps the Service from being announced by anybody, before it comes to candidates. */
  obstacle?: WithholdReason;
  /** undefined: nobody, for the obstacle or for want of a candidate. */
  winner?: string;
  /** Who may still answer by the rules that the fleet went by until now; the winner waits for it. */
  formerWinner?: string;
  /** Why a node is no candidate; undefined where it is one. There once it came to candidates. */
  objectionTo?: (node: string) => string | undefined;
  /** A sentence about all nodes. */
  explanation: string;
}>;

/** All speakers are ours. */
const OURS: Fleet = { rules: NEWEST_RULES, old: new Set(), gossips: true, asksFirst: false, former: [] };

/**
 * What a candidate is ordered by: SHA-256 of `<node>#<input>` in hex, the lowest wins. `input` is the canonical text of the
 * first address in the status, whatever its version: Services that share it elect the same. Releases up to v0.10 took
 * `namespace/name`.
 */
export function electionHash(node: string, input: string): string {
  return hash("sha256", `${node}#${input}`, "hex");
}

/** O(nodes × advertisements of the pool), once for each set of rules. */
export function electLayer2(world: AnnounceWorld, situation: Situation): Election {
  const { rules, old, former } = world.fleet ?? OURS;
  const election = electBy(rules, world, situation);
  const { winner, explanation } = election;
  if (winner === undefined) return election;
  for (const rules of former) {
    const formerWinner = electBy(rules, world, situation).winner;
    // One of the original's has its own rules, whatever ours were.
    if (formerWinner === undefined || formerWinner === winner || old.has(formerWinner)) continue;
    const waits = `${explanation}, once ${formerWinner} has stopped, which it was by other rules until now`;
    return { ...election, formerWinner, explanation: waits };
  }
  return election;
}

/** What one set of rules looks at. */
type Ballot = Readonly<{
  rules: ElectionRules;
  world: AnnounceWorld;
  situation: Situation;
  endpoints: UsableEndpoints;
  advertisements: readonly Layer2Advertisement[];
}>;

function electBy(rules: ElectionRules, world: AnnounceWorld, situation: Situation): Election {
  const { service, pool, texts } = situation;
  const endpoints =
    rules.usable === NEWEST_RULES.usable ? situation.endpoints : usableEndpoints(situation.endpointSlices, rules);
  const advertisements = rules.serviceSelectors
    ? pool.layer2.filter(({ serviceSelectors }) => anySelectorMatches(serviceSelectors, service.labels))
    : pool.layer2;
  const stopAt = (obstacle: WithholdReason, why: string): Election => {
    return { advertisements, obstacle, explanation: `nobody announces it: ${why}` };
  };
  if (!endpoints.anywhere) return stopAt("notOwner", "it has no usable endpoint");
  if (pool.layer2.length === 0)
    return stopAt("noMatchingAdvertisement", `no L2Advertisement reaches pool ${pool.name}`);
  if (advertisements.length === 0) {
    return stopAt("noMatchingAdvertisement", `no L2Advertisement of pool ${pool.name} selects it`);
  }
  const isShared = annotationOf(service, "allow-shared-ip") !== undefined;
  if (rules.serviceSelectors && isShared && advertisements.some(hasServiceSelectors)) {
    const why = "it may share its address, and an L2Advertisement of its pool has serviceSelectors";
    return stopAt("sharedIPWithServiceSelector", why);
  }

  const ballot: Ballot = { rules, world, situation, endpoints, advertisements };
  let best: string[] = []; // candidates of the highest preference; BOUNDED by the nodes that are alive
  let highest = 0;
  let candidates = 0;
  const inQuestion = speakersOf(ballot);
  const objectionTo = (name: string): string | undefined =>
    inQuestion.has(name) ? objectionToCandidate(name, ballot) : reasonForAbsence(name, world);
  for (const name of inQuestion) {
    if (objectionToCandidate(name, ballot) !== undefined) continue;
    candidates += 1;
    const preference = rules.preferredNodes ? preferenceFor(world.nodes.get(name), advertisements) : 0;
    if (best.length === 0 || preference > highest) [best, highest] = [[name], preference];
    else if (preference === highest) best.push(name);
  }
  const by = rules === NEWEST_RULES ? "" : `, by the rules since ${rules.since}`;
  const [first, ...rest] = best;
  if (first === undefined) {
    const why = describeObjections(world.nodes.keys(), objectionTo);
    return { advertisements, objectionTo, explanation: `nobody announces it${by}: ${why}` };
  }
  const hashed = rules.hashedWith === "service" ? objectKey(service) : (texts[0] ?? "");
  const winner = rest.length === 0 ? first : lowestHash(best, hashed);
  const among = candidates === 1 ? "the only candidate" : `chosen from ${candidates} candidates`;
  const how = highest > 0 ? `, by preference ${highest}` : "";
  return { advertisements, winner, objectionTo, explanation: `${winner} announces it, ${among}${how}${by}` };
}

/** Names of the nodes that come into question. */
function speakersOf({ rules, world, endpoints, situation }: Ballot): ReadonlySet<string> {
  const { old, gossips } = world.fleet ?? OURS;
  if (gossips || old.size === 0) return world.alive;
  switch (rules.withoutGossip) {
    case "everyNode":
      return new Set(world.nodes.keys());
    case "endpointNodes":
      return endpoints.nodes;
    case "nobodyUnderCluster":
      return situation.service.externalTrafficPolicy === "Local" ? endpoints.nodes : oursOf(world);
    case "nobody":
      return oursOf(world);
  }
}

/** Where speakers of the original announce nothing, those of ours may. */
function oursOf({ alive, fleet = OURS }: AnnounceWorld): ReadonlySet<string> {
  return new Set([...alive].filter((name) => !fleet.old.has(name)));
}

function hasServiceSelectors({ serviceSelectors }: Layer2Advertisement): boolean {
  return serviceSelectors.length > 0;
}

function lowestHash(nodes: readonly string[], input: string): string {
  let [winner, lowest] = ["", ""];
  for (const name of nodes) {
    const digest = electionHash(name, input);
    if (lowest === "" || digest < lowest) [winner, lowest] = [name, digest];
  }
  return winner;
}

/** Weights of the preferences that a node meets, summed over the advertisements that reach it. */
function preferenceFor(node: NodeView | undefined, advertisements: readonly Layer2Advertisement[]): number {
  if (node === undefined) return 0;
  let sum = 0;
  for (const { preferredNodes } of advertisementsOn(advertisements, node)) {
    for (const { weight, preference } of preferredNodes) if (selectorMatches(preference, node.labels)) sum += weight;
  }
  return sum;
}

/** Why a node that comes into question is no candidate, or undefined where it is one. */
function objectionToCandidate(name: string, ballot: Ballot): string | undefined {
  const { rules, world, situation, endpoints, advertisements } = ballot;
  const node = world.nodes.get(name);
  if (node === undefined) {
    if (rules.nodeSelectors) return "its Node is not known";
  } else {
    if (rules.networkUnavailable && node.networkUnavailable) return "its network is unavailable";
    if (isExcludedBy(rules, node, world)) return `it has the label ${EXCLUDE_LABEL}`;
    if (rules.nodeSelectors && advertisementsOn(advertisements, node).length === 0) {
      return "no L2Advertisement selects it";
    }
  }
  const { service, texts } = situation;
  const isLocal = service.externalTrafficPolicy === "Local";
  if ((isLocal || rules.endpointNeeded === "always") && !endpoints.nodes.has(name)) {
    const why = isLocal ? "and externalTrafficPolicy is Local" : "which each announcer needs by these rules";
    return `it has no usable endpoint, ${why}`;
  }
  if (texts.length > rules.mostAddresses && world.fleet?.old.has(name) === true) {
    return "its speaker announces no Service with two addresses";
  }
  return undefined;
}

function isExcludedBy({ excludeLabel }: ElectionRules, node: NodeView, world: AnnounceWorld): boolean {
  switch (excludeLabel) {
    case "ignored":
      return false;
    case "counts":
      return isExcluded(node, { ignoreExcludeLabel: false });
    case "countsUnlessIgnored":
      return isExcluded(node, world);
  }
}

function reasonForAbsence(name: string, { alive }: AnnounceWorld): string {
  return alive.has(name) ? "its speaker announces nothing without gossip" : "its speaker is not alive";
}

function describeObjections(names: Iterable<string>, objectionTo: (name: string) => string | undefined): string {
  const namesBy = new Map<string, string[]>(); // BOUNDED by the kinds of objections
  for (const name of names) {
    const objection = objectionTo(name) ?? "";
    const alike = namesBy.get(objection) ?? [];
    namesBy.set(objection, alike);
    alike.push(name);
  }
  if (namesBy.size === 0) return "no node is known";
  return [...namesBy].map(([objection, alike]) => `${nameNodes(alike)}: ${objection}`).join("; ");
}

/** What an election means for one node. */
export function layer2On(
  node: string,
  world: AnnounceWorld,
  situation: Situation,
  election: Election,
): Layer2Announcement {
  const { advertisements, obstacle, explanation, formerWinner } = election;
  if (obstacle !== undefined) return { announce: false, reason: obstacle, explanation };
  const winner = election.winner === undefined ? {} : { winner: election.winner };
  const self = world.nodes.get(node);
  const own = ownAdvertisements(self, advertisements, world);
  if (own.length === 0) {
    const why = self === undefined ? "its Node is not known" : "no L2Advertisement selects it";
    const told = `${explanation}; ${node} cannot: ${why}`;
    return { announce: false, reason: "noMatchingAdvertisement", ...winner, explanation: told };
  }
  if (winner.winner === node && formerWinner === undefined) {
    return { announce: true, addresses: situation.texts, interfaces: unionOfInterfaces(own), explanation };
  }
  const objection = winner.winner === undefined ? undefined : election.objectionTo?.(node);
  const remark = objection === undefined ? "" : `; ${node} cannot: ${objection}`;
  return { announce: false, reason: "notOwner", ...winner, explanation: `${explanation}${remark}` };
}

function ownAdvertisements(
  self: NodeView | undefined,
  advertisements: readonly Layer2Advertisement[],
  { fleet = OURS }: AnnounceWorld,
): readonly Layer2Advertisement[] {
  if (!fleet.rules.nodeSelectors) return advertisements;
  return self === undefined ? [] : advertisementsOn(advertisements, self);
}

/** One advertisement without interfaces means all of them. */
function unionOfInterfaces(advertisements: readonly Layer2Advertisement[]): readonly string[] {
  if (advertisements.some(({ interfaces }) => interfaces.length === 0)) return [];
  return [...new Set(advertisements.flatMap(({ interfaces }) => interfaces))].toSorted();
}
