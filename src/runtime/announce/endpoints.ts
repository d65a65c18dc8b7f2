import type { Endpoint, EndpointSliceView } from "../world/views.js";
import { NEWEST_RULES, type ElectionRules } from "./fleet-generation.js";

/** Where the backends of a Service are, as far as they can take traffic. */
export type UsableEndpoints = Readonly<{
  anywhere: boolean;
  /** Names of the nodes that hold one; an endpoint that names no node counts for none. */
  nodes: ReadonlySet<string>;
}>;

/** One pass over the endpoints. BOUNDED by the nodes that hold endpoints. */
export function usableEndpoints(
  slices: readonly EndpointSliceView[],
  { usable }: Pick<ElectionRules, "usable"> = NEWEST_RULES,
): UsableEndpoints {
  const nodes = new Set<string>();
  let anywhere = false;
  for (const { endpoints } of slices) {
    for (const endpoint of endpoints) {
      if (!isUsable(endpoint, usable)) continue;
      anywhere = true;
      if (endpoint.nodeName !== undefined) nodes.add(endpoint.nodeName);
    }
  }
  return { anywhere, nodes };
}

/**
 * Ready, or nothing said about it (which the API defines as ready); by the newest rules also on its way out and still
 * serving, so that a rolling update does not leave a Service without backends.
 */
function isUsable({ addresses, ready, serving }: Endpoint, rule: ElectionRules["usable"]): boolean {
  if (addresses.length === 0) return false;
  switch (rule) {
    case "ready":
      return ready !== false;
    case "servingElseReady":
      return serving ?? ready !== false;
    case "readyOrServing":
      return ready !== false || serving === true;
  }
}
