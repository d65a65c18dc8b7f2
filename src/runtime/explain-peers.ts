import type { HttpAnswer } from "./metrics/http.js";
import type { BgpPeerView } from "./speaker/bgp-peer-view.js";

/**
 * How this node's BGP peers are: the state of each session, what is announced in it, and why there is none.
 * @param query `peer` is the name of a BGPPeer, or empty for all of this node
 * @returns 200 with them; 404: this node has no such peer
 */
export function explainPeers(node: string, peers: readonly BgpPeerView[], query: URLSearchParams): HttpAnswer {
  const name = query.get("peer") ?? "";
  const asked = peers.filter(({ peer }) => name === "" || peer === name);
  if (asked.length > 0 || name === "") return { status: 200, body: { node, peers: asked } };
  const problem = `Cannot explain peer ${JSON.stringify(name)}: ${node} has no such BGP peer: look at its nodeSelectors, and at ?peer= for all`;
  return { status: 404, body: { node, problem } };
}
