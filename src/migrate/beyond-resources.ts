import type { EmptyAddresses } from "../config/legacy-pools.js";
import type { Notice } from "../config/model.js";
import { faultAt } from "../config/place.js";
import type { Fault } from "../runtime/net/fault.js";
import type { ConversionSource, SourceAddresses } from "./conversion-source.js";

/** A pool of the legacy document also says which of its entries hold no address. */
type PoolWithEmptyEntries = ConversionSource["pools"][number] & Readonly<{ emptyEntries?: readonly EmptyAddresses[] }>;

/** The highest port that a BGPPeer can have. */
export const MAX_PORT = 16_384;
const MAX_LOCAL_PREF = 2_147_483_647;

/** What a source can say and the resources cannot, each with what to do about it. */
export function beyondResources(
  { peers, pools, bfdProfiles }: ConversionSource & Readonly<{ pools: readonly PoolWithEmptyEntries[] }>,
  notices: readonly Notice[],
): Fault[] {
  const faults: Fault[] = notices.filter((notice) => notice.class === "conflict");
  for (const { peer, place, path } of peers) {
    if (peer.port <= MAX_PORT) continue;
    const remedy = `let the peer listen on a port of 1 to ${MAX_PORT}, or keep the ConfigMap`;
    faults.push(faultAt(place, `${path}/peer-port`, peer.port, "is above what a BGPPeer can have", remedy));
  }
  const echoing = new Set(bfdProfiles.flatMap(({ profile }) => (profile.echoMode ? [profile.name] : [])));
  const echoingPeer = peers.find(({ peer }) => echoing.has(peer.bfdProfile ?? ""));
  const pool6 = pools.find(({ protocol, entries }) => protocol === "bgp" && entries.some(isIPv6));
  if (echoingPeer !== undefined && pool6 !== undefined) {
    const { place, path, peer } = echoingPeer;
    const problem = `has echo mode, which resources refuse beside the IPv6 addresses of pool ${pool6.name}`;
    const remedy = "turn echo-mode off in the profile, or keep the ConfigMap";
    faults.push(faultAt(place, `${path}/bfd-profile`, peer.bfdProfile, problem, remedy));
  }
  for (const { name, entries, emptyEntries = [], advertisements, place, addressesPath, keys } of pools) {
    if (entries.length === 0 && emptyEntries.length === 0) {
      const remedy = "write ranges with the lower address first, or remove the pool";
      faults.push(faultAt(place, addressesPath, name, "leaves the pool without any address", remedy));
    } else if (entries.length === 0) {
      for (const { text, problem, remedy, path } of emptyEntries) {
        const whole = `${problem}, and leaves pool ${name} without any address`;
        faults.push(faultAt(place, path, text, whole, `${remedy}, or remove the pool`));
      }
    }
    for (const { meaning, path } of advertisements) {
      if (meaning.aggregationLength === 0) {
        const problem = "is below what a BGPAdvertisement can have";
        const remedy = "write 1 to 32, or keep the ConfigMap";
        faults.push(faultAt(place, `${path}/${keys.aggregationLength}`, 0, problem, remedy));
      }
      if (meaning.localPref > MAX_LOCAL_PREF) {
        const problem = "is above what a BGPAdvertisement can have";
        const remedy = `write 0 to ${MAX_LOCAL_PREF}, or keep the ConfigMap`;
        faults.push(faultAt(place, `${path}/${keys.localPref}`, meaning.localPref, problem, remedy));
      }
    }
  }
  return faults;
}

function isIPv6({ range }: SourceAddresses): boolean {
  return range.family === "ipv6";
}
