import { expect, it } from "vitest";
import type { StatusOutcome } from "../../../../src/runtime/controller/ports.js";
import { assigned, configMap, createWorld, service } from "./fixtures.js";

const POOL = configMap("192.0.2.1-192.0.2.9");

it("writes and tells nothing while another controller leads, but is ready and knows who has what", async () => {
  const world = createWorld({ isStandby: true });
  await world.begin([service("a"), assigned("b", "192.0.2.2")], POOL);
  world.put(service("c"));
  world.remove("c");
  await world.clock.advance(60_000);
  expect([world.writes, world.events]).toEqual([[], []]);
  expect(world.controller.notReadyReason()).toBeUndefined();
  expect(world.config()).toEqual({ loaded: true, stale: false });
  expect(world.controller.usage()).toMatchObject([{ pool: "default", inUseIPv4: 1 }]);
});

it("gives addresses when it is its turn, none of those that the other gave to the last", async () => {
  const world = createWorld({ isStandby: true });
  await world.begin([service("a"), service("b"), service("z")], POOL);
  world.put(assigned("z", "192.0.2.1")); // by the other: not looked at yet
  world.controller.lead();
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.2", b: "192.0.2.3", z: "192.0.2.1" });
  expect(world.writes).toHaveLength(2);
});

it("begins to lead when everything has been told, where its turn comes before that", async () => {
  const world = createWorld({ isStandby: true });
  world.controller.lead();
  await world.begin([service("a")], POOL);
  expect(world.addresses()).toEqual({ a: "192.0.2.1" });
});

it("decides nothing more when its turn is over, and takes up what the other gave meanwhile", async () => {
  const world = createWorld();
  await world.begin([service("a")], POOL);
  world.controller.follow();
  world.put(service("b"));
  await world.clock.advance(0);
  world.put(assigned("b", "192.0.2.7"));
  world.put({ ...service("c"), ingress: [{ ip: "192.0.2.2" }] });
  await world.clock.advance(60_000);
  expect(world.writes).toHaveLength(1);
  world.controller.lead();
  world.put(service("d"));
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.1", b: "192.0.2.7", c: "192.0.2.2", d: "192.0.2.3" });
});

it("keeps nothing of what it had decided and could not write", async () => {
  const world = createWorld();
  await world.begin([], POOL);
  world.answers.push({ outcome: "unavailable", message: "not now" });
  world.put(service("a")); // 192.0.2.1 in mind only
  await world.clock.advance(0);
  world.controller.follow();
  world.put(assigned("b", "192.0.2.1"));
  await world.clock.advance(60_000);
  world.controller.lead();
  await world.clock.advance(60_000);
  expect(world.addresses()).toEqual({ a: "192.0.2.2", b: "192.0.2.1" });
});

it.each([
  { name: "was stored", outcome: undefined, addresses: { a: "192.0.2.1", b: "192.0.2.2" } },
  { name: "was not stored", outcome: { outcome: "refused", message: "no" } as const, addresses: { b: "192.0.2.1" } },
])("notes a write in flight at the end of its turn as it ended: it $name", async ({ outcome, addresses }) => {
  const world = createWorld();
  await world.begin([], POOL);
  let answer: (outcome: StatusOutcome) => void = () => undefined;
  world.answers.push(new Promise((resolve) => void (answer = resolve)));
  world.put(service("a"));
  await world.clock.advance(0);
  world.controller.follow();
  const stored = { ...assigned("a", "192.0.2.1"), resourceVersion: "50" };
  if (outcome === undefined) world.stored.set("default/a", stored);
  answer(outcome ?? { outcome: "written", resourceVersion: "50" });
  await world.clock.advance(0);
  if (outcome !== undefined) world.remove("a"); // else it is given the address again before b
  world.controller.lead();
  world.put(service("b"));
  await world.clock.advance(0);
  expect(world.addresses()).toEqual(addresses);
  expect(world.log.filter(({ level }) => level === "error")).toEqual([]);
});
