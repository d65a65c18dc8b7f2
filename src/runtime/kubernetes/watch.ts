import type { Result } from "../net/result.js";
import type { ObjectKey } from "../world/views.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure, ApiFailureKind } from "./api-failure.js";
import { RECONNECT_BACKOFF, REFUSED_BACKOFF, backoffDelay } from "./backoff.js";
import { listPages, selectorsOf } from "./list-pages.js";
import { pause } from "./pause.js";
import type { EdgePorts, WatchEnd } from "./ports.js";
import { resourceName, resourcePath, type Resource } from "./resource.js";
import { createSeenObjects, type ObjectReader, type SeenObjects, type WatchHandlers } from "./seen-objects.js";
import { createLineSplitter, decodeWatchLine, type WatchEvent } from "./watch-line.js";

export type WatchOptions<View> = Readonly<{
  client: ApiClient;
  resource: Resource;
  /** Makes a small view of an object; `kind` and `apiVersion` are there, `metadata.managedFields` only if the resource says so. */
  read: ObjectReader<View>;
  handlers: WatchHandlers<View>;
  ports: EdgePorts;
  signal: AbortSignal;
  /** The server may know streaming lists; see connectToServer(). Where it does not, pages are read. */
  streamingList: boolean;
}>;

/** How a watch stands; `failure` is why it is not up to date just now, in a sentence. */
export type WatchState = Readonly<{ listed: boolean; failure: string | undefined }>;
export type Watch = Readonly<{
  resource: Resource;
  state(): WatchState;
  /**
   * Lists anew, at once. Resolves when everything that was there when this was called has been told, however long that
   * takes; never when the signal comes first.
   */
  refresh(): Promise<void>;
  /** Settles after the signal. */
  ended: Promise<void>;
}>;

const MAX_LINE_OCTETS = 16 * 1024 * 1024; // etcd takes 1.5 MiB; the largest event in JSON is a few times that
const LEAST_WATCH_SECONDS = 300; // each watch ends after 300 to 600 s, so that those of a fleet do not end together
const GRACE_MILLISECONDS = 15_000;
const LIST_MILLISECONDS = 60_000;
const SHORTEST_WATCH_MILLISECONDS = 1_000; // a server that ends watches at once is asked with pauses

/**
 * Lists and watches one resource until the signal, through every failure: an end that was asked for is followed by the
 * next watch from where it stood, anything else by a new list. A list takes back only what is not there any more.
 */
