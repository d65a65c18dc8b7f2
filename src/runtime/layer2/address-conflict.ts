import type { AnnouncedAddress } from "./announced-addresses.js";

/** Claims of others that go on for so long are a conflict; a hand-over between two speakers is through by then. */
export const CONFIRM_MILLISECONDS = 2000;
/** A conflict that goes on is reported again after this. */
export const REPEAT_MILLISECONDS = 60_000;
/** Without a claim for so long a conflict is over. */
export const FORGET_MILLISECONDS = 60_000;

/** What is heard of other machines that say they have an address. Times as the caller's clock has them. */
export interface Conflict {
  sinceMilliseconds: number;
  lastMilliseconds: number;
  reportedMilliseconds: number | undefined;
}

/**
 * Takes note of a frame by which another machine says that it has an address that is announced here (RFC 5227 §2.4; for
 * IPv6 RFC 4862 §5.4.4). One such frame is no conflict yet: when an address moves, its next owner is heard before the last
 * one knows.
 * @returns whether the conflict is to be reported now
 */
export function noteClaim(address: AnnouncedAddress, now: number): boolean {
  address.claimsHeard += 1;
  const { conflict } = address;
  if (conflict === undefined || now - conflict.lastMilliseconds > FORGET_MILLISECONDS) {
    address.conflict = { sinceMilliseconds: now, lastMilliseconds: now, reportedMilliseconds: undefined };
    return false;
  }
  conflict.lastMilliseconds = now;
  if (now - conflict.sinceMilliseconds < CONFIRM_MILLISECONDS) return false;
  const reported = conflict.reportedMilliseconds;
  if (reported !== undefined && now - reported < REPEAT_MILLISECONDS) return false;
  conflict.reportedMilliseconds = now;
  return true;
}
