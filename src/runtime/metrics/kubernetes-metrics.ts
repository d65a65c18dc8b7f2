import type { Registry } from "./registry.js";
import { createCounter } from "./registry.js";

/** Counts of the Kubernetes edge; it declares their words. */
export interface KubernetesMetrics {
  requestEnded(method: string, code: string): void;
  watchEnded(resource: string, why: string): void;
  objectSeen(resource: string): void;
  dropped(reason: string): void;
}

export function createKubernetesMetrics(registry: Registry): KubernetesMetrics {
  const requests = createCounter(
    registry,
    "smelter_kubernetes_requests_total",
    "Requests to the API server that were answered or failed (code error)",
    ["method", "code"],
  );
  const watchEnds = createCounter(
    registry,
    "smelter_kubernetes_watch_ends_total",
    "Watches that ended and began anew, by reason",
    ["resource", "reason"],
  );
  const objects = createCounter(
    registry,
    "smelter_kubernetes_objects_total",
    "Changes and deletions of objects that lists and watches brought",
    ["resource"],
  );
  const dropped = createCounter(
    registry,
    "smelter_kubernetes_dropped_total",
    "Objects, lines and Events that were not handed on, by reason",
    ["reason"],
  );
  return {
    requestEnded: (method, code) => requests.inc({ method, code }),
    watchEnded: (resource, reason) => watchEnds.inc({ resource, reason }),
    objectSeen: (resource) => objects.inc({ resource }),
    dropped: (reason) => dropped.inc({ reason }),
  };
}
