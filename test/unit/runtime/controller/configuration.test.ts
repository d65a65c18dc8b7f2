import { expect, it } from "vitest";
import { document } from "../../config/documents.js";
import { assigned, configMap, createWorld, service } from "./fixtures.js";

const GOOD = configMap("192.0.2.1-192.0.2.9");
const BAD = configMap("192.0.2.1-192.0.2.300");
const errors = ({ log }: ReturnType<typeof createWorld>): readonly string[] =>
  log.flatMap(({ level, message }) => (level === "error" ? [message] : []));

it("gives nothing out under a first configuration that is bad, and begins when it is repaired", async () => {
  const world = createWorld();
  await world.begin([service("a"), assigned("z", "192.0.2.1")], BAD);
  expect(world.config()).toEqual({ loaded: false, stale: true });
  expect(world.addresses()).toEqual({ z: "192.0.2.1" });
  expect(world.controller.notReadyReason()).toBeUndefined(); // it does what it can
  await world.useConfig(GOOD);
  expect(world.config()).toEqual({ loaded: true, stale: false });
  expect(world.addresses()).toEqual({ a: "192.0.2.2", z: "192.0.2.1" });
});

it.each([
  { name: "repaired", repaired: configMap("192.0.2.1-192.0.2.20") },
  { name: "put back exactly as it was", repaired: GOOD },
])("keeps the last good model in force under a bad edit until it is $name", async ({ repaired }) => {
  const world = createWorld();
  await world.begin([service("a")], GOOD);
  expect(world.config()).toEqual({ loaded: true, stale: false });
  await world.useConfig(BAD);
  expect(world.config()).toEqual({ loaded: true, stale: true });
  world.put(service("b"));
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.1", b: "192.0.2.2" });
  await world.useConfig(repaired);
  expect(world.config()).toEqual({ loaded: true, stale: false });
  expect(world.addresses()).toEqual({ a: "192.0.2.1", b: "192.0.2.2" });
  expect(world.writes).toHaveLength(2);
});

it("logs each fault of a bad edit once, however often it is told, and again when it comes back", async () => {
  const world = createWorld();
  await world.begin([], GOOD);
  const twice = configMap("", "address-pools:\n- name: a\n  protocol: bgpp\n  addresses: [192.0.2.0/33]\n");
  await world.useConfig(twice);
  const told = errors(world);
  expect(told.length).toBeGreaterThanOrEqual(2);
  for (const message of told) expect(message).toMatch(/ConfigMap metallb-system\/config.*: .+/);
  await world.useConfig([...twice]);
  expect(errors(world)).toEqual(told);
  await world.useConfig(GOOD);
  await world.useConfig(twice);
  expect(errors(world)).toEqual([...told, ...told]);
});

it("keeps the last state of a configuration that is gone", async () => {
  const world = createWorld();
  await world.begin([service("a")], GOOD);
  await world.useConfig([]);
  expect(world.config()).toEqual({ loaded: true, stale: true });
  expect(errors(world)).toEqual([expect.stringMatching(/gone.*: write ConfigMap metallb-system\/config/)]);
  world.put(service("b"));
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.1", b: "192.0.2.2" });
  await world.useConfig(GOOD);
  expect(world.config()).toEqual({ loaded: true, stale: false });
});

it("tells of what is left over and has no effect once, also without a configuration, and not again after a bad edit", async () => {
  const leftOver = document({
    apiVersion: "metallb.io/v1beta1",
    kind: "AddressPool",
    metadata: { name: "old", namespace: "metallb-system" },
    spec: { protocol: "layer2", addresses: ["192.0.2.0/24"] },
  });
  const world = createWorld();
  const notices = (): readonly string[] =>
    world.log.flatMap(({ level, message }) => (level === "warn" && /AddressPool/.test(message) ? [message] : []));
  await world.begin([], [leftOver]);
  expect(notices()).toEqual([
    expect.stringMatching(/^AddressPool metallb-system\/old: .*: convert it with smelter migrate convert/),
  ]);
  for (const documents of [GOOD, BAD, GOOD, configMap("192.0.2.1-192.0.2.20")])
    await world.useConfig([...documents, leftOver]);
  expect(notices()).toHaveLength(1);
  await world.useConfig(GOOD);
  await world.useConfig([...GOOD, leftOver]);
  expect(notices()).toHaveLength(2); // it was made anew
});

it("waits for a first configuration and says what it waits for", async () => {
  const world = createWorld();
  await world.begin([service("a")], []);
  expect(world.config()).toEqual({ loaded: false, stale: false });
  expect(world.log).toContainEqual({ level: "info", message: expect.stringContaining("no configuration yet") });
  await world.useConfig(GOOD);
  expect(world.addresses()).toEqual({ a: "192.0.2.1" });
});

it("decides all Services under a new model, waiting ones first come first served", async () => {
  const world = createWorld();
  await world.begin([service("a"), service("b"), service("c")], configMap("192.0.2.1/32"));
  expect(world.addresses()).toEqual({ a: "192.0.2.1" });
  await world.useConfig(configMap("192.0.2.1-192.0.2.2"));
  expect(world.addresses()).toEqual({ a: "192.0.2.1", b: "192.0.2.2" });
});

