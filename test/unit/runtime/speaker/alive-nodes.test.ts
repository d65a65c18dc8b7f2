import { expect, it } from "vitest";
import { aliveNodes } from "../../../../src/runtime/speaker/alive-nodes.js";
import type { NodeView, PodView } from "../../../../src/runtime/world/views.js";

const node = (name: string, ready = true): NodeView => ({
  name,
  labels: {},
  annotations: {},
  internalIPs: [],
  ready,
  networkUnavailable: false,
});
const pod = (nodeName: string, changes: Partial<PodView> = {}): PodView => ({
  namespace: "metallb-system",
  name: `speaker-${nodeName}`,
  uid: "",
  labels: { app: "metallb", component: "speaker" },
  nodeName,
  phase: "Running",
  ready: true,
  containers: [],
  ...changes,
});

it.each([
  { name: "a Ready node with a ready speaker is alive", pods: [pod("n1")], expected: ["n1"] },
  { name: "a speaker Pod that is not ready does not count", pods: [pod("n1", { ready: false })], expected: [] },
  { name: "a Pod of another kind does not count", pods: [pod("n1", { labels: { app: "metallb" } })], expected: [] },
  { name: "a node that is not Ready does not count", pods: [pod("n2")], expected: [] },
  { name: "a node without a Node object does not count", pods: [pod("n9")], expected: [] },
])("aliveNodes() $name", ({ pods, expected }) => {
  const labels = { app: "metallb", component: "speaker" };
  expect([...aliveNodes([node("n1"), node("n2", false)], pods, labels)]).toEqual(expected);
});

it("counts every Ready node where Pods cannot be seen", () => {
  expect([...aliveNodes([node("n1"), node("n2", false)], undefined, {})]).toEqual(["n1"]);
});
