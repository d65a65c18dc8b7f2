import type { Notice } from "../config/model.js";
import { faultAt } from "../config/place.js";
import type { Fault } from "../runtime/net/fault.js";
import type { ConversionSource } from "./conversion-source.js";

const MAX_PORT = 16_384;
const MAX_LOCAL_PREF = 2_147_483_647;

/** What a source can say and the resources cannot, each with what to do about it. */
export function beyondResources({ peers, pools }: ConversionSource, notices: readonly Notice[]): Fault[] {
  const faults: Fault[] = notices.filter((notice) => notice.class === "conflict");
  for (const { peer, place, path } of peers) {
    if (peer.port <= MAX_PORT) continue;
    const remedy = `let the peer listen on a port of 1 to ${MAX_PORT}, or keep the ConfigMap`;
    faults.push(faultAt(place, `${path}/peer-port`, peer.port, "is above what a BGPPeer can have", remedy));
  }
  for (const { name, entries, advertisements, place, addressesPath, keys } of pools) {
    if (entries.length === 0) {
      const remedy = "write ranges with the lower address first, or remove the pool";
      faults.push(faultAt(place, addressesPath, name, "leaves the pool without any address", remedy));
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
