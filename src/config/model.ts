import type { AddressRange, IpAddress } from "../runtime/net/address.js";
import type { Fault } from "../runtime/net/fault.js";
import type { Password } from "./password.js";

/**
 * The configuration in force, whatever it was written as. Immutable, and canonical: two ways of writing the same
 * configuration give deeply equal models. Where each piece came from is told by LoadedConfig.origins, not here.
 */
export type Model = Readonly<{
  /** By name. */
  pools: readonly Pool[];
  /** By name. */
  peers: readonly Peer[];
  /** By name. */
  bfdProfiles: readonly BfdProfile[];
  /** How Nodes say their own peers, see discoverPeers; absent: they say none. */
  peerAutodiscovery?: PeerAutodiscovery;
}>;

export type Pool = Readonly<{
  name: string;
  /** In the order of the document, which is the order of allocation. Never overlapping within a model. */
  ranges: readonly AddressRange[];
  autoAssign: boolean;
  /** Skip IPv4 addresses whose last octet is 0 or 255. */
  avoidBuggyIPs: boolean;
  /** undefined: the pool serves every Service, at the lowest priority. */
  serviceAllocation?: ServiceAllocation;
  /** Advertisements that reach this pool, in canonical order. None of both kinds: nothing is announced. */
  layer2: readonly Layer2Advertisement[];
  bgp: readonly BgpAdvertisement[];
}>;

/** Which Services a pool is kept for. Within a list elements are OR-ed, the two lists are AND-ed. */
export type ServiceAllocation = Readonly<{
  /** Smaller is sooner; 0 is last. */
  priority: number;
  /** Sorted. */
  namespaces: readonly string[];
  namespaceSelectors: readonly LabelSelector[];
  serviceSelectors: readonly LabelSelector[];
}>;

/** Empty lists match everything: `nodeSelectors: []` is every node, `interfaces: []` every interface, and so on. */
export type Layer2Advertisement = Readonly<{
  nodeSelectors: readonly LabelSelector[];
  /** Sorted names. */
  interfaces: readonly string[];
  serviceSelectors: readonly LabelSelector[];
  preferredNodes: readonly Readonly<{ weight: number; preference: LabelSelector }>[];
}>;

export type BgpAdvertisement = Readonly<{
  /** 0 to 32. */
  aggregationLength: number;
  /** 0 to 128. */
  aggregationLengthV6: number;
  localPref: number;
  /** 1 to 10 times more than once our AS number stands in the path, to peers of other ASes; absent: no more than once. */
  asPathPrepend?: number;
  /** Aliases resolved: `64512:1` or `large:1:2:3`. Sorted. */
  communities: readonly string[];
  /** What Services may ask for their own routes, by annotations; absent: nothing. */
  serviceRequests?: ServiceRequests;
  nodeSelectors: readonly LabelSelector[];
  /** Names of peers, sorted; empty: all. */
  peers: readonly string[];
  serviceSelectors: readonly LabelSelector[];
}>;

/** What an administrator leaves to Services. At least one of the two. */
export type ServiceRequests = Readonly<{
  /** In canonical order. */
  communities: readonly AllowedCommunity[];
  /** LOCAL_PREF, both ends included, 0 to 4294967295; absent: none may be asked for. */
  localPref?: Readonly<{ min: number; max: number }>;
}>;
/** `pattern`: see parseCommunityPattern(). `alias`: as which it was written, and may be asked for, too. */
export type AllowedCommunity = Readonly<{ pattern: string; alias?: string }>;

/** A Kubernetes LabelSelector in canonical order: everything in it is AND-ed. `{[], []}` matches everything. */
export type LabelSelector = Readonly<{
  /** [key, value], by key. */
  matchLabels: readonly (readonly [string, string])[];
  matchExpressions: readonly MatchExpression[];
}>;
export type MatchExpression = Readonly<{
  key: string;
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  /** Sorted; empty for Exists and DoesNotExist. */
  values: readonly string[];
}>;

export type Peer = Readonly<{
  /** The resource's name, or for a legacy peer the name that conversion would give it. */
  name: string;
  /** 1 to 4294967295. */
  myAsn: number;
  /** A number, or what a session accepts whatever its number. */
  peerAsn: number | "internal" | "external";
  /** Exactly one of `address` and `interface` is set. */
  address?: IpAddress;
  interface?: string;
  /** 1 to 65535. */
  port: number;
  sourceAddress?: IpAddress;
  /** 0 (no keepalives) or 3 and more; more than the 65535 that an OPEN can say is possible. */
  holdTimeSeconds: number;
  /** At most the hold time; undefined: a third of it. */
  keepaliveTimeSeconds?: number;
  connectTimeSeconds?: number;
  /** IPv4. */
  routerId?: IpAddress;
  localAsn?: number;
  nodeSelectors: readonly LabelSelector[];
  password?: Password;
  bfdProfile?: string;
  ebgpMultiHop: boolean;
  vrf: string;
  gracefulRestart: boolean;
  dualStackAddressFamily: boolean;
  disableMP: boolean;
}>;

/** What to make of the annotations and labels of Nodes: the peers that each of them is to have. */
export type PeerAutodiscovery = Readonly<{
  /** The Nodes that are looked at; empty: all. */
  nodeSelectors: readonly LabelSelector[];
  /** What counts where a Node says nothing. */
  defaults: Readonly<{
    myAsn?: number;
    peerAsn?: number;
    address?: IpAddress;
    /** 1 to 65535. */
    port: number;
    /** 0 or 3 and more. */
    holdTimeSeconds: number;
  }>;
  /** In the order in which they count: annotations, then labels. */
  mappings: readonly AutodiscoveryMapping[];
  /** Of two peers with the same address and port on a Node, the one that the Node says counts, and not the other. */
  prefersDiscovered: boolean;
}>;

/** The keys of annotations or labels that hold the parameters of a peer, or of several, parted by commas. */
export type AutodiscoveryMapping = Readonly<{
  from: "annotations" | "labels";
  myAsn?: string;
  peerAsn?: string;
  address?: string;
  port?: string;
  sourceAddress?: string;
  holdTime?: string;
  routerId?: string;
}>;

/** Intervals in milliseconds; undefined: the implementation's default. */
export type BfdProfile = Readonly<{
  name: string;
  receiveIntervalMs?: number;
  transmitIntervalMs?: number;
  detectMultiplier?: number;
  echoIntervalMs?: number;
  echoMode: boolean;
  passiveMode: boolean;
  minimumTtl?: number;
}>;

/** Where a piece of the model was written. */
export type Origin = Readonly<{ object: string; path: string; file?: string; line?: number }>;

/**
 * Something that is legal and probably not meant, or not in effect; it never keeps a model from being used.
 * `shadowed`: a resource is in force in its place; `ignored`: has no effect; `unused`: nothing refers to it, or it
 * refers to nothing; `generation`: some release refused it; `conflict`: contradicts itself.
 */
export type Notice = Fault & Readonly<{ class: "shadowed" | "ignored" | "unused" | "generation" | "conflict" }>;

export type LoadedConfig = Readonly<{
  model: Model;
  /** By piece: `pool/<name>`, `peer/<name>`, `bfdProfile/<name>`. */
  origins: ReadonlyMap<string, readonly Origin[]>;
  notices: readonly Notice[];
  /** The objects that were read, as `describeObject` names them, sorted. Empty: there is no configuration at all. */
  sources: readonly string[];
}>;
