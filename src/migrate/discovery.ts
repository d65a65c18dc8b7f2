import type { Model } from "../config/model.js";
import type { Place } from "../config/place.js";
import { faultAt } from "../config/place.js";
import type { Fault } from "../runtime/net/fault.js";

/**
 * Peers that are read from Nodes: no resource can say how, and without the Nodes they cannot be listed.
 * @param place the ConfigMap
 * @param remedy what to do about it
 * @returns nothing where the configuration has none
 */
export function discoveryFaults(
  { peerAutodiscovery }: Model,
  place: Place | undefined,
  [problem, remedy]: readonly [problem: string, remedy: string],
): Fault[] {
  if (peerAutodiscovery === undefined) return [];
  const where = place ?? { object: "configuration", positionOf: () => ({}) };
  return [faultAt(where, "/peer-autodiscovery", "(a mapping)", problem, remedy)];
}

/** For those that make resources of it. */
export const DISCOVERY_BEYOND_RESOURCES = [
  "tells how to find peers on Nodes, which no resource can say",
  "keep a ConfigMap with this key alone beside the resources, which are read together, and convert the rest without it",
] as const;

/** For those that make a ConfigMap of resources: it is in one already, and has never been made of anything else. */
export const DISCOVERY_IN_CONFIG_MAP = [
  "tells how to find peers on Nodes, which is in the ConfigMap as it is",
  "take this key out of the input, and put it into the ConfigMap that comes out",
] as const;
