import { expect, it } from "vitest";
import type { StatusOutcome } from "../../../../src/runtime/controller/ports.js";
import type { ServiceView } from "../../../../src/runtime/world/views.js";
import { assigned, configMap, createWorld, selectingPool, service } from "./fixtures.js";

const POOL = configMap("192.0.2.1-192.0.2.9");

it("gives each waiting Service the lowest free address, with the pool's name, and tells its owner", async () => {
  const world = createWorld();
  await world.begin([service("a"), service("b")], POOL);
  expect(world.writes).toEqual(["default/a: 192.0.2.1 from default", "default/b: 192.0.2.2 from default"]);
  expect(world.events).toEqual([
    'default/a IPAllocated: Assigned IP ["192.0.2.1"]',
    'default/b IPAllocated: Assigned IP ["192.0.2.2"]',
  ]);
});

const INPUTS = {
  services: ({ controller, put }: ReturnType<typeof createWorld>) => {
    put(service("a"));
    controller.servicesListed();
  },
  namespaces: ({ controller }: ReturnType<typeof createWorld>) => controller.namespacesChanged([]),
  nodes: ({ controller }: ReturnType<typeof createWorld>) => controller.nodesChanged([]),
  config: ({ controller }: ReturnType<typeof createWorld>) => controller.configChanged(POOL),
} as const;

it.each([
  ["services", "namespaces", "nodes", "config"],
  ["config", "nodes", "services", "namespaces"],
  ["namespaces", "config", "nodes", "services"],
  ["config", "namespaces", "services", "nodes"],
] as const)("gives nothing out before everything was told: %s, %s, %s, then %s", async (...order) => {
  const world = createWorld();
  for (const input of order) {
    await world.clock.advance(1000);
    expect(world.writes).toEqual([]);
    expect(world.controller.notReadyReason()).toMatch(/not been/);
    INPUTS[input](world);
  }
  await world.clock.advance(0);
  expect(world.controller.notReadyReason()).toBeUndefined();
  expect(world.addresses()).toEqual({ a: "192.0.2.1" });
});

it("gives nobody an address that another Service has, wherever that one stands in the list", async () => {
  const world = createWorld();
  await world.begin([service("a"), service("b"), assigned("z", "192.0.2.1")], POOL);
  expect(world.addresses()).toEqual({ a: "192.0.2.2", b: "192.0.2.3", z: "192.0.2.1" });
});

it("writes nothing after a restart, when everything is as it should be", async () => {
  const world = createWorld();
  await world.begin([assigned("a", "192.0.2.5"), assigned("b", "192.0.2.1")], POOL);
  expect(world.writes).toEqual([]);
  expect(world.events).toEqual([]);
});

it("names the pool of an address that was given before pools were named, and keeps its spelling in mind", async () => {
  const world = createWorld();
  const pool = configMap("2001:db8::1-2001:db8::9");
  const spelled = { ...assigned("b", "2001:DB8:0::2"), clusterIPs: ["fd00::1"], ipFamilies: ["IPv6" as const] };
  await world.begin([{ ...spelled, name: "a", ingress: [{ ip: "2001:db8::1" }], annotations: {} }, spelled], pool);
  expect(world.writes).toEqual(["default/a: 2001:db8::1 from default"]);
});

it("does not work on what it wrote itself", async () => {
  const world = createWorld();
  await world.begin([service("a")], POOL);
  expect(world.updates).toEqual({ handled: 1, failed: 0 });
  world.put({ ...(world.stored.get("default/a") as ServiceView), resourceVersion: "900" });
  await world.clock.advance(0);
  expect(world.updates.handled).toBe(2); // somebody else's change is looked at,
  expect(world.writes).toHaveLength(1); // and is no reason to write
});

it("keeps at most 16 writes in flight, and all Services get an address", async () => {
  const world = createWorld();
  const names = Array.from({ length: 100 }, (_, index) => `s${index}`);
  await world.begin(
    names.map((name) => service(name)),
    configMap("192.0.2.0/24"),
  );
  expect(world.inFlight.most).toBe(16);
  expect(new Set(Object.values(world.addresses())).size).toBe(100);
});

