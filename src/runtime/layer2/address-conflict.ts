import type { AnnouncedAddress } from "./announced-addresses.js";

/** Claims of others that go on for so long are a conflict; a hand-over between two speakers is through by then. */
export const CONFIRM_MILLISECONDS = 2000;
/** A conflict that goes on is reported again after this. */
export const REPEAT_MILLISECONDS = 60_000;
/** Without a claim for so long a conflict is over. */
export const FORGET_MILLISECONDS = 60_000;

/** An address is defended once in this time at most. DEFEND_INTERVAL, RFC 5227 §1.1 */
export const DEFEND_MILLISECONDS = 10_000;
/** So long after a change of the fleet another speaker may still claim what it had, or have now what was ours. */
export const LENIENT_MILLISECONDS = 10_000;

/**
 * What to do about another machine that goes on having an announced address, RFC 5227 §2.4: tell the link again that it is
 * ours, stop announcing it, or nothing but to say so.
 */
export const CONFLICT_POLICIES = ["defend", "yield", "report"] as const;
export type ConflictPolicy = (typeof CONFLICT_POLICIES)[number];

/** What is heard of other machines that say they have an address. Times as the caller's clock has them. */
export interface Conflict {
  sinceMilliseconds: number;
  lastMilliseconds: number;
  reportedMilliseconds: number | undefined;
  defendedMilliseconds: number | undefined;
}

const UNANSWERED = { reportedMilliseconds: undefined, defendedMilliseconds: undefined } as const;

/**
 * Takes note of a frame by which another machine says that it has an address that is announced here (RFC 5227 §2.4; for
 * IPv6 RFC 4862 §5.4.4). One such frame is no conflict yet: when an address moves, its next owner is heard before the last
 * one knows. Nothing is reported while the fleet changes: the other may be a speaker of ours.
 * @param fleetChangedMilliseconds when speakers came or went the last time; -Infinity: never
 * @returns whether the conflict is to be reported now
 */
export function noteClaim(address: AnnouncedAddress, now: number, fleetChangedMilliseconds: number): boolean {
  address.claimsHeard += 1;
  const { conflict } = address;
  if (conflict === undefined || now - conflict.lastMilliseconds > FORGET_MILLISECONDS) {
    address.conflict = { sinceMilliseconds: now, lastMilliseconds: now, ...UNANSWERED };
    return false;
  }
  address.contestedMilliseconds += now - conflict.lastMilliseconds;
  conflict.lastMilliseconds = now;
  if (now - conflict.sinceMilliseconds < CONFIRM_MILLISECONDS) return false;
  if (now - fleetChangedMilliseconds < LENIENT_MILLISECONDS) return false;
  const reported = conflict.reportedMilliseconds;
  if (reported !== undefined && now - reported < REPEAT_MILLISECONDS) return false;
  conflict.reportedMilliseconds = now;
  return true;
}

/**
 * Takes note that the address is about to be announced here no more: until now two machines had it, if the other was heard
 * just now. One that was heard longer ago may have let go of it first.
 */
export function noteGivenUp(address: AnnouncedAddress, now: number): void {
  const since = address.conflict?.lastMilliseconds ?? -Infinity;
  if (now - since <= CONFIRM_MILLISECONDS) address.contestedMilliseconds += now - since;
}

/**
 * What is to be done about a claim that noteClaim() has taken note of. Nothing before it is a conflict, and nothing while
 * the fleet changes: a speaker of ours is neither to be fought nor given the address up to by two.
 * @param fleetChangedMilliseconds as for noteClaim()
 */
export function answerClaim(
  address: AnnouncedAddress,
  now: number,
  policy: ConflictPolicy,
  fleetChangedMilliseconds: number,
): "defend" | "yield" | undefined {
  const { conflict } = address;
  if (conflict === undefined || policy === "report") return undefined;
  if (now - conflict.sinceMilliseconds < CONFIRM_MILLISECONDS) return undefined;
  if (now - fleetChangedMilliseconds < LENIENT_MILLISECONDS) return undefined;
  if (policy === "yield") return "yield";
  const defended = conflict.defendedMilliseconds;
  if (defended !== undefined && now - defended < DEFEND_MILLISECONDS) return undefined;
  conflict.defendedMilliseconds = now;
  return "defend";
}
