import type { Model } from "../config/model.js";
import type { Place } from "../config/place.js";
import { faultAt } from "../config/place.js";
import type { Fault } from "../runtime/net/fault.js";
import { HIDDEN_VALUE } from "../runtime/net/fault.js";

const PATH = "/peer-autodiscovery";
const PROBLEM = "tells how to find peers on Nodes, which no resource can say";

/**
 * Peers that are read from Nodes: no resource can say how, and without the Nodes they cannot be listed.
 * @param place the ConfigMap
 * @param remedy what to do about it
 * @returns nothing where the configuration has none
 */
export function discoveryFaults({ peerAutodiscovery }: Model, place: Place | undefined, remedy: string): Fault[] {
  return peerAutodiscovery === undefined ? [] : [discoveryRemark(place, PROBLEM, remedy)];
}

/** Says something about the key that tells how to find peers. */
export function discoveryRemark(place: Place | undefined, problem: string, remedy: string): Fault {
  return faultAt(place ?? { object: "configuration", positionOf: () => ({}) }, PATH, HIDDEN_VALUE, problem, remedy);
}

/** The two ways out that convert has. */
export const DISCOVERY_CHOICES =
  "give the Nodes with --nodes FILE, as kubectl get nodes -o yaml prints them, so that their peers of now become BGPPeers, or keep this key in a ConfigMap beside the resources with --keep-autodiscovery";

/** For those that have neither. */
export const DISCOVERY_ELSEWHERE =
  "use smelter migrate convert, which takes the Nodes with --nodes FILE or keeps this key with --keep-autodiscovery";
