import { crc32 } from "node:zlib";
import { decrypt, encrypt, type DecryptionFault } from "./encryption.js";
import type { GossipKey, KeyRing } from "./keys.js";
import { compressLzw, expandLzw, type LzwFault } from "./lzw.js";
import { joinOctets } from "./messagepack.js";
import {
  decodeMessage,
  encodeCompressed,
  MESSAGE_TYPE,
  readCompressed,
  type Message,
  type MessageFault,
} from "./messages.js";

/** The most octets that compressed parts of one packet may expand to, together. */
export const MAX_EXPANDED_OCTETS = 65_536;
/** Compound and compressed messages inside each other; those that are sent have two layers at most. */
const MAX_LAYERS = 4;
/** Messages in one packet; a compound message has 255 at most. */
const MAX_MESSAGES = 1024;

/** Why a packet, or a part of one, is dropped. */
export type PacketFault =
  | MessageFault
  | DecryptionFault
  | LzwFault
  | "empty"
  | "label"
  | "labelTruncated"
  | "crc"
  | "compoundTruncated"
  | "compressionAlgorithm"
  | "layers"
  | "tooManyMessages";

/** What a packet has to be like to be read. */
export type PacketRules = Readonly<{
  keys: KeyRing;
  /** Refuse what is not encrypted with one of the keys, where there are any. */
  verifyIncoming: boolean;
  /** The fleet's name for itself, at most 255 octets; the releases have none, which is "". */
  label: string;
}>;

/**
 * What was in a packet, in its order; `faults` has one entry for each part that was dropped. `key`: what it was encrypted
 * with. Octets in the messages are views of the packet, or of what it expanded to.
 */
export type PacketRead = Readonly<{
  messages: readonly Message[];
  faults: readonly PacketFault[];
  key: GossipKey | undefined;
}>;

/**
 * Reads one UDP payload: label, encryption, checksum, then messages, which may be compressed and compound. Never throws;
 * memory is BOUNDED by 64 KiB of expanded octets, 4 layers and 1024 messages.
 */
export function decodePacket(packet: Uint8Array, { keys, verifyIncoming, label }: PacketRules): PacketRead {
  const drop = (fault: PacketFault): PacketRead => ({ messages: [], faults: [fault], key: undefined });
  const labelled = takeLabel(packet);
  if (typeof labelled === "string") return drop(labelled);
  if (labelled.label !== label) return drop("label");
  let [octets, key]: [Uint8Array, GossipKey | undefined] = [labelled.rest, undefined];
  if (octets.length === 0) return drop("empty");
  if (keys.length > 0) {
    const decrypted = decrypt(keys, octets, new TextEncoder().encode(label));
    if (decrypted.ok) ({ octets, key } = decrypted);
    else if (verifyIncoming) return drop(decrypted.fault);
  }
  if (octets[0] === MESSAGE_TYPE.crc && octets.length >= 5) {
    if (new DataView(octets.buffer, octets.byteOffset).getUint32(1) !== crc32(octets.subarray(5))) return drop("crc");
    octets = octets.subarray(5);
  }
  const reading: Reading = { messages: [], faults: [], expandedOctets: 0 };
  readLayer(octets, 0, reading);
  return { messages: reading.messages, faults: reading.faults, key };
}

interface Reading {
  readonly messages: Message[]; // BOUNDED by MAX_MESSAGES
  readonly faults: PacketFault[]; // BOUNDED by twice that
  expandedOctets: number;
}

function readLayer(octets: Uint8Array, layer: number, reading: Reading): void {
  const { messages, faults } = reading;
  const isWrapped = octets[0] === MESSAGE_TYPE.compound || octets[0] === MESSAGE_TYPE.compressed;
  if (isWrapped && layer === MAX_LAYERS) faults.push("layers");
  else if (octets[0] === MESSAGE_TYPE.compound) readCompound(octets, layer, reading);
  else if (octets[0] === MESSAGE_TYPE.compressed) {
    const expanded = expand(octets, MAX_EXPANDED_OCTETS - reading.expandedOctets);
    if (!expanded.ok) return void faults.push(expanded.fault);
    reading.expandedOctets += expanded.value.length;
    readLayer(expanded.value, layer + 1, reading);
  } else {
    const message = decodeMessage(octets);
    if (message.ok) messages.push(message.value);
    else faults.push(message.fault);
  }
}

