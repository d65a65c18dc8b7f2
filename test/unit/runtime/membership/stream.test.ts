import { expect, it } from "vitest";
import { deriveKeyRing } from "../../../../src/runtime/membership/keys.js";
import { compressLzw } from "../../../../src/runtime/membership/lzw.js";
import {
  encodeCompressed,
  encodeError,
  encodeMessage,
  encodePushPull,
  type PushedMember,
} from "../../../../src/runtime/membership/messages.js";
import type { PacketRules } from "../../../../src/runtime/membership/packet.js";
import { createStreamReader, encodeStream, type StreamRead } from "../../../../src/runtime/membership/stream.js";
import { octets } from "./octets.js";

const NONCE = octets("000102030405060708090a0b");
const RING = deriveKeyRing(new TextEncoder().encode("secret"), "new");
const [PRIMARY, OTHER] = RING as [(typeof RING)[number], (typeof RING)[number]];
const OPEN: PacketRules = { keys: [], verifyIncoming: true, label: "" };
const LOCKED: PacketRules = { ...OPEN, keys: RING };

const MEMBERS = Array.from({ length: 30 }, (_, index): PushedMember => {
  const versions = { min: 1, max: 5, current: 2, delegateMin: 0, delegateMax: 0, delegateCurrent: 0 };
  const address = Uint8Array.of(10, 0, 0, index);
  return { node: `n${index}`, address, port: 7946, metadata: octets(""), incarnation: index, versions, state: "alive" };
});
const PUSH_PULL = encodePushPull(true, MEMBERS);
const SAID = { type: "pushPull", join: true, members: MEMBERS };

/** Reads a stream that comes in parts of some octets. */
function readInParts(wire: Uint8Array, rules: PacketRules, part: number): StreamRead {
  const reader = createStreamReader(rules);
  let result: StreamRead = { kind: "incomplete" };
  for (let at = 0; at < wire.length; at += part) {
    result = reader.read(wire.subarray(at, at + part));
    if (at + part < wire.length) expect(result.kind).toBe("incomplete");
  }
  return result;
}

it.each([
  { name: "in clear", form: { compress: false, encryption: undefined, label: "" }, rules: OPEN },
  { name: "compressed", form: { compress: true, encryption: undefined, label: "" }, rules: OPEN },
  {
    name: "encrypted",
    form: { compress: false, encryption: { key: PRIMARY, nonce: NONCE }, label: "" },
    rules: LOCKED,
  },
  {
    name: "encrypted with the other key, compressed, with a label",
    form: { compress: true, encryption: { key: OTHER, nonce: NONCE }, label: "fleet" },
    rules: { ...LOCKED, label: "fleet" },
  },
])("the reader undoes encodeStream() $name, however it comes in", ({ form, rules }) => {
  const wire = encodeStream(PUSH_PULL, form);
  for (const part of [1, 7, 500, wire.length]) {
    const expected = { kind: "message", message: SAID, key: form.encryption?.key };
    expect(readInParts(wire, rules, part)).toEqual(expected);
  }
});

it.each([
  { name: "a ping", wire: encodeMessage({ type: "ping", sequence: 3, node: "n1" }), type: "ping" },
  { name: "an ack", wire: encodeMessage({ type: "ack", sequence: 3 }), type: "ack" },
  { name: "an error", wire: encodeError("no"), type: "error" },
])("the reader takes $name", ({ wire, type }) => {
  expect(readInParts(wire, OPEN, 1)).toMatchObject({ kind: "message", message: { type } });
});

it("the reader waits for the state of an application, and passes it over", () => {
  const header = "06 83 a44a6f696e c2 a54e6f646573 00 ac5573657253746174654c656e 03";
  expect(createStreamReader(OPEN).read(octets(`${header} 0102`)).kind).toBe("incomplete");
  expect(createStreamReader(OPEN).read(octets(`${header} 010203`))).toMatchObject({ message: { members: [] } });
});

const bomb = encodeCompressed(compressLzw(new Uint8Array(5_000_000)));

it.each<{ name: string; wire: Uint8Array; rules?: PacketRules; fault: string }>([
  { name: "a type that has no business on a stream", wire: octets("0380"), fault: "messageType" },
  { name: "a label that is not ours", wire: octets("f40161 0080"), fault: "label" },
  { name: "clear text where there are keys", wire: PUSH_PULL, rules: LOCKED, fault: "notEncrypted" },
  { name: "encryption where there are none", wire: octets("0a00000040"), fault: "encryptionUnexpected" },
  { name: "an encrypted length of 4 GiB", wire: octets("0affffffff"), rules: LOCKED, fault: "streamOversized" },
  { name: "an encrypted length of nothing", wire: octets("0a00000001"), rules: LOCKED, fault: "encryptionTruncated" },
  { name: "5 MB in little", wire: bomb, fault: "lzwOversized" },
  { name: "compression in compression", wire: encodeCompressed(compressLzw(bomb)), fault: "layers" },
  {
    name: "a compressed push/pull that lacks members",
    wire: encodeCompressed(compressLzw(PUSH_PULL.subarray(0, 200))),
    fault: "truncated",
  },
])("the reader refuses $name", ({ wire, rules = OPEN, fault }) => {
  expect(createStreamReader(rules).read(wire)).toEqual({ kind: "malformed", fault });
});

it("the reader refuses a tampered stream: its length is authenticated too", () => {
  const wire = encodeStream(PUSH_PULL, { compress: false, encryption: { key: PRIMARY, nonce: NONCE }, label: "" });
  const flipped = wire.map((octet, index) => (index === wire.length - 1 ? octet ^ 1 : octet));
  expect(createStreamReader(LOCKED).read(flipped)).toEqual({ kind: "malformed", fault: "key" });
});

it("the reader gives up at its bound, and says the same from then on", () => {
  const reader = createStreamReader(OPEN, 100);
  expect(reader.read(PUSH_PULL.subarray(0, 90)).kind).toBe("incomplete");
  expect(reader.read(PUSH_PULL.subarray(90, 200))).toEqual({ kind: "malformed", fault: "streamOversized" });
  expect(reader.read(octets(""))).toEqual({ kind: "malformed", fault: "streamOversized" });
});
