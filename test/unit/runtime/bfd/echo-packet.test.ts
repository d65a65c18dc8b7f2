import * as fc from "fast-check";
import { expect, it } from "vitest";
import { decodeEchoFrame, ECHO_FRAME_OCTETS, encodeEchoFrame } from "../../../../src/runtime/bfd/echo-packet.js";
import { runs } from "../../runs.js";
import { fromHex, toHex } from "../bgp/hex.js";

const ROUTE = {
  ownMac: fromHex("020000000001"),
  peerMac: fromHex("020000000002"),
  address: Uint8Array.of(10, 0, 0, 1),
  sourcePort: 50_000,
};
const PACKET = { discriminator: 0xfffffffe, secret: 7, sequence: 0x80000000 };
const viewOf = (octets: Uint8Array): DataView => new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
const frame = (): Uint8Array => {
  const octets = new Uint8Array(ECHO_FRAME_OCTETS);
  encodeEchoFrame(viewOf(octets), ROUTE, PACKET);
  return octets;
};

it("goes to the peer by MAC and to ourselves by IP, with a TTL of 255", () => {
  expect(toHex(frame())).toBe(
    [
      "020000000002 020000000001 0800",
      "45c0 0028 0000 4000 ff11 6703 0a000001 0a000001",
      "c350 0ec9 0014 0000",
      "fffffffe 00000007 80000000",
    ]
      .join("")
      .replaceAll(" ", ""),
  );
});

it("is read again as it comes back: by another MAC address, with a TTL that is one less, with what links put behind it", () => {
  const octets = new Uint8Array(60);
  octets.set(frame());
  octets.set(fromHex("020000000001 020000000002"));
  octets[22] = 254;
  expect(decodeEchoFrame(viewOf(octets), 60)).toEqual({ ok: true, value: PACKET });
});

it.each<{ name: string; change: (octets: Uint8Array) => Uint8Array; fault: string }>([
  { name: "cut off", change: (octets) => octets.subarray(0, ECHO_FRAME_OCTETS - 1), fault: "length" },
  { name: "empty", change: () => new Uint8Array(), fault: "length" },
  { name: "with options", change: (octets) => octets.fill(0x46, 14, 15), fault: "header" },
  { name: "of another length", change: (octets) => octets.fill(0x29, 17, 18), fault: "header" },
  { name: "to another port", change: (octets) => octets.fill(0xc8, 37, 38), fault: "header" },
])("is none where it is $name", ({ change, fault }) => {
  const octets = change(frame());
  expect(decodeEchoFrame(viewOf(octets), octets.length)).toEqual({ ok: false, fault });
});

it("never throws, whatever arrives", () => {
  const mutated = fc.tuple(fc.nat(53), fc.nat(255)).map(([at, octet]) => frame().fill(octet, at, at + 1));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), mutated), fc.nat(2000), (octets, onTheWire) => {
      const decoded = decodeEchoFrame(viewOf(octets), onTheWire);
      if (!decoded.ok) expect(["length", "header"]).toContain(decoded.fault);
    }),
    { numRuns: runs(2000) },
  );
});
