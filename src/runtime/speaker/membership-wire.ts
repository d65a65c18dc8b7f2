import { NONCE_OCTETS } from "../membership/encryption.js";
import type { GossipKey, KeyRing } from "../membership/keys.js";
import { decodePacket, encodePacket, type PacketRules } from "../membership/packet.js";
import type { MembershipParameters } from "../membership/parameters.js";
import { createPeerKeys, hearKey, keyFor, keysDiffer, keysToTry, replaceRing } from "../membership/peer-keys.js";
import type { Message } from "../membership/messages.js";
import type { Endpoint } from "../membership/state.js";
import { createStreamReader, encodeStream, type StreamMessage, type StreamReader } from "../membership/stream.js";

/** What was done to octets on their way, by reason. BOUNDED by the reasons there are. */
export type Tally = (reason: string) => void;

export type MembershipWireOptions = Readonly<{
  keys: KeyRing;
  label: string;
  parameters: MembershipParameters;
  randomOctets: (count: number) => Uint8Array;
}>;

/** Messages to octets and back, each peer in the key that it understands. */
export type MembershipWire = Readonly<{
  encodePacket: (messages: readonly Uint8Array[], to: Endpoint, crc: boolean) => Uint8Array;
  decodePacket: (octets: Uint8Array, from: Endpoint, onDrop: Tally) => readonly Message[];
  encodeStream: (octets: Uint8Array, key: GossipKey | undefined) => Uint8Array;
  createReader: () => StreamReader;
  /** A stream was read that `peer` wrote; `port` undefined where it came from any. */
  heard: (address: string, port: number | undefined, key: GossipKey | undefined) => void;
  keysToTry: (to: Endpoint) => readonly (GossipKey | undefined)[];
  /** For what is said to `address` on a stream that came in. */
  answerKey: (address: string, key: GossipKey | undefined) => GossipKey | undefined;
  setKeys: (keys: KeyRing) => void;
  /** Whether members were heard that speak different keys. */
  keysDiffer: () => boolean;
}>;

export function createMembershipWire(options: MembershipWireOptions): MembershipWire {
  const { label, randomOctets } = options;
  const { enableCompression: compress, gossipVerifyIncoming, gossipVerifyOutgoing } = options.parameters;
  const peers = createPeerKeys(options.keys);
  const rules = (): PacketRules => ({ keys: peers.ring, verifyIncoming: gossipVerifyIncoming, label });
  function encryptionWith(key: GossipKey | undefined) {
    if (key === undefined || !gossipVerifyOutgoing) return undefined;
    return { key, nonce: randomOctets(NONCE_OCTETS) };
  }
  return {
    encodePacket(messages, { address, port }, crc) {
      const encryption = encryptionWith(keyFor(peers, address, port));
      return encodePacket(messages, { compress, crc, encryption, label });
    },
    decodePacket(octets, { address, port }, onDrop) {
      const { messages, faults, key } = decodePacket(octets, rules());
      if (key !== undefined) hearKey(peers, address, port, key);
      for (const fault of faults) onDrop(fault);
      return messages;
    },
    encodeStream: (octets, key) => encodeStream(octets, { compress, encryption: encryptionWith(key), label }),
    createReader: () => createStreamReader(rules()),
    heard: (address, port, key) => {
      if (key !== undefined) hearKey(peers, address, port, key);
    },
    keysToTry: ({ address, port }) => (gossipVerifyOutgoing ? keysToTry(peers, address, port) : [undefined]),
    answerKey: (address, key) => key ?? keyFor(peers, address, 0),
    setKeys: (keys) => replaceRing(peers, keys),
    keysDiffer: () => keysDiffer(peers),
  };
}

export type { StreamMessage };
