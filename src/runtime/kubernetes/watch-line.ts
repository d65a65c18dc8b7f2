import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { ObjectKey } from "../world/views.js";
import { keyOf } from "./resource.js";

const NEWLINE = 0x0a;

/**
 * Cuts a stream of octets into lines. State is the beginning of a line whose end has not come yet, BOUNDED by
 * `maxOctets`.
 * @returns a function that takes the next chunk and gives the lines that are complete now (without the newline, empty
 *   ones left out), or "oversized" once a line is longer than allowed; after that the stream is of no use any more
 */
export function createLineSplitter(maxOctets: number): (chunk: Buffer) => readonly string[] | "oversized" {
  let begun: Buffer[] = [];
  let begunOctets = 0;
  return (chunk) => {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const tail = chunk.subarray(start, end);
      if (begunOctets + tail.length > maxOctets) return "oversized";
      const line = begunOctets === 0 ? tail.toString("utf8") : Buffer.concat([...begun, tail]).toString("utf8");
      if (line !== "") lines.push(line);
      begun = [];
      begunOctets = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      begun.push(chunk.subarray(start));
      begunOctets += chunk.length - start;
    }
    return begunOctets > maxOctets ? "oversized" : lines;
  };
}

/** An object as the API sends it; `metadata` is there, everything else is for the reader of the kind to check. */
export type RawObject = Record<string, unknown> & { metadata: Record<string, unknown> };

/** What is in every object that a list or a watch brings. `namespace` is "" for a kind without one. */
export type ObjectIdentity = Readonly<{ namespace: string; name: string; resourceVersion: string }>;

export type WatchEvent =
  | Readonly<{ type: "ADDED" | "MODIFIED"; object: RawObject; resourceVersion: string }>
  | Readonly<{ type: "DELETED"; key: ObjectKey; resourceVersion: string }>
  /** `initialEventsEnd`: everything that existed when a streaming list began has been sent. */
  | Readonly<{ type: "BOOKMARK"; resourceVersion: string; initialEventsEnd: boolean }>
  | Readonly<{ type: "ERROR"; code: number; message: string }>;

const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/**
 * Reads one line of a watch. Never throws.
 * @param keepManagers see Resource.managers
 * @returns the event, or what is wrong with the line
 */
export function decodeWatchLine(line: string, keepManagers = false): Result<WatchEvent, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return refuse(`is not JSON (${line.length} characters)`);
  }
  if (!isRecord(parsed) || !isRecord(parsed["object"])) return refuse("has no object");
  const { type, object } = parsed;
  if (type === "ERROR") return succeed(readStatus(object as Record<string, unknown>));
  const raw = asRawObject(object, keepManagers);
  if (raw === undefined) return refuse("has an object without metadata, name or resourceVersion");
  const identity = identityOf(raw);
  const { resourceVersion } = identity;
  switch (type) {
    case "BOOKMARK": {
      const annotations = raw.metadata["annotations"];
      const initialEventsEnd = isRecord(annotations) && annotations[INITIAL_EVENTS_END] === "true";
      return succeed({ type, resourceVersion, initialEventsEnd });
    }
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      if (identity.name === "") return refuse("has an object without a name");
      return succeed(
        type === "DELETED" ? { type, key: keyOf(identity), resourceVersion } : { type, object: raw, resourceVersion },
      );
    default:
      return refuse(`is of type ${JSON.stringify(type)}, which no watch sends`);
  }
}

function readStatus(status: Readonly<Record<string, unknown>>): WatchEvent {
  const { code, message } = status;
  return {
    type: "ERROR",
    code: typeof code === "number" ? code : 500,
    message: typeof message === "string" ? message : "no message",
  };
}

/**
 * Takes an untyped value as an API object: metadata with a resourceVersion. Drops metadata.managedFields unless
 * `keepManagers`.
 */
export function asRawObject(value: unknown, keepManagers = false): RawObject | undefined {
  if (!isRecord(value) || !isRecord(value["metadata"])) return undefined;
  if (typeof value["metadata"]["resourceVersion"] !== "string") return undefined;
  if (!keepManagers) delete value["metadata"]["managedFields"];
  return value as RawObject;
}

export function identityOf({ metadata }: RawObject): ObjectIdentity {
  const { namespace, name, resourceVersion } = metadata;
  return {
    namespace: typeof namespace === "string" ? namespace : "",
    name: typeof name === "string" ? name : "",
    resourceVersion: resourceVersion as string,
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
