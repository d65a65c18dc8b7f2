/** Positions of an address space, each once, the lowest first. */
export type PositionHeap = Readonly<{
  /** O(log n); a position that is there already stays once. */
  add(position: bigint): void;
  lowest(): bigint | undefined;
  /** O(log n) */
  removeLowest(): void;
}>;

/** A binary heap. */
export function createPositionHeap(): PositionHeap {
  const heap: bigint[] = []; // BOUNDED by the positions that the owner adds and does not remove
  const present = new Set<bigint>();
  const at = (index: number): bigint => heap[index] ?? 0n;
  const swap = (a: number, b: number): void => {
    [heap[a], heap[b]] = [at(b), at(a)];
  };
  return {
    add(position) {
      if (present.has(position)) return;
      present.add(position);
      heap.push(position);
      for (let index = heap.length - 1; index > 0;) {
        const parent = (index - 1) >> 1;
        if (at(parent) <= at(index)) break;
        swap(parent, index);
        index = parent;
      }
    },
    lowest: () => heap[0],
    removeLowest() {
      const last = heap.pop();
      if (last === undefined) return;
      const first = heap[0] ?? last;
      present.delete(first);
      if (heap.length === 0) return;
      heap[0] = last;
      for (let index = 0; ;) {
        const [left, right] = [2 * index + 1, 2 * index + 2];
        let least = index;
        if (left < heap.length && at(left) < at(least)) least = left;
        if (right < heap.length && at(right) < at(least)) least = right;
        if (least === index) return;
        swap(index, least);
        index = least;
      }
    },
  };
}
