import type { Release } from "./release.js";
import { compareReleases } from "./release.js";

/**
 * What the releases of the original elect by, where they differ. Every speaker elects by itself, so a speaker that stands
 * in for one of them for a while elects as the others of its fleet do, or two of them would answer for one address.
 */
export type ElectionRules = Readonly<{
  /** The first release with them, e.g. "v0.11"; "newest" for those of no release yet. */
  since: string;
  /** What a node is hashed with: `namespace/name` of the Service, or the first address of its status. */
  hashedWith: "service" | "address";
  /** Under which policies only a node that holds a usable endpoint is a candidate. */
  endpointNeeded: "always" | "underLocal";
  /** Services with more addresses are announced by nobody. */
  mostAddresses: 1 | 2;
  /** See isUsable(). */
  usable: "ready" | "servingElseReady" | "readyOrServing";
  /** Advertisements have nodeSelectors, so that a node without a Node object is no candidate. */
  nodeSelectors: boolean;
  /** A node whose condition NetworkUnavailable is True is no candidate. */
  networkUnavailable: boolean;
  /** The label that excludes a node: means nothing, counts, or counts unless --ignore-exclude-lb. */
  excludeLabel: "ignored" | "counts" | "countsUnlessIgnored";
  /** Advertisements have serviceSelectors. */
  serviceSelectors: boolean;
  preferredNodes: boolean;
  /**
   * Who is a candidate where speakers do not gossip: nodes that hold a usable endpoint; those under Local and nobody under
   * Cluster; nobody; or all Nodes, as far as the rest lets them.
   */
  withoutGossip: "endpointNodes" | "nobodyUnderCluster" | "nobody" | "everyNode";
}>;

/** By release, the oldest first; each row has the rules up to the next one. Releases before the first go by it as well. */
const V0_9: ElectionRules = {
  since: "v0.9",
  hashedWith: "service",
  endpointNeeded: "always",
  mostAddresses: 1,
  usable: "ready",
  nodeSelectors: false,
  networkUnavailable: false,
  excludeLabel: "ignored",
  serviceSelectors: false,
  preferredNodes: false,
  withoutGossip: "endpointNodes",
};
const V0_11: ElectionRules = {
  ...V0_9,
  since: "v0.11",
  hashedWith: "address",
  endpointNeeded: "underLocal",
  withoutGossip: "nobodyUnderCluster",
};
const V0_12: ElectionRules = { ...V0_11, since: "v0.12", mostAddresses: 2 };
const V0_13: ElectionRules = { ...V0_12, since: "v0.13", nodeSelectors: true, withoutGossip: "nobody" };
const V0_13_10: ElectionRules = { ...V0_13, since: "v0.13.10", networkUnavailable: true };
const V0_14: ElectionRules = {
  ...V0_13_10,
  since: "v0.14",
  usable: "servingElseReady",
  excludeLabel: "counts",
};
const V0_14_4: ElectionRules = { ...V0_14, since: "v0.14.4", excludeLabel: "countsUnlessIgnored" };
const V0_14_5: ElectionRules = { ...V0_14_4, since: "v0.14.5", usable: "readyOrServing" };
const V0_15: ElectionRules = { ...V0_14_5, since: "v0.15", withoutGossip: "everyNode" };
const V0_16: ElectionRules = { ...V0_15, since: "v0.16", serviceSelectors: true };

/** What a fleet of our own speakers elects by. */
export const NEWEST_RULES: ElectionRules = { ...V0_16, since: "newest", preferredNodes: true };

const RULES: readonly (readonly [Release, ElectionRules])[] = [
  [{ minor: 16, patch: 0 }, V0_16],
  [{ minor: 15, patch: 0 }, V0_15],
  [{ minor: 14, patch: 5 }, V0_14_5],
  [{ minor: 14, patch: 4 }, V0_14_4],
  [{ minor: 14, patch: 0 }, V0_14],
  [{ minor: 13, patch: 10 }, V0_13_10],
  [{ minor: 13, patch: 0 }, V0_13],
  [{ minor: 12, patch: 0 }, V0_12],
  [{ minor: 11, patch: 0 }, V0_11],
];

/** After this release nothing is known: it is taken to elect as the newest source does. */
const LAST_KNOWN: Release = { minor: 16, patch: 1 };

/** What a fleet with this release in it elects by; undefined: there is no old speaker in it. */
export function electionRulesOf(release: Release | undefined): ElectionRules {
  if (release === undefined || compareReleases(release, LAST_KNOWN) > 0) return NEWEST_RULES;
  return RULES.find(([since]) => compareReleases(release, since) >= 0)?.[1] ?? V0_9;
}