it.each([
  { name: "of another type", change: { type: "ClusterIP" } },
  { name: "of a type without clusterIP", change: { type: "ExternalName", clusterIPs: [] } },
])("takes address and annotation from a Service that has become one $name", async ({ change }) => {
  const world = createWorld();
  await world.begin([assigned("a", "192.0.2.1"), service("b")], configMap("192.0.2.1/32"));
  world.put({ ...assigned("a", "192.0.2.1"), ...change, resourceVersion: "2" });
  await world.clock.advance(0);
  expect(world.writes).toEqual(["default/a:  from none", "default/b: 192.0.2.1 from default"]);
});

it("leaves a Service of another class alone, and its address to it", async () => {
  const world = createWorld();
  const foreign = { ...service("a"), loadBalancerClass: "example.com/other", ingress: [{ ip: "192.0.2.1" }] };
  await world.begin([foreign, service("b")], POOL);
  expect(world.writes).toEqual(["default/b: 192.0.2.2 from default"]);
});

it("gives the address of a deleted Service to one that waits, and looks at no other Service for that", async () => {
  const world = createWorld();
  const services = Array.from({ length: 9 }, (_, index) => assigned(`s${index}`, `192.0.2.${index + 1}`));
  await world.begin([...services, service("waiting")], POOL);
  expect(world.events).toEqual([expect.stringMatching(/^default\/waiting AllocationFailed: .*: .+/)]);
  const before = world.updates.handled;
  world.remove("s4");
  await world.clock.advance(0);
  expect(world.addresses()["waiting"]).toBe("192.0.2.5");
  expect(world.updates.handled - before).toBe(2); // the deleted one and the waiting one
});

it("looks once at those who wait, however many addresses become free at a time", async () => {
  const world = createWorld();
  const services = Array.from({ length: 9 }, (_, index) => assigned(`s${index}`, `192.0.2.${index + 1}`));
  const waiting = Array.from({ length: 20 }, (_, index) => service(`w${index}`));
  await world.begin([...services, ...waiting], POOL);
  const before = world.updates.handled;
  for (let index = 0; index < 9; index += 1) world.remove(`s${index}`);
  await world.clock.advance(0);
  expect(Object.keys(world.addresses())).toHaveLength(9);
  expect(world.updates.handled - before).toBe(9 + 20);
});

it("says again nothing that was said, while a Service goes on waiting", async () => {
  const world = createWorld();
  await world.begin([assigned("a", "192.0.2.1"), service("b"), service("c")], configMap("192.0.2.1/32"));
  expect(world.events).toHaveLength(2);
  world.put({ ...service("b"), resourceVersion: "2" });
  world.remove("nobody");
  await world.clock.advance(60_000);
  expect(world.events).toHaveLength(2);
});

it("tells of an address only when it is written", async () => {
  const world = createWorld();
  world.answers.push({ outcome: "conflict" });
  await world.begin([service("a")], POOL);
  expect(world.events).toEqual([]);
  await world.clock.advance(50); // the first retry after a conflict
  expect(world.writes).toEqual(["default/a: 192.0.2.1 from default", "default/a: 192.0.2.1 from default"]);
  expect(world.events).toEqual(['default/a IPAllocated: Assigned IP ["192.0.2.1"]']);
  expect(world.updates.failed).toBe(1);
});

it("does not wait after a conflict when the change itself arrives", async () => {
  const world = createWorld();
  world.answers.push({ outcome: "conflict" });
  await world.begin([service("a")], POOL);
  world.put({ ...service("a"), resourceVersion: "2", labels: { changed: "yes" } });
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.1" });
  await world.clock.advance(60_000);
  expect(world.writes).toHaveLength(2);
});

it("looks again at a Service that changed while its status was on the way", async () => {
  const world = createWorld();
  let answer: (outcome: StatusOutcome) => void = () => undefined;
  world.answers.push(new Promise((resolve) => void (answer = resolve)));
  await world.begin([service("a")], POOL);
  world.put({ ...service("a"), resourceVersion: "2", type: "ClusterIP" });
  await world.clock.advance(0);
  expect(world.writes).toHaveLength(1); // one at a time
  answer({ outcome: "conflict" });
  await world.clock.advance(0);
  expect(world.writes).toHaveLength(1); // nothing to take back: the status was never written
  world.put(service("b"));
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ b: "192.0.2.1" });
});

it("gives up a write on a Service that is gone", async () => {
  const world = createWorld();
  world.answers.push({ outcome: "gone" });
  await world.begin([service("a")], POOL);
  await world.clock.advance(600_000);
  expect(world.writes).toHaveLength(1);
  expect(world.events).toEqual([]);
});

