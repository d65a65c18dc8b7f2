import { describe, expect, it } from "vitest";
import { judgeFleet, NOTHING_SEEN, type FleetSigns } from "../../../../src/runtime/announce/fleet.js";
import type { PodView } from "../../../../src/runtime/world/views.js";

const pod = (nodeName: string, image: string, fields: Partial<PodView> = {}): PodView => ({
  namespace: "metallb-system",
  name: `speaker-${nodeName}`,
  uid: "u",
  labels: {},
  nodeName,
  phase: "Running",
  ready: true,
  containers: [{ name: "speaker", image, arguments: [], environment: [] }],
  ...fields,
});
const OLD = "quay.io/metallb/speaker:v0.11.0";
const OURS = "registry.local/smelter:v1.0.0";
const UNKNOWN = "registry.local/lb@sha256:01";

const judge = (fields: Partial<FleetSigns>) =>
  judgeFleet({
    alive: new Set(["n1", "n2", "n3"]),
    ours: new Set(["n1"]),
    self: "n1",
    pods: [pod("n1", OURS), pod("n2", OLD), pod("n3", OLD)],
    ownPod: "",
    assumed: undefined,
    seen: NOTHING_SEEN,
    ...fields,
  });

describe("with gossip, which tells who is ours", () => {
  it("goes by the release of the old ones that live", () =>
    expect(judge({})).toMatchObject({
      old: new Set(["n2", "n3"]),
      release: { minor: 11, patch: 0 },
      rules: { since: "v0.11" },
      reason: "n2, n3 have speakers of the original, the oldest v0.11.0 on n2: its image is tagged v0.11.0",
    }));

  it("goes by the oldest of several", () => {
    const pods = [pod("n2", OLD), pod("n3", "quay.io/metallb/speaker:v0.9.6")];
    expect(judge({ pods }).rules.since).toBe("v0.9");
  });

  it("goes by the newest rules when the last old one is dead, though its Pod is still there", () =>
    expect(judge({ alive: new Set(["n1"]) })).toMatchObject({
      old: new Set(),
      rules: { since: "newest" },
      reason: "all speakers are ours",
    }));

  it("goes by the newest rules when all are ours, though Pods were not seen to be replaced yet", () =>
    expect(judge({ ours: new Set(["n1", "n2", "n3"]) }).rules.since).toBe("newest"));

  it("remembers what ran where while it lives, though the Pod is replaced already", () => {
    const before = judge({ pods: [pod("n2", "quay.io/metallb/speaker:v0.14.9"), pod("n3", OLD)] });
    const after = judge({ alive: new Set(["n1", "n2"]), pods: [pod("n2", OURS)], seen: before.seen });
    expect([before.rules.since, after.rules.since]).toEqual(["v0.11", "v0.14.5"]);
  });

  it("goes by the oldest Pod of a node that has two", () => {
    const pods = [pod("n2", "quay.io/metallb/speaker:v0.14.9"), pod("n2", OLD, { ready: false }), pod("n3", OURS)];
    expect(judge({ alive: new Set(["n1", "n2"]), pods }).rules.since).toBe("v0.11");
  });

  it("takes one that comes back without a Pod to be as the last one was", () => {
    const replaced = { ...judge({}), alive: new Set(["n1"]) };
    const gone = judge({ alive: new Set(["n1"]), pods: [], seen: replaced.seen });
    expect(judge({ pods: [], seen: gone.seen })).toMatchObject({
      rules: { since: "v0.11" },
      reason:
        "n2, n3 have speakers of the original, and nothing tells which release: taken to be v0.11.0, as those before",
    });
  });
});

describe("where nothing tells the release", () => {
  const pods = [pod("n2", UNKNOWN), pod("n3", UNKNOWN)];
  it.each([
    { name: "one that is known counts", fields: { pods: [pod("n2", OLD), pod("n3", UNKNOWN)] }, since: "v0.11" },
    { name: "what is assumed counts", fields: { pods, assumed: { minor: 10, patch: 0 } }, since: "v0.9" },
    { name: "the newest rules count", fields: { pods }, since: "newest" },
    { name: "Pods that cannot be seen are the same", fields: { pods: undefined }, since: "newest" },
  ])("$name", ({ fields, since }) => {
    const { rules, old } = judge(fields);
    expect({ since: rules.since, old }).toEqual({ since, old: new Set(["n2", "n3"]) });
  });
});

describe("without gossip, by Pods", () => {
  it("a node with a Pod of the original has an old speaker", () =>
    expect(judge({ ours: undefined, pods: [pod("n1", OURS), pod("n2", OLD), pod("n3", OURS)] })).toMatchObject({
      old: new Set(["n2"]),
      rules: { since: "v0.11" },
    }));

  it.each([
    { name: "that cannot be seen", pods: undefined },
    { name: "that are ours", pods: [pod("n1", OURS), pod("n2", OURS)] },
    { name: "that are not Ready", pods: [pod("n2", OLD, { ready: false })] },
    { name: "of our own image", pods: [pod("n1", UNKNOWN, { name: "own" }), pod("n2", UNKNOWN)], ownPod: "own" },
  ])("Pods $name change nothing", ({ pods, ownPod = "" }) =>
    expect(judge({ ours: undefined, pods, ownPod })).toMatchObject({ old: new Set(), rules: { since: "newest" } }),
  );
});
