import { BASIC_AUTH } from "../config/basic-auth.js";
import { canonicalText } from "../config/canonical.js";
import type { KubernetesDocument } from "../config/documents.js";
import type { UnnamedPeer } from "../config/legacy-peers.js";
import type { BfdProfile, BgpAdvertisement, LabelSelector } from "../config/model.js";
import {
  POOL_NAME,
  PROFILE_NAME,
  createNameGiver,
  shortHash,
  suffixedName,
  uniqueLegalNames,
} from "../config/object-names.js";
import { compareTexts } from "../config/place.js";
import type { AddressRange } from "../runtime/net/address.js";
import { formatAddress, formatPrefix, formatRange, rangePrefixes } from "../runtime/net/address.js";
import type { ConversionSource, SourcePool } from "./conversion-source.js";
import type { ManifestObject } from "./manifest-text.js";

/** New names of what had names that no resource can have; what kept its name is not in here. */
export type Renames = Readonly<{ pools: ReadonlyMap<string, string>; bfdProfiles: ReadonlyMap<string, string> }>;
/** `origin`: where it was written, for people. */
export type WrittenResource = Readonly<{ object: ManifestObject; origin: string }>;
export type LegacyResources = Readonly<{ written: readonly WrittenResource[]; renames: Renames }>;

export type ResourceOptions = Readonly<{
  namespace: string;
  /** Passwords stand in the BGPPeers; without it they are in Secrets that the peers refer to. */
  inlinePasswords: boolean;
  /** Objects of the namespace that stay: their names and aliases are not given again. */
  present: readonly KubernetesDocument[];
  /** Aliases of Community objects that stay. */
  presentAliases: ReadonlySet<string>;
}>;

/**
 * The resources that say what a source says, each kind before those that refer to it: profiles and Secrets before
 * peers, communities and pools before advertisements; within a kind by name. The same source gives the same resources,
 * in whatever order and form it was written.
 */
export function resourcesOf(source: ConversionSource, options: ResourceOptions): LegacyResources {
  const { namespace, inlinePasswords } = options;
  const takenNames = (kind: string): ReadonlySet<string> =>
    new Set(options.present.flatMap((document) => (document.kind === kind ? [document.name] : [])));
  const poolNames = uniqueLegalNames(
    source.pools.flatMap(({ name, isThere }) => (isThere === true ? [] : [name])),
    POOL_NAME,
    takenNames("IPAddressPool"),
  );
  const profileNames = uniqueLegalNames(
    source.bfdProfiles.map(({ profile }) => profile.name),
    PROFILE_NAME,
    takenNames("BFDProfile"),
  );
  const listOf = (kind: string) => {
    const names = createNameGiver(takenNames(kind));
    const list: { name: string; resource: WrittenResource }[] = [];
    const add = (wish: string, origin: string, content: ManifestObject, givesName = true): string => {
      const name = givesName ? names.give(wish) : wish;
      const version = kind === "BGPPeer" ? "v1beta2" : "v1beta1";
      const apiVersion = kind === "Secret" ? "v1" : `metallb.io/${version}`;
      list.push({
        name,
        resource: { object: { apiVersion, kind, metadata: { name, namespace }, ...content }, origin },
      });
      return name;
    };
    const written = () => list.toSorted((a, b) => compareTexts(a.name, b.name)).map(({ resource }) => resource);
    return { add, written };
  };
  const [profiles, secrets, peers] = [listOf("BFDProfile"), listOf("Secret"), listOf("BGPPeer")];
  const [communities, pools] = [listOf("Community"), listOf("IPAddressPool")];
  const [bgpAdvertisements, l2Advertisements] = [listOf("BGPAdvertisement"), listOf("L2Advertisement")];

  for (const { profile, place, path } of source.bfdProfiles) {
    const name = profileNames.get(profile.name) ?? profile.name;
    profiles.add(name, `${place.object} ${path}`, { spec: bfdProfileSpec(profile) }, false);
  }
  for (const { peer, name, place, path } of source.peers) {
    const origin = `${place.object} ${path}`;
    const profile = peer.bfdProfile && (profileNames.get(peer.bfdProfile) ?? peer.bfdProfile);
    const password = peer.password?.reveal();
    let secret: ManifestObject = {};
    if (password !== undefined && inlinePasswords) secret = { password };
    else if (password !== undefined) {
      const content = { type: BASIC_AUTH, stringData: { password } };
      secret = { passwordSecret: { name: secrets.add(suffixedName(name, "password"), origin, content) } };
    }
    peers.add(name, origin, { spec: peerSpec(peer, secret, profile) }, false);
  }
  const { aliases, aliasOf } = communityNames(source.communities, options.presentAliases);
  if (aliases.length > 0) communities.add("communities", source.communitiesOrigin, { spec: { communities: aliases } });
  for (const pool of source.pools) {
    const name = poolNames.get(pool.name) ?? pool.name;
    const origin = `${pool.place.object} ${pool.path}`.trimEnd();
    if (pool.isThere !== true) pools.add(name, origin, { spec: poolSpec(pool) }, false);
    if (pool.protocol === "layer2") l2Advertisements.add(name, origin, { spec: { ipAddressPools: [name] } });
    for (const { meaning, path } of pool.advertisements.toSorted((a, b) => compareMeanings(a.meaning, b.meaning))) {
      const isAlone = pool.advertisements.length === 1;
      const wish = isAlone ? name : suffixedName(name, shortHash(canonicalText(meaning)));
      const spec = advertisementSpec(meaning, aliasOf, name);
      bgpAdvertisements.add(wish, `${pool.place.object} ${path}`.trimEnd(), { spec });
    }
  }
  const lists = [profiles, secrets, peers, communities, pools, bgpAdvertisements, l2Advertisements];
  return {
    written: lists.flatMap((list) => list.written()),
    renames: { pools: changesOf(poolNames), bfdProfiles: changesOf(profileNames) },
  };
}

