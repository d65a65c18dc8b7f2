/** Milliseconds, with fractions, of a clock that never goes back and stands still while the machine sleeps. */
export function monotonicMilliseconds(): number {
  return performance.now();
}
