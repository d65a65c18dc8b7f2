// What each key means, for the definitions, the editor schemas and docs/configuration.md. Types, ranges and defaults
// are not here: they are read off the schemas. Keys: as in crd-rules.ts; those of the ConfigMap under "ConfigMap".
export type Words = Readonly<{
  meaning: string;
  /** The first release whose manifests had it; v0.13.0 for resources and "always" for the ConfigMap where left out. */
  since?: string;
  /** What an absent key means, where that is no value that the schema could hold. */
  absent?: string;
}>;
const say = (meaning: string, others: Omit<Words, "meaning"> = {}): Words => ({ meaning, ...others });

const ALL_POOLS = { absent: "with no `ipAddressPoolSelectors` either: all pools" };
const ALL_NODES = { absent: "all nodes" };
const ALL_SERVICES = { absent: "all Services", since: "v0.16.0" };
const AUTOMATIC = { absent: "automatic" };
const OURS = { since: "Smelter" }; // MetalLB has no such key

const RESOURCE_WORDS: Readonly<Record<string, Words>> = {
  "*.matchLabels": say("Labels that all have to be there with these values.", { absent: "nothing is asked for" }),
  "*.matchExpressions": say("Conditions that all have to hold.", { absent: "nothing is asked for" }),
  "*.matchExpressions[].key": say("Key of a label."),
  "*.matchExpressions[].operator": say("How the label is compared."),
  "*.matchExpressions[].values": say("For `In` and `NotIn` at least one value; for the others none."),
  "*.ipAddressPools": say("Names of pools it is for.", ALL_POOLS),
  "*.ipAddressPoolSelectors": say("Selects more pools by their labels; any of the selectors has to match.", {
    absent: "with no `ipAddressPools` either: all pools",
  }),
  "*.nodeSelectors": say("Which nodes announce; any of the selectors has to match.", ALL_NODES),
  "*.serviceSelectors": say("Which Services are announced, by their labels; any has to match.", ALL_SERVICES),
  "*.aggregationLength": say("Length of the IPv4 prefixes that are announced. Not shorter than those of the pool."),
  "*.aggregationLengthV6": say("Length of the IPv6 prefixes that are announced. Not shorter than those of the pool."),
  "*.localPref": say("LOCAL_PREF of the routes; sent to peers of the same AS only.", { absent: "`0`" }),
  "*.communities": say("Communities of the routes: `64512:1`, `large:64512:1:2`, or an alias.", { absent: "none" }),

  "IPAddressPool.addresses": say(
    "Prefixes (`192.168.1.0/24`) and ranges (`192.168.1.10-192.168.1.20`), in the order in which they are given out. " +
      "No address may be in two pools.",
  ),
  "IPAddressPool.autoAssign": say("Whether Services get addresses of it without asking for the pool."),
  "IPAddressPool.avoidBuggyIPs": say("Leaves out IPv4 addresses that end in .0 and .255.", { since: "v0.13.4" }),
  "IPAddressPool.serviceAllocation": say("Keeps the pool for some Services. `{}` keeps it for all of them.", {
    since: "v0.13.8",
    absent: "for every Service, after the pools that are kept for it",
  }),
  "IPAddressPool.serviceAllocation.priority": say("Smaller comes first; 0 comes last.", {
    since: "v0.13.8",
    absent: "`0`",
  }),
  "IPAddressPool.serviceAllocation.namespaces": say("Namespaces of the Services.", {
    since: "v0.13.8",
    absent: "with no `namespaceSelectors` either: all",
  }),
  "IPAddressPool.serviceAllocation.namespaceSelectors": say("Selects more namespaces by their labels.", {
    since: "v0.13.8",
    absent: "with no `namespaces` either: all",
  }),
  "IPAddressPool.serviceAllocation.serviceSelectors": say("Selects Services by their labels; any has to match.", {
    since: "v0.13.8",
    absent: "all Services of these namespaces",
  }),

  "L2Advertisement.interfaces": say("Names of the interfaces on which it is answered.", {
    since: "v0.13.6",
    absent: "all interfaces",
  }),
  "L2Advertisement.preferredNodeSelectors": say(
    "Nodes that answer rather than others; weights of all that match add up.",
    {
      since: "after v0.16.1",
      absent: "no node is preferred",
    },
  ),
  "L2Advertisement.preferredNodeSelectors[].weight": say("How much more.", { since: "after v0.16.1" }),
  "L2Advertisement.preferredNodeSelectors[].preference": say("Which nodes, by their labels.", {
    since: "after v0.16.1",
  }),

  "BGPAdvertisement.peers": say("Names of the BGPPeers that are told.", { absent: "all peers" }),
  "BGPAdvertisement.asPathPrepend": say(
    "How many times more than once our AS number stands in the path of the routes; for peers of another AS only.",
    { ...OURS, absent: "none" },
  ),
  "BGPAdvertisement.serviceRequests": say(
    "What Services may ask for their own routes, by annotations. Not with aggregation lengths.",
    { ...OURS, absent: "nothing" },
  ),
  "BGPAdvertisement.serviceRequests.communities": say(
    "Communities, aliases, and patterns (`64512:*`, `large:64512:*:*`) of those that they may add. `*` in the first place " +
      "leaves out 0 and 65535, the communities that are reserved or well-known.",
    { ...OURS, absent: "none" },
  ),
  "BGPAdvertisement.serviceRequests.minLocalPref": say("The lowest LOCAL_PREF that they may ask for.", {
    ...OURS,
    absent: "`0`",
  }),
  "BGPAdvertisement.serviceRequests.maxLocalPref": say("The highest LOCAL_PREF that they may ask for.", {
    ...OURS,
    absent: "they may ask for none",
  }),

  "BGPPeer.myASN": say("AS number of this side."),
  "BGPPeer.peerASN": say("AS number that the peer has to have. Write this or `dynamicASN`."),
  "BGPPeer.dynamicASN": say("Takes any AS number that is our own (`internal`) or any other (`external`).", {
    since: "v0.14.9",
  }),
  "BGPPeer.localASN": say("AS number to show to this peer instead of `myASN`.", {
    since: "v0.16.0",
    absent: "`myASN`",
  }),
  "BGPPeer.peerAddress": say("Address of the peer, IPv4 or IPv6. Write this or `interface`."),
  "BGPPeer.interface": say("Interface behind which the peer is found by its router advertisements.", {
    since: "v0.15.0",
  }),
  "BGPPeer.sourceAddress": say("Local address of the session.", AUTOMATIC),
  "BGPPeer.peerPort": say("TCP port of the peer. 0 is 179.", { absent: "`179`" }),
  "BGPPeer.holdTime": say(
    "How long the session lasts without a word: `0s` (for ever, without keepalives) or 3s and more.",
    {
      absent: "`90s`, or three times `keepaliveTime`",
    },
  ),
  "BGPPeer.keepaliveTime": say("How often we say that we are there. At most the hold time.", {
    absent: "a third of the hold time",
  }),
  "BGPPeer.connectTime": say("How long to wait before the next attempt to connect: whole seconds, `1s` to `65535s`.", {
    since: "v0.14.4",
    absent: "left to the implementation",
  }),
  "BGPPeer.routerID": say("BGP identifier of this side, written as an IPv4 address.", AUTOMATIC),
  "BGPPeer.nodeSelectors": say("Which nodes keep the session; any of the selectors has to match.", ALL_NODES),
  "BGPPeer.password": say("Key for TCP MD5, in clear. Better: `passwordSecret`.", { absent: "none" }),
  "BGPPeer.passwordSecret": say(
    "A Secret of type `kubernetes.io/basic-auth` with the key for TCP MD5 as its `password`.",
    {
      absent: "none",
    },
  ),
  "BGPPeer.passwordSecret.name": say("Name of the Secret."),
  "BGPPeer.passwordSecret.namespace": say("Does nothing: the Secret is read from the namespace of the peer."),
  "BGPPeer.bfdProfile": say("Name of the BFDProfile that watches the path.", { absent: "no BFD" }),
  "BGPPeer.enableGracefulRestart": say("Lets the peer keep the routes while the session is started anew.", {
    since: "v0.14.6",
    absent: "`false`",
  }),
  "BGPPeer.ebgpMultiHop": say("The peer is more than one hop away. Only for peers of another AS.", {
    absent: "`false`",
  }),
  "BGPPeer.vrf": say("Name of the VRF in which the session is.", { since: "v0.13.8", absent: "the default one" }),
  "BGPPeer.disableMP": say("Out of use: once kept IPv4 and IPv6 routes to sessions of their own family.", {
    since: "v0.14.4",
    absent: "`false`",
  }),
  "BGPPeer.dualStackAddressFamily": say("Exchanges routes of both families over this session.", {
    since: "v0.15.0",
    absent: "`false`",
  }),

  "Community.communities": say("Aliases and what they stand for."),
  "Community.communities[].name": say("The alias. No two may be the same, in all objects of this kind."),
  "Community.communities[].value": say("The community: `64512:1` or `large:64512:1:2`."),

  "BFDProfile.receiveInterval": say("Shortest time between packets that we can take, in milliseconds.", {
    absent: "`300`",
  }),
  "BFDProfile.transmitInterval": say("Shortest time between packets that we send, in milliseconds.", {
    absent: "`300`",
  }),
  "BFDProfile.detectMultiplier": say("So many packets missing in a row are a lost path.", { absent: "`3`" }),
  "BFDProfile.echoInterval": say("Time between echo packets, in milliseconds.", { absent: "`50`" }),
  "BFDProfile.echoMode": say("Sends echo packets, to be sent back by the peer. Not with pools of IPv6 addresses.", {
    absent: "`false`",
  }),
  "BFDProfile.passiveMode": say("Waits for the peer to begin.", { absent: "`false`" }),
  "BFDProfile.minimumTtl": say("For peers several hops away: packets with fewer hops left are dropped.", {
    absent: "`1`",
  }),

  "AddressPool.protocol": say("How the addresses are announced."),
  "AddressPool.addresses": say("Prefixes and ranges, as in IPAddressPool."),
  "AddressPool.autoAssign": say("Whether Services get addresses of it without asking for the pool.", {
    absent: "`true`",
  }),
  "AddressPool.bgpAdvertisements": say("What is announced to BGP peers. Only for `bgp`.", {
    absent: "one advertisement of each address",
  }),
};

