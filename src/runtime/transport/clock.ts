/** Milliseconds, with fractions, of a clock that never goes back and stands still while the machine sleeps. */
export function monotonicMilliseconds(): number {
  return performance.now();
}

/**
 * Calls `run` once, after what has arrived on sockets by then has been taken: who was kept from running for long finds
 * answers there, and would else think that there are none.
 * @returns what calls it off
 */
export function startTimer(milliseconds: number, run: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  // The event loop looks at timers, then at sockets, then at immediates.
  const timer = setTimeout(() => (immediate = setImmediate(run)), milliseconds);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
