import { beforeEach, describe, expect, it } from "vitest";
import {
  announceAddress,
  withdrawAddress,
  type AnnouncedAddress,
  type AnnouncedAddresses,
} from "../../../../src/runtime/layer2/announced-addresses.js";
import { addressKey, formatAddressKey, type AddressKey } from "../../../../src/runtime/layer2/address-key.js";
import {
  answerBatch,
  createDropCounters,
  prepareFramesToSend,
  responderInterface,
} from "../../../../src/runtime/layer2/layer2-protocol.js";
import {
  answerNdp,
  NDP_DROP_REASONS,
  ndpProtocol,
  writeNdpProbe,
} from "../../../../src/runtime/layer2/ndp-responder.js";
import { decodeNdp, encodeNdp, writeChecksum, type NeighborDiscovery } from "../../../../src/runtime/layer2/ndp.js";
import type { FrameSlots } from "../../../../src/runtime/net/frame-slots.js";
import { runs } from "../../runs.js";

const OUR_MAC = "02:4c:41:42:00:02";
const THEIR_MAC = "02:4c:41:42:00:03";
const VIP = "fd77::2";
const OTHER = "fd77::1:0:2"; // of the same solicited-node group
const eth0 = responderInterface("eth0", OUR_MAC);
const key = (address: string): AddressKey => addressKey(address) ?? "";

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
const hexOf = (frame: Uint8Array): string => Buffer.from(frame).toString("hex");

const ASKS: Extract<NeighborDiscovery, { type: 135 }> = {
  type: 135,
  ethernetDestination: "33:33:ff:00:00:02",
  ethernetSource: THEIR_MAC,
  sourceAddress: "fd77::3",
  destinationAddress: "ff02::1:ff00:2",
  targetAddress: VIP,
  linkLayerAddress: THEIR_MAC,
};
const ANSWERS = {
  type: 136,
  ethernetDestination: THEIR_MAC,
  ethernetSource: OUR_MAC,
  sourceAddress: VIP,
  destinationAddress: "fd77::3",
  targetAddress: VIP,
  linkLayerAddress: OUR_MAC,
  router: false,
  solicited: true,
  override: true,
} as const;

function frameOf(message: NeighborDiscovery): Uint8Array {
  const encoded = encodeNdp(message);
  if (!encoded.ok) throw new Error(`cannot encode ${encoded.fault}`);
  return encoded.value;
}

let addresses: AnnouncedAddresses;
beforeEach(() => {
  addresses = new Map();
  announceAddress(addresses, key(VIP), undefined);
  announceAddress(addresses, key("fd77::240"), new Set(["eth1", "eth2"]));
  announceAddress(addresses, key("fd77::241"), undefined);
  withdrawAddress(addresses, key("fd77::241"));
});

/** What comes back for a frame that arrives on eth0, or the reason for nothing. */
function answerTo(frame: Uint8Array, from = eth0, length = frame.length): Uint8Array | string {
  const memory = new DataView(new ArrayBuffer(4096));
  new Uint8Array(memory.buffer).set(frame, 64);
  const out = new Uint8Array(256).fill(0xee); // as after another answer
  const outcome = answerNdp(memory, 64, length, from, addresses, new DataView(out.buffer), 100);
  const untouched = typeof outcome === "string" ? out : Uint8Array.of(...out.subarray(0, 100), ...out.subarray(186));
  expect(untouched.every((octet) => octet === 0xee)).toBe(true);
  return typeof outcome === "string" ? outcome : out.subarray(100, 186);
}

function decoded(answer: Uint8Array | string): unknown {
  if (typeof answer === "string") return answer;
  const result = decodeNdp(answer);
  return result.ok ? result.value : `malformed answer: ${result.fault}`;
}

// Between two Linux machines, of which one has the address.
it.each([
  {
    name: "who asks for the address",
    request: `3333ff000002 024c41420003 86dd 60000000 0020 3aff fd770000000000000000000000000003
      ff0200000000000000000001ff000002 8700 3b17 00000000 fd770000000000000000000000000002 0101 024c41420003`,
    answer: `024c41420003 024c41420002 86dd 60000000 0020 3aff fd770000000000000000000000000002
      fd770000000000000000000000000003 8800 d9a4 60000000 fd770000000000000000000000000002 0201 024c41420002`,
  },
  {
    name: "who is about to take the address",
    request: `3333ff000002 024c41420003 86dd 60000000 0020 3aff 00000000000000000000000000000000
      ff0200000000000000000001ff000002 8700 7bf6 00000000 fd770000000000000000000000000002 0e01 99c2efab69be`,
    answer: `333300000001 024c41420002 86dd 60000000 0020 3aff fd770000000000000000000000000002
      ff020000000000000000000000000001 8800 181c 20000000 fd770000000000000000000000000002 0201 024c41420002`,
  },
])("answers $name octet by octet as the kernel does", ({ request, answer }) => {
  const answered = answerTo(octets(request));
  expect(typeof answered === "string" ? answered : hexOf(answered)).toBe(hexOf(octets(answer)));
});

