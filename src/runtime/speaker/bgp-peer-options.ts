import type { Peer } from "../../config/model.js";
import { unicast, type Capability, type PeerOptions } from "#bgp-ts";
import { formatAddress, parseAddress, type Family, type IpAddress } from "../net/address.js";
import { refuse, succeed, type Result } from "../net/result.js";

/** Where a session connects to. Addresses are texts. */
export type BgpTarget = Readonly<{
  address: string;
  port: number;
  localAddress?: string;
  device?: string;
  /** What we send has this time to live, or hop limit; of what arrives with less than `minTtl` nothing is heard. */
  ttl: number;
  minTtl?: number;
  md5Key?: Uint8Array;
}>;

/** What holds for all sessions of a node. */
export type BgpNode = Readonly<{
  /** The BGP identifier where a peer names none. */
  identifier: IpAddress;
  /** Nothing is heard of peers that are not next to this node, but of those that are said to be. RFC 5082 */
  ttlSecurity: boolean;
}>;

export type BgpSessionOptions = Readonly<{ peer: PeerOptions; target: BgpTarget }>;

const MAX_TTL = 255;
/** The kernel's limit for TCP MD5. */
const MAX_KEY_OCTETS = 80;
const CONNECT_RETRY_SECONDS = 120;
const RESTART_TIME_SECONDS = 120;
const MAX_HOLD_TIME_SECONDS = 65_535;

/**
 * How the session with a peer is opened.
 * @param address the peer's, or the link-local one that was found on its interface
 * @returns a phrase that says why there can be none
 */
export function sessionOptionsOf(peer: Peer, address: IpAddress, node: BgpNode): Result<BgpSessionOptions, string> {
  const { sourceAddress } = peer;
  const device = peer.address === undefined ? (peer.interface ?? "") : peer.vrf;
  const md5Key = peer.password === undefined ? undefined : new TextEncoder().encode(peer.password.reveal());
  if (md5Key !== undefined && md5Key.length > MAX_KEY_OCTETS) {
    return refuse(`its password has more than the ${MAX_KEY_OCTETS} octets of TCP MD5: use a shorter one`);
  }
  const holdTimeSeconds = Math.min(peer.holdTimeSeconds, MAX_HOLD_TIME_SECONDS);
  return succeed({
    peer: {
      local: {
        asn: peer.localAsn ?? peer.myAsn,
        peerAs: peer.peerAsn,
        bgpIdentifier: peer.routerId ?? node.identifier,
        holdTimeSeconds,
        ...(peer.keepaliveTimeSeconds === undefined ? {} : { keepaliveTimeSeconds: peer.keepaliveTimeSeconds }),
        capabilities: capabilitiesOf(peer, address.family),
      },
      passive: false,
      connectRetrySeconds: peer.connectTimeSeconds ?? CONNECT_RETRY_SECONDS,
    },
    target: {
      address: formatAddress(address),
      port: peer.port,
      ...(sourceAddress === undefined ? {} : { localAddress: formatAddress(sourceAddress) }),
      ...(device === "" ? {} : { device }),
      ttl: MAX_TTL, // peers that want it (RFC 5082 §3) take us so, and to the others it is all the same
      ...(node.ttlSecurity && !peer.ebgpMultiHop ? { minTtl: MAX_TTL } : {}),
      ...(md5Key === undefined || md5Key.length === 0 ? {} : { md5Key }),
    },
  });
}

/** For nodes whose interface has no IPv4 address. RFC 8950 §4 */
const IPV4_OVER_IPV6: Capability = {
  kind: "extendedNextHop",
  entries: [{ ...unicast("ipv4"), nextHopAfi: unicast("ipv6").afi }],
};

function capabilitiesOf(peer: Peer, family: Family): readonly Capability[] {
  // Nothing says what a peer by interface is to hear of, so it is both.
  const isDual = peer.dualStackAddressFamily || peer.address === undefined;
  const families = (isDual ? (["ipv4", "ipv6"] as const) : [family]).map(unicast);
  // A peer that is to hear of no multiprotocol extensions takes IPv4 for granted.
  const multiprotocol = peer.disableMP && family === "ipv4" ? [] : families;
  return [
    ...multiprotocol.map(({ afi, safi }): Capability => ({ kind: "multiprotocol", afi, safi })),
    { kind: "routeRefresh" },
    { kind: "enhancedRouteRefresh" },
    { kind: "extendedMessage" },
    { kind: "fourOctetAs", asn: peer.localAsn ?? peer.myAsn },
    ...(family === "ipv6" && isDual ? [IPV4_OVER_IPV6] : []),
    ...(peer.gracefulRestart ? [gracefulRestartOf(families)] : []),
  ];
}

/** Who forwards does so while we are away: the kernel and kube-proxy. RFC 4724 §3 */
function gracefulRestartOf(families: readonly Readonly<{ afi: number; safi: number }>[]): Capability {
  return {
    kind: "gracefulRestart",
    restarting: false,
    notification: false,
    restartTimeSeconds: RESTART_TIME_SECONDS,
    families: families.map(({ afi, safi }) => ({ afi, safi, forwardingPreserved: true })),
  };
}

/**
 * The BGP identifier of a node where none is configured: its first IPv4 address, which is what its sessions would have
 * as their own; else the CRC-32 of its name in little-endian order, as the original has it.
 */
export function identifierOf(nodeName: string, internalIPs: readonly string[]): IpAddress {
  const first = internalIPs.map(parseAddress).find((address) => address?.family === "ipv4");
  if (first !== undefined) return first;
  const crc = crc32(new TextEncoder().encode(nodeName));
  const swapped = ((crc & 0xff) << 24) | ((crc & 0xff00) << 8) | ((crc >>> 8) & 0xff00) | (crc >>> 24);
  return { family: "ipv4", value: BigInt(swapped >>> 0 || 1) }; // 0 is no identifier
}

/** CRC-32 of IEEE 802.3. */
function crc32(octets: Uint8Array): number {
  let crc = 0xffffffff;
  for (const octet of octets) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
