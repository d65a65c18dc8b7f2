/**
 * Decoding of captured frames: Ethernet, ARP, IPv4, IPv6, ICMP, ICMPv6 with neighbour discovery, TCP, UDP. Written apart
 * from the decoders of the program, so that a test does not believe what it is to check.
 */
import type { Captured } from "./pcapng.js";

export type Arp = Readonly<{
  hardwareType: number;
  protocolType: number;
  hardwareLength: number;
  protocolLength: number;
  /** 1 request, 2 reply. */
  operation: number;
  senderHardwareAddress: string;
  senderProtocolAddress: string;
  targetHardwareAddress: string;
  targetProtocolAddress: string;
}>;

export type Ip = Readonly<{
  version: 4 | 6;
  source: string;
  destination: string;
  /** Protocol, or Next Header; IPv6 extension headers are not followed. */
  protocol: number;
  /** Time to live, or Hop Limit. */
  ttl: number;
}>;

/** RFC 4861 §4.3, §4.4. */
export type NeighborDiscovery = Readonly<{
  targetAddress: string;
  /** Of an advertisement; false in a solicitation. */
  router: boolean;
  solicited: boolean;
  override: boolean;
  /** The source (solicitation) or target (advertisement) link-layer address option. */
  linkLayerAddress?: string;
}>;

export type Icmp = Readonly<{ version: 4 | 6; type: number; code: number; neighbor?: NeighborDiscovery }>;

export type Tcp = Readonly<{
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgment: number;
  flags: Readonly<{ fin: boolean; syn: boolean; rst: boolean; psh: boolean; ack: boolean }>;
  payload: Uint8Array;
}>;

export type Udp = Readonly<{ sourcePort: number; destinationPort: number; payload: Uint8Array }>;

/** A frame has the parts that it really has; `broken` says where decoding had to stop. */
export type Frame = Captured &
  Readonly<{
    source: string;
    destination: string;
    /** EtherType: 0x0806 ARP, 0x0800 IPv4, 0x86dd IPv6. */
    etherType: number;
    arp?: Arp;
    ip?: Ip;
    icmp?: Icmp;
    tcp?: Tcp;
    udp?: Udp;
    broken?: string;
  }>;

type Parts = Pick<Frame, "arp" | "ip" | "icmp" | "tcp" | "udp" | "broken">;

export const formatMac = (octets: Uint8Array): string =>
  Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(":");

export function decodeFrame(captured: Captured): Frame {
  const { octets } = captured;
  const [destination, source] = [formatMac(octets.subarray(0, 6)), formatMac(octets.subarray(6, 12))];
  if (octets.length < 14) return { ...captured, source, destination, etherType: 0, broken: "shorter than its header" };
  const etherType = view(octets).getUint16(12);
  const body = octets.subarray(14);
  return { ...captured, source, destination, etherType, ...decodeBody(etherType, body) };
}

function decodeBody(etherType: number, body: Uint8Array): Parts {
  if (etherType === 0x0806) return decodeArp(body);
  if (etherType === 0x0800) return decodeIpv4(body);
  if (etherType === 0x86dd) return decodeIpv6(body);
  return {};
}

function decodeArp(body: Uint8Array): Parts {
  if (body.length < 28) return { broken: `ARP of ${body.length} octets` };
  const fields = view(body);
  return {
    arp: {
      hardwareType: fields.getUint16(0),
      protocolType: fields.getUint16(2),
      hardwareLength: fields.getUint8(4),
      protocolLength: fields.getUint8(5),
      operation: fields.getUint16(6),
      senderHardwareAddress: formatMac(body.subarray(8, 14)),
      senderProtocolAddress: formatIpv4(body.subarray(14, 18)),
      targetHardwareAddress: formatMac(body.subarray(18, 24)),
      targetProtocolAddress: formatIpv4(body.subarray(24, 28)),
    },
  };
}

function decodeIpv4(body: Uint8Array): Parts {
  const headerLength = ((body[0] ?? 0) & 0x0f) * 4;
  if (body.length < 20 || headerLength < 20 || body.length < headerLength) return { broken: "IPv4 header cut short" };
  const fields = view(body);
  const ip: Ip = {
    version: 4,
    source: formatIpv4(body.subarray(12, 16)),
    destination: formatIpv4(body.subarray(16, 20)),
    protocol: fields.getUint8(9),
    ttl: fields.getUint8(8),
  };
  const laterFragment = (fields.getUint16(6) & 0x1fff) > 0;
  const payload = body.subarray(headerLength, Math.max(headerLength, fields.getUint16(2))); // without Ethernet's padding
  return laterFragment ? { ip } : { ip, ...decodeTransport(ip, payload) };
}

function decodeIpv6(body: Uint8Array): Parts {
  if (body.length < 40) return { broken: "IPv6 header cut short" };
  const fields = view(body);
  const ip: Ip = {
    version: 6,
    source: formatIpv6(body.subarray(8, 24)),
    destination: formatIpv6(body.subarray(24, 40)),
    protocol: fields.getUint8(6),
    ttl: fields.getUint8(7),
  };
  return { ip, ...decodeTransport(ip, body.subarray(40, 40 + fields.getUint16(4))) };
}

