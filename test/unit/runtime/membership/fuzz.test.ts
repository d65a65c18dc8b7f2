import * as fc from "fast-check";
import { expect, it } from "vitest";
import { deriveKeyRing } from "../../../../src/runtime/membership/keys.js";
import { compressLzw } from "../../../../src/runtime/membership/lzw.js";
import { writeFields } from "../../../../src/runtime/membership/messagepack.js";
import { encodeCompressed, MESSAGE_TYPE } from "../../../../src/runtime/membership/messages.js";
import { decodePacket, encodePacket, MAX_EXPANDED_OCTETS } from "../../../../src/runtime/membership/packet.js";
import { createStreamReader, encodeStream } from "../../../../src/runtime/membership/stream.js";
import { runs } from "../../runs.js";
import { readConversations } from "./conversation.js";

const ROUNDS = 600;
const RING = deriveKeyRing(new TextEncoder().encode("secret"), "new");
const [KEY] = RING;
const NONCE = new Uint8Array(12);
const MAX_STREAM = 100_000;

const name = fc.constantFrom("n1", "n2", "", "n".repeat(300), "\u00e4");
const value = fc.oneof(
  fc.constantFrom(0, 1, 5, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_295),
  fc.boolean(),
  name,
  fc.uint8Array({ maxLength: 20 }),
  fc.constant(undefined),
);
const FIELD_NAMES = `SeqNo Node SourceAddr SourcePort SourceNode Target Port Nack Payload Incarnation From Addr Meta Vsn
  Nodes UserStateLen Join Name State Algo Buf Error Other`.split(/\s+/);
const fields = fc
  .dictionary(fc.constantFrom(...FIELD_NAMES), value, { maxKeys: 12 })
  .map((record) => writeFields({ ...record }));

/** A field's map with headers that lie: lengths of 4 GiB, containers without end, octets that mean nothing. */
const lies = fc
  .array(fc.constantFrom(0x81, 0x8f, 0x91, 0xa4, 0xc1, 0xc0, 0xc6, 0xca, 0xc9, 0xdb, 0xdd, 0xdf, 0xde, 0xff, 0x41), {
    maxLength: 40,
  })
  .map((octets) => Uint8Array.from(octets));
const type = fc.oneof(fc.constantFrom(...Object.values(MESSAGE_TYPE)), fc.nat(255));
const message = fc
  .tuple(type, fc.oneof({ weight: 4, arbitrary: fields }, { weight: 1, arbitrary: lies }))
  .map(([first, rest]) => Uint8Array.of(first, ...rest));

/** Messages in messages: compound, compressed, with a checksum that may be wrong, cut off, or with an octet changed. */
const { layered } = fc.letrec<{ layered: Uint8Array }>((tie) => ({
  layered: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    message,
    fc.uint8Array({ maxLength: 60 }),
    fc.array(tie("layered"), { maxLength: 4 }).map((parts) => encodePacket(parts, plain(false))),
    tie("layered").map((octets) => encodeCompressed(compressLzw(octets))),
    fc.nat(200_000).map((length) => encodeCompressed(compressLzw(new Uint8Array(length)))),
    fc.tuple(tie("layered"), fc.boolean()).map(([octets, crc]) => encodePacket([octets], plain(crc))),
    fc.tuple(tie("layered"), fc.nat(300)).map(([octets, length]) => octets.subarray(0, length)),
    fc
      .tuple(tie("layered"), fc.nat(300), fc.nat(255))
      .map(([octets, at, octet]) => octets.map((old, index) => (index === at ? octet : old))),
  ),
}));

function plain(crc: boolean) {
  return { compress: false, crc, encryption: undefined, label: "" };
}

it("decodePacket() answers any octets within its bounds", () => {
  fc.assert(
    fc.property(layered, fc.boolean(), (octets, encrypted) => {
      const encryption = encrypted && KEY !== undefined ? { key: KEY, nonce: NONCE } : undefined;
      const wire = encryption === undefined ? octets : encodePacket([octets], { ...plain(false), encryption });
      const rules = { keys: encrypted ? RING : [], verifyIncoming: true, label: "" };
      const { messages, faults } = decodePacket(wire, rules);
      expect(faults.length).toBeLessThanOrEqual(1025);
      expect(messages.length).toBeLessThanOrEqual(1024);
      for (const { body } of messages.filter((read) => read.type === "user")) {
        expect(body.length).toBeLessThan(MAX_EXPANDED_OCTETS);
      }
    }),
    { numRuns: runs(ROUNDS) },
  );
});

it("the reader of streams answers any octets within its bounds, the same in parts as in one", () => {
  const pushPull = fc
    .tuple(fields, fc.array(fields, { maxLength: 5 }))
    .map(([header, members]) => Uint8Array.of(MESSAGE_TYPE.pushPull, ...header, ...members.flatMap((one) => [...one])));
  fc.assert(
    fc.property(fc.oneof(layered, pushPull), fc.boolean(), fc.integer({ min: 1, max: 50 }), (octets, sealed, part) => {
      const encryption = sealed && KEY !== undefined ? { key: KEY, nonce: NONCE } : undefined;
      const wire = encryption === undefined ? octets : encodeStream(octets, { compress: false, encryption, label: "" });
      const rules = { keys: sealed ? RING : [], verifyIncoming: true, label: "" };
      const whole = createStreamReader(rules, MAX_STREAM).read(wire);
      const reader = createStreamReader(rules, MAX_STREAM);
      let last = reader.read(new Uint8Array());
      for (let at = 0; at < wire.length; at += part) last = reader.read(wire.subarray(at, at + part));
      expect(last).toEqual(whole);
    }),
    { numRuns: runs(ROUNDS / 4) },
  );
});

/** What real members sent, decrypted, with some octets changed, cut out or put in. */
const captured = fc
  .tuple(
    fc.constantFrom(...readConversations().flatMap(({ keys, heard }) => heard.map((one) => ({ ...one, keys })))),
    fc.array(fc.tuple(fc.nat(2000), fc.integer({ min: 0, max: 3 }), fc.nat(255)), { maxLength: 6 }),
  )
  .map(([{ kind, wire, keys }, changes]) => {
    const octets = [...wire];
    for (const [at, removed, added] of changes) {
      octets.splice(at % (octets.length + 1), removed, ...(removed === 3 ? [] : [added]));
    }
    return { kind, keys, octets: Uint8Array.from(octets) };
  });

it("what real members sent is taken or refused, whatever happened to it on its way", () => {
  fc.assert(
    fc.property(captured, ({ kind, keys, octets }) => {
      const rules = { keys, verifyIncoming: true, label: "" };
      if (kind === "packet") {
        const { messages, faults } = decodePacket(octets, rules);
        expect(messages.length + faults.length).toBeLessThanOrEqual(1025);
      } else
        expect(createStreamReader(rules, MAX_STREAM).read(octets).kind).toMatch(/^(message|malformed|incomplete)$/);
    }),
    { numRuns: runs(2 * ROUNDS) },
  );
});
