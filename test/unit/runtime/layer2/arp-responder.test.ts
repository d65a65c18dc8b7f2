import { beforeEach, describe, expect, it } from "vitest";
import type { FrameSlots } from "../../../../src/runtime/net/frame-slots.js";
import {
  announceAddress,
  withdrawAddress,
  type AnnouncedAddress,
  type AnnouncedAddresses,
} from "../../../../src/runtime/layer2/announced-addresses.js";
import { formatAddressKey } from "../../../../src/runtime/layer2/address-key.js";
import {
  answerArp,
  arpProtocol,
  DROP_REASONS,
  writeArpProbe,
  writeGratuitousArp,
} from "../../../../src/runtime/layer2/arp-responder.js";
import {
  answerBatch,
  createDropCounters,
  prepareFramesToSend,
  responderInterface,
} from "../../../../src/runtime/layer2/layer2-protocol.js";
import { decodeArp, encodeArp, type ArpPacket } from "../../../../src/runtime/layer2/arp.js";
import { ipv4Key } from "../../../../src/runtime/layer2/ipv4-key.js";
import { runs } from "../../runs.js";

const OUR_MAC = "02:00:00:00:00:0b";
const THEIR_MAC = "02:00:00:00:00:03";
const VIP = "192.168.1.240";
const eth0 = responderInterface("eth0", OUR_MAC);
const key = (address: string): number => ipv4Key(address) ?? Number.NaN;

const REQUEST: ArpPacket = {
  ethernetDestination: "ff:ff:ff:ff:ff:ff",
  ethernetSource: THEIR_MAC,
  operation: 1,
  senderHardwareAddress: THEIR_MAC,
  senderProtocolAddress: "192.168.1.3",
  targetHardwareAddress: "00:00:00:00:00:00",
  targetProtocolAddress: VIP,
};

function frameOf(packet: ArpPacket): Uint8Array {
  const encoded = encodeArp(packet);
  if (!encoded.ok) throw new Error(`cannot encode ${encoded.fault}`);
  return encoded.value;
}

let addresses: AnnouncedAddresses;
beforeEach(() => {
  addresses = new Map();
  announceAddress(addresses, key(VIP), undefined);
  announceAddress(addresses, key("192.168.1.241"), new Set(["eth1", "eth2"]));
  announceAddress(addresses, key("192.168.1.242"), undefined);
  withdrawAddress(addresses, key("192.168.1.242"));
});

/** What comes back for a frame that arrives on eth0: the answer decoded, or the reason for none. */
function answerTo(frame: Uint8Array, octets = frame.length): ArpPacket | string {
  const memory = new DataView(new ArrayBuffer(2048));
  new Uint8Array(memory.buffer).set(frame, 64);
  const out = new Uint8Array(256).fill(0xee);
  const outcome = answerArp(memory, 64, octets, eth0, addresses, new DataView(out.buffer), 100);
  if (typeof outcome === "string") {
    expect(out.every((octet) => octet === 0xee)).toBe(true);
    return outcome;
  }
  expect(out.subarray(0, 100).every((octet) => octet === 0xee)).toBe(true);
  expect(out.subarray(142).every((octet) => octet === 0xee)).toBe(true);
  const decoded = decodeArp(out.subarray(100, 142));
  return decoded.ok ? decoded.value : `malformed answer: ${decoded.fault}`;
}

