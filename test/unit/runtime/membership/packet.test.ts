import { createSecretKey } from "node:crypto";
import { expect, it } from "vitest";
import { encrypt } from "../../../../src/runtime/membership/encryption.js";
import { deriveKeyRing, withKey } from "../../../../src/runtime/membership/keys.js";
import { compressLzw } from "../../../../src/runtime/membership/lzw.js";
import { encodeCompressed, encodeMessage, type Message } from "../../../../src/runtime/membership/messages.js";
import {
  decodePacket,
  encodePacket,
  type PacketForm,
  type PacketRules,
} from "../../../../src/runtime/membership/packet.js";
import { hex, octets } from "./octets.js";

const OPEN: PacketRules = { keys: [], verifyIncoming: true, label: "" };
const PLAIN: PacketForm = { compress: false, crc: false, encryption: undefined, label: "" };
const NONCE = octets("000102030405060708090a0b");
const RING = deriveKeyRing(new TextEncoder().encode("0123456789abcdefghijkl"), "old");
const [OLD_KEY, NEW_KEY] = RING as [(typeof RING)[number], (typeof RING)[number]];
const LOCKED: PacketRules = { ...OPEN, keys: RING };

const ack = (sequence: number): Message => ({ type: "ack", sequence });
const wireAck = (sequence: number): Uint8Array => encodeMessage({ type: "ack", sequence });

it("the keys of both generations are what the releases make of a secret", () => {
  // 22 characters, then the digest of nothing, which begins with e3b0c44298fc1c149afb.
  const text = Buffer.from("0123456789abcdefghijkl").toString("hex");
  expect(OLD_KEY.export().toString("hex")).toBe(text.slice(0, 32));
  expect(NEW_KEY.export().toString("hex")).toBe(`${text}e3b0c44298fc1c149afb`);
  expect(deriveKeyRing(new Uint8Array(), "new")).toEqual([]);
  expect(deriveKeyRing(new Uint8Array(40), "new").map((key) => key.symmetricKeySize)).toEqual([32, 16]);
});

it("withKey() adds a key behind the others, or in front, and never twice", () => {
  const added = createSecretKey(Buffer.alloc(16, 7));
  expect(withKey(RING, added, { primary: false })).toEqual([OLD_KEY, NEW_KEY, added]);
  expect(withKey(RING, NEW_KEY, { primary: true })).toEqual([NEW_KEY, OLD_KEY]);
  expect(withKey(RING, NEW_KEY, { primary: false })).toBe(RING);
});

it("encrypt() is AES-GCM as the releases write it", () => {
  const key = createSecretKey(Buffer.from("0123456789abcdef"));
  const sealed = encrypt(key, new TextEncoder().encode("nonce-12byte"), new TextEncoder().encode("hello"));
  expect(hex(sealed)).toBe("016e6f6e63652d313262797465caf61f4dd2f209db6a1bc259c9f5a946d4fcad474f");
});

it.each<{ name: string; form: PacketForm; rules: PacketRules }>([
  { name: "in clear", form: PLAIN, rules: OPEN },
  { name: "compressed", form: { ...PLAIN, compress: true }, rules: OPEN },
  { name: "with a checksum", form: { ...PLAIN, crc: true, compress: true }, rules: OPEN },
  { name: "with a label", form: { ...PLAIN, label: "fleet" }, rules: { ...OPEN, label: "fleet" } },
  {
    name: "encrypted with the first key",
    form: { ...PLAIN, encryption: { key: OLD_KEY, nonce: NONCE } },
    rules: LOCKED,
  },
  {
    name: "encrypted with the second key, and all else",
    form: { compress: true, crc: true, encryption: { key: NEW_KEY, nonce: NONCE }, label: "fleet" },
    rules: { ...LOCKED, label: "fleet" },
  },
])("decodePacket() undoes encodePacket() $name", ({ form, rules }) => {
  const messages = Array.from({ length: 40 }, (_, sequence) => wireAck(sequence));
  const read = decodePacket(encodePacket(messages, form), rules);
  expect(read).toEqual({ messages: messages.map((_, index) => ack(index)), faults: [], key: form.encryption?.key });
  const [single] = messages;
  expect(decodePacket(encodePacket([single as Uint8Array], form), rules).messages).toEqual([ack(0)]);
});

it("encodePacket() leaves a message uncompressed that would become longer", () => {
  expect(encodePacket([wireAck(1)], { ...PLAIN, compress: true })).toEqual(wireAck(1));
});

it("encodePacket() writes compound messages as the releases do", () => {
  expect(hex(encodePacket([octets("0102"), octets("03")], PLAIN))).toBe("070200020001010203");
});

