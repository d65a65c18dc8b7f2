import { createFence, noteRunning, openFence, TICK_MILLISECONDS } from "../layer2/fence.js";
import type { Stall } from "../layer2/messages.js";

/** Between two attempts to have the ownership confirmed. */
const ASK_AGAIN_MILLISECONDS = 250;

export type StallGuardPorts = Readonly<{
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** @returns what calls it off */
  startTimer(milliseconds: number, run: () => void): () => void;
  /**
   * Asks those who would know whether the addresses of this node are still its own, or waits until they are again. False, or
   * a rejection, which is told: not known, to be asked again. Who is alone is sure at once.
   * @param stalledMilliseconds the longest halt since this node was sure
   */
  confirmOwnership(stalledMilliseconds: number): Promise<boolean>;
  onUnconfirmed(error: unknown): void;
  /** The thread stood still: nothing may be answered, and what waited is to be dropped. Again where it stands still again. */
  onClosed(): void;
  onOpened(stall: Stall): void;
}>;

/** Keeps a thread that stood still from answering until it is sure of its addresses again. */
export interface StallGuard {
  /** To be asked before anything is answered, with the time at which it arrived. */
  mayAnswer(now: number): boolean;
  isOpen(): boolean;
  /** How often the thread stood still. */
  stalls(): number;
  stop(): void;
}

/** Looks at the clock twenty times a second, and whenever it is asked. */
export function createStallGuard(ports: StallGuardPorts): StallGuard {
  const fence = createFence(ports.now());
  let stopped = false;
  let cancelTick = (): void => {};
  let cancelAsking = (): void => {};

  function mayAnswer(now: number): boolean {
    if (noteRunning(fence, now)) {
      ports.onClosed();
      cancelAsking();
      void confirm(fence.stalls);
    }
    return fence.open;
  }

  async function confirm(stall: number): Promise<void> {
    const confirmed = await ports.confirmOwnership(fence.stalledMilliseconds).catch((error: unknown) => {
      ports.onUnconfirmed(error);
      return false;
    });
    if (stopped || stall !== fence.stalls) return; // it stood still once more, and somebody else asks
    if (!confirmed) {
      cancelAsking = ports.startTimer(ASK_AGAIN_MILLISECONDS, () => void confirm(stall));
      return;
    }
    const now = ports.now();
    if (!mayAnswer(now) && openFence(fence, stall)) {
      const { stalledMilliseconds, closedMilliseconds } = fence;
      ports.onOpened({ stalledMilliseconds, heldMilliseconds: now - closedMilliseconds });
    }
  }

  function tick(): void {
    mayAnswer(ports.now());
    cancelTick = ports.startTimer(TICK_MILLISECONDS, tick);
  }

  tick();
  return {
    mayAnswer,
    isOpen: () => fence.open,
    stalls: () => fence.stalls,
    stop() {
      stopped = true;
      cancelTick();
      cancelAsking();
    },
  };
}
