import { expect, it } from "vitest";
import { explainDown } from "../../../../src/runtime/speaker/bgp-peer-view.js";

it.each<{ reason: string; words: string }>([
  {
    reason: "the peer ended the session: OPEN Message Error: Bad Peer AS",
    words: "the peer refused our ASN 64513: bad peer AS; check peerASN on both sides",
  },
  {
    reason: "the peer ended the session: Cease: Administrative Shutdown, in the operator's words: new cables",
    words:
      "the peer's administrator has shut the session down; it comes back when that is undone there, in the operator's words: new cables",
  },
  {
    reason: "the peer ended the session: Hold Timer Expired",
    words: "the peer heard nothing of us for the hold time; look for lost packets, and whether this node is overloaded",
  },
  {
    reason: "Cannot open BGP session: the peer's AS number is 64999, and not 64513",
    words: "Cannot open BGP session: the peer's AS number is 64999, and not 64513; check peerASN on both sides",
  },
  {
    reason: "the peer ended the session: UPDATE Message Error: Malformed AS_PATH",
    words: "the peer ended the session: UPDATE Message Error: Malformed AS_PATH",
  },
  { reason: "the peer was silent for the hold time", words: "the peer was silent for the hold time" },
])("explainDown() makes of $reason: $words", ({ reason, words }) => expect(explainDown(reason, 64_513)).toBe(words));
