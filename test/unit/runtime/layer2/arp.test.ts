import { expect, it } from "vitest";
import { decodeArp, encodeArp, type ArpPacket } from "../../../../src/runtime/layer2/arp.js";

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const PADDING = "00".repeat(18);
const HEADER = "0001 0800 06 04";

it.each<{ name: string; hex: string; packet: ArpPacket }>([
  {
    name: "a broadcast request",
    hex: `ffffffffffff 020000000003 0806 ${HEADER} 0001 020000000003 c0a80103 000000000000 c0a801f0 ${PADDING}`,
    packet: {
      ethernetDestination: "ff:ff:ff:ff:ff:ff",
      ethernetSource: "02:00:00:00:00:03",
      operation: 1,
      senderHardwareAddress: "02:00:00:00:00:03",
      senderProtocolAddress: "192.168.1.3",
      targetHardwareAddress: "00:00:00:00:00:00",
      targetProtocolAddress: "192.168.1.240",
    },
  },
  {
    name: "a unicast reply",
    hex: `020000000003 02000000000b 0806 ${HEADER} 0002 02000000000b c0a801f0 020000000003 c0a80103 ${PADDING}`,
    packet: {
      ethernetDestination: "02:00:00:00:00:03",
      ethernetSource: "02:00:00:00:00:0b",
      operation: 2,
      senderHardwareAddress: "02:00:00:00:00:0b",
      senderProtocolAddress: "192.168.1.240",
      targetHardwareAddress: "02:00:00:00:00:03",
      targetProtocolAddress: "192.168.1.3",
    },
  },
  {
    name: "a probe, from 0.0.0.0 (RFC 5227 §2.1.1)",
    hex: `ffffffffffff 020000000003 0806 ${HEADER} 0001 020000000003 00000000 000000000000 ffffffff ${PADDING}`,
    packet: {
      ethernetDestination: "ff:ff:ff:ff:ff:ff",
      ethernetSource: "02:00:00:00:00:03",
      operation: 1,
      senderHardwareAddress: "02:00:00:00:00:03",
      senderProtocolAddress: "0.0.0.0",
      targetHardwareAddress: "00:00:00:00:00:00",
      targetProtocolAddress: "255.255.255.255",
    },
  },
  {
    name: "a frame whose source is not the sender it speaks for",
    hex: `ffffffffffff 02000000aaaa 0806 ${HEADER} 0001 02000000bbbb 0a000001 ffffffffffff 0a000001 ${PADDING}`,
    packet: {
      ethernetDestination: "ff:ff:ff:ff:ff:ff",
      ethernetSource: "02:00:00:00:aa:aa",
      operation: 1,
      senderHardwareAddress: "02:00:00:00:bb:bb",
      senderProtocolAddress: "10.0.0.1",
      targetHardwareAddress: "ff:ff:ff:ff:ff:ff",
      targetProtocolAddress: "10.0.0.1",
    },
  },
])("decodeArp() and encodeArp() agree on $name", ({ hex, packet }) => {
  expect(decodeArp(octets(hex))).toEqual({ ok: true, value: packet });
  expect(encodeArp(packet)).toEqual({ ok: true, value: octets(hex) });
});

const REQUEST = `ffffffffffff 020000000003 0806 ${HEADER} 0001 020000000003 c0a80103 000000000000 c0a801f0`;

it.each([
  { name: "takes a packet without padding", hex: REQUEST },
  { name: "takes a packet with a trailer of any content", hex: `${REQUEST} ${"5a".repeat(86)}` },
])("decodeArp() $name", ({ hex }) => {
  expect(decodeArp(octets(hex))).toMatchObject({ ok: true, value: { targetProtocolAddress: "192.168.1.240" } });
});

it.each([
  { fault: "truncated", hex: "" },
  { fault: "truncated", hex: REQUEST.slice(0, -2) },
  { fault: "oversized", hex: `${REQUEST} ${"00".repeat(87)}` },
  { fault: "etherType", hex: REQUEST.replace(" 0806 ", " 0800 ") },
  { fault: "etherType", hex: REQUEST.replace(" 0806 ", " 8100 ") },
  { fault: "hardwareType", hex: REQUEST.replace("0001 0800", "0006 0800") },
  { fault: "protocolType", hex: REQUEST.replace("0001 0800", "0001 86dd") },
  { fault: "addressLengths", hex: REQUEST.replace("06 04", "08 04") },
  { fault: "addressLengths", hex: REQUEST.replace("06 04", "06 10") },
  { fault: "addressLengths", hex: REQUEST.replace("06 04", "00 00") },
  { fault: "addressLengths", hex: REQUEST.replace("06 04", "ff ff") },
  { fault: "operation", hex: REQUEST.replace("06 04 0001", "06 04 0000") },
  { fault: "operation", hex: REQUEST.replace("06 04 0001", "06 04 0003") },
  { fault: "operation", hex: REQUEST.replace("06 04 0001", "06 04 0101") },
])("decodeArp() refuses: $fault ($hex)", ({ fault, hex }) => {
  expect(decodeArp(octets(hex))).toEqual({ ok: false, fault });
});

it("decodeArp() reads a frame that lies in the middle of a larger memory", () => {
  const memory = new Uint8Array(100).fill(0xee);
  memory.set(octets(REQUEST), 7);
  expect(decodeArp(memory.subarray(7, 49))).toEqual(decodeArp(octets(REQUEST)));
});

it.each([
  { field: "senderHardwareAddress", value: "02:00:00:00:03" },
  { field: "targetHardwareAddress", value: "02:00:00:00:00:zz" },
  { field: "ethernetDestination", value: "" },
  { field: "senderProtocolAddress", value: "192.168.1.256" },
  { field: "targetProtocolAddress", value: "2001:db8::1" },
])("encodeArp() refuses a $field of $value", ({ field, value }) => {
  const decoded = decodeArp(octets(REQUEST));
  if (!decoded.ok) throw new Error("the request is good");
  expect(encodeArp({ ...decoded.value, [field]: value })).toEqual({ ok: false, fault: field });
});
