/*
 * Who of several controllers writes: the one whose name stands in a Lease (coordination.k8s.io/v1). Pure: time is an
 * input, requests are effects. Clocks of different machines are never compared: how long a holder may not have renewed
 * is counted here, from when its last renewal was first seen here; and a holder counts from before it asked for its
 * renewal. So at most one believes to hold at any instant as long as no clock runs faster than another by more than
 * leaseDuration to renewDeadline, and as long as nobody deletes the Lease.
 */

/** Milliseconds on a clock that never goes back. leaseDuration > renewDeadline > retryPeriod > 0. */
export type ElectionTimes = Readonly<{
  /** So long after a renewal was seen the Lease counts as held; the longer of ours and of the one in the Lease. */
  leaseDuration: number;
  /** So long after its last renewal was asked for, the holder may write. */
  renewDeadline: number;
  /** Between two renewals of the holder, and between two looks of all others. */
  retryPeriod: number;
}>;

export type ElectionOptions = ElectionTimes &
  Readonly<{
    /** Of this process alone: a restarted one is another. */
    identity: string;
    /** Names that begin so are of our own former lives, which are known to be over: nobody waits for them. */
    formerLives?: string;
  }>;

/** A Lease as it was read. `object` belongs to the edge. */
export type Lease = Readonly<{
  /** Differs whenever the Lease was written. */
  version: string;
  /** "": nobody; it was given back. */
  holder: string;
  leaseDurationSeconds: number;
  transitions: number;
  object: unknown;
}>;

export type LeaseWrite = Readonly<{
  /** Refused as a conflict when it is not the newest any more; undefined: there is none yet. */
  over: Lease | undefined;
  holder: string;
  leaseDurationSeconds: number;
  transitions: number;
  /** The holder becomes another. */
  acquires: boolean;
}>;

type Asking = "read" | "write" | undefined; // the request in flight; there is one at most

export type ElectionState =
  | Readonly<{
      name: "standby";
      lease: Lease | undefined;
      /** When it may be taken; undefined: not known yet. */
      freeAt: number | undefined;
      asking: Asking;
      lookAt: number;
      retryAt: number;
    }>
  | Readonly<{ name: "leading"; lease: Lease; renewedAt: number; asking: Asking; renewAt: number }>
  /** Gives the Lease back; `isReleasing`: that has been asked for. */
  | Readonly<{ name: "resigning"; asking: Asking; isReleasing: boolean }>
  | Readonly<{ name: "ended" }>;

export type ElectionEvent =
  | Readonly<{ type: "time" | "resign" | "readFailed"; now: number }>
  /** What a watch says, which may be late; and what an answer says, which was so after it was asked for. */
  | Readonly<{ type: "seen" | "read"; now: number; lease: Lease | undefined }>
  | Readonly<{ type: "written"; now: number; sentAt: number; lease: Lease }>
  | Readonly<{ type: "writeFailed"; now: number; isConflict: boolean }>;

export type ElectionEffect =
  | Readonly<{ do: "read" | "begin" | "ended" }>
  | Readonly<{ do: "write"; write: LeaseWrite }>
  | Readonly<{ do: "end"; why: string }>;

export type ElectionStep = readonly [ElectionState, readonly ElectionEffect[]];

type State<Name extends ElectionState["name"]> = Extract<ElectionState, { name: Name }>;

export const startOfElection = (now: number): ElectionState => ({
  name: "standby",
  lease: undefined,
  freeAt: undefined,
  asking: undefined,
  lookAt: now,
  retryAt: now,
});

/** May we write now? To be asked at each write: a process that was stopped for a while hears of its end too late. */
export function holds(options: ElectionTimes, state: ElectionState, now: number): boolean {
  return state.name === "leading" && now < state.renewedAt + options.renewDeadline;
}

