import type { AttachedAdvertisements } from "./attach-advertisements.js";
import { faultAt } from "./place.js";
import type { Findings } from "./resource-context.js";
import type { ResourceBfdProfile, ResourcePeer } from "./resource-peers.js";
import type { ResourcePool } from "./resource-pools.js";

/**
 * Refuses peers with BFD echo that are told of a pool with IPv6 addresses, as every release does. Each such peer is
 * refused once, for the first of these pools.
 */
export function checkEchoOfIPv6(
  pools: readonly ResourcePool[],
  advertisements: ReadonlyMap<string, AttachedAdvertisements>,
  peers: readonly ResourcePeer[],
  bfdProfiles: readonly ResourceBfdProfile[],
  { faults }: Findings,
): void {
  const echoing = new Set(bfdProfiles.flatMap(({ profile }) => (profile.echoMode ? [profile.name] : [])));
  const waiting = new Map(
    peers.flatMap((one) => (echoing.has(one.peer.bfdProfile ?? "") ? [[one.peer.name, one] as const] : [])),
  );
  for (const pool of pools) {
    if (waiting.size === 0) return;
    if (!pool.entries.some(({ range }) => range.family === "ipv6")) continue;
    for (const { peers: names } of advertisements.get(pool.name)?.bgp ?? []) {
      for (const name of names.length === 0 ? [...waiting.keys()] : names) {
        const found = waiting.get(name);
        if (found === undefined) continue;
        waiting.delete(name);
        const problem = `has echo mode, which cannot be with the IPv6 addresses of ${pool.place.object}`;
        const remedy = "turn off echoMode in a profile for this peer, or advertise the pool to other peers";
        faults.push(faultAt(found.place, "/spec/bfdProfile", found.peer.bfdProfile, problem, remedy));
      }
    }
  }
}