/** Expands a compressed message, given with its type. */
export function expand(octets: Uint8Array, maxOctets: number) {
  const read = readCompressed(octets, 1);
  if (!read.ok) return read;
  if (read.value.algorithm !== 0) return { ok: false, fault: "compressionAlgorithm" } as const;
  return expandLzw(read.value.data, maxOctets);
}

/** The number of messages, the length of each in 2 octets, the messages. The whole ones of a truncated list are taken. */
function readCompound(octets: Uint8Array, layer: number, reading: Reading): void {
  const count = octets[1];
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  if (count === undefined || octets.length < 2 + 2 * count) return void reading.faults.push("compoundTruncated");
  let start = 2 + 2 * count;
  for (let index = 0; index < count; index += 1) {
    const end = start + view.getUint16(2 + 2 * index);
    if (end > octets.length) return void reading.faults.push("compoundTruncated");
    if (reading.messages.length + reading.faults.length >= MAX_MESSAGES) {
      return void reading.faults.push("tooManyMessages");
    }
    readLayer(octets.subarray(start, end), layer + 1, reading);
    start = end;
  }
}

/** Takes the label off the front of a packet or a stream: 244, its length of 1 to 255, its octets. */
export function takeLabel(octets: Uint8Array): { label: string; rest: Uint8Array } | "label" | "labelTruncated" {
  if (octets[0] !== MESSAGE_TYPE.label) return { label: "", rest: octets };
  const length = octets[1];
  if (length === undefined) return "labelTruncated";
  if (length === 0) return "label"; // no label is said by leaving it out
  if (octets.length < 2 + length) return "labelTruncated";
  return { label: Buffer.from(octets.subarray(2, 2 + length)).toString("utf8"), rest: octets.subarray(2 + length) };
}

/** The label as it stands in front. @param label of at most 255 octets */
export function labelHeader(label: string): Uint8Array {
  if (label === "") return new Uint8Array(0);
  const octets = new TextEncoder().encode(label);
  return joinOctets([Uint8Array.of(MESSAGE_TYPE.label, octets.length), octets]);
}

/** How a packet is to be written. `encryption` undefined: in clear. */
export type PacketForm = Readonly<{
  compress: boolean;
  /** For receivers that understand protocol version 5. */
  crc: boolean;
  encryption: Readonly<{ key: GossipKey; nonce: Uint8Array }> | undefined;
  label: string;
}>;

/**
 * Inverse of decodePacket, of messages that are encoded already.
 * @param messages 1 to 255, of at most 65,535 octets each; compressed only where that makes them shorter, which it
 *   hardly ever does where they are short
 */
export function encodePacket(messages: readonly Uint8Array[], form: PacketForm): Uint8Array {
  const [first] = messages;
  let octets = messages.length === 1 && first !== undefined ? first : compound(messages);
  if (form.compress && octets.length >= LEAST_COMPRESSED_OCTETS) {
    const compressed = encodeCompressed(compressLzw(octets));
    if (compressed.length < octets.length) octets = compressed;
  }
  if (form.crc) {
    const sum = crc32(octets);
    octets = joinOctets([
      Uint8Array.of(MESSAGE_TYPE.crc, sum >>> 24, (sum >> 16) & 0xff, (sum >> 8) & 0xff, sum & 0xff),
      octets,
    ]);
  }
  if (form.encryption !== undefined) {
    const { key, nonce } = form.encryption;
    octets = encrypt(key, nonce, octets, new TextEncoder().encode(form.label));
  }
  return form.label === "" ? octets : joinOctets([labelHeader(form.label), octets]);
}

/** Trying it costs more than encryption and checksum together, and heartbeats are many. */
const LEAST_COMPRESSED_OCTETS = 128;

/** What each message in a compound one costs beyond itself, and the compound message once. */
export const COMPOUND_OCTETS = 2;

function compound(messages: readonly Uint8Array[]): Uint8Array {
  const lengths = messages.flatMap(({ length }) => [length >> 8, length & 0xff]);
  return joinOctets([Uint8Array.of(MESSAGE_TYPE.compound, messages.length, ...lengths), ...messages]);
}
