import type { Living } from "./membership-messages.js";

export type GiveWayPorts = Readonly<{
  /** Tells these others that this speaker has given way to them. */
  tell: (names: ReadonlySet<string>) => void;
  /** Asks these others to say so when they have. */
  ask: (names: ReadonlySet<string>) => void;
  /** Calls once; returns what calls it off. */
  startTimer: (milliseconds: number, run: () => void) => () => void;
}>;

/**
 * Whether all speakers of ours that live, this one included, answer for nothing any more that is another's by who lives now.
 * One that comes back, or was found dead, is to be silent until then: others took over what it had.
 */
export interface GiveWay {
  /** Who lives, at first and after each change. */
  livingChanged(living: Living): void;
  /** What this node answers for is as it has to be after so many changes. Those who came are told, if these are all there were. */
  decided(changes: number): void;
  /** Somebody found this one dead at that incarnation: what others said before counts no more. */
  takenForDead(incarnation: number): void;
  /** Another one says that it has given way to this one, which is alive to it with that incarnation. */
  gaveWay(name: string, incarnation: number): void;
  /** Another one asks whether this one has; where it has yet to decide it is told then. */
  asked(name: string): void;
  /** Fulfilled when all have given way, or after so long: whether all have. */
  byAll(milliseconds: number): Promise<boolean>;
  /** Names of those who have not; this one is among them while it has yet to decide. */
  missing(): readonly string[];
  stop(): void;
}

/** A word that gets lost is to cost nobody much: it is said and asked for again after this. */
const AGAIN_MILLISECONDS = 60;
/** So often each who comes is told. */
const TOLD = 3;

/** @param self the name of this member */
export function createGiveWay(self: string, { tell, ask, startTimer }: GiveWayPorts): GiveWay {
  const toIncarnation = new Map<string, number>(); // who has, and to which. BOUNDED by those of ours that live
  const newcomers = new Map<string, number>(); // how often each is still to be told. BOUNDED likewise
  const waiting = new Set<() => void>(); // BOUNDED by the callers that wait
  let ours: ReadonlySet<string> = new Set();
  let deadAt = 0;
  let changes = -1; // the first is who lived at the beginning
  let decidedOn = 0;
  let cancelTelling = (): void => {};
  let cancelAsking = (): void => {};
  let stopped = false;

  function missing(): ReadonlySet<string> {
    return new Set([...ours].filter((name) => name !== self && (toIncarnation.get(name) ?? 0) <= deadAt));
  }

  const haveAll = (): boolean => decidedOn >= changes && missing().size === 0;

  function look(): void {
    if (waiting.size > 0 && haveAll()) for (const done of waiting) done();
  }

  function tellNewcomers(): void {
    cancelTelling();
    if (stopped || decidedOn < changes || newcomers.size === 0) return;
    tell(new Set(newcomers.keys()));
    for (const [name, times] of newcomers) {
      if (times > 1) newcomers.set(name, times - 1);
      else newcomers.delete(name);
    }
    cancelTelling = startTimer(AGAIN_MILLISECONDS, tellNewcomers);
  }

  function askMissing(): void {
    cancelAsking();
    if (stopped || waiting.size === 0) return;
    ask(missing());
    cancelAsking = startTimer(AGAIN_MILLISECONDS, askMissing);
  }

  return {
    livingChanged(living) {
      for (const name of living.ours) if (name !== self && !ours.has(name)) newcomers.set(name, TOLD);
      ({ ours } = living);
      changes += 1;
      for (const list of [toIncarnation, newcomers])
        for (const name of list.keys()) if (!ours.has(name)) list.delete(name);
      look();
    },
    decided(number) {
      decidedOn = Math.max(decidedOn, number);
      tellNewcomers();
      look();
    },
    takenForDead(incarnation) {
      deadAt = Math.max(deadAt, incarnation);
    },
    gaveWay(name, incarnation) {
      if (incarnation <= deadAt || !ours.has(name)) return;
      toIncarnation.set(name, incarnation);
      look();
    },
    asked(name) {
      if (name === self || !ours.has(name)) return;
      if (decidedOn >= changes) tell(new Set([name]));
      else newcomers.set(name, TOLD);
    },
    byAll(milliseconds) {
      if (haveAll()) return Promise.resolve(true);
      return new Promise((resolve) => {
        const done = (): void => {
          waiting.delete(done);
          cancel();
          resolve(haveAll());
        };
        const cancel = startTimer(milliseconds, done);
        waiting.add(done);
        askMissing();
      });
    },
    missing: () => [...missing(), ...(decidedOn < changes ? [self] : [])],
    stop() {
      stopped = true;
      cancelTelling();
      cancelAsking();
      for (const done of waiting) done();
    },
  };
}
