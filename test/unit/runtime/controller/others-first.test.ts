import { expect, it } from "vitest";
import { createOthersFirst } from "../../../../src/runtime/controller/others-first.js";
import { assigned, configMap, createManualClock, createWorld, service } from "./fixtures.js";

function begin() {
  const clock = createManualClock();
  const queued: string[] = [];
  const others = { give: true };
  const first = createOthersFirst(
    () => others.give,
    clock,
    (key) => void queued.push(key),
  );
  return { clock, queued, others, first };
}

it("lets everybody have an address where nobody else gives any", () => {
  const { others, first } = begin();
  others.give = false;
  expect(first.mayGive("a")).toBe(true);
});

it("leaves them to the other as long as that one goes on, then takes them in their order", async () => {
  const { clock, queued, others, first } = begin();
  expect([first.mayGive("b"), first.mayGive("a")]).toEqual([false, false]);
  await clock.advance(60_000);
  expect([queued, first.mayGive("b")]).toEqual([[], false]);
  others.give = false;
  await clock.advance(1_000);
  expect(queued).toEqual(["b", "a"]);
  others.give = true; // by then it is too late for the other
  expect(first.mayGive("b")).toBe(true);
  first.forget("b");
  expect(first.mayGive("b")).toBe(false);
});

it("does not wait for ever for one whom the other does not want", async () => {
  const { clock, queued, first } = begin();
  first.mayGive("a");
  await clock.advance(299_000);
  first.mayGive("later");
  expect(queued).toEqual([]);
  await clock.advance(1_000);
  expect(queued).toEqual(["a"]);
});

it("is idle when nobody is left to the other, and when it is cleared", async () => {
  const { clock, queued, first } = begin();
  first.mayGive("a");
  first.forget("a");
  await clock.advance(1_000);
  expect(clock.waiting()).toEqual([]);
  first.mayGive("b");
  first.clear();
  await clock.advance(400_000);
  expect([clock.waiting(), queued]).toEqual([[], []]);
});

it("gives no new address while another controller does, and keeps what is there in order", async () => {
  const others = { give: true };
  const world = createWorld({}, { othersGive: () => others.give });
  await world.begin(
    [service("a"), service("b"), { ...assigned("c", "192.0.2.1"), annotations: {} }],
    configMap("192.0.2.1-192.0.2.9"),
  );
  expect(world.writes).toEqual(["default/c: 192.0.2.1 from default"]);
  world.put({ ...service("a"), resourceVersion: "2", ingress: [{ ip: "192.0.2.5" }] }); // by the other
  world.remove("b");
  world.put(service("d"));
  await world.clock.advance(10_000);
  others.give = false;
  await world.clock.advance(1_000);
  expect(world.addresses()).toEqual({ a: "192.0.2.5", c: "192.0.2.1", d: "192.0.2.2" });
});

it("serves those first who came first", async () => {
  const world = createWorld();
  const came = (name: string, resourceVersion: string) => ({ ...service(name), resourceVersion });
  await world.begin([came("a", "100"), came("b", "99"), came("c", "101")], configMap("192.0.2.1-192.0.2.9"));
  expect(world.addresses()).toEqual({ b: "192.0.2.1", a: "192.0.2.2", c: "192.0.2.3" });
});
