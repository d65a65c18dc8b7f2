import { createCounter, createGauge, type Registry } from "./registry.js";

/** What is counted of one membership; totals since it began. */
export type MembershipCounts = Readonly<{
  packetsSent: number;
  packetsReceived: number;
  dropped: ReadonlyMap<string, number>;
  reports: ReadonlyMap<string, number>;
  healthScore: number;
  waitingRumours: number;
}>;

const STATES = ["alive", "suspect", "dead", "left"] as const;

/** Metrics of the speakers' gossip. @returns what takes over the counts before each scrape; `counts` undefined: it takes no part */
export function createMembershipMetrics(
  registry: Registry,
): (
  members: readonly Readonly<{ state: (typeof STATES)[number] }>[],
  counts: MembershipCounts | undefined,
  restarts: number,
) => void {
  const known = createGauge(
    registry,
    "smelter_membership_members",
    "Speakers that are known by gossip, this one included, by state; suspects count as alive until it is certain",
    ["state"],
  );
  const packets = createCounter(registry, "smelter_membership_packets_total", "Packets of gossip", ["direction"]);
  const dropped = createCounter(
    registry,
    "smelter_membership_dropped_total",
    "Packets, messages and streams of gossip that came to nothing, by reason",
    ["reason"],
  );
  const reports = createCounter(
    registry,
    "smelter_membership_reports_total",
    "What befell this speaker in gossip: it found another one dead (foundDead), was taken for dead itself (refuted), stood still (stalled), and others",
    ["what"],
  );
  const health = createGauge(
    registry,
    "smelter_membership_health_score",
    "0 while this speaker is as quick as it should be in gossip, more as it finds itself slow",
  );
  const rumours = createGauge(
    registry,
    "smelter_membership_waiting_rumours",
    "Changes of members that this speaker still tells others of",
  );
  const restarted = createCounter(
    registry,
    "smelter_membership_restarts_total",
    "How often this speaker had to begin anew to take part in gossip",
  );
  return (members, counts, restarts) => {
    for (const metric of [packets, dropped, reports, restarted]) metric.reset();
    for (const wanted of STATES) known.set({ state: wanted }, members.filter(({ state }) => state === wanted).length);
    packets.inc({ direction: "sent" }, counts?.packetsSent ?? 0);
    packets.inc({ direction: "received" }, counts?.packetsReceived ?? 0);
    for (const [reason, count] of counts?.dropped ?? []) dropped.inc({ reason }, count);
    for (const [what, count] of counts?.reports ?? []) reports.inc({ what }, count);
    health.set(counts?.healthScore ?? 0);
    rumours.set(counts?.waitingRumours ?? 0);
    restarted.inc(restarts);
  };
}