it("decodePacket() reads a compressed message of the releases", () => {
  // 30 times "abc", which is no message: the type is that of "a".
  const wire = "0982a4416c676f00a3427566bb00c388192390e0c082080f2a34c83061c3850e23429cf8b0a2c380";
  expect(decodePacket(octets(wire), OPEN).faults).toEqual(["messageType"]);
});

const nested = (layers: number): Uint8Array =>
  layers === 0 ? wireAck(1) : Buffer.from([7, 1, ...lengthOf(nested(layers - 1)), ...nested(layers - 1)]);
const lengthOf = ({ length }: Uint8Array): number[] => [length >> 8, length & 0xff];
const bomb = encodeCompressed(compressLzw(new Uint8Array(70_000)));
const halfBomb = encodeCompressed(compressLzw(new Uint8Array(40_000)));
const sealed = encodePacket([wireAck(1)], { ...PLAIN, encryption: { key: OLD_KEY, nonce: NONCE } });
const tampered = Uint8Array.from(sealed, (octet, index) => (index === 20 ? octet ^ 1 : octet));

it.each<{ name: string; wire: Uint8Array; rules?: PacketRules; fault: string }>([
  { name: "nothing", wire: octets(""), fault: "empty" },
  { name: "a label that is not ours", wire: encodePacket([wireAck(1)], { ...PLAIN, label: "x" }), fault: "label" },
  { name: "no label where we have one", wire: wireAck(1), rules: { ...OPEN, label: "fleet" }, fault: "label" },
  { name: "an empty label", wire: octets("f400 0b80"), fault: "label" },
  { name: "a label that ends early", wire: octets("f405 6162"), fault: "labelTruncated" },
  { name: "a wrong checksum", wire: octets("0c 00000000 0b80"), fault: "crc" },
  { name: "clear text where there are keys", wire: wireAck(1), rules: LOCKED, fault: "encryptionVersion" },
  { name: "an encryption of the future", wire: octets("02"), rules: LOCKED, fault: "encryptionVersion" },
  { name: "a short encrypted packet", wire: sealed.subarray(0, 28), rules: LOCKED, fault: "encryptionTruncated" },
  { name: "a tampered packet", wire: tampered, rules: LOCKED, fault: "key" },
  { name: "a packet of other keys", wire: sealed, rules: { ...OPEN, keys: [NEW_KEY] }, fault: "key" },
  { name: "a compound without lengths", wire: octets("07 02 0001"), fault: "compoundTruncated" },
  { name: "an unknown compression", wire: octets("09 82 a4416c676f 01 a3427566 a0"), fault: "compressionAlgorithm" },
  { name: "more than 64 KiB in little", wire: bomb, fault: "lzwOversized" },
  { name: "layers without end", wire: nested(6), fault: "layers" },
])("decodePacket() drops $name", ({ wire, rules = OPEN, fault }) => {
  expect(decodePacket(wire, rules)).toEqual({ messages: [], faults: [fault], key: undefined });
});

it("decodePacket() counts what all parts expand to together", () => {
  const wire = encodePacket([halfBomb, halfBomb], PLAIN);
  expect(decodePacket(wire, OPEN).faults).toEqual(["fieldType", "lzwOversized"].with(0, expect.any(String) as string));
});

it("decodePacket() takes the whole messages of a compound that ends early, and those beside a bad one", () => {
  const wire = encodePacket([wireAck(1), octets("63"), wireAck(2), wireAck(3)], PLAIN);
  expect(decodePacket(wire.subarray(0, wire.length - 1), OPEN)).toMatchObject({
    messages: [ack(1), ack(2)],
    faults: ["messageType", "compoundTruncated"],
  });
});

it("decodePacket() takes clear text where it is told not to insist, and still reads encrypted packets", () => {
  const rules = { ...LOCKED, verifyIncoming: false };
  expect(decodePacket(wireAck(1), rules).messages).toEqual([ack(1)]);
  expect(decodePacket(sealed, rules)).toMatchObject({ messages: [ack(1)], key: OLD_KEY });
});

it("decodePacket() reads the padded encryption of protocol version 1", () => {
  const padded = Buffer.concat([
    wireAck(1),
    Buffer.alloc(16 - (wireAck(1).length % 16), 16 - (wireAck(1).length % 16)),
  ]);
  const wire = encrypt(OLD_KEY, NONCE, padded);
  wire[0] = 0;
  expect(decodePacket(wire, LOCKED).messages).toEqual([ack(1)]);
});
