import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeFrame, encodeFrame, type MessageType } from "../../../../src/runtime/bgp/frame.js";
import { runs } from "../../runs.js";
import { fromHex, toHex } from "./hex.js";

const MARKER = "ff".repeat(16);

describe("decodeFrame", () => {
  it.each<{ name: string; hex: string; type: MessageType; body: string; octets: number }>([
    { name: "KEEPALIVE", hex: `${MARKER}0013 04`, type: 4, body: "", octets: 19 },
    { name: "the first of two", hex: `${MARKER}0013 04 ${MARKER}0013 04`, type: 4, body: "", octets: 19 },
    { name: "NOTIFICATION", hex: `${MARKER}0015 03 0400`, type: 3, body: "0400", octets: 21 },
    { name: "End-of-RIB", hex: `${MARKER}0017 02 00000000`, type: 2, body: "00000000", octets: 23 },
    { name: "ROUTE-REFRESH", hex: `${MARKER}0017 05 00010001`, type: 5, body: "00010001", octets: 23 },
  ])("takes $name off the front", ({ hex, type, body, octets }) => {
    const decoded = decodeFrame(fromHex(hex), false);
    expect(decoded).toMatchObject({ kind: "frame", type, octets });
    expect(decoded.kind === "frame" && toHex(decoded.body)).toBe(body);
  });

  it.each([
    { name: "nothing", hex: "", missingOctets: 19 },
    { name: "a part of the header", hex: MARKER, missingOctets: 3 },
    { name: "a part of the body", hex: `${MARKER}0017 02 0000`, missingOctets: 2 },
  ])("waits for more after $name", ({ hex, missingOctets }) => {
    expect(decodeFrame(fromHex(hex), false)).toEqual({ kind: "incomplete", missingOctets });
  });

  // RFC 4271 §6.1: the code is 1, the data says what was wrong.
  it.each([
    { name: "a marker that is not all ones", hex: `${"ff".repeat(15)}fe001304`, subcode: 1, data: "" },
    { name: "the marker's first wrong octet, at once", hex: "47", subcode: 1, data: "" },
    { name: "a type that does not exist", hex: `${MARKER}0013 06`, subcode: 3, data: "06" },
    { name: "type 0", hex: `${MARKER}0013 00`, subcode: 3, data: "00" },
    { name: "a length below the header's", hex: `${MARKER}0012 04`, subcode: 2, data: "0012" },
    { name: "a KEEPALIVE with a body", hex: `${MARKER}0014 04 00`, subcode: 2, data: "0014" },
    { name: "an OPEN that is too short", hex: `${MARKER}001c 01`, subcode: 2, data: "001c" },
    { name: "an UPDATE that is too short", hex: `${MARKER}0016 02`, subcode: 2, data: "0016" },
    { name: "a NOTIFICATION that is too short", hex: `${MARKER}0014 03`, subcode: 2, data: "0014" },
    { name: "more than 4096 octets", hex: `${MARKER}1001 02`, subcode: 2, data: "1001" },
  ])("refuses $name", ({ hex, subcode, data }) => {
    const decoded = decodeFrame(fromHex(hex), false);
    if (decoded.kind !== "malformed") throw new Error(decoded.kind);
    expect([decoded.fault.errorCode, decoded.fault.errorSubcode, toHex(decoded.fault.data)]).toEqual([
      1,
      subcode,
      data,
    ]);
    expect(decoded.fault.message).toMatch(/^Cannot decode BGP header: /);
  });

  it("takes long messages where both sides said so, but for OPEN and KEEPALIVE", () => {
    expect(decodeFrame(fromHex(`${MARKER}1001 02`), true)).toEqual({ kind: "incomplete", missingOctets: 4097 - 19 });
    expect(decodeFrame(fromHex(`${MARKER}1001 01`), true).kind).toBe("malformed");
    expect(decodeFrame(fromHex(`${MARKER}1001 04`), true).kind).toBe("malformed");
  });
});

it("encodeFrame is the inverse, and refuses what decodeFrame would", () => {
  const type = fc.constantFrom<MessageType>(1, 2, 3, 4, 5);
  fc.assert(
    fc.property(type, fc.uint8Array({ maxLength: 5000 }), fc.boolean(), (one, body, extended) => {
      const encoded = encodeFrame(one, body, extended);
      if (!encoded.ok) {
        expect(encoded.fault.length < encoded.fault.min || encoded.fault.length > encoded.fault.max).toBe(true);
        return;
      }
      expect(decodeFrame(encoded.value, extended)).toEqual({
        kind: "frame",
        type: one,
        body,
        octets: body.length + 19,
      });
    }),
    { numRuns: runs(200) },
  );
});
