import type { MembershipParameters } from "./parameters.js";

/**
 * A suspicion that becomes certainty at `deadline`, which each independent confirmation brings nearer: the idea of
 * Lifeguard (Dadgar, Phillips, Currey, 2017, §IV-B), that one member alone is more likely to be wrong than several.
 */
export type Suspicion = {
  readonly startedAt: number;
  readonly minMilliseconds: number;
  readonly maxMilliseconds: number;
  /** How many confirmations bring the deadline to its minimum; 0 where there are too few members to expect any. */
  readonly expected: number;
  /** Who suspects. BOUNDED by `expected` + 1. */
  readonly accusers: Set<string>;
  deadline: number;
};

/** @param members all that are known, this one, the suspect and the dead included */
export function startSuspicion(
  parameters: MembershipParameters,
  members: number,
  from: string,
  now: number,
): Suspicion {
  const { suspicionMultiplier, suspicionMaxTimeoutMultiplier, probeIntervalMilliseconds } = parameters;
  const scale = Math.floor(1000 * Math.max(1, Math.log10(Math.max(1, members)))) / 1000;
  const minMilliseconds = suspicionMultiplier * scale * probeIntervalMilliseconds;
  const maxMilliseconds = suspicionMaxTimeoutMultiplier * minMilliseconds;
  const wanted = suspicionMultiplier - 2;
  const expected = members - 2 < wanted ? 0 : Math.max(0, wanted);
  const deadline = now + (expected === 0 ? minMilliseconds : maxMilliseconds);
  return { startedAt: now, minMilliseconds, maxMilliseconds, expected, accusers: new Set([from]), deadline };
}

/** @returns whether it is news, worth to be passed on: an accuser that was not heard before, while more are expected */
export function confirmSuspicion(suspicion: Suspicion, from: string): boolean {
  const { accusers, expected, startedAt, minMilliseconds, maxMilliseconds } = suspicion;
  if (accusers.size > expected || accusers.has(from)) return false;
  accusers.add(from);
  const part = Math.log(accusers.size) / Math.log(expected + 1);
  const milliseconds = Math.floor(maxMilliseconds - part * (maxMilliseconds - minMilliseconds));
  suspicion.deadline = startedAt + Math.max(minMilliseconds, milliseconds);
  return true;
}
