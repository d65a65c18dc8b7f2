/** A thread that looks at the clock more rarely than this, though it means to look often, stood still. */
export const STALL_MILLISECONDS = 200;
/**
 * So late may a heartbeat be by which other speakers know that this one lives. Who looks at the clock between two halts has not
 * said that it lives, and the others take over after 340 ms of silence: the last heartbeat is 260 ms old then.
 */
export const LATE_BEAT_MILLISECONDS = 200;
/** How often it looks where nothing else makes it run. */
export const TICK_MILLISECONDS = 50;

/**
 * Whether a thread may answer. It may not after it stood still (stopped, starved, swapped out): others may have taken its
 * addresses over in the meantime, and what waited in its sockets was asked of whoever has them now. Nor may it after
 * somebody found it dead, though it lives. Time comes in from outside, in milliseconds of any clock that never goes back.
 */
export interface Fence {
  open: boolean;
  /** When the thread was last known to run. */
  ranMilliseconds: number;
  /** When a heartbeat was due that came too late, and was counted as a halt. */
  missedBeatMilliseconds: number;
  /** How often it stood still. */
  stalls: number;
  /** How often it was closed, or closed again; an answer to an older one is no answer. */
  closings: number;
  /** The longest of the stalls since the fence was open. */
  stalledMilliseconds: number;
  /** When the fence was closed. */
  closedMilliseconds: number;
  /** Until when the thread ran, and said so, before the fence was closed. */
  sureMilliseconds: number;
}

export function createFence(now: number): Fence {
  const counts = { stalls: 0, closings: 0, stalledMilliseconds: 0 };
  const times = { ranMilliseconds: now, closedMilliseconds: now, sureMilliseconds: now };
  return { open: true, missedBeatMilliseconds: Infinity, ...times, ...counts };
}

/**
 * The thread runs at this moment. Called often, and before anything is answered; makes nothing.
 * @param beatDueAt when the next heartbeat is, or was, to go out; Infinity: none is
 * @returns undefined where all is well; else the fence is closed (again), and somebody is to be asked who owns the addresses:
 *   "stalled", it stood still until now, and what waited is to be dropped; "silent", it ran now and then, and nobody was told
 */
export function noteRunning(fence: Fence, now: number, beatDueAt = Infinity): "stalled" | "silent" | undefined {
  const stalled = now - fence.ranMilliseconds;
  if (stalled > 0) fence.ranMilliseconds = now;
  const late = now - beatDueAt;
  const isSilent = late > LATE_BEAT_MILLISECONDS && beatDueAt !== fence.missedBeatMilliseconds;
  if (stalled <= STALL_MILLISECONDS && !isSilent) return undefined;
  if (isSilent) fence.missedBeatMilliseconds = beatDueAt;
  close(fence, now, now - Math.max(stalled, late));
  fence.stalls += 1;
  fence.stalledMilliseconds = Math.max(fence.stalledMilliseconds, stalled, late);
  return stalled > STALL_MILLISECONDS ? "stalled" : "silent";
}

/**
 * Somebody found this machine dead: the fence is closed (again), and somebody is to be asked; what was answered to an earlier question
 * may not know of that.
 */
export function doubt(fence: Fence, now: number): void {
  close(fence, now, fence.ranMilliseconds);
}

function close(fence: Fence, now: number, sureMilliseconds: number): void {
  if (fence.open) {
    fence.stalledMilliseconds = 0;
    fence.closedMilliseconds = now;
    fence.sureMilliseconds = sureMilliseconds;
  }
  fence.open = false;
  fence.closings += 1;
}

/**
 * The addresses are still, or again, this machine's own.
 * @param closing `closings` as it was when somebody was asked
 * @returns false where the thread stood still once more since then: nothing is opened
 */
export function openFence(fence: Fence, closing: number): boolean {
  if (fence.open || closing !== fence.closings) return false;
  fence.open = true;
  return true;
}
