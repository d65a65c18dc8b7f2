import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  decodeControlPacket,
  encodeControlPacket,
  SESSION_STATES,
  type ControlPacket,
  type PacketFault,
} from "../../../../src/runtime/bfd/packet.js";
import { runs } from "../../runs.js";
import { fromHex, toHex } from "../bgp/hex.js";

const packet = (fields: Partial<ControlPacket> = {}): ControlPacket => ({
  diagnostic: 0,
  state: "Down",
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  detectMult: 3,
  myDiscriminator: 1,
  yourDiscriminator: 0,
  desiredMinTxMicroseconds: 1_000_000,
  requiredMinRxMicroseconds: 300_000,
  requiredMinEchoRxMicroseconds: 0,
  ...fields,
});

const TAIL = "000f4240 000493e0 00000000";

it.each<{ name: string; hex: string; packet: ControlPacket }>([
  { name: "the first of a session", hex: `20 40 03 18 00000001 00000000 ${TAIL}`, packet: packet() },
  {
    name: "Up, with a poll",
    hex: `20 e0 03 18 00000001 fffffffe ${TAIL}`,
    packet: packet({ state: "Up", poll: true, yourDiscriminator: 0xfffffffe }),
  },
  {
    name: "Down for a reason",
    hex: `23 40 03 18 00000001 00000002 ${TAIL}`,
    packet: packet({ diagnostic: 3, yourDiscriminator: 2 }),
  },
  {
    name: "all flags that may be",
    hex: `20 9a ff 18 80000000 00000002 ${TAIL}`,
    packet: packet({
      state: "Init",
      final: true,
      controlPlaneIndependent: true,
      demand: true,
      detectMult: 255,
      myDiscriminator: 0x80000000,
      yourDiscriminator: 2,
    }),
  },
  {
    name: "AdminDown",
    hex: `27 00 03 18 00000001 00000000 ${TAIL}`,
    packet: packet({ diagnostic: 7, state: "AdminDown" }),
  },
])("both ways: $name", ({ hex, packet: expected }) => {
  expect(decodeControlPacket(fromHex(hex))).toEqual({ ok: true, value: expected });
  expect(toHex(encodeControlPacket(expected))).toBe(hex.replaceAll(" ", ""));
});

it("passes over what stands behind the packet", () => {
  expect(decodeControlPacket(fromHex(`20 40 03 18 00000001 00000000 ${TAIL} ffff`))).toEqual({
    ok: true,
    value: packet(),
  });
});

// RFC 5880 §6.8.6, rule by rule
it.each<{ fault: PacketFault; hex: string }>([
  { fault: "length", hex: "20 40 03 18" },
  { fault: "version", hex: `00 40 03 18 00000001 00000000 ${TAIL}` },
  { fault: "version", hex: `40 40 03 18 00000001 00000000 ${TAIL}` },
  { fault: "length", hex: `20 40 03 17 00000001 00000000 ${TAIL}` },
  { fault: "length", hex: `20 44 03 18 00000001 00000000 ${TAIL}` },
  { fault: "length", hex: `20 40 03 19 00000001 00000000 ${TAIL}` },
  { fault: "detectMult", hex: `20 40 00 18 00000001 00000000 ${TAIL}` },
  { fault: "multipoint", hex: `20 41 03 18 00000001 00000000 ${TAIL}` },
  { fault: "myDiscriminator", hex: `20 40 03 18 00000000 00000000 ${TAIL}` },
  { fault: "yourDiscriminator", hex: `20 80 03 18 00000001 00000000 ${TAIL}` },
  { fault: "yourDiscriminator", hex: `20 c0 03 18 00000001 00000000 ${TAIL}` },
  { fault: "authentication", hex: `20 44 03 1a 00000001 00000000 ${TAIL} 0100` },
  { fault: "pollAndFinal", hex: `20 70 03 18 00000001 00000000 ${TAIL}` },
])("refuses for its $fault: $hex", ({ fault, hex }) => {
  expect(decodeControlPacket(fromHex(hex))).toEqual({ ok: false, fault });
});

it("never throws, and what it takes it can say again", () => {
  const octets = fc.tuple(fc.constantFrom(0x20, 0x23, 0x00), fc.uint8Array({ minLength: 0, maxLength: 40 }));
  fc.assert(
    fc.property(octets, fc.boolean(), ([first, rest], isPlausible) => {
      const input = Uint8Array.of(first, ...rest);
      if (isPlausible && input.length > 3) input[3] = 24;
      const decoded = decodeControlPacket(input);
      if (!decoded.ok) return;
      expect(SESSION_STATES).toContain(decoded.value.state);
      expect(decodeControlPacket(encodeControlPacket(decoded.value))).toEqual(decoded);
    }),
    { numRuns: runs(2000) },
  );
});
