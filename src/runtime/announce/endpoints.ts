import type { Endpoint, EndpointSliceView } from "../world/views.js";

/** Where the backends of a Service are, as far as they can take traffic. */
export type UsableEndpoints = Readonly<{
  anywhere: boolean;
  /** Names of the nodes that hold one; an endpoint that names no node counts for none. */
  nodes: ReadonlySet<string>;
}>;

/** One pass over the endpoints. BOUNDED by the nodes that hold endpoints. */
export function usableEndpoints(slices: readonly EndpointSliceView[]): UsableEndpoints {
  const nodes = new Set<string>();
  let anywhere = false;
  for (const { endpoints } of slices) {
    for (const endpoint of endpoints) {
      if (!isUsable(endpoint)) continue;
      anywhere = true;
      if (endpoint.nodeName !== undefined) nodes.add(endpoint.nodeName);
    }
  }
  return { anywhere, nodes };
}

/**
 * Ready, or nothing said about it (which the API defines as ready); or on its way out and still serving, so that a
 * rolling update does not leave a Service without backends.
 */
export function isUsable({ addresses, ready, serving }: Endpoint): boolean {
  return addresses.length > 0 && (ready !== false || serving === true);
}
