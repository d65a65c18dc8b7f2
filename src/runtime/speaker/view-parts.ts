import type { BgpRoute } from "../announce/decision.js";
import type { Endpoint, EndpointSliceView, Labels, NodeView, ServiceView } from "../world/views.js";

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
  const type = service.type === LOAD_BALANCER ? LOAD_BALANCER : service.type; // one text for all
  return { ...service, type, ports: NO_LIST, clusterIPs: NO_LIST, selector: NO_LABELS };
}

const LOAD_BALANCER = "LoadBalancer";

/** Stands for the addresses of an endpoint: that there are some is all that counts. */
const SOME_ADDRESS: readonly string[] = Object.freeze(["0.0.0.0"]);
const MAX_KEPT_ENDPOINTS = 50_000;

/**
 * EndpointSlices without what no speaker looks at: of the endpoints that one node has in one state, one is left, without
 * its addresses, and it is the same object in all slices. A thousand Pods on ten nodes take as much memory as ten.
 */
export function createSliceReducer(): (slice: EndpointSliceView) => EndpointSliceView {
  const alone = new Map<string, readonly [Endpoint]>(); // BOUNDED by MAX_KEPT_ENDPOINTS: nodes, by the states that are seen
  function kept({ addresses, nodeName = "", ready, serving, terminating }: Endpoint): readonly [Endpoint] {
    const key = `${addresses.length > 0} ${ready} ${serving} ${terminating} ${nodeName}`;
    const known = alone.get(key);
    if (known !== undefined) return known;
    if (alone.size >= MAX_KEPT_ENDPOINTS) alone.clear(); // equal ones are then there twice, which does no harm
    const list = [
      {
        addresses: addresses.length > 0 ? SOME_ADDRESS : NO_LIST,
        ...(nodeName !== "" && { nodeName }),
        ...(ready !== undefined && { ready }),
        ...(serving !== undefined && { serving }),
        ...(terminating !== undefined && { terminating }),
      },
    ] as const;
    alone.set(key, list);
    return list;
  }
  return (slice) => {
    const lists = new Set(slice.endpoints.map(kept));
    const [only, ...others] = lists;
    if (only === undefined) return { ...slice, endpoints: NO_LIST };
    return { ...slice, endpoints: others.length === 0 ? only : [...lists].flat() };
  };
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
