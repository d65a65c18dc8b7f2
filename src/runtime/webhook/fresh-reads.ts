/**
 * Shares one read among those who ask while another is under way: each gets what a read said that began after it had
 * asked. At most one read of a key is in flight, and at most one more waits.
 */
export function createFreshReads<Key, Value>(read: (key: Key) => Promise<Value>): (key: Key) => Promise<Value> {
  const running = new Map<Key, Promise<Value>>(); // BOUNDED by the keys
  const next = new Map<Key, Promise<Value>>(); // BOUNDED by the keys

  function start(key: Key): Promise<Value> {
    const begun = read(key);
    running.set(key, begun);
    const ended = (): void => {
      if (running.get(key) === begun) running.delete(key);
    };
    begun.then(ended, ended);
    return begun;
  }

  return (key) => {
    const current = running.get(key);
    if (current === undefined) return start(key);
    const waiting = next.get(key);
    if (waiting !== undefined) return waiting;
    const begin = (): Promise<Value> => {
      next.delete(key);
      return start(key);
    };
    const later = current.then(begin, begin);
    next.set(key, later);
    return later;
  };
}
