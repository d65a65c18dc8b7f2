import { expect, it } from "vitest";
import {
  decodeNdp,
  encodeNdp,
  findNdpFault,
  writeChecksum,
  type NdpFault,
  type NeighborDiscovery,
} from "../../../../src/runtime/layer2/ndp.js";

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));

// Captured between two Linux machines: one asks for the other, is answered, and tries to take its address. A probe of
// reachability without options is as other systems send it.
const ASKS = `3333ff000002 024c41420003 86dd
  60000000 0020 3a ff fd770000000000000000000000000003 ff0200000000000000000001ff000002
  8700 3b17 00000000 fd770000000000000000000000000002 0101 024c41420003`;
const ANSWERS = `024c41420003 024c41420002 86dd
  60000000 0020 3a ff fd770000000000000000000000000002 fd770000000000000000000000000003
  8800 d9a4 60000000 fd770000000000000000000000000002 0201 024c41420002`;
const PROBES = `024c41420002 024c41420003 86dd
  60000000 0018 3a ff fd770000000000000000000000000003 fd770000000000000000000000000002
  8700 0000 00000000 fd770000000000000000000000000002`;
const TAKES = `3333ff000002 024c41420003 86dd
  60000000 0020 3a ff 00000000000000000000000000000000 ff0200000000000000000001ff000002
  8700 7bf6 00000000 fd770000000000000000000000000002 0e01 99c2efab69be`;

/** With the right checksum, whatever else is in it. */
function frame(hex: string, changes: Readonly<Record<number, string>> = {}): Uint8Array {
  const made = octets(hex);
  for (const [at, change] of Object.entries(changes)) made.set(octets(change), Number(at));
  const view = new DataView(made.buffer);
  const length = Math.min(view.getUint16(18), made.length - 54);
  if (length >= 4) writeChecksum(view, 0, length);
  return made;
}

const ADDRESSES = {
  ethernetSource: "02:4c:41:42:00:03",
  sourceAddress: "fd77::3",
  targetAddress: "fd77::2",
} as const;
const MESSAGES: readonly { name: string; octets: Uint8Array; message: NeighborDiscovery }[] = [
  {
    name: "a solicitation to a group",
    octets: octets(ASKS),
    message: {
      type: 135,
      ...ADDRESSES,
      ethernetDestination: "33:33:ff:00:00:02",
      destinationAddress: "ff02::1:ff00:2",
      linkLayerAddress: "02:4c:41:42:00:03",
    },
  },
  {
    name: "an advertisement",
    octets: octets(ANSWERS),
    message: {
      type: 136,
      ethernetDestination: "02:4c:41:42:00:03",
      ethernetSource: "02:4c:41:42:00:02",
      sourceAddress: "fd77::2",
      destinationAddress: "fd77::3",
      targetAddress: "fd77::2",
      linkLayerAddress: "02:4c:41:42:00:02",
      router: false,
      solicited: true,
      override: true,
    },
  },
  {
    name: "a probe of reachability without options",
    octets: frame(PROBES),
    message: {
      type: 135,
      ...ADDRESSES,
      ethernetDestination: "02:4c:41:42:00:02",
      destinationAddress: "fd77::2",
      linkLayerAddress: undefined,
    },
  },
  {
    name: "an advertisement of a router to all nodes, without options",
    octets: frame(PROBES, {
      0: "333300000001",
      38: "ff020000000000000000000000000001",
      54: "8800",
      58: "80",
    }),
    message: {
      type: 136,
      ...ADDRESSES,
      ethernetDestination: "33:33:00:00:00:01",
      destinationAddress: "ff02::1",
      linkLayerAddress: undefined,
      router: true,
      solicited: false,
      override: false,
    },
  },
];

it.each(MESSAGES)("decodeNdp() reads $name, and encodeNdp() writes it", ({ octets: wire, message }) => {
  expect(decodeNdp(wire)).toEqual({ ok: true, value: message });
  expect(encodeNdp(message)).toEqual({ ok: true, value: wire });
});

it("decodeNdp() reads a solicitation of somebody who wants the address, with a nonce, and passes over padding", () => {
  const padded = Uint8Array.of(...octets(TAKES), ...new Uint8Array(9).fill(0xee));
  expect(decodeNdp(padded)).toMatchObject({ ok: true, value: { sourceAddress: "::", linkLayerAddress: undefined } });
});