it("refuses a model without room for an address in use, names both, and takes it when the Service is gone", async () => {
  const world = createWorld();
  await world.begin([assigned("a", "192.0.2.1"), assigned("b", "192.0.2.2")], GOOD);
  await world.useConfig(configMap("192.0.2.2-192.0.2.9"));
  expect(world.config()).toEqual({ loaded: true, stale: true });
  expect(errors(world)).toEqual([
    expect.stringMatching(/192\.0\.2\.1, which Service default\/a has.*: put 192\.0\.2\.1/),
  ]);
  world.put(service("c"));
  await world.clock.advance(0);
  expect(world.addresses()).toMatchObject({ a: "192.0.2.1", c: "192.0.2.3" }); // under the former model
  world.remove("b"); // not in the way
  await world.clock.advance(0);
  expect(world.config()).toEqual({ loaded: true, stale: true });
  world.remove("a");
  await world.clock.advance(0);
  expect(world.config()).toEqual({ loaded: true, stale: false });
  world.put(service("d"));
  world.put(service("e"));
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ c: "192.0.2.3", d: "192.0.2.2", e: "192.0.2.4" });
});

it("takes a waiting model also when the Service in its way changes its type", async () => {
  const world = createWorld();
  await world.begin([assigned("a", "192.0.2.1")], GOOD);
  await world.useConfig(configMap("192.0.2.2-192.0.2.9"));
  world.put({ ...assigned("a", "192.0.2.1"), type: "ClusterIP", resourceVersion: "2" });
  await world.clock.advance(0);
  expect(world.config()).toEqual({ loaded: true, stale: false });
});

it("forgets a model that was in waiting when a faulty one follows it", async () => {
  const world = createWorld();
  await world.begin([assigned("a", "192.0.2.1")], GOOD);
  await world.useConfig(configMap("192.0.2.2-192.0.2.9"));
  await world.useConfig(BAD);
  world.remove("a");
  await world.clock.advance(0);
  expect(world.config()).toEqual({ loaded: true, stale: true });
  await world.useConfig(GOOD);
  expect(world.config()).toEqual({ loaded: true, stale: false });
});

it("moves Services to other addresses under --pool-change=reassign", async () => {
  const world = createWorld({ poolChange: "reassign" });
  await world.begin([assigned("a", "192.0.2.1"), assigned("b", "192.0.2.3")], GOOD);
  await world.useConfig(configMap("192.0.2.2-192.0.2.9"));
  expect(world.config()).toEqual({ loaded: true, stale: false });
  expect(world.addresses()).toEqual({ a: "192.0.2.2", b: "192.0.2.3" });
});

it("takes no address away at a start under a pool that has shrunk meanwhile, and serves all others", async () => {
  const world = createWorld();
  await world.begin([assigned("a", "192.0.2.1"), service("b")], configMap("192.0.2.2-192.0.2.9"));
  expect(world.addresses()).toEqual({ a: "192.0.2.1", b: "192.0.2.2" });
  expect(world.config()).toEqual({ loaded: true, stale: true });
  expect(errors(world)).toEqual([expect.stringContaining("192.0.2.1, which Service default/a has")]);
  world.put({ ...assigned("a", "192.0.2.1"), resourceVersion: "2", labels: { touched: "yes" } });
  await world.clock.advance(0);
  expect(world.addresses()).toEqual({ a: "192.0.2.1", b: "192.0.2.2" });
  await world.useConfig(configMap("192.0.2.2-192.0.2.20")); // another one without room
  expect(world.addresses()).toEqual({ a: "192.0.2.1", b: "192.0.2.2" });
  expect(world.config()).toEqual({ loaded: true, stale: true });
  await world.useConfig(configMap("192.0.2.1-192.0.2.9"));
  expect(world.config()).toEqual({ loaded: true, stale: false });
  expect(world.addresses()).toEqual({ a: "192.0.2.1", b: "192.0.2.2" });
});

it("is not stale any more when the Service goes that no pool had room for at the start", async () => {
  const world = createWorld();
  await world.begin([assigned("a", "192.0.2.1")], configMap("192.0.2.2-192.0.2.9"));
  expect(world.config()).toEqual({ loaded: true, stale: true });
  world.remove("a");
  await world.clock.advance(0);
  expect(world.config()).toEqual({ loaded: true, stale: false });
});

it("tells of 50 things that are made wrong everywhere, and how many more there are", async () => {
  const pools = Array.from({ length: 60 }, (_, index) =>
    document({
      apiVersion: "metallb.io/v1beta1",
      kind: "IPAddressPool",
      metadata: { name: `pool-${index}`, namespace: "metallb-system" },
      spec: { addresses: [`192.0.2.${index}/32`] },
    }),
  );
  const world = createWorld();
  await world.begin([], pools);
  const warnings = world.log.flatMap(({ level, message }) => (level === "warn" ? [message] : []));
  expect(warnings).toHaveLength(51); // each pool is announced by nobody
  expect(warnings.at(-1)).toBe("and 10 more: smelter migrate lint shows them all");
});