describe("answerNdp() answers", () => {
  it.each<{ name: string; request: Partial<typeof ASKS>; answer: Partial<Record<keyof typeof ANSWERS, unknown>> }>([
    { name: "a solicitation to the group", request: {}, answer: {} },
    {
      name: "a probe of reachability, which goes to this interface and the address alone",
      request: { ethernetDestination: OUR_MAC, destinationAddress: VIP },
      answer: {},
    },
    {
      name: "the machine of the frame where a probe has no option",
      request: { ethernetDestination: OUR_MAC, destinationAddress: VIP, linkLayerAddress: undefined },
      answer: {},
    },
    { name: "the machine of the frame where a group is asked", request: { linkLayerAddress: undefined }, answer: {} },
    {
      name: "the machine in the option, not that of the frame",
      request: { ethernetSource: "02:00:00:00:00:99" },
      answer: {},
    },
    {
      name: "a link-local address",
      request: { sourceAddress: "fe80::3" },
      answer: { destinationAddress: "fe80::3" },
    },
    {
      name: "a solicitation to all nodes",
      request: { ethernetDestination: "33:33:00:00:00:01", destinationAddress: "ff02::1" },
      answer: {},
    },
    {
      name: "all nodes where somebody is about to take the address",
      request: { sourceAddress: "::", linkLayerAddress: undefined },
      answer: { ethernetDestination: "33:33:00:00:00:01", destinationAddress: "ff02::1", solicited: false },
    },
  ])("$name", ({ request, answer }) => {
    expect(decoded(answerTo(frameOf({ ...ASKS, ...request })))).toEqual({ ...ANSWERS, ...answer });
  });

  it("as a router where IPv6 is forwarded", () => {
    const router = responderInterface("eth0", OUR_MAC, true);
    expect(decoded(answerTo(frameOf(ASKS), router))).toEqual({ ...ANSWERS, router: true });
    const unspecified = frameOf({ ...ASKS, sourceAddress: "::", linkLayerAddress: undefined });
    expect(decoded(answerTo(unspecified, router))).toMatchObject({ router: true, solicited: false, override: true });
  });

  it("for the address on its own interfaces alone, once it is announced on this one too", () => {
    const frame = frameOf({ ...ASKS, targetAddress: "fd77::240" });
    expect(answerTo(frame)).toBe("otherInterface");
    announceAddress(addresses, key("fd77::240"), new Set(["eth0"]));
    expect(decoded(answerTo(frame))).toMatchObject({ sourceAddress: "fd77::240", targetAddress: "fd77::240" });
  });

  it("no more once the address is withdrawn", () => {
    withdrawAddress(addresses, key(VIP));
    expect(answerTo(frameOf(ASKS))).toBe("notAnnounced");
  });
});

/** With the right checksum, whatever else is in it. */
function withOctets(at: number, hex: string, message = ASKS): Uint8Array {
  const frame = frameOf(message);
  frame.set(octets(hex), at);
  const view = new DataView(frame.buffer);
  writeChecksum(view, 0, Math.min(view.getUint16(18), frame.length - 54));
  return frame;
}
const UNSPECIFIED = { ...ASKS, sourceAddress: "::", linkLayerAddress: undefined };
const DROPS: Record<(typeof NDP_DROP_REASONS)[number], { frame: Uint8Array; length?: number }[]> = {
  truncated: [{ frame: frameOf(ASKS).subarray(0, 85) }, { frame: new Uint8Array(0) }],
  oversized: [{ frame: frameOf(ASKS), length: 1537 }],
  etherType: [{ frame: withOctets(12, "0806") }],
  version: [{ frame: withOctets(14, "45") }],
  nextHeader: [{ frame: withOctets(20, "00") }],
  hopLimit: [{ frame: withOctets(21, "fe") }],
  length: [{ frame: withOctets(18, "0010") }],
  checksum: [{ frame: Uint8Array.from(frameOf(ASKS), (octet, at) => (at === 57 ? octet ^ 1 : octet)) }],
  type: [{ frame: withOctets(54, "86") }],
  code: [{ frame: withOctets(55, "01") }],
  targetAddress: [{ frame: withOctets(62, "ff") }],
  option: [{ frame: withOctets(79, "00") }],
  linkLayerAddress: [{ frame: frameOf({ ...ASKS, linkLayerAddress: "33:33:00:00:00:01" }) }],
  sourceAddress: [{ frame: frameOf({ ...ASKS, sourceAddress: "ff02::1" }) }],
  unspecifiedSource: [
    { frame: frameOf({ ...ASKS, sourceAddress: "::" }) },
    { frame: frameOf({ ...UNSPECIFIED, destinationAddress: VIP }) },
  ],
  solicitedFlag: [{ frame: frameOf({ ...ANSWERS, destinationAddress: "ff02::1" }) }],
  advertisement: [{ frame: frameOf(ANSWERS) }],
  ethernetDestination: [
    { frame: frameOf({ ...ASKS, ethernetDestination: "02:4c:41:42:00:04" }) },
    { frame: frameOf({ ...ASKS, ethernetDestination: "00:4c:41:42:00:02" }) },
  ],
  ethernetSource: [{ frame: frameOf({ ...ASKS, ethernetSource: "ff:ff:ff:ff:ff:ff" }) }],
  notAnnounced: [
    { frame: frameOf({ ...ASKS, targetAddress: OTHER }) },
    { frame: frameOf({ ...ASKS, targetAddress: "fd77::241" }) },
    { frame: frameOf({ ...ASKS, targetAddress: "::" }) },
  ],
  otherInterface: [{ frame: frameOf({ ...ASKS, targetAddress: "fd77::240" }) }],
};

