import type { Socket } from "node:net";
import { createAnswerReader, type AnswerReader, type ServerAnswer } from "./http-answer.js";

/** What becomes of a request; one of them is called, once, unless it was given up. */
export type AnswerHandlers = Readonly<{
  answered(answer: ServerAnswer): void;
  /** `stale`: on a connection that was kept from before, and which the server had ended meanwhile: it did not read the request. */
  failed(error: Error, stale: boolean): void;
}>;

/**
 * Requests over connections that stay open, one at a time on each (RFC 9112 §9.3). What node:http does around each request
 * (an Agent, three streams, a tick here and there) costs twice what the request itself does, and a controller that gives
 * thousands of addresses does little else.
 */
export type HttpConnections = Readonly<{
  /**
   * @param request the whole request, head and body, as it goes on the wire in UTF-8
   * @returns gives the request up: nobody is called any more, and its connection is ended if it has one
   */
  send(request: string, handlers: AnswerHandlers): () => void;
  /** Nothing more will be sent: connections end when their requests have. */
  retire(): void;
  /** Ends all connections. Requests that are under way or wait are given up by their callers. */
  close(): void;
}>;

export type HttpConnectionsOptions = Readonly<{
  /** A socket that connects or is connected; it tells of failures by "error". */
  open: () => Socket;
  /** BOUND of the connections; more requests wait their turn. */
  maxSockets: number;
  maxBodyOctets: number;
}>;

type Sending = Readonly<{ request: string; handlers: AnswerHandlers }>;
type Connection = { readonly socket: Socket; sending: Sending | undefined; reader: AnswerReader; isReused: boolean };

export function createHttpConnections({ open, maxSockets, maxBodyOctets }: HttpConnectionsOptions): HttpConnections {
  const connections = new Set<Connection>(); // BOUNDED by maxSockets
  const free: Connection[] = []; // a part of them; the one used last is used next
  const waiting = new Set<Sending>(); // BOUNDED by the callers, who wait for each
  let isRetired = false;

  function connect(): Connection {
    const socket = open();
    const connection: Connection = {
      socket,
      sending: undefined,
      reader: createAnswerReader(maxBodyOctets),
      isReused: false,
    };
    connections.add(connection);
    socket.on("data", (chunk) => hear(connection, chunk));
    socket.on("end", () => finish(connection, connection.reader.end()));
    socket.on("error", (error) => drop(connection, error));
    socket.on("close", () => drop(connection, endedError()));
    return connection;
  }

  function start(connection: Connection, sending: Sending): void {
    connection.sending = sending;
    connection.socket.write(sending.request);
  }

  function hear(connection: Connection, chunk: Buffer): void {
    if (connection.sending === undefined) return drop(connection, endedError()); // nothing was asked
    const read = connection.reader.read(chunk);
    if (read !== undefined) finish(connection, read);
  }

  function finish(connection: Connection, read: ServerAnswer | string): void {
    const { sending } = connection;
    if (typeof read === "string" || sending === undefined) {
      const isFault = typeof read === "string" && connection.reader.hasBegun();
      return drop(connection, isFault ? new Error(`the answer ${read}`) : endedError());
    }
    connection.sending = undefined;
    connection.isReused = true;
    connection.reader = createAnswerReader(maxBodyOctets);
    if (!read.keepsOpen) drop(connection, endedError());
    else if (!startNext(connection)) release(connection);
    sending.handlers.answered(read);
  }

  /** Whoever waits longest is next. */
  function startNext(connection: Connection): boolean {
    for (const sending of waiting) {
      waiting.delete(sending);
      start(connection, sending);
      return true;
    }
    return false;
  }

  function release(connection: Connection): void {
    if (isRetired) drop(connection, endedError());
    else free.push(connection);
  }

  function startOnNew(sending: Sending): void {
    try {
      start(connect(), sending);
    } catch (error) {
      // Options that Node does not take: what connects does not exist then.
      queueMicrotask(() => sending.handlers.failed(error as Error, false));
    }
  }

  function drop(connection: Connection, error: Error): void {
    if (!connections.delete(connection)) return; // told before
    const index = free.indexOf(connection);
    if (index >= 0) free.splice(index, 1);
    connection.socket.destroy();
    const { sending, reader, isReused } = connection;
    connection.sending = undefined;
    for (const next of waiting) {
      waiting.delete(next);
      startOnNew(next);
      break;
    }
    sending?.handlers.failed(error, isReused && !reader.hasBegun() && ENDED_CODES.has(codeOf(error)));
  }

  return {
    send(request, handlers) {
      const sending = { request, handlers };
      const kept = free.pop();
      if (kept !== undefined) start(kept, sending);
      else if (connections.size < maxSockets) startOnNew(sending);
      else waiting.add(sending);
      return () => {
        if (waiting.delete(sending)) return;
        for (const connection of connections) {
          if (connection.sending !== sending) continue;
          connection.sending = undefined;
          return drop(connection, endedError());
        }
      };
    },
    retire() {
      isRetired = true;
      for (const connection of free.splice(0)) drop(connection, endedError());
    },
    close() {
      waiting.clear();
      for (const connection of connections) {
        connection.sending = undefined;
        drop(connection, endedError());
      }
    },
  };
}

/** With these a server ends a connection that it took for idle. */
const ENDED_CODES: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? "";

function endedError(): Error {
  return Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" });
}
