/**
 * Lets each key do something in bursts of `burst`, and once more every `refillMilliseconds`. State is BOUNDED by
 * `maxKeys`: beyond, the key that was used longest ago starts afresh.
 */
export function createTokenBuckets(options: Readonly<{ burst: number; refillMilliseconds: number; maxKeys: number }>) {
  const { burst, refillMilliseconds, maxKeys } = options;
  const buckets = new Map<string, Readonly<{ tokens: number; at: number }>>();
  /** @param now milliseconds that never go back @returns whether there was a token */
  return function take(key: string, now: number): boolean {
    const bucket = buckets.get(key) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + Math.max(0, now - bucket.at) / refillMilliseconds);
    buckets.delete(key); // and back at the end: the order of the Map is the order of use
    buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    if (buckets.size > maxKeys) {
      const [oldest] = buckets.keys();
      if (oldest !== undefined) buckets.delete(oldest);
    }
    return tokens >= 1;
  };
}
