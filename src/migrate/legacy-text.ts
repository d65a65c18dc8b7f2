import type {
  AutodiscoveryMapping,
  BfdProfile,
  BgpAdvertisement,
  LabelSelector,
  Model,
  Peer,
  PeerAutodiscovery,
  Pool,
} from "../config/model.js";
import { compareTexts } from "../config/place.js";
import { formatAddress } from "../runtime/net/address.js";
import { addressText, communityNames } from "./legacy-resources.js";
import type { ManifestObject } from "./manifest-text.js";
import { yamlStream } from "./manifest-text.js";

/**
 * The text of a ConfigMap's `config` key that says what a model says; what is the default is left out. The same model
 * gives the same octets. Passwords stand in it in clear: the format has no other place for them.
 * @param model without anything that beyondLegacy refuses
 * @param aliases names of communities; those of large ones are left out
 */
export function legacyText(model: Model, aliases: ReadonlyMap<string, string>): string {
  const { peers, pools, bfdProfiles, peerAutodiscovery } = model;
  const small = new Map([...aliases].filter(([, community]) => !community.startsWith("large:")));
  const names = communityNames(small, new Set());
  const communities = Object.fromEntries(names.aliases.map(({ name, value }) => [name, value]));
  const document: ManifestObject = {
    peers: peers.length === 0 ? undefined : peers.map(peerEntry),
    "bgp-communities": names.aliases.length === 0 ? undefined : communities,
    "bfd-profiles": bfdProfiles.length === 0 ? undefined : bfdProfiles.map(bfdProfileEntry),
    "address-pools": pools.length === 0 ? undefined : pools.map((pool) => poolEntry(pool, names.aliasOf)),
    ...(peerAutodiscovery && { "peer-autodiscovery": discoveryEntry(peerAutodiscovery) }),
  };
  return yamlStream([document]);
}

/** As legacyText, of that one key. */
export function discoveryText(peerAutodiscovery: PeerAutodiscovery): string {
  return yamlStream([{ "peer-autodiscovery": discoveryEntry(peerAutodiscovery) }]);
}

/**
 * Which peer counts is told by the shape: the builds in which the one that a Node says comes first had one mapping where
 * later builds have a list, and another word for the source address.
 */
function discoveryEntry({ nodeSelectors, defaults, mappings, prefersDiscovered }: PeerAutodiscovery): ManifestObject {
  const { myAsn, peerAsn, address, port, holdTimeSeconds } = defaults;
  const of = (from: AutodiscoveryMapping["from"]) => mappings.filter((mapping) => mapping.from === from);
  const [annotations, labels] = [of("annotations"), of("labels")];
  const isSingle = (list: readonly AutodiscoveryMapping[]) => prefersDiscovered && list.length === 1;
  const isTold =
    isSingle(annotations) || isSingle(labels) || mappings.some(({ sourceAddress }) => sourceAddress !== undefined);
  const entryOf = (mapping: AutodiscoveryMapping): ManifestObject => ({
    "my-asn": mapping.myAsn,
    "peer-asn": mapping.peerAsn,
    "peer-address": mapping.address,
    "peer-port": mapping.port,
    "source-address": prefersDiscovered ? undefined : mapping.sourceAddress,
    "src-address": prefersDiscovered ? (mapping.sourceAddress ?? (isTold ? undefined : "")) : undefined,
    "hold-time": mapping.holdTime,
    "router-id": mapping.routerId,
  });
  const entriesOf = (list: readonly AutodiscoveryMapping[]) => {
    const [first = {}, ...others] = list.map(entryOf);
    return isSingle(list) ? first : [first, ...others];
  };
  const written = {
    "my-asn": myAsn,
    "peer-asn": peerAsn,
    "peer-address": address && formatAddress(address),
    "peer-port": port === 179 ? undefined : port,
    "hold-time": holdTimeSeconds === 90 ? undefined : `${holdTimeSeconds}s`,
  };
  const hasDefaults = Object.values(written).some((value) => value !== undefined);
  return {
    defaults: hasDefaults ? written : undefined,
    "node-selectors": nodeSelectors.length === 0 ? undefined : nodeSelectors.map(selectorEntry),
    "from-annotations": annotations.length > 0 ? entriesOf(annotations) : labels.length > 0 ? undefined : [],
    "from-labels": labels.length > 0 ? entriesOf(labels) : undefined,
  };
}

function peerEntry(peer: Peer): ManifestObject {
  const { address, sourceAddress, routerId, keepaliveTimeSeconds, nodeSelectors } = peer;
  return {
    "my-asn": peer.myAsn,
    "peer-asn": typeof peer.peerAsn === "number" ? peer.peerAsn : undefined,
    "peer-address": address && formatAddress(address),
    "peer-port": peer.port === 179 ? undefined : peer.port,
    "source-address": sourceAddress && formatAddress(sourceAddress),
    "hold-time": peer.holdTimeSeconds === 90 ? undefined : `${peer.holdTimeSeconds}s`,
    "keepalive-time": keepaliveTimeSeconds === undefined ? undefined : `${keepaliveTimeSeconds}s`,
    "router-id": routerId && formatAddress(routerId),
    "node-selectors": nodeSelectors.length === 0 ? undefined : nodeSelectors.map(selectorEntry),
    password: peer.password?.reveal(),
    "bfd-profile": peer.bfdProfile,
    "ebgp-multihop": peer.ebgpMultiHop || undefined,
  };
}

function selectorEntry({ matchLabels, matchExpressions }: LabelSelector): ManifestObject {
  return {
    "match-labels": matchLabels.length === 0 ? undefined : Object.fromEntries(matchLabels),
    "match-expressions":
      matchExpressions.length === 0
        ? undefined
        : matchExpressions.map(({ key, operator, values }) => ({
            key,
            operator,
            values: values.length === 0 ? undefined : values,
          })),
  };
}

function bfdProfileEntry(profile: BfdProfile): ManifestObject {
  return {
    name: profile.name,
    "receive-interval": profile.receiveIntervalMs,
    "transmit-interval": profile.transmitIntervalMs,
    "detect-multiplier": profile.detectMultiplier,
    "echo-interval": profile.echoIntervalMs,
    "echo-mode": profile.echoMode || undefined,
    "passive-mode": profile.passiveMode || undefined,
    "minimum-ttl": profile.minimumTtl,
  };
}

function poolEntry(pool: Pool, aliasOf: (community: string) => string): ManifestObject {
  const advertisements = pool.bgp.map((advertisement) => advertisementEntry(advertisement, aliasOf));
  const [only, ...more] = advertisements;
  const isDefault =
    more.length === 0 && (only === undefined || Object.values(only).every((value) => value === undefined));
  return {
    name: pool.name,
    protocol: pool.bgp.length > 0 ? "bgp" : "layer2",
    addresses: pool.ranges.map(addressText),
    "auto-assign": pool.autoAssign ? undefined : false,
    "avoid-buggy-ips": pool.avoidBuggyIPs || undefined,
    "bgp-advertisements": isDefault ? undefined : advertisements,
  };
}

function advertisementEntry(
  { aggregationLength, aggregationLengthV6, localPref, communities }: BgpAdvertisement,
  aliasOf: (community: string) => string,
): ManifestObject {
  return {
    "aggregation-length": aggregationLength === 32 ? undefined : aggregationLength,
    "aggregation-length-v6": aggregationLengthV6 === 128 ? undefined : aggregationLengthV6,
    localpref: localPref || undefined,
    communities: communities.length === 0 ? undefined : communities.map(aliasOf).toSorted(compareTexts),
  };
}
