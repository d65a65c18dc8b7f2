import { afterEach, beforeEach, expect, it } from "vitest";
import type { EventSubject } from "../../../../src/runtime/kubernetes/event-record.js";
import { createEventRecorder, type EventRecorder } from "../../../../src/runtime/kubernetes/event-recorder.js";
import {
  createStepClock,
  createTestClient,
  eventually,
  notePorts,
  startFakeServer,
  type FakeServer,
  type Noted,
  type StepClock,
} from "./fixtures.js";

let server: FakeServer;
let clock: StepClock;
let noted: Noted;
let busy: boolean;
let recorder: EventRecorder;

beforeEach(async () => {
  server = await startFakeServer();
  clock = createStepClock();
  noted = notePorts(clock, 0.5);
  busy = false;
  recorder = createEventRecorder({
    client: createTestClient(server.url, noted),
    origin: { component: "metallb-controller" },
    busy: () => busy,
    ports: noted.ports,
  });
});
afterEach(() => server.close());

const subject = (name = "web"): EventSubject => ({
  apiVersion: "v1",
  kind: "Service",
  namespace: "default",
  name,
  uid: `uid-${name}`,
  resourceVersion: "7",
});
const FULL = { type: "Warning", reason: "AllocationFailed", message: "the pool is full" } as const;
const drops = (): readonly string[] => noted.counts.filter((count) => count.startsWith("dropped"));
const isLook = (milliseconds: number): boolean => milliseconds === 500; // while Events wait for something else

/** Answers the next request as a server that took it. */
async function take(status = 201): Promise<Readonly<{ line: string; body: Record<string, unknown> }>> {
  const { method, url, body, answer } = await server.next();
  answer(status, {});
  return { line: `${method} ${url.pathname}`, body: JSON.parse(body) as Record<string, unknown> };
}

it("writes a core Event about the object, once with a time of whole seconds", async () => {
  clock.advance(1_500);
  recorder.record(subject(), FULL);
  const { line, body } = await take();
  expect(line).toBe("POST /api/v1/namespaces/default/events");
  expect(body).toEqual({
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: expect.stringMatching(/^web\.[0-9a-f]+$/) as string, namespace: "default" },
    involvedObject: subject(),
    ...FULL,
    source: { component: "metallb-controller" },
    reportingComponent: "metallb-controller",
    reportingInstance: "",
    firstTimestamp: "2026-01-01T00:00:01Z",
    lastTimestamp: "2026-01-01T00:00:01Z",
    count: 1,
  });
});

it("counts a repetition up in the Event that there is", async () => {
  recorder.record(subject(), FULL);
  const { name } = (await take()).body["metadata"] as { name: string };
  await eventually(() => noted.counts.includes("request POST 201"));
  clock.advance(5_000);
  recorder.record(subject(), FULL);
  const { line, body } = await take(200);
  expect(line).toBe(`PATCH /api/v1/namespaces/default/events/${name}`);
  expect(body).toEqual({ count: 2, lastTimestamp: "2026-01-01T00:00:05Z" });
});

it("counts up what is said again before it is written, and while it is on its way", async () => {
  busy = true;
  recorder.record(subject(), FULL);
  recorder.record(subject(), FULL);
  busy = false;
  recorder.resume();
  const created = await server.next();
  expect(JSON.parse(created.body)).toMatchObject({ count: 2 });
  recorder.record(subject(), FULL);
  recorder.record(subject(), FULL);
  created.answer(201, {});
  const { line, body } = await take(200);
  expect(line).toMatch(/^PATCH /);
  expect(body["count"]).toBe(4);
  expect(server.requests).toHaveLength(2);
});

it("creates an Event anew whose time in the server is over", async () => {
  recorder.record(subject(), FULL);
  await take();
  await eventually(() => noted.counts.includes("request POST 201"));
  recorder.record(subject(), FULL);
  (await server.next()).answer(404, { message: "not found" });
  const { line, body } = await take();
  expect(line).toBe("POST /api/v1/namespaces/default/events");
  expect(body["count"]).toBe(1);
});

