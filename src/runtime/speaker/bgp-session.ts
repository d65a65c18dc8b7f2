import {
  createBgpPeer,
  ENDED_BY_PEER,
  type BgpPeer,
  type BgpStateName,
  type NextHops,
  nextHopsOf,
  type MessageCounts,
  type Negotiated,
  type NotificationMessage,
  type PeerAction,
  type Side,
} from "#bgp-ts";
import { formatPrefix, type IpAddress } from "../net/address.js";
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

/** A connection that somebody has opened to us; one of the two is to be called, once. */
export type IncomingConnection = Readonly<{
  /** As text, without a zone. */
  remoteAddress: string;
  accept(handlers: ConnectionHandlers): void;
  refuse(): void;
}>;

export type BgpPorts = Readonly<{
  /** @returns what gives up; nothing is heard of it afterwards */
  connect(target: BgpTarget, handlers: ConnectionHandlers): () => void;
  /**
   * Looks for the router on a link that has no addresses of its own: `heard` is called again and again with link-local ones.
   * @returns what ends it
   */
  findRouter(interfaceName: string, heard: (address: string) => void): () => void;
  /** The peer of this name, by this interface, has this link-local address, until it has another one. */
  routerFound?(peer: string, interfaceName: string, address: IpAddress): void;
  /** Connections that peers at these addresses open need these keys, where we listen. RFC 2385 */
  useKeys(keys: ReadonlyMap<string, Uint8Array>): void;
  /** Next hops for routes of a session with this address of ours. */
  nextHops(localAddress: string): NextHops;
  /** @returns what stops it */
  setTimer(milliseconds: number, work: () => void): () => void;
  /** Runs `work` once, soon, after timers and connections have had their turn. */
  defer(work: () => void): void;
  /** 0 to 1. */
  random(): number;
  log: Logger;
}>;

/** What is counted of a session; totals since its beginning. */
export type BgpCounts = Readonly<{
  isUp: boolean;
  /** Prefixes that the peer is to know, and those that it was told of. */
  wanted: number;
  announced: number;
  messages: MessageCounts;
  /** UPDATEs of the peer in which something was wrong, also where that has ended the session. RFC 7606 */
  wrongUpdates: number;
}>;

/** What becomes of a connection that the peer has opened. */
export type Admission = "taken" | "anotherIsThere" | "flapping";

/** The session with one peer, kept up for as long as it is wanted. */
export interface BgpSession {
  readonly routes: BgpPeer["routes"];
  state(): BgpStateName;
  /** The peer's AS number, of a session that is there. */
  peerAs(): number | undefined;
  /** Why there is no session, or why the last one ended; undefined: that has not happened. */
  lastReason(): string | undefined;
  counts(): BgpCounts;
  /** Takes a connection that the peer has opened, or says why not: the caller closes it. */
  accept(incoming: Pick<IncomingConnection, "accept">): Admission;
  /** Routes have changed: sends what there is room for. @returns how many messages those were */
  flush(): number;
  /** BFD has lost the path: the session, or what is on its way to one, ends now. RFC 5882 §4.3 */
  bfdDown(): void;
  /** BFD has found the path: whoever waits for the next attempt makes it now. */
  bfdUp(): void;
  /** Tells the peer to send its traffic elsewhere, for this session is about to end. RFC 8326 */
  leave(): void;
  /** Ends it; `notification` undefined: without a word, so that a peer that can will keep the routes. RFC 4724 §4 */
  stop(notification: NotificationMessage | undefined): void;
}

/**
 * Ten messages where all are alike; where they are not, up to 128 more that are not full. Communities may fill most of a
 * message: some 2 MB at most, then, wait for a peer that does not read.
 */
const PREFIXES_AT_ONCE = 8192;
/** So long a peer may take to answer at all: less than the kernel waits, and enough for a few lost packets. */
const CONNECT_MILLISECONDS = 10_000;
const NO_ANSWER =
  "no answer within 10 s: look whether the peer is there, lets this port in, and has the same MD5 password";
const NO_ROUTES: NextHops = {};
/** So many wrong UPDATEs of a session are told whole: a peer that sends many is not to fill the log. */
const WRONG_UPDATES_TOLD = 10;
/** What goes wrong in more different ways is said at debug level. */
const MAX_TOLD = 16;
/** How the reason ends for a connection that the peer has closed before it said anything. */
const WITHOUT_A_WORD = " without a word";