describe("answerArp() answers", () => {
  const ANSWER: ArpPacket = {
    ethernetDestination: THEIR_MAC,
    ethernetSource: OUR_MAC,
    operation: 2,
    senderHardwareAddress: OUR_MAC,
    senderProtocolAddress: VIP,
    targetHardwareAddress: THEIR_MAC,
    targetProtocolAddress: "192.168.1.3",
  };
  it.each<{ name: string; request: Partial<ArpPacket>; answer: Partial<ArpPacket> }>([
    { name: "a broadcast request", request: {}, answer: {} },
    { name: "a request sent to this interface alone", request: { ethernetDestination: OUR_MAC }, answer: {} },
    {
      name: "a probe from 0.0.0.0",
      request: { senderProtocolAddress: "0.0.0.0" },
      answer: { targetProtocolAddress: "0.0.0.0" },
    },
    {
      name: "another machine's gratuitous request for the address",
      request: { senderProtocolAddress: VIP, targetHardwareAddress: "ff:ff:ff:ff:ff:ff" },
      answer: { targetProtocolAddress: VIP },
    },
    {
      name: "the sender in the packet, not the source of the frame",
      request: { ethernetSource: "02:00:00:00:00:99" },
      answer: {},
    },
    {
      name: "a requester from another network",
      request: { senderProtocolAddress: "203.0.113.9" },
      answer: { targetProtocolAddress: "203.0.113.9" },
    },
  ])("$name", ({ request, answer }) => {
    expect(answerTo(frameOf({ ...REQUEST, ...request }))).toEqual({ ...ANSWER, ...answer });
  });

  it("for the address on its own interfaces alone, once it is announced on this one too", () => {
    const frame = frameOf({ ...REQUEST, targetProtocolAddress: "192.168.1.241" });
    expect(answerTo(frame)).toBe("otherInterface");
    announceAddress(addresses, key("192.168.1.241"), new Set(["eth0"]));
    expect(answerTo(frame)).toMatchObject({ senderProtocolAddress: "192.168.1.241" });
  });

  it("no more once the address is withdrawn", () => {
    withdrawAddress(addresses, key(VIP));
    expect(answerTo(frameOf(REQUEST))).toBe("notAnnounced");
  });
});

const withOctets = (at: number, ...octets: number[]): Uint8Array => {
  const frame = frameOf(REQUEST);
  frame.set(octets, at);
  return frame;
};
const DROPS: Record<(typeof DROP_REASONS)[number], { frame: Uint8Array; octets?: number }[]> = {
  truncated: [{ frame: frameOf(REQUEST).subarray(0, 41) }, { frame: new Uint8Array(0) }],
  oversized: [
    { frame: frameOf(REQUEST), octets: 129 },
    { frame: frameOf(REQUEST), octets: 9000 },
  ],
  etherType: [{ frame: withOctets(12, 0x08, 0x00) }],
  hardwareType: [{ frame: withOctets(14, 0, 7) }],
  protocolType: [{ frame: withOctets(16, 0x86, 0xdd) }],
  addressLengths: [{ frame: withOctets(18, 6, 6) }, { frame: withOctets(18, 255, 255) }],
  operation: [{ frame: withOctets(20, 0, 3) }, { frame: withOctets(20, 1, 1) }],
  reply: [{ frame: frameOf({ ...REQUEST, operation: 2 }) }],
  ethernetDestination: [
    { frame: frameOf({ ...REQUEST, ethernetDestination: "02:00:00:00:00:0c" }) },
    { frame: frameOf({ ...REQUEST, ethernetDestination: "03:00:00:00:00:0b" }) },
    { frame: frameOf({ ...REQUEST, ethernetDestination: "ff:ff:ff:ff:ff:fe" }) },
    { frame: frameOf({ ...REQUEST, ethernetDestination: "01:00:5e:00:00:01" }) },
  ],
  senderHardwareAddress: [
    { frame: frameOf({ ...REQUEST, senderHardwareAddress: "ff:ff:ff:ff:ff:ff" }) },
    { frame: frameOf({ ...REQUEST, senderHardwareAddress: "01:00:5e:00:00:01" }) },
  ],
  notAnnounced: [
    { frame: frameOf({ ...REQUEST, targetProtocolAddress: "192.168.1.243" }) },
    { frame: frameOf({ ...REQUEST, targetProtocolAddress: "192.168.1.242" }) },
    { frame: frameOf({ ...REQUEST, targetProtocolAddress: "0.0.0.0" }) },
  ],
  otherInterface: [{ frame: frameOf({ ...REQUEST, targetProtocolAddress: "192.168.1.241" }) }],
};

it.each(DROP_REASONS)("answerArp() drops for the reason %s", (reason) => {
  expect(DROPS[reason].map(({ frame, octets }) => answerTo(frame, octets))).toEqual(DROPS[reason].map(() => reason));
});