function decodeTransport({ version, protocol }: Ip, body: Uint8Array): Parts {
  if (protocol === 6) return decodeTcp(body);
  if (protocol === 17) return decodeUdp(body);
  if (protocol === 1 && version === 4) return decodeIcmp(4, body);
  if (protocol === 58 && version === 6) return decodeIcmp(6, body);
  return {};
}

function decodeTcp(body: Uint8Array): Parts {
  if (body.length < 20) return { broken: "TCP header cut short" };
  const fields = view(body);
  const bits = fields.getUint8(13);
  const has = (bit: number): boolean => (bits & bit) !== 0;
  return {
    tcp: {
      sourcePort: fields.getUint16(0),
      destinationPort: fields.getUint16(2),
      sequence: fields.getUint32(4),
      acknowledgment: fields.getUint32(8),
      flags: { fin: has(1), syn: has(2), rst: has(4), psh: has(8), ack: has(16) },
      payload: body.subarray((fields.getUint8(12) >> 4) * 4),
    },
  };
}

function decodeUdp(body: Uint8Array): Parts {
  if (body.length < 8) return { broken: "UDP header cut short" };
  const fields = view(body);
  const [sourcePort, destinationPort] = [fields.getUint16(0), fields.getUint16(2)];
  return { udp: { sourcePort, destinationPort, payload: body.subarray(8, Math.max(8, fields.getUint16(4))) } };
}

function decodeIcmp(version: 4 | 6, body: Uint8Array): Parts {
  const [type, code] = body;
  if (type === undefined || code === undefined) return { broken: "ICMP header cut short" };
  if (version === 4 || (type !== 135 && type !== 136)) return { icmp: { version, type, code } };
  if (body.length < 24) return { broken: "neighbour discovery cut short" };
  const flags = type === 136 ? (body[4] ?? 0) : 0;
  const linkLayerAddress = findLinkLayerAddress(body.subarray(24), type === 135 ? 1 : 2);
  return {
    icmp: {
      version,
      type,
      code,
      neighbor: {
        targetAddress: formatIpv6(body.subarray(8, 24)),
        router: (flags & 0x80) !== 0,
        solicited: (flags & 0x40) !== 0,
        override: (flags & 0x20) !== 0,
        ...(linkLayerAddress === undefined ? {} : { linkLayerAddress }),
      },
    },
  };
}

/** Options are type, length in units of 8 octets, value. RFC 4861 §4.6 */
function findLinkLayerAddress(options: Uint8Array, wanted: 1 | 2): string | undefined {
  for (let place = 0; place + 8 <= options.length;) {
    const [type = 0, units = 0] = options.subarray(place, place + 2);
    if (type === wanted) return formatMac(options.subarray(place + 2, place + 8));
    if (units === 0) return undefined;
    place += units * 8;
  }
  return undefined;
}

/** One line about a frame, for messages. */
export function describeFrame(frame: Frame): string {
  const { arp, ip, icmp, tcp, udp, source, destination, direction, etherType, broken } = frame;
  const start = `${new Date(frame.at).toISOString().slice(11, 23)} ${direction.padEnd(3)} ${source} > ${destination}`;
  if (broken !== undefined) return `${start} broken: ${broken}`;
  if (arp?.operation === 1)
    return `${start} ARP who has ${arp.targetProtocolAddress}, tell ${arp.senderProtocolAddress}`;
  if (arp !== undefined) return `${start} ARP ${arp.senderProtocolAddress} is at ${arp.senderHardwareAddress}`;
  if (ip === undefined) return `${start} type 0x${etherType.toString(16).padStart(4, "0")}`;
  const ports = tcp ?? udp;
  const [from, to] = [ports?.sourcePort, ports?.destinationPort].map((port) => (port === undefined ? "" : ` ${port}`));
  const flags = Object.entries(tcp?.flags ?? {}).flatMap(([name, set]) => (set ? [name] : []));
  const neighbor = icmp?.neighbor === undefined ? "" : ` ${icmp.neighbor.targetAddress}`;
  const kind = icmp === undefined ? "" : ` ICMP ${icmp.type}/${icmp.code}${neighbor}`;
  const name = { 6: " TCP", 17: " UDP" }[ip.protocol] ?? "";
  return `${start} ${ip.source}${from} > ${ip.destination}${to}${name}${kind} ${flags.join(",")}`.trimEnd();
}

const view = (octets: Uint8Array): DataView => new DataView(octets.buffer, octets.byteOffset, octets.byteLength);

const formatIpv4 = (octets: Uint8Array): string => octets.join(".");

/** In the short form of RFC 5952, which is how a URL is written. */
function formatIpv6(octets: Uint8Array): string {
  const fields = view(octets);
  const groups = Array.from({ length: 8 }, (_, index) => fields.getUint16(index * 2).toString(16));
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}
