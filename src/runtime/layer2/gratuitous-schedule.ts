import type { AddressKey } from "./address-key.js";

/** Between two bursts about one address. */
export const BURST_INTERVAL_MILLISECONDS = 1100;
/** For how long after an announcement there are bursts, where nothing else is said: at 0, 1.1, 2.2, 3.3 and 4.4 s. */
export const BURST_PERIOD_MILLISECONDS = 5000;

interface Repetition {
  untilMilliseconds: number;
  nextMilliseconds: number;
}

/**
 * When to tell the link again who has an address. Changed in place, since thousands of addresses may come at once; time
 * comes in from outside, in milliseconds of any clock that never goes back.
 */
export type GratuitousSchedule = Readonly<{
  /** Announced, nothing sent yet; in the order of their announcement. BOUNDED by the announced addresses. */
  fresh: Map<AddressKey, Repetition>;
  /**
   * Sent at least once; the earliest next burst is first, as all wait equally
   * long (but for less than one interval after a halt of the process). BOUNDED as `fresh` is.
   */
  repeating: Map<AddressKey, Repetition>;
}>;

export function createGratuitousSchedule(): GratuitousSchedule {
  return { fresh: new Map(), repeating: new Map() };
}

/**
 * An address that is on its way through its bursts gets more of them, but none sooner.
 * @param periodMilliseconds for how long there are bursts; 0: one
 */
export function scheduleGratuitous(
  { fresh, repeating }: GratuitousSchedule,
  key: AddressKey,
  now: number,
  periodMilliseconds = BURST_PERIOD_MILLISECONDS,
): void {
  const untilMilliseconds = now + periodMilliseconds;
  const known = repeating.get(key) ?? fresh.get(key);
  if (known === undefined) fresh.set(key, { untilMilliseconds, nextMilliseconds: now });
  // One more at least, also where the last is over and the period is short.
  else known.untilMilliseconds = Math.max(known.untilMilliseconds, untilMilliseconds, known.nextMilliseconds);
}

/** Nothing more is sent about this address. */
export function unscheduleGratuitous({ fresh, repeating }: GratuitousSchedule, key: AddressKey): void {
  fresh.delete(key);
  repeating.delete(key);
}

/**
 * Takes the addresses whose burst is due, new ones first, and plans their next.
 * @param limit the most to take, so that a long list is worked off in parts
 */
export function takeDueBursts({ fresh, repeating }: GratuitousSchedule, now: number, limit: number): AddressKey[] {
  const due: AddressKey[] = [];
  for (const [key, repetition] of fresh) {
    if (due.length === limit) return due;
    due.push(key);
    fresh.delete(key);
    repetition.nextMilliseconds = nextBurst(repetition.nextMilliseconds, now);
    repeating.set(key, repetition);
  }
  for (const [key, repetition] of repeating) {
    if (due.length === limit || repetition.nextMilliseconds > now) return due;
    repeating.delete(key);
    if (repetition.nextMilliseconds > repetition.untilMilliseconds) continue;
    due.push(key);
    repetition.nextMilliseconds = nextBurst(repetition.nextMilliseconds, now);
    repeating.set(key, repetition);
  }
  return due;
}

/** In step with the bursts before it; what was missed while the whole process stood still is not made up for. */
function nextBurst(last: number, now: number): number {
  const missed = Math.max(0, Math.floor((now - last) / BURST_INTERVAL_MILLISECONDS));
  return last + (missed + 1) * BURST_INTERVAL_MILLISECONDS;
}

/** When takeDueBursts has something to do next; undefined where nothing is planned. May lie in the past. */
export function nextBurstAt({ fresh, repeating }: GratuitousSchedule): number | undefined {
  for (const { nextMilliseconds } of fresh.values()) return nextMilliseconds;
  for (const { nextMilliseconds } of repeating.values()) return nextMilliseconds;
  return undefined;
}
