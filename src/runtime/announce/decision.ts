import type { Model } from "../../config/model.js";
import type { NodePeersFinder } from "./node-peers.js";
import type { PoolFinder } from "./pool-finder.js";
import type { ElectionRules } from "./fleet-generation.js";
import type { EndpointSliceView, NodeView, ServiceView } from "../world/views.js";

/** What one node needs to know to decide what it announces. */
export type AnnounceWorld = Readonly<{
  model: Model;
  /** By name. */
  nodes: ReadonlyMap<string, NodeView>;
  /** Names of the nodes whose speaker is alive. */
  alive: ReadonlySet<string>;
  ignoreExcludeLabel: boolean;
  /** Where not all speakers are ours, or have not been for a moment; without it all are. */
  fleet?: Fleet;
  /** createPoolFinder(model), for many decisions on one model; without it each looks through all pools. */
  findPool?: PoolFinder;
  /** createNodePeersFinder(model), likewise. */
  findPeers?: NodePeersFinder;
}>;

/** Whose rules the speakers elect by, ours and those of the original that live beside them. */
export type Fleet = Readonly<{
  rules: ElectionRules;
  /** Names of the live nodes whose speaker is one of the original's. BOUNDED by the live nodes. */
  old: ReadonlySet<string>;
  /** Speakers tell each other who is alive; otherwise those of the original do not know who is. */
  gossips: boolean;
  /** Speakers of the original live, or did a moment ago: they stop answering in their own time, seconds after they should. */
  asksFirst: boolean;
  /** Rules that others of ours may still go by: whom they elect keeps a new one waiting. BOUNDED by the rows of rules. */
  former: readonly ElectionRules[];
}>;

export type ServiceWorld = Readonly<{ service: ServiceView; endpointSlices: readonly EndpointSliceView[] }>;

/** Why nothing is announced by a protocol; the original's words where it has one. */
export type WithholdReason =
  | "notLoadBalancer"
  | "noIPAllocated"
  | "invalidIP"
  | "ipNotAllowed"
  | "notOwner"
  | "noMatchingAdvertisement"
  | "sharedIPWithServiceSelector"
  | "conflictingAdvertisements"
  | "nodeNetworkUnavailable"
  | "nodeLabeledExcludeBalancers"
  | "noLocalEndpoints"
  | "noEndpoints"
  | "noMatchingPeer";

/** `interfaces: []` is all of them. `explanation` is a sentence for people. */
export type Layer2Announcement =
  | Readonly<{ announce: true; addresses: readonly string[]; interfaces: readonly string[]; explanation: string }>
  | Readonly<{ announce: false; reason: WithholdReason; winner?: string; explanation: string }>;

/** A prefix to send, and to whom. A prefix comes twice where peers are to hear of it with different attributes. */
export type BgpRoute = Readonly<{
  prefix: string;
  localPref: number;
  /** How many times more than once our AS number stands in the path; absent: no more than once. */
  asPathPrepend?: number;
  /** The administrator's, sorted. */
  communities: readonly string[];
  /** Those that the Service asks for besides, sorted; absent: none. They give way where not all have room. */
  requested?: readonly string[];
  /** Names of the peers of this node that get it, sorted. */
  peers: readonly string[];
}>;

/** What a Service asks for by annotations and does not get; the same on every node. */
export type RefusedRequests = Readonly<{
  /** A sentence for people, of at most 1024 characters. */
  problem: string;
  /** The one node that tells the Service's owner: of those that live and announce it the first by name. */
  toldBy: string;
}>;
export type BgpAnnouncement =
  | Readonly<{ announce: true; routes: readonly BgpRoute[]; explanation: string; refused?: RefusedRequests }>
  | Readonly<{ announce: false; reason: WithholdReason; explanation: string }>;

export type AnnounceDecision = Readonly<{ layer2: Layer2Announcement; bgp: BgpAnnouncement }>;
