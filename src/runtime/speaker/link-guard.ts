import { createCarriers, noteCarriers } from "../layer2/carriers.js";
import type { Link } from "../net/link.js";

/** Between two attempts to have the ownership confirmed. */
const ASK_AGAIN_MILLISECONDS = 250;

export type LinkGuardPorts = Readonly<{
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** @returns what calls it off */
  startTimer(milliseconds: number, run: () => void): () => void;
  /**
   * Asks whether the addresses of this node are its own. False, or a rejection, which is told: not known, to be asked again.
   * @param unsureMilliseconds so long ago the first of the interfaces in question lost its carrier
   */
  confirmOwnership(unsureMilliseconds: number): Promise<boolean>;
  onUnconfirmed(error: unknown): void;
  /** On these interfaces, by index, requests are answered again that were kept for so long. */
  onSure(indexes: readonly number[], heldMilliseconds: number): void;
}>;

/**
 * Keeps an interface silent that has lost its carrier, until it has one again and it is sure whose the addresses are. It is
 * silent from the loss on, so no packet is quicker than the news that the carrier is back.
 */
export interface LinkGuard {
  /** The interfaces as they are at this moment. */
  look(links: readonly Link[]): void;
  /** Whether nothing is to be answered there, nor told. */
  isSilent(index: number): boolean;
  stop(): void;
}

export function createLinkGuard(ports: LinkGuardPorts): LinkGuard {
  const carriers = createCarriers();
  const unsure = new Map<number, number>(); // by index, when the carrier was lost. BOUNDED by the interfaces that exist
  let questions = 0;
  let askedAt = 0;
  let stopped = false;
  let cancelAsking = (): void => {};

  function ask(): void {
    cancelAsking();
    questions += 1;
    askedAt = ports.now();
    void confirm(questions);
  }

  async function confirm(question: number): Promise<void> {
    const since = Math.min(...unsure.values());
    const confirmed = await ports.confirmOwnership(ports.now() - since).catch((error: unknown) => {
      ports.onUnconfirmed(error);
      return false;
    });
    if (stopped || question !== questions) return; // one more is back, and somebody else asks
    if (!confirmed) {
      cancelAsking = ports.startTimer(ASK_AGAIN_MILLISECONDS, () => void confirm(question));
      return;
    }
    const sure = [...unsure.keys()];
    unsure.clear();
    ports.onSure(sure, ports.now() - askedAt);
  }

  return {
    look(links) {
      const back = noteCarriers(carriers, links, ports.now());
      for (const { index, lostAt } of back) unsure.set(index, Math.min(lostAt, unsure.get(index) ?? lostAt));
      if (back.length > 0 && !stopped) ask();
    },
    isSilent: (index) => carriers.lostAt.has(index) || unsure.has(index),
    stop() {
      stopped = true;
      cancelAsking();
    },
  };
}