function createSlots(slots: number): FrameSlots {
  return {
    slots,
    slotOctets: 128,
    received: new DataView(new ArrayBuffer(slots * 128)),
    receivedOctets: new Uint32Array(slots),
    toSend: new DataView(new ArrayBuffer(slots * 128).slice(0)),
    toSendOctets: new Uint32Array(slots),
    sendErrors: new Int32Array(slots),
  };
}

it("answerBatch() packs the answers together, and counts them and the rest", () => {
  const slots = createSlots(8);
  new Uint8Array(slots.toSend.buffer).fill(0xee); // as after other frames
  prepareFramesToSend(arpProtocol, slots);
  const frames = [
    frameOf(REQUEST),
    frameOf({ ...REQUEST, operation: 2 }),
    frameOf({ ...REQUEST, targetProtocolAddress: "192.168.1.241" }),
    frameOf({ ...REQUEST, senderProtocolAddress: "192.168.1.4" }),
  ];
  for (const [slot, frame] of frames.entries()) {
    new Uint8Array(slots.received.buffer).set(frame, slot * 128);
    slots.receivedOctets[slot] = frame.length;
  }
  const drops = createDropCounters(arpProtocol);
  const answered: AnnouncedAddress[] = [];
  expect(answerBatch(arpProtocol, slots, frames.length, eth0, addresses, drops, answered)).toBe(2);
  expect(answered.map((address) => formatAddressKey(address.key))).toEqual([VIP, VIP]);
  expect(addresses.get(key(VIP))).toMatchObject({ requestsReceived: 2, responsesSent: 2, gratuitousSent: 0 });
  expect({ ...drops, reply: 0, otherInterface: 0 }).toEqual(createDropCounters(arpProtocol));
  expect(drops).toMatchObject({ reply: 1, otherInterface: 1 });
  const sent = [0, 1].map((slot) => {
    const octets = slots.toSendOctets[slot] ?? 0;
    return new Uint8Array(slots.toSend.buffer, slot * 128, octets);
  });
  expect(sent.map((frame) => frame.length)).toEqual([60, 60]);
  expect(sent.every((frame) => frame.subarray(42).every((octet) => octet === 0))).toBe(true);
  expect(sent.map((frame) => decodeArp(frame))).toMatchObject([
    { ok: true, value: { targetProtocolAddress: "192.168.1.3" } },
    { ok: true, value: { targetProtocolAddress: "192.168.1.4" } },
  ]);
});

it.each([1, 2] as const)("writeGratuitousArp() tells everyone, operation %i", (operation) => {
  const out = new Uint8Array(160);
  writeGratuitousArp(new DataView(out.buffer), 50, eth0, key(VIP), operation);
  expect(decodeArp(out.subarray(50, 110))).toEqual({
    ok: true,
    value: {
      ethernetDestination: "ff:ff:ff:ff:ff:ff",
      ethernetSource: OUR_MAC,
      operation,
      senderHardwareAddress: OUR_MAC,
      senderProtocolAddress: VIP,
      targetHardwareAddress: "ff:ff:ff:ff:ff:ff",
      targetProtocolAddress: VIP,
    },
  });
});

it("writeArpProbe() asks everyone, and tells nobody that it has the address", () => {
  const out = new Uint8Array(60).fill(0xee);
  writeArpProbe(new DataView(out.buffer), 0, eth0, key(VIP));
  expect(decodeArp(out)).toEqual({
    ok: true,
    value: {
      ethernetDestination: "ff:ff:ff:ff:ff:ff",
      ethernetSource: OUR_MAC,
      operation: 1,
      senderHardwareAddress: OUR_MAC,
      senderProtocolAddress: "0.0.0.0",
      targetHardwareAddress: "00:00:00:00:00:00",
      targetProtocolAddress: VIP,
    },
  });
});

