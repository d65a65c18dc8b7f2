import { decrypt, encrypt, ENCRYPTION_OCTETS } from "./encryption.js";
import type { GossipKey } from "./keys.js";
import { compressLzw } from "./lzw.js";
import { joinOctets } from "./messagepack.js";
import {
  decodeMessage,
  encodeCompressed,
  MESSAGE_TYPE,
  readErrorText,
  readPushedMember,
  readPushPullHeader,
  type Ack,
  type MessageFault,
  type Ping,
  type PushedMember,
  type PushPullHeader,
} from "./messages.js";
import { expand, labelHeader, takeLabel, type PacketFault, type PacketForm, type PacketRules } from "./packet.js";

/** The most octets of one message on a stream, as received and as expanded: some 20,000 members. */
export const MAX_STREAM_OCTETS = 4 * 1024 * 1024;

/** What one side says on a stream, once. */
export type StreamMessage =
  | Readonly<{ type: "pushPull"; join: boolean; members: readonly PushedMember[] }>
  | Ping
  | Ack
  | Readonly<{ type: "error"; text: string }>;

export type StreamFault = PacketFault | "streamOversized" | "notEncrypted" | "encryptionUnexpected";

export type StreamRead =
  | Readonly<{ kind: "incomplete" }>
  | Readonly<{ kind: "message"; message: StreamMessage; key: GossipKey | undefined }>
  | Readonly<{ kind: "malformed"; fault: StreamFault }>;

export type StreamReader = Readonly<{
  /** Never throws. After a message or a fault the reader is at its end, and says the same again. */
  read: (chunk: Uint8Array) => StreamRead;
}>;

/**
 * Reads the one message that a side sends on a TCP connection, as its octets come in. Memory is BOUNDED by three times
 * MAX_STREAM_OCTETS (received, decrypted, expanded), and by the same once more for members.
 */
export function createStreamReader(rules: PacketRules, maxOctets: number = MAX_STREAM_OCTETS): StreamReader {
  let received: Uint8Array = new Uint8Array(0); // BOUNDED by maxOctets
  let end: StreamRead | undefined;
  const plain = createPlainReader(maxOctets);

  function readAll(): StreamRead {
    const labelled = takeLabel(received);
    if (labelled === "labelTruncated") return { kind: "incomplete" };
    if (labelled === "label") return malformed("label");
    const { label, rest } = labelled;
    if (label !== rules.label) return malformed("label");
    if (rest.length === 0) return { kind: "incomplete" };
    if (rest[0] !== MESSAGE_TYPE.encrypted) {
      if (rules.keys.length > 0 && rules.verifyIncoming) return malformed("notEncrypted");
      return plain.read(rest, undefined, false);
    }
    if (rules.keys.length === 0) return malformed("encryptionUnexpected");
    if (rest.length < 5) return { kind: "incomplete" };
    const length = new DataView(rest.buffer, rest.byteOffset).getUint32(1);
    if (length > maxOctets - 5) return malformed("streamOversized");
    if (length < ENCRYPTION_OCTETS) return malformed("encryptionTruncated");
    if (rest.length < 5 + length) return { kind: "incomplete" };
    const associated = joinOctets([rest.subarray(0, 5), new TextEncoder().encode(label)]);
    const decrypted = decrypt(rules.keys, rest.subarray(5, 5 + length), associated);
    if (!decrypted.ok) return malformed(decrypted.fault);
    return plain.read(decrypted.octets, decrypted.key, true);
  }

  return {
    read(chunk) {
      if (end !== undefined) return end;
      if (received.length + chunk.length > maxOctets) return (end = malformed("streamOversized"));
      received = received.length === 0 ? chunk : joinOctets([received, chunk]);
      const result = readAll();
      if (result.kind === "incomplete") return result;
      received = new Uint8Array(0);
      return (end = result);
    },
  };
}

const malformed = (fault: StreamFault): StreamRead => ({ kind: "malformed", fault });

/** Reads what is not encrypted; what it has read of a push/pull it does not read again when more has come. */
function createPlainReader(maxOctets: number) {
  let header: PushPullHeader | undefined;
  const members: PushedMember[] = []; // BOUNDED by maxOctets: each takes some
  let offset = 1;

  /** `whole`: nothing more can come. */
  function read(octets: Uint8Array, key: GossipKey | undefined, whole: boolean): StreamRead {
    const wait = (fault: MessageFault | PacketFault): StreamRead =>
      fault === "truncated" && !whole ? { kind: "incomplete" } : malformed(fault);
    const said = (message: StreamMessage): StreamRead => ({ kind: "message", message, key });
    switch (octets[0]) {
      case MESSAGE_TYPE.compressed: {
        const expanded = expand(octets, maxOctets);
        if (!expanded.ok) return wait(expanded.fault);
        // One in another would be a way to make much of little.
        if (expanded.value[0] === MESSAGE_TYPE.compressed) return malformed("layers");
        return read(expanded.value, key, true);
      }
      case MESSAGE_TYPE.ping:
      case MESSAGE_TYPE.ack: {
        const message = decodeMessage(octets);
        if (!message.ok) return wait(message.fault);
        return message.value.type === "ping" || message.value.type === "ack"
          ? said(message.value)
          : malformed("messageType");
      }
      case MESSAGE_TYPE.error: {
        const text = readErrorText(octets, 1);
        return text.ok ? said({ type: "error", text: text.value }) : wait(text.fault);
      }
      case MESSAGE_TYPE.pushPull: {
        const fault = readPushPull(octets);
        if (fault !== undefined) return wait(fault);
        return said({ type: "pushPull", join: header?.join ?? false, members });
      }
      case undefined:
        return wait("truncated");
      default:
        return malformed("messageType");
    }
  }

  function readPushPull(octets: Uint8Array): MessageFault | undefined {
    if (header === undefined) {
      const read = readPushPullHeader(octets, offset);
      if (!read.ok) return read.fault;
      ({ value: header, end: offset } = read);
    }
    while (members.length < header.members) {
      const read = readPushedMember(octets, offset);
      if (!read.ok) return read.fault;
      members.push(read.value);
      offset = read.end;
    }
    // The state of an application is waited for, so that the sender is not cut off, and passed over.
    return octets.length - offset < header.userStateOctets ? "truncated" : undefined;
  }

  return { read };
}

/**
 * Inverse of the reader, of a message that is encoded already.
 * @param octets at most MAX_STREAM_OCTETS less 64
 */
export function encodeStream(octets: Uint8Array, { compress, encryption, label }: Omit<PacketForm, "crc">): Uint8Array {
  const plain = compress ? encodeCompressed(compressLzw(octets)) : octets;
  if (encryption === undefined) return label === "" ? plain : joinOctets([labelHeader(label), plain]);
  const length = ENCRYPTION_OCTETS + plain.length;
  const head = Uint8Array.of(
    MESSAGE_TYPE.encrypted,
    length >>> 24,
    (length >> 16) & 0xff,
    (length >> 8) & 0xff,
    length & 0xff,
  );
  const associated = joinOctets([head, new TextEncoder().encode(label)]);
  const sealed = encrypt(encryption.key, encryption.nonce, plain, associated);
  return joinOctets([labelHeader(label), head, sealed]);
}
