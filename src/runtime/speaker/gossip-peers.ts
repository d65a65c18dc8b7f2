import type { NodeView, PodView } from "../world/views.js";
import type { GossipPeer } from "./gossip.js";

const ENDED: ReadonlySet<string> = new Set(["Succeeded", "Failed"]);

/**
 * Where other speakers may be: the addresses of their Pods. Speakers are on the network of their host, so where Pods cannot be
 * seen (`pods` undefined) they are at the addresses of the Nodes.
 * @param running Nodes whose speaker runs, as far as the API server knows
 */
export function gossipPeers(
  self: string,
  nodes: Iterable<NodeView>,
  pods: readonly PodView[] | undefined,
  running: ReadonlySet<string>,
): readonly GossipPeer[] {
  if (pods === undefined) {
    return [...nodes]
      .filter(({ name }) => name !== self)
      .flatMap(({ name, internalIPs }) => internalIPs.map((address) => ({ address, expected: running.has(name) })));
  }
  return pods.flatMap(({ nodeName = "", podIP, phase, ready }) => {
    if (podIP === undefined || ENDED.has(phase) || nodeName === self) return [];
    return [{ address: podIP, expected: ready && running.has(nodeName) }];
  });
}