/** When the event `time` is due next; undefined: not before another event. */
export function wakeAt(options: ElectionTimes, state: ElectionState): number | undefined {
  switch (state.name) {
    case "standby":
      if (state.asking !== undefined) return undefined;
      return Math.min(state.lookAt, Math.max(state.freeAt ?? Infinity, state.retryAt));
    case "leading": {
      const deadline = state.renewedAt + options.renewDeadline;
      return state.asking === undefined ? Math.min(state.renewAt, deadline) : deadline;
    }
    case "resigning":
    case "ended":
      return undefined;
  }
}

/** One step: same input, same output. Every read and write that it asks for is answered by one event, however late. */
export function stepElection(options: ElectionOptions, state: ElectionState, event: ElectionEvent): ElectionStep {
  switch (state.name) {
    case "standby":
      return stepStandby(options, state, event);
    case "leading":
      return stepLeading(options, state, event);
    case "resigning":
      return stepResigning(options, state, event);
    case "ended":
      return [state, []];
  }
}

function stepStandby(options: ElectionOptions, state: State<"standby">, event: ElectionEvent): ElectionStep {
  const { now } = event;
  const answered = { ...state, asking: undefined };
  switch (event.type) {
    case "time":
      return act(options, state, now);
    case "seen":
      return act(options, { ...observe(options, state, event.lease, now), retryAt: now }, now);
    case "read":
      return act(
        options,
        { ...observe(options, answered, event.lease, now), lookAt: now + options.retryPeriod, retryAt: now },
        now,
      );
    case "readFailed":
      return [{ ...answered, lookAt: now + options.retryPeriod, retryAt: now + options.retryPeriod }, []];
    case "written": {
      const { lease, sentAt } = event;
      if (now < sentAt + options.renewDeadline) return lead(options, lease, sentAt);
      // It took so long that it is over already.
      return [{ ...answered, lease, freeAt: now, lookAt: now, retryAt: now + options.retryPeriod }, []];
    }
    case "writeFailed":
      if (event.isConflict) return [{ ...state, asking: "read" }, [{ do: "read" }]];
      return [{ ...answered, retryAt: now + options.retryPeriod, lookAt: now + options.retryPeriod }, []];
    case "resign":
      // What is in flight may make us the holder.
      if (state.asking === "write") return [{ name: "resigning", asking: "write", isReleasing: false }, []];
      return [{ name: "ended" }, [{ do: "ended" }]];
  }
}

/** Takes the Lease if it is free, looks at it if it is time to. */
function act(options: ElectionOptions, state: State<"standby">, now: number): ElectionStep {
  if (state.asking !== undefined) return [state, []];
  if (state.freeAt !== undefined && now >= state.freeAt && now >= state.retryAt) {
    return [{ ...state, asking: "write" }, [write(options, state.lease)]];
  }
  return now >= state.lookAt ? [{ ...state, asking: "read" }, [{ do: "read" }]] : [state, []];
}

function observe(
  options: ElectionOptions,
  state: State<"standby">,
  lease: Lease | undefined,
  now: number,
): State<"standby"> {
  if (state.freeAt !== undefined && lease?.version === state.lease?.version) return state;
  return { ...state, lease, freeAt: freeTime(options, state.freeAt, lease, now) };
}

function freeTime(options: ElectionOptions, before: number | undefined, lease: Lease | undefined, now: number): number {
  if (lease === undefined) return before ?? now; // who held it when it was deleted may not know yet
  const { holder } = lease;
  const { identity, formerLives } = options;
  if (holder === "" || holder === identity) return now;
  if (formerLives !== undefined && holder.startsWith(formerLives)) return now;
  return now + Math.max(options.leaseDuration, lease.leaseDurationSeconds * 1000);
}

function lead(options: ElectionOptions, lease: Lease, renewedAt: number): ElectionStep {
  const renewAt = renewedAt + options.retryPeriod;
  return [{ name: "leading", lease, renewedAt, asking: undefined, renewAt }, [{ do: "begin" }]];
}