const LEGACY_WORDS: Readonly<Record<string, Words>> = {
  "*.match-labels": say("Labels that all have to be there with these values.", { absent: "nothing is asked for" }),
  "*.match-expressions": say("Conditions that all have to hold.", { absent: "nothing is asked for" }),
  "*.match-expressions[].key": say("Key of a label."),
  "*.match-expressions[].operator": say("How the label is compared."),
  "*.match-expressions[].values": say("For `In` and `NotIn` at least one value; for the others none."),

  "ConfigMap.peers": say("BGP sessions."),
  "ConfigMap.peers[].my-asn": say("AS number of this side."),
  "ConfigMap.peers[].peer-asn": say("AS number that the peer has to have."),
  "ConfigMap.peers[].peer-address": say("Address of the peer, IPv4 or IPv6."),
  "ConfigMap.peers[].peer-port": say("TCP port of the peer. 0 is 179.", { absent: "`179`" }),
  "ConfigMap.peers[].source-address": say("Local address of the session.", { ...AUTOMATIC, since: "v0.11.0" }),
  "ConfigMap.peers[].src-address": say("What an older build calls `source-address`.", {
    ...AUTOMATIC,
    since: "Lokomotive's fork",
  }),
  "ConfigMap.peers[].hold-time": say(
    "Go duration, cut to whole seconds: 0 (for ever, without keepalives) or 3s and more.",
    {
      absent: "`90s`",
    },
  ),
  "ConfigMap.peers[].keepalive-time": say("How often we say that we are there. At most the hold time.", {
    since: "v0.12.0",
    absent: "a third of the hold time",
  }),
  "ConfigMap.peers[].router-id": say("BGP identifier of this side, written as an IPv4 address.", AUTOMATIC),
  "ConfigMap.peers[].node-selectors": say(
    "Which nodes keep the session; any of the selectors has to match.",
    ALL_NODES,
  ),
  "ConfigMap.peers[].password": say("Key for TCP MD5, in clear.", { absent: "none" }),
  "ConfigMap.peers[].bfd-profile": say("Name of the profile that watches the path.", {
    since: "v0.12.0",
    absent: "no BFD",
  }),
  "ConfigMap.peers[].ebgp-multihop": say("The peer is more than one hop away. Only for peers of another AS.", {
    since: "v0.12.0",
    absent: "`false`",
  }),
  "ConfigMap.bgp-communities": say("Aliases and the communities (`64512:1`) that they stand for."),
  "ConfigMap.address-pools": say("Addresses that Services get."),
  "ConfigMap.address-pools[].name": say("Name of the pool, any text; no two may be the same."),
  "ConfigMap.address-pools[].protocol": say("How the addresses are announced."),
  "ConfigMap.address-pools[].addresses": say(
    "Prefixes (`192.168.1.0/24`) and ranges (`192.168.1.10-192.168.1.20`). No address may be in two pools.",
  ),
  "ConfigMap.address-pools[].avoid-buggy-ips": say("Leaves out IPv4 addresses that end in .0 and .255.", {
    absent: "`false`",
  }),
  "ConfigMap.address-pools[].auto-assign": say("Whether Services get addresses of it without asking for the pool."),
  "ConfigMap.address-pools[].bgp-advertisements": say("What is announced to BGP peers. Only for `bgp`.", {
    absent: "one advertisement of each address",
  }),
  "ConfigMap.address-pools[].bgp-advertisements[].aggregation-length": say(
    "Length of the IPv4 prefixes that are announced. Not shorter than those of the pool.",
  ),
  "ConfigMap.address-pools[].bgp-advertisements[].aggregation-length-v6": say(
    "Length of the IPv6 prefixes that are announced. Not shorter than those of the pool.",
    { since: "v0.12.0" },
  ),
  "ConfigMap.address-pools[].bgp-advertisements[].localpref": say(
    "LOCAL_PREF of the routes; sent to peers of the same AS only.",
    { absent: "`0`" },
  ),
  "ConfigMap.address-pools[].bgp-advertisements[].communities": say("Communities (`64512:1`) or aliases.", {
    absent: "none",
  }),
  "ConfigMap.bfd-profiles": say("How fast a lost path to a peer is noticed.", { since: "v0.12.0" }),
  "ConfigMap.bfd-profiles[].name": say("Name of the profile; no two may be the same.", { since: "v0.12.0" }),
  "ConfigMap.bfd-profiles[].receive-interval": say("Shortest time between packets that we can take, in milliseconds.", {
    since: "v0.12.0",
    absent: "`300`",
  }),
  "ConfigMap.bfd-profiles[].transmit-interval": say("Shortest time between packets that we send, in milliseconds.", {
    since: "v0.12.0",
    absent: "`300`",
  }),
  "ConfigMap.bfd-profiles[].detect-multiplier": say("So many packets missing in a row are a lost path.", {
    since: "v0.12.0",
    absent: "`3`",
  }),
  "ConfigMap.bfd-profiles[].echo-interval": say("Time between echo packets, in milliseconds.", {
    since: "v0.12.0",
    absent: "`50`",
  }),
  "ConfigMap.bfd-profiles[].echo-mode": say("Sends echo packets, to be sent back by the peer.", {
    since: "v0.12.0",
    absent: "`false`",
  }),
  "ConfigMap.bfd-profiles[].passive-mode": say("Waits for the peer to begin.", { since: "v0.12.0", absent: "`false`" }),
  "ConfigMap.bfd-profiles[].minimum-ttl": say(
    "For peers several hops away: packets with fewer hops left are dropped.",
    { since: "v0.12.0", absent: "`1`" },
  ),
  "ConfigMap.peer-autodiscovery": say("Peers that are described by annotations or labels of the nodes.", {
    since: "Lokomotive's fork",
    absent: "none",
  }),
};

