import { expect, it } from "vitest";
import { decodeFrame, describeFrame } from "./frames.js";

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
const decode = (hex: string) => decodeFrame({ at: Date.UTC(2026, 0, 1), direction: "in", octets: octets(hex) });

const CLIENT = "024c41420003";
const NODE = "024c41420011";
const SOLICITATION = `60000000 0020 3aff fd010000000000000000000000000003 ff0200000000000000000001ff000240
  8700 0000 00000000 fd010000000000000000000000000240 0101 ${CLIENT}`;
const ADVERTISEMENT = `60000000 0028 3aff fd010000000000000000000000000011 fd010000000000000000000000000003
  8800 0000 60000000 fd010000000000000000000000000240 0e01 000000000000 0201 ${NODE}`;

it.each([
  {
    name: "an ARP request",
    hex: `ffffffffffff ${CLIENT} 0806 0001 0800 06 04 0001 ${CLIENT} c0a80103 000000000000 c0a801f0 ${"00".repeat(18)}`,
    frame: {
      source: "02:4c:41:42:00:03",
      destination: "ff:ff:ff:ff:ff:ff",
      etherType: 0x0806,
      arp: {
        hardwareType: 1,
        protocolType: 0x0800,
        hardwareLength: 6,
        protocolLength: 4,
        operation: 1,
        senderHardwareAddress: "02:4c:41:42:00:03",
        senderProtocolAddress: "192.168.1.3",
        targetHardwareAddress: "00:00:00:00:00:00",
        targetProtocolAddress: "192.168.1.240",
      },
    },
    text: "00:00:00.000 in  02:4c:41:42:00:03 > ff:ff:ff:ff:ff:ff ARP who has 192.168.1.240, tell 192.168.1.3",
  },
  {
    name: "an ARP reply",
    hex: `${CLIENT} ${NODE} 0806 0001 0800 06 04 0002 ${NODE} c0a801f0 ${CLIENT} c0a80103`,
    frame: { arp: { operation: 2, senderHardwareAddress: "02:4c:41:42:00:11", targetProtocolAddress: "192.168.1.3" } },
    text: "00:00:00.000 in  02:4c:41:42:00:11 > 02:4c:41:42:00:03 ARP 192.168.1.240 is at 02:4c:41:42:00:11",
  },
  {
    name: "a TCP SYN, without Ethernet's padding",
    hex: `${NODE} ${CLIENT} 0800 45000028 00014000 4006 0000 c0a80103 c0a801f0
      c350 0050 00000007 00000000 5002 faf0 0000 0000 ${"00".repeat(6)}`,
    frame: {
      ip: { version: 4, source: "192.168.1.3", destination: "192.168.1.240", protocol: 6, ttl: 64 },
      tcp: {
        sourcePort: 50000,
        destinationPort: 80,
        sequence: 7,
        acknowledgment: 0,
        flags: { fin: false, syn: true, rst: false, psh: false, ack: false },
        payload: octets(""),
      },
    },
    text: "192.168.1.3 50000 > 192.168.1.240 80 TCP syn",
  },
  {
    name: "a UDP datagram behind IP options",
    hex: `${NODE} ${CLIENT} 0800 46000022 00010000 4011 0000 c0a80103 c0a801f0 01010101
      1f0a 1f0a 000a 0000 6869 ${"00".repeat(12)}`,
    frame: { udp: { sourcePort: 7946, destinationPort: 7946, payload: octets("6869") } },
    text: "192.168.1.3 7946 > 192.168.1.240 7946 UDP",
  },
  {
    name: "an ICMP error",
    hex: `${NODE} ${CLIENT} 0800 4500001c 00010000 4001 0000 c0a80103 c0a801f0 0301 0000 00000000`,
    frame: { icmp: { version: 4, type: 3, code: 1 } },
    text: "192.168.1.3 > 192.168.1.240 ICMP 3/1",
  },
  {
    name: "a neighbour solicitation",
    hex: `3333ff000240 ${CLIENT} 86dd ${SOLICITATION}`,
    frame: {
      ip: { version: 6, source: "fd01::3", destination: "ff02::1:ff00:240", protocol: 58, ttl: 255 },
      icmp: {
        type: 135,
        neighbor: { targetAddress: "fd01::240", solicited: false, linkLayerAddress: "02:4c:41:42:00:03" },
      },
    },
    text: "fd01::3 > ff02::1:ff00:240 ICMP 135/0 fd01::240",
  },
  {
    name: "a neighbour advertisement, its option behind another",
    hex: `${CLIENT} ${NODE} 86dd ${ADVERTISEMENT}`,
    frame: {
      icmp: {
        type: 136,
        neighbor: {
          targetAddress: "fd01::240",
          router: false,
          solicited: true,
          override: true,
          linkLayerAddress: "02:4c:41:42:00:11",
        },
      },
    },
    text: "fd01::11 > fd01::3 ICMP 136/0 fd01::240",
  },
  {
    name: "a type that it does not know",
    hex: `${NODE} ${CLIENT} 88cc 0000`,
    frame: { etherType: 0x88cc },
    text: "type 0x88cc",
  },
])("decodeFrame() and describeFrame() of $name", ({ hex, frame, text }) => {
  const decoded = decode(hex);
  expect(decoded).toMatchObject(frame);
  expect(decoded.broken).toBeUndefined();
  expect(describeFrame(decoded)).toContain(text);
});

it.each([
  { name: "Ethernet", hex: `${NODE} ${CLIENT} 08`, broken: "shorter than its header" },
  { name: "ARP", hex: `${NODE} ${CLIENT} 0806 0001 0800 06 04 0001`, broken: "ARP of 8 octets" },
  { name: "IPv4", hex: `${NODE} ${CLIENT} 0800 4500`, broken: "IPv4 header cut short" },
  { name: "IPv6", hex: `${NODE} ${CLIENT} 86dd 6000`, broken: "IPv6 header cut short" },
  {
    name: "TCP",
    hex: `${NODE} ${CLIENT} 0800 45000018 00014000 4006 0000 c0a80103 c0a801f0 c3500050`,
    broken: "TCP header cut short",
  },
  {
    name: "neighbour discovery",
    hex: `3333ff000240 ${CLIENT} 86dd 60000000 0008 3aff ${"00".repeat(32)} 8700 0000 00000000`,
    broken: "neighbour discovery cut short",
  },
])("decodeFrame() says that $name is cut short", ({ hex, broken }) => {
  expect(decode(hex).broken).toBe(broken);
  expect(describeFrame(decode(hex))).toContain(`broken: ${broken}`);
});