it("tries a refused write again later and later, and others at once", async () => {
  const world = createWorld();
  const refused = { outcome: "refused", message: "Cannot write: webhook says no" } as const;
  world.answers.push(refused, refused, refused);
  await world.begin([service("a")], POOL);
  const writesAfter = async (milliseconds: number): Promise<number> => {
    await world.clock.advance(milliseconds);
    return world.writes.length;
  };
  expect(await writesAfter(999)).toBe(1);
  expect(await writesAfter(1)).toBe(2);
  world.answers.unshift({ outcome: "written", resourceVersion: "50" });
  world.put(service("b"));
  await world.clock.advance(0);
  expect(world.writes[2]).toBe("default/b: 192.0.2.2 from default");
  expect(await writesAfter(1999)).toBe(3);
  expect(await writesAfter(1)).toBe(4);
  expect(await writesAfter(4000)).toBe(5);
  expect(world.addresses()).toEqual({ a: "192.0.2.1" });
  expect(world.log.filter(({ message }) => message.includes("webhook says no"))).toHaveLength(3);
});

it("pauses all writes while the server takes none, says so once, and goes on where it stood", async () => {
  const world = createWorld({ writesInFlight: 2 });
  const unavailable = { outcome: "unavailable", message: "Cannot reach the API server" } as const;
  world.answers.push(unavailable, unavailable, unavailable, { ...unavailable, retryAfterMilliseconds: 7_000 });
  await world.begin([service("a"), service("b"), service("c")], POOL);
  expect(world.writes).toHaveLength(2);
  await world.clock.advance(499);
  expect(world.writes).toHaveLength(2);
  await world.clock.advance(1);
  expect(world.writes).toHaveLength(4);
  await world.clock.advance(6_999); // what the server asked for is longer than our own pause
  expect(world.writes).toHaveLength(4);
  await world.clock.advance(1);
  expect(world.addresses()).toEqual({ a: "192.0.2.1", b: "192.0.2.2", c: "192.0.2.3" });
  expect(world.log.filter(({ level }) => level === "error")).toHaveLength(1);
});

it("ends its writes in flight when it is stopped, begins no other, and hears nothing any more", async () => {
  const world = createWorld({ writesInFlight: 1 });
  let answer: (outcome: StatusOutcome) => void = () => undefined;
  world.answers.push(new Promise((resolve) => void (answer = resolve)));
  await world.begin([service("a"), service("b")], POOL);
  let ended = false;
  const stopped = world.controller.stop().then(() => (ended = true));
  await world.clock.advance(60_000);
  expect(ended).toBe(false);
  answer({ outcome: "written", resourceVersion: "2" });
  await stopped;
  world.put(service("c"));
  world.controller.configChanged(configMap("198.51.100.0/24"));
  await world.clock.advance(60_000);
  expect(world.writes).toEqual(["default/a: 192.0.2.1 from default"]);
  expect(world.clock.waiting()).toEqual([]);
});

it("is settled when nothing waits and nothing is in flight", async () => {
  const world = createWorld();
  await expect(world.controller.settled()).resolves.toBeUndefined(); // nothing can be done yet
  await world.begin([], POOL);
  world.put(service("a"));
  expect(world.controller.busy()).toBe(true);
  let isSettled = false;
  const settled = world.controller.settled().then(() => (isSettled = true));
  expect(isSettled).toBe(false);
  await world.clock.advance(0);
  await settled;
  expect(world.addresses()).toEqual({ a: "192.0.2.1" });
  expect(world.controller.decision("default/a")).toMatchObject({ outcome: "assigned", pool: "default" });
});

it("decides anew when the labels of Namespaces change", async () => {
  const world = createWorld();
  const pool = selectingPool({ namespaceSelectors: [{ matchLabels: { team: "a" } }] });
  await world.begin([service("a")], [pool]);
  expect(world.addresses()).toEqual({});
  world.controller.namespacesChanged([{ name: "default", labels: { team: "a" } }]);
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.1" });
});

it("gives addresses by what was good in an earlier life while the first documents are refused", async () => {
  const world = createWorld();
  world.controller.configRestored(configMap("192.0.2.0/24"));
  await world.begin([service("a")], configMap("192.0.2.0/33"));
  expect(world.addresses()).toEqual({ a: "192.0.2.0" });
  expect(world.config()).toEqual({ loaded: true, stale: true });
  await world.useConfig(configMap("192.0.2.0/23"));
  expect(world.config()).toEqual({ loaded: true, stale: false });
});
