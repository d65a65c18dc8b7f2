import { afterEach, beforeEach, expect, it } from "vitest";
import { NODES, configMapResource } from "../../../../src/runtime/kubernetes/resource.js";
import { watchResource, type Watch } from "../../../../src/runtime/kubernetes/watch.js";
import { refuse, succeed } from "../../../../src/runtime/net/result.js";
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
} from "./fixtures.js";

let server: FakeServer;
let clock: StepClock;
let noted: Noted;
let told: string[];
let stop: AbortController;
let watch: Watch;

beforeEach(async () => {
  server = await startFakeServer();
  clock = createStepClock();
  noted = notePorts(clock);
  told = [];
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await server.close();
  await watch.ended;
});

function begin(streamingList = true, resource = NODES): void {
  watch = watchResource({
    client: createTestClient(server.url, noted),
    resource,
    read(object) {
      const { metadata, kind, spec } = object as {
        kind: string;
        metadata: { name: string; resourceVersion: string };
        spec?: string;
      };
      if (spec === "bad") {
        return refuse({
          object: `Node ${metadata.name}`,
          path: "/spec",
          value: "bad",
          problem: "is bad",
          remedy: "mend",
        });
      }
      return succeed(`${kind} ${metadata.name}@${metadata.resourceVersion}`);
    },
    handlers: {
      changed: (view) => void told.push(view),
      deleted: (key) => void told.push(`deleted ${key}`),
      listed: () => void told.push("listed"),
    },
    ports: noted.ports,
    signal: stop.signal,
    streamingList,
  });
}

const node = (name: string, resourceVersion: number, more: object = {}): object => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, resourceVersion: `${resourceVersion}`, managedFields: [{ manager: "x" }] },
  ...more,
});
const added = (name: string, version: number, more = {}): object => ({
  type: "ADDED",
  object: node(name, version, more),
});
const modified = (name: string, version: number): object => ({ type: "MODIFIED", object: node(name, version) });
const deleted = (name: string, version: number): object => ({ type: "DELETED", object: node(name, version) });
const bookmark = (version: number, isEnd = false): object => ({
  type: "BOOKMARK",
  object: {
    kind: "Node",
    metadata: {
      resourceVersion: `${version}`,
      ...(isEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}),
    },
  },
});
const gone = { type: "ERROR", object: { kind: "Status", code: 410, message: "too old resource version" } };

const queryOf = ({ url }: Received, ...names: string[]): Record<string, string | null> =>
  Object.fromEntries(names.map((name) => [name, url.searchParams.get(name)]));
const LIST_LIMIT = 60_000; // for a streaming list to be complete
const isBackoff = (milliseconds: number): boolean => milliseconds < 10_000; // the other timers wait longer

/** A streaming list of n1@1 and n2@2 up to version 10, which goes on. */
async function listTwo() {
  const stream = (await server.next()).stream();
  stream.send(added("n1", 1), added("n2", 2), bookmark(10, true));
  await eventually(() => told.includes("listed"));
  told.length = 0;
  return stream;
}

it("lists in the watch itself, then tells what changes", async () => {
  begin();
  const request = await server.next();
  expect(request.url.pathname).toBe("/api/v1/nodes");
  expect(
    queryOf(request, "sendInitialEvents", "resourceVersionMatch", "allowWatchBookmarks", "resourceVersion"),
  ).toEqual({
    sendInitialEvents: "true",
    resourceVersionMatch: "NotOlderThan",
    allowWatchBookmarks: "true",
    resourceVersion: null,
  });
  const stream = request.stream();
  stream.send(added("n1", 5), added("n2", 3));
  await eventually(() => told.length === 2);
  expect(watch.state().listed).toBe(false);
  stream.send(bookmark(10, true), modified("n1", 11), deleted("n2", 12), deleted("unknown", 13));
  await eventually(() => told.length === 5);
  expect(told).toEqual(["Node n1@5", "Node n2@3", "listed", "Node n1@11", "deleted n2"]);
  expect(watch.state()).toEqual({ listed: true, failure: undefined });
});

it("asks for one object by name where the resource says so", async () => {
  begin(true, configMapResource("metallb-system", "config"));
  const { url } = await server.next();
  expect(url.pathname).toBe("/api/v1/namespaces/metallb-system/configmaps");
  expect(url.searchParams.get("fieldSelector")).toBe("metadata.name=config");
});

it.each([
  { name: "refuses the parameter", status: 422 },
  { name: "knows no such parameter for a watch", status: 400 },
])("reads pages where the server $name", async ({ status }) => {
  begin();
  (await server.next()).answer(status, { kind: "Status", code: status, message: "sendInitialEvents is forbidden" });
  const first = await server.next();
  expect(queryOf(first, "limit", "continue", "watch")).toEqual({ limit: "250", continue: null, watch: null });
  first.answer(200, {
    kind: "NodeList",
    metadata: { resourceVersion: "10", continue: "more" },
    items: [{ metadata: { name: "n1", resourceVersion: "1" } }],
  });
  const second = await server.next();
  expect(queryOf(second, "continue")).toEqual({ continue: "more" });
  expect(told).toEqual(["Node n1@1"]);
  second.answer(200, {
    metadata: { resourceVersion: "10" },
    items: [{ metadata: { name: "n2", resourceVersion: "2" } }],
  });
  const follow = await server.next();
  expect(told).toEqual(["Node n1@1", "Node n2@2", "listed"]);
  expect(queryOf(follow, "watch", "resourceVersion", "sendInitialEvents")).toEqual({
    watch: "true",
    resourceVersion: "10",
    sendInitialEvents: null,
  });
});

