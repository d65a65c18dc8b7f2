/**
 * Keys in the order in which they came, each once. All operations take constant time, also on long queues (deleting
 * the first of a Map or Set again and again does not).
 */
export interface KeyFifo {
  /** A key that waits already keeps its place. */
  push(key: string): void;
  shift(): string | undefined;
  readonly size: number;
}

const SHORTEST_COMPACTED = 1_024;

/** State: BOUNDED by the different keys that wait. */
export function createKeyFifo(): KeyFifo {
  const waiting = new Set<string>();
  let order: string[] = [];
  let head = 0;
  return {
    push(key) {
      if (waiting.has(key)) return;
      waiting.add(key);
      order.push(key);
    },
    shift() {
      const key = order[head];
      if (key === undefined) return undefined;
      head += 1;
      waiting.delete(key);
      if (head >= SHORTEST_COMPACTED && head * 2 >= order.length) {
        order = order.slice(head);
        head = 0;
      }
      return key;
    },
    get size() {
      return waiting.size;
    },
  };
}
