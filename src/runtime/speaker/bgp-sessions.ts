import { revealingText } from "../../config/canonical.js";
import type { Peer } from "../../config/model.js";
import type { BgpRoute } from "../announce/decision.js";
import { administrativeCease, CEASE, ERROR_CODE, type NotificationMessage } from "#bgp-ts";
import { formatAddress, type IpAddress } from "../net/address.js";
import type { ObjectKey } from "../world/views.js";
import { sessionOptionsOf } from "./bgp-peer-options.js";
import { createBgpRouteTable } from "./bgp-route-table.js";
import { startBgpSession, type BgpCounts, type BgpPorts, type BgpSession } from "./bgp-session.js";

/** The BGP sessions of one node, and what is announced in them. */
export interface BgpSessions {
  /** The peers that there are to be sessions with: one that is as before keeps its own. */
  usePeers(peers: readonly Peer[], nodeIdentifier: IpAddress): void;
  /** All that a Service announces now; said to the peers by flush(). */
  setRoutes(service: ObjectKey, routes: readonly BgpRoute[]): void;
  flush(): void;
  /** BFD has lost, or found, the path to the peer of this name. */
  bfdDown(peer: string): void;
  bfdUp(peer: string): void;
  /** By `address:port`, as the metrics call a peer. */
  counts(): ReadonlyMap<string, BgpCounts>;
  /** Ends all sessions: those that restart gracefully without a word, the others with a Cease. */
  stop(): void;
}

type Running = Readonly<{ text: string; target: string; isGraceful: boolean; session: BgpSession | undefined }>;

const DECONFIGURED: NotificationMessage = {
  errorCode: ERROR_CODE.cease,
  errorSubcode: CEASE.peerDeconfigured,
  data: new Uint8Array(),
};

export function createBgpSessions(ports: BgpPorts): BgpSessions {
  const table = createBgpRouteTable();
  const running = new Map<string, Running>(); // BOUNDED by the peers, by their names

  function end(name: string, notification: NotificationMessage | undefined): void {
    table.detach(name);
    running.get(name)?.session?.stop(notification);
    running.delete(name);
  }

  function begin(peer: Peer, text: string, nodeIdentifier: IpAddress): void {
    const { name, address, gracefulRestart, port } = peer;
    const target = `${address === undefined ? peer.interface : hostOf(address)}:${port}`;
    const options = sessionOptionsOf(peer, nodeIdentifier);
    if (!options.ok) {
      ports.log.error(
        { event: "peerUnusable", peer: name },
        `Cannot open a session with peer ${name}: ${options.fault}`,
      );
      running.set(name, { text, target, isGraceful: false, session: undefined });
      return;
    }
    const session = startBgpSession(`${name} (${target})`, options.value, ports);
    running.set(name, { text, target, isGraceful: gracefulRestart, session });
    table.attach(name, session.routes);
  }

  return {
    usePeers(peers, nodeIdentifier) {
      const wanted = new Map(peers.map((peer) => [peer.name, peer]));
      for (const name of running.keys()) if (!wanted.has(name)) end(name, DECONFIGURED);
      for (const [name, peer] of wanted) {
        // For whom it runs, and how the path is watched, is nothing that the session sees.
        const text = revealingText({ ...peer, nodeSelectors: [], bfdProfile: "", nodeIdentifier });
        if (running.get(name)?.text === text) continue;
        end(name, { ...DECONFIGURED, errorSubcode: CEASE.otherConfigurationChange });
        begin(peer, text, nodeIdentifier);
      }
    },
    setRoutes: table.setRoutes,
    flush() {
      for (const { session } of running.values()) session?.flush();
    },
    bfdDown: (peer) => running.get(peer)?.session?.bfdDown(),
    bfdUp: (peer) => running.get(peer)?.session?.bfdUp(),
    counts() {
      return new Map(
        [...running.values()].flatMap(({ target, session }) =>
          session === undefined ? [] : [[target, session.counts()] as const],
        ),
      );
    },
    stop() {
      const notification = administrativeCease(CEASE.administrativeShutdown, "the speaker stops");
      for (const [name, { isGraceful }] of running) end(name, isGraceful ? undefined : notification);
    },
  };
}

function hostOf(address: IpAddress): string {
  const text = formatAddress(address);
  return address.family === "ipv6" ? `[${text}]` : text;
}
