import { createFence, doubt, noteRunning, openFence, TICK_MILLISECONDS } from "../layer2/fence.js";
import type { Stall } from "../layer2/messages.js";

/** Between two attempts to have the ownership confirmed. */
const ASK_AGAIN_MILLISECONDS = 250;

export type StallGuardPorts = Readonly<{
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** When the next heartbeat to other speakers is, or was, to go out; Infinity: none is. */
  beatDueAt(): number;
  /** @returns what calls it off */
  startTimer(milliseconds: number, run: () => void): () => void;
  /**
   * Asks those who would know whether the addresses of this node are still its own, or waits until they are again. False, or
   * a rejection, which is told: not known, to be asked again. Who is alone is sure at once.
   * @param unsureMilliseconds so long ago this node was sure, before the first of its halts; undefined: it did not stand still, but
   *   somebody found it dead
   */
  confirmOwnership(unsureMilliseconds: number | undefined): Promise<boolean>;
  onUnconfirmed(error: unknown): void;
  /**
   * Nothing may be answered. Again where the thread stands still, or is found dead, again.
   * @param stalled it stood still: what waited is to be dropped
   */
  onClosed(stalled: boolean): void;
  onOpened(stall: Stall): void;
}>;

/** Keeps a thread that stood still, or was found dead, from answering until it is sure of its addresses again. */
export interface StallGuard {
  /** To be asked before anything is answered, with the time at which it arrived. */
  mayAnswer(now: number): boolean;
  isOpen(): boolean;
  /** When the thread was last known to run. */
  ranAt(): number;
  /** Somebody found this machine dead, and others may have its addresses: nothing is answered until it is sure. */
  doubt(): void;
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
    const halt = noteRunning(fence, now, ports.beatDueAt());
    if (halt !== undefined) {
      ports.onClosed(halt === "stalled");
      cancelAsking();
      void confirm(fence.closings);
    }
    return fence.open;
  }

  async function confirm(closing: number): Promise<void> {
    const unsure = fence.stalledMilliseconds > 0 ? ports.now() - fence.sureMilliseconds : undefined;
    const confirmed = await ports.confirmOwnership(unsure).catch((error: unknown) => {
      ports.onUnconfirmed(error);
      return false;
    });
    if (stopped || closing !== fence.closings) return; // it stood still or was found dead once more, and somebody else asks
    if (!confirmed) {
      cancelAsking = ports.startTimer(ASK_AGAIN_MILLISECONDS, () => void confirm(closing));
      return;
    }
    const now = ports.now();
    if (!mayAnswer(now) && openFence(fence, closing)) {
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
    ranAt: () => fence.ranMilliseconds,
    doubt() {
      if (stopped) return;
      doubt(fence, ports.now());
      ports.onClosed(false);
      cancelAsking();
      void confirm(fence.closings);
    },
    stalls: () => fence.stalls,
    stop() {
      stopped = true;
      cancelTick();
      cancelAsking();
    },
  };
}
