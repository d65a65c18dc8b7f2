import type { Fault } from "../net/fault.js";
import { describeFault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { ObjectKey } from "../world/views.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { RECONNECT_BACKOFF, backoffDelay, type Backoff } from "./backoff.js";
import type { EdgePorts, WatchEnd } from "./ports.js";
import { keyOf, resourceName, resourcePath, type Resource } from "./resource.js";
import {
  asRawObject,
  createLineSplitter,
  decodeWatchLine,
  identityOf,
  isRecord,
  type ObjectIdentity,
  type RawObject,
  type WatchEvent,
} from "./watch-line.js";

/**
 * What a watch tells. It promises: an object that exists is told at least once; one that is `deleted` does not exist
 * any more (or did not for a moment), never merely out of sight; the last thing told of an object is its newest state
 * once the watch has caught up. Calls come one at a time and must not throw.
 */
export type WatchHandlers<View> = Readonly<{
  changed(view: View, key: ObjectKey): void;
  deleted(key: ObjectKey): void;
  /** Everything that existed has been told: after the first list, and after each one later. */
  listed(): void;
}>;

export type WatchOptions<View> = Readonly<{
  client: ApiClient;
  resource: Resource;
  /** Makes a small view of an object; `kind` and `apiVersion` are there, `metadata.managedFields` is not. */
  read(object: unknown): Result<View, Fault>;
  handlers: WatchHandlers<View>;
  ports: EdgePorts;
  signal: AbortSignal;
  /** The server is 1.27 or newer, so that it is worth asking for a streaming list; see serverSupport(). */
  streamingList: boolean;
}>;

/** How the watch stands: `failure` is why it is not up to date just now, in a sentence. */
export type WatchState = Readonly<{ listed: boolean; failure: string | undefined }>;
export type Watch = Readonly<{
  resource: Resource;
  state(): WatchState;
  /** After the signal. */ ended: Promise<void>;
}>;

const MAX_LINE_OCTETS = 16 * 1024 * 1024; // etcd takes 1.5 MiB; the largest event in JSON is a few times that
const WATCH_SECONDS = { least: 300, most: 600 }; // spread, so that the watches of a fleet do not end together
const GRACE_MILLISECONDS = 15_000;
const INITIAL_EVENTS_MILLISECONDS = 60_000;
const PAGE_OBJECTS = 500;
/** Permissions and kinds that are not there: they may come, but nobody is to be asked in a loop. */
const REFUSED_BACKOFF: Backoff = { baseMilliseconds: 1_000, limitMilliseconds: 300_000 };

/**
 * Lists and watches one resource until the signal, through every failure. Keeps, for each object, its key and
 * resourceVersion: BOUNDED by the objects that exist.
 */
export function watchResource<View>(options: WatchOptions<View>): Watch {
  const { client, resource, handlers, ports, signal } = options;
  const { clock, counters, log } = ports;
  const name = resourceName(resource);
  const known = new Map<ObjectKey, string>(); // resourceVersion by key. BOUNDED by the objects that exist
  let resumeFrom: string | undefined; // where a watch can go on; undefined: list first
  let streaming = options.streamingList;
  let listedOnce = false;
  let failure: string | undefined;

  const observe = (object: RawObject, identity: ObjectIdentity, key: ObjectKey): void => {
    if (known.get(key) === identity.resourceVersion) return; // told before; this list only confirms it
    known.set(key, identity.resourceVersion);
    object["kind"] ??= resource.kind; // the items of a list come without
    object["apiVersion"] ??= resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
    const view = options.read(object);
    counters.objectSeen(name);
    if (view.ok) return handlers.changed(view.value, key);
    counters.dropped("unreadable_object"); // what was told of it before, if anything, stays
    log.warn({ resource: name, key }, describeFault(view.fault));
  };

  const forget = (key: ObjectKey): void => {
    if (!known.delete(key)) return;
    counters.objectSeen(name);
    handlers.deleted(key);
  };

  /** A list is complete: what was not in it is gone. */
  const finishList = (present: ReadonlySet<ObjectKey>, resourceVersion: string): void => {
    for (const key of known.keys()) if (!present.has(key)) forget(key);
    resumeFrom = resourceVersion;
    if (failure !== undefined) log.info({ resource: name }, `watch of ${name} works again`);
    failure = undefined;
    listedOnce = true;
    handlers.listed();
  };

  const listPages = async (): Promise<Result<void, End>> => {
    const present = new Set<ObjectKey>();
    let position = "";
    do {
      const query = queryOf(resource, {
        limit: String(PAGE_OBJECTS),
        ...(position === "" ? {} : { continue: position }),
      });
      const answer = await client.request({ method: "GET", path: `${resourcePath(resource)}?${query}` });
      if (signal.aborted) return refuse({ why: "ended", problem: "" });
      if (!answer.ok) return refuse(endOf(answer.fault));
      const page = readPage(answer.value);
      if (page === undefined) return refuse({ why: "server_error", problem: `the list of ${name} is no list` });
      for (const item of page.items) {
        const object = asRawObject(item);
        if (object === undefined) continue; // an API server sends none without metadata
        const identity = identityOf(object);
        const key = keyOf(identity);
        present.add(key);
        observe(object, identity, key);
      }
      position = page.position;
      if (position === "") finishList(present, page.resourceVersion);
    } while (position !== "");
    return succeed(undefined);
  };

  /** One watch request; with `from` undefined a streaming list comes first. */
  const follow = async (from: string | undefined): Promise<End> => {
    const seconds = Math.round(WATCH_SECONDS.least + (WATCH_SECONDS.most - WATCH_SECONDS.least) * ports.random());
    const split = createLineSplitter(MAX_LINE_OCTETS);
    const present = from === undefined ? new Set<ObjectKey>() : undefined;
    let initial = present !== undefined;
    let stop: End | undefined;

    const onEvent = (event: WatchEvent): End | undefined => {
      if (event.type === "ERROR") {
        const why = event.code === 410 ? "expired" : "server_error";
        return { why, problem: `the server ends the watch with ${event.code}, ${event.message}` };
      }
      if (event.type === "BOOKMARK") {
        if (initial && present !== undefined && event.initialEventsEnd) {
          initial = false;
          cancelInitial();
          finishList(present, event.resourceVersion);
        } else if (!initial) resumeFrom = event.resourceVersion;
        return undefined;
      }
      const { object, identity, type } = event;
      const key = keyOf(identity);
      if (type === "DELETED") {
        present?.delete(key);
        forget(key);
      } else {
        if (initial) present?.add(key);
        observe(object, identity, key);
      }
      if (!initial) resumeFrom = identity.resourceVersion; // the objects of a list are not in order
      return undefined;
    };
    const onChunk = (chunk: Buffer): boolean => {
      const lines = split(chunk);
      if (lines === "oversized") {
        counters.dropped("unreadable_line");
        stop = { why: "unreadable_line", problem: `a line is longer than ${MAX_LINE_OCTETS} octets` };
        return false;
      }
      for (const line of lines) {
        const event = decodeWatchLine(line);
        if (!event.ok) counters.dropped("unreadable_line");
        stop = event.ok ? onEvent(event.value) : { why: "unreadable_line", problem: `a line ${event.fault}` };
        if (stop !== undefined) return false;
      }
      return true;
    };

    const abort = new AbortController();
    const onAbort = (): void => abort.abort();
    signal.addEventListener("abort", onAbort);
    const cancelInitial = initial
      ? clock.setTimer(INITIAL_EVENTS_MILLISECONDS, () => {
          streaming = false; // a server that does not know streaming lists just goes on
          stop = { why: "silent", problem: "the streaming list does not end" };
          abort.abort();
        })
      : () => undefined;
    const query = queryOf(resource, {
      watch: "true",
      allowWatchBookmarks: "true",
      timeoutSeconds: String(seconds),
      ...(from === undefined
        ? { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan" }
        : { resourceVersion: from }),
    });
    const ended = await client.stream({
      path: `${resourcePath(resource)}?${query}`,
      signal: abort.signal,
      deadlineMilliseconds: seconds * 1000 + GRACE_MILLISECONDS,
      onChunk,
    });
    cancelInitial();
    signal.removeEventListener("abort", onAbort);
    if (stop !== undefined) return stop;
    if (!ended.ok) {
      if (initial && ended.fault.kind === "invalid") streaming = false; // it knows them not
      return endOf(ended.fault);
    }
    return initial ? { why: "connection", problem: "the streaming list ended early" } : { why: "ended", problem: "" };
  };

  const round = async (): Promise<End> => {
    if (resumeFrom === undefined && !streaming) {
      const listed = await listPages();
      if (!listed.ok) return listed.fault;
    }
    return follow(resumeFrom);
  };

  const run = async (): Promise<void> => {
    let failures = 0; // in a row
    while (!signal.aborted) {
      const listsBefore = resumeFrom;
      const started = clock.now();
      const end = await round();
      if (signal.aborted) return;
      counters.watchEnded(name, end.why);
      if (end.why === "ended") {
        // A server that ends watches at once must not be asked without a pause.
        if (clock.now() - started < 1_000)
          await pause(backoffDelay(RECONNECT_BACKOFF, 2, ports.random()), ports, signal);
        failures = 0;
        continue;
      }
      const progressed = resumeFrom !== undefined && resumeFrom !== listsBefore;
      failures = progressed ? 0 : failures + 1;
      resumeFrom = undefined; // whatever it was: what was missed meanwhile is found by a list
      const quick = end.why === "expired" || (!streaming && options.streamingList && failures <= 1);
      noteFailure(end, failures);
      if (quick && failures <= 1) continue;
      const backoff = end.why === "refused" || end.why === "not_served" ? REFUSED_BACKOFF : RECONNECT_BACKOFF;
      const delay = Math.max(backoffDelay(backoff, failures, ports.random()), end.retryAfterMilliseconds ?? 0);
      await pause(delay, ports, signal);
    }
  };

  const noteFailure = (end: End, failures: number): void => {
    const fields = { resource: name, reason: end.why };
    const message = `watch of ${name} begins anew: ${end.problem}`;
    if (failure === undefined && failures > 0) log.warn(fields, message);
    else log.debug(fields, message); // the same trouble goes on, or the stream only needs a new list
    if (failures > 0) failure = end.problem;
  };

  return { resource, state: () => ({ listed: listedOnce, failure }), ended: run() };
}

type End = Readonly<{ why: WatchEnd; problem: string; retryAfterMilliseconds?: number }>;

function endOf({ kind, message, retryAfterMilliseconds }: ApiFailure): End {
  return {
    why: WATCH_ENDS[kind],
    problem: message,
    ...(retryAfterMilliseconds === undefined ? {} : { retryAfterMilliseconds }),
  };
}

const WATCH_ENDS: Readonly<Record<ApiFailure["kind"], WatchEnd>> = {
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

function queryOf({ fieldSelector, labelSelector }: Resource, parameters: Readonly<Record<string, string>>): string {
  return new URLSearchParams({
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...parameters,
  }).toString();
}

type Page = Readonly<{ items: readonly unknown[]; resourceVersion: string; position: string }>;

function readPage(list: unknown): Page | undefined {
  if (!isRecord(list) || !isRecord(list["metadata"])) return undefined;
  const { resourceVersion, continue: position } = list["metadata"];
  const items = list["items"] ?? [];
  if (!Array.isArray(items) || typeof resourceVersion !== "string") return undefined;
  return { items, resourceVersion, position: typeof position === "string" ? position : "" };
}

/** Waits, or until the signal. */
export function pause(milliseconds: number, { clock }: Pick<EdgePorts, "clock">, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.setTimer(milliseconds, done);
    signal.addEventListener("abort", done);
  });
}