it("lets what is more important go first, but not for ever", async () => {
  busy = true;
  for (const name of ["a", "b"]) recorder.record(subject(name), FULL);
  for (let waited = 0; waited < 10_000; waited += 500) {
    expect(server.requests).toHaveLength(0);
    await clock.runTimer(isLook);
  }
  await clock.runTimer(isLook);
  const first = await server.next();
  expect(server.requests).toHaveLength(1); // one at a time
  first.answer(201, {});
  await take();
});

it("waits no longer than the other work lasts", async () => {
  busy = true;
  for (const name of ["a", "b", "c"]) recorder.record(subject(name), FULL);
  busy = false;
  recorder.resume();
  for (let index = 0; index < 3; index += 1) await take();
});

it("writes all that one decision says for the same reason, and only the newest of what several say", async () => {
  busy = true;
  const says = (message: string): void => recorder.record(subject(), { ...FULL, message });
  for (const message of ["old a", "old b"]) says(message);
  clock.advance(200);
  for (const message of ["new a", "new b"]) says(message);
  busy = false;
  recorder.resume();
  const messages = [(await take()).body["message"], (await take()).body["message"]];
  expect(messages).toEqual(["new a", "new b"]);
  expect(drops()).toHaveLength(2);
});

it("holds a bounded number of Events and counts the others", async () => {
  busy = true;
  for (let index = 0; index < 25_003; index += 1) recorder.record(subject(`s${index}`), FULL);
  expect(drops()).toEqual(Array.from({ length: 3 }, () => "dropped event_queue_full"));
});

it("is off for a while, said once, where Events are not permitted", async () => {
  recorder.record(subject("a"), FULL);
  (await server.next()).answer(403, { message: "events is forbidden" });
  await eventually(() => noted.counts.includes("dropped event_not_permitted"));
  for (const name of ["b", "c"]) recorder.record(subject(name), FULL);
  expect(drops()).toHaveLength(3);
  expect(server.requests).toHaveLength(1);
  expect(noted.log.filter((line) => line.startsWith("warn: Events are off"))).toHaveLength(1);
  clock.advance(600_000);
  recorder.record(subject("d"), FULL);
  expect((await take()).body).toMatchObject({ involvedObject: { name: "d" } });
});

it("tries again while the server cannot take an Event, and gives it up after a few times", async () => {
  recorder.record(subject(), FULL);
  for (let attempt = 0; attempt < 4; attempt += 1) {
    (await server.next()).answer(503, { message: "starting" });
    await eventually(() => clock.waiting().some(isLook));
    clock.advance(60_000); // longer than any pause between two attempts
  }
  (await server.next()).answer(503, { message: "starting" });
  await eventually(() => drops().length > 0);
  expect(drops()).toEqual(["dropped event_failed"]);
});

it.each([
  { status: 404, why: "its namespace is gone" },
  { status: 422, why: "the server finds it wrong" },
])("drops an Event when $why", async ({ status }) => {
  recorder.record(subject(), FULL);
  (await server.next()).answer(status, { message: "no" });
  await eventually(() => drops().length > 0);
  expect(drops()).toEqual(["dropped event_refused"]);
  expect(server.requests).toHaveLength(1);
});

it("writes what waits before it ends, as far as its time allows", async () => {
  busy = true;
  for (let index = 0; index < 6; index += 1) recorder.record(subject(`s${index}`), FULL);
  const stopped = recorder.stop(2_000);
  for (let index = 0; index < 3; index += 1) await take();
  await eventually(() => server.requests.length === 6);
  clock.advance(2_000); // the last three are never answered
  await stopped;
  recorder.record(subject("late"), FULL);
  expect(drops()).toEqual(["dropped event_at_shutdown"]);
});
