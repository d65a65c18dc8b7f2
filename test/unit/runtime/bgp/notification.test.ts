import { describe, expect, it } from "vitest";
import {
  administrativeCease,
  decodeNotification,
  encodeNotification,
  nameNotification,
} from "../../../../src/runtime/bgp/notification.js";
import { decodeRouteRefresh, encodeRouteRefresh } from "../../../../src/runtime/bgp/route-refresh.js";
import { fromHex, toHex } from "./hex.js";

describe("NOTIFICATION", () => {
  it.each([
    { name: "hold timer expired", hex: "0400", code: 4, subcode: 0, words: "Hold Timer Expired" },
    { name: "bad peer AS", hex: "0202", code: 2, subcode: 2, words: "OPEN Message Error: Bad Peer AS" },
    {
      name: "a subcode that the registry lacks",
      hex: "03630a",
      code: 3,
      subcode: 99,
      words: "UPDATE Message Error: subcode 99",
    },
    { name: "a code that the registry lacks", hex: "6301", code: 99, subcode: 1, words: "error code 99: subcode 1" },
  ])("both ways: $name", ({ hex, code, subcode, words }) => {
    const message = decodeNotification(fromHex(hex));
    expect(message).toEqual({ errorCode: code, errorSubcode: subcode, data: fromHex(hex).slice(2) });
    expect([toHex(encodeNotification(message)), nameNotification(message)]).toEqual([hex, words]);
  });

  // RFC 9003 §2
  it.each([
    { name: "an operator's words", hex: "0602 05 68656c6c6f", communication: "hello" },
    { name: "words of a reset", hex: "0604 02 c3a9", communication: "é" },
    { name: "control characters as blanks", hex: "0602 03 611b62", communication: "a b" },
    { name: "none", hex: "0602", communication: undefined },
    { name: "none where the length is wrong", hex: "0602 05 6865", communication: undefined },
    { name: "none where it is not UTF-8", hex: "0602 01 ff", communication: undefined },
    { name: "none with another subcode", hex: "0603 02 6865", communication: undefined },
  ])("reads $name", ({ hex, communication }) => {
    expect(decodeNotification(fromHex(hex)).communication).toBe(communication);
  });

  it("carries an operator's words, cut between characters where they are too long", () => {
    const message = administrativeCease(2, "é".repeat(200));
    expect(message.data.length).toBe(255);
    expect(decodeNotification(encodeNotification(message))).toEqual(message);
    expect(message.communication).toBe("é".repeat(127));
    expect(administrativeCease(2, "").data.length).toBe(0);
  });
});

describe("ROUTE-REFRESH", () => {
  it.each(["00010001", "00020101", "00190246"])("both ways: %s", (hex) => {
    const decoded = decodeRouteRefresh(fromHex(hex));
    expect(decoded.ok && toHex(encodeRouteRefresh(decoded.value))).toBe(hex);
  });

  it("refuses another length than 4, with the message as data", () => {
    const decoded = decodeRouteRefresh(fromHex("0001000100"));
    if (decoded.ok) throw new Error("accepted");
    expect([decoded.fault.errorCode, decoded.fault.errorSubcode]).toEqual([7, 1]);
    expect(toHex(decoded.fault.data)).toBe(`${"ff".repeat(16)}0018050001000100`);
  });
});