function stepLeading(options: ElectionOptions, state: State<"leading">, event: ElectionEvent): ElectionStep {
  const { now } = event;
  if (event.type === "written") {
    const renewed = { ...state, lease: event.lease, renewedAt: event.sentAt, asking: undefined };
    if (holds(options, renewed, now)) return [{ ...renewed, renewAt: event.sentAt + options.retryPeriod }, []];
    return end(renewed, now, LATE);
  }
  if (event.type === "resign") return resign(state);
  const isAnswer = event.type !== "time" && event.type !== "seen";
  const current = isAnswer ? { ...state, asking: undefined } : state;
  if (!holds(options, state, now)) return end(current, now, LATE);
  switch (event.type) {
    case "time":
      if (state.asking !== undefined || now < state.renewAt) return [state, []];
      return renew(options, state, state.lease);
    case "seen": // perhaps from before our time
      if (state.asking !== undefined || event.lease?.holder === options.identity) return [state, []];
      return [{ ...state, asking: "read" }, [{ do: "read" }]];
    case "read": {
      const { lease } = event;
      if (lease !== undefined && lease.holder !== options.identity) {
        const why = `${lease.holder === "" ? "nobody" : lease.holder} holds it now`;
        return end({ ...current, lease }, now, why, freeTime(options, now, lease, now));
      }
      return renew(options, current, lease);
    }
    case "readFailed":
      return [{ ...current, renewAt: now + options.retryPeriod }, []];
    case "writeFailed":
      if (event.isConflict) return [{ ...current, asking: "read" }, [{ do: "read" }]];
      return [{ ...current, renewAt: now + options.retryPeriod }, []];
  }
}

const LATE = "it could not be renewed in time";

function renew(options: ElectionOptions, state: State<"leading">, over: Lease | undefined): ElectionStep {
  return [{ ...state, asking: "write" }, [write(options, over)]];
}

/** Where our name is still in it, it may be renewed at once when that can be done again. */
function end({ lease, asking }: State<"leading">, now: number, why: string, freeAt = now): ElectionStep {
  return [{ name: "standby", lease, freeAt, asking, lookAt: now, retryAt: now }, [{ do: "end", why }]];
}

function resign({ asking, lease }: State<"leading">): ElectionStep {
  const ending: ElectionEffect = { do: "end", why: "it is given back" };
  if (asking !== undefined) return [{ name: "resigning", asking, isReleasing: false }, [ending]];
  const [state, effects] = release(lease);
  return [state, [ending, ...effects]];
}

function stepResigning(options: ElectionOptions, state: State<"resigning">, event: ElectionEvent): ElectionStep {
  switch (event.type) {
    case "written":
      return state.isReleasing ? [{ name: "ended" }, [{ do: "ended" }]] : release(event.lease);
    case "writeFailed": // one that failed without a word may have been stored
      if (state.isReleasing && !event.isConflict) return [{ name: "ended" }, [{ do: "ended" }]];
      return [{ ...state, asking: "read" }, [{ do: "read" }]];
    case "read":
      if (event.lease?.holder === options.identity) return release(event.lease);
      return [{ name: "ended" }, [{ do: "ended" }]];
    case "readFailed":
      return [{ name: "ended" }, [{ do: "ended" }]];
    case "time":
    case "seen":
    case "resign":
      return [state, []];
  }
}

function release(lease: Lease): ElectionStep {
  const { transitions } = lease;
  const write: LeaseWrite = { over: lease, holder: "", leaseDurationSeconds: 1, transitions, acquires: false };
  return [{ name: "resigning", asking: "write", isReleasing: true }, [{ do: "write", write }]];
}

function write({ identity, leaseDuration }: ElectionOptions, over: Lease | undefined): ElectionEffect {
  const acquires = over?.holder !== identity;
  const transitions = over === undefined ? 0 : over.transitions + (acquires ? 1 : 0);
  const leaseDurationSeconds = Math.ceil(leaseDuration / 1000);
  return { do: "write", write: { over, holder: identity, leaseDurationSeconds, transitions, acquires } };
}