/** A connection that is there. */
type Live = { readonly connection: BgpConnection; /** It takes no more now. */ isFull: boolean };

/**
 * @param name how logs call the peer
 * @param isWhole whether `routes` has all that there is to say: until then nothing is sent, for who restarts gracefully would
 *   end its list too early, and what changes together shares messages. Whoever makes it so calls flush()
 */
export function startBgpSession(
  name: string,
  { peer: options, target }: BgpSessionOptions,
  ports: BgpPorts,
  isWhole: () => boolean = () => true,
): BgpSession {
  const { log } = ports;
  const peer = createBgpPeer(options);
  const timers = new Map<string, () => void>(); // BOUNDED by the timers of two sides
  const live = new Map<Side, Live>(); // BOUNDED by two sides
  let giveUp: (() => void) | undefined; // what ends our attempt that is on its way
  let nextHops = NO_ROUTES;
  let lastReason: string | undefined;
  let wrongUpdates = 0;
  let isWanted = true;
  let wrongSinceUp = 0;
  const told = new Set<string>(); // why there is no session, so that it is said once each: BOUNDED by MAX_TOLD
  let hasSaidWhy = false; // the peer, by a NOTIFICATION, since there was a session last

  function perform(actions: readonly PeerAction[]): void {
    for (const action of actions) performOne(action);
  }

  function performOne(action: PeerAction): void {
    switch (action.do) {
      case "connect":
        return open();
      case "close":
        return close(action.side);
      case "write":
        return send(action.side, action.octets);
      case "startTimer": {
        const milliseconds = action.seconds * 1000 * (action.jitter ? 1 - ports.random() / 4 : 1);
        const key = timerKey(action);
        timers.get(key)?.();
        timers.set(
          key,
          ports.setTimer(milliseconds, () => perform(peer.expired(action.timer, action.side))),
        );
        return undefined;
      }
      case "stopTimer":
        timers.get(timerKey(action))?.();
        timers.delete(timerKey(action));
        return undefined;
      case "established":
        forgetTold();
        wrongSinceUp = 0;
        nextHops = ports.nextHops(live.get(action.side)?.connection.localAddress ?? "");
        log.info({ event: "sessionUp", peer: name, peerAs: action.negotiated.peerAs }, "BGP session established");
        tellUnreachable(action.negotiated);
        return void flush();
      case "down":
        return tellDown(action.reason, action.wasEstablished);
      case "report":
        return tellWrong(action);
    }
  }

  /** The first ones are told whole, so that it can be found out who made them. RFC 7606 §6 */
  function tellWrong({ problem, routes, update }: Extract<PeerAction, { do: "report" }>): void {
    wrongUpdates += 1;
    wrongSinceUp += 1;
    const fields = { event: "peerUpdateWrong", peer: name };
    const text = `The peer sent a wrong UPDATE: ${problem}`;
    if (wrongSinceUp > WRONG_UPDATES_TOLD) return log.debug(fields, text);
    const hex = Buffer.from(update).toString("hex");
    return log.warn({ ...fields, routes: routes.map(formatPrefix), update: hex }, text);
  }

  function tellDown(reason: string, wasEstablished: boolean): void {
    if (!isWanted) return log.info({ event: "sessionEnded", peer: name }, "BGP session ended");
    if (!hasSaidWhy || !reason.endsWith(WITHOUT_A_WORD)) lastReason = reason;
    const fields = { event: wasEstablished ? "sessionDown" : "sessionFailed", peer: name, reason };
    if (wasEstablished) {
      forgetTold();
      log.error(fields, "BGP session lost");
    } else if (isNewReason(reason)) log.warn(fields, "failed to create BGP session, trying again");
    else log.debug(fields, "failed to create BGP session, trying again");
  }

  function forgetTold(): void {
    told.clear();
    hasSaidWhy = false;
  }

  /** Routers that have said why they refuse us do not say it again for a while, and close each connection at once. */
  function isNewReason(reason: string): boolean {
    if (reason.startsWith(ENDED_BY_PEER)) hasSaidWhy = true;
    if (reason.endsWith(WITHOUT_A_WORD) && hasSaidWhy) return false;
    if (told.has(reason) || told.size >= MAX_TOLD) return false;
    told.add(reason);
    return true;
  }

  /** Routes that nobody could send traffic for are not announced. */
  function tellUnreachable(negotiated: Negotiated): void {
    for (const family of negotiated.families) {
      if (nextHopsOf(family, nextHops, negotiated) !== undefined) continue;
      const problem =
        `Cannot announce ${family === "ipv4" ? "IPv4" : "IPv6"} routes to ${name}: the interface of the session has no ` +
        "address of that family to be the next hop: give it one";
      log.warn({ event: "noNextHop", peer: name, family }, problem);
    }
  }

  /** What a connection tells. @param settled it is there, or will never be */
  function handlersOf(side: Side, settled: () => void): ConnectionHandlers {
    let isSilent = false;
    return {
      connected(connection) {
        isSilent = true;
        settled();
        live.set(side, { connection, isFull: false });
        perform(peer.connected(side));
      },
      closed(reason) {
        settled();
        live.delete(side);
        perform(peer.disconnected(side, isSilent ? `${reason}${WITHOUT_A_WORD}` : reason));
      },
      received(octets) {
        isSilent = false;
        perform(peer.received(side, octets));
        flush(); // it may have asked for the routes
      },
      drained() {
        const mine = live.get(side);
        if (mine?.isFull === true) {
          mine.isFull = false;
          perform(peer.unblocked(side));
        }
        flush();
      },
    };
  }

  function open(): void {
    const handlers = handlersOf("outgoing", () => {
      stopWaiting();
      giveUp = undefined;
    });
    const abandon = ports.connect(target, handlers);
    const stopWaiting = ports.setTimer(CONNECT_MILLISECONDS, () => {
      abandon();
      handlers.closed(NO_ANSWER);
    });
    giveUp = () => {
      stopWaiting();
      abandon();
    };
  }

  function close(side: Side): void {
    const mine = live.get(side);
    live.delete(side);
    if (side === "outgoing") {
      giveUp?.();
      giveUp = undefined;
    }
    mine?.connection.end();
  }

  /** What the connection has no room for waits in it. BOUNDED by one batch (PREFIXES_AT_ONCE), and KEEPALIVEs for the send hold time */
  function send(side: Side, octets: Uint8Array): void {
    const mine = live.get(side);
    if (mine === undefined || mine.connection.write(octets) || mine.isFull) return;
    mine.isFull = true;
    perform(peer.blocked(side));
  }

  function flush(): number {
    const side = peer.sessionSide();
    const mine = side === undefined ? undefined : live.get(side);
    if (side === undefined || mine === undefined || !isWhole()) return 0;
    let sent = 0;
    while (!mine.isFull) {
      const frames = peer.takeUpdates(PREFIXES_AT_ONCE, nextHops);
      for (const octets of frames) send(side, octets);
      sent += frames.length;
      if (frames.length === 0 && peer.routes.isSettled()) break;
    }
    return sent;
  }

  perform(peer.start());
  return {
    routes: peer.routes,
    state: () => peer.state(),
    peerAs: () => peer.session()?.peerAs,
    lastReason: () => lastReason,
    counts: () => ({
      isUp: peer.session() !== undefined,
      wanted: peer.routes.wantedCount(),
      announced: peer.session() === undefined ? 0 : peer.routes.sentCount(),
      messages: peer.counts(),
      wrongUpdates,
    }),
    accept(incoming) {
      if (live.has("incoming")) return "anotherIsThere";
      if (peer.state() === "Idle") return "flapping";
      incoming.accept(handlersOf("incoming", () => {}));
      return "taken";
    },
    flush,
    bfdDown: () => perform(peer.bfdDown()),
    bfdUp() {
      const state = peer.state();
      if (isWanted && (state === "Active" || state === "Idle")) perform(peer.expired("ConnectRetryTimer"));
    },
    leave() {
      peer.leave();
      flush();
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

function timerKey({ timer, side }: Readonly<{ timer: string; side?: Side }>): string {
  return side === undefined ? timer : `${timer} ${side}`;
}
