import { expect, it } from "vitest";
import { explainPeers } from "../../../src/runtime/explain-peers.js";
import type { BgpPeerView } from "../../../src/runtime/speaker/bgp-peer-view.js";

const view = (peer: string): BgpPeerView => ({
  peer,
  target: "10.0.0.1:179",
  state: "Active",
  ourAsn: 64_512,
  peerAsn: 64_513,
  wantedPrefixes: 3,
  announcedPrefixes: 0,
  lastError: "the connection failed: ECONNREFUSED",
});
const ask = (query: string) => explainPeers("n1", [view("tor-a"), view("tor-b")], new URLSearchParams(query));

it("says how one peer is, or all of the node, and which one there is not", () => {
  expect(ask("peer=tor-b")).toEqual({ status: 200, body: { node: "n1", peers: [view("tor-b")] } });
  expect(ask("peer=")).toEqual({ status: 200, body: { node: "n1", peers: [view("tor-a"), view("tor-b")] } });
  expect(ask("peer=tor-c")).toMatchObject({
    status: 404,
    body: { problem: expect.stringContaining("n1 has no such BGP peer") },
  });
  expect(explainPeers("n1", [], new URLSearchParams("peer="))).toEqual({
    status: 200,
    body: { node: "n1", peers: [] },
  });
});
