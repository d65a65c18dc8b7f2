import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "../net/logger.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { openByAgent, sendByAgent } from "./agent-requests.js";
import {
  cancelledError,
  failureOfAnswer,
  failureOfError,
  malformed,
  timeoutError,
  unescapedPath,
  unsendable,
  type ApiFailure,
} from "./api-failure.js";
import type { ClusterAccess, Credentials } from "./cluster-access.js";
import { findCredentialsFault, reasonOf } from "./credentials-check.js";
import type { ServerAnswer } from "./http-answer.js";
import type { AnswerHandlers } from "./http-connections.js";
import type { Clock, EdgeCounters } from "./ports.js";
import { kept, openServerSockets, type ServerSockets } from "./server-sockets.js";

/** One request with a short answer. `path` begins with / and holds the query. */
export type ApiCall = Readonly<{
  method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  path: string;
  /** JSON text. */
  body?: string;
  /** Default: application/json. */
  contentType?: string;
  /** Until the whole answer must be there; default 30 s. */
  timeoutMilliseconds?: number;
}>;

/** A GET whose answer goes on until either side ends it. */
export type ApiStream = Readonly<{
  path: string;
  signal: AbortSignal;
  /** After this the connection is taken for dead, whatever it does. */
  deadlineMilliseconds: number;
  /** @returns false: enough, close it */
  onChunk(chunk: Buffer): boolean;
}>;

/**
 * Talks to one API server over connections that stay open, each stream over one of its own. Answers 401 by renewing
 * the credentials once. Never throws, never retries anything else but a request that met a connection which the server
 * had closed meanwhile. Credentials that cannot be used do not replace those that were good: a file is often read while
 * it is being written.
 */
export type ApiClient = Readonly<{
  server: string;
  /** The parsed JSON of a 2xx answer. */
  request(call: ApiCall): Promise<Result<unknown, ApiFailure>>;
  /** The text of a 2xx answer, for those who need little of it. */
  requestText(call: ApiCall): Promise<Result<string, ApiFailure>>;
  /** ok when the server ended the answer orderly, or we did by onChunk or the signal. */
  stream(call: ApiStream): Promise<Result<void, ApiFailure>>;
  /** Closes all connections. What is in flight ends as "cancelled", at once, as does whatever is asked for later. */
  close(): void;
}>;

export type ApiClientOptions = Readonly<{
  access: ClusterAccess;
  clock: Clock;
  counters: EdgeCounters;
  log: Logger;
  /** For instance `smelter/0.1.0 (controller)`. */
  userAgent: string;
  /** BOUND of the connections for requests, MAX_STREAMS more are for streams; more requests wait their turn. */
  maxSockets: number;
}>;

const DEFAULT_TIMEOUT_MILLISECONDS = 30_000;
const CREDENTIALS_LIFETIME_MILLISECONDS = 60_000; // ServiceAccount tokens are renewed well before they expire
const BROKEN_CREDENTIALS_MILLISECONDS = 10_000; // until they are read again while the last good ones are in use
const MAX_STREAMS = 24; // one for each kind that is watched; there are fewer

type Connection = Readonly<{
  credentials: Credentials;
  /** That every request has. */
  headers: Readonly<Record<string, string>>;
  /** The same as lines, with those of a request that is not made by node:http. */
  head: string;
  sockets: ServerSockets;
  until: number;
}>;

