import { bgpOn } from "./bgp-routes.js";
import type { AnnounceDecision, AnnounceWorld, ServiceWorld } from "./decision.js";
import { electLayer2, layer2On } from "./layer2-election.js";
import { readSituation } from "./situation.js";

/**
 * What one node announces for a Service, by each protocol, and why. No clock and no memory: the same world gives the
 * same answer on every node. O(nodes) for each Service.
 */
export function decideService(world: AnnounceWorld, serviceWorld: ServiceWorld, node: string): AnnounceDecision {
  const situation = readSituation(world, serviceWorld);
  if (!situation.ok) {
    const withheld = { announce: false, ...situation.fault } as const;
    return { layer2: withheld, bgp: withheld };
  }
  return {
    layer2: layer2On(node, world, situation.value, electLayer2(world, situation.value)),
    bgp: bgpOn(node, world, situation.value),
  };
}
