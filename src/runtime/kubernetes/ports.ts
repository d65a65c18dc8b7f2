import type { Logger } from "../net/logger.js";

/** What the rooms of the edge need from outside: log, time, chance and the counters that name every loss. */
export type EdgePorts = Readonly<{ log: Logger; clock: Clock; random: () => number; counters: EdgeCounters }>;

export type Clock = Readonly<{
  /** Milliseconds since some moment; never goes back and does not follow corrections of the wall clock. */
  now(): number;
  /** The wall clock, for timestamps: milliseconds since the Unix epoch. */
  date(): number;
  /** Runs once after that many milliseconds unless the returned function is called before. */
  setTimer(milliseconds: number, run: () => void): () => void;
}>;

/** Why a watch began anew, in metrics. "ended" is the orderly end that the server was asked for. */
export type WatchEnd =
  | "ended"
  | "expired" // 410: what we have seen last is not in the server's memory any more
  | "server_error" // an ERROR line, or a status of 5xx or 429
  | "refused" // 401 or 403
  | "not_served" // 404
  | "connection" // cannot connect, or the stream broke
  | "silent" // the server missed the end that it was asked for: the connection is half-open
  | "unreadable_line"; // a line that is no watch event, or longer than we take

/** Why something was not handed on, in metrics. */
export type EdgeDrop =
  | "unreadable_object"
  | "unreadable_line"
  | "event_queue_full"
  | "event_superseded" // by a newer one about the same object
  | "event_refused"
  | "event_failed"
  | "event_not_permitted"
  | "event_at_shutdown"
  | "status_refused" // what this node announces of a Service, by the server
  | "status_not_permitted"
  | "status_at_shutdown"; // it was not written yet

export type EdgeCounters = Readonly<{
  /** `code` is the HTTP status, or "error" where there was no answer. */
  requestEnded(method: string, code: string): void;
  watchEnded(resource: string, why: WatchEnd): void;
  /** An object was handed on as changed or deleted. */
  objectSeen(resource: string): void;
  dropped(reason: EdgeDrop): void;
}>;
