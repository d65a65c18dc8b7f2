import type { BgpRoute } from "../announce/decision.js";
import type { Labels, NodeView, ServiceView } from "../world/views.js";

/** All peers that get one of these routes, sorted. */
export function peersOf(routes: readonly BgpRoute[]): readonly string[] {
  const [only, ...others] = routes;
  if (only !== undefined && others.length === 0) return only.peers;
  return [...new Set(routes.flatMap(({ peers }) => peers))].toSorted();
}

const NO_LIST: readonly never[] = Object.freeze([]);
const NO_LABELS: Labels = Object.freeze({});

/** A Service without what no speaker looks at, for nodes that know of a hundred thousand. */
export function announcedPart(service: ServiceView): ServiceView {
  return { ...service, ports: NO_LIST, clusterIPs: NO_LIST, selector: NO_LABELS };
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
