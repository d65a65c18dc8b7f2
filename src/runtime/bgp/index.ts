/** BGP as a library: see README.md. */
export { parseAddress, parsePrefix, type Family, type IpAddress, type Prefix } from "../net/address.js";
export { createAdjRibOut, type AdjRibOut } from "./adj-rib-out.js";
export type { Capability } from "./capability.js";
export { unicast } from "./family.js";
export { CEASE, ERROR_CODE } from "./fault.js";
export { ENDED_BY_PEER } from "./fsm-effects.js";
export type { BgpStateName, PeerOptions, Side, Timer } from "./fsm-types.js";
export { HEADER_OCTETS, MESSAGE_TYPE } from "./frame.js";
export type { MessageCounts, MessageName, NotificationCount } from "./message-counts.js";
export type { LocalSpeaker, Negotiated } from "./negotiate.js";
export { administrativeCease, nameNotification, type NotificationMessage } from "./notification.js";
export type { LargeCommunity } from "./path-attribute.js";
export {
  createBgpPeer,
  nextHopsOf,
  type AnnouncedAttributes,
  type BgpPeer,
  type NextHops,
  type PeerAction,
} from "./peer.js";
