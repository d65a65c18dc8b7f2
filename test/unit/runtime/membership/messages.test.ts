import { expect, it } from "vitest";
import {
  decodeMessage,
  encodeError,
  encodeMessage,
  encodePushPull,
  readErrorText,
  readPushedMember,
  readPushPullHeader,
  type Message,
  type UserMessage,
} from "../../../../src/runtime/membership/messages.js";
import { hex, octets } from "./octets.js";

const VERSIONS = { min: 1, max: 5, current: 2, delegateMin: 0, delegateMax: 0, delegateCurrent: 0 };
const IPV4 = octets("0a4d0001");
const IPV6 = octets("fd000000000000000000000000000001");
const ASKER = { address: IPV4, port: 7946, node: "n1" };

type Row = Readonly<{ name: string; wire: string; message: Exclude<Message, UserMessage> }>;

// As written by the releases' own library: v0.1.7, and v0.5.1 where a ping says who asks.
const ROWS: readonly Row[] = [
  {
    name: "ping of v0.1.7",
    wire: "00 82 a44e6f6465 a26e32 a55365714e6f 07",
    message: { type: "ping", sequence: 7, node: "n2" },
  },
  {
    name: "ping of v0.1.7 with a name of 40 octets and a large number",
    wire: `00 82 a44e6f6465 da0028 ${"6e".repeat(40)} a55365714e6f ce00011170`,
    message: { type: "ping", sequence: 70_000, node: "n".repeat(40) },
  },
  {
    name: "ping of v0.5.1",
    wire: `00 85 a44e6f6465 a26e32 a55365714e6f 07 aa536f7572636541646472 a40a4d0001 aa536f757263654e6f6465 a26e31
      aa536f75726365506f7274 cd1f0a`,
    message: { type: "ping", sequence: 7, node: "n2", asker: ASKER },
  },
  {
    name: "indirect ping of v0.1.7",
    wire: `01 85 a44e61636b c3 a44e6f6465 a26e32 a4506f7274 cd1f0a a55365714e6f ccc8 a6546172676574
      b000000000000000000000ffff0a4d0001`,
    message: {
      type: "indirectPing",
      sequence: 200,
      node: "n2",
      target: octets("00000000000000000000ffff0a4d0001"),
      port: 7946,
      nack: true,
    },
  },
  {
    name: "indirect ping of v0.5.1",
    wire: `01 88 a44e61636b c3 a44e6f6465 a26e32 a4506f7274 cd1f0a a55365714e6f ccc8 aa536f7572636541646472 a40a4d0001
      aa536f757263654e6f6465 a26e31 aa536f75726365506f7274 cd1f0a a6546172676574 b000000000000000000000ffff0a4d0001`,
    message: {
      type: "indirectPing",
      sequence: 200,
      node: "n2",
      target: octets("00000000000000000000ffff0a4d0001"),
      port: 7946,
      nack: true,
      asker: ASKER,
    },
  },
  {
    name: "ack",
    wire: "02 82 a75061796c6f6164 c0 a55365714e6f ceffffffff",
    message: { type: "ack", sequence: 4_294_967_295 },
  },
  { name: "nack", wire: "0b 81 a55365714e6f cd012c", message: { type: "nack", sequence: 300 } },
  {
    name: "suspect",
    wire: "03 83 a446726f6d a26e31 ab496e6361726e6174696f6e 01 a44e6f6465 a26e32",
    message: { type: "suspect", incarnation: 1, node: "n2", from: "n1" },
  },
  {
    name: "dead",
    wire: "05 83 a446726f6d a26e31 ab496e6361726e6174696f6e 01 a44e6f6465 a26e32",
    message: { type: "dead", incarnation: 1, node: "n2", from: "n1" },
  },
  {
    name: "alive with an IPv4 address",
    wire: `04 86 a441646472 a40a4d0001 ab496e6361726e6174696f6e 02 a44d657461 c0 a44e6f6465 a26e31 a4506f7274 cd1f0a
      a356736e a6010502000000`,
    message: {
      type: "alive",
      incarnation: 2,
      node: "n1",
      address: IPV4,
      port: 7946,
      metadata: octets(""),
      versions: VERSIONS,
    },
  },
  {
    name: "alive with an IPv6 address and 300 octets of metadata",
    wire: `04 86 a441646472 b0fd000000000000000000000000000001 ab496e6361726e6174696f6e 02 a44d657461
      da012c ${"6d".repeat(300)} a44e6f6465 a26e31 a4506f7274 cd1f0a a356736e a6010502000000`,
    message: {
      type: "alive",
      incarnation: 2,
      node: "n1",
      address: IPV6,
      port: 7946,
      metadata: octets("6d".repeat(300)),
      versions: VERSIONS,
    },
  },
];

