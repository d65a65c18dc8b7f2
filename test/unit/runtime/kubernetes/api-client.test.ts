import { Agent } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createApiClient, type ApiClient } from "../../../../src/runtime/kubernetes/api-client.js";
import { systemClock } from "../../../../src/runtime/kubernetes/system-clock.js";
import { refuse, succeed } from "../../../../src/runtime/net/result.js";
import {
  accessTo,
  createStepClock,
  eventually,
  notePorts,
  startFakeServer,
  type FakeServer,
  type Noted,
} from "./fixtures.js";

let server: FakeServer;
beforeEach(async () => void (server = await startFakeServer()));
afterEach(() => server.close());

const GET = { method: "GET", path: "/version" } as const;

describe.each([
  { way: "directly", connectionsFor: (sockets: number) => sockets },
  // Requests and streams share the agent that knows of the proxy.
  { way: "through a proxy", connectionsFor: (sockets: number) => sockets + 24 },
])("requests that go $way", ({ way, connectionsFor }) => {
  function clientTo(url: string, { ports }: Noted, maxSockets = 4): ApiClient {
    const proxy = way === "directly" ? {} : { agent: new Agent() };
    const access = accessTo(url, async () => succeed({ headers: {}, tls: {}, ...proxy }));
    return createApiClient({ ...ports, access, userAgent: "smelter/test", maxSockets });
  }

  it("sends what it is told, with its name and no more headers than needed", async () => {
    const client = clientTo(server.url, notePorts(systemClock));
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
    const client = clientTo(server.url, notePorts(systemClock));
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
    const client = clientTo(server.url, notePorts(systemClock));
    const answer = client.request(GET);
    (await server.next()).answer(429, "slow down", { "retry-after": retryAfter });
    const result = await answer;
    expect(result.ok ? undefined : result.fault.retryAfterMilliseconds).toBe(milliseconds);
  });

  it("says that an answer is not JSON", async () => {
    const client = clientTo(server.url, notePorts(systemClock));
    const answer = client.request(GET);
    (await server.next()).answer(200, "<html>");
    expect(await answer).toMatchObject({ ok: false, fault: { kind: "malformed" } });
  });

  it("keeps a few connections open and lets further requests wait", async () => {
    const client = clientTo(server.url, notePorts(systemClock), 2);
    const all = 100;
    const answers = Array.from({ length: all }, () => client.request(GET));
    for (let index = 0; index < all; index += 1) (await server.next()).answer(200, {});
    expect((await Promise.all(answers)).every(({ ok }) => ok)).toBe(true);
    expect(server.connections()).toBe(connectionsFor(2));
    client.close();
  });

  it("gives a request up that is not answered in time", async () => {
    const clock = createStepClock();
    const noted = notePorts(clock);
    const client = clientTo(server.url, noted);
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
    const answer = await clientTo(url, notePorts(systemClock)).request(GET);
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
    const other = clientTo(url, notePorts(systemClock), 1);
    expect(await other.request(GET)).toEqual({ ok: true, value: {} });
    expect(await other.request(GET)).toEqual({ ok: true, value: {} });
    other.close();
    resetting.close();
  });

  it("hands on what a stream brings until it is told to stop", async () => {
    const client = clientTo(server.url, notePorts(systemClock));
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

  it("refuses a path that no request can have", async () => {
    const { ports, counts } = notePorts(systemClock);
    const client = clientTo(server.url, { ports, counts, log: [] });
    const answer = await client.request({ method: "GET", path: "/a b" });
    expect(answer).toMatchObject({
      ok: false,
      fault: { kind: "invalid", message: expect.stringMatching(/^Cannot GET/) },
    });
    expect(counts).toEqual(["request GET error"]);
  });

  /** A client with a connection that has served a request already. */
  async function usedConnection(noted = notePorts(systemClock), maxSockets = 1): Promise<ApiClient> {
    const client = clientTo(server.url, noted, maxSockets);
    const first = client.request(GET);
    (await server.next()).answer(200, {});
    await first;
    return client;
  }

  it("ends on close what is in flight and waits, without sending it again, and takes nothing more", async () => {
    const clock = createStepClock();
    const client = await usedConnection(notePorts(clock));
    const answers = Array.from({ length: 40 }, () => client.request(GET)); // more than there are connections
    const stream = client.stream({
      path: "/watch",
      signal: new AbortController().signal,
      deadlineMilliseconds: 60_000,
      onChunk: () => true,
    });
    await server.next();
    client.close();
    const late = client.request(GET);
    for (const answer of await Promise.all([...answers, stream, late]))
      expect(answer).toMatchObject({ ok: false, fault: { kind: "cancelled" } });
    expect(clock.waiting()).toEqual([]);
  });

  it("does not send again what it gave up in the middle of the answer", async () => {
    const clock = createStepClock();
    const noted = notePorts(clock);
    const client = await usedConnection(noted, 2);
    const answer = client.request({ method: "POST", path: "/events", body: "{}" });
    const stream = (await server.next()).stream();
    stream.send("{");
    const later = client.request(GET); // once it is answered, what was sent before has arrived
    (await server.next()).answer(200, {});
    await later;
    await clock.runTimer(() => true);
    expect(await answer).toMatchObject({ ok: false, fault: { kind: "timeout" } });
    await stream.closed;
    expect(server.requests.length).toBe(3);
    expect(noted.counts).toEqual(["request GET 200", "request GET 200", "request POST error"]);
  });

  it("does not send again what the server cut off in the middle of the answer", async () => {
    const client = await usedConnection();
    const answer = client.request({ method: "POST", path: "/events", body: "{}" });
    const stream = (await server.next()).stream();
    stream.send("{");
    stream.cut();
    expect(await answer).toMatchObject({ ok: false, fault: { kind: "unreachable" } });
    expect(server.requests.length).toBe(2);
  });
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

const BROKEN_TOKEN = "top\u0001secret";
const BROKEN_PEM = "-----BEGIN CERTIFICATE-----\nMIIBkTCCATag";

it.each([
  { broken: "a client certificate that is cut short", headers: {}, tls: { cert: BROKEN_PEM } },
  { broken: "a token with a control character", headers: { authorization: `Bearer ${BROKEN_TOKEN}` }, tls: {} },
  { broken: "a server name that is a number", headers: {}, tls: { servername: 5 } },
])("refuses each request and stream with $broken, and shows no secret", async ({ headers, tls }) => {
  const access = accessTo("https://127.0.0.1:9", async () => succeed({ headers, tls }));
  const { ports } = notePorts(systemClock);
  const client = createApiClient({ ...ports, access, userAgent: "smelter/test", maxSockets: 4 });
  const signal = new AbortController().signal;
  const stream = { path: "/watch", signal, deadlineMilliseconds: 60_000, onChunk: () => true };
  for (const answer of [await client.request(GET), await client.stream(stream)]) {
    expect(answer).toMatchObject({ ok: false, fault: { kind: "credentials" } });
    const message = answer.ok ? "" : answer.fault.message;
    expect(message).toMatch(/^Cannot .*credentials of a test's server: .+: write it/);
    expect(message).not.toMatch(/secret|MII/);
  }
});

it("keeps the last good credentials while new ones cannot be used, says so once, and takes them when they can", async () => {
  const clock = createStepClock();
  const noted = notePorts(clock);
  const tokens = ["one", BROKEN_TOKEN, undefined, undefined, "two"];
  const access = accessTo(server.url, async () => {
    const token = tokens.shift();
    return token === undefined
      ? refuse("Cannot read the token: no such file")
      : succeed({ headers: { authorization: `Bearer ${token}` }, tls: {} });
  });
  const client = createApiClient({ ...noted.ports, access, userAgent: "smelter/test", maxSockets: 4 });
  const used: unknown[] = [];
  for (const seconds of [0, 61, 11, 11, 11]) {
    clock.advance(seconds * 1_000);
    const answer = client.request(GET);
    const request = await server.next();
    used.push(request.headers.authorization);
    request.answer(200, {});
    expect(await answer).toEqual({ ok: true, value: {} });
  }
  expect(used).toEqual(["Bearer one", "Bearer one", "Bearer one", "Bearer one", "Bearer two"]);
  expect(noted.log).toEqual([
    expect.stringMatching(/^warn: Cannot use the credentials of a test's server: the token has a character/) as string,
    expect.stringMatching(/^warn: Cannot read the token: no such file/) as string,
    "info: the credentials can be read again",
  ]);
});

it("says why there are no better credentials where the last good ones are refused", async () => {
  const access = accessTo(server.url, async (renew) =>
    succeed({ headers: { authorization: `Bearer ${renew ? BROKEN_TOKEN : "old"}` }, tls: {} }),
  );
  const { ports } = notePorts(systemClock);
  const client = createApiClient({ ...ports, access, userAgent: "smelter/test", maxSockets: 4 });
  const answer = client.request(GET);
  (await server.next()).answer(401, { message: "Unauthorized" });
  expect(await answer).toMatchObject({ ok: false, fault: { kind: "credentials" } });
});

it("has connections left for requests when as many streams as requests may have are open, also through a proxy", async () => {
  const access = accessTo(server.url, async () => succeed({ headers: {}, tls: {}, agent: new Agent() }));
  const { ports } = notePorts(systemClock);
  const client = createApiClient({ ...ports, access, userAgent: "smelter/test", maxSockets: 10 });
  const stream = { path: "/watch", deadlineMilliseconds: 60_000, onChunk: () => true };
  const streams = Array.from({ length: 11 }, () => client.stream({ ...stream, signal: new AbortController().signal }));
  for (let index = 0; index < streams.length; index += 1) (await server.next()).stream();
  const answer = client.request(GET);
  (await server.next()).answer(200, {});
  expect(await answer).toEqual({ ok: true, value: {} });
  client.close();
  await Promise.all(streams);
});
