import { revealingText } from "../../config/canonical.js";
import type { Peer } from "../../config/model.js";
import type { BgpRoute } from "../announce/decision.js";
import { administrativeCease, CEASE, ERROR_CODE, type NotificationMessage } from "#bgp-ts";
import { formatAddress, parseAddress, type IpAddress } from "../net/address.js";
import type { ObjectKey } from "../world/views.js";
import { sessionOptionsOf } from "./bgp-peer-options.js";
import { explainDown, type BgpPeerView } from "./bgp-peer-view.js";
import { createBgpRouteTable } from "./bgp-route-table.js";
import {
  startBgpSession,
  type Admission,
  type BgpCounts,
  type BgpPorts,
  type BgpSession,
  type IncomingConnection,
} from "./bgp-session.js";

/** The BGP sessions of one node, and what is announced in them. */
export interface BgpSessions {
  /** The peers that there are to be sessions with: one that is as before keeps its own. */
  usePeers(peers: readonly Peer[], nodeIdentifier: IpAddress): void;
  /** A router has opened a connection to us. */
  incoming(connection: IncomingConnection): void;
  /** All that a Service announces now; said to the peers by flush(). */
  setRoutes(service: ObjectKey, routes: readonly BgpRoute[]): void;
  /** More routes follow before the next flush(): until then no peer hears of any. */
  hold(): void;
  /** Tells the peers; where there is much to tell, some of it now and the rest soon. */
  flush(): void;
  /** BFD has lost, or found, the path to the peer of this name. */
  bfdDown(peer: string): void;
  bfdUp(peer: string): void;
  /** By `address:port`, as the metrics call a peer. */
  counts(): ReadonlyMap<string, BgpCounts>;
  /** All peers of this node as they are now, by name, sorted. */
  views(): readonly BgpPeerView[];
  /** Connections that were opened to us and not taken, since the beginning. */
  refused(): Readonly<Record<"unknownPeer" | Exclude<Admission, "taken">, number>>;
  /** How often a route was told of without some of its communities, which do not fit into a message. */
  routesCut(): number;
  /**
   * Ends all sessions: those that restart gracefully at once and without a word, so that the routes stay; in the others
   * the routes are first told as ones to go round, then withdrawn, and a Cease says why. RFC 4724 §4, RFC 8326
   */
  stop(): Promise<void>;
}

type Running = Readonly<{
  peer: Peer;
  text: string;
  target: string;
  /** As text; undefined for a peer by interface that has not been found. */
  address: string | undefined;
  /** Ends the search for a peer by interface. */
  stopLooking?: () => void;
  md5Key?: Uint8Array;
  isGraceful: boolean;
  /** Why there can be none. */
  problem?: string;
  session: BgpSession | undefined;
}>;

type Known = Omit<Running, "isGraceful" | "session" | "problem">;

/** So long routers have to send their traffic elsewhere: Pods of old are given two seconds to end. */
const LEAVE_MILLISECONDS = 500;
/** How often a peer is told of a prefix before timers and connections have their turn: some 10 ms. */
const TOLD_AT_ONCE = 5000;
/** So many messages are made before that: a dozen for a peer that hears of thousands of routes, two where one has changed. */
const MESSAGES_AT_ONCE = 100;

const DECONFIGURED: NotificationMessage = {
  errorCode: ERROR_CODE.cease,
  errorSubcode: CEASE.peerDeconfigured,
  data: new Uint8Array(),
};

