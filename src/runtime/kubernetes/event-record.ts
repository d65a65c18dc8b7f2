import { hash } from "node:crypto";

/** What an Event is about. */
export type EventSubject = Readonly<{
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  uid: string;
  resourceVersion: string;
}>;
export type EventText = Readonly<{ type: "Normal" | "Warning"; reason: string; message: string }>;

/** Who says it: `metallb-controller`, or `metallb-speaker` on its node. */
export type EventOrigin = Readonly<{ component: string; host?: string }>;

/** One Event with all its repetitions. */
export type EventRecord = Readonly<{
  subject: EventSubject;
  text: EventText;
  /** Name of the Event object once it was created. */
  name: string | undefined;
  count: number;
  /** Milliseconds since the Unix epoch. */
  firstAt: number;
  lastAt: number;
}>;

const MAX_MESSAGE_CHARACTERS = 1024; // what the API allows for the note of an Event

/** Repetitions of the same text about the same object are one Event with a count. A digest: thousands are remembered. */
export function recordKey(subject: EventSubject, text: EventText): string {
  const digest = hash("sha256", `${topicKey(subject, text)}\n${text.message}`, "buffer");
  return digest.toString("base64url", 0, 16); // a slice of a longer text would keep all of it
}

/** What is said about an object for one reason: a newer text takes the place of an older one. */
export function topicKey({ uid, namespace, name }: EventSubject, { type, reason }: EventText): string {
  return [uid, namespace, name, type, reason].join("\n");
}

/** The Event object to create. @param name unique in its namespace */
export function eventBody({ subject, text, count, firstAt, lastAt }: EventRecord, origin: EventOrigin, name: string) {
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: eventNamespace(subject) },
    involvedObject: subject,
    reason: text.reason,
    message: text.message.slice(0, MAX_MESSAGE_CHARACTERS),
    type: text.type,
    source: origin,
    firstTimestamp: timestamp(firstAt),
    lastTimestamp: timestamp(lastAt),
    count,
    reportingComponent: origin.component,
    reportingInstance: origin.host ?? "",
  };
}

/** The merge patch that counts a repetition. */
export function repetitionPatch({ count, lastAt }: EventRecord) {
  return { count, lastTimestamp: timestamp(lastAt) };
}

/** Events about objects without a namespace stand in `default`. */
export function eventNamespace({ namespace }: EventSubject): string {
  return namespace === "" ? "default" : namespace;
}

function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`; // metav1.Time has whole seconds
}

const MAX_SUBJECT_CHARACTERS = 200; // a name has at most 253, and an id is put behind

/** A name that no other Event has: the subject's, the time and a random number. */
export function eventName({ name }: EventSubject, now: number, random: number): string {
  const id =
    now.toString(16) +
    Math.floor(random * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0");
  return `${name.slice(0, MAX_SUBJECT_CHARACTERS)}.${id}`;
}
