import { request as requestPlain, type Agent, type ClientRequest, type IncomingMessage } from "node:http";
import { request as requestTls } from "node:https";
import type { AnswerHandlers } from "./http-connections.js";
import { hostOf } from "./server-sockets.js";

/** `path` is that of the request line. */
export type AgentRequest = Readonly<{
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  /** Of an earlier connection, to be resumed where a new one is needed. */
  session?: Buffer | undefined;
}>;

/**
 * Begins a request by node:http: for answers that go on, and through proxies, whose agents know how.
 * @throws what Node finds wrong in headers and certificates
 */
export function openByAgent(
  server: URL,
  agent: Agent,
  { method, path, headers, session }: AgentRequest,
  onResponse: (response: IncomingMessage) => void,
): ClientRequest {
  const start = server.protocol === "http:" ? requestPlain : requestTls;
  const resumed = session === undefined ? {} : { session };
  return start({ agent, host: hostOf(server), port: server.port, method, path, headers, ...resumed }, onResponse);
}

/** As HttpConnections.send(). @throws as openByAgent() */
export function sendByAgent(
  server: URL,
  agent: Agent,
  request: AgentRequest & Readonly<{ body: string | undefined }>,
  handlers: AnswerHandlers,
): () => void {
  let hasBegun = false;
  const sent = openByAgent(server, agent, request, (response) => {
    hasBegun = true;
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      const { statusCode: status = 0 } = response;
      const headers = new Map(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
      handlers.answered({ status, headers, body: Buffer.concat(chunks).toString("utf8"), keepsOpen: true });
    });
    response.on("error", fail);
  });
  const fail = (error: Error): void => {
    const isReset = (error as NodeJS.ErrnoException).code === "ECONNRESET";
    handlers.failed(error, sent.reusedSocket && isReset && !hasBegun);
  };
  sent.on("error", fail);
  sent.end(request.body);
  return () => void sent.destroy();
}