function compareMeanings(a: BgpAdvertisement, b: BgpAdvertisement): number {
  return compareTexts(canonicalText(a), canonicalText(b));
}

function changesOf(names: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...names].filter(([before, after]) => before !== after));
}

function poolSpec({ entries, autoAssign, avoidBuggyIPs }: SourcePool): ManifestObject {
  return {
    addresses: entries.map(({ range }) => addressText(range)),
    ...(!autoAssign && { autoAssign }),
    ...(avoidBuggyIPs && { avoidBuggyIPs }),
  };
}

/** One text for a range, however it was written: the prefix that it is, or its first and last address. */
export function addressText(range: AddressRange): string {
  const [prefix, ...more] = rangePrefixes(range);
  return prefix !== undefined && more.length === 0 ? formatPrefix(prefix) : formatRange(range);
}

/** The hold time is always written: what an absent one means differs between the engines that read the resource. */
export function peerSpec(
  peer: UnnamedPeer,
  secret: ManifestObject,
  bfdProfile: string | undefined,
  durationText: (seconds: number) => string = (seconds) => `${seconds}s`,
): ManifestObject {
  const { address, sourceAddress, routerId, keepaliveTimeSeconds, nodeSelectors } = peer;
  return {
    myASN: peer.myAsn,
    peerASN: typeof peer.peerAsn === "number" ? peer.peerAsn : undefined,
    peerAddress: address && formatAddress(address),
    peerPort: peer.port === 179 ? undefined : peer.port,
    sourceAddress: sourceAddress && formatAddress(sourceAddress),
    holdTime: durationText(peer.holdTimeSeconds),
    keepaliveTime: keepaliveTimeSeconds === undefined ? undefined : durationText(keepaliveTimeSeconds),
    routerID: routerId && formatAddress(routerId),
    nodeSelectors: nodeSelectors.length === 0 ? undefined : nodeSelectors.map(selectorManifest),
    ...secret,
    bfdProfile,
    ebgpMultiHop: peer.ebgpMultiHop || undefined,
  };
}

function selectorManifest({ matchLabels, matchExpressions }: LabelSelector): ManifestObject {
  return {
    matchLabels: matchLabels.length === 0 ? undefined : Object.fromEntries(matchLabels),
    matchExpressions:
      matchExpressions.length === 0
        ? undefined
        : matchExpressions.map(({ key, operator, values }) => ({
            key,
            operator,
            values: values.length === 0 ? undefined : values,
          })),
  };
}

function bfdProfileSpec(profile: BfdProfile): ManifestObject {
  return {
    receiveInterval: profile.receiveIntervalMs,
    transmitInterval: profile.transmitIntervalMs,
    detectMultiplier: profile.detectMultiplier,
    echoInterval: profile.echoIntervalMs,
    echoMode: profile.echoMode || undefined,
    passiveMode: profile.passiveMode || undefined,
    minimumTtl: profile.minimumTtl,
  };
}

function advertisementSpec(
  { aggregationLength, aggregationLengthV6, localPref, communities }: BgpAdvertisement,
  aliasOf: (community: string) => string,
  pool: string,
): ManifestObject {
  return {
    aggregationLength: aggregationLength === 32 ? undefined : aggregationLength,
    aggregationLengthV6: aggregationLengthV6 === 128 ? undefined : aggregationLengthV6,
    localPref: localPref || undefined,
    communities: communities.length === 0 ? undefined : communities.map(aliasOf).toSorted(compareTexts),
    ipAddressPools: [pool],
  };
}

/**
 * Which aliases stay aliases, and what to write for a community: the alias that has it, the first of several. An alias
 * with a colon is one in the legacy document only, and one that a Community object defines already cannot be defined
 * again: what they stand for is written instead.
 */
export function communityNames(communities: ReadonlyMap<string, string>, present: ReadonlySet<string>) {
  const aliases = [...communities]
    .filter(([alias]) => alias !== "" && !alias.includes(":") && !present.has(alias))
    .toSorted(([a], [b]) => compareTexts(a, b))
    .map(([name, value]) => ({ name, value }));
  const names = new Map(aliases.toReversed().map(({ name, value }) => [value, name]));
  return { aliases, aliasOf: (community: string): string => names.get(community) ?? community };
}