it("decodeNdp() takes the first of several options of one type", () => {
  const twice = `${ASKS} 0101 024c414200ff`.replace("0020 3a", "0028 3a");
  expect(decodeNdp(frame(twice))).toMatchObject({ ok: true, value: { linkLayerAddress: "02:4c:41:42:00:03" } });
});

const REFUSED: Readonly<Record<NdpFault, readonly Uint8Array[]>> = {
  truncated: [
    new Uint8Array(0),
    octets(ASKS).subarray(0, 53),
    octets(ASKS).subarray(0, 85),
    frame(ASKS, { 18: "0021" }),
    frame(ASKS, { 18: "ffff" }),
  ],
  oversized: [Uint8Array.of(...octets(ASKS), ...new Uint8Array(1451))],
  etherType: [frame(ASKS, { 12: "0800" })],
  version: [frame(ASKS, { 14: "40" })],
  nextHeader: [frame(ASKS, { 20: "00" }), frame(ASKS, { 20: "2c" }), frame(ASKS, { 20: "11" })],
  hopLimit: [frame(ASKS, { 21: "fe" }), frame(ASKS, { 21: "00" }), frame(ASKS, { 21: "01" })],
  length: [frame(ASKS, { 18: "0000" }), frame(ASKS, { 18: "0017" })],
  checksum: [octets(ASKS.replace("3b17", "3b18")), octets(ASKS.replace("3b17", "0000")), octets(PROBES)],
  type: [frame(ASKS, { 54: "85" }), frame(ASKS, { 54: "89" }), frame(ASKS, { 54: "80" })],
  code: [frame(ASKS, { 55: "01" }), frame(ANSWERS, { 55: "ff" })],
  targetAddress: [frame(ASKS, { 62: "ff02" }), frame(ANSWERS, { 62: "ff" })],
  option: [
    frame(ASKS, { 79: "00" }),
    frame(ASKS, { 79: "02" }),
    frame(ASKS, { 78: "0e00" }),
    frame(ASKS, { 18: "0019" }),
    frame(ASKS, { 18: "001f" }),
  ],
  linkLayerAddress: [
    frame(ASKS, { 80: "03" }),
    frame(ASKS, { 80: "ffffffffffff" }),
    frame(`${ASKS} 0000000000000000`.replace("0020 3a", "0028 3a"), { 79: "02" }),
    frame(ANSWERS, { 80: "01" }),
  ],
  sourceAddress: [
    frame(ASKS, { 22: "ff02" }),
    frame(ASKS, { 22: "00000000000000000000000000000001" }),
    frame(ANSWERS, { 22: "00".repeat(16) }),
  ],
  unspecifiedSource: [
    frame(ASKS, { 22: "00".repeat(16) }),
    frame(TAKES, { 38: "fd770000000000000000000000000002" }),
    frame(TAKES, { 38: "ff020000000000000000000000000001" }),
    frame(TAKES, { 38: "ff0500000000000000000001ff000002" }),
  ],
  solicitedFlag: [frame(ANSWERS, { 38: "ff020000000000000000000000000001" })],
};

it.each(Object.keys(REFUSED) as NdpFault[])("decodeNdp() refuses for the reason %s", (fault) => {
  expect(REFUSED[fault].map((wire) => decodeNdp(wire))).toEqual(REFUSED[fault].map(() => ({ ok: false, fault })));
});

it.each<[keyof NeighborDiscovery, string]>([
  ["ethernetDestination", "33:33:ff"],
  ["ethernetSource", ""],
  ["sourceAddress", "192.0.2.1"],
  ["destinationAddress", "::ffff:192.0.2.1"],
  ["targetAddress", "fd77::2/64"],
  ["linkLayerAddress", "02-4c-41-42-00-03"],
])("encodeNdp() names the field %s where it is %j", (field, text) => {
  const [first] = MESSAGES;
  expect(encodeNdp({ ...(first?.message as NeighborDiscovery), [field]: text })).toEqual({ ok: false, fault: field });
});

it("nothing behind the frame is looked at", () => {
  const memory = new Uint8Array(200).fill(0x01); // options without end, if it were
  memory.set(octets(ASKS), 7);
  expect(findNdpFault(new DataView(memory.buffer), 7, 86)).toBeUndefined();
});
