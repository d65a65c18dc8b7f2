import type { BfdProfile, Peer } from "../../config/model.js";
import type { BfdError, BfdSessionCounters, BfdSessionSpec, BfdStateReport } from "../bfd/messages.js";
import { formatAddress, type IpAddress } from "../net/address.js";
import type { Logger } from "../net/logger.js";
import type { BfdClient, BfdCounters } from "./bfd-client.js";

export type BfdPeersPorts = Readonly<{
  startBfd(handlers: { onState: (state: BfdStateReport) => void; onError: (error: BfdError) => void }): BfdClient;
  /** Whether an address is of a network that this node is in. */
  isOnLink(address: IpAddress): boolean;
  /** The path to a BGP peer was lost: its session is to end now. */
  peerDown(peer: string): void;
  /** The path is there (again): nothing speaks against a session. */
  peerUp(peer: string): void;
  log: Logger;
}>;

/** What is counted of a peer's BFD session. `vrf`: the device that it was asked for, "" for none. */
export type BfdPeerCounts = Readonly<{
  peer: string;
  vrf: string;
  counters: BfdSessionCounters;
  notifications: number;
}>;
export type BfdPeerCounters = Readonly<{ peers: readonly BfdPeerCounts[]; drops: BfdCounters["drops"] }>;

/** The BFD sessions that the BGP peers of a node ask for: one for all peers of the same address, device and source. */
export interface BfdPeers {
  /** The BGP peers that there are, and the profiles that they may name. A profile may change while its session runs. */
  usePeers(peers: readonly Peer[], profiles: readonly BfdProfile[]): void;
  /**
   * The peer of this name, by this interface, has this link-local address. It counts until it has another, or is gone, or
   * is by another interface.
   */
  routerFound(peer: string, interfaceName: string, address: IpAddress): void;
  counters(): Promise<BfdPeerCounters>;
  stop(): Promise<void>;
}

/** Where a profile is silent, as in the original. */
const DEFAULT_INTERVAL_MS = 300;
const DEFAULT_ECHO_INTERVAL_MS = 50;
const DEFAULT_DETECT_MULTIPLIER = 3;
const MICROSECONDS = 1000;

/** A session, and the names of the BGP peers that it is for. */
type Shared = Readonly<{
  spec: BfdSessionSpec;
  address: string;
  vrf: string;
  profile: string;
  peers: readonly string[];
}>;

export function createBfdPeers({ startBfd, isOnLink, peerDown, peerUp, log }: BfdPeersPorts): BfdPeers {
  let shared: ReadonlyMap<string, Shared> = new Map(); // BOUNDED by the peers
  const notifications = new Map<string, number>(); // BOUNDED by the sessions
  let told: ReadonlySet<string> = new Set(); // BOUNDED by the peers: what was said of them
  const found = new Map<string, FoundRouter>(); // of peers by interface; BOUNDED by them
  let wanted: Readonly<{ peers: readonly Peer[]; profiles: readonly BfdProfile[] }> = { peers: [], profiles: [] };
  const bfd = startBfd({ onState, onError });

  function onState({ session, from, to, isByPeersAdministrator, reason }: BfdStateReport): void {
    const one = shared.get(session);
    if (one === undefined) return;
    const { address, peers } = one;
    if (to === "Up") {
      notifications.set(session, (notifications.get(session) ?? 0) + 1);
      log.info({ event: "bfdUp", address, peers }, `The BFD session with ${address} is up`);
      for (const peer of peers) peerUp(peer);
    } else if (from === "Up") {
      notifications.set(session, (notifications.get(session) ?? 0) + 1);
      const fields = { event: "bfdDown", address, peers, reason };
      if (isByPeersAdministrator) {
        log.warn(fields, `The peer ${address} has shut BFD down: its BGP sessions go on without`);
        return;
      }
      log.error(fields, `The BFD session with ${address} is down: ${reason}`);
      for (const peer of peers) peerDown(peer);
    }
  }

  function onError({ session, code, message }: BfdError): void {
    log.error({ event: "bfdFailed", ...(session === undefined ? {} : { session }), code }, message);
  }

  function use(): void {
    const problems: string[] = [];
    const { peers, profiles } = wanted;
    const located = peers.flatMap((peer) => locate(peer, found.get(peer.name), isOnLink) ?? []);
    shared = sharedSessions(located, profiles, (problem) => problems.push(problem));
    for (const problem of problems) if (!told.has(problem)) log.warn({ event: "bfdNotAsWritten" }, problem);
    told = new Set(problems);
    for (const key of notifications.keys()) if (!shared.has(key)) notifications.delete(key);
    bfd.use([...shared.values()].map(({ spec }) => spec));
  }

  return {
    usePeers(peers, profiles) {
      wanted = { peers, profiles };
      const interfaces = new Map(peers.map((peer) => [peer.name, peer.interface]));
      for (const [name, router] of found) if (interfaces.get(name) !== router.interfaceName) found.delete(name);
      use();
    },
    routerFound(peer, interfaceName, address) {
      found.set(peer, { interfaceName, address });
      use();
    },
    async counters() {
      const { sessions, drops } = await bfd.counters();
      const counts = sessions.flatMap((counters): BfdPeerCounts[] => {
        const one = shared.get(counters.session);
        if (one === undefined) return [];
        return [{ peer: one.address, vrf: one.vrf, counters, notifications: notifications.get(counters.session) ?? 0 }];
      });
      return { peers: counts, drops };
    },
    stop: () => bfd.stop(),
  };
}

