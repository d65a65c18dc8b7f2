import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createApiClient } from "../../../../src/runtime/kubernetes/api-client.js";
import { systemClock } from "../../../../src/runtime/kubernetes/system-clock.js";
import { refuse, succeed } from "../../../../src/runtime/net/result.js";
import {
  accessTo,
  createStepClock,
  createTestClient,
  eventually,
  notePorts,
  startFakeServer,
  type FakeServer,
} from "./fixtures.js";

let server: FakeServer;
beforeEach(async () => void (server = await startFakeServer()));
afterEach(() => server.close());

const GET = { method: "GET", path: "/version" } as const;

it("sends what it is told, with its name and no more headers than needed", async () => {
  const client = createTestClient(server.url, notePorts(systemClock));
  const answer = client.request({
    method: "PATCH",
    path: "/x?y=1",
    body: '{"ü":1}',
    contentType: "application/merge-patch+json",
  });
  const request = await server.next();
  expect(request.headers).toEqual({
    accept: "application/json",
    "user-agent": "smelter/test",
    "content-type": "application/merge-patch+json",
    "content-length": "8",
    host: expect.any(String) as string,
    connection: "keep-alive",
  });
  expect(request.body).toBe('{"ü":1}');
  request.answer(200, { done: true });
  expect(await answer).toEqual({ ok: true, value: { done: true } });
});

it.each([
  { status: 400, kind: "invalid" },
  { status: 401, kind: "unauthorized" },
  { status: 403, kind: "forbidden" },
  { status: 404, kind: "notFound" },
  { status: 409, kind: "conflict" },
  { status: 410, kind: "expired" },
  { status: 422, kind: "invalid" },
  { status: 429, kind: "busy" },
  { status: 500, kind: "server" },
  { status: 503, kind: "server" },
])("takes $status for $kind, in the server's words", async ({ status, kind }) => {
  const client = createTestClient(server.url, notePorts(systemClock));
  const answer = client.request(GET);
  (await server.next()).answer(status, { kind: "Status", message: "these words" });
  if (status === 401) (await server.next()).answer(status, { kind: "Status", message: "these words" });
  expect(await answer).toEqual({
    ok: false,
    fault: {
      kind,
      status,
      message: expect.stringMatching(/^Cannot GET \/version: the API server answers \d+, these words/) as string,
    },
  });
});

it.each([
  { retryAfter: "3", milliseconds: 3_000 },
  { retryAfter: "86400", milliseconds: 300_000 },
  { retryAfter: "Wed, 21 Oct 2026 07:28:00 GMT", milliseconds: undefined },
])("reads a Retry-After of $retryAfter", async ({ retryAfter, milliseconds }) => {
  const client = createTestClient(server.url, notePorts(systemClock));
  const answer = client.request(GET);
  (await server.next()).answer(429, "slow down", { "retry-after": retryAfter });
  const result = await answer;
  expect(result.ok ? undefined : result.fault.retryAfterMilliseconds).toBe(milliseconds);
});

it("says that an answer is not JSON", async () => {
  const client = createTestClient(server.url, notePorts(systemClock));
  const answer = client.request(GET);
  (await server.next()).answer(200, "<html>");
  expect(await answer).toMatchObject({ ok: false, fault: { kind: "malformed" } });
});

it("keeps a few connections open and lets further requests wait", async () => {
  const client = createTestClient(server.url, notePorts(systemClock), 2);
  const all = 100;
  const answers = Array.from({ length: all }, () => client.request(GET));
  for (let index = 0; index < all; index += 1) (await server.next()).answer(200, {});
  expect((await Promise.all(answers)).every(({ ok }) => ok)).toBe(true);
  expect(server.connections()).toBe(2 + 24); // and those for streams
  client.close();
});

it("reads its credentials anew when they are refused, once, and each minute besides", async () => {
  const clock = createStepClock();
  const noted = notePorts(clock);
  const reads: boolean[] = [];
  const access = accessTo(server.url, async (renew) => {
    reads.push(renew);
    return succeed({ headers: { authorization: `Bearer token-${reads.length}` }, tls: {} });
  });
  const client = createApiClient({ ...noted.ports, access, userAgent: "smelter/test", maxSockets: 4 });
  const first = client.request(GET);
  (await server.next()).answer(401, { message: "Unauthorized" });
  const second = await server.next();
  expect(second.headers.authorization).toBe("Bearer token-2");
  second.answer(200, {});
  expect(await first).toEqual({ ok: true, value: {} });
  for (const minute of [0, 1]) {
    clock.advance(minute * 61_000);
    const answer = client.request(GET);
    (await server.next()).answer(200, {});
    await answer;
  }
  expect(reads).toEqual([false, true, false]);
});

it("says why its credentials cannot be read", async () => {
  const access = accessTo(server.url, async () => refuse("Cannot read the credentials: no such file"));
  const { ports } = notePorts(systemClock);
  const client = createApiClient({ ...ports, access, userAgent: "smelter/test", maxSockets: 4 });
  expect(await client.request(GET)).toEqual({
    ok: false,
    fault: { kind: "credentials", message: "Cannot read the credentials: no such file" },
  });
});

it("gives a request up that is not answered in time", async () => {
  const clock = createStepClock();
  const noted = notePorts(clock);
  const client = createTestClient(server.url, noted);
  const answer = client.request(GET);
  await server.next();
  expect(await clock.runTimer(() => true)).toBe(30_000);
  expect(await answer).toMatchObject({
    ok: false,
    fault: { kind: "timeout", message: expect.stringContaining("30 s") },
  });
  expect(noted.counts).toEqual(["request GET error"]);
  expect(clock.waiting()).toEqual([]);
});

it("names the server and what to look at where nobody listens", async () => {
  const url = server.url;
  await server.close();
  const answer = await createTestClient(url, notePorts(systemClock)).request(GET);
  expect(answer).toMatchObject({
    ok: false,
    fault: {
      kind: "unreachable",
      message: expect.stringMatching(
        /^Cannot reach the API server http:\/\/127.0.0.1:\d+: .*ECONNREFUSED.*: check that/,
      ),
    },
  });
});

it("tries once more where the server had closed a kept connection meanwhile", async () => {
  const resetting = createServer((socket) => {
    let answered = false;
    socket.on("error", () => undefined);
    socket.on("data", () => {
      if (answered) return socket.resetAndDestroy();
      answered = true;
      return socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
    });
  }).listen(0, "127.0.0.1");
  await once(resetting, "listening");
  const url = `http://127.0.0.1:${(resetting.address() as AddressInfo).port}`;
  const other = createTestClient(url, notePorts(systemClock), 1);
  expect(await other.request(GET)).toEqual({ ok: true, value: {} });
  expect(await other.request(GET)).toEqual({ ok: true, value: {} });
  other.close();
  resetting.close();
});

it("hands on what a stream brings until it is told to stop", async () => {
  const client = createTestClient(server.url, notePorts(systemClock));
  const chunks: string[] = [];
  const ended = client.stream({
    path: "/watch",
    signal: new AbortController().signal,
    deadlineMilliseconds: 60_000,
    onChunk: (chunk) => chunks.push(chunk.toString()) < 2,
  });
  const stream = (await server.next()).stream();
  stream.send("one\n");
  await eventually(() => chunks.length === 1);
  stream.send("two\n");
  expect(await ended).toEqual({ ok: true, value: undefined });
  await stream.closed;
  expect(chunks.join("")).toBe("one\ntwo\n");
});