it.each(NDP_DROP_REASONS)("answerNdp() drops for the reason %s", (reason) => {
  expect(DROPS[reason].map(({ frame, length }) => answerTo(frame, eth0, length))).toEqual(
    DROPS[reason].map(() => reason),
  );
});

function createSlots(slots: number): FrameSlots {
  return {
    slots,
    slotOctets: 1536,
    received: new DataView(new ArrayBuffer(slots * 1536)),
    receivedOctets: new Uint32Array(slots),
    toSend: new DataView(new ArrayBuffer(slots * 1536)),
    toSendOctets: new Uint32Array(slots),
    sendErrors: new Int32Array(slots),
  };
}

it("answerBatch() packs the answers together, and counts them and the rest", () => {
  const slots = createSlots(4);
  prepareFramesToSend(ndpProtocol, slots);
  const frames = [frameOf(ASKS), frameOf(ANSWERS), frameOf({ ...ASKS, sourceAddress: "fd77::4" })];
  for (const [slot, frame] of frames.entries()) {
    new Uint8Array(slots.received.buffer).set(frame, slot * 1536);
    slots.receivedOctets[slot] = frame.length;
  }
  const drops = createDropCounters(ndpProtocol);
  const answered: AnnouncedAddress[] = [];
  expect(answerBatch(ndpProtocol, slots, frames.length, eth0, addresses, drops, answered)).toBe(2);
  expect(answered.map((address) => formatAddressKey(address.key))).toEqual([VIP, VIP]);
  expect(addresses.get(key(VIP))).toMatchObject({ requestsReceived: 2, responsesSent: 2, gratuitousSent: 0 });
  expect(drops).toEqual({ ...createDropCounters(ndpProtocol), advertisement: 1 });
  expect([...slots.toSendOctets]).toEqual([86, 86, 86, 86]);
  const sent = [0, 1].map((slot) => decoded(new Uint8Array(slots.toSend.buffer, slot * 1536, 86)));
  expect(sent).toMatchObject([{ destinationAddress: "fd77::3" }, { destinationAddress: "fd77::4" }]);
});

it("a burst is one unsolicited advertisement to all nodes, which overrides", () => {
  const out = new Uint8Array(160).fill(0xee);
  ndpProtocol.writeBurst(new DataView(out.buffer), 50, 86, eth0, key(VIP));
  expect(decoded(out.subarray(50, 136))).toEqual({
    ...ANSWERS,
    ethernetDestination: "33:33:00:00:00:01",
    destinationAddress: "ff02::1",
    solicited: false,
  });
  expect([...out.subarray(0, 50), ...out.subarray(136)].every((octet) => octet === 0xee)).toBe(true);
});

