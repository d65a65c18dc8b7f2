import { expect, it } from "vitest";
import { createBgpMetrics, type SessionCounts } from "../../../../src/runtime/metrics/bgp-metrics.js";
import { createRegistry } from "../../../../src/runtime/metrics/registry.js";

const COUNTS: SessionCounts = {
  isUp: true,
  wanted: 7,
  announced: 5,
  messages: {
    sent: { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 },
    received: { open: 6, update: 7, notification: 8, keepalive: 9, routeRefresh: 10 },
    notifications: [
      { direction: "sent", errorCode: 6, errorSubcode: 2, count: 3 },
      { direction: "received", errorCode: 2, errorSubcode: 2, count: 7 },
      { direction: "received", errorCode: undefined, errorSubcode: undefined, count: 1 },
    ],
  },
  wrongUpdates: 11,
};

it("has the names of the original, NOTIFICATIONs by code, and no series of a peer that is gone", async () => {
  const registry = createRegistry();
  const set = createBgpMetrics(registry);
  const lines = async (): Promise<readonly string[]> =>
    (await registry.metrics())
      .split("\n")
      .filter((line) => /_bgp_.*peer=/.test(line))
      .toSorted();
  set(new Map([["10.0.0.1:179", COUNTS]]), {}, 0);
  set(new Map([["10.0.0.1:179", COUNTS]]), {}, 0); // totals, which are not added up
  const peer = 'peer="10.0.0.1:179"';
  expect(await lines()).toEqual(
    [
      `metallb_bgp_session_up{${peer}} 1`,
      `metallb_bgp_announced_prefixes_total{${peer}} 5`,
      `metallb_bgp_pending_prefixes_total{${peer}} 7`,
      `metallb_bgp_opens_sent{${peer}} 1`,
      `metallb_bgp_opens_received{${peer}} 6`,
      `metallb_bgp_updates_total{${peer}} 2`,
      `metallb_bgp_updates_total_received{${peer}} 7`,
      `metallb_bgp_notifications_sent{${peer}} 3`,
      `metallb_bgp_keepalives_sent{${peer}} 4`,
      `metallb_bgp_keepalives_received{${peer}} 9`,
      `metallb_bgp_route_refresh_sent{${peer}} 5`,
      `metallb_bgp_total_sent{${peer}} 15`,
      `metallb_bgp_total_received{${peer}} 40`,
      `smelter_bgp_wrong_updates_total{${peer}} 11`,
      `smelter_bgp_notifications_total{${peer},direction="sent",code="6",subcode="2"} 3`,
      `smelter_bgp_notifications_total{${peer},direction="received",code="2",subcode="2"} 7`,
      `smelter_bgp_notifications_total{${peer},direction="received",code="other",subcode="other"} 1`,
    ].toSorted(),
  );
  set(new Map(), {}, 0);
  expect(await lines()).toEqual([]);
});