export function watchResource<View>(options: WatchOptions<View>): Watch {
  const { client, resource, handlers, ports, signal } = options;
  const name = resourceName(resource);
  const seen = createSeenObjects(resource, options.read, handlers, ports);
  let streaming = options.streamingList;
  let resumeFrom: string | undefined; // undefined: list first
  let listed = false;
  let failure: string | undefined;
  let refreshing: (() => void)[] = []; // wait for a list that begins from now on. BOUNDED by who calls refresh()
  let awaiting: (() => void)[] = []; // wait for the list that has begun
  let endFollowing: (() => void) | undefined;

  function beginList(): void {
    awaiting.push(...refreshing);
    refreshing = [];
  }

  function finishList(present: ReadonlySet<ObjectKey>, resourceVersion: string): void {
    resumeFrom = resourceVersion;
    listed = true;
    if (failure !== undefined) ports.log.info({ resource: name }, `watch of ${name} works again`);
    failure = undefined;
    seen.finishList(present);
    for (const resolve of awaiting) resolve();
    awaiting = [];
  }

  async function round(): Promise<End> {
    if (refreshing.length > 0) resumeFrom = undefined;
    if (resumeFrom === undefined) beginList();
    if (resumeFrom === undefined && !streaming) {
      const present = new Set<ObjectKey>();
      const list = await listPages(client, resource, (object) => present.add(seen.observe(object)));
      if (!list.ok) return endOf(list.fault);
      finishList(present, list.value);
    }
    if (refreshing.length > 0) return REFRESHED; // that list had begun before
    const reader = createEventReader(seen, resumeFrom, finishList);
    const ended = await follow(reader);
    resumeFrom = reader.resumeFrom();
    return ended;
  }

  /** One watch request, fed to the reader until it ends. */
  async function follow(reader: EventReader): Promise<End> {
    const seconds = Math.round(LEAST_WATCH_SECONDS * (1 + ports.random()));
    const split = createLineSplitter(MAX_LINE_OCTETS);
    let stopped: End | undefined;
    const onChunk = (chunk: Buffer): boolean => {
      const lines = split(chunk);
      if (lines === "oversized") stopped = unreadable(`a line is longer than ${MAX_LINE_OCTETS} octets`);
      else if (stopped === undefined) stopped = firstEnd(lines, takeLine);
      if (!reader.listing()) cancelListTimer();
      return stopped === undefined;
    };
    const takeLine = (line: string): End | undefined => {
      const event = decodeWatchLine(line, resource.managers);
      return event.ok ? reader.take(event.value) : unreadable(`a line ${event.fault}`);
    };
    const unreadable = (problem: string): End => {
      ports.counters.dropped("unreadable_line");
      return { why: "unreadable_line", problem };
    };

    const abort = new AbortController();
    const onAbort = (): void => abort.abort();
    signal.addEventListener("abort", onAbort);
    endFollowing = onAbort;
    const cancelListTimer = !reader.listing()
      ? () => undefined
      : ports.clock.setTimer(LIST_MILLISECONDS, () => {
          streaming = false; // a server that does not know streaming lists may just go on
          stopped = { why: "silent", problem: `the streaming list does not end within ${LIST_MILLISECONDS / 1000} s` };
          abort.abort();
        });
    const query = watchQuery(resource, reader.listing() ? undefined : resumeFrom, seconds);
    const ended = await client.stream({
      path: `${resourcePath(resource)}?${query}`,
      signal: abort.signal,
      deadlineMilliseconds: seconds * 1000 + GRACE_MILLISECONDS,
      onChunk,
    });
    cancelListTimer();
    endFollowing = undefined;
    signal.removeEventListener("abort", onAbort);
    if (reader.listing() && !ended.ok && ended.fault.kind === "invalid") streaming = false; // it refuses the parameter
    if (refreshing.length > 0 && ended.ok) return REFRESHED;
    return stopped ?? endOfStream(ended, reader.listing());
  }

  async function run(): Promise<void> {
    let lastWhy: WatchEnd | undefined;
    for (let failures = 0; !signal.aborted;) {
      const wasStreaming = streaming;
      const started = ports.clock.now();
      const end = await round();
      if (signal.aborted) return;
      ports.counters.watchEnded(name, end.why);
      const lived = ports.clock.now() - started;
      if (end.why === "ended") {
        failures = 0;
        if (refreshing.length > 0) continue;
        if (lived < SHORTEST_WATCH_MILLISECONDS) await wait(backoffDelay(RECONNECT_BACKOFF, 2, ports.random()));
        continue;
      }
      resumeFrom = undefined; // what was missed meanwhile is found by a list
      // A trouble of another kind begins its own count: a server that starts after a long outage refuses everybody for
      // a moment, and that first refusal is not to be waited out for minutes.
      failures = lived > RECONNECT_BACKOFF.limitMilliseconds ? 0 : end.why === lastWhy ? failures + 1 : 1;
      lastWhy = end.why;
      noteFailure(end, failures);
      if (wasStreaming !== streaming || (end.why === "expired" && failures <= 1)) continue;
      const backoff = end.why === "refused" || end.why === "not_served" ? REFUSED_BACKOFF : RECONNECT_BACKOFF;
      await wait(Math.max(backoffDelay(backoff, failures, ports.random()), end.retryAfterMilliseconds ?? 0));
    }
  }

  function wait(milliseconds: number): Promise<void> {
    return pause(milliseconds, ports.clock, signal);
  }

  function noteFailure(end: End, failures: number): void {
    const fields = { resource: name, reason: end.why };
    const message = `watch of ${name} begins anew: ${end.problem}`;
    // The first end of a watch that went well is no news, nor is the same trouble again.
    if (failures === 0 || end.why === "expired" || failure !== undefined) ports.log.debug(fields, message);
    else ports.log.warn(fields, message);
    if (failures > 0 && end.why !== "expired") failure = end.problem;
  }

  return {
    resource,
    state: () => ({ listed, failure }),
    refresh: () =>
      new Promise((resolve) => {
        refreshing.push(resolve);
        endFollowing?.();
      }),
    ended: run(),
  };
}

