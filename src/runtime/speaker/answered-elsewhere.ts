import type { AnsweredView } from "../world/answered-elsewhere.js";
import type { ConflictHeard } from "./conflict-news.js";

/** A conflict that goes on is told once a minute; one that was not told for so long is over, and the address of use again. */
const FORGET_MILLISECONDS = 150_000;

export type AnsweredPorts = Readonly<{
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** @returns what calls it off */
  startTimer(milliseconds: number, run: () => void): () => void;
  /** All that is known, by address, after each change. */
  changed(answered: readonly AnsweredView[]): void;
}>;

/** Which addresses other machines answer for, as this node has heard just now: for whoever gives addresses out. */
export interface AnsweredElsewhere {
  heard(conflict: Pick<ConflictHeard, "address" | "mac">): void;
  /** Nobody else has it any more. */
  regained(address: string): void;
  stop(): void;
}

export function createAnsweredElsewhere(ports: AnsweredPorts): AnsweredElsewhere {
  // BOUNDED by the addresses that were announced here in the last minutes; the one heard of longest ago is first.
  const known = new Map<string, { machine: string; until: number }>();
  let cancelTimer = (): void => {};

  function tell(): void {
    const answered = Array.from(known, ([address, { machine }]) => ({ address, machine }));
    ports.changed(answered.toSorted((a, b) => (a.address < b.address ? -1 : 1)));
  }

  function forgetOld(): void {
    let isChanged = false;
    for (const [address, { until }] of known) {
      if (until > ports.now()) break;
      known.delete(address);
      isChanged = true;
    }
    if (isChanged) tell();
    plan();
  }

  function plan(): void {
    cancelTimer();
    for (const { until } of known.values()) {
      cancelTimer = ports.startTimer(until - ports.now(), forgetOld);
      return;
    }
  }

  return {
    heard({ address, mac }) {
      const before = known.get(address);
      known.delete(address); // and to the end
      known.set(address, { machine: mac, until: ports.now() + FORGET_MILLISECONDS });
      if (before?.machine !== mac) tell();
      plan();
    },
    regained(address) {
      if (known.delete(address)) tell();
      plan();
    },
    stop: () => cancelTimer(),
  };
}