it("answerBatch() hands over the requests that somebody else has to answer, and no other frame", () => {
  const slots = createSlots(8);
  const frames = [
    frameOf({ ...REQUEST, targetProtocolAddress: "192.168.1.243" }),
    frameOf(REQUEST),
    frameOf({ ...REQUEST, operation: 2, targetProtocolAddress: "192.168.1.243" }),
    frameOf({ ...REQUEST, targetProtocolAddress: "192.168.1.241" }),
    frameOf(REQUEST).subarray(0, 41),
  ];
  for (const [slot, frame] of frames.entries()) {
    new Uint8Array(slots.received.buffer).set(frame, slot * 128);
    slots.receivedOctets[slot] = frame.length;
  }
  const handed: string[] = [];
  answerBatch(arpProtocol, slots, frames.length, eth0, addresses, createDropCounters(arpProtocol), [], (view, at) =>
    handed.push(formatAddressKey(arpProtocol.requestedAddress(view, at))),
  );
  expect(handed).toEqual(["192.168.1.243", "192.168.1.241"]);
});

/** The rules once more, in other words and from single octets, so that the fuzz below does not believe the code. */
function mustAnswer(frame: Uint8Array, octets: number): boolean {
  const has = (at: number, ...expected: number[]): boolean =>
    expected.every((octet, index) => frame[at + index] === octet);
  return (
    octets >= 42 &&
    octets <= 128 &&
    has(12, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1) &&
    (has(0, 255, 255, 255, 255, 255, 255) || has(0, 2, 0, 0, 0, 0, 11)) &&
    has(38, 192, 168, 1, 240) &&
    (frame[22] ?? 0) % 2 === 0
  );
}

it("a million mutated frames are answered where they must be, and dropped with a reason where not", () => {
  let state = 0x5eed;
  const random = (below: number): number => {
    state ^= state << 13; // xorshift32: the same million in each run
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  const seeds = [
    frameOf(REQUEST),
    frameOf({ ...REQUEST, ethernetDestination: OUR_MAC }),
    frameOf({ ...REQUEST, operation: 2 }),
    frameOf({ ...REQUEST, targetProtocolAddress: "192.168.1.241" }),
  ];
  const frames = runs(1_000_000);
  const interesting = [0, 1, 2, 4, 6, 8, 11, 168, 192, 240, 255];
  const drops = createDropCounters(arpProtocol);
  const memory = new Uint8Array(128);
  const view = new DataView(memory.buffer);
  const out = new DataView(new ArrayBuffer(60));
  let answers = 0;
  const wrong: string[] = [];
  for (let round = 0; round < frames; round += 1) {
    memory.set(seeds[random(seeds.length)] ?? memory);
    for (let mutations = random(4); mutations > 0; mutations -= 1) {
      memory[random(42)] = random(2) === 0 ? random(256) : (interesting[random(interesting.length)] ?? 0);
    }
    const octets = random(16) === 0 ? random(200) : 60;
    const outcome = answerArp(view, 0, octets, eth0, addresses, out, 0);
    const answered = typeof outcome !== "string";
    if (answered) answers += 1;
    else drops[outcome] = (drops[outcome] ?? 0) + 1;
    const right = answered === mustAnswer(memory, octets) && (!answered || isAnswerTo(memory, out));
    if (!right && wrong.length < 5)
      wrong.push(`${Buffer.from(memory).toString("hex")} (${octets}): ${String(outcome)}`);
    if (round % 4 === 0) {
      const decoded = decodeArp(memory.subarray(0, Math.min(octets, 128)));
      const refused = ["truncated", "etherType", "hardwareType", "protocolType", "addressLengths", "operation"];
      const agrees = octets > 128 || decoded.ok !== (typeof outcome === "string" && refused.includes(outcome));
      if (!agrees && wrong.length < 5) wrong.push(`${Buffer.from(memory).toString("hex")}: decoded otherwise`);
    }
  }
  expect(wrong).toEqual([]);
  expect(answers).toBeGreaterThan(100_000);
  expect(DROP_REASONS.filter((reason) => drops[reason] === 0)).toEqual([]);
});

function isAnswerTo(request: Uint8Array, answer: DataView): boolean {
  const reply = new Uint8Array(answer.buffer);
  const same = (a: number, b: number, octets: number): boolean =>
    Array.from({ length: octets }, (_, index) => reply[a + index] === request[b + index]).every(Boolean);
  return (
    same(0, 22, 6) &&
    same(32, 22, 6) &&
    same(38, 28, 4) &&
    same(28, 38, 4) &&
    reply[21] === 2 &&
    [6, 22].every((at) => reply[at] === 2 && reply[at + 5] === 11)
  );
}
