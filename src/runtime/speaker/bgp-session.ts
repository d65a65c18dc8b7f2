import {
  createBgpPeer,
  HEADER_OCTETS,
  MESSAGE_TYPE,
  type BgpPeer,
  type BgpStateName,
  type NextHops,
  type NotificationMessage,
  type PeerAction,
  type Timer,
} from "#bgp-ts";
import type { Logger } from "../net/logger.js";
import type { BgpSessionOptions, BgpTarget } from "./bgp-peer-options.js";

/** A TCP connection to a peer. */
export type BgpConnection = Readonly<{
  /** As text. */
  localAddress: string;
  /** @returns whether more is welcome now; if not, `drained` says when */
  write(octets: Uint8Array): boolean;
  /** Sends what was written, then closes. Nothing is heard of it any more. */
  end(): void;
}>;

export type ConnectionHandlers = Readonly<{
  connected(connection: BgpConnection): void;
  /** It could not be opened, or is gone; `reason` is a phrase. Nothing follows. */
  closed(reason: string): void;
  received(octets: Uint8Array): void;
  drained(): void;
}>;

export type BgpPorts = Readonly<{
  /** @returns what gives up; nothing is heard of it afterwards */
  connect(target: BgpTarget, handlers: ConnectionHandlers): () => void;
  /** Next hops for routes of a session with this address of ours. */
  nextHops(localAddress: string): NextHops;
  /** @returns what stops it */
  setTimer(milliseconds: number, work: () => void): () => void;
  /** 0 to 1. */
  random(): number;
  log: Logger;
}>;

/** What is counted of a session; totals since its beginning. */
export type BgpCounts = Readonly<{ isUp: boolean; updatesSent: number; announced: number; notificationsSent: number }>;

/** The session with one peer, kept up for as long as it is wanted. */
export interface BgpSession {
  readonly routes: BgpPeer["routes"];
  state(): BgpStateName;
  counts(): BgpCounts;
  /** Routes have changed: sends what there is room for. */
  flush(): void;
  /** BFD has lost the path: the session, or what is on its way to one, ends now. RFC 5882 §4.3 */
  bfdDown(): void;
  /** BFD has found the path: whoever waits for the next attempt makes it now. */
  bfdUp(): void;
  /** Ends it; `notification` undefined: without a word, so that a peer that can will keep the routes. RFC 4724 §4 */
  stop(notification: NotificationMessage | undefined): void;
}

const PREFIXES_AT_ONCE = 1000;
/** So long a peer may take to answer at all: less than the kernel waits, and enough for a few lost packets. */
const CONNECT_MILLISECONDS = 10_000;
const NO_ANSWER =
  "no answer within 10 s: look whether the peer is there, lets this port in, and has the same MD5 password";
const NO_ROUTES: NextHops = {};

/** @param name how logs call the peer */
export function startBgpSession(
  name: string,
  { peer: options, target }: BgpSessionOptions,
  ports: BgpPorts,
): BgpSession {
  const { log } = ports;
  const peer = createBgpPeer(options);
  const timers = new Map<Timer, () => void>(); // BOUNDED by the timers of one side
  let connection: BgpConnection | undefined;
  let giveUp: (() => void) | undefined;
  let isFull = false; // the connection takes no more now
  let nextHops = NO_ROUTES;
  let updatesSent = 0;
  let notificationsSent = 0;
  let isWanted = true;
  let toldReason: string | undefined; // so that what fails again and again is said once

  function perform(actions: readonly PeerAction[]): void {
    for (const action of actions) performOne(action);
  }

  function performOne(action: PeerAction): void {
    switch (action.do) {
      case "connect":
        return open();
      case "close":
        return close();
      case "write":
        if (action.octets[HEADER_OCTETS - 1] === MESSAGE_TYPE.notification) notificationsSent += 1;
        connection?.write(action.octets);
        return undefined;
      case "startTimer": {
        const milliseconds = action.seconds * 1000 * (action.jitter ? 1 - ports.random() / 4 : 1);
        timers.get(action.timer)?.();
        timers.set(
          action.timer,
          ports.setTimer(milliseconds, () => perform(peer.expired(action.timer, action.side))),
        );
        return undefined;
      }
      case "stopTimer":
        timers.get(action.timer)?.();
        timers.delete(action.timer);
        return undefined;
      case "established":
        toldReason = undefined;
        nextHops = ports.nextHops(connection?.localAddress ?? "");
        log.info({ event: "sessionUp", peer: name, peerAs: action.negotiated.peerAs }, "BGP session established");
        return flush();
      case "down":
        return tellDown(action.reason, action.wasEstablished);
      case "report":
        log.warn({ event: "peerUpdateWrong", peer: name }, `The peer sent a wrong UPDATE: ${action.problem}`);
        return undefined;
    }
  }

  function tellDown(reason: string, wasEstablished: boolean): void {
    if (!isWanted) return log.info({ event: "sessionEnded", peer: name }, "BGP session ended");
    const fields = { event: wasEstablished ? "sessionDown" : "sessionFailed", peer: name, reason };
    if (wasEstablished) log.error(fields, "BGP session lost");
    else if (reason !== toldReason) log.warn(fields, "failed to create BGP session, trying again");
    else log.debug(fields, "failed to create BGP session, trying again");
    toldReason = reason;
  }

  function open(): void {
    let mine: BgpConnection | undefined;
    const closed = (reason: string): void => {
      stopWaiting();
      if (mine === connection) [connection, giveUp] = [undefined, undefined];
      perform(peer.disconnected("outgoing", reason));
    };
    const abandon = ports.connect(target, {
      connected(opened) {
        stopWaiting();
        [mine, connection, isFull, giveUp] = [opened, opened, false, undefined];
        perform(peer.connected("outgoing"));
      },
      closed,
      received: (octets) => perform(peer.received("outgoing", octets)),
      drained() {
        isFull = false;
        flush();
      },
    });
    const stopWaiting = ports.setTimer(CONNECT_MILLISECONDS, () => {
      abandon();
      closed(NO_ANSWER);
    });
    giveUp = () => {
      stopWaiting();
      abandon();
    };
  }

  function close(): void {
    const [open, pending] = [connection, giveUp];
    [connection, giveUp] = [undefined, undefined];
    pending?.();
    open?.end();
  }

  function flush(): void {
    const mine = connection;
    if (mine === undefined || peer.session() === undefined) return;
    while (!isFull) {
      const frames = peer.takeUpdates(PREFIXES_AT_ONCE, nextHops);
      for (const octets of frames) if (!mine.write(octets)) isFull = true;
      updatesSent += frames.length;
      if (frames.length === 0 && peer.routes.isSettled()) return;
    }
  }

  perform(peer.start());
  return {
    routes: peer.routes,
    state: () => peer.state(),
    counts: () => ({
      isUp: peer.session() !== undefined,
      updatesSent,
      announced: peer.session() === undefined ? 0 : peer.routes.sentCount(),
      notificationsSent,
    }),
    flush,
    bfdDown: () => perform(peer.bfdDown()),
    bfdUp() {
      if (isWanted && peer.state() === "Active") perform(peer.expired("ConnectRetryTimer"));
    },
    stop(notification) {
      isWanted = false;
      const actions = peer.stop(notification ?? { errorCode: 0, errorSubcode: 0, data: new Uint8Array() });
      perform(notification === undefined ? actions.filter((action) => action.do !== "write") : actions);
      for (const stopTimer of timers.values()) stopTimer();
      timers.clear();
    },
  };
}
