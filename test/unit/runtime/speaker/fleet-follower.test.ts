import { beforeEach, expect, it } from "vitest";
import type { Fleet } from "../../../../src/runtime/announce/decision.js";
import {
  createFleetFollower,
  FORMER_RULES_MILLISECONDS,
  LINGERING_MILLISECONDS,
  type FleetFollower,
} from "../../../../src/runtime/speaker/fleet-follower.js";
import type { PodView } from "../../../../src/runtime/world/views.js";

const pod = (nodeName: string, image: string): PodView => ({
  namespace: "metallb-system",
  name: `speaker-${nodeName}`,
  uid: "u",
  labels: {},
  nodeName,
  phase: "Running",
  ready: true,
  containers: [{ name: "speaker", image, arguments: [], environment: [] }],
});
const OLD = "quay.io/metallb/speaker:v0.10.3";
const ALL = new Set(["n1", "n2", "n3"]);

let told: Fleet[];
let logged: string[];
let gauged: string[];
let timers: { at: number; run: () => void }[];
let now: number;
let follower: FleetFollower;

/** What each fleet was, as `rules/old/former`. */
const summary = (): string[] =>
  told.map(({ rules, old, former }) =>
    [rules.since, [...old].join("+"), former.map(({ since }) => since).join("+")].join("/"),
  );
function pass(milliseconds: number): void {
  now += milliseconds;
  for (const timer of timers.splice(0)) {
    if (timer.at <= now) timer.run();
    else timers.push(timer);
  }
}

beforeEach(() => {
  [told, logged, gauged, timers, now] = [[], [], [], [], 0];
  const log =
    (level: string) =>
    (_fields: object, message: string): void =>
      void logged.push(`${level} ${message}`);
  follower = createFleetFollower(
    { self: "n1", ownPod: "", assumed: undefined },
    {
      changed: (fleet) => told.push(fleet),
      gauge: (generation) => gauged.push(generation),
      startTimer(milliseconds, run) {
        const timer = { at: now + milliseconds, run };
        timers.push(timer);
        return () => void (timers = timers.filter((other) => other !== timer));
      },
      log: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
    },
  );
});

it("judges nothing before Pods and the living are known", () => {
  follower.livingChanged(ALL, new Set(["n1"]));
  expect(told).toEqual([]);
  follower.podsChanged([pod("n2", OLD), pod("n3", OLD)]);
  expect(summary()).toEqual(["v0.9/n2+n3/"]);
  expect(logged).toEqual([
    "info electing by the rules since v0.9: n2, n3 have speakers of the original, the oldest v0.10.3 on n2: its image is tagged v0.10.3",
  ]);
});

it("lets the former rules count for a moment after the last old one is gone", () => {
  follower.podsChanged([pod("n2", OLD), pod("n3", OLD)]);
  follower.livingChanged(ALL, new Set(["n1"]));
  follower.livingChanged(ALL, new Set(["n1", "n2"]));
  follower.livingChanged(ALL, ALL);
  pass(FORMER_RULES_MILLISECONDS - 1);
  expect(summary()).toEqual(["v0.9/n2+n3/", "v0.9/n3/", "newest//v0.9"]);
  pass(1);
  expect(summary().at(-1)).toBe("newest//");
  expect(gauged).toEqual(["v0.9", "newest"]);
  expect(logged.at(-1)).toBe("info electing by the newest rules: all speakers are ours");
});

it("goes back to former rules at once, and counts the others anew", () => {
  follower.podsChanged([pod("n2", OLD)]);
  follower.livingChanged(ALL, ALL);
  follower.livingChanged(ALL, new Set(["n1", "n3"]));
  pass(FORMER_RULES_MILLISECONDS / 2);
  follower.livingChanged(ALL, ALL);
  expect(summary()).toEqual(["newest//", "v0.9/n2/newest", "newest//v0.9"]);
  pass(FORMER_RULES_MILLISECONDS / 2);
  expect(told).toHaveLength(3);
  pass(FORMER_RULES_MILLISECONDS / 2);
  expect(summary().at(-1)).toBe("newest//");
});

it("has addresses asked for while an old speaker lives, and a moment longer", () => {
  follower.podsChanged([pod("n2", OLD)]);
  follower.livingChanged(ALL, new Set(["n1", "n3"]));
  follower.livingChanged(new Set(["n1", "n3"]), new Set(["n1", "n3"]));
  pass(LINGERING_MILLISECONDS - 1);
  expect(told.map(({ asksFirst }) => asksFirst)).toEqual([true, true, true]);
  pass(1);
  expect(told.at(-1)?.asksFirst).toBe(false);
});

it("has nothing asked for where all were ours from the beginning", () => {
  follower.podsChanged([]);
  follower.livingChanged(ALL, ALL);
  expect(told.map(({ asksFirst }) => asksFirst)).toEqual([false]);
});

it("says nothing twice", () => {
  follower.podsChanged([]);
  follower.livingChanged(ALL, ALL);
  follower.livingChanged(new Set(ALL), new Set(ALL));
  follower.podsChanged([pod("n2", "registry.local/smelter:v1")]);
  expect([told.length, logged.length]).toEqual([1, 1]);
});

it("warns where nothing tells the release", () => {
  follower.podsChanged(undefined);
  follower.livingChanged(ALL, new Set(["n1", "n2"]));
  expect(logged).toEqual([
    "warn electing by the newest rules: n3 has a speaker of the original, and nothing tells which release: taken to elect as the newest: say it with --fleet-generation",
  ]);
});

it("rests when it is stopped", () => {
  follower.podsChanged([pod("n2", OLD)]);
  follower.livingChanged(ALL, new Set(["n1", "n3"]));
  follower.livingChanged(ALL, ALL);
  follower.stop();
  expect(timers).toEqual([]);
});
