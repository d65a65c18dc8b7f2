import { afterEach, beforeEach, expect, it } from "vitest";
import type { ApiFailure } from "../../../../src/runtime/kubernetes/api-failure.js";
import { backoffDelay } from "../../../../src/runtime/kubernetes/backoff.js";
import { createCollection } from "../../../../src/runtime/kubernetes/collection.js";
import { connectToServer } from "../../../../src/runtime/kubernetes/connect.js";
import { discoverMetallbKinds } from "../../../../src/runtime/kubernetes/discovery.js";
import { listPages } from "../../../../src/runtime/kubernetes/list-pages.js";
import { isPermitted } from "../../../../src/runtime/kubernetes/permission.js";
import { SERVICES, configMapResource, resourceName } from "../../../../src/runtime/kubernetes/resource.js";
import { systemClock } from "../../../../src/runtime/kubernetes/system-clock.js";
import type { Result } from "../../../../src/runtime/net/result.js";
import { createStepClock, createTestClient, notePorts, startFakeServer, type FakeServer } from "./fixtures.js";

let server: FakeServer;
beforeEach(async () => void (server = await startFakeServer()));
afterEach(() => server.close());

const client = () => createTestClient(server.url, notePorts(systemClock));
const names = (...list: string[]) => ({ resources: list.map((name) => ({ name })) });

it("finds each kind of metallb.io in the newest version that the server has", async () => {
  const kinds = discoverMetallbKinds(client(), "metallb-system");
  (await server.next()).answer(200, {
    versions: [{ version: "v1beta2" }, { version: "v1beta1" }, { version: "v1alpha1" }],
  });
  const newer = await server.next();
  expect(newer.url.pathname).toBe("/apis/metallb.io/v1beta2");
  newer.answer(200, names("bgppeers", "bgppeers/status"));
  (await server.next()).answer(200, names("ipaddresspools", "ipaddresspools/status", "bgppeers", "addresspools"));
  const found = await kinds;
  expect(found.ok && found.value.map(({ plural, version, namespace }) => `${plural} ${version} ${namespace}`)).toEqual([
    "ipaddresspools v1beta1 metallb-system",
    "bgppeers v1beta2 metallb-system",
  ]);
});

it("finds no kinds where the group is not there, and says so when it cannot know", async () => {
  const none = discoverMetallbKinds(client(), "metallb-system");
  (await server.next()).answer(404, "404 page not found\n");
  expect(await none).toEqual({ ok: true, value: [] });
  const unknown = discoverMetallbKinds(client(), "metallb-system");
  (await server.next()).answer(503, { message: "starting" });
  expect(await unknown).toMatchObject({ ok: false, fault: { kind: "server" } });
});

it.each([
  { allowed: [true, true], expected: true },
  { allowed: [true, false], expected: false },
  { allowed: [false, true], expected: false },
])("has a permission of list and watch only when both are given: $allowed", async ({ allowed, expected }) => {
  const permitted = isPermitted(client(), configMapResource("metallb-system", "config"), ["list", "watch"], "config");
  const asked: unknown[] = [];
  for (let index = 0; index < 2; index += 1) {
    const { body, answer } = await server.next();
    const { spec } = JSON.parse(body) as { spec: { resourceAttributes: { verb: string } } };
    asked.push(spec.resourceAttributes);
    answer(201, { status: { allowed: allowed[spec.resourceAttributes.verb === "list" ? 0 : 1] } });
  }
  expect(await permitted).toEqual({ ok: true, value: expected });
  const attributes = { group: "", resource: "configmaps", namespace: "metallb-system", name: "config" };
  expect(asked).toEqual(
    expect.arrayContaining([
      { ...attributes, verb: "list" },
      { ...attributes, verb: "watch" },
    ]),
  );
});

it("asks for a subresource as such", async () => {
  const permitted = isPermitted(client(), { ...SERVICES, plural: "services/status" }, ["update"]);
  const { body, answer } = await server.next();
  answer(201, { status: { allowed: true } });
  expect(await permitted).toEqual({ ok: true, value: true });
  expect(JSON.parse(body)).toMatchObject({
    spec: { resourceAttributes: { verb: "update", group: "", resource: "services", subresource: "status" } },
  });
});

/** Answers whether Services may be listed and watched. */
async function permit(allowed: boolean): Promise<void> {
  for (let index = 0; index < 2; index += 1) (await server.next()).answer(201, { status: { allowed } });
}

it.each([
  {
    version: { major: "1", minor: "36", gitVersion: "v1.36.3" },
    expected: { version: "v1.36.3", streamingList: true },
  },
  {
    version: { major: "1", minor: "27+", gitVersion: "v1.27.1-eks" },
    expected: { version: "v1.27.1-eks", streamingList: true },
  },
  {
    version: { major: "1", minor: "26", gitVersion: "v1.26.0" },
    expected: { version: "v1.26.0", streamingList: false },
  },
  { version: {}, expected: { version: "unknown", streamingList: false } },
])("learns from $version what the server can do", async ({ version, expected }) => {
  const { ports } = notePorts(systemClock);
  const support = connectToServer(client(), ports, new AbortController().signal, () => undefined);
  (await server.next()).answer(200, version);
  await permit(true);
  expect(await support).toEqual(expected);
});

