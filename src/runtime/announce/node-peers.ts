import { discoverPeers, type NodePeers } from "../../config/autodiscovered-peers.js";
import type { Model } from "../../config/model.js";
import type { NodeView } from "../world/views.js";

/** The peers that a node has sessions with: those of the model that its labels select, and those that it says itself. */
export type NodePeersFinder = (node: NodeView) => NodePeers;

/** Works the peers of each node out once, for many decisions on one model. Remembers a node as long as it is in use. */
export function createNodePeersFinder(model: Model): NodePeersFinder {
  const known = new WeakMap<NodeView, NodePeers>();
  return (node) => {
    const before = known.get(node);
    if (before !== undefined) return before;
    const peers = discoverPeers(model, node);
    known.set(node, peers);
    return peers;
  };
}
