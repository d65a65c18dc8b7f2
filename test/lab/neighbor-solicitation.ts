/** Neighbour solicitations to send, right or wrong as a test wants them; apart from the encoder of the program. */

export type Solicitation = Readonly<{
  ethernetSource: string;
  /** The group of the target if left out. */
  ethernetDestination?: string;
  source: string;
  /** The solicited-node group of the target if left out. */
  destination?: string;
  target: string;
  /** The source link-layer address; none if left out. */
  option?: string | undefined;
  /** 255 if left out. */
  hopLimit?: number;
  /** Octets in other places, of the frame; the checksum is right all the same. */
  octets?: Readonly<Record<number, readonly number[]>>;
  /** To be added to the right checksum. */
  checksumError?: number;
}>;

/** RFC 4861 §4.3 in Ethernet. */
export function encodeSolicitation(solicitation: Solicitation): Uint8Array {
  const { ethernetSource, source, target, option, hopLimit = 255, octets = {}, checksumError = 0 } = solicitation;
  const targetOctets = ipv6Octets(target);
  const group = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...targetOctets.slice(13)];
  const destination = solicitation.destination === undefined ? group : ipv6Octets(solicitation.destination);
  const { ethernetDestination } = solicitation;
  const message = [135, 0, 0, 0, 0, 0, 0, 0, ...targetOctets, ...(option === undefined ? [] : [1, 1, ...mac(option)])];
  const frame = Uint8Array.from([
    ...(ethernetDestination === undefined ? [0x33, 0x33, ...destination.slice(12)] : mac(ethernetDestination)),
    ...mac(ethernetSource),
    0x86,
    0xdd,
    ...ipv6Header(message.length, hopLimit),
    ...ipv6Octets(source),
    ...destination,
    ...message,
  ]);
  for (const [at, changed] of Object.entries(octets)) frame.set(changed, Number(at));
  const checksum = checksumOf(frame.subarray(22)) + checksumError;
  frame.set([(checksum >> 8) & 0xff, checksum & 0xff], 56);
  return frame;
}

/** Without its addresses. RFC 8200 §3 */
const ipv6Header = (payloadOctets: number, hopLimit: number): number[] => [
  0x60,
  0,
  0,
  0,
  0,
  payloadOctets,
  58,
  hopLimit,
];

/** Of the two addresses and the message behind them. RFC 8200 §8.1 */
function checksumOf(packet: Uint8Array): number {
  let sum = packet.length - 32 + 58;
  packet.forEach((octet, at) => (sum += at % 2 === 0 ? octet << 8 : octet));
  return 0xffff - (sum % 0xffff);
}

const mac = (text: string): number[] => text.split(":").map((octet) => Number.parseInt(octet, 16));

/** @param text with or without `::`, and without dots */
function ipv6Octets(text: string): number[] {
  const [left = "", right] = text.split("::");
  const groupsOf = (part: string | undefined): string[] => (part === undefined || part === "" ? [] : part.split(":"));
  const [before, after] = [groupsOf(left), groupsOf(right)];
  const zeros = Array<string>(right === undefined ? 0 : 8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
