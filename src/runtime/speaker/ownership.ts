import type { MembershipHost } from "./membership-host.js";
import { SETTLE_MILLISECONDS } from "./settle-time.js";

/**
 * Whether what this node announces is its own after its thread stood still, as the others say.
 * @param host undefined: there is no gossip, and nobody to ask
 * @param startTimer calls once, after so many milliseconds
 * @returns false where it is not known, and is to be asked again
 */
export async function confirmOwnership(
  host: Pick<MembershipHost, "membership"> | undefined,
  stalledMilliseconds: number,
  startTimer: (milliseconds: number, run: () => void) => unknown,
): Promise<boolean> {
  if (host === undefined) return true;
  const membership = host.membership();
  if (membership === undefined) return false; // it is not known yet who is there
  const { outcome } = await membership.confirm(stalledMilliseconds);
  switch (outcome) {
    case "alive":
    case "alone":
      return true;
    case "unanswered":
      return false;
    case "returned":
      await new Promise<void>((resolve) => void startTimer(SETTLE_MILLISECONDS, resolve));
      return true;
  }
}
