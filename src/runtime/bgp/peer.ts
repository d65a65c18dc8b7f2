import type { Family, IpAddress, Prefix } from "../net/address.js";
import { createAdjRibOut, type AdjRibOut } from "./adj-rib-out.js";
import { decodeUpdate, routesOf } from "./decode-update.js";
import { encodeAnnouncements, encodeEndOfRib, encodeWithdrawals, type RouteAttributes } from "./encode-update.js";
import { unicast, unicastFamily } from "./family.js";
import { decodeFrame, encodeFrame, MESSAGE_TYPE, type MessageType } from "./frame.js";
import { step } from "./fsm.js";
import {
  establishedSession,
  INITIAL_STATE,
  stateName,
  type BgpEffect,
  type BgpEvent,
  type BgpStateName,
  type PeerOptions,
  type Side,
  type Timer,
} from "./fsm-types.js";
import { createMessageCounter, type MessageCounts } from "./message-counts.js";
import type { Negotiated } from "./negotiate.js";
import { decodeNotification, encodeNotification, type NotificationMessage } from "./notification.js";
import { concatOctets } from "./octets.js";
import { decodeOpen, encodeOpen, type OpenMessage } from "./open.js";
import { decodeRouteRefresh, encodeRouteRefresh, REFRESH_SUBTYPE } from "./route-refresh.js";
import type { LargeCommunity } from "./path-attribute.js";

/** The community of routes that are about to go. RFC 8326 §5 */
const GRACEFUL_SHUTDOWN = 0xffff0000;

/** So many problems of one UPDATE are said in words. */
const PROBLEMS_TOLD = 8;

/** What is said of a route to every peer alike. Equal ones are to be the same object. */
export type AnnouncedAttributes = Readonly<{
  /** Told to peers in our AS only. */
  localPref: number;
  /** RFC 1997: `asn << 16 | value`, unsigned. */
  communities: readonly number[];
  largeCommunities: readonly LargeCommunity[];
  /** How many times more than once our AS number stands in the path, to peers of other ASes. */
  prepend: number;
}>;

/** What the driver does, in this order. */
export type PeerAction =
  | Exclude<BgpEffect, { do: "sendOpen" | "sendKeepalive" | "sendNotification" }>
  | Readonly<{ do: "write"; side: Side; octets: Uint8Array }>
  /**
   * An UPDATE of the peer's is wrong, and the session goes on, or its end follows: what is wrong, which routes the message
   * names as far as they can be read, and its body, a view of what was received. RFC 7606 §6
   */
  | Readonly<{ do: "report"; problem: string; routes: readonly Prefix[]; update: Uint8Array }>;

/** The next hops of our routes, by family: one, or with a link-local one behind it. A family without is not announced. */
export type NextHops = Readonly<Partial<Record<Family, readonly IpAddress[]>>>;

/**
 * One BGP peer, from octets to octets: connections, timers and what was received go in, actions come out. It has no
 * clock, socket or randomness. Duties of the driver: perform the actions in their order; tell what becomes of them;
 * refuse a second connection by the peer while there is one; call `takeUpdates` when the session is established, when
 * routes have changed, when the socket has room again, and when something was received, which may ask for all routes.
 */
export interface BgpPeer {
  readonly routes: AdjRibOut<AnnouncedAttributes>;
  state(): BgpStateName;
  session(): Negotiated | undefined;
  /** Whose connection the session is in. */
  sessionSide(): Side | undefined;
  /** We are about to leave: every route is told again as one to go round, before it is withdrawn. RFC 8326 §4 */
  leave(): void;
  start(): readonly PeerAction[];
  stop(notification: NotificationMessage): readonly PeerAction[];
  connected(side: Side): readonly PeerAction[];
  disconnected(side: Side, reason: string): readonly PeerAction[];
  received(side: Side, octets: Uint8Array): readonly PeerAction[];
  expired(timer: Timer, side?: Side): readonly PeerAction[];
  /** The connection takes no more for now, or something again: who takes nothing for long is left. RFC 9687 */
  blocked(side: Side): readonly PeerAction[];
  unblocked(side: Side): readonly PeerAction[];
  bfdDown(): readonly PeerAction[];
  /**
   * The next messages, of up to so many prefixes and MAX_GROUPS different attributes; none where there is no session or
   * nothing to say.
   */
  takeUpdates(maxPrefixes: number, nextHops: NextHops): readonly Uint8Array[];
  /** Messages in all its sessions. */
  counts(): MessageCounts;
}