it("waits for a server that is not there yet and says each reason once", async () => {
  const clock = createStepClock();
  const noted = notePorts(clock);
  const reasons: (string | undefined)[] = [];
  const stop = new AbortController();
  const support = connectToServer(
    createTestClient(server.url, noted),
    noted.ports,
    stop.signal,
    (reason) => void reasons.push(reason),
  );
  for (const status of [503, 503, 401, 401, 401]) {
    (await server.next()).answer(status, { message: "not yet" });
    if (status === 401) (await server.next()).answer(status, { message: "not yet" }); // with renewed credentials
    await clock.runTimer((milliseconds) => milliseconds < 10_000);
  }
  for (const allowed of [false, true]) {
    (await server.next()).answer(403, { message: "forbidden" }); // it may keep its version to itself
    await permit(allowed);
    if (!allowed) await clock.runTimer((milliseconds) => milliseconds < 10_000);
  }
  expect(await support).toEqual({ version: "unknown", streamingList: false });
  const errors = noted.log.filter((line) => line.startsWith("error"));
  expect(errors).toEqual([
    expect.stringContaining("503, not yet"),
    expect.stringMatching(/401, not yet: the token or certificate is not valid there: renew it/),
    expect.stringContaining("not permitted: grant list and watch of services"),
  ]);
  expect(reasons.at(-1)).toBeUndefined();
  expect(reasons.slice(0, -1).every((reason) => reason !== undefined)).toBe(true);
});

it("keeps the views of a watch together", () => {
  let changes = 0;
  const collection = createCollection<string>(() => void (changes += 1));
  const { handlers } = collection;
  handlers.changed("one", "a");
  handlers.changed("two", "b");
  expect(collection.listed()).toBe(false);
  handlers.listed();
  handlers.listed(); // a new list without a difference
  handlers.deleted("a");
  handlers.deleted("a");
  expect(collection.values()).toEqual(["two"]);
  expect(collection.listed()).toBe(true);
  expect(changes).toBe(4);
});

it("tells nothing of a view that is the same for those who look at it", () => {
  let changes = 0;
  const collection = createCollection<string>(
    () => void (changes += 1),
    (before, after) => before.toLowerCase() === after.toLowerCase(),
  );
  for (const view of ["a", "A", "b"]) collection.handlers.changed(view, "one");
  expect([changes, collection.values()]).toEqual([2, ["b"]]);
});

it.each([
  { attempt: 0, random: 1, delay: 200 },
  { attempt: 0, random: 0, delay: 100 },
  { attempt: 3, random: 1, delay: 1600 },
  { attempt: 50, random: 1, delay: 5000 },
  { attempt: 5000, random: 0, delay: 2500 },
])("backoffDelay() of attempt $attempt with chance $random is $delay ms", ({ attempt, random, delay }) => {
  expect(backoffDelay({ baseMilliseconds: 200, limitMilliseconds: 5_000 }, attempt, random)).toBe(delay);
});

it("names resources as kubectl does", () => {
  expect([resourceName(SERVICES), resourceName({ group: "metallb.io", plural: "bgppeers" })]).toEqual([
    "services",
    "bgppeers.metallb.io",
  ]);
});

it("ends at once when the signal comes while the server keeps us waiting", async () => {
  const controller = new AbortController();
  const noted = notePorts(systemClock);
  const patient = createTestClient(server.url, notePorts(createStepClock())); // it never sees a timeout
  const connecting = connectToServer(patient, noted.ports, controller.signal, () => undefined);
  await server.next(); // and no answer
  controller.abort();
  expect(await connecting).toBeUndefined();
  expect(noted.log).toEqual([]);
});

it("has a few questions in flight at a time, and answers all, those that fail too", async () => {
  const inFlight: (() => void)[] = [];
  let asked = 0;
  const request = async (): Promise<Result<unknown, ApiFailure>> => {
    const turn = (asked += 1);
    await new Promise<void>((resolve) => inFlight.push(resolve));
    return turn === 3
      ? { ok: false, fault: { kind: "server", message: "" } }
      : { ok: true, value: { status: { allowed: true } } };
  };
  const busy = { ...client(), request };
  const answers = Promise.all(Array.from({ length: 20 }, () => isPermitted(busy, SERVICES, ["list"])));
  const most: number[] = [];
  for (;;) {
    if (inFlight.length === 0) break;
    most.push(inFlight.length);
    for (const answer of inFlight.splice(0)) answer();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(Math.max(...most)).toBe(6);
  expect((await answers).filter(({ ok }) => ok)).toHaveLength(19);
});

it("has the server make the next page while one is read, and tells all in their order", async () => {
  const pages = [["a", "b"], ["c"], ["d"]];
  const told: string[] = [];
  let asked = 0;
  const request = async (): Promise<Result<unknown, ApiFailure>> => {
    const items = pages[asked]?.map((name) => ({ metadata: { name, resourceVersion: "7" } }));
    asked += 1;
    return { ok: true, value: { metadata: { resourceVersion: "9", continue: asked < 3 ? `to ${asked}` : "" }, items } };
  };
  const list = await listPages({ ...client(), request }, SERVICES, ({ metadata }) => {
    told.push(`${metadata.name} ${asked}`);
  });
  expect(list).toEqual({ ok: true, value: "9" });
  expect(told).toEqual(["a 2", "b 2", "c 3", "d 3"]);
});
