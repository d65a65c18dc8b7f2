import { createCounter, createGauge, type Registry } from "./registry.js";

/** What is counted of one session; totals since the start. */
export type SessionCounts = Readonly<{
  isUp: boolean;
  updatesSent: number;
  announced: number;
  notificationsSent: number;
  wrongUpdates: number;
}>;

/**
 * BGP metrics under the names that dashboards know.
 * @returns what takes over the counts, by `address:port`, those of connections that were refused, by reason, and of
 *   routes that were told of without some of their communities
 */
export function createBgpMetrics(
  registry: Registry,
): (
  sessions: ReadonlyMap<string, SessionCounts>,
  refused: Readonly<Record<string, number>>,
  routesCut: number,
) => void {
  const labels = ["peer"];
  const up = createGauge(registry, "metallb_bgp_session_up", "1 while the BGP session is established", labels);
  const announced = createGauge(
    registry,
    "metallb_bgp_announced_prefixes_total",
    "Prefixes that the peer has been told of",
    labels,
  );
  const updates = createCounter(registry, "metallb_bgp_updates_total", "UPDATE messages sent", labels);
  const notifications = createCounter(registry, "metallb_bgp_notifications_sent", "NOTIFICATION messages sent", labels);
  const wrong = createCounter(
    registry,
    "smelter_bgp_wrong_updates_total",
    "UPDATE messages of the peer in which something was wrong, also where that has ended the session",
    labels,
  );
  const refusals = createCounter(
    registry,
    "smelter_bgp_connections_refused_total",
    "Connections to --bgp-listen that were not taken",
    ["reason"],
  );
  const cut = createCounter(
    registry,
    "smelter_bgp_routes_cut_total",
    "Routes told of without some of their communities, which do not fit into a message",
  );
  return (sessions, refused, routesCut) => {
    for (const metric of [up, announced, updates, notifications, wrong, refusals, cut]) metric.reset();
    cut.inc(routesCut);
    for (const [reason, count] of Object.entries(refused)) refusals.inc({ reason }, count);
    for (const [peer, counts] of sessions) {
      up.set({ peer }, counts.isUp ? 1 : 0);
      announced.set({ peer }, counts.announced);
      updates.inc({ peer }, counts.updatesSent);
      notifications.inc({ peer }, counts.notificationsSent);
      wrong.inc({ peer }, counts.wrongUpdates);
    }
  };
}
