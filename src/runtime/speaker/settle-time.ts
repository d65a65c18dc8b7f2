/**
 * From when all others know of this speaker until it answers: what they took over, or have had, they give back as they learn
 * of it, and what they answered before has arrived by then.
 */
export const SETTLE_MILLISECONDS = 50;