/** The rules once more, in other words and from single octets, so that the fuzz below does not believe the code. */
function mustAnswer(frame: Uint8Array, length: number): boolean {
  const has = (at: number, ...expected: number[]): boolean => expected.every((octet, n) => frame[at + n] === octet);
  const payload = ((frame[18] ?? 0) << 8) | (frame[19] ?? 0);
  const end = 54 + payload;
  if (length < end || length > 1536 || payload < 24) return false;
  if (!has(12, 0x86, 0xdd) || (frame[14] ?? 0) >> 4 !== 6 || !has(20, 58, 255) || !has(54, 135, 0)) return false;
  if ((frame[6] ?? 0) & 1 || !has(62, 0xfd, 0x77, ...Array<number>(13).fill(0), 2)) return false;
  if (((frame[0] ?? 0) & 1) === 0 && !has(0, 2, 0x4c, 0x41, 0x42, 0, 2)) return false;
  let sourceOption = false;
  for (let at = 78; at < end;) {
    const octetsOfOption = (frame[at + 1] ?? 0) * 8;
    if (at + 2 > end || octetsOfOption === 0 || at + octetsOfOption > end) return false;
    if (frame[at] === 1 && (octetsOfOption !== 8 || (frame[at + 2] ?? 0) & 1)) return false;
    sourceOption ||= frame[at] === 1;
    at += octetsOfOption;
  }
  if (frame[22] === 0xff) return false;
  if (has(22, ...Array<number>(15).fill(0), 1)) return false;
  const unspecified = has(22, ...Array<number>(16).fill(0));
  if (unspecified && (sourceOption || !has(38, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff))) return false;
  let sum = 58 + payload;
  for (let at = 22; at < end; at += 1) sum += (frame[at] ?? 0) << (at % 2 === 0 ? 8 : 0);
  return sum % 0xffff === 0;
}

it("120,000 mutated frames are answered where they must be, and dropped with a reason where not", () => {
  let state = 0x5eed;
  const random = (below: number): number => {
    state ^= state << 13; // xorshift32: the same in each run
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  const long = Uint8Array.of(...frameOf(ASKS), 14, 2, ...new Uint8Array(14), 200, 1, ...new Uint8Array(6));
  new DataView(long.buffer).setUint16(18, 56);
  writeChecksum(new DataView(long.buffer), 0, 56);
  const seeds = [
    frameOf(ASKS),
    frameOf({ ...ASKS, ethernetDestination: OUR_MAC, destinationAddress: VIP, linkLayerAddress: undefined }),
    frameOf(UNSPECIFIED),
    frameOf(ANSWERS),
    frameOf({ ...ANSWERS, destinationAddress: "ff02::1", solicited: false }),
    frameOf({ ...ASKS, targetAddress: "fd77::240" }),
    long,
  ];
  const interesting = [0, 1, 2, 4, 6, 8, 24, 32, 58, 60, 0x77, 128, 135, 136, 254, 255];
  const drops = createDropCounters(ndpProtocol);
  const memory = new Uint8Array(1536);
  const view = new DataView(memory.buffer);
  const out = new DataView(new ArrayBuffer(86));
  let answers = 0;
  const wrong: string[] = [];
  for (let round = runs(120_000); round > 0; round -= 1) {
    const seed = seeds[random(seeds.length)] ?? memory;
    memory.fill(0, 0, 128).set(seed);
    for (let mutations = random(4); mutations > 0; mutations -= 1) {
      memory[random(seed.length)] = random(2) === 0 ? random(256) : (interesting[random(interesting.length)] ?? 0);
    }
    if (random(4) > 0) writeChecksum(view, 0, Math.min(view.getUint16(18), 200));
    const length = random(16) === 0 ? random(1800) : seed.length + random(2) * 6;
    const outcome = answerNdp(view, 0, length, eth0, addresses, out, 0);
    const answered = typeof outcome !== "string";
    if (answered) answers += 1;
    else drops[outcome] = (drops[outcome] ?? 0) + 1;
    const right = answered === mustAnswer(memory, length) && (!answered || decodeNdp(new Uint8Array(out.buffer)).ok);
    if (!right && wrong.length < 5) wrong.push(`${hexOf(memory.subarray(0, 128))} (${length}): ${String(outcome)}`);
  }
  expect(wrong).toEqual([]);
  expect(answers).toBeGreaterThan(10_000);
  expect(NDP_DROP_REASONS.filter((reason) => drops[reason] === 0)).toEqual([]);
});

it("writeNdpProbe() asks the group of the address, as somebody who has none yet", () => {
  const out = new Uint8Array(90).fill(0xee);
  const target = "fd77::1234:5678:9abc";
  writeNdpProbe(new DataView(out.buffer), 4, eth0, key(target));
  expect(ndpProtocol.probeOctets).toBe(78);
  expect(decodeNdp(out.subarray(4, 82))).toEqual({
    ok: true,
    value: {
      type: 135,
      ethernetDestination: "33:33:ff:78:9a:bc",
      ethernetSource: OUR_MAC,
      sourceAddress: "::",
      destinationAddress: "ff02::1:ff78:9abc",
      targetAddress: target,
      linkLayerAddress: undefined,
    },
  });
  expect([...out.subarray(82)]).toEqual(Array(8).fill(0xee));
});
