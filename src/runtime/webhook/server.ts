import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { SecureVersion } from "node:tls";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { Route } from "./answer.js";
import type { PemPair } from "./certificate.js";
import type { WebhookCounters } from "./ports.js";

export type WebhookServerOptions = Readonly<{
  /** "" is all addresses. */
  host: string;
  /** 0: any. */
  port: number;
  /** Default: Node's own, TLS 1.2. */
  minVersion?: SecureVersion;
  /** In OpenSSL's words, between colons. Default: Node's own. */
  ciphers?: string;
  routes: ReadonlyMap<string, Route>;
  counters: WebhookCounters;
  limits?: Partial<ServerLimits>;
}>;

/** What strangers may take of us. */
export type ServerLimits = Readonly<{
  connections: number;
  /** Of what is received and not yet answered, over all connections. */
  octetsAtOnce: number;
  /** Until the TLS handshake is done, and until the headers are there. */
  headersMilliseconds: number;
  /** Until the whole request is there. */
  requestMilliseconds: number;
  /** How often it is looked who is slow. */
  lookMilliseconds: number;
}>;

const USUAL_LIMITS: ServerLimits = {
  connections: 256,
  octetsAtOnce: 64 * 1024 * 1024,
  headersMilliseconds: 10_000,
  requestMilliseconds: 30_000, // the API server waits no longer
  lookMilliseconds: 5_000,
};
/** Longer than the API server keeps a connection that it does not use, so that it never writes to a closing one. */
const IDLE_MILLISECONDS = 120_000;
const CLOSE_MILLISECONDS = 2_000;

export type WebhookServer = Readonly<{
  port: number;
  /** New connections see this certificate; those that are open stay. */
  useCertificate(pair: PemPair): void;
  /** No new requests; those that are in work are answered. */
  close(): Promise<void>;
}>;

/** Serves the webhooks over TLS and HTTP/1.1. @returns a sentence with a remedy where it cannot listen */
export function serveWebhooks(
  { host, port, minVersion, ciphers, routes, counters, limits }: WebhookServerOptions,
  certificate: PemPair,
): Promise<Result<WebhookServer, string>> {
  const tls = {
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(ciphers === undefined ? {} : { ciphers }),
  };
  const contextOf = ({ certificate: cert, key }: PemPair) => ({ cert, key, ...tls });
  const bounds = { ...USUAL_LIMITS, ...limits };
  let octetsAtOnce = 0;
  let closing = false;

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const route = routes.get((request.url ?? "").split("?", 1)[0] ?? "");
    if (route === undefined) return refuseWith(404, "path", "not found\n");
    if (request.method !== "POST") return refuseWith(405, "method", "only POST is served\n");
    const announced = Number(request.headers["content-length"] ?? 0);
    if (announced > route.maxOctets) return tooLarge();
    const chunks: Buffer[] = []; // BOUNDED by maxOctets, and by octetsAtOnce over all requests
    let octets = 0;
    let ended = false;
    const release = (): void => {
      octetsAtOnce -= octets;
      octets = 0;
    };
    request.on("data", (chunk: Buffer) => {
      if (ended) return;
      octets += chunk.length;
      octetsAtOnce += chunk.length;
      if (octets > route.maxOctets) give(() => tooLarge());
      else if (octetsAtOnce > bounds.octetsAtOnce) give(() => refuseWith(503, "memory", "too much at once\n"));
      else chunks.push(chunk);
    });
    request.on("end", () => {
      if (ended) return;
      ended = true;
      void answer(route, Buffer.concat(chunks).toString("utf8"));
    });
    request.on("close", () => {
      if (ended) return;
      ended = true;
      release();
      counters.dropped("broken_off");
    });
    request.on("error", () => undefined); // told by close

    async function answer({ answer }: Route, text: string): Promise<void> {
      const { status, body } = await answer(text);
      release();
      reply(status, body, status === 200 ? "application/json" : "text/plain");
    }
    function give(refusal: () => void): void {
      ended = true;
      chunks.length = 0;
      release();
      refusal();
    }
    function tooLarge(): void {
      refuseWith(413, "too_large", `more than ${route?.maxOctets ?? 0} octets\n`);
    }
    function refuseWith(status: number, reason: Parameters<WebhookCounters["dropped"]>[0], text: string): void {
      counters.dropped(reason);
      response.setHeader("connection", "close"); // what else it has to say is not read
      reply(status, text, "text/plain");
    }
    function reply(status: number, body: string, type: string): void {
      if (closing) response.setHeader("connection", "close");
      response.statusCode = status;
      response.setHeader("content-type", type);
      response.end(body);
    }
  }

  const server = createServer(
    {
      ...contextOf(certificate),
      ALPNProtocols: ["http/1.1"],
      headersTimeout: bounds.headersMilliseconds,
      requestTimeout: bounds.requestMilliseconds,
      handshakeTimeout: bounds.headersMilliseconds,
      keepAliveTimeout: IDLE_MILLISECONDS,
      connectionsCheckingInterval: bounds.lookMilliseconds,
    },
    handle,
  );
  server.maxConnections = bounds.connections;
  server.on("drop", () => counters.dropped("connections"));
  server.on("tlsClientError", () => counters.dropped("tls"));
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    counters.dropped(error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "slow" : "malformed_http");
    socket.destroy();
  });
  const close = (): Promise<void> => {
    closing = true;
    return closeServer(server);
  };
  return listen(server, host, port, { useCertificate: (pair) => server.setSecureContext(contextOf(pair)), close });
}

function listen(
  server: Server,
  host: string,
  port: number,
  calls: Omit<WebhookServer, "port">,
): Promise<Result<WebhookServer, string>> {
  return new Promise((resolve) => {
    server.on("error", (error: NodeJS.ErrnoException) => {
      const message = `Cannot listen for webhooks on ${host === "" ? "*" : host}:${port}: ${listenProblem(error)}`;
      if (server.listening)
        process.emitWarning(message); // it could not accept a connection, and goes on
      else resolve(refuse(message));
    });
    const onListening = (): void => resolve(succeed({ ...calls, port: (server.address() as AddressInfo).port }));
    if (host === "") server.listen(port, onListening);
    else server.listen(port, host, onListening);
  });
}

function listenProblem({ code, message }: NodeJS.ErrnoException): string {
  return code === "EADDRINUSE" ? "another process listens there: stop it, or choose --webhook-mode disabled" : message;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), CLOSE_MILLISECONDS);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}
