/** Exponential delays. `baseMilliseconds` doubles with each attempt up to `limitMilliseconds`. */
export type Backoff = Readonly<{ baseMilliseconds: number; limitMilliseconds: number }>;

/** Short at its end: after an outage of the API server what changed meanwhile is known within seconds. */
export const RECONNECT_BACKOFF: Backoff = { baseMilliseconds: 200, limitMilliseconds: 8_000 };

/** For permissions and kinds that are not there: they may come, but nobody is to be asked in a loop. */
export const REFUSED_BACKOFF: Backoff = { baseMilliseconds: 1_000, limitMilliseconds: 300_000 };

/**
 * How long to wait before attempt number `attempt` (from 0): between half of the exponential delay and the whole, so
 * that many clients of a server that comes back do not come at once.
 * @param random 0 to 1
 */
export function backoffDelay(
  { baseMilliseconds, limitMilliseconds }: Backoff,
  attempt: number,
  random: number,
): number {
  const whole = Math.min(limitMilliseconds, baseMilliseconds * 2 ** Math.min(attempt, 30));
  return Math.round(whole / 2 + (whole / 2) * random);
}