it.each(ROWS)("decodeMessage() reads and encodeMessage() writes $name", ({ wire, message }) => {
  expect(decodeMessage(octets(wire))).toEqual({ ok: true, value: message });
  expect(hex(encodeMessage(message))).toBe(hex(octets(wire)));
});

it("decodeMessage() takes an alive without versions and with empty metadata", () => {
  const wire = `0486a441646472b0fd000000000000000000000000000001ab496e6361726e6174696f6e02a44d657461a0a44e6f6465a26e31
    a4506f7274cd1f0aa356736ec0`;
  const message = { type: "alive", incarnation: 2, node: "n1", address: IPV6, port: 7946, metadata: octets("") };
  expect(decodeMessage(octets(wire))).toEqual({ ok: true, value: message });
});

it("decodeMessage() passes a user message on as its length", () => {
  expect(decodeMessage(octets("08 010203"))).toEqual({ ok: true, value: { type: "user", body: octets("010203") } });
});

it.each([
  { name: "numbers with a sign", wire: "0b 81 a55365714e6f d1012c", value: { type: "nack", sequence: 300 } },
  { name: "numbers of 64 bits", wire: "0b 81 a55365714e6f cf000000000000012c", value: { type: "nack", sequence: 300 } },
  { name: "texts with 8 bits of length", wire: "0b 81 d9055365714e6f 07", value: { type: "nack", sequence: 7 } },
  { name: "a map with 16 bits of count", wire: "0b de0001 a55365714e6f 07", value: { type: "nack", sequence: 7 } },
  {
    name: "fields that are not known, whatever they hold",
    wire: "0b 86 a55365714e6f 07 a161 9101 a162 81a17801 a163 cb0000000000000000 a164 d60102030405 a165 c403010203",
    value: { type: "nack", sequence: 7 },
  },
  { name: "a missing field as zero", wire: "0b 80", value: { type: "nack", sequence: 0 } },
  { name: "nil as zero", wire: "0b 81 a55365714e6f c0", value: { type: "nack", sequence: 0 } },
])("decodeMessage() reads $name", ({ wire, value }) => {
  expect(decodeMessage(octets(wire))).toEqual({ ok: true, value });
});

