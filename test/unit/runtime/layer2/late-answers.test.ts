import { expect, it } from "vitest";
import { addressKey, type AddressKey } from "../../../../src/runtime/layer2/address-key.js";
import {
  announceAddress,
  withdrawAddress,
  type AnnouncedAddresses,
} from "../../../../src/runtime/layer2/announced-addresses.js";
import { arpProtocol } from "../../../../src/runtime/layer2/arp-responder.js";
import { encodeArp } from "../../../../src/runtime/layer2/arp.js";
import { answerBatch, createDropCounters, responderInterface } from "../../../../src/runtime/layer2/layer2-protocol.js";
import { ndpProtocol } from "../../../../src/runtime/layer2/ndp-responder.js";
import { encodeNdp, writeChecksum } from "../../../../src/runtime/layer2/ndp.js";
import { createRecentRequests, rememberRequest, takeRequests } from "../../../../src/runtime/layer2/recent-requests.js";
import type { FrameSlots } from "../../../../src/runtime/net/frame-slots.js";
import { runs } from "../../runs.js";

const OURS = "02:00:00:00:00:0b";
const eth0 = responderInterface("eth0", OURS);

const request = encodeArp({
  ethernetDestination: "ff:ff:ff:ff:ff:ff",
  ethernetSource: "02:00:00:00:00:03",
  operation: 1,
  senderHardwareAddress: "02:00:00:00:00:03",
  senderProtocolAddress: "192.0.2.9",
  targetHardwareAddress: "00:00:00:00:00:00",
  targetProtocolAddress: "192.0.2.1",
});
const solicitation = encodeNdp({
  type: 135,
  ethernetDestination: "33:33:ff:00:00:01",
  ethernetSource: "02:00:00:00:00:03",
  sourceAddress: "2001:db8::9",
  destinationAddress: "ff02::1:ff00:1",
  targetAddress: "2001:db8::1",
  linkLayerAddress: "02:00:00:00:00:03",
});

function slotsWith(frame: Uint8Array): FrameSlots {
  const received = new Uint8Array(128);
  received.set(frame.subarray(0, 128));
  return {
    slots: 1,
    slotOctets: 128,
    received: new DataView(received.buffer),
    receivedOctets: Uint32Array.of(frame.length),
    toSend: new DataView(new ArrayBuffer(128)),
    toSendOctets: new Uint32Array(1),
    sendErrors: new Int32Array(1),
  };
}

it.each([
  { protocol: arpProtocol, seed: request, vip: "192.0.2.1", rounds: 4_000 },
  { protocol: ndpProtocol, seed: solicitation, vip: "2001:db8::1", rounds: 4_000 },
])("$protocol.name: whatever arrives is answered late as it would have been in time, or not at all", (row) => {
  const { protocol, seed, rounds } = row;
  if (!seed.ok) throw new Error(seed.fault);
  let state = 0x5eed;
  const random = (below: number): number => {
    state ^= state << 13; // xorshift32: the same in each run
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  const vip: AddressKey = addressKey(row.vip) ?? "";
  const addresses: AnnouncedAddresses = new Map();
  const recent = createRecentRequests(protocol.requestForm);
  const drops = createDropCounters(protocol);
  let answers = 0;
  for (let round = 0; round < runs(rounds); round += 1) {
    const frame = Uint8Array.from([...seed.value, ...new Uint8Array(random(16) === 0 ? random(12) : 0)]);
    for (let mutations = random(4); mutations > 0; mutations -= 1) frame[random(frame.length)] = random(256);
    if (protocol === ndpProtocol && random(2) === 0) writeChecksum(new DataView(frame.buffer), 0, 32);
    const cut = random(16) === 0 ? frame.subarray(0, random(frame.length)) : frame;
    const early = slotsWith(cut);
    withdrawAddress(addresses, vip);
    answerBatch(protocol, early, 1, eth0, addresses, drops, [], (view, offset, octets) =>
      rememberRequest(recent, protocol.requestedAddress(view, offset), view, offset, octets, 1, round),
    );
    announceAddress(addresses, vip, undefined);
    const inTime = slotsWith(cut);
    const expected = answerBatch(protocol, inTime, 1, eth0, addresses, drops, []) === 1 ? [inTime.toSend.buffer] : [];
    const late: ArrayBuffer[] = [];
    takeRequests(recent, vip, round, (_, view, offset, octets) => {
      const out = new DataView(new ArrayBuffer(128));
      if (typeof protocol.answer(view, offset, octets, eth0, addresses, out, 0) !== "string") late.push(out.buffer);
      return true;
    });
    const isSame = late.length === expected.length && (late[0] === undefined || same(late[0], expected[0]));
    const isTooLong = cut.length > protocol.requestForm.longest && late.length === 0;
    if (!isSame && !isTooLong) expect(late, Buffer.from(cut).toString("hex")).toEqual(expected);
    answers += late.length;
  }
  expect(answers).toBeGreaterThan(rounds / 10);
});

function same(a: ArrayBuffer, b: ArrayBufferLike | undefined): boolean {
  return b !== undefined && Buffer.from(a).equals(new Uint8Array(b));
}
