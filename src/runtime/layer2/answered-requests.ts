import type { RequestForm } from "./recent-requests.js";

/** BOUNDED by this many of the last answers; a power of two. */
const SLOTS = 512;
/** What is said of a request reaches the next owner before the request itself, at the most by so much. */
const AHEAD_MILLISECONDS = 20;
/** Requests that others have answered, of all others together. */
const MAX_ANSWERED = 8192;

/** A request in 32 bits: who asks for which address. The same on every machine that hears it. */
export type RequestMark = number;

/** The offset basis and the prime of FNV-1a with 32 bits. */
const [BASIS, PRIME] = [0x811c9dc5, 0x01000193];

/** Makes no objects: it runs for each request that is answered. */
export function markRequest(
  { requesterOffset, requesterOctets, targetOffset, targetOctets }: RequestForm,
  view: DataView,
  offset: number,
): RequestMark {
  let mark = BASIS;
  for (let at = 0; at < requesterOctets; at += 2) {
    mark = Math.imul(mark ^ view.getUint16(offset + requesterOffset + at), PRIME);
  }
  for (let at = 0; at < targetOctets; at += 2) {
    mark = Math.imul(mark ^ view.getUint16(offset + targetOffset + at), PRIME);
  }
  return mark;
}

/** The last requests that this machine answered, in fixed memory. */
export type AnsweredRequests = Readonly<{ marks: Int32Array; times: Float64Array; next: [number] }>;

export function createAnsweredRequests(): AnsweredRequests {
  return { marks: new Int32Array(SLOTS), times: new Float64Array(SLOTS).fill(-Infinity), next: [0] };
}

export function noteAnswered({ marks, times, next }: AnsweredRequests, mark: RequestMark, now: number): void {
  const place = next[0] % SLOTS;
  marks[place] = mark;
  times[place] = now;
  next[0] += 1;
}

/** What one machine tells the next owner of its addresses. */
export type Handover = Readonly<{
  /** So far back `answered` has all that was answered. */
  coveredMilliseconds: number;
  answered: readonly RequestMark[];
}>;

/** All answers since then, as far as they are remembered. */
export function answersOf(answered: AnsweredRequests, now: number, milliseconds: number): Handover {
  const { marks, times, next } = answered;
  const list: RequestMark[] = []; // BOUNDED by SLOTS
  for (let number = next[0] - 1; number >= Math.max(0, next[0] - SLOTS); number -= 1) {
    const age = now - (times[number % SLOTS] ?? -Infinity);
    if (age > milliseconds) return { coveredMilliseconds: milliseconds, answered: list };
    list.push(marks[number % SLOTS] ?? 0);
  }
  const oldest = next[0] <= SLOTS ? milliseconds : now - (times[next[0] % SLOTS] ?? now);
  return { coveredMilliseconds: Math.floor(Math.min(milliseconds, oldest)), answered: list };
}

/** What others say that they have answered. */
export type AnsweredByOthers = {
  /** When it was said last, by mark; the oldest first. BOUNDED by MAX_ANSWERED. */
  readonly saidAt: Map<RequestMark, number>;
  /** Of requests before that, nobody knows whether they were answered. */
  unknownBefore: number;
  /** Speakers of the original live, which do not say what they answer. */
  strangersLive: boolean;
};

export function createAnsweredByOthers(): AnsweredByOthers {
  return { saidAt: new Map(), unknownBefore: -Infinity, strangersLive: false };
}

export function noteHandover(others: AnsweredByOthers, { coveredMilliseconds, answered }: Handover, now: number): void {
  const { saidAt } = others;
  for (const mark of answered) {
    saidAt.delete(mark); // so that it is the youngest
    saidAt.set(mark, now);
  }
  others.unknownBefore = Math.max(others.unknownBefore, now - coveredMilliseconds);
  for (const [mark, at] of saidAt) {
    if (saidAt.size <= MAX_ANSWERED && now - at <= KEPT_MILLISECONDS) break;
    saidAt.delete(mark);
  }
}

/** While a speaker of the original lives, and of the time until it was gone, nothing is known. */
export function noteStrangers(others: AnsweredByOthers, strangersLive: boolean, now: number): void {
  if (others.strangersLive) others.unknownBefore = now;
  others.strangersLive = strangersLive;
}

const KEPT_MILLISECONDS = 1000;

/** Whether another machine has answered this request, or may have. One that is sent again, later, is another request. */
export function isAnsweredByOther(
  { saidAt, unknownBefore, strangersLive }: AnsweredByOthers,
  mark: RequestMark,
  heardAt: number,
): boolean {
  return strangersLive || heardAt < unknownBefore || heardAt <= (saidAt.get(mark) ?? -Infinity) + AHEAD_MILLISECONDS;
}
