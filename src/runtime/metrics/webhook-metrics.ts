import type { Registry } from "./registry.js";
import { createCounter, createGauge } from "./registry.js";

/** What the webhooks did, and which parts of them work. */
export interface WebhookMetrics {
  reviewed(webhook: string, outcome: string): void;
  dropped(reason: string): void;
  /** @param part `server`, `certificate`, or the object that tells the API server whom to trust */
  active(part: string, isActive: boolean): void;
  /** Seconds since the Unix epoch. */
  certificateEnds(at: number): void;
}

export function createWebhookMetrics(registry: Registry): WebhookMetrics {
  const reviews = createCounter(
    registry,
    "smelter_webhook_reviews_total",
    "Reviews that were answered, by kind (convert: conversions) and outcome",
    ["webhook", "outcome"],
  );
  const drops = createCounter(
    registry,
    "smelter_webhook_dropped_total",
    "Connections and requests to the webhooks that were not answered as a review, by reason",
    ["reason"],
  );
  const active = createGauge(
    registry,
    "smelter_webhook_active_bool",
    "1 for each part of the webhooks that works, 0 for one that lacks its permission or its objects",
    ["part"],
  );
  const ends = createGauge(
    registry,
    "smelter_webhook_certificate_end_timestamp_seconds",
    "When the certificate that the webhooks are served with ends",
  );
  return {
    reviewed: (webhook, outcome) => reviews.inc({ webhook, outcome }),
    dropped: (reason) => drops.inc({ reason }),
    active: (part, isActive) => active.set({ part }, isActive ? 1 : 0),
    certificateEnds: (at) => ends.set(at),
  };
}
