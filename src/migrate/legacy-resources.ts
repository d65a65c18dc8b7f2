import { BASIC_AUTH } from "../config/basic-auth.js";
import { canonicalText } from "../config/canonical.js";
import { parseCommunity } from "../config/community.js";
import type { LegacyAdvertisement, LegacyPool } from "../config/legacy-pools.js";
import type { UnnamedPeer } from "../config/legacy-peers.js";
import type { BfdProfile, LabelSelector } from "../config/model.js";
import { createNameGiver, namePeers, shortHash, suffixedName, uniqueLegalNames } from "../config/object-names.js";
import { compareTexts } from "../config/place.js";
import type { LegacyReading } from "../config/read-legacy.js";
import { formatAddress } from "../runtime/net/address.js";
import type { ManifestObject } from "./manifest-text.js";

/** New names of what had names that no resource can have; what kept its name is not in here. */
export type Renames = Readonly<{ pools: ReadonlyMap<string, string>; bfdProfiles: ReadonlyMap<string, string> }>;
export type LegacyResources = Readonly<{ objects: readonly ManifestObject[]; renames: Renames }>;

/**
 * The resources that say what a legacy document says, each kind before those that refer to it: profiles and Secrets
 * before peers, communities and pools before advertisements; within a kind in the order of the document.
 */
export function resourcesOf(reading: LegacyReading, namespace: string): LegacyResources {
  const { pools, peers, bfdProfiles, communities } = reading;
  const poolNames = uniqueLegalNames(
    pools.map(({ name }) => name),
    "pool",
  );
  const profileNames = uniqueLegalNames(
    bfdProfiles.map(({ profile }) => profile.name),
    "profile",
  );
  const peerNames = namePeers(peers.map(({ peer }) => peer));
  const resource = (kind: string, name: string, spec: ManifestObject): ManifestObject => ({
    apiVersion: kind === "BGPPeer" ? "metallb.io/v1beta2" : "metallb.io/v1beta1",
    kind,
    metadata: { name, namespace },
    spec,
  });
  const named = (names: ReadonlyMap<string, string>, name: string): string => names.get(name) ?? name;

  const secrets: ManifestObject[] = [];
  const bgpPeers: ManifestObject[] = [];
  for (const [index, { peer }] of peers.entries()) {
    const name = peerNames[index] ?? "";
    const secretName = suffixedName(name, "password");
    if (peer.password !== undefined) secrets.push(passwordSecret(secretName, namespace, peer.password.reveal()));
    const profile = peer.bfdProfile && named(profileNames, peer.bfdProfile);
    bgpPeers.push(resource("BGPPeer", name, peerSpec(peer, peer.password && secretName, profile)));
  }
  const { aliases, nameOf } = communityNames(communities);
  const ipAddressPools: ManifestObject[] = [];
  const bgpAdvertisements: ManifestObject[] = [];
  const l2Advertisements: ManifestObject[] = [];
  const advertisementNames = createNameGiver(new Set());
  for (const pool of pools) {
    const name = named(poolNames, pool.name);
    ipAddressPools.push(resource("IPAddressPool", name, poolSpec(pool)));
    if (pool.protocol === "layer2")
      l2Advertisements.push(resource("L2Advertisement", name, { ipAddressPools: [name] }));
    for (const advertisement of pool.advertisements) {
      const isAlone = pool.advertisements.length === 1;
      const wish = isAlone ? name : suffixedName(name, shortHash(canonicalText(advertisement.meaning)));
      const spec = advertisementSpec(advertisement, nameOf, name);
      bgpAdvertisements.push(resource("BGPAdvertisement", advertisementNames.give(wish), spec));
    }
  }
  const profiles = bfdProfiles.map(({ profile }) =>
    resource("BFDProfile", named(profileNames, profile.name), bfdProfileSpec(profile)),
  );
  const community = aliases.length === 0 ? [] : [resource("Community", "communities", { communities: aliases })];
  return {
    objects: [
      ...profiles,
      ...secrets,
      ...bgpPeers,
      ...community,
      ...ipAddressPools,
      ...bgpAdvertisements,
      ...l2Advertisements,
    ],
    renames: { pools: changesOf(poolNames), bfdProfiles: changesOf(profileNames) },
  };
}

function passwordSecret(name: string, namespace: string, password: string): ManifestObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
    type: BASIC_AUTH,
    stringData: { password },
  };
}

function changesOf(names: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...names].filter(([before, after]) => before !== after));
}

function poolSpec({ entries, autoAssign, avoidBuggyIPs }: LegacyPool): ManifestObject {
  return {
    addresses: entries.map(({ text }) => text),
    ...(!autoAssign && { autoAssign }),
    ...(avoidBuggyIPs && { avoidBuggyIPs }),
  };
}

/** The hold time is always written: what an absent one means differs between the engines that read the resource. */
function peerSpec(peer: UnnamedPeer, secretName: string | undefined, bfdProfile: string | undefined): ManifestObject {
  const { address, sourceAddress, routerId, keepaliveTimeSeconds, nodeSelectors } = peer;
  return {
    myASN: peer.myAsn,
    peerASN: typeof peer.peerAsn === "number" ? peer.peerAsn : undefined,
    peerAddress: address && formatAddress(address),
    peerPort: peer.port === 179 ? undefined : peer.port,
    sourceAddress: sourceAddress && formatAddress(sourceAddress),
    holdTime: `${peer.holdTimeSeconds}s`,
    keepaliveTime: keepaliveTimeSeconds === undefined ? undefined : `${keepaliveTimeSeconds}s`,
    routerID: routerId && formatAddress(routerId),
    nodeSelectors: nodeSelectors.length === 0 ? undefined : nodeSelectors.map(selectorManifest),
    passwordSecret: secretName === undefined ? undefined : { name: secretName },
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
  { written }: LegacyAdvertisement,
  nameOf: (text: string) => string,
  pool: string,
): ManifestObject {
  const communities = new Set((written.communities ?? []).map((text) => nameOf(text ?? "")));
  return {
    aggregationLength: written["aggregation-length"],
    aggregationLengthV6: written["aggregation-length-v6"],
    localPref: written.localpref || undefined,
    communities: communities.size === 0 ? undefined : [...communities],
    ipAddressPools: [pool],
  };
}

/**
 * Which aliases can stay aliases, and what to write for a text in an advertisement. An alias with a colon is one in
 * the legacy document only: what it stands for is written instead.
 */
function communityNames(communities: ReadonlyMap<string, string>) {
  const aliases = [...communities]
    .filter(([alias]) => alias !== "" && !alias.includes(":"))
    .toSorted(([a], [b]) => compareTexts(a, b))
    .map(([name, value]) => ({ name, value }));
  const kept = new Set(aliases.map(({ name }) => name));
  const nameOf = (text: string): string => {
    if (kept.has(text)) return text;
    const community = parseCommunity(text, { large: false });
    return communities.get(text) ?? (community.ok ? community.value : text);
  };
  return { aliases, nameOf };
}
