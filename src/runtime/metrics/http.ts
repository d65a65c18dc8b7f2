import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { metricsText, type Registry } from "./registry.js";

/** A listening HTTP server of ours. */
export type HttpEndpoint = Readonly<{ port: number; close(): Promise<void> }>;
export type HttpFault = Readonly<{ message: string }>;
/** `body` is sent as JSON. */
export type HttpAnswer = Readonly<{ status: number; body: unknown }>;

/** Serves `/metrics` in the Prometheus text format, after `refresh` brought it up to date; anything else is 404. */
export function serveMetrics(
  options: Readonly<{ host: string; port: number; registry: Registry; refresh?: () => Promise<void> }>,
): Promise<Result<HttpEndpoint, HttpFault>> {
  return listen(options, async (path, response) => {
    if (path !== "/metrics") return answer(response, 404, "not found\n");
    await options.refresh?.();
    response.setHeader("content-type", options.registry.contentType);
    answer(response, 200, await metricsText(options.registry));
  });
}

/**
 * Serves `/healthz` (the process answers) and `/readyz` (it can do its work): 200 and "ok", or 503 and the reason; and
 * `/explain` where there is something to explain.
 */
export function serveHealth(
  options: Readonly<{
    host: string;
    port: number;
    notReadyReason: () => string | undefined;
    explain?: (query: URLSearchParams) => HttpAnswer;
  }>,
): Promise<Result<HttpEndpoint, HttpFault>> {
  return listen(options, async (path, response, query) => {
    if (path === "/explain" && options.explain !== undefined) {
      const { status, body } = options.explain(query);
      response.setHeader("content-type", "application/json");
      return answer(response, status, `${JSON.stringify(body, undefined, 2)}\n`);
    }
    if (path === "/healthz") return answer(response, 200, "ok\n");
    if (path !== "/readyz") return answer(response, 404, "not found\n");
    const reason = options.notReadyReason();
    answer(response, reason === undefined ? 200 : 503, `${reason ?? "ok"}\n`);
  });
}

function listen(
  { host, port }: Readonly<{ host: string; port: number }>,
  handle: (path: string, response: ServerResponse, query: URLSearchParams) => Promise<void>,
): Promise<Result<HttpEndpoint, HttpFault>> {
  const server = createServer((request: IncomingMessage, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, "only GET is served\n");
    const [path = "/", ...query] = (request.url ?? "/").split("?");
    handle(path, response, new URLSearchParams(query.join("?"))).catch((error: unknown) =>
      answer(response, 500, `${String(error)}\n`),
    );
  });
  return new Promise((resolve) => {
    server.on("error", (error: NodeJS.ErrnoException) => {
      const message = `Cannot listen on ${host === "" ? "*" : host}:${port}: ${listenProblem(error)}`;
      if (server.listening)
        process.emitWarning(message); // it could not accept a connection, and goes on
      else resolve(refuse({ message }));
    });
    const onListening = (): void =>
      resolve(succeed({ port: (server.address() as AddressInfo).port, close: () => closeServer(server) }));
    if (host === "") server.listen(port, onListening);
    else server.listen(port, host, onListening);
  });
}

function listenProblem(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "EADDRINUSE":
      return "another process listens there: choose another port, 0 for none";
    case "EADDRNOTAVAIL":
      return "the address is none of this machine's: set METALLB_HOST or the host option to one that is";
    case "EACCES":
      return "the port is privileged: choose one above 1023";
    default:
      return error.message;
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.end(body);
}
