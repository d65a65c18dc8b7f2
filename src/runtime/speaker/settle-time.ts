/**
 * From when speakers of the original know of this one until it answers: what they took over, or have had, they give back as they
 * learn of it, without a word.
 */
export const SETTLE_MILLISECONDS = 50;

/** So long for those of ours to say that they have given way: they may have thousands of Services to decide on, and little time. */
export const GIVE_WAY_MILLISECONDS = 1_000;