it.each([
  { name: "nothing", wire: "", fault: "truncated" },
  { name: "a type without a body", wire: "00", fault: "truncated" },
  { name: "a type that is not of packets", wire: "06 80", fault: "messageType" },
  { name: "an unknown type", wire: "63 80", fault: "messageType" },
  { name: "a body that is no map", wire: "00 c0", fault: "notAMap" },
  { name: "a text that ends early", wire: "00 81 a44e6f6465 a56e", fault: "truncated" },
  { name: "a length of 4 GiB", wire: "00 81 a44e6f6465 dbffffffff", fault: "truncated" },
  { name: "a list of 4 billion", wire: "00 81 a178 ddffffffff c0c0", fault: "truncated" },
  { name: "65 fields", wire: "00 de0041", fault: "tooManyFields" },
  { name: "nesting without end", wire: `00 81 a178 ${"91".repeat(20)}c0`, fault: "nesting" },
  { name: "the octet that means nothing", wire: "00 81 a178 c1", fault: "reservedType" },
  { name: "a name that is a number", wire: "00 81 a44e6f6465 05", fault: "fieldType" },
  { name: "a number that is a text", wire: "00 81 a55365714e6f a131", fault: "fieldType" },
  { name: "a negative number", wire: "00 81 a55365714e6f ff", fault: "fieldRange" },
  { name: "a number above 32 bits", wire: "00 81 a55365714e6f cf0000000100000000", fault: "fieldRange" },
  { name: "a name that is not UTF-8", wire: "00 81 a44e6f6465 a1ff", fault: "text" },
  { name: "a suspect without a name", wire: "03 81 ab496e6361726e6174696f6e 01", fault: "name" },
  { name: "a name of 256 octets", wire: `05 81 a44e6f6465 da0100${"6e".repeat(256)}`, fault: "name" },
  { name: "an alive without an address", wire: "04 81 a44e6f6465 a16e", fault: "address" },
  { name: "an address of 5 octets", wire: "04 82 a44e6f6465 a16e a441646472 a50102030405", fault: "address" },
  {
    name: "metadata of 513 octets",
    wire: `04 83 a44e6f6465 a16e a441646472 a401020304 a44d657461 da0201${"00".repeat(513)}`,
    fault: "metadata",
  },
  {
    name: "four octets of versions",
    wire: "04 83 a44e6f6465 a16e a441646472 a401020304 a356736e a401050200",
    fault: "versions",
  },
  {
    name: "versions from 5 to 1",
    wire: "04 83 a44e6f6465 a16e a441646472 a401020304 a356736e a6050102000000",
    fault: "versions",
  },
])("decodeMessage() refuses $name", ({ wire, fault }) => {
  expect(decodeMessage(octets(wire))).toEqual({ ok: false, fault });
});

it.each([
  { name: "v0.1.7", wire: "06 83 a44a6f696e c3 a54e6f646573 cd012c ac5573657253746174654c656e ce00011170" },
  { name: "v0.5.1", wire: "06 83 a44a6f696e c3 a54e6f646573 d1012c ac5573657253746174654c656e d200011170" },
])("readPushPullHeader() reads that of $name", ({ wire }) => {
  const value = { members: 300, userStateOctets: 70_000, join: true };
  expect(readPushPullHeader(octets(wire), 1)).toEqual({ ok: true, value, end: octets(wire).length });
});

it("encodePushPull() writes what the releases write, and the readers take it back", () => {
  const member = {
    node: "n1",
    address: IPV4,
    port: 7946,
    metadata: octets(""),
    incarnation: 3,
    versions: VERSIONS,
    state: "left",
  } as const;
  const wire = encodePushPull(true, [member]);
  expect(hex(wire)).toBe(
    hex(
      octets(`06 83 a44a6f696e c3 a54e6f646573 01 ac5573657253746174654c656e 00
        87 a441646472 a40a4d0001 ab496e6361726e6174696f6e 03 a44d657461 c0 a44e616d65 a26e31 a4506f7274 cd1f0a
        a55374617465 03 a356736e a6010502000000`),
    ),
  );
  const header = readPushPullHeader(wire, 1);
  expect(header).toMatchObject({ ok: true, value: { members: 1, userStateOctets: 0, join: true } });
  expect(readPushedMember(wire, header.ok ? header.end : 0)).toEqual({ ok: true, value: member, end: wire.length });
});

it("readPushedMember() refuses a state that is none", () => {
  const wire = "83 a441646472 a401020304 a44e616d65 a16e a55374617465 04";
  expect(readPushedMember(octets(wire), 0)).toEqual({ ok: false, fault: "state" });
});

it("readErrorText() undoes encodeError() and cuts what is long", () => {
  expect(hex(encodeError("no"))).toBe("0d81a54572726f72a26e6f");
  expect(readErrorText(encodeError("no"), 1)).toMatchObject({ ok: true, value: "no" });
  expect(readErrorText(encodeError("x".repeat(5000)), 1)).toMatchObject({ ok: true, value: "x".repeat(200) });
});
