import type { AfiSafi } from "./family.js";
import { createOctetReader, readAll, uint16Octets, uint32Octets, type OctetReader } from "./octets.js";

/** One thing that a speaker can do, as it says in its OPEN. RFC 5492 */
export type Capability =
  /** RFC 4760 §8 */
  | Readonly<{ kind: "multiprotocol" } & AfiSafi>
  /** RFC 2918 §2 */
  | Readonly<{ kind: "routeRefresh" }>
  /** RFC 8950 §4: families whose next hop may be of another one. */
  | Readonly<{ kind: "extendedNextHop"; entries: readonly Readonly<AfiSafi & { nextHopAfi: number }>[] }>
  /** RFC 8654 §3 */
  | Readonly<{ kind: "extendedMessage" }>
  /** RFC 4724 §3; `notification` is RFC 8538 §2. `restartTimeSeconds`: 0 to 4095. */
  | Readonly<{
      kind: "gracefulRestart";
      restarting: boolean;
      notification: boolean;
      restartTimeSeconds: number;
      families: readonly Readonly<AfiSafi & { forwardingPreserved: boolean }>[];
    }>
  /** RFC 6793 §3. `asn`: 0 to 4294967295; whether it may be 0 is the OPEN's matter. */
  | Readonly<{ kind: "fourOctetAs"; asn: number }>
  /** RFC 7313 §3 */
  | Readonly<{ kind: "enhancedRouteRefresh" }>
  /** Any other, and one of a length that its code does not have, which RFC 5492 leaves to be passed over. */
  | Readonly<{ kind: "unknown"; code: number; value: Uint8Array }>;

const CODE = {
  multiprotocol: 1,
  routeRefresh: 2,
  extendedNextHop: 5,
  extendedMessage: 6,
  gracefulRestart: 64,
  fourOctetAs: 65,
  enhancedRouteRefresh: 70,
} as const;

const RESTART_FLAG = 0x80;
const NOTIFICATION_FLAG = 0x40;
const FORWARDING_FLAG = 0x80;
const MAX_RESTART_TIME_SECONDS = 0x0fff;

/** Reads the value of one capability. Never throws; copies what it keeps. */
export function decodeCapability(code: number, value: Uint8Array): Capability {
  const reader = createOctetReader(value);
  switch (code) {
    case CODE.multiprotocol:
      if (value.length === 4) return { kind: "multiprotocol", ...readFamily(reader) };
      break;
    case CODE.routeRefresh:
      if (value.length === 0) return { kind: "routeRefresh" };
      break;
    case CODE.extendedNextHop:
      if (value.length % 6 === 0) return { kind: "extendedNextHop", entries: readAll(reader, readNextHopEntry) };
      break;
    case CODE.extendedMessage:
      if (value.length === 0) return { kind: "extendedMessage" };
      break;
    case CODE.gracefulRestart:
      if (value.length % 4 === 2) return readGracefulRestart(reader);
      break;
    case CODE.fourOctetAs:
      if (value.length === 4) return { kind: "fourOctetAs", asn: reader.uint32() };
      break;
    case CODE.enhancedRouteRefresh:
      if (value.length === 0) return { kind: "enhancedRouteRefresh" };
      break;
    default:
  }
  return { kind: "unknown", code, value: value.slice() };
}

/** Inverse of decodeCapability, with code and length in front. A value of more than 255 octets cannot be said. */
export function encodeCapability(capability: Capability): number[] {
  const [code, value] = codeAndValue(capability);
  if (value.length > 255) throw new RangeError(`Cannot encode BGP capability ${code}: it has ${value.length} octets`);
  return [code, value.length, ...value];
}

function codeAndValue(capability: Capability): readonly [number, readonly number[]] {
  switch (capability.kind) {
    case "multiprotocol":
      return [CODE.multiprotocol, familyOctets(capability)];
    case "routeRefresh":
    case "extendedMessage":
    case "enhancedRouteRefresh":
      return [CODE[capability.kind], []];
    case "extendedNextHop":
      return [CODE.extendedNextHop, capability.entries.flatMap(nextHopEntryOctets)];
    case "gracefulRestart":
      return [CODE.gracefulRestart, gracefulRestartOctets(capability)];
    case "fourOctetAs":
      return [CODE.fourOctetAs, uint32Octets(capability.asn)];
    case "unknown":
      return [capability.code, [...capability.value]];
  }
}

/** AFI, a reserved octet, SAFI. */
function readFamily(reader: OctetReader): AfiSafi {
  const afi = reader.uint16();
  reader.uint8();
  return { afi, safi: reader.uint8() };
}

function familyOctets({ afi, safi }: AfiSafi): number[] {
  return [...uint16Octets(afi), 0, safi];
}

function readNextHopEntry(reader: OctetReader): AfiSafi & Readonly<{ nextHopAfi: number }> {
  return { afi: reader.uint16(), safi: reader.uint16(), nextHopAfi: reader.uint16() };
}

function nextHopEntryOctets({ afi, safi, nextHopAfi }: AfiSafi & Readonly<{ nextHopAfi: number }>): number[] {
  return [...uint16Octets(afi), ...uint16Octets(safi), ...uint16Octets(nextHopAfi)];
}

type GracefulRestart = Extract<Capability, { kind: "gracefulRestart" }>;

function readGracefulRestart(reader: OctetReader): GracefulRestart {
  const word = reader.uint16();
  return {
    kind: "gracefulRestart",
    restarting: ((word >>> 8) & RESTART_FLAG) !== 0,
    notification: ((word >>> 8) & NOTIFICATION_FLAG) !== 0,
    restartTimeSeconds: word & MAX_RESTART_TIME_SECONDS,
    families: readAll(reader, () => {
      const [afi, safi, flags] = [reader.uint16(), reader.uint8(), reader.uint8()];
      return { afi, safi, forwardingPreserved: (flags & FORWARDING_FLAG) !== 0 };
    }),
  };
}

function gracefulRestartOctets(capability: GracefulRestart): number[] {
  const flags = (capability.restarting ? RESTART_FLAG : 0) | (capability.notification ? NOTIFICATION_FLAG : 0);
  return [
    ...uint16Octets((flags << 8) | Math.min(capability.restartTimeSeconds, MAX_RESTART_TIME_SECONDS)),
    ...capability.families.flatMap(({ afi, safi, forwardingPreserved }) => [
      ...uint16Octets(afi),
      safi,
      forwardingPreserved ? FORWARDING_FLAG : 0,
    ]),
  ];
}
