/** A thread that looks at the clock more rarely than this, though it means to look often, stood still. */
export const STALL_MILLISECONDS = 200;
/** How often it looks where nothing else makes it run. */
export const TICK_MILLISECONDS = 50;

/**
 * Whether a thread may answer. It may not after it stood still (stopped, starved, swapped out): others may have taken its
 * addresses over in the meantime, and what waited in its sockets was asked of whoever has them now. Time comes in from
 * outside, in milliseconds of any clock that never goes back.
 */
export interface Fence {
  open: boolean;
  /** When the thread was last known to run. */
  ranMilliseconds: number;
  /** How often it stood still; an answer to an older one is no answer. */
  stalls: number;
  /** The longest of the stalls since the fence was open. */
  stalledMilliseconds: number;
  /** When the fence was closed. */
  closedMilliseconds: number;
}

export function createFence(now: number): Fence {
  return { open: true, ranMilliseconds: now, stalls: 0, stalledMilliseconds: 0, closedMilliseconds: now };
}

/**
 * The thread runs at this moment. Called often, and before anything is answered; makes nothing.
 * @returns true where it stood still until now: the fence is closed (again), what waited is to be dropped, and somebody is to
 *   be asked who owns the addresses
 */
export function noteRunning(fence: Fence, now: number): boolean {
  const stalled = now - fence.ranMilliseconds;
  if (stalled <= 0) return false;
  fence.ranMilliseconds = now;
  if (stalled <= STALL_MILLISECONDS) return false;
  if (fence.open) {
    fence.stalledMilliseconds = 0;
    fence.closedMilliseconds = now;
  }
  fence.open = false;
  fence.stalls += 1;
  fence.stalledMilliseconds = Math.max(fence.stalledMilliseconds, stalled);
  return true;
}

/**
 * The addresses are still, or again, this machine's own.
 * @param stall `stalls` as it was when somebody was asked
 * @returns false where the thread stood still once more since then: nothing is opened
 */
export function openFence(fence: Fence, stall: number): boolean {
  if (fence.open || stall !== fence.stalls) return false;
  fence.open = true;
  return true;
}
