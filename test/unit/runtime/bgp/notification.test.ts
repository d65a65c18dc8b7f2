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
    { name: "send hold timer expired", hex: "0800", code: 8, subcode: 0, words: "Send Hold Timer Expired" },
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
    const decoded = decodeRouteRefresh(fromHex(hex), true);
    expect(decoded.ok && toHex(encodeRouteRefresh(decoded.value))).toBe(hex);
  });

  // RFC 7313 §5, RFC 4271 §6.1
  it.each([
    {
      name: "one that marks a begin, with the message as data",
      hex: "0001010100",
      enhanced: true,
      answer: "7/1 whole",
    },
    { name: "one that asks, with the length as data", hex: "0001000100", enhanced: true, answer: "1/2 0018" },
    { name: "one that ends before its subtype", hex: "0001", enhanced: true, answer: "1/2 0015" },
    { name: "any, where subtypes mean nothing", hex: "0001010100", enhanced: false, answer: "1/2 0018" },
  ])("refuses another length than 4: $name", ({ hex, enhanced, answer }) => {
    const decoded = decodeRouteRefresh(fromHex(hex), enhanced);
    if (decoded.ok) throw new Error("accepted");
    const { errorCode, errorSubcode, data } = decoded.fault;
    const whole = `${"ff".repeat(16)}001805${hex}`;
    expect(`${errorCode}/${errorSubcode} ${toHex(data) === whole ? "whole" : toHex(data)}`).toBe(answer);
  });

  it("passes over a subtype that is not known, whatever its length, and all subtypes without RFC 7313", () => {
    expect(decodeRouteRefresh(fromHex("000109010000"), true)).toMatchObject({ ok: true, value: { subtype: 9 } });
    expect(decodeRouteRefresh(fromHex("00010901"), false)).toMatchObject({ ok: true, value: { subtype: 0 } });
  });
});
