import { CEASE, ENDED_BY_PEER, ERROR_CODE, nameNotification, type BgpStateName } from "#bgp-ts";
import type { Peer } from "../../config/model.js";

/** One peer of this node as it is now, for people. No secret is in it. */
export type BgpPeerView = Readonly<{
  /** The name of its BGPPeer. */
  peer: string;
  /** `address:port`, or `interface:port` where its router has not been found yet. */
  target: string;
  /** "LookingForRouter": by router advertisements; "Unusable": `lastError` says why there can be no session. */
  state: BgpStateName | "LookingForRouter" | "Unusable";
  ourAsn: number;
  /** What it is said to have; of a session that is there, what it has. */
  peerAsn: Peer["peerAsn"];
  /** Prefixes that it is to know, and that it was told of. */
  wantedPrefixes: number;
  announcedPrefixes: number;
  /** Why there is no session, or why the last one ended, in words. */
  lastError?: string;
}>;

/** What to do about a NOTIFICATION of the peer's, by its code and subcode. */
const ADVICE: readonly (readonly [code: number, subcode: number, words: (ourAsn: number) => string])[] = [
  [ERROR_CODE.openMessage, 2, (asn) => `the peer refused our ASN ${asn}: bad peer AS; check peerASN on both sides`],
  [
    ERROR_CODE.openMessage,
    3,
    () => "the peer refused our BGP identifier; check routerID: no two of its neighbors may have the same",
  ],
  [ERROR_CODE.openMessage, 6, () => "the peer refused our hold time; check holdTime and the least that it takes"],
  [
    ERROR_CODE.openMessage,
    7,
    () => "the peer has no address family or capability in common with us; check dualStackAddressFamily on our side",
  ],
  [
    ERROR_CODE.holdTimerExpired,
    0,
    () => "the peer heard nothing of us for the hold time; look for lost packets, and whether this node is overloaded",
  ],
  [
    ERROR_CODE.cease,
    CEASE.maximumPrefixes,
    () => "the peer takes no more prefixes from us; raise its limit, or aggregate",
  ],
  [
    ERROR_CODE.cease,
    CEASE.administrativeShutdown,
    () => "the peer's administrator has shut the session down; it comes back when that is undone there",
  ],
  [ERROR_CODE.cease, CEASE.peerDeconfigured, () => "the peer does not have us as a neighbor any more; check it there"],
  [
    ERROR_CODE.cease,
    CEASE.connectionRejected,
    () => "the peer rejected the connection; check that it has this node's address as a neighbor",
  ],
  [ERROR_CODE.cease, CEASE.bfdDown, () => "the peer's BFD has lost the path to us; look for lost packets"],
];

/**
 * Why a session ended or did not come about, with what to do about it where that is known.
 * @param reason as the session's state machine gives it
 */
export function explainDown(reason: string, ourAsn: number): string {
  for (const [errorCode, errorSubcode, words] of ADVICE) {
    const beginning = `${ENDED_BY_PEER}: ${nameNotification({ errorCode, errorSubcode })}`;
    if (reason !== beginning && !reason.startsWith(`${beginning},`)) continue;
    const more = reason.slice(beginning.length); // the operator's words
    return `${words(ourAsn)}${more}`;
  }
  return reason.includes("the peer's AS number is") ? `${reason}; check peerASN on both sides` : reason;
}
