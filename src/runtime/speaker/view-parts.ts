import type { BgpRoute } from "../announce/decision.js";
import type { NodeView, ServiceView } from "../world/views.js";

/** All peers that get one of these routes, sorted. */
export function peersOf(routes: readonly BgpRoute[]): readonly string[] {
  return [...new Set(routes.flatMap(({ peers }) => peers))].toSorted();
}

/** The addresses in a Service's status, as they stand there. */
export function addressesOf({ ingress }: ServiceView): string[] {
  return ingress.flatMap(({ ip }) => ip ?? []);
}

/** A Node's status is written every few minutes: most of what changes there decides nothing. */
export function decidesAlike(a: NodeView, b: NodeView): boolean {
  if (a.networkUnavailable !== b.networkUnavailable) return false;
  const keys = Object.keys(a.labels);
  return keys.length === Object.keys(b.labels).length && keys.every((key) => a.labels[key] === b.labels[key]);
}
