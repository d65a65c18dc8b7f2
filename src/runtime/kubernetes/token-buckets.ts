/** @see createTokenBuckets */
export type TokenBuckets = Readonly<{
  /** @returns 0 where there is a token, else the milliseconds until there is one */
  waitFor(key: string, now: number): number;
  /** Takes a token; below 0 it is owed. */
  take(key: string, now: number): void;
}>;

/**
 * Lets each key do something in bursts of `burst`, and once more every `refillMilliseconds`. State is BOUNDED by
 * `maxKeys`: beyond, the key that was used longest ago starts afresh. `now` is milliseconds that never go back.
 */
export function createTokenBuckets(
  options: Readonly<{ burst: number; refillMilliseconds: number; maxKeys: number }>,
): TokenBuckets {
  const { burst, refillMilliseconds, maxKeys } = options;
  const buckets = new Map<string, Readonly<{ tokens: number; at: number }>>();
  const tokensOf = (key: string, now: number): number => {
    const { tokens, at } = buckets.get(key) ?? { tokens: burst, at: now };
    return Math.min(burst, tokens + Math.max(0, now - at) / refillMilliseconds);
  };
  return {
    waitFor(key, now) {
      const tokens = tokensOf(key, now);
      return tokens >= 1 ? 0 : Math.ceil((1 - tokens) * refillMilliseconds);
    },
    take(key, now) {
      const tokens = tokensOf(key, now);
      buckets.delete(key); // and back at the end: the order of the Map is the order of use
      buckets.set(key, { tokens: tokens - 1, at: now });
      if (buckets.size <= maxKeys) return;
      const [oldest] = buckets.keys();
      if (oldest !== undefined) buckets.delete(oldest);
    },
  };
}
