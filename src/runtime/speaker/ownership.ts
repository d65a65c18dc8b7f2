import type { GiveWay } from "./give-way.js";
import type { MembershipHost } from "./membership-host.js";
import { GIVE_WAY_MILLISECONDS, SETTLE_MILLISECONDS } from "./settle-time.js";

/**
 * Whether what this node announces is its own after its thread stood still, it was cut off, or somebody found it dead: whether the
 * others say that it lives, and answer for nothing any more that is its own, nor it for what is theirs.
 * @param host undefined: there is no gossip, and nobody to ask
 * @param unsureMilliseconds so long ago it was sure last; undefined: it was found dead
 * @param ranOn it did not stand still meanwhile
 * @param startTimer calls once, after so many milliseconds
 * @param onMissing these have not said that they gave way, and are waited for no longer
 * @returns false where it is not known, and is to be asked again
 */
export async function confirmOwnership(
  host: Pick<MembershipHost, "membership"> | undefined,
  unsureMilliseconds: number | undefined,
  giveWay: Pick<GiveWay, "byAll" | "missing"> | undefined,
  startTimer: (milliseconds: number, run: () => void) => unknown,
  onMissing: (names: readonly string[]) => void,
  ranOn = false,
): Promise<boolean> {
  if (host === undefined) return true;
  const membership = host.membership();
  if (membership === undefined) return false; // it is not known yet who is there
  const ownership = await membership.confirm(unsureMilliseconds, ranOn);
  if (ownership === "unanswered") return false;
  const settled =
    ownership === "returned"
      ? new Promise<void>((resolve) => void startTimer(SETTLE_MILLISECONDS, resolve))
      : undefined;
  // Not for ever, or nobody would serve.
  if ((await giveWay?.byAll(GIVE_WAY_MILLISECONDS)) === false) onMissing(giveWay?.missing() ?? []);
  await settled; // speakers of the original give way without a word
  return true;
}
