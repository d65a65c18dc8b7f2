import { expect, it } from "vitest";
import { readAskedRecords } from "../../lab/asked-record.js";

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
// at, address 10.77.128.1, kind, round, late by 1,500 µs or a MAC address, nothing
const ASKED = "40420f0000000000 01804d0a 0100 0700 dc05 00000000 0000";
const ANSWERED = "80841e0000000000 01804d0a 0200 ff00 024c41420011 0000";
const CLAIMED = "80841e0000000000 01804d0a 0300 0000 024c41420012 0000";

it.each([
  {
    name: "a request",
    hex: ASKED,
    record: { kind: "asked", at: 1, address: "10.77.128.1", round: 7, lateMs: 1.5 },
  },
  {
    name: "an answer",
    hex: ANSWERED,
    record: { kind: "answered", at: 2, address: "10.77.128.1", round: 255, mac: "02:4c:41:42:00:11" },
  },
  {
    name: "a claim",
    hex: CLAIMED,
    record: { kind: "claimed", at: 2, address: "10.77.128.1", mac: "02:4c:41:42:00:12" },
  },
])("readAskedRecords() reads $name", ({ hex, record }) => {
  expect(readAskedRecords(octets(hex))).toEqual({ records: [record], octets: 24 });
});

it("readAskedRecords() leaves a part of a record for the next time", () => {
  const { records, octets: taken } = readAskedRecords(octets(`${ASKED} ${ANSWERED} ${CLAIMED.slice(0, 20)}`));
  expect([records.map(({ kind }) => kind), taken]).toEqual([["asked", "answered"], 48]);
});
