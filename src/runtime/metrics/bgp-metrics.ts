import { createCounter, createGauge, type Registry } from "./registry.js";

type MessageName = "open" | "update" | "notification" | "keepalive" | "routeRefresh";

/** What is counted of one session; totals since the start. */
export type SessionCounts = Readonly<{
  isUp: boolean;
  wanted: number;
  announced: number;
  messages: Readonly<{
    sent: Readonly<Record<MessageName, number>>;
    received: Readonly<Record<MessageName, number>>;
    /** No code: of other kinds than there is room for. */
    notifications: readonly Readonly<{
      direction: string;
      errorCode: number | undefined;
      errorSubcode: number | undefined;
      count: number;
    }>[];
  }>;
  wrongUpdates: number;
}>;

/** As the original has them with FRR, where it has them. */
const MESSAGES: readonly (readonly [
  metric: string,
  direction: "sent" | "received",
  name: MessageName,
  text: string,
])[] = [
  ["metallb_bgp_opens_sent", "sent", "open", "OPEN messages sent"],
  ["metallb_bgp_opens_received", "received", "open", "OPEN messages received"],
  ["metallb_bgp_notifications_sent", "sent", "notification", "NOTIFICATION messages sent"],
  ["metallb_bgp_updates_total", "sent", "update", "UPDATE messages sent"],
  ["metallb_bgp_updates_total_received", "received", "update", "UPDATE messages received"],
  ["metallb_bgp_keepalives_sent", "sent", "keepalive", "KEEPALIVE messages sent"],
  ["metallb_bgp_keepalives_received", "received", "keepalive", "KEEPALIVE messages received"],
  ["metallb_bgp_route_refresh_sent", "sent", "routeRefresh", "ROUTE-REFRESH messages sent"],
];

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
  const pending = createGauge(
    registry,
    "metallb_bgp_pending_prefixes_total",
    "Prefixes that the peer is to know, told of or not",
    labels,
  );
  const messages = MESSAGES.map(
    ([metric, direction, name, text]) =>
      [
        createCounter(registry, metric, text, labels),
        (counts: SessionCounts) => counts.messages[direction][name],
      ] as const,
  );
  const totals = (["sent", "received"] as const).map(
    (direction) =>
      [direction, createCounter(registry, `metallb_bgp_total_${direction}`, `Messages ${direction}`, labels)] as const,
  );
  const notifications = createCounter(
    registry,
    "smelter_bgp_notifications_total",
    "NOTIFICATION messages by direction and by code and subcode of RFC 4271 section 4.5",
    ["peer", "direction", "code", "subcode"],
  );
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
    for (const metric of [up, announced, pending, notifications, wrong, refusals, cut]) metric.reset();
    for (const [metric] of messages) metric.reset();
    for (const [, metric] of totals) metric.reset();
    cut.inc(routesCut);
    for (const [reason, count] of Object.entries(refused)) refusals.inc({ reason }, count);
    for (const [peer, counts] of sessions) {
      up.set({ peer }, counts.isUp ? 1 : 0);
      announced.set({ peer }, counts.announced);
      pending.set({ peer }, counts.wanted);
      for (const [metric, countOf] of messages) metric.inc({ peer }, countOf(counts));
      for (const [direction, metric] of totals)
        metric.inc(
          { peer },
          Object.values(counts.messages[direction]).reduce((sum, count) => sum + count, 0),
        );
      for (const { direction, errorCode, errorSubcode, count } of counts.messages.notifications) {
        const [code, subcode] = [String(errorCode ?? "other"), String(errorSubcode ?? "other")];
        notifications.inc({ peer, direction, code, subcode }, count);
      }
      wrong.inc({ peer }, counts.wrongUpdates);
    }
  };
}
