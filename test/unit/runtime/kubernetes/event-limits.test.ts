import { expect, it } from "vitest";
import { createEventRecorder } from "../../../../src/runtime/kubernetes/event-recorder.js";
import { createManualClock } from "../controller/fixtures.js";
import { notePorts } from "./fixtures.js";
import { createMemoryApi, type Stored } from "./memory-api.js";

const OBJECTS = 10_000;
const SECONDS = 6;

const subjectOf = (index: number) => ({
  apiVersion: "v1",
  kind: "Service",
  namespace: "default",
  name: `s${index}`,
  uid: `uid-${index}`,
  resourceVersion: "1",
});

function begin() {
  const clock = createManualClock();
  const noted = notePorts(clock, 0.5);
  const api = createMemoryApi(clock);
  let random = 0;
  const recorder = createEventRecorder({
    client: api.client,
    origin: { component: "metallb-controller" },
    busy: () => false,
    ports: { ...noted.ports, random: () => (random += 1 / 1_048_576) % 1 },
  });
  const say = (index: number, message: string): void =>
    recorder.record(subjectOf(index), { type: "Warning", reason: "AllocationFailed", message });
  const created = (): readonly Stored[] =>
    api.requests.filter(({ line }) => line.startsWith("POST")).map(({ body }) => body as Stored);
  const drops = (): readonly string[] => noted.counts.filter((count) => count.startsWith("dropped"));
  return { clock, api, say, created, drops };
}

it("says no more than 25 things about one object at once, and one every five minutes from then on", async () => {
  const { clock, say, created, drops } = begin();
  for (let count = 0; count < 30; count += 1) {
    say(1, `again ${count}`);
    await clock.advance(1_000);
  }
  expect(created()).toHaveLength(25);
  say(2, "this one has an allowance of its own");
  await clock.advance(1_000);
  expect(created()).toHaveLength(26);
  await clock.advance(300_000);
  expect(created().slice(26)).toMatchObject([{ message: "again 29" }]); // the newest, which is what is true now
  expect(drops()).toEqual(Array.from({ length: 4 }, () => "dropped event_superseded"));
  await clock.advance(3_600_000);
  expect(created()).toHaveLength(27);
});

/** An Event of each of 10,000 pending Services each second, as a pool that is edited every second makes them. */
async function flood(message: (second: number) => string) {
  const { clock, api, say, created, drops } = begin();
  const perSecond: number[] = [];
  for (let second = 0; second < SECONDS; second += 1) {
    const before = api.requests.length;
    for (let index = 0; index < OBJECTS; index += 1) say(index, message(second));
    await clock.advance(1_000);
    perSecond.push(api.requests.length - before);
  }
  return { perSecond, events: created(), drops: new Set(drops()) };
}

it("tells 10,000 Services that wait something new each second at a bounded pace, and always what is true", async () => {
  const { perSecond, events, drops } = await flood((second) => `no address in edition ${second}`);
  expect(perSecond[0]).toBeLessThanOrEqual(1_030);
  expect(Math.max(...perSecond.slice(1))).toBeLessThanOrEqual(30);
  const isLate = ({ firstTimestamp, message }: Stored): boolean =>
    String(firstTimestamp) !== `1970-01-01T00:00:0${String(message).slice(-1)}Z`;
  expect(events.filter(isLate)).toEqual([]);
  expect(drops).toEqual(new Set(["dropped event_superseded"]));
});

it("counts up what 10,000 Services are told again and again, in the Events that there are", async () => {
  const { events, drops } = await flood((second) => (second % 2 === 0 ? "the pool is full" : "the pool is gone"));
  const told = events.map(({ message, involvedObject }) => `${String(message)} ${JSON.stringify(involvedObject)}`);
  expect(new Set(told).size).toBe(told.length); // nothing is created twice
  expect(drops).toEqual(new Set(["dropped event_superseded"]));
});
