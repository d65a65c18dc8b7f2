import type { NodePeers } from "../../config/autodiscovered-peers.js";
import { canonicalText } from "../../config/canonical.js";
import type { Peer } from "../../config/model.js";
import { formatAddress } from "../net/address.js";
import { describeFault } from "../net/fault.js";
import type { Logger } from "../net/logger.js";

/** The BGP peers of the speaker's own Node, as the configuration and the Node's annotations and labels have them. */
export type OwnPeers = Readonly<{
  /** @returns whether they are others than before; what changed, and what could not become a peer, is logged */
  update(next: NodePeers): boolean;
  list(): readonly Peer[];
}>;

const NONE: NodePeers = { peers: [], faults: [] };

export function createOwnPeers(log: Logger): OwnPeers {
  let current = NONE;
  let told: ReadonlySet<string> = new Set(); // BOUNDED by the faults of the newest look
  return {
    update(next) {
      if (next === current) return false;
      const problems = new Set(next.faults.map(describeFault));
      for (const problem of problems) if (!told.has(problem)) log.warn({ event: "peerNotDiscovered" }, problem);
      told = problems;
      const isChanged = canonicalText(next.peers) !== canonicalText(current.peers);
      current = next;
      if (isChanged) log.info({ event: "peersChanged", peers: next.peers.map(describePeer) }, "BGP peers of this node");
      return isChanged;
    },
    list: () => current.peers,
  };
}

/** `tor-a (192.0.2.1 port 179, AS 64512)` */
function describePeer({ name, address, interface: link = "", port, peerAsn }: Peer): string {
  return `${name} (${address === undefined ? link : formatAddress(address)} port ${port}, AS ${peerAsn})`;
}
