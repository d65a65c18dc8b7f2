import type { MembershipReport } from "../membership/effects.js";

/** Between two reports of one kind about one member. */
const REPORT_MILLISECONDS = 60_000;
const MAX_REMEMBERED_REPORTS = 1024;

/** Reports on their way to the log: each is counted, the same about one member is told once a minute at most. */
export type MembershipReports = Readonly<{
  tell: (report: MembershipReport) => void;
  /** How many there were, told or not, by what they say. BOUNDED by the kinds of reports. */
  counts: () => ReadonlyMap<MembershipReport["what"], number>;
}>;

/** @param now milliseconds of a clock that never goes back */
export function createMembershipReports(
  now: () => number,
  onReport: (report: MembershipReport) => void,
): MembershipReports {
  const toldAt = new Map<string, number>(); // BOUNDED by MAX_REMEMBERED_REPORTS
  const counts = new Map<MembershipReport["what"], number>();
  return {
    tell(report) {
      counts.set(report.what, (counts.get(report.what) ?? 0) + 1);
      const key = `${report.what} ${"name" in report ? report.name : ""}`;
      const at = now();
      if (at - (toldAt.get(key) ?? Number.NEGATIVE_INFINITY) < REPORT_MILLISECONDS) return;
      if (toldAt.size >= MAX_REMEMBERED_REPORTS) toldAt.clear();
      toldAt.set(key, at);
      onReport(report);
    },
    counts: () => counts,
  };
}
