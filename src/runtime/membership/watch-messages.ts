import { refuse, succeed, type Result } from "../net/result.js";
import { MAX_NAME_OCTETS, MEMBER_STATES, MESSAGE_TYPE, type MemberState } from "./messages.js";
import { RING_KEY_OCTETS } from "./watch-ring.js";

/*
 * What our speakers say to each other beside memberlist's own messages, in messages of its type "user", which releases pass over:
 *
 *   0..1  0x53 0x57, by which it is known
 *   2     version of what follows, 1; octets behind what is known are passed over
 *   3     kind, 1 to 5
 *   4..   32-bit numbers in network byte order, names as one octet of length and UTF-8, in the order of `layouts`
 */

/** I live. Without a number (0) it was asked for, else it is one of a row. */
export type Beat = Readonly<{
  kind: "beat";
  incarnation: number;
  /** Another one after each start, so that the row may begin anew. */
  epoch: number;
  sequence: number;
  name: string;
  /** Ring keys of all who watch the sender; whoever is not among them need not. */
  watchers: readonly string[];
}>;
/** `from` hears nothing of `subject`: to the others who watch it, and to itself. */
export type Accusation = Readonly<{ kind: "accusation"; incarnation: number; subject: string; from: string }>;
/** `from` has heard of `subject` just now. */
export type Denial = Readonly<{ kind: "denial"; incarnation: number; subject: string; from: string }>;
/** Do you take me for alive? */
export type Question = Readonly<{ kind: "question"; incarnation: number; nonce: number; from: string }>;
/** What the asker is taken for; `unknown` where nothing is known. */
export type Verdict = Readonly<{
  kind: "verdict";
  incarnation: number;
  nonce: number;
  from: string;
  state: MemberState | "unknown";
}>;
export type WatchMessage = Beat | Accusation | Denial | Question | Verdict;

/** Why such a message cannot be read; `watchKind`: of another application, or of a later version. */
export type WatchMessageFault = "watchKind" | "watchTruncated" | "watchName" | "watchState";

const MAGIC = [0x53, 0x57, 1];
const KINDS = ["beat", "accusation", "denial", "question", "verdict"] as const;
const STATES = [...MEMBER_STATES, "unknown"] as const;
/** Most watchers that a beat can name. */
const MAX_WATCHERS = 8;
const HEADER_OCTETS = 4;

/** Reads the body of a user message. Never throws; nothing in the result is a view of the input. */
export function decodeWatchMessage(body: Uint8Array): Result<WatchMessage, WatchMessageFault> {
  const kind = KINDS[(body[3] ?? 0) - 1];
  if (kind === undefined || MAGIC.some((octet, at) => body[at] !== octet)) return refuse("watchKind");
  const reader = new Reader(body);
  const message = readMessage(kind, reader);
  return reader.fault === undefined ? succeed(message) : refuse(reader.fault);
}

function readMessage(kind: WatchMessage["kind"], reader: Reader): WatchMessage {
  const incarnation = reader.number();
  switch (kind) {
    case "beat": {
      const [epoch, sequence, name] = [reader.number(), reader.number(), reader.name()];
      return { kind, incarnation, epoch, sequence, name, watchers: reader.keys() };
    }
    case "accusation":
    case "denial":
      return { kind, incarnation, subject: reader.name(), from: reader.name() };
    case "question":
      return { kind, incarnation, nonce: reader.number(), from: reader.name() };
    case "verdict":
      return { kind, incarnation, nonce: reader.number(), from: reader.name(), state: reader.state() };
  }
}

/** Goes through the octets once; after the first fault all that it reads is empty. */
class Reader {
  fault: WatchMessageFault | undefined;
  readonly #octets: Buffer;
  #at = HEADER_OCTETS;
  constructor(octets: Uint8Array) {
    this.#octets = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  }

  number(): number {
    const at = this.#take(4);
    return this.fault === undefined ? this.#octets.readUInt32BE(at) : 0;
  }

  name(): string {
    const octets = this.#counted(MAX_NAME_OCTETS, 1);
    const text = octets.toString("utf8");
    // What is no UTF-8 does not become the same octets again.
    if (octets.length === 0 || Buffer.byteLength(text) !== octets.length || text.includes("\ufffd")) {
      this.fault ??= "watchName";
    }
    return text;
  }

  keys(): string[] {
    const digits = this.#counted(MAX_WATCHERS, RING_KEY_OCTETS).toString("hex");
    const keys: string[] = []; // BOUNDED by MAX_WATCHERS
    for (let at = 0; at < digits.length; at += 2 * RING_KEY_OCTETS)
      keys.push(digits.slice(at, at + 2 * RING_KEY_OCTETS));
    return keys;
  }

  state(): MemberState | "unknown" {
    const at = this.#take(1);
    const state = this.fault === undefined ? STATES[this.#octets[at] ?? STATES.length] : undefined;
    if (state === undefined) this.fault ??= "watchState";
    return state ?? "unknown";
  }

  /** One octet that says how many things of `size` octets follow. */
  #counted(most: number, size: number): Buffer {
    const at = this.#take(1);
    const count = this.fault === undefined ? (this.#octets[at] ?? 0) : 0;
    if (count > most) this.fault ??= "watchTruncated";
    const start = this.#take(count * size);
    return this.#octets.subarray(start, this.fault === undefined ? start + count * size : start);
  }

  #take(count: number): number {
    const start = this.#at;
    if (count > this.#octets.length - start) this.fault ??= "watchTruncated";
    else this.#at += count;
    return start;
  }
}

/**
 * Inverse of decodeWatchMessage(), with the type of the message in front.
 * @param message names of 1 to 255 octets, up to 8 watchers
 */
export function encodeWatchMessage(message: WatchMessage): Uint8Array {
  const octets = Buffer.allocUnsafe(MAX_MESSAGE_OCTETS);
  let at = 0;
  const put = (value: number): void => void (at = octets.writeUInt8(value, at));
  const putNumber = (value: number): void => void (at = octets.writeUInt32BE(value, at));
  const putName = (name: string): void => {
    put(Buffer.byteLength(name));
    at += octets.write(name, at);
  };
  for (const octet of [MESSAGE_TYPE.user, ...MAGIC, KINDS.indexOf(message.kind) + 1]) put(octet);
  putNumber(message.incarnation);
  switch (message.kind) {
    case "beat":
      putNumber(message.epoch);
      putNumber(message.sequence);
      putName(message.name);
      put(message.watchers.length);
      for (const key of message.watchers) at += octets.write(key, at, "hex");
      break;
    case "accusation":
    case "denial":
      putName(message.subject);
      putName(message.from);
      break;
    case "question":
    case "verdict":
      putNumber(message.nonce);
      putName(message.from);
      if (message.kind === "verdict") put(STATES.indexOf(message.state));
  }
  return Uint8Array.prototype.slice.call(octets, 0, at);
}

const MAX_MESSAGE_OCTETS = 1024;
