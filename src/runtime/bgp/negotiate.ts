import { sameAddress, type Family, type IpAddress } from "../net/address.js";
import { refuse, succeed, type Result } from "../net/result.js";
import type { Capability } from "./capability.js";
import { AFI, unicastFamily } from "./family.js";
import { bgpFault, ERROR_CODE, OPEN_ERROR, type BgpFault } from "./fault.js";
import { AS_TRANS, type OpenMessage } from "./open.js";

/** Our side of a session. */
export type LocalSpeaker = Readonly<{
  /** The AS number that this peer sees, 1 to 4294967295. */
  asn: number;
  /** The number that the peer has to have, or only whether it is ours. */
  peerAs: number | "internal" | "external";
  bgpIdentifier: IpAddress;
  /** 0, or 3 to 65535. */
  holdTimeSeconds: number;
  /** undefined: a third of the hold time that is agreed on. */
  keepaliveTimeSeconds?: number;
  /** What the OPEN says; the four-octet AS number is added where it is not among them. */
  capabilities: readonly Capability[];
}>;

/** What both sides can do together. */
export type Negotiated = Readonly<{
  peerAs: number;
  isInternal: boolean;
  peerIdentifier: IpAddress;
  /** The smaller of both; 0: no keepalives, and silence is no fault. */
  holdTimeSeconds: number;
  keepaliveTimeSeconds: number;
  fourOctetAs: boolean;
  extendedMessage: boolean;
  routeRefresh: boolean;
  enhancedRouteRefresh: boolean;
  /** Whose routes both speak of. Never empty. */
  families: readonly Family[];
  /** IPv4 routes may have an IPv6 next hop. RFC 8950 §4 */
  ipv4OverIpv6: boolean;
  /** What the peer says of restarts, where it says anything. RFC 4724 §3 */
  gracefulRestart?: Extract<Capability, { kind: "gracefulRestart" }>;
}>;

/** The OPEN that begins a session. RFC 6793 §4.1 */
export function openMessage({ asn, bgpIdentifier, holdTimeSeconds, capabilities }: LocalSpeaker): OpenMessage {
  return { myAs: asn > 0xffff ? AS_TRANS : asn, holdTimeSeconds, bgpIdentifier, capabilities };
}

/**
 * What becomes of our OPEN and theirs.
 * @returns the session, or the fault to answer with: another AS than the one that is wanted, our own identifier within
 *   one AS, no family in common. RFC 4271 §6.2, RFC 6286 §2.2, RFC 5492 §3, §5
 */
export function negotiate(local: LocalSpeaker, theirs: OpenMessage): Result<Negotiated, BgpFault> {
  const theirAsn = find(theirs.capabilities, "fourOctetAs")?.asn;
  const peerAs = theirAsn ?? theirs.myAs;
  const isInternal = peerAs === local.asn;
  if (!isWantedAs(local, peerAs)) {
    const wanted = typeof local.peerAs === "number" ? local.peerAs : `an ${local.peerAs} one of ${local.asn}`;
    return openFault(OPEN_ERROR.badPeerAs, [], `the peer's AS number is ${peerAs}, and not ${wanted}`);
  }
  if (isInternal && sameAddress(theirs.bgpIdentifier, local.bgpIdentifier)) {
    return openFault(OPEN_ERROR.badBgpIdentifier, [], "the peer has our own BGP identifier");
  }
  const [ourFamilies, theirFamilies] = [familiesOf(local.capabilities), familiesOf(theirs.capabilities)];
  const families = ourFamilies.filter((family) => theirFamilies.includes(family));
  if (families.length === 0) {
    const missing = ourFamilies.flatMap((family) => [1, 4, 0, AFI[family], 0, 1]); // the capabilities that it lacks
    const problem = `the peer speaks of ${theirFamilies.join(" and ") || "no family"}, and we of ${ourFamilies.join(" and ")}`;
    return openFault(OPEN_ERROR.unsupportedCapability, missing, problem);
  }
  const both = (kind: Capability["kind"]): boolean =>
    [local.capabilities, theirs.capabilities].every((list) => list.some((one) => one.kind === kind));
  const holdTimeSeconds = Math.min(local.holdTimeSeconds, theirs.holdTimeSeconds);
  const gracefulRestart = find(theirs.capabilities, "gracefulRestart");
  return succeed({
    peerAs,
    isInternal,
    peerIdentifier: theirs.bgpIdentifier,
    holdTimeSeconds,
    keepaliveTimeSeconds: keepaliveTime(holdTimeSeconds, local.keepaliveTimeSeconds),
    fourOctetAs: both("fourOctetAs"),
    extendedMessage: both("extendedMessage"),
    routeRefresh: both("routeRefresh"),
    enhancedRouteRefresh: both("enhancedRouteRefresh"),
    families,
    ipv4OverIpv6: saysIpv4OverIpv6(local.capabilities) && saysIpv4OverIpv6(theirs.capabilities),
    ...(gracefulRestart === undefined ? {} : { gracefulRestart }),
  });
}

function isWantedAs({ asn, peerAs }: LocalSpeaker, theirs: number): boolean {
  if (typeof peerAs === "number") return theirs === peerAs;
  return (theirs === asn) === (peerAs === "internal");
}

/** Who says no family speaks of IPv4 routes. RFC 4760 §8 */
function familiesOf(capabilities: readonly Capability[]): readonly Family[] {
  const said = capabilities.filter((one) => one.kind === "multiprotocol");
  if (said.length === 0) return ["ipv4"];
  const families = new Set(said.map(unicastFamily));
  return (["ipv4", "ipv6"] as const).filter((family) => families.has(family));
}

/** Never more than once a second, and at most a third of the hold time, so that one that is lost does no harm. RFC 4271 §4.4 */
function keepaliveTime(holdTimeSeconds: number, wanted: number | undefined): number {
  const third = holdTimeSeconds / 3;
  return holdTimeSeconds === 0 ? 0 : Math.max(1, Math.min(third, wanted ?? third));
}

function saysIpv4OverIpv6(capabilities: readonly Capability[]): boolean {
  const entries = find(capabilities, "extendedNextHop")?.entries ?? [];
  return entries.some(({ afi, safi, nextHopAfi }) => afi === AFI.ipv4 && safi === 1 && nextHopAfi === AFI.ipv6);
}

function find<Kind extends Capability["kind"]>(
  capabilities: readonly Capability[],
  kind: Kind,
): Extract<Capability, { kind: Kind }> | undefined {
  return capabilities.find((one): one is Extract<Capability, { kind: Kind }> => one.kind === kind);
}

function openFault(errorSubcode: number, data: Iterable<number>, problem: string): Result<never, BgpFault> {
  return refuse(bgpFault(ERROR_CODE.openMessage, errorSubcode, data, `Cannot accept BGP OPEN: ${problem}`));
}