it("reads pages at once where the server is too old for streaming lists, and an empty list may be null", async () => {
  begin(false);
  (await server.next()).answer(200, { metadata: { resourceVersion: "10" }, items: null });
  expect(queryOf(await server.next(), "watch", "resourceVersion")).toEqual({ watch: "true", resourceVersion: "10" });
  expect(told).toEqual(["listed"]);
});

it("reads pages where a streaming list does not come to its end", async () => {
  begin();
  (await server.next()).stream().send(added("n1", 1));
  await eventually(() => told.length === 1);
  await clock.runTimer((milliseconds) => milliseconds === LIST_LIMIT);
  expect(queryOf(await server.next(), "limit")).toEqual({ limit: "250" });
  expect(noted.counts).toContain("watchEnded nodes silent");
});

it("goes on from the last event, or the last bookmark, after the end that it asked for", async () => {
  begin();
  const stream = await listTwo();
  stream.send(modified("n1", 11));
  await eventually(() => told.length === 1);
  clock.advance(2_000);
  stream.end();
  const second = await server.next();
  expect(queryOf(second, "resourceVersion", "sendInitialEvents")).toEqual({
    resourceVersion: "11",
    sendInitialEvents: null,
  });
  const again = second.stream();
  again.send(bookmark(70), modified("n2", 71));
  await eventually(() => told.length === 2);
  clock.advance(2_000);
  again.end();
  expect(queryOf(await server.next(), "resourceVersion")).toEqual({ resourceVersion: "71" });
  expect(told).toEqual(["Node n1@11", "Node n2@71"]);
});

it("does not hurry after a server that ends its watches at once", async () => {
  begin();
  (await listTwo()).end();
  const delay = await clock.runTimer(isBackoff);
  expect(delay).toBeGreaterThan(100);
  expect(queryOf(await server.next(), "resourceVersion")).toEqual({ resourceVersion: "10" });
});

it("lists again when its place is forgotten, and tells only the difference", async () => {
  begin();
  (await listTwo()).send(gone);
  const stream = (await server.next()).stream(); // at once
  stream.send(added("n2", 2), added("n3", 20));
  await eventually(() => told.includes("Node n3@20"));
  expect(told).toEqual(["Node n3@20"]); // n1 may yet come
  stream.send(bookmark(30, true));
  await eventually(() => told.includes("listed"));
  expect(told).toEqual(["Node n3@20", "deleted n1", "listed"]);
  expect(noted.counts).toContain("watchEnded nodes expired");
});

it.each([
  {
    name: "the connection breaks",
    why: "connection",
    harm: async (stream: Awaited<ReturnType<typeof listTwo>>) => stream.cut(),
  },
  {
    name: "the server reports an error",
    why: "server_error",
    harm: async (stream: Awaited<ReturnType<typeof listTwo>>) =>
      stream.send({ type: "ERROR", object: { code: 500, message: "etcd" } }),
  },
  {
    name: "a line is no JSON",
    why: "unreadable_line",
    harm: async (stream: Awaited<ReturnType<typeof listTwo>>) => stream.send('{"type":"MODIFIED","obj\n'),
  },
  {
    name: "a line holds no object",
    why: "unreadable_line",
    harm: async (stream: Awaited<ReturnType<typeof listTwo>>) => stream.send({ type: "MODIFIED" }),
  },
  {
    name: "nothing comes any more, not even the end",
    why: "silent",
    harm: async () => void (await clock.runTimer((milliseconds) => milliseconds > 300_000)),
  },
])("takes nothing back and lists again when $name", async ({ why, harm }) => {
  begin();
  await harm(await listTwo());
  await clock.runTimer(isBackoff);
  const stream = (await server.next()).stream();
  expect(told).toEqual([]);
  stream.send(added("n1", 1), added("n2", 12), bookmark(30, true));
  await eventually(() => told.includes("listed"));
  expect(told).toEqual(["Node n2@12", "listed"]);
  expect(noted.counts.filter((count) => /watchEnded|dropped/.test(count))).toEqual([
    ...(why === "unreadable_line" ? ["dropped unreadable_line"] : []),
    `watchEnded nodes ${why}`,
  ]);
});

it("takes nothing back when a list breaks off in the middle", async () => {
  begin();
  (await listTwo()).send(gone);
  const broken = (await server.next()).stream();
  broken.send(added("n1", 21));
  await eventually(() => told.length === 1);
  broken.cut();
  await clock.runTimer(isBackoff);
  const stream = (await server.next()).stream();
  stream.send(added("n1", 21), added("n2", 2), bookmark(30, true));
  await eventually(() => told.includes("listed"));
  expect(told).toEqual(["Node n1@21", "listed"]);
});

