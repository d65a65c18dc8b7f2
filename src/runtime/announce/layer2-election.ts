import { hash } from "node:crypto";
import type { Layer2Advertisement } from "../../config/model.js";
import { anySelectorMatches, selectorMatches } from "../../config/selector.js";
import { annotationOf } from "../world/annotations.js";
import type { NodeView } from "../world/views.js";
import type { AnnounceWorld, Layer2Announcement, WithholdReason } from "./decision.js";
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
  /** A sentence about all nodes. */
  explanation: string;
}>;

/**
 * What a candidate is ordered by: SHA-256 of `<node>#<address>` in hex, the lowest wins. `address` is the canonical text
 * of the first one in the status, whatever the protocol version of the others: Services that share it elect the same.
 */
export function electionHash(node: string, address: string): string {
  return hash("sha256", `${node}#${address}`, "hex");
}

/** O(nodes × advertisements of the pool) */
export function electLayer2(world: AnnounceWorld, situation: Situation): Election {
  const { service, pool, texts, endpoints } = situation;
  const advertisements = pool.layer2.filter(({ serviceSelectors }) =>
    anySelectorMatches(serviceSelectors, service.labels),
  );
  const stopAt = (obstacle: WithholdReason, why: string): Election => {
    return { advertisements, obstacle, explanation: `nobody announces it: ${why}` };
  };
  if (!endpoints.anywhere) return stopAt("notOwner", "it has no usable endpoint");
  if (pool.layer2.length === 0)
    return stopAt("noMatchingAdvertisement", `no L2Advertisement reaches pool ${pool.name}`);
  if (advertisements.length === 0) {
    return stopAt("noMatchingAdvertisement", `no L2Advertisement of pool ${pool.name} selects it`);
  }
  if (annotationOf(service, "allow-shared-ip") !== undefined && advertisements.some(hasServiceSelectors)) {
    const why = "it may share its address, and an L2Advertisement of its pool has serviceSelectors";
    return stopAt("sharedIPWithServiceSelector", why);
  }

  let best: NodeView[] = []; // candidates of the highest preference; BOUNDED by the nodes that are alive
  let highest = 0;
  let candidates = 0;
  for (const name of world.alive) {
    const node = world.nodes.get(name);
    if (node === undefined || objectionTo(node, world, situation, advertisements) !== undefined) continue;
    candidates += 1;
    const preference = preferenceFor(node, advertisements);
    if (best.length === 0 || preference > highest) [best, highest] = [[node], preference];
    else if (preference === highest) best.push(node);
  }
  const [first, ...rest] = best;
  if (first === undefined) {
    const why = describeObjections(world, situation, advertisements);
    return { advertisements, explanation: `nobody announces it: ${why}` };
  }
  const winner = rest.length === 0 ? first.name : lowestHash(best, texts[0] ?? "");
  const among = candidates === 1 ? "the only candidate" : `chosen from ${candidates} candidates`;
  const how = highest > 0 ? `, by preference ${highest}` : "";
  return { advertisements, winner, explanation: `${winner} announces it, ${among}${how}` };
}

function hasServiceSelectors({ serviceSelectors }: Layer2Advertisement): boolean {
  return serviceSelectors.length > 0;
}

function lowestHash(nodes: readonly NodeView[], address: string): string {
  let [winner, lowest] = ["", ""];
  for (const { name } of nodes) {
    const digest = electionHash(name, address);
    if (lowest === "" || digest < lowest) [winner, lowest] = [name, digest];
  }
  return winner;
}

/** Weights of the preferences that a node meets, summed over the advertisements that reach it. */
function preferenceFor(node: NodeView, advertisements: readonly Layer2Advertisement[]): number {
  let sum = 0;
  for (const { preferredNodes } of advertisementsOn(advertisements, node)) {
    for (const { weight, preference } of preferredNodes) if (selectorMatches(preference, node.labels)) sum += weight;
  }
  return sum;
}

/** Why a node is no candidate, or undefined where it is one. */
function objectionTo(
  node: NodeView,
  world: AnnounceWorld,
  { service, endpoints }: Situation,
  advertisements: readonly Layer2Advertisement[],
): string | undefined {
  if (!world.alive.has(node.name)) return "its speaker is not alive";
  if (node.networkUnavailable) return "its network is unavailable";
  if (isExcluded(node, world)) return `it has the label ${EXCLUDE_LABEL}`;
  if (!advertisements.some(({ nodeSelectors }) => anySelectorMatches(nodeSelectors, node.labels))) {
    return "no L2Advertisement selects it";
  }
  if (service.externalTrafficPolicy === "Local" && !endpoints.nodes.has(node.name)) {
    return "it has no usable endpoint, and externalTrafficPolicy is Local";
  }
  return undefined;
}

function describeObjections(
  world: AnnounceWorld,
  situation: Situation,
  advertisements: readonly Layer2Advertisement[],
): string {
  const nodesBy = new Map<string, string[]>(); // BOUNDED by the kinds of objections
  for (const node of world.nodes.values()) {
    const objection = objectionTo(node, world, situation, advertisements) ?? "";
    const names = nodesBy.get(objection) ?? [];
    nodesBy.set(objection, names);
    names.push(node.name);
  }
  if (nodesBy.size === 0) return "no node is known";
  return [...nodesBy].map(([objection, names]) => `${nameNodes(names)}: ${objection}`).join("; ");
}

/** What an election means for one node. */
export function layer2On(
  node: string,
  world: AnnounceWorld,
  situation: Situation,
  election: Election,
): Layer2Announcement {
  const { advertisements, obstacle, explanation } = election;
  if (obstacle !== undefined) return { announce: false, reason: obstacle, explanation };
  const winner = election.winner === undefined ? {} : { winner: election.winner };
  const self = world.nodes.get(node);
  const own = self === undefined ? [] : advertisementsOn(advertisements, self);
  if (self === undefined || own.length === 0) {
    const why = self === undefined ? "its Node is not known" : "no L2Advertisement selects it";
    const told = `${explanation}; ${node} cannot: ${why}`;
    return { announce: false, reason: "noMatchingAdvertisement", ...winner, explanation: told };
  }
  if (winner.winner === node) {
    return { announce: true, addresses: situation.texts, interfaces: unionOfInterfaces(own), explanation };
  }
  const objection = winner.winner === undefined ? undefined : objectionTo(self, world, situation, advertisements);
  const remark = objection === undefined ? "" : `; ${node} cannot: ${objection}`;
  return { announce: false, reason: "notOwner", ...winner, explanation: `${explanation}${remark}` };
}

/** One advertisement without interfaces means all of them. */
function unionOfInterfaces(advertisements: readonly Layer2Advertisement[]): readonly string[] {
  if (advertisements.some(({ interfaces }) => interfaces.length === 0)) return [];
  return [...new Set(advertisements.flatMap(({ interfaces }) => interfaces))].toSorted();
}
