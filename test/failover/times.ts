/** How long faults lasted, by their kind. Pure. */
import type { FaultKind } from "./faults.js";
import type { Failover } from "./verdict.js";

export type Timed = Readonly<{ kind: FaultKind; failover: Failover; healMs: number }>;

/** In milliseconds; a fault after which something never came about counts as Infinity there. */
export type Times = Readonly<{ name: string; p50: number; p99: number; runs: number }>;

const MEASURES: Readonly<Record<string, (run: Timed) => number>> = {
  "first frame": ({ failover }) => failover.firstFrameMs ?? Infinity,
  "first answer": ({ failover }) => failover.firstAnswerMs ?? Infinity,
  "all answered": ({ failover }) => failover.allAnsweredMs ?? Infinity,
  "back as before": ({ healMs }) => healMs,
};

/** The smallest value that is not below so many percent of all (the nearest rank). NaN for none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** Four measures for each kind of fault that there was, and for all together. */
export function failoverTimes(runs: readonly Timed[]): readonly Times[] {
  const kinds = [...new Set(runs.map(({ kind }) => kind))];
  const groups = kinds.map((kind) => ({ name: kind as string, list: runs.filter((run) => run.kind === kind) }));
  if (kinds.length > 1) groups.push({ name: "all faults", list: runs.slice() });
  return groups.flatMap(({ name, list }) =>
    Object.entries(MEASURES).map(([measure, of]) => {
      const values = list.map(of);
      return {
        name: `${name}, ${measure}`,
        p50: percentile(values, 50),
        p99: percentile(values, 99),
        runs: list.length,
      };
    }),
  );
}
