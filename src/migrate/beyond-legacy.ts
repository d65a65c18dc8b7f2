import { revealingText } from "../config/canonical.js";
import type { BgpAdvertisement, Layer2Advertisement, LoadedConfig, Origin, Peer, Pool } from "../config/model.js";
import type { Fault } from "../runtime/net/fault.js";

/** What a model can say and no ConfigMap can, each with what to do about it. Sorted as the model is. */
export function beyondLegacy({ model, origins }: Pick<LoadedConfig, "model" | "origins">): Fault[] {
  const originsOf = (piece: string): readonly Origin[] => origins.get(piece) ?? [];
  return [
    ...model.peers.flatMap((peer) => peerFaults(peer, originsOf(`peer/${peer.name}`))),
    ...repeatedPeers(model.peers, originsOf),
    ...model.pools.flatMap((pool) => poolFaults(pool, originsOf(`pool/${pool.name}`))),
  ];
}

function faultOf(
  [origin]: readonly Origin[],
  path: string,
  value: unknown,
  [problem, remedy]: readonly [string, string],
): Fault {
  const { object = "configuration", file, line } = origin ?? {};
  const at = { ...(file !== undefined && { file }), ...(line !== undefined && { line, column: 1 }) };
  return { object, path, value, problem, remedy, ...at };
}

const KEEP = "keep the resource, or";

function peerFaults(peer: Peer, origins: readonly Origin[]): Fault[] {
  const faults: Fault[] = [];
  const check = (cannot: boolean, field: string, value: unknown, problem: string, remedy: string): void => {
    if (cannot) faults.push(faultOf(origins, `/spec/${field}`, value, [problem, `${KEEP} ${remedy}`]));
  };
  const noKey = "has no key in a ConfigMap";
  const { peerAsn } = peer;
  check(typeof peerAsn === "string", "dynamicASN", peerAsn, noKey, "write the number of the AS as peerASN");
  check(peer.interface !== undefined, "interface", peer.interface, noKey, "write the address of the peer");
  check(peer.localAsn !== undefined, "localASN", peer.localAsn, noKey, "remove it");
  check(peer.connectTimeSeconds !== undefined, "connectTime", peer.connectTimeSeconds, noKey, "remove it");
  check(peer.vrf !== "", "vrf", peer.vrf, noKey, "remove it");
  check(peer.gracefulRestart, "enableGracefulRestart", true, noKey, "remove it");
  check(peer.dualStackAddressFamily, "dualStackAddressFamily", true, noKey, "remove it");
  check(peer.disableMP, "disableMP", true, noKey, "remove it");
  return faults;
}

/** Peers without names that say the same are one peer. */
function repeatedPeers(peers: readonly Peer[], originsOf: (piece: string) => readonly Origin[]): Fault[] {
  const firsts = new Map<string, string>();
  return peers.flatMap(({ name, ...peer }): Fault[] => {
    const text = revealingText(peer);
    const first = firsts.get(text);
    if (first === undefined) {
      firsts.set(text, name);
      return [];
    }
    const problem = `says the same as BGPPeer ${first}, and peers of a ConfigMap have no names to tell them apart`;
    return [faultOf(originsOf(`peer/${name}`), "", name, [problem, "remove one of the two"])];
  });
}

function poolFaults(pool: Pool, origins: readonly Origin[]): Fault[] {
  const faults: Fault[] = [];
  const [, ...advertisements] = origins;
  const by = [...new Set(advertisements.map(({ object }) => object))].join(", ");
  const refuse = (path: string, value: unknown, problem: string, remedy: string): void => {
    faults.push(faultOf(origins, path, value, [problem, remedy]));
  };
  const { serviceAllocation, layer2, bgp } = pool;
  if (pool.ranges.length === 0) {
    refuse("/spec/addresses", pool.name, "leaves the pool without any address", "add a range, or remove the pool");
  }
  if (serviceAllocation !== undefined) {
    const remedy = `${KEEP} remove it: every Service may then have an address of the pool`;
    refuse("/spec/serviceAllocation", "(a mapping)", "has no key in a ConfigMap", remedy);
  }
  if (layer2.length > 0 && bgp.length > 0) {
    const problem = `is announced by layer 2 and by BGP (${by}), and a pool of a ConfigMap has one protocol`;
    refuse("", pool.name, problem, "remove the advertisements of one of the two");
  }
  if (layer2.length + bgp.length === 0) {
    const problem = "is announced by nobody, which a pool of a ConfigMap cannot be";
    refuse("", pool.name, problem, "make an advertisement for it, or remove the pool");
  }
  const limits = [...layer2.flatMap(layer2Limits), ...bgp.flatMap(bgpLimits)];
  if (layer2.length > 1 && limits.length === 0) limits.push("more than one advertisement by layer 2");
  for (const limit of new Set(limits)) {
    const problem = `is advertised with ${limit} (${by}), which has no key in a ConfigMap`;
    refuse("", pool.name, problem, "keep the resources, or remove that from the advertisement");
  }
  return faults;
}

function layer2Limits({ nodeSelectors, interfaces, serviceSelectors, preferredNodes }: Layer2Advertisement): string[] {
  return [
    ...(nodeSelectors.length > 0 ? ["nodeSelectors"] : []),
    ...(interfaces.length > 0 ? ["interfaces"] : []),
    ...(serviceSelectors.length > 0 ? ["serviceSelectors"] : []),
    ...(preferredNodes.length > 0 ? ["preferredNodeSelectors"] : []),
  ];
}

function bgpLimits(advertisement: BgpAdvertisement): string[] {
  const { nodeSelectors, peers, serviceSelectors, communities, asPathPrepend, serviceRequests } = advertisement;
  return [
    ...(nodeSelectors.length > 0 ? ["nodeSelectors"] : []),
    ...(peers.length > 0 ? ["peers"] : []),
    ...(serviceSelectors.length > 0 ? ["serviceSelectors"] : []),
    ...(asPathPrepend === undefined ? [] : ["asPathPrepend"]),
    ...(communities.some((community) => community.startsWith("large:")) ? ["large communities"] : []),
    ...(serviceRequests === undefined ? [] : ["serviceRequests"]),
  ];
}
