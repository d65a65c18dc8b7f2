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
  /** Whether nothing is answered on an interface of this name, nor what comes in by way of it. */
  isExcluded(name: string): boolean;
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

/** `question`: which has it. An interface that loses its carrier once more belongs to the next, and keeps no other one waiting. */
type Unsure = Readonly<{ lostAt: number; question: number }>;

export function createLinkGuard(ports: LinkGuardPorts): LinkGuard {
  const carriers = createCarriers();
  const unsure = new Map<number, Unsure>(); // by index. BOUNDED by the interfaces that exist, or did while it is asked
  const retries = new Map<number, () => void>(); // by question, what calls it off. BOUNDED by the interfaces that are unsure
  let questions = 0;
  let stopped = false;

  /** Those that wait for the answer to it. */
  function belonging(question: number): readonly (readonly [index: number, lostAt: number])[] {
    return [...unsure].flatMap(([index, one]) => (one.question === question ? [[index, one.lostAt] as const] : []));
  }

  async function confirm(question: number, askedAt: number): Promise<void> {
    retries.delete(question);
    const asked = belonging(question);
    if (asked.length === 0) return;
    const since = Math.min(...asked.map(([, lostAt]) => lostAt));
    const confirmed = await ports.confirmOwnership(ports.now() - since).catch((error: unknown) => {
      ports.onUnconfirmed(error);
      return false;
    });
    const sure = belonging(question).map(([index]) => index);
    if (stopped || sure.length === 0) return; // all were lost once more, and somebody else asks
    if (!confirmed) {
      retries.set(
        question,
        ports.startTimer(ASK_AGAIN_MILLISECONDS, () => void confirm(question, askedAt)),
      );
      return;
    }
    for (const index of sure) unsure.delete(index);
    ports.onSure(sure, ports.now() - askedAt);
  }

  return {
    look(links) {
      const back = noteCarriers(carriers, links, ports.now(), ports.isExcluded);
      if (back.length === 0 || stopped) return;
      questions += 1;
      for (const { index, lostAt } of back) {
        unsure.set(index, { lostAt: Math.min(lostAt, unsure.get(index)?.lostAt ?? lostAt), question: questions });
      }
      void confirm(questions, ports.now());
    },
    isSilent: (index) => carriers.lostAt.has(index) || unsure.has(index),
    stop() {
      stopped = true;
      for (const cancel of retries.values()) cancel();
    },
  };
}
