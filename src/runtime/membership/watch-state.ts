import { silenceLimit, type Arrivals } from "./arrivals.js";
import type { Endpoint } from "./state.js";
import { createWatchRing, ringKey, type WatchRing } from "./watch-ring.js";

/** A member that this one watches. Changed in place. */
export type Watched = {
  readonly name: string;
  readonly arrivals: Arrivals;
  /** Ring keys of all who watch it, as it says itself; this one may be among them. BOUNDED by what a heartbeat can name. */
  watchers: readonly string[];
  /** The largest that was heard. */
  incarnation: number;
  /** Since it is silent for too long. */
  accused: Accused | undefined;
  /** By name, when it was heard last. BOUNDED by MAX_ACCUSERS. */
  readonly accusers: Map<string, number>;
};

/** `unanswered`: rounds since somebody said that it lives. */
export type Accused = { nextRoundAt: number; rounds: number; unanswered: number };

/** A member of ours that was found dead, and may come back. */
export type Lost = Readonly<{ name: string; key: string; endpoint: Endpoint; incarnation: number; since: number }> & {
  /** When it was told so last. */
  toldAt: number;
};

/** What this member asks others about itself. */
export type OwnQuestion = {
  readonly nonce: number;
  readonly askedAt: number;
  /** When the first of those was asked that it goes on from; a halt ends them. */
  readonly begunAt: number;
  /** When it was last sure of itself. */
  readonly since: number;
  nextRoundAt: number;
  rounds: number;
  /** Who said that this one is alive. BOUNDED by the members asked in its rounds. */
  readonly alive: Set<string>;
  /** Somebody took this one for dead. */
  wasDead: boolean;
};

/** All that belongs to watching our own speakers. Nothing of it is used while this member does not say that it takes part. */
export type WatchState = {
  readonly key: string;
  readonly ring: WatchRing;
  /** Ring keys of those who watch this member. BOUNDED by WATCH.watchers. */
  watchers: readonly string[];
  readonly epoch: number;
  sequence: number;
  nextBeatAt: number;
  /** By name. BOUNDED by WATCH.mostWatched. */
  readonly watched: Map<string, Watched>;
  /** By name, who was not looked for the longest first. BOUNDED by WATCH.mostLost. */
  readonly lost: Map<string, Lost>;
  /** Their names by address and port. */
  readonly lostAt: Map<string, string>;
  nextSeekAt: number;
  question: OwnQuestion | undefined;
  /** When this member last heard that it is taken for dead. */
  refutedAt: number;
  /** By whom; undefined: it is not known. */
  accuser: string | undefined;
  /** When it told everybody the last time that it is not. */
  toldAllAt: number;
};

/** Whether this member takes part: it is watched, and watches. */
export function isOnRing({ ring, key }: WatchState): boolean {
  return ring.names.has(key);
}

/** When the silence of a member is too long, or what is to be done of it next. */
export function dueAt({ accused, arrivals }: Watched, healthScore: number): number {
  return accused === undefined ? arrivals.silentSince + silenceLimit(arrivals, healthScore) : accused.nextRoundAt;
}

/** When there is something to do. Infinity: never. */
export function watchTimeoutAt({ nextBeatAt, nextSeekAt, question, watched }: WatchState, healthScore: number): number {
  let next = Math.min(nextBeatAt, nextSeekAt, question?.nextRoundAt ?? Number.POSITIVE_INFINITY);
  for (const one of watched.values()) next = Math.min(next, dueAt(one, healthScore));
  return next;
}

/** @param epoch 32 bits, another one at each start */
export function createWatchState(name: string, epoch: number): WatchState {
  return {
    key: ringKey(name),
    ring: createWatchRing(),
    watchers: [],
    epoch: epoch >>> 0,
    sequence: 0,
    nextBeatAt: Number.POSITIVE_INFINITY,
    watched: new Map(),
    lost: new Map(),
    lostAt: new Map(),
    nextSeekAt: Number.POSITIVE_INFINITY,
    question: undefined,
    refutedAt: Number.NEGATIVE_INFINITY,
    accuser: undefined,
    toldAllAt: Number.NEGATIVE_INFINITY,
  };
}
