/** The real API server behind one that a test makes faulty: for what real servers do not do at a chosen moment. */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request } from "node:https";
import { join } from "node:path";
import { pipeline, Readable } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { Kubernetes, Lab } from "../lab/index.js";

export type Asked = Readonly<{ method: string; path: string; query: URLSearchParams; at: number }>;

/** An answer instead of the server's, or lines of a watch instead of its: objects, or texts of whole lines. */
export type Fault = Readonly<
  | { status: number; body: object; retryAfterSeconds?: number }
  | { lines: readonly object[] }
  | { stream: Iterable<string> }
>;

export type FaultyServer = Readonly<{
  /** A kubeconfig for "namespace/name" that leads here. */
  kubeconfigOf: (serviceAccount: string) => Promise<string>;
  /** From now on each request may get a fault; undefined: the server's own answer. */
  answer: (fault: (asked: Asked) => Fault | undefined) => void;
  /** What happens before a request is handed on to the server, which waits for it. */
  before: (happen: (asked: Asked) => Promise<unknown> | undefined) => void;
  /** Breaks every watch there is, in the middle of a line for all one knows. Returns how many. */
  cutWatches: () => number;
  /** Everything that was asked here; `at` is performance.now(). */
  asked: readonly Asked[];
  close: () => Promise<void>;
}>;

const PORT = 6444;
const SERVER_PORT = 6443;

export async function startFaultyServer(lab: Lab, kubernetes: Kubernetes): Promise<FaultyServer> {
  const { controlPlane } = lab;
  const pki = join(lab.folder, "kubernetes/pki");
  const [cert, key] = [readFileSync(join(pki, "apiserver.crt")), readFileSync(join(pki, "apiserver.key"))];
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  agent.createConnection = (_options, opened) => {
    void (async () => {
      const socket = await controlPlane.sockets.connect({ host: controlPlane.ipv4, port: SERVER_PORT });
      const secure = connectTls({ socket, ca: cert, servername: "kubernetes" });
      await once(secure, "secureConnect");
      return secure;
    })().then(
      (socket) => opened?.(null, socket),
      (error: Error) => opened?.(error, undefined as never),
    );
    return undefined;
  };
  const asked: Asked[] = []; // BOUNDED by the test
  const watches = new Set<ServerResponse>();
  let faultOf: (asked: Asked) => Fault | undefined = () => undefined;
  let happen: (asked: Asked) => Promise<unknown> | undefined = () => undefined;

  function handle(received: IncomingMessage, response: ServerResponse): void {
    const url = new URL(received.url ?? "/", "https://server");
    const one = { method: received.method ?? "", path: url.pathname, query: url.searchParams, at: performance.now() };
    asked.push(one);
    const fault = faultOf(one);
    if (fault !== undefined) return answerFault(received, response, fault);
    const happening = happen(one);
    if (happening === undefined) handOn(received, response, url);
    else void happening.finally(() => handOn(received, response, url));
  }

  function handOn(received: IncomingMessage, response: ServerResponse, url: URL): void {
    const isWatch = url.searchParams.get("watch") === "true";
    if (isWatch) watches.add(response);
    const { method, headers } = received;
    const options = { agent, host: controlPlane.ipv4, port: SERVER_PORT, method, path: received.url, headers };
    const handedOn = request(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    handedOn.on("error", () => response.destroy());
    response.on("close", () => {
      watches.delete(response);
      handedOn.destroy();
    });
    received.pipe(handedOn);
  }

  const server = createServer({ cert, key }, handle);
  server.listen(await controlPlane.sockets.listen({ host: controlPlane.ipv4, port: PORT }));
  await once(server, "listening");
  server.unref();
  return {
    async kubeconfigOf(serviceAccount) {
      const text = readFileSync(await kubernetes.kubeconfigOf(serviceAccount), "utf8");
      const file = join(lab.folder, `faulty-${serviceAccount.replaceAll("/", "_")}.kubeconfig`);
      writeFileSync(file, text.replace(`:${SERVER_PORT}`, `:${PORT}`), { mode: 0o644 });
      return file;
    },
    answer: (fault) => void (faultOf = fault),
    before: (hook) => void (happen = hook),
    cutWatches() {
      const count = watches.size;
      for (const response of watches) response.destroy();
      return count;
    },
    asked,
    async close() {
      server.closeAllConnections();
      agent.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerFault(received: IncomingMessage, response: ServerResponse, fault: Fault): void {
  received.resume();
  if ("stream" in fault) {
    response.writeHead(200, { "content-type": "application/json" });
    pipeline(Readable.from(fault.stream), response, () => undefined); // who asked may be gone
    return;
  }
  if ("lines" in fault) {
    response.writeHead(200, { "content-type": "application/json" });
    for (const line of fault.lines) response.write(`${JSON.stringify(line)}\n`);
    response.end();
    return;
  }
  const { status, body, retryAfterSeconds } = fault;
  const headers = retryAfterSeconds === undefined ? {} : { "retry-after": `${retryAfterSeconds}` };
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}
