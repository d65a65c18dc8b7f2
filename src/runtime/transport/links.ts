import type { Link } from "../net/link.js";
import { parseMac } from "../net/mac.js";
import { loadNativePart, type NativeLink } from "./native.js";

// Of linux/if.h and linux/if_arp.h.
const IFF_UP = 0x1;
const IFF_BROADCAST = 0x2;
const IFF_LOOPBACK = 0x8;
const IFF_RUNNING = 0x40;
const IFF_NOARP = 0x80;
const IFF_SLAVE = 0x800; // which ports of bridges do not have
const ARPHRD_ETHER = 1;

/**
 * The interfaces of this network namespace, read from the kernel while the caller waits (well below a millisecond for
 * dozens).
 * @throws SystemError, NativePartError
 */
export function listLinks(): Link[] {
  return loadNativePart().listLinks().map(readLink);
}

function readLink({
  index,
  name,
  mac,
  hardwareType,
  flags,
  masterIndex,
  kind,
  ipv6,
  ipv6Forwarding,
}: NativeLink): Link {
  return {
    index,
    name,
    mac: hardwareType === ARPHRD_ETHER ? parseMac(mac) : undefined,
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_RUNNING) !== 0,
    broadcast: (flags & IFF_BROADCAST) !== 0,
    noArp: (flags & IFF_NOARP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    masterIndex: masterIndex === 0 ? undefined : masterIndex,
    bonded: (flags & IFF_SLAVE) !== 0,
    tap: kind === "tun",
    ipv6: ipv6 !== 0,
    forwardsIpv6: ipv6Forwarding !== 0,
  };
}

/**
 * Calls `onChange` after interfaces came, went or changed, once for any number of changes.
 * @returns what ends it
 * @throws SystemError, NativePartError
 */
export function watchLinks(onChange: () => void): () => void {
  const native = loadNativePart();
  const events = native.openLinkEvents(onChange);
  return () => native.closeLinkEvents(events);
}