const WORDS: Readonly<Record<string, Words>> = { ...RESOURCE_WORDS, ...LEGACY_WORDS };

/** What is said in a table for a key; more specific entries win over those of any kind. */
export function entriesAt<Entry>(table: Readonly<Record<string, Entry>>, kind: string, path: string): readonly Entry[] {
  const segments = path === "" ? [] : path.split(".");
  const keys = [
    ...segments.map((_, index) => `*.${segments.slice(index).join(".")}`).toReversed(),
    [kind, ...segments].join("."),
  ];
  return keys.flatMap((key) => table[key] ?? []);
}

/** @throws when a key of a schema has no words: what is not explained is not there for its users */
export function wordsFor(kind: string, path: string): Words {
  const words = entriesAt(WORDS, kind, path).at(-1);
  if (words !== undefined) return words;
  const discovered = kind === "ConfigMap" ? discoveryWords(path) : undefined;
  if (discovered !== undefined) return discovered;
  throw new Error(`Cannot explain ${kind} ${path}: add words for it to scripts/schema-words.ts`);
}

const FORK = { since: "Lokomotive's fork" };
const DISCOVERY_WORDS: Readonly<Record<string, Words>> = {
  "node-selectors": say("Nodes on which peers are looked for.", { ...FORK, ...ALL_NODES }),
  defaults: say("What counts where a node does not say it.", FORK),
  "from-annotations": say("Which annotations of a node describe a peer: one mapping, or a list of them.", FORK),
  "from-labels": say("Which labels of a node describe a peer: one mapping, or a list of them.", FORK),
};

/** The mappings of `peer-autodiscovery` have the keys of a peer; their values are keys of annotations or labels. */
function discoveryWords(path: string): Words | undefined {
  const [, part = "", key = ""] = /^peer-autodiscovery\.([^.[]+)(?:\[\])?(?:\.(.+))?$/.exec(path) ?? [];
  if (key === "") return DISCOVERY_WORDS[part];
  if (part === "defaults") return say(`As \`${key}\` of a peer.`, FORK);
  return say(`Name of the ${part === "from-labels" ? "label" : "annotation"} that holds the \`${key}\`.`, FORK);
}
