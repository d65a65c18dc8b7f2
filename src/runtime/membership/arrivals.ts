import { WATCH } from "./watch-parameters.js";

/**
 * How one member's heartbeats come in, and so how long a silence has to be before it means something. What φ-accrual detectors
 * (Hayashibara et al., 2004) draw from one distribution of gaps is kept apart here, since numbered heartbeats tell it apart:
 * how many get lost, and how unevenly those come that do not. Times are milliseconds of the caller's clock.
 */
export type Arrivals = {
  epoch: number;
  sequence: number;
  /** Since when it is silent: the last heartbeat, or since then a time from which on it is listened to anew. */
  silentSince: number;
  /** Whether something was heard since it is listened to. */
  heard: boolean;
  /** 0 to 1: a mean that forgets half within 12 s. */
  lostShare: number;
  /** The mean distance of a heartbeat from when it was due. */
  jitterMilliseconds: number;
};

const LOST_WEIGHT = 1 / 256;
const JITTER_WEIGHT = 1 / 16;
/** Nothing is known of the way at first; it is taken for a bad one of the usual kind. */
const LOST_AT_FIRST = 0.02;
/** A longer row of lost ones is an outage, or a pause of the sender, and says nothing of the next. */
const MOST_LOST_IN_A_ROW = 8;

export function createArrivals(now: number): Arrivals {
  const silence = { silentSince: now, heard: false };
  return { epoch: 0, sequence: 0, ...silence, lostShare: LOST_AT_FIRST, jitterMilliseconds: 0 };
}

/**
 * A heartbeat came in. One without a number is a sign of life, and no more.
 * @returns false where it is older than what was heard: it says nothing
 */
export function noteArrival(arrivals: Arrivals, epoch: number, sequence: number, now: number): boolean {
  const isInRow = arrivals.epoch === epoch && arrivals.sequence > 0;
  if (sequence > 0) {
    if (isInRow && sequence <= arrivals.sequence) return false;
    if (isInRow && arrivals.heard) learn(arrivals, sequence - arrivals.sequence, now);
    arrivals.epoch = epoch;
    arrivals.sequence = sequence;
  }
  arrivals.silentSince = now;
  arrivals.heard = true;
  return true;
}

function learn(arrivals: Arrivals, step: number, now: number): void {
  if (step > MOST_LOST_IN_A_ROW) return;
  for (let lost = 1; lost < step; lost += 1) arrivals.lostShare += LOST_WEIGHT * (1 - arrivals.lostShare);
  arrivals.lostShare -= LOST_WEIGHT * arrivals.lostShare;
  const late = Math.abs(now - arrivals.silentSince - step * WATCH.beatMilliseconds);
  arrivals.jitterMilliseconds += JITTER_WEIGHT * (late - arrivals.jitterMilliseconds);
}

/** From now on it is listened to anew: what was not heard before may have been for want of listening. */
export function listenAnew(arrivals: Arrivals, now: number): void {
  arrivals.silentSince = now;
  arrivals.heard = false;
}

/**
 * The longest silence that means nothing: so many heartbeats as hardly ever get lost in a row, and the time that the next may be late.
 * 340 to 600 ms; with up to 6 % lost and none late 340.
 * @param healthScore 0: healthy; who finds itself slow gives others more time (Lifeguard, §IV-A)
 */
export function silenceLimit({ lostShare, jitterMilliseconds }: Arrivals, healthScore: number): number {
  const { beatMilliseconds, leastLostBeats, unlikely, leastMarginMilliseconds, mostSilenceMilliseconds } = WATCH;
  const share = Math.min(0.5, Math.max(0.01, lostShare));
  const beats = Math.max(leastLostBeats, Math.ceil(Math.log(unlikely) / Math.log(share)));
  const margin = Math.max(leastMarginMilliseconds, 4 * jitterMilliseconds);
  const patience = 1 + healthScore / 4;
  return Math.min(mostSilenceMilliseconds, patience * (beats * beatMilliseconds + margin));
}