/** What the events of one watch request mean, one after the other. */
type EventReader = Readonly<{
  /** @returns why the watch is of no use any more, where the event says so */
  take(event: WatchEvent): End | undefined;
  /** The objects that exist are still coming. */
  listing(): boolean;
  resumeFrom(): string | undefined;
}>;

/** @param from where the watch goes on; undefined: it begins with a streaming list */
function createEventReader(
  seen: SeenObjects,
  from: string | undefined,
  finishList: (present: ReadonlySet<ObjectKey>, resourceVersion: string) => void,
): EventReader {
  let resumeFrom = from;
  let present = from === undefined ? new Set<ObjectKey>() : undefined; // while listing; BOUNDED by what exists
  return {
    take(event) {
      switch (event.type) {
        case "ERROR":
          return {
            why: event.code === 410 ? "expired" : "server_error",
            problem: `the server ends the watch with ${event.code}, ${event.message}`,
          };
        case "BOOKMARK":
          if (present !== undefined && !event.initialEventsEnd) return undefined;
          resumeFrom = event.resourceVersion;
          if (present !== undefined) finishList(present, event.resourceVersion);
          present = undefined;
          return undefined;
        case "DELETED":
          present?.delete(event.key);
          seen.forget(event.key);
          break;
        case "ADDED":
        case "MODIFIED": {
          const key = seen.observe(event.object);
          present?.add(key);
        }
      }
      if (present === undefined) resumeFrom = event.resourceVersion; // a list's objects are in no such order
      return undefined;
    },
    listing: () => present !== undefined,
    resumeFrom: () => (present === undefined ? resumeFrom : undefined),
  };
}

type End = Readonly<{ why: WatchEnd; problem: string; retryAfterMilliseconds?: number }>;
const REFRESHED: End = { why: "ended", problem: "a new list was asked for" };

function firstEnd(lines: readonly string[], take: (line: string) => End | undefined): End | undefined {
  for (const line of lines) {
    const end = take(line);
    if (end !== undefined) return end;
  }
  return undefined;
}

function endOfStream(ended: Result<void, ApiFailure>, listing: boolean): End {
  if (!ended.ok) return endOf(ended.fault);
  return listing
    ? { why: "connection", problem: "the streaming list breaks off" }
    : { why: "ended", problem: "the server ends the watch" };
}

function endOf({ kind, message, retryAfterMilliseconds }: ApiFailure): End {
  const end = { why: WATCH_ENDS[kind], problem: message };
  return retryAfterMilliseconds === undefined ? end : { ...end, retryAfterMilliseconds };
}

const WATCH_ENDS: Readonly<Record<ApiFailureKind, WatchEnd>> = {
  unreachable: "connection",
  timeout: "silent",
  cancelled: "ended",
  credentials: "refused",
  unauthorized: "refused",
  forbidden: "refused",
  notFound: "not_served",
  conflict: "server_error",
  expired: "expired",
  invalid: "server_error",
  busy: "server_error",
  server: "server_error",
  malformed: "server_error",
};

/** @param from where to go on; undefined: a streaming list first (Kubernetes 1.27 and newer) */
function watchQuery(resource: Resource, from: string | undefined, seconds: number): string {
  const query = selectorsOf(resource);
  query.set("watch", "true");
  query.set("allowWatchBookmarks", "true");
  query.set("timeoutSeconds", String(seconds));
  if (from === undefined) {
    query.set("sendInitialEvents", "true");
    query.set("resourceVersionMatch", "NotOlderThan");
  } else {
    query.set("resourceVersion", from);
  }
  return query.toString();
}
