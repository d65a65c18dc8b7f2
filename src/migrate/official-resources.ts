import type { UnnamedPeer } from "../config/legacy-peers.js";
import type { LegacyAdvertisement, LegacyPool } from "../config/legacy-pools.js";
import { isObjectName } from "../config/label-selector.js";
import type { Model, Peer } from "../config/model.js";
import { compareTexts, faultAt } from "../config/place.js";
import type { LegacyReading } from "../config/read-legacy.js";
import type { Fault } from "../runtime/net/fault.js";
import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import { communityNames, peerSpec } from "./legacy-resources.js";
import type { Renames } from "./legacy-resources.js";
import type { ManifestObject } from "./manifest-text.js";

/** `renames` of pools and profiles; `model` has the peers by the names that the objects have. */
export type OfficialResources = Readonly<{ objects: readonly ManifestObject[]; renames: Renames; model: Model }>;

/**
 * The resources of a legacy document as MetalLB's own converter makes them: kinds, order and names are those that
 * scripts around it know, and passwords stand in the BGPPeers. Refuses what that converter gives no usable name.
 */
export function officialResources(
  reading: LegacyReading,
  model: Model,
  namespace: string,
): Result<OfficialResources, readonly Fault[]> {
  const { pools, peers, bfdProfiles, communities, place } = reading;
  const faults: Fault[] = [];
  const namesOf = (named: readonly Readonly<{ name: string; path: string }>[]): ReadonlyMap<string, string> => {
    const names = new Map<string, string>();
    const taken = new Set<string>();
    for (const { name, path } of named) {
      const after = officialName(name);
      const remedy = "rename it, or use smelter migrate convert, which finds a name for it";
      if (after === undefined) faults.push(faultAt(place, `${path}/name`, name, "is no name for a resource", remedy));
      else if (taken.has(after)) {
        faults.push(faultAt(place, `${path}/name`, name, `becomes ${after}, as another name does`, remedy));
      } else names.set(name, after);
      taken.add(after ?? "");
    }
    return names;
  };
  const poolNames = namesOf(pools);
  const profileNames = namesOf(bfdProfiles.map(({ profile, path }) => ({ name: profile.name, path })));
  if (faults.length > 0) return refuse(faults);
  const object = (kind: string, name: string, spec: ManifestObject, status: ManifestObject = {}): ManifestObject => ({
    apiVersion: kind === "BGPPeer" ? "metallb.io/v1beta2" : "metallb.io/v1beta1",
    kind,
    metadata: { name, namespace },
    spec: sortedKeys(spec),
    status,
  });
  const { aliases, aliasOf } = communityNames(communities, new Set());
  const known = new Set(aliases.map(({ name }) => name));
  const bgpAdvertisements: ManifestObject[] = [];
  const l2Advertisements: ManifestObject[] = [];
  for (const pool of pools) {
    const name = poolNames.get(pool.name) ?? pool.name;
    if (pool.protocol === "layer2") {
      const number = l2Advertisements.length + 1;
      l2Advertisements.push(object("L2Advertisement", `l2advertisement${number}`, { ipAddressPools: [name] }));
    }
    for (const advertisement of pool.advertisements) {
      const spec = advertisementSpec(advertisement, known, aliasOf, name);
      bgpAdvertisements.push(object("BGPAdvertisement", `bgpadvertisement${bgpAdvertisements.length + 1}`, spec));
    }
  }
  const objects = [
    ...peers.map(({ peer }, index) => {
      const profile = peer.bfdProfile && (profileNames.get(peer.bfdProfile) ?? peer.bfdProfile);
      const secret = { password: peer.password?.reveal(), passwordSecret: {} };
      return object("BGPPeer", `peer${index + 1}`, peerSpec(peer, secret, profile, goDuration));
    }),
    ...pools.map((pool) => object("IPAddressPool", poolNames.get(pool.name) ?? pool.name, poolSpec(pool), COUNTERS)),
    ...bgpAdvertisements,
    ...l2Advertisements,
    ...bfdProfiles.map(({ profile }) =>
      object("BFDProfile", profileNames.get(profile.name) ?? profile.name, {
        receiveInterval: profile.receiveIntervalMs,
        transmitInterval: profile.transmitIntervalMs,
        detectMultiplier: profile.detectMultiplier,
        echoInterval: profile.echoIntervalMs,
        echoMode: profile.echoMode,
        passiveMode: profile.passiveMode,
        minimumTtl: profile.minimumTtl,
      }),
    ),
    ...(aliases.length === 0 ? [] : [object("Community", "communities", { communities: aliases })]),
  ];
  const namedPeers = peers
    .map(({ peer }, index) => numbered(peer, index))
    .toSorted((a, b) => compareTexts(a.name, b.name));
  return succeed({
    objects,
    renames: { pools: poolNames, bfdProfiles: profileNames },
    model: { ...model, peers: namedPeers },
  });
}

function numbered(peer: UnnamedPeer, index: number): Peer {
  return { name: `peer${index + 1}`, ...peer };
}

const COUNTERS = { assignedIPv4: 0, assignedIPv6: 0, availableIPv4: 0, availableIPv6: 0 };

/**
 * The name that the converter gives: a label that begins with a letter stays; of anything else the first 63 octets in
 * lower case with - for _, from the first letter on.
 * @returns undefined where that is no name of an object
 */
export function officialName(text: string): string | undefined {
  if (/^[a-z][-a-z0-9]{0,61}[a-z0-9]$/.test(text)) return text;
  const start = Buffer.from(text, "utf8").subarray(0, 63).toString("utf8");
  const name = start
    .toLowerCase()
    .replaceAll("_", "-")
    .replace(/^[^a-z]+/, "");
  return isObjectName(name) ? name : undefined;
}

/** Seconds as Go prints a duration: `1m30s`. */
export function goDuration(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours}h${minutes}m${seconds % 60}s`;
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}

function poolSpec({ entries, autoAssign, avoidBuggyIPs }: LegacyPool): ManifestObject {
  return {
    addresses: entries.map(({ text }) => text),
    autoAssign: autoAssign ? undefined : false,
    avoidBuggyIPs: avoidBuggyIPs || undefined,
  };
}

/** Communities as they were written, but for what only the legacy document can say. */
function advertisementSpec(
  { written, meaning }: LegacyAdvertisement,
  aliases: ReadonlySet<string>,
  aliasOf: (community: string) => string,
  pool: string,
): ManifestObject {
  const texts = (written.communities ?? []).flatMap((text) => text ?? []);
  const isPlain = texts.every((text) => aliases.has(text) || meaning.communities.includes(text));
  const communities = isPlain ? [...new Set(texts)] : meaning.communities.map(aliasOf);
  return {
    aggregationLength: written["aggregation-length"],
    aggregationLengthV6: written["aggregation-length-v6"],
    localPref: written.localpref || undefined,
    communities: communities.length === 0 ? undefined : communities,
    ipAddressPools: [pool],
  };
}

function sortedKeys(object: ManifestObject): ManifestObject {
  return Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => compareTexts(a, b)));
}