/** Where the router of a peer by interface was found. */
type FoundRouter = Readonly<{ interfaceName: string; address: IpAddress }>;

/** A peer, and where it is. */
type LocatedPeer = Readonly<{ peer: Peer; address: IpAddress; device: string; isMultihop: boolean }>;

/** @returns undefined for a peer by interface that has not been found yet */
function locate(
  peer: Peer,
  found: FoundRouter | undefined,
  isOnLink: (address: IpAddress) => boolean,
): LocatedPeer | undefined {
  if (peer.address === undefined) {
    if (found === undefined || found.interfaceName !== peer.interface) return undefined; // it has moved to another link
    return { peer, address: found.address, device: found.interfaceName, isMultihop: false };
  }
  const { address, vrf: device } = peer;
  const isInternal = peer.peerAsn === "internal" || peer.peerAsn === peer.myAsn;
  // As routers have it: a peer in our AS may be anywhere, another one is a neighbour unless it is said to be further away.
  return { peer, address, device, isMultihop: peer.ebgpMultiHop || (isInternal && !isOnLink(address)) };
}

/** By the sessions' keys. Of several profiles for one session that of the first peer by name counts. */
function sharedSessions(
  located: readonly LocatedPeer[],
  profiles: readonly BfdProfile[],
  tell: (problem: string) => void,
): ReadonlyMap<string, Shared> {
  const byName = new Map(profiles.map((profile) => [profile.name, profile]));
  const shared = new Map<string, Shared>();
  for (const one of located.toSorted((a, b) => (a.peer.name < b.peer.name ? -1 : 1))) {
    const { peer, address } = one;
    const profile = byName.get(peer.bfdProfile ?? "");
    if (profile === undefined) continue;
    const spec = specOf(one, profile);
    if (profile.echoMode && (spec.isMultihop || address.family === "ipv6")) {
      tell(
        `Peer ${peer.name} has no BFD echo: it is for IPv4 and a single hop: leave echoMode out of profile ${profile.name}`,
      );
    }
    const known = shared.get(spec.key);
    if (known !== undefined && known.profile !== profile.name) {
      const problem = `the BFD session with ${known.address} is shared by ${[...known.peers, peer.name].join(", ")}`;
      tell(`${problem}, which name different profiles: ${known.profile} counts`);
    }
    const zone = peer.address === undefined ? `%${spec.device}` : "";
    const name = `${spec.remoteAddress}${zone}`;
    const first = known ?? { spec, address: name, vrf: peer.vrf, profile: profile.name, peers: [] };
    shared.set(spec.key, { ...first, peers: [...first.peers, peer.name] });
  }
  return shared;
}

function specOf({ peer, address, device, isMultihop }: LocatedPeer, profile: BfdProfile): BfdSessionSpec {
  const remoteAddress = formatAddress(address);
  const localAddress = peer.sourceAddress === undefined ? "" : formatAddress(peer.sourceAddress);
  const kind = isMultihop ? "multihop" : "single hop";
  return {
    key: `${remoteAddress} ${kind} from ${localAddress || "any"} by ${device || "any"}`,
    remoteAddress,
    localAddress,
    device,
    isMultihop,
    minimumTtl: profile.minimumTtl ?? 1,
    desiredMinTxMicroseconds: (profile.transmitIntervalMs ?? DEFAULT_INTERVAL_MS) * MICROSECONDS,
    requiredMinRxMicroseconds: (profile.receiveIntervalMs ?? DEFAULT_INTERVAL_MS) * MICROSECONDS,
    detectMult: profile.detectMultiplier ?? DEFAULT_DETECT_MULTIPLIER,
    passive: profile.passiveMode,
    echoIntervalMicroseconds: profile.echoMode
      ? (profile.echoIntervalMs ?? DEFAULT_ECHO_INTERVAL_MS) * MICROSECONDS
      : 0,
  };
}