export function createBgpPeer(options: PeerOptions): BgpPeer {
  const routes = createAdjRibOut<AnnouncedAttributes>();
  let state = INITIAL_STATE;
  const buffers = new Map<Side, Uint8Array>(); // BOUNDED by one message and one read, by two sides
  const owed = new Set<"endOfRib" | Family>(); // what is to be said once all routes have been: BOUNDED by the families
  const askedFor = new Set<Family>(); // whose routes are to be said again: BOUNDED by the families
  const counter = createMessageCounter();
  let forPeer = new WeakMap<AnnouncedAttributes, RouteAttributes>(); // anew for each session
  let isLeaving = false;
  let isNew = true; // there was no session yet: an earlier life of ours may have had one

  function tell(event: BgpEvent): PeerAction[] {
    const [next, effects] = step(options, state, event);
    state = next;
    return effects.map(perform);
  }

  function perform(effect: BgpEffect): PeerAction {
    switch (effect.do) {
      case "sendOpen":
        return write(effect.side, MESSAGE_TYPE.open, encodeOpen(isNew ? restarted(effect.open) : effect.open));
      case "sendKeepalive":
        return write(effect.side, MESSAGE_TYPE.keepalive, new Uint8Array());
      case "sendNotification":
        return write(effect.side, MESSAGE_TYPE.notification, encodeNotification(effect.notification));
      case "established":
        isNew = false;
        routes.forgetSent();
        forPeer = new WeakMap();
        askedFor.clear();
        owed.clear();
        owed.add("endOfRib");
        return effect;
      case "close":
        buffers.delete(effect.side);
        return effect;
      default:
        return effect;
    }
  }

  function write(side: Side, type: MessageType, body: Uint8Array): PeerAction {
    const octets = frame(type, body, false);
    counter.sent(octets);
    return { do: "write", side, octets };
  }

  function readMessage(side: Side, type: MessageType, body: Uint8Array): PeerAction[] {
    counter.received(type, body);
    switch (type) {
      case MESSAGE_TYPE.open: {
        const open = decodeOpen(body);
        if (!open.ok) return tell({ type: "MessageErr", side, fault: open.fault });
        return tell({ type: "BGPOpen", side, open: open.value });
      }
      case MESSAGE_TYPE.keepalive:
        return tell({ type: "KeepAliveMsg", side });
      case MESSAGE_TYPE.notification:
        return tell({ type: "NotifMsg", side, notification: decodeNotification(body) });
      case MESSAGE_TYPE.update:
        return readUpdate(side, body);
      case MESSAGE_TYPE.routeRefresh:
        return readRefresh(side, body);
    }
  }

  /** Nothing is done with the peer's routes; that they are in order is looked at all the same. */
  function readUpdate(side: Side, body: Uint8Array): PeerAction[] {
    const session = establishedSession(state);
    const actions = tell({ type: "UpdateMsg", side });
    if (session?.side !== side) return actions;
    const decoded = decodeUpdate(body, session.negotiated);
    if (decoded.kind === "sessionReset") {
      const { fault, problem } = decoded;
      const report: PeerAction = { do: "report", problem, routes: [], update: body };
      return [...actions, report, ...tell({ type: "MessageErr", side, fault })];
    }
    if (decoded.problems.length === 0) return actions;
    const told = decoded.problems.slice(0, PROBLEMS_TOLD).map((one) => one.problem);
    const more = decoded.problems.length - told.length;
    const problem = [...told, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
    const routes = decoded.kind === "update" ? routesOf(decoded.update) : decoded.withdrawnRoutes;
    return [...actions, { do: "report", problem, routes, update: body }];
  }

  /** Noted down: a peer that asks a thousand times, and takes nothing, is answered once. */
  function readRefresh(side: Side, body: Uint8Array): PeerAction[] {
    const session = establishedSession(state);
    const actions = tell({ type: "RouteRefreshMsg", side });
    if (session?.side !== side) return actions;
    const { enhancedRouteRefresh, families } = session.negotiated;
    const refresh = decodeRouteRefresh(body, enhancedRouteRefresh);
    if (!refresh.ok) return [...actions, ...tell({ type: "MessageErr", side, fault: refresh.fault })];
    const family = unicastFamily(refresh.value);
    const isRequest = refresh.value.subtype === REFRESH_SUBTYPE.request;
    if (isRequest && family !== undefined && families.includes(family)) askedFor.add(family);
    return actions;
  }

  /** Begins to say again what the peer has asked for, but not before it has been told all once. RFC 7313 §4 */
  function beginRefresh({ enhancedRouteRefresh, extendedMessage }: Negotiated): readonly Uint8Array[] {
    if (owed.has("endOfRib")) return [];
    const beginnings: Uint8Array[] = []; // BOUNDED by the families
    for (const family of askedFor) {
      routes.refresh(family);
      if (!enhancedRouteRefresh) continue;
      owed.add(family);
      const beginning = { ...unicast(family), subtype: REFRESH_SUBTYPE.beginningOfRefresh };
      beginnings.push(frame(MESSAGE_TYPE.routeRefresh, encodeRouteRefresh(beginning), extendedMessage));
    }
    askedFor.clear();
    return beginnings;
  }

  /** What a session makes of the attributes that all peers hear of. */
  function attributesFor(announced: AnnouncedAttributes, { isInternal }: Negotiated): RouteAttributes {
    const known = forPeer.get(announced);
    if (known !== undefined) return known;
    const { communities, largeCommunities, localPref, prepend } = announced;
    const attributes: RouteAttributes = {
      asPath: isInternal ? [] : Array<number>(1 + prepend).fill(options.local.asn),
      nextHops: [],
      communities: isLeaving
        ? [...communities.filter((one) => one !== GRACEFUL_SHUTDOWN), GRACEFUL_SHUTDOWN]
        : communities,
      largeCommunities,
      ...(isInternal ? { localPref: isLeaving ? 0 : localPref } : {}),
    };
    forPeer.set(announced, attributes);
    return attributes;
  }

  function takeUpdates(maxPrefixes: number, nextHops: NextHops): readonly Uint8Array[] {
    const session = establishedSession(state);
    if (session === undefined) return [];
    const { negotiated } = session;
    const beginnings = beginRefresh(negotiated);
    const bodies: Uint8Array[] = []; // BOUNDED by maxPrefixes, and by MAX_GROUPS where they are not full
    const isSpoken = (family: Family): boolean => negotiated.families.includes(family);
    const { withdrawn, announced } = routes.take(maxPrefixes);
    for (const family of negotiated.families) {
      bodies.push(...encodeWithdrawals(family, withdrawn[family] satisfies readonly Prefix[], negotiated));
    }
    for (const { family, attributes, prefixes } of announced) {
      const hops = nextHopsOf(family, nextHops, negotiated);
      if (!isSpoken(family) || hops === undefined) continue;
      const full = { ...attributesFor(attributes, negotiated), nextHops: hops };
      bodies.push(...encodeAnnouncements(family, full, prefixes, negotiated));
    }
    const updates = bodies.map((body) => frame(MESSAGE_TYPE.update, body, negotiated.extendedMessage));
    const frames = [...beginnings, ...updates];
    if (routes.isSettled()) {
      for (const one of owed) frames.push(...settle(one, negotiated));
      owed.clear();
    }
    for (const octets of frames) counter.sent(octets);
    return frames;
  }

  return {
    routes,
    state: () => stateName(state),
    session: () => establishedSession(state)?.negotiated,
    sessionSide: () => establishedSession(state)?.side,
    leave() {
      isLeaving = true;
      forPeer = new WeakMap();
      for (const family of ["ipv4", "ipv6"] as const) routes.refresh(family);
    },
    start: () => tell({ type: "ManualStart" }),
    stop: (notification) => tell({ type: "ManualStop", notification }),
    connected: (side) => tell({ type: "TcpConnectionConfirmed", side }),
    disconnected: (side, reason) => tell({ type: "TcpConnectionFails", side, reason }),
    bfdDown: () => tell({ type: "BfdDown" }),
    blocked: (side) => tell({ type: "TcpSendBlocked", side }),
    unblocked: (side) => tell({ type: "TcpSendReady", side }),
    expired(timer, side) {
      if (timer === "ConnectRetryTimer" || timer === "StableTimer") return tell({ type: `${timer}_Expires` });
      return side === undefined ? [] : tell({ type: `${timer}_Expires`, side });
    },
    received(side, octets) {
      const actions: PeerAction[] = []; // BOUNDED by the octets
      let rest = concatOctets([buffers.get(side) ?? new Uint8Array(), octets]);
      while (state.connections[side] !== undefined) {
        const decoded = decodeFrame(rest, establishedSession(state)?.negotiated.extendedMessage ?? false);
        if (decoded.kind === "frame") {
          rest = rest.subarray(decoded.octets);
          actions.push(...readMessage(side, decoded.type, decoded.body));
        } else if (decoded.kind === "malformed")
          actions.push(...tell({ type: "MessageErr", side, fault: decoded.fault }));
        else {
          buffers.set(side, rest.slice()); // what came before is not kept by it
          break;
        }
      }
      return withoutRepeats(actions);
    },
    takeUpdates,
    counts: counter.counts,
  };
}

/**
 * The next hops that routes of a family have in a session: IPv4 ones may go by way of IPv6 where both sides say so.
 * @returns undefined where there are none, so that none of the family's routes can be announced
 */
export function nextHopsOf(
  family: Family,
  nextHops: NextHops,
  { ipv4OverIpv6 }: Pick<Negotiated, "ipv4OverIpv6">,
): readonly IpAddress[] | undefined {
  return nextHops[family] ?? (family === "ipv4" && ipv4OverIpv6 ? nextHops.ipv6 : undefined); // RFC 8950 §3
}

/** Says that we may have been here before, so that the peer goes on with what it has of us. RFC 4724 §4.1 */
function restarted(open: OpenMessage): OpenMessage {
  const capabilities = open.capabilities.map((one) =>
    one.kind === "gracefulRestart" ? { ...one, restarting: true } : one,
  );
  return { ...open, capabilities };
}

/** What is due when all routes have been said. */
function settle(one: "endOfRib" | Family, { families, extendedMessage }: Negotiated): readonly Uint8Array[] {
  if (one === "endOfRib") {
    return families.map((family) => frame(MESSAGE_TYPE.update, encodeEndOfRib(family), extendedMessage));
  }
  const end = { ...unicast(one), subtype: REFRESH_SUBTYPE.endOfRefresh };
  return [frame(MESSAGE_TYPE.routeRefresh, encodeRouteRefresh(end), extendedMessage)];
}

/** Bodies are made to fit: one that does not is a mistake of ours. */
function frame(type: MessageType, body: Uint8Array, extendedMessage: boolean): Uint8Array {
  const encoded = encodeFrame(type, body, extendedMessage);
  if (encoded.ok) return encoded.value;
  const { length, min, max } = encoded.fault;
  throw new RangeError(`Cannot send BGP message of type ${type}: it has ${length} octets, not ${min} to ${max}`);
}

/** A timer that is started for every message of one read is started once. */
function withoutRepeats(actions: readonly PeerAction[]): readonly PeerAction[] {
  return actions.filter((action, index) => {
    const next = actions[index + 1];
    if (action.do !== "startTimer" || next?.do !== "startTimer") return true;
    return action.timer !== next.timer || action.side !== next.side;
  });
}
