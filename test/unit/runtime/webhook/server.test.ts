import { once } from "node:events";
import { Agent, request, type RequestOptions } from "node:https";
import { connect as connectPlain } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, beforeAll, expect, it } from "vitest";
import type { Route } from "../../../../src/runtime/webhook/answer.js";
import { makeAuthority, makeServerCertificate, type PemPair } from "../../../../src/runtime/webhook/certificate.js";
import { serveWebhooks, type ServerLimits, type WebhookServer } from "../../../../src/runtime/webhook/server.js";

const NAME = "metallb-webhook-service.metallb-system.svc";
const DAY = 86_400_000;
let authorities: readonly PemPair[];
let pairs: readonly PemPair[];
beforeAll(async () => {
  const validity = { from: Date.now() - DAY, until: Date.now() + DAY };
  authorities = await Promise.all([makeAuthority(validity, "ec"), makeAuthority(validity, "ec")]);
  pairs = await Promise.all(authorities.map((authority) => makeServerCertificate(authority, [NAME], validity)));
});

let server: WebhookServer | undefined;
const agents: Agent[] = [];
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy();
  await server?.close();
});

/** Routes: one that says what it got, one that answers when it is told to. */
async function serve(limits: Partial<ServerLimits> = {}) {
  const dropped: string[] = [];
  const waiting: (() => void)[] = [];
  let heard: (() => void) | undefined;
  const route = (name: string, answer: Route["answer"]): [string, Route] => [
    `/${name}`,
    { name, maxOctets: 1000, answer },
  ];
  const routes = new Map<string, Route>([
    route("echo", async (text) => ({ status: 200, body: text })),
    route("wait", (text) => new Promise((resolve) => waiting.push(() => resolve({ status: 200, body: text })))),
  ]);
  const counters = {
    reviewed: () => undefined,
    dropped(reason: string) {
      dropped.push(reason);
      heard?.();
    },
  };
  const [pair] = pairs;
  if (pair === undefined) throw new Error("no certificate");
  const served = await serveWebhooks({ host: "127.0.0.1", port: 0, routes, counters, limits }, pair);
  if (!served.ok) throw new Error(served.fault);
  server = served.value;
  /** Until something was dropped for this reason. */
  const untilDropped = async (reason: string): Promise<void> => {
    while (!dropped.includes(reason)) await new Promise<void>((resolve) => void (heard = resolve));
  };
  return { server, dropped, waiting, untilDropped };
}

const trust = (): string => authorities.map(({ certificate }) => certificate).join("");

function send(
  path: string,
  body: string,
  options: RequestOptions = {},
): Promise<Readonly<{ status: number; body: string }>> {
  return new Promise((resolve, reject) => {
    const port = server?.port ?? 0;
    const fixed = {
      host: "127.0.0.1",
      port,
      path,
      method: "POST",
      ca: trust(),
      servername: NAME,
      agent: false as const,
    };
    const sent = request({ ...fixed, ...options }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function open(): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port: server?.port ?? 0, ca: trust(), servername: NAME });
  await once(socket, "secureConnect");
  return socket;
}

it("answers what is posted to a path that there is", async () => {
  await serve();
  expect(await send("/echo?timeout=10s", "hello")).toEqual({ status: 200, body: "hello" });
});

it.each([
  ["another path", "/metrics", "", {}, 404, "path"],
  ["another method", "/echo", "", { method: "GET" }, 405, "method"],
  ["a body that is announced too large", "/echo", "x".repeat(1001), {}, 413, "too_large"],
  [
    "a body that becomes too large",
    "/echo",
    "x".repeat(1001),
    { headers: { "transfer-encoding": "chunked" } },
    413,
    "too_large",
  ],
])("refuses %s, and counts it", async (_, path, body, options, status, reason) => {
  const { dropped } = await serve();
  expect(await send(path, body, options)).toMatchObject({ status });
  expect(dropped).toEqual([reason]);
});

it("takes no more at once than it has room for, and has room again after that", async () => {
  const { waiting, untilDropped } = await serve({ octetsAtOnce: 1500 });
  const first = send("/wait", "x".repeat(1000));
  while (waiting.length === 0) await new Promise((resolve) => void setImmediate(resolve));
  expect(await send("/echo", "x".repeat(600))).toMatchObject({ status: 503 });
  await untilDropped("memory");
  waiting[0]?.();
  expect((await first).body).toHaveLength(1000);
  expect(await send("/echo", "x".repeat(600))).toMatchObject({ status: 200 });
});

it("does not wait for ever for a request", async () => {
  const { untilDropped } = await serve({ headersMilliseconds: 50, requestMilliseconds: 50, lookMilliseconds: 10 });
  for (const head of ["POST /echo HTTP/1.1\r\n", "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx"]) {
    const socket = await open();
    socket.on("error", () => undefined);
    socket.write(head);
    await once(socket.resume(), "close");
  }
  await untilDropped("slow");
});

it("does not wait for ever for a handshake", async () => {
  const { untilDropped } = await serve({ headersMilliseconds: 50 });
  const socket = connectPlain(server?.port ?? 0, "127.0.0.1");
  await once(socket.resume(), "close");
  await untilDropped("tls");
});

it("counts what is no HTTP and no TLS", async () => {
  const { untilDropped } = await serve();
  (await open()).on("error", () => undefined).write("no HTTP at all\r\n\r\n");
  await untilDropped("malformed_http");
  connectPlain(server?.port ?? 0, "127.0.0.1")
    .on("error", () => undefined)
    .write("GET / HTTP/1.1\r\n\r\n");
  await untilDropped("tls");
});

it("counts a client that goes away in the middle", async () => {
  const { untilDropped } = await serve();
  const socket = await open();
  socket.write("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx");
  socket.destroy();
  await untilDropped("broken_off");
});

it("shows the next certificate to new connections, and keeps those that are open", async () => {
  const { server } = await serve();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agents.push(agent);
  const [first, second] = authorities;
  await send("/echo", "a", { agent, ca: first?.certificate });
  const [, next] = pairs;
  if (next !== undefined) server.useCertificate(next);
  expect(await send("/echo", "b", { agent, ca: first?.certificate })).toMatchObject({ body: "b" });
  await expect(send("/echo", "c", { ca: first?.certificate })).rejects.toThrow();
  expect(await send("/echo", "c", { ca: second?.certificate })).toMatchObject({ body: "c" });
});

it("answers what it has when it is closed", async () => {
  const { server, waiting } = await serve();
  const agent = new Agent({ keepAlive: true });
  agents.push(agent);
  const last = send("/wait", "x", { agent });
  while (waiting.length === 0) await new Promise((resolve) => void setImmediate(resolve));
  const closed = server.close();
  waiting[0]?.();
  expect(await last).toMatchObject({ status: 200 });
  await closed;
});

it("says what to do where the port is taken", async () => {
  const { server } = await serve();
  const [pair] = pairs;
  const counters = { reviewed: () => undefined, dropped: () => undefined };
  const second = await serveWebhooks(
    { host: "127.0.0.1", port: server.port, routes: new Map(), counters },
    pair as PemPair,
  );
  expect(second).toMatchObject({ ok: false, fault: expect.stringMatching(/another process listens there/) });
});
