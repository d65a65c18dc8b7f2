import { bgpOn } from "./bgp-routes.js";
import type { AnnounceWorld, ServiceWorld } from "./decision.js";
import { electLayer2, layer2On } from "./layer2-election.js";
import { nameNodes } from "./nodes.js";
import { readSituation, type Situation } from "./situation.js";

/** One node that announces one address by one protocol. */
export type Announcer = Readonly<{ address: string; protocol: "layer2" | "bgp"; node: string }>;

/**
 * Who announces a Service, over all nodes: what decideService() answers on each of them, worked out once. `reason` is
 * a sentence for people. Announcers come in the order of addresses in the status, layer 2 first, then by node.
 */
export function announcersOf(
  world: AnnounceWorld,
  serviceWorld: ServiceWorld,
): Readonly<{ announcers: readonly Announcer[]; reason: string }> {
  const situation = readSituation(world, serviceWorld);
  if (!situation.ok) return { announcers: [], reason: situation.fault.explanation };
  const { pool, texts } = situation.value;
  const layer2 = layer2Announcers(world, situation.value);
  const bgp = bgpAnnouncers(world, situation.value);
  const announcers = texts.flatMap((address) => {
    const byLayer2 = layer2.nodes.map((node): Announcer => ({ address, protocol: "layer2", node }));
    return byLayer2.concat(bgp.nodes.map((node): Announcer => ({ address, protocol: "bgp", node })));
  });
  if (pool.layer2.length + pool.bgp.length === 0) {
    return {
      announcers,
      reason: `nobody announces it: no L2Advertisement or BGPAdvertisement reaches pool ${pool.name}`,
    };
  }
  const reasons = [pool.layer2.length > 0 && layer2.reason, pool.bgp.length > 0 && `BGP: ${bgp.reason}`];
  return { announcers, reason: reasons.filter((reason) => reason !== false).join("; ") };
}

type Nodes = Readonly<{ nodes: readonly string[]; reason: string }>;

function layer2Announcers(world: AnnounceWorld, situation: Situation): Nodes {
  const election = electLayer2(world, situation);
  const { winner, explanation } = election;
  const announces = winner !== undefined && layer2On(winner, world, situation, election).announce;
  return { nodes: announces ? [winner] : [], reason: explanation };
}

function bgpAnnouncers(world: AnnounceWorld, situation: Situation): Nodes {
  const nodes: string[] = []; // BOUNDED by the nodes that are alive
  let obstacle: string | undefined; // of the first node: as a rule the others meet the same
  let refused = "";
  for (const name of [...world.alive].toSorted()) {
    const decision = bgpOn(name, world, situation);
    if (decision.announce) {
      nodes.push(name);
      if (decision.refused !== undefined) refused = `; ${decision.refused.problem}`;
    } else obstacle ??= decision.explanation;
  }
  if (nodes.length === 0) return { nodes, reason: obstacle ?? "no speaker is alive" };
  return { nodes, reason: `announced by ${nameNodes(nodes)}${refused}` };
}
