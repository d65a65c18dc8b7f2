import { afterEach, beforeEach, expect, it } from "vitest";
import {
  startLeaderElection,
  type LeaderElectionOptions,
  type Leadership,
} from "../../../src/runtime/leader-election.js";
import {
  createStepClock,
  createTestClient,
  eventually,
  notePorts,
  startFakeServer,
  type FakeServer,
  type Noted,
  type Received,
  type StepClock,
} from "./kubernetes/fixtures.js";

/** One process against a server that a test answers for; the rules of the election have tests of their own. */

let server: FakeServer;
let clock: StepClock;
let noted: Noted;
let told: string[];
let leadership: Leadership;
let denied: readonly string[]; // verbs
let stored: Record<string, unknown> | undefined;
let version: number;
let isDown: boolean;

beforeEach(async () => {
  server = await startFakeServer();
  clock = createStepClock();
  noted = notePorts(clock, 0.5);
  told = [];
  denied = [];
  stored = undefined;
  version = 0;
  isDown = false;
  void serve();
});
afterEach(async () => {
  isDown = false;
  await leadership.resign();
  await server.close();
});

/** The API as far as an election needs it. */
async function serve(): Promise<void> {
  for (;;) respond(await server.next());
}
function respond(request: Received): void {
  const { method, url, body } = request;
  if (url.pathname.endsWith("selfsubjectaccessreviews")) {
    const { verb } = JSON.parse(body).spec.resourceAttributes;
    return request.answer(201, { status: { allowed: !denied.includes(verb) } });
  }
  if (isDown) return request.answer(503, { kind: "Status", message: "not now" });
  if (url.searchParams.has("watch")) return void request.stream();
  if (url.searchParams.has("limit")) return request.answer(200, { metadata: { resourceVersion: "1" }, items: [] });
  if (method === "GET") return stored === undefined ? request.answer(404, {}) : request.answer(200, stored);
  const written = JSON.parse(body);
  const isNewest = method === "POST" ? stored === undefined : written.metadata.resourceVersion === `${version}`;
  if (!isNewest) return request.answer(409, { kind: "Status", message: "conflict" });
  version += 1;
  stored = { ...written, metadata: { ...written.metadata, resourceVersion: `${version}` } };
  return request.answer(200, stored);
}

function start(options: Partial<LeaderElectionOptions> = {}): void {
  leadership = startLeaderElection(
    {
      mode: "auto",
      leaseName: "one",
      leaseDurationMilliseconds: 15_000,
      renewDeadlineMilliseconds: 10_000,
      retryPeriodMilliseconds: 2_000,
      namespace: "ns",
      podName: "pod-a",
      hostName: "host",
      ...options,
    },
    {
      client: createTestClient(server.url, noted),
      ports: noted.ports,
      begin: (isElected) => void told.push(isElected ? "elected" : "alone"),
      end: () => void told.push("end"),
    },
  );
}
const holder = () => (stored?.["spec"] as { holderIdentity?: string } | undefined)?.holderIdentity;
const isRetry = (milliseconds: number): boolean => milliseconds > 1_000 && milliseconds <= 2_000;

it("takes a Lease that nobody has, under the name of its Pod, and renews it", async () => {
  start();
  await eventually(() => told.length > 0);
  expect([told, leadership.holds(), holder()?.split("_")[0]]).toEqual([["elected"], true, "pod-a"]);
  await clock.runTimer(isRetry);
  await eventually(() => version === 2);
  expect(told).toEqual(["elected"]);
});

it("says that it is over before it gives the Lease back, so that the next one need not wait", async () => {
  start();
  await eventually(() => told.length > 0);
  const resigned = leadership.resign();
  expect([told, leadership.holds(), holder()?.split("_")[0]]).toEqual([["elected", "end"], false, "pod-a"]);
  await resigned;
  expect(holder()).toBe("");
});

it("stops when it cannot renew, logs the trouble once, and begins again when it can", async () => {
  start();
  await eventually(() => told.length > 0);
  isDown = true;
  for (let renewal = 0; renewal < 5; renewal += 1) await clock.runTimer(isRetry);
  expect(leadership.holds()).toBe(false);
  await eventually(() => told.length === 2);
  expect(noted.log.filter((line) => /leases\/one.*trying again/.test(line))).toHaveLength(1);
  isDown = false;
  clock.advance(2_000);
  await eventually(() => told.length === 3);
  expect([told, leadership.holds()]).toEqual([["elected", "end", "elected"], true]);
});

it("does not think it holds what a stopped process may have lost, even before it hears of it", async () => {
  start();
  await eventually(() => told.length > 0);
  clock.advance(0);
  const { now } = clock;
  Object.assign(clock, { now: () => now() + 10_000 }); // no timer has run yet
  expect([told, leadership.holds()]).toEqual([["elected"], false]);
});

it.each([
  { name: "outside a Pod", options: { podName: "" }, verbs: [], says: /this is no Pod/ },
  { name: "where Leases are not permitted", options: {}, verbs: ["create"], says: /are not permitted/ },
  { name: "where it is not wanted", options: { mode: "off" as const }, verbs: [], says: /as it was asked for/ },
])("leads alone $name, and asks for no Lease", async ({ options, verbs, says }) => {
  denied = verbs;
  start(options);
  await eventually(() => told.length > 0);
  expect([told, leadership.holds()]).toEqual([["alone"], true]);
  expect(noted.log.filter((line) => says.test(line))).toHaveLength(1);
  expect(server.requests.filter(({ url }) => url.pathname.includes("/leases"))).toEqual([]);
  await leadership.resign();
  expect([told, leadership.holds()]).toEqual([["alone", "end"], false]);
});

it("waits for the permission where the election is insisted on, and says so once", async () => {
  denied = ["update"];
  start({ mode: "on", podName: "" });
  await clock.runTimer((milliseconds) => milliseconds === 750);
  await eventually(() => clock.waiting().includes(1_500));
  expect(told).toEqual([]);
  expect(noted.log.filter((line) => line.startsWith("error: Cannot elect a leader"))).toHaveLength(1);
  denied = [];
  await clock.runTimer((milliseconds) => milliseconds === 1_500);
  await eventually(() => told.length > 0);
  expect(holder()?.split("_")[0]).toBe("host");
});

it("looks at the Lease now and then where it may not watch it", async () => {
  denied = ["watch"];
  stored = {
    metadata: { name: "one", resourceVersion: "0" },
    spec: { holderIdentity: "other_1", leaseDurationSeconds: 15, leaseTransitions: 0 },
  };
  start();
  const reads = (): number => server.requests.filter(({ method, url }) => method === "GET" && !url.search).length;
  await eventually(() => reads() === 1);
  await clock.runTimer(isRetry);
  await eventually(() => reads() === 2);
  expect([told, server.requests.filter(({ url }) => url.search !== "")]).toEqual([[], []]);
});
