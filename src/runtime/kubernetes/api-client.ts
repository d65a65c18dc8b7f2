import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Logger } from "../net/logger.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { TIMEOUT_CODE, failureOfAnswer, failureOfError, type ApiFailure } from "./api-failure.js";
import type { ClusterAccess, Credentials } from "./cluster-access.js";
import { findCredentialsFault, reasonOf } from "./credentials-check.js";
import type { Clock, EdgeCounters } from "./ports.js";

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
const KEEPALIVE_PROBE_MILLISECONDS = 15_000; // then one probe a second, ten times: a dead peer shows within 25 s

type Connection = Readonly<{ credentials: Credentials; agent: HttpAgent; until: number }>;

export function createApiClient(options: ApiClientOptions): ApiClient {
  const { access, clock, counters, log, userAgent, maxSockets } = options;
  const server = access.server.origin;
  const plain = access.server.protocol === "http:";
  const start = plain ? httpRequest : httpsRequest;
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
    const kept = current !== undefined && sameTls(current.credentials, credentials.value) ? current : undefined;
    // With other certificates new connections are needed; the old ones end when their requests have.
    const agent = kept?.agent ?? createAgent(credentials.value);
    current = { agent, credentials: credentials.value, until };
    return succeed(current);
  };

  const readCredentials = async (renew: boolean): Promise<Result<Credentials, string>> => {
    const credentials = await access.credentials(renew);
    const fault = credentials.ok ? findCredentialsFault(credentials.value, access.description) : undefined;
    return fault === undefined ? credentials : refuse(fault);
  };

  const createAgent = ({ tls, agent: proxy }: Credentials): HttpAgent => {
    // One agent for both, so that all connections after the first resume its TLS session.
    const bounds = { keepAlive: true, maxSockets: maxSockets + MAX_STREAMS, maxFreeSockets: maxSockets };
    if (proxy !== undefined) return Object.assign(proxy, bounds);
    if (plain) return new HttpAgent(bounds);
    const { ca, cert, key, pfx, passphrase, ...others } = tls;
    const secureContext = createSecureContext({ ca, cert, key, pfx, passphrase } as SecureContextOptions);
    // One context for all connections. All go to one server: of the name that the agent makes of some twenty options for
    // each request nothing is to be learnt.
    return Object.assign(new HttpsAgent({ ...others, ...bounds, secureContext }), { getName: () => server });
  };

  const connection = (renew: boolean): Promise<Result<Connection, ApiFailure>> | Result<Connection, ApiFailure> => {
    if (!renew && current !== undefined && clock.now() < current.until) return succeed(current);
    connecting ??= connect(renew);
    return connecting;
  };

  /** Node raises here what it finds wrong in headers and certificates; the check of credentials comes before it. */
  const begin = (
    { agent, credentials }: Connection,
    { method, path, body, contentType }: ApiCall,
    onResponse: (response: IncomingMessage) => void,
  ): Result<ClientRequest, ApiFailure> => {
    const headers: Record<string, string | number> = {
      ...credentials.headers,
      accept: "application/json",
      "user-agent": userAgent,
    };
    if (body !== undefined) {
      headers["content-type"] = contentType ?? "application/json";
      headers["content-length"] = Buffer.byteLength(body);
    }
    const { hostname, port } = access.server;
    const host = hostname.replace(/^\[|\]$/g, "");
    try {
      return succeed(start({ agent, host, port, method, path: prefix + path, headers }, onResponse));
    } catch (error) {
      return refuse(unsendable(access.description, { method, path }, error));
    }
  };

  const requestOnce = (connection: Connection, call: ApiCall): Promise<Answer> =>
    new Promise((resolve) => {
      let settled = false; // a request that we end ourselves still has its connection's error to come
      let answered = false;
      const settle = (code: string, answer: Answer): void => {
        if (settled) return;
        settled = true;
        cancelTimer();
        inFlight.delete(cancel);
        counters.requestEnded(call.method, code);
        resolve(answer);
      };
      const begun = begin(connection, call, (response) => {
        answered = true;
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          settle(String(response.statusCode), { response, body: Buffer.concat(chunks).toString("utf8") });
        });
        response.on("error", fail);
      });
      if (!begun.ok) {
        counters.requestEnded(call.method, "error");
        return resolve({ failure: begun.fault, stale: false });
      }
      const request = begun.value;
      const fail = (error: Error): void => {
        const reset = (error as NodeJS.ErrnoException).code === "ECONNRESET";
        settle("error", { failure: failureOfError(server, error), stale: request.reusedSocket && reset && !answered });
      };
      const giveUp = (error: Error): void => {
        settle("error", { failure: failureOfError(server, error), stale: false });
        request.destroy();
      };
      const cancel = (): void => giveUp(cancelledError());
      const timeoutMilliseconds = call.timeoutMilliseconds ?? DEFAULT_TIMEOUT_MILLISECONDS;
      const cancelTimer = clock.setTimer(timeoutMilliseconds, () => giveUp(timeoutError(timeoutMilliseconds)));
      inFlight.add(cancel);
      request.on("error", fail);
      request.end(call.body);
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
      const status = answer.response.statusCode ?? 0;
      if (status === 401 && attempt === 0) {
        const renewed = await connection(true);
        if (!renewed.ok) return renewed;
        continue;
      }
      return status >= 200 && status < 300
        ? succeed(answer.body)
        : refuse(readRefusal(call, answer.response, answer.body));
    }
  }

  async function request(call: ApiCall): Promise<Result<unknown, ApiFailure>> {
    const text = await requestText(call);
    if (!text.ok) return text;
    try {
      return succeed(JSON.parse(text.value) as unknown);
    } catch {
      return refuse(malformed(call));
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
      const begun = begin(connection, get, (response) => {
        counters.requestEnded("WATCH", String(response.statusCode));
        if (response.statusCode !== 200) {
          collect(response, (body) => finish(refuse(readRefusal(get, response, body))));
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
      request.on("socket", (socket: Socket) => socket.setKeepAlive(true, KEEPALIVE_PROBE_MILLISECONDS));
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
      current?.agent.destroy();
    },
  };
}

type Answer = Readonly<{ response: IncomingMessage; body: string } | { failure: ApiFailure; stale: boolean }>;

function readRefusal({ method, path }: ApiCall, { statusCode, headers }: IncomingMessage, body: string): ApiFailure {
  const answer = { status: statusCode ?? 0, body, retryAfter: headers["retry-after"] };
  return failureOfAnswer(`${method} ${pathOf(path)}`, answer);
}

function malformed({ method, path }: ApiCall): ApiFailure {
  const message = `Cannot ${method} ${pathOf(path)}: the answer is not JSON: check that the server is a Kubernetes API server`;
  return { kind: "malformed", message };
}

const pathOf = (path: string): string => path.split("?", 1)[0] ?? path;

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

function timeoutError(milliseconds: number): Error {
  return Object.assign(new Error(`no answer within ${milliseconds / 1000} s`), { code: TIMEOUT_CODE });
}

function cancelledError(): Error {
  return Object.assign(new Error("closed"), { code: "ABORT_ERR" });
}

function unsendable(description: string, { method, path }: ApiCall, error: unknown): ApiFailure {
  const cannot = `Cannot ${method} ${pathOf(path)}`;
  const reason = reasonOf(error);
  if (reason === "ERR_UNESCAPED_CHARACTERS")
    return { kind: "invalid", message: `${cannot}: the path has a character that is not escaped: report this` };
  const remedy = "check the certificates, the key and the token there";
  return { kind: "credentials", message: `${cannot} with the credentials of ${description}: ${reason}: ${remedy}` };
}

function sameTls(a: Credentials, b: Credentials): boolean {
  const names = new Set([...Object.keys(a.tls), ...Object.keys(b.tls)]);
  return [...names].every((name) => String(a.tls[name]) === String(b.tls[name]));
}
