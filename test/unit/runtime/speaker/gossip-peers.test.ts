import { expect, it } from "vitest";
import { gossipPeers } from "../../../../src/runtime/speaker/gossip-peers.js";
import type { NodeView, PodView } from "../../../../src/runtime/world/views.js";

const node = (name: string, ...internalIPs: string[]): NodeView => ({
  name,
  labels: {},
  annotations: {},
  internalIPs,
  ready: true,
  networkUnavailable: false,
});
const pod = (nodeName: string, podIP: string | undefined, more: Partial<PodView> = {}): PodView => ({
  namespace: "metallb-system",
  name: `speaker-${nodeName}`,
  uid: nodeName,
  labels: {},
  nodeName,
  phase: "Running",
  containers: [],
  ready: true,
  ...(podIP === undefined ? {} : { podIP }),
  ...more,
});
const NODES = [node("n1", "10.0.0.1", "fd00::1"), node("n2", "10.0.0.2", "fd00::2"), node("n3", "10.0.0.3")];

it("gossipPeers() are the other speakers' Pods that have not ended; those are expected that run", () => {
  const pods = [
    pod("n1", "10.0.0.1"),
    pod("n2", "10.0.0.2"),
    pod("n3", "10.0.0.3"),
    pod("n4", "10.0.0.4", { ready: false }),
    pod("n5", "10.0.0.5", { phase: "Failed" }),
    pod("n6", undefined, { phase: "Pending" }),
  ];
  expect(gossipPeers("n1", NODES, pods, new Set(["n1", "n2", "n4"]))).toEqual([
    { address: "10.0.0.2", expected: true },
    { address: "10.0.0.3", expected: false },
    { address: "10.0.0.4", expected: false },
  ]);
});

it("gossipPeers() are the other Nodes where Pods cannot be seen", () => {
  expect(gossipPeers("n1", NODES, undefined, new Set(["n1", "n2"]))).toEqual([
    { address: "10.0.0.2", expected: true },
    { address: "fd00::2", expected: true },
    { address: "10.0.0.3", expected: false },
  ]);
});
