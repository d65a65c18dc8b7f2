import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createApiClient, type ApiClient } from "../../../../src/runtime/kubernetes/api-client.js";
import type { ClusterAccess } from "../../../../src/runtime/kubernetes/cluster-access.js";
import type { EdgePorts } from "../../../../src/runtime/kubernetes/ports.js";
import { succeed } from "../../../../src/runtime/net/result.js";

/** A request as the server saw it, and its answer to be made. */
export type Received = Readonly<{
  method: string;
  /** With the query. */
  url: URL;
  headers: IncomingMessage["headers"];
  body: string;
  /** Ends the answer. */
  answer(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void;
  /** Begins a watch: lines as they come. */
  stream(): Readonly<{ send(...events: readonly unknown[]): void; end(): void; cut(): void; closed: Promise<void> }>;
}>;

export type FakeServer = Readonly<{
  url: string;
  requests: Received[];
  /** The next request that nobody took yet. */
  next(): Promise<Received>;
  connections(): number;
  close(): Promise<void>;
}>;

/** An HTTP server whose answers the test writes, for what a real API server cannot be made to do. */
export async function startFakeServer(): Promise<FakeServer> {
  const requests: Received[] = [];
  const untaken: Received[] = [];
  const takers: ((received: Received) => void)[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const received = receive(request, response, Buffer.concat(chunks).toString("utf8"));
      requests.push(received);
      const taker = takers.shift();
      if (taker === undefined) untaken.push(received);
      else taker(received);
    });
  });
  server.on("connection", () => void (connections += 1));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    next() {
      const received = untaken.shift();
      return received === undefined ? new Promise((resolve) => void takers.push(resolve)) : Promise.resolve(received);
    },
    connections: () => connections,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function receive(request: IncomingMessage, response: ServerResponse, body: string): Received {
  return {
    method: request.method ?? "",
    url: new URL(request.url ?? "", "http://server"),
    headers: request.headers,
    body,
    answer(status, content, headers = {}) {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(typeof content === "string" ? content : JSON.stringify(content));
    },
    stream() {
      response.writeHead(200, { "content-type": "application/json" });
      response.flushHeaders();
      return {
        send(...events) {
          for (const event of events) response.write(typeof event === "string" ? event : `${JSON.stringify(event)}\n`);
        },
        end: () => void response.end(),
        cut: () => void response.socket?.destroy(),
        closed: new Promise((resolve) => void response.on("close", () => resolve())),
      };
    },
  };
}

/** Access without credentials, or with those that `credentials` says. */
export function accessTo(url: string, credentials?: ClusterAccess["credentials"]): ClusterAccess {
  return {
    server: new URL(url),
    description: "a test's server",
    namespace: undefined,
    credentials: credentials ?? (async () => succeed({ headers: {}, tls: {} })),
  };
}

export type Noted = Readonly<{
  ports: EdgePorts;
  /** `level: message` */
  log: string[];
  /** `watchEnded services expired`, `dropped unreadable_line`, … */
  counts: string[];
}>;

/** Ports with the clock given; the log and the counters are noted. */
export function notePorts(clock: EdgePorts["clock"], random = 1): Noted {
  const log: string[] = [];
  const counts: string[] = [];
  const line =
    (level: string) =>
    (_fields: unknown, message: string): void =>
      void log.push(`${level}: ${message}`);
  return {
    log,
    counts,
    ports: {
      log: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
      clock,
      random: () => random,
      counters: {
        requestEnded: (method, code) => void counts.push(`request ${method} ${code}`),
        watchEnded: (resource, why) => void counts.push(`watchEnded ${resource} ${why}`),
        objectSeen: () => undefined,
        dropped: (reason) => void counts.push(`dropped ${reason}`),
      },
    },
  };
}

export function createTestClient(url: string, { ports }: Noted, maxSockets = 4): ApiClient {
  return createApiClient({ ...ports, access: accessTo(url), userAgent: "smelter/test", maxSockets });
}

/** A clock whose timers run when the test says so; connections and answers take the time that they take. */
export type StepClock = EdgePorts["clock"] &
  Readonly<{
    /** Delays of the timers that wait. */
    waiting(): readonly number[];
    /** Moves time by the delay of the timer that `chosen` picks and runs it; waits until there is one. */
    runTimer(chosen: (milliseconds: number) => boolean): Promise<number>;
    advance(milliseconds: number): void;
  }>;

export function createStepClock(): StepClock {
  let now = 0;
  const timers = new Set<{ at: number; milliseconds: number; run: () => void }>();
  return {
    now: () => now,
    date: () => Date.UTC(2026, 0, 1) + now,
    setTimer(milliseconds, run) {
      const timer = { at: now + milliseconds, milliseconds, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    waiting: () => [...timers].map(({ milliseconds }) => milliseconds),
    async runTimer(chosen) {
      for (;;) {
        const timer = [...timers].find(({ milliseconds }) => chosen(milliseconds));
        if (timer !== undefined) {
          timers.delete(timer);
          now = Math.max(now, timer.at);
          timer.run();
          return timer.milliseconds;
        }
        await new Promise((resolve) => void setImmediate(resolve));
      }
    },
    advance(milliseconds) {
      now += milliseconds;
      for (const timer of [...timers].filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at)) {
        timers.delete(timer);
        timer.run();
      }
    },
  };
}

/** Waits, turn by turn of the event loop, until the condition holds. The runner's time limit is the only deadline. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => void setImmediate(resolve));
}