it("counts an object out that is deleted while the list is still coming", async () => {
  begin();
  (await listTwo()).send(gone);
  const stream = (await server.next()).stream();
  stream.send(added("n1", 1), added("n2", 2), deleted("n2", 25), bookmark(30, true));
  await eventually(() => told.includes("listed"));
  expect(told).toEqual(["deleted n2", "listed"]);
});

it("keeps what it told of an object that it cannot read any more, and says why once for each version", async () => {
  begin();
  const stream = await listTwo();
  stream.send(added("n1", 11, { spec: "bad" }), gone);
  const again = (await server.next()).stream();
  again.send(added("n1", 11, { spec: "bad" }), added("n2", 2), bookmark(30, true), modified("n1", 31));
  await eventually(() => told.includes("Node n1@31"));
  expect(told).toEqual(["listed", "Node n1@31"]);
  expect(noted.counts.filter((count) => count === "dropped unreadable_object")).toHaveLength(1);
  expect(noted.log).toContain('warn: Cannot use Node n1: /spec is "bad", which is bad: mend');
});

it("waits longer and longer while the server is away, says so once, and that it is back", async () => {
  begin();
  (await listTwo()).cut();
  const delays = [await clock.runTimer(isBackoff)];
  for (let attempt = 0; attempt < 6; attempt += 1) {
    (await server.next()).answer(503, "no server\n");
    delays.push(await clock.runTimer(isBackoff));
  }
  expect(delays).toEqual(delays.toSorted((a, b) => a - b));
  expect(new Set(delays).size).toBeGreaterThan(4);
  expect(watch.state()).toEqual({ listed: true, failure: expect.stringContaining("503, no server") as string });
  (await server.next()).stream().send(added("n1", 1), added("n2", 2), bookmark(30, true));
  await eventually(() => told.includes("listed"));
  expect(told).toEqual(["listed"]);
  expect(watch.state()).toEqual({ listed: true, failure: undefined });
  expect(noted.log.filter((line) => line.startsWith("warn"))).toHaveLength(1);
  expect(noted.log).toContain("info: watch of nodes works again");
});

it("waits as long as an overloaded server asks", async () => {
  begin();
  (await server.next()).answer(429, { message: "too many requests" }, { "retry-after": "9" });
  expect(await clock.runTimer((milliseconds) => milliseconds < 20_000)).toBe(9_000);
});

it.each([
  { status: 403, why: "refused" },
  { status: 404, why: "not_served" },
])("asks at a server that answers $status again in minutes, not in a loop", async ({ status, why }) => {
  begin();
  const delays: number[] = [];
  for (let attempt = 0; attempt < 10; attempt += 1) {
    (await server.next()).answer(status, { message: "no" });
    delays.push(await clock.runTimer((milliseconds) => milliseconds <= 300_000 && milliseconds !== LIST_LIMIT));
  }
  expect(delays.at(-1)).toBe(300_000);
  expect(noted.counts.filter((count) => count === `watchEnded nodes ${why}`)).toHaveLength(10);
  expect(noted.log.filter((line) => line.startsWith("warn"))).toHaveLength(1);
});

it("ends with the signal, whatever it is at", async () => {
  begin();
  const stream = await listTwo();
  stop.abort();
  await watch.ended;
  await stream.closed;
});

it("lists anew when it is asked to, and says when all that was there by then has been told", async () => {
  begin(false);
  const list = (version: number, ...items: object[]) => ({ metadata: { resourceVersion: `${version}` }, items });
  const first = await server.next();
  let refreshed = 0;
  void watch.refresh().then(() => (refreshed += 1)); // that list has begun before
  first.answer(200, list(10, node("n1", 1)));
  await eventually(() => told.includes("listed"));
  const second = await server.next();
  expect(refreshed).toBe(0);
  second.answer(200, list(11, node("n1", 1)));
  const stream = (await server.next()).stream();
  await eventually(() => refreshed === 1);

  told.length = 0;
  void watch.refresh().then(() => (refreshed += 1)); // in the middle of a watch
  await stream.closed;
  (await server.next()).answer(200, list(12, node("n1", 1), node("n2", 12)));
  await eventually(() => refreshed === 2);
  expect(told).toEqual(["Node n2@12", "listed"]);
  expect((await server.next()).url.searchParams.get("resourceVersion")).toBe("12");
  expect(noted.log).toEqual([]);
});

it("goes on refreshing through failures", async () => {
  begin(false);
  (await server.next()).answer(200, { metadata: { resourceVersion: "10" }, items: [] });
  await server.next();
  let refreshed = false;
  void watch.refresh().then(() => (refreshed = true));
  (await server.next()).answer(500, { kind: "Status", message: "not now" });
  await clock.runTimer(isBackoff);
  const again = await server.next();
  expect(refreshed).toBe(false);
  again.answer(200, { metadata: { resourceVersion: "12" }, items: [] });
  await eventually(() => refreshed);
});