/** @param ttlSecurity nothing is heard of peers that are not next to this node, but of those that are said to be. RFC 5082 */
export function createBgpSessions(ports: BgpPorts, ttlSecurity = false): BgpSessions {
  const table = createBgpRouteTable(tellLeftOut);
  const running = new Map<string, Running>(); // BOUNDED by the peers, by their names
  const refused = { unknownPeer: 0, anotherIsThere: 0, flapping: 0 };
  const unheard = new Set<string>(); // names of peers that there may be something to say to. BOUNDED by the peers
  let isHeld = false;
  let isDeferred = false;
  let isStopping = false;
  let routesCut = 0;

  const isWhole = (): boolean => !isHeld && table.isSettled();

  function tellLeftOut(prefix: string): void {
    routesCut += 1;
    const message = `Cannot announce ${prefix} with all its communities: they do not fit into a message: name fewer of them`;
    ports.log.warn({ event: "communitiesLeftOut", prefix }, message);
  }

  function end(name: string, notification: NotificationMessage | undefined): void {
    table.detach(name);
    running.get(name)?.stopLooking?.();
    running.get(name)?.session?.stop(notification);
    running.delete(name);
  }

  function begin(peer: Peer, text: string, nodeIdentifier: IpAddress): void {
    const { name, address, interface: link = "", port } = peer;
    if (address !== undefined) {
      const known = { peer, text, target: `${hostOf(address)}:${port}`, address: formatAddress(address) };
      return open(peer, address, known, nodeIdentifier);
    }
    const target = `${link}:${port}`;
    const stopLooking = ports.findRouter(link, (heard) => {
      const known = running.get(name);
      const found = parseAddress(heard);
      // Of several routers on a link the first one counts, as long as there is a session with it.
      if (known === undefined || found === undefined || heard === known.address) return;
      if (known.session?.state() === "Established") return;
      ports.log.info({ event: "routerFound", peer: name, address: heard }, "found a BGP router");
      table.detach(name);
      known.session?.stop({ ...DECONFIGURED, errorSubcode: CEASE.otherConfigurationChange });
      open(peer, found, { peer, text, target, address: heard, stopLooking }, nodeIdentifier);
      ports.routerFound?.(name, link, found);
      useKeys();
    });
    running.set(name, { peer, text, target, address: undefined, stopLooking, isGraceful: false, session: undefined });
  }

  function open(peer: Peer, address: IpAddress, known: Known, nodeIdentifier: IpAddress): void {
    const { name, gracefulRestart } = peer;
    const { target } = known;
    const options = sessionOptionsOf(peer, address, { identifier: nodeIdentifier, ttlSecurity });
    if (!options.ok) {
      ports.log.error(
        { event: "peerUnusable", peer: name },
        `Cannot open a session with peer ${name}: ${options.fault}`,
      );
      running.set(name, { ...known, isGraceful: false, problem: options.fault, session: undefined });
      return;
    }
    const { md5Key } = options.value.target;
    const session = startBgpSession(`${name} (${target})`, options.value, ports, isWhole);
    const keyed = md5Key === undefined ? {} : { md5Key };
    running.set(name, { ...known, ...keyed, isGraceful: gracefulRestart, session });
    table.attach(name, session.routes);
    tellSoon();
  }

  function useKeys(): void {
    const keyed = [...running.values()].flatMap(({ address, md5Key }) =>
      address === undefined || md5Key === undefined ? [] : [[address, md5Key] as const],
    );
    try {
      ports.useKeys(new Map(keyed));
    } catch (error) {
      ports.log.error({ event: "passwordUnusable" }, `Cannot listen with the peers' passwords: ${String(error)}`);
    }
  }

  function flush(): void {
    isHeld = false;
    allUnheard();
    tell();
  }

  function allUnheard(): void {
    for (const name of running.keys()) unheard.add(name);
  }

  /** Some of what there is to tell now, and the rest soon. */
  function tell(): void {
    if (isHeld) return;
    if (!table.isSettled()) allUnheard(); // also those who asked for the routes in the meantime
    if (!table.settle(TOLD_AT_ONCE)) return tellSoon();
    let left = MESSAGES_AT_ONCE;
    for (const name of unheard) {
      if (left <= 0) return tellSoon();
      unheard.delete(name);
      left -= running.get(name)?.session?.flush() ?? 0;
    }
  }

  function tellSoon(): void {
    if (isDeferred) return;
    isDeferred = true;
    ports.defer(() => {
      isDeferred = false;
      tell();
    });
  }

  /** Timers and connections have their turn. */
  const turn = (): Promise<void> => new Promise((resolve) => ports.defer(resolve));

  return {
    usePeers(peers, nodeIdentifier) {
      if (isStopping) return;
      const wanted = new Map(peers.map((peer) => [peer.name, peer]));
      for (const name of running.keys()) if (!wanted.has(name)) end(name, DECONFIGURED);
      for (const [name, peer] of wanted) {
        // For whom it runs, and how the path is watched, is nothing that the session sees.
        const text = revealingText({ ...peer, nodeSelectors: [], bfdProfile: "", nodeIdentifier });
        if (running.get(name)?.text === text) continue;
        end(name, { ...DECONFIGURED, errorSubcode: CEASE.otherConfigurationChange });
        begin(peer, text, nodeIdentifier);
      }
      useKeys();
    },
    incoming(connection) {
      const { remoteAddress } = connection;
      let reason: keyof typeof refused = "unknownPeer";
      for (const { address, session } of running.values()) {
        if (address !== remoteAddress || session === undefined) continue;
        const admission = session.accept(connection);
        if (admission === "taken") return;
        reason = admission;
      }
      connection.refuse();
      refused[reason] += 1;
      ports.log.debug({ event: "connectionRefused", address: remoteAddress, reason }, "BGP connection refused");
    },
    setRoutes: table.setRoutes,
    hold: () => void (isHeld = true),
    flush,
    bfdDown: (peer) => running.get(peer)?.session?.bfdDown(),
    bfdUp: (peer) => running.get(peer)?.session?.bfdUp(),
    counts() {
      return new Map(
        [...running.values()].flatMap(({ target, session }) =>
          session === undefined ? [] : [[target, session.counts()] as const],
        ),
      );
    },
    views: () => [...running.values()].map(viewOf).toSorted((a, b) => (a.peer < b.peer ? -1 : 1)),
    refused: () => refused,
    routesCut: () => routesCut,
    async stop() {
      [isStopping, isHeld] = [true, false];
      for (const [name, { isGraceful }] of running) if (isGraceful) end(name, undefined);
      const leaving = [...running.values()].flatMap(({ session }) => session ?? []);
      let told = 0;
      for (const session of leaving) {
        session.leave();
        told += session.counts().announced;
        if (told < TOLD_AT_ONCE) continue;
        told = 0;
        await turn();
      }
      if (leaving.some((session) => session.counts().announced > 0)) {
        await new Promise<void>((resolve) => void ports.setTimer(LEAVE_MILLISECONDS, resolve));
      }
      table.clear();
      while (!table.settle(TOLD_AT_ONCE)) await turn();
      for (const session of leaving) session.flush();
      const notification = administrativeCease(CEASE.administrativeShutdown, "the speaker stops");
      for (const name of running.keys()) end(name, notification);
    },
  };
}

function viewOf({ peer, target, problem, session }: Running): BgpPeerView {
  const ourAsn = peer.localAsn ?? peer.myAsn;
  const counts = session?.counts();
  const reason = problem ?? session?.lastReason();
  return {
    peer: peer.name,
    target,
    state: session?.state() ?? (problem === undefined ? "LookingForRouter" : "Unusable"),
    ourAsn,
    peerAsn: session?.peerAs() ?? peer.peerAsn,
    wantedPrefixes: counts?.wanted ?? 0,
    announcedPrefixes: counts?.announced ?? 0,
    ...(reason === undefined ? {} : { lastError: explainDown(reason, ourAsn) }),
  };
}

function hostOf(address: IpAddress): string {
  const text = formatAddress(address);
  return address.family === "ipv6" ? `[${text}]` : text;
}
