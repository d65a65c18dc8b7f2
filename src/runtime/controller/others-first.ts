import type { ObjectKey } from "../world/views.js";
import type { ControllerClock } from "./ports.js";

/**
 * Leaves new Services to another controller for as long as that one gives addresses: one that knows nothing of our
 * election goes by its own memory, and would take what we give at the same time for its own, or move it. This is what
 * makes a rollout from one to the other quiet: the old one serves until it ends.
 */
export interface OthersFirst {
  /** May this Service, which has no address, be given one by us now? Where it may not, it is queued again when it may. */
  mayGive(key: ObjectKey): boolean;
  /** It has got an address, wants none any more, or is gone. */
  forget(key: ObjectKey): void;
  clear(): void;
}

const LOOK_MILLISECONDS = 1_000;
/** Then the other does not want it. It may be slow: some releases make two writes a second. */
const PATIENCE_LOOKS = 300;

/**
 * @param othersGive whether another controller has given an address in the last seconds
 * @param queue called in the order in which they came
 */
export function createOthersFirst(
  othersGive: () => boolean,
  clock: ControllerClock,
  queue: (key: ObjectKey) => void,
): OthersFirst {
  const left = new Map<ObjectKey, number>(); // how often looked at, Infinity: it is due. BOUNDED by the Services that exist
  let cancelLook: (() => void) | undefined;

  function look(): void {
    cancelLook = undefined;
    const isOver = !othersGive();
    let isWaiting = false;
    for (const [key, looks] of left) {
      if (looks === Infinity) continue;
      const isDue = isOver || looks + 1 >= PATIENCE_LOOKS;
      left.set(key, isDue ? Infinity : looks + 1);
      isWaiting ||= !isDue;
      if (isDue) queue(key);
    }
    if (isWaiting) lookLater();
  }

  function lookLater(): void {
    cancelLook ??= clock.setTimer(LOOK_MILLISECONDS, look);
  }

  return {
    mayGive(key) {
      const looks = left.get(key);
      if (looks === Infinity || (looks === undefined && !othersGive())) return true;
      if (looks === undefined) left.set(key, 0);
      lookLater();
      return false;
    },
    forget: (key) => void left.delete(key),
    clear() {
      left.clear();
      cancelLook?.();
      cancelLook = undefined;
    },
  };
}
