import { expect, it } from "vitest";
import type { StatusOutcome } from "../../../../src/runtime/controller/ports.js";
import { assigned, configMap, createWorld, service } from "./fixtures.js";

const POOL = configMap("192.0.2.1-192.0.2.9");

const NODE = (ip: string) => ({ name: "n1", internalIPs: [ip] });

it("gives no Service the address of a Node, tells who has one, and gives it out when the Node is gone", async () => {
  const world = createWorld();
  world.controller.nodesChanged([NODE("192.0.2.1")]);
  for (const view of [service("a")]) world.put(view);
  world.controller.servicesListed();
  world.controller.namespacesChanged([]);
  world.controller.configChanged(configMap("192.0.2.1-192.0.2.2"));
  await world.clock.advance(0);
  world.put(service("b"));
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.2" });
  world.controller.nodesChanged([NODE("192.0.2.2")]);
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.2", b: "192.0.2.1" });
  expect(world.events.at(-2)).toMatch(/^default\/a AddressConflict: .* is an address of node n1/);
});

it("gives no Service what another machine answers for", async () => {
  const world = createWorld();
  world.controller.answeredElsewhere([{ address: "192.0.2.1", machine: "02:00:00:00:00:07" }]);
  await world.begin([service("a"), service("b")], configMap("192.0.2.1-192.0.2.2"));
  expect(world.addresses()).toEqual({ a: "192.0.2.2" });
  world.controller.answeredElsewhere([]);
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.2", b: "192.0.2.1" });
});

it("gives an address to the next one only when the status of the one before is written", async () => {
  const world = createWorld();
  await world.begin([assigned("a", "192.0.2.1")], configMap("192.0.2.1-192.0.2.2"));
  let answer: (outcome: StatusOutcome) => void = () => undefined;
  world.answers.push(new Promise((resolve) => void (answer = resolve)));
  world.put({ ...assigned("a", "192.0.2.1"), resourceVersion: "2", loadBalancerIP: "192.0.2.2" });
  world.put(service("b", { loadBalancerIP: "192.0.2.1" }));
  await world.clock.advance(0);
  expect(world.writes).toEqual(["default/a: 192.0.2.2 from default"]);
  answer({ outcome: "written", resourceVersion: "3" });
  await world.clock.advance(0);
  expect(world.writes.slice(1)).toEqual(["default/b: 192.0.2.1 from default"]);
});

it("gives way where another controller gave the same address to another Service in the same moment", async () => {
  const world = createWorld();
  let answer: (outcome: StatusOutcome) => void = () => undefined;
  world.answers.push(new Promise((resolve) => void (answer = resolve)));
  await world.begin([service("a"), service("b", { type: "ClusterIP" })], POOL);
  world.put(assigned("b", "192.0.2.1"));
  await world.clock.advance(0);
  answer({ outcome: "written", resourceVersion: "1" });
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.2", b: "192.0.2.1" });
  expect(world.events).toContainEqual(
    expect.stringMatching(/^default\/a ClearAssignment: .* by another controller to default\/b, which keeps it/),
  );
});

it("gives the second address of a pair when one comes free", async () => {
  const world = createWorld();
  const dual = { clusterIPs: ["10.96.0.1", "fd00::1"], ipFamilyPolicy: "PreferDualStack" } as const;
  const six = { clusterIPs: ["fd00::2"], ipFamilies: ["IPv6"] as const };
  await world.begin(
    [service("six", six), service("web", dual)],
    configMap("", "address-pools:\n- name: p\n  protocol: layer2\n  addresses: [192.0.2.1/32, '2001:db8::1/128']\n"),
  );
  expect(world.addresses()).toEqual({ six: "2001:db8::1", web: "192.0.2.1" });
  world.remove("six");
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ web: "192.0.2.1,2001:db8::1" });
});

it("takes a Service that was deleted and made anew under its name for another one", async () => {
  const world = createWorld();
  await world.begin([assigned("a", "192.0.2.5")], POOL);
  world.remove("a");
  world.put(service("a", { uid: "another" }));
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.1" });
  world.put({ ...service("a", { uid: "a third one" }), resourceVersion: "900", loadBalancerIP: "192.0.2.7" }); // not told between
  world.put(service("b"));
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.7", b: "192.0.2.1" });
});
