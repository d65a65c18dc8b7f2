import { createCounter, createGauge, type Registry } from "./registry.js";

/** What is counted of one session; totals since it began. `vrf`: "" where it is not bound to one. */
export type BfdCounts = Readonly<{
  peer: string;
  vrf: string;
  isUp: boolean;
  packetsReceived: number;
  packetsSent: number;
  echoReceived: number;
  echoSent: number;
  ups: number;
  downs: number;
  notifications: number;
}>;

/** BFD metrics under the names that dashboards know. @returns what takes over the counts, and the drops by their reason */
export function createBfdMetrics(
  registry: Registry,
): (sessions: readonly BfdCounts[], drops: Readonly<Record<string, number>>) => void {
  const labels = ["peer", "vrf"];
  const up = createGauge(registry, "metallb_bfd_session_up", "1 while the BFD session is up", labels);
  const counter = (name: string, help: string) => createCounter(registry, `metallb_bfd_${name}`, help, labels);
  const received = counter("control_packet_input", "BFD Control packets that were taken");
  const sent = counter("control_packet_output", "BFD Control packets sent");
  const echoReceived = counter("echo_packet_input", "BFD Echo packets that came back");
  const echoSent = counter("echo_packet_output", "BFD Echo packets sent");
  const ups = counter("session_up_events", "How often the BFD session came up");
  const downs = counter("session_down_events", "How often the BFD session went down");
  const notifications = counter("zebra_notifications", "Changes of the BFD session that BGP was told of");
  const dropped = createCounter(registry, "smelter_bfd_dropped_total", "BFD packets that were not taken", ["reason"]);
  return (sessions, drops) => {
    for (const metric of [up, received, sent, echoReceived, echoSent, ups, downs, notifications, dropped])
      metric.reset();
    for (const { peer, vrf, isUp, ...counts } of sessions) {
      const of = { peer, vrf: vrf || "default" }; // as the original calls it
      up.set(of, isUp ? 1 : 0);
      received.inc(of, counts.packetsReceived);
      sent.inc(of, counts.packetsSent);
      echoReceived.inc(of, counts.echoReceived);
      echoSent.inc(of, counts.echoSent);
      ups.inc(of, counts.ups);
      downs.inc(of, counts.downs);
      notifications.inc(of, counts.notifications);
    }
    for (const [reason, count] of Object.entries(drops)) dropped.inc({ reason }, count);
  };
}