export function createApiClient(options: ApiClientOptions): ApiClient {
  const { access, clock, counters, log, userAgent, maxSockets } = options;
  const server = access.server.origin;
  const prefix = access.server.pathname.replace(/\/$/, "");
  let current: Connection | undefined;
  let connecting: Promise<Result<Connection, ApiFailure>> | undefined;

  let brokenCredentials: string | undefined; // as logged
  let closed = false;
  const inFlight = new Set<() => void>(); // ends each; BOUNDED by the callers, who wait for each

  const connect = async (renew: boolean): Promise<Result<Connection, ApiFailure>> => {
    const credentials = await readCredentials(renew);
    connecting = undefined;
    if (!credentials.ok) {
      // Where the server refuses the last good ones there is nothing to fall back to.
      if (current === undefined || renew) return refuse({ kind: "credentials", message: credentials.fault });
      if (brokenCredentials !== credentials.fault)
        log.warn({ event: "credentialsBroken" }, `${credentials.fault}; the last good ones stay in use until then`);
      brokenCredentials = credentials.fault;
      current = { ...current, until: clock.now() + BROKEN_CREDENTIALS_MILLISECONDS };
      return succeed(current);
    }
    if (brokenCredentials !== undefined) log.info({ event: "credentialsMended" }, "the credentials can be read again");
    brokenCredentials = undefined;
    const until = clock.now() + CREDENTIALS_LIFETIME_MILLISECONDS;
    const same = current !== undefined && sameTls(current.credentials, credentials.value) ? current : undefined;
    // With other certificates new connections are needed; the old ones end when their requests have.
    const sockets =
      same?.sockets ?? openServerSockets(access.server, credentials.value, { maxSockets, maxStreams: MAX_STREAMS });
    if (same === undefined) current?.sockets.requests?.retire();
    const headers = { ...credentials.value.headers, accept: "application/json", "user-agent": userAgent };
    const head = linesOf({ host: access.server.host, ...headers, connection: "keep-alive" });
    current = { sockets, credentials: credentials.value, headers, head, until };
    return succeed(current);
  };

  const readCredentials = async (renew: boolean): Promise<Result<Credentials, string>> => {
    const credentials = await access.credentials(renew);
    const fault = credentials.ok ? findCredentialsFault(credentials.value, access.description) : undefined;
    return fault === undefined ? credentials : refuse(fault);
  };

  const connection = (renew: boolean): Promise<Result<Connection, ApiFailure>> | Result<Connection, ApiFailure> => {
    if (!renew && current !== undefined && clock.now() < current.until) return succeed(current);
    connecting ??= connect(renew);
    return connecting;
  };

  /** Node raises here what it finds wrong in headers and certificates; the check of credentials comes before it. */
  const attemptTo = <Value>(call: ApiCall, begin: () => Value): Result<Value, ApiFailure> => {
    if (UNESCAPED.test(call.path)) return refuse(unescapedPath(nameOf(call)));
    try {
      return succeed(begin());
    } catch (error) {
      return refuse(unsendable(nameOf(call), access.description, reasonOf(error)));
    }
  };

  const openStream = (
    { sockets, headers }: Connection,
    call: ApiCall,
    onResponse: (response: IncomingMessage) => void,
  ) =>
    attemptTo(call, (): ClientRequest => {
      const { method, path } = call;
      const request = { method, path: prefix + path, headers, session: sockets.tlsSession() };
      return openByAgent(access.server, sockets.agent, request, onResponse);
    });

  const send = ({ sockets, headers, head }: Connection, call: ApiCall, handlers: AnswerHandlers) =>
    attemptTo(call, (): (() => void) => {
      const { method, body, contentType = "application/json" } = call;
      const path = prefix + call.path;
      const octets = String(Buffer.byteLength(body ?? ""));
      const ofContent = body === undefined ? {} : { "content-type": contentType, "content-length": octets };
      if (sockets.requests === undefined) {
        return sendByAgent(
          access.server,
          sockets.agent,
          { method, path, headers: { ...headers, ...ofContent }, body },
          handlers,
        );
      }
      return sockets.requests.send(
        `${method} ${path} HTTP/1.1\r\n${head}${linesOf(ofContent)}\r\n${body ?? ""}`,
        handlers,
      );
    });

  const requestOnce = (connection: Connection, call: ApiCall): Promise<Answer> =>
    new Promise((resolve) => {
      let settled = false; // a request that we end ourselves still has its connection's error to come
      const settle = (code: string, answer: Answer): void => {
        if (settled) return;
        settled = true;
        cancelTimer();
        inFlight.delete(cancel);
        counters.requestEnded(call.method, code);
        resolve(answer);
      };
      const fail = (error: Error, stale: boolean): void =>
        settle("error", { failure: failureOfError(server, error), stale });
      const sent = send(connection, call, {
        answered: (answer) => settle(String(answer.status), answer),
        failed: fail,
      });
      if (!sent.ok) {
        counters.requestEnded(call.method, "error");
        return resolve({ failure: sent.fault, stale: false });
      }
      const giveUp = (error: Error): void => {
        fail(error, false);
        sent.value();
      };
      const cancel = (): void => giveUp(cancelledError());
      const timeoutMilliseconds = call.timeoutMilliseconds ?? DEFAULT_TIMEOUT_MILLISECONDS;
      const cancelTimer = clock.setTimer(timeoutMilliseconds, () => giveUp(timeoutError(timeoutMilliseconds)));
      inFlight.add(cancel);
    });

  async function requestText(call: ApiCall): Promise<Result<string, ApiFailure>> {
    for (let attempt = 0; ; attempt += 1) {
      const connected = await connection(false);
      if (closed) return refuse(failureOfError(server, cancelledError()));
      if (!connected.ok) return connected;
      const answer = await requestOnce(connected.value, call);
      if ("failure" in answer) {
        if (answer.stale && attempt === 0) continue;
        return refuse(answer.failure);
      }
      const { status } = answer;
      if (status === 401 && attempt === 0) {
        const renewed = await connection(true);
        if (!renewed.ok) return renewed;
        continue;
      }
      return status >= 200 && status < 300
        ? succeed(answer.body)
        : refuse(
            failureOfAnswer(nameOf(call), { status, body: answer.body, retryAfter: answer.headers.get("retry-after") }),
          );
    }
  }

  async function request(call: ApiCall): Promise<Result<unknown, ApiFailure>> {
    const text = await requestText(call);
    if (!text.ok) return text;
    try {
      return succeed(JSON.parse(text.value) as unknown);
    } catch {
      return refuse(malformed(nameOf(call)));
    }
  }

  async function stream(call: ApiStream): Promise<Result<void, ApiFailure>> {
    for (let attempt = 0; ; attempt += 1) {
      const connected = await connection(false);
      if (closed) return refuse(failureOfError(server, cancelledError()));
      if (!connected.ok) return connected;
      const ended = await streamOnce(connected.value, call);
      if (ended.ok || ended.fault.kind !== "unauthorized" || attempt > 0) return ended;
      const renewed = await connection(true);
      if (!renewed.ok) return renewed;
    }
  }

  const streamOnce = (connection: Connection, call: ApiStream): Promise<Result<void, ApiFailure>> =>
    new Promise((resolve) => {
      const get = { method: "GET", path: call.path } as const;
      let finished = false;
      const finish = (result: Result<void, ApiFailure>): void => {
        if (finished) return;
        finished = true;
        cancelTimer();
        inFlight.delete(cancel);
        call.signal.removeEventListener("abort", onAbort);
        resolve(result);
        request.destroy();
      };
      const begun = openStream(connection, get, (response) => {
        counters.requestEnded("WATCH", String(response.statusCode));
        if (response.statusCode !== 200) {
          const { statusCode: status = 0, headers } = response;
          collect(response, (body) =>
            finish(refuse(failureOfAnswer(nameOf(get), { status, body, retryAfter: headers["retry-after"] }))),
          );
          return;
        }
        response.on("data", (chunk: Buffer) => {
          if (!finished && !call.onChunk(chunk)) finish(succeed(undefined));
        });
        response.on("end", () => finish(succeed(undefined)));
        response.on("error", (error) => finish(refuse(failureOfError(server, error))));
      });
      if (!begun.ok) {
        counters.requestEnded("WATCH", "error");
        return resolve(begun);
      }
      const request = begun.value;
      const cancel = (): void => finish(refuse(failureOfError(server, cancelledError())));
      const onAbort = (): void => finish(succeed(undefined));
      const cancelTimer = clock.setTimer(call.deadlineMilliseconds, () => {
        finish(refuse(failureOfError(server, timeoutError(call.deadlineMilliseconds))));
      });
      request.on("socket", (socket: Socket) => void kept(socket));
      request.on("error", (error) => {
        if (!finished) counters.requestEnded("WATCH", "error");
        finish(refuse(failureOfError(server, error)));
      });
      if (call.signal.aborted) return onAbort();
      inFlight.add(cancel);
      call.signal.addEventListener("abort", onAbort);
      request.end();
    });

  return {
    server,
    request,
    requestText,
    stream,
    close() {
      closed = true;
      for (const cancel of inFlight) cancel();
      current?.sockets.agent.destroy();
      current?.sockets.requests?.close();
    },
  };
}

type Answer = ServerAnswer | Readonly<{ failure: ApiFailure; stale: boolean }>;

/** For messages: without the query. */
const nameOf = ({ method, path }: ApiCall): string => `${method} ${path.split("?", 1)[0]}`;

/** What arrived of a refusal's body, at most 64 KiB; an error in it leaves what came before. */
function collect(response: IncomingMessage, use: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let octets = 0;
  const done = (): void => use(Buffer.concat(chunks).toString("utf8"));
  response.on("data", (chunk: Buffer) => {
    octets += chunk.length;
    if (octets <= 65_536) chunks.push(chunk);
  });
  response.on("end", done);
  response.on("error", done);
}

/** What would end the request line, or begin another. */
const UNESCAPED = /[^\u0021-\u007e]/;

const linesOf = (headers: Readonly<Record<string, string>>): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");

function sameTls(a: Credentials, b: Credentials): boolean {
  const names = new Set([...Object.keys(a.tls), ...Object.keys(b.tls)]);
  return [...names].every((name) => String(a.tls[name]) === String(b.tls[name]));
}
