import { describe, expect, it } from "vitest";
import {
  answerClaim,
  noteClaim,
  noteGivenUp,
  type ConflictPolicy,
} from "../../../../src/runtime/layer2/address-conflict.js";
import { addressKey, formatAddressKey } from "../../../../src/runtime/layer2/address-key.js";
import {
  addressOf,
  announceAddress,
  withdrawAddress,
  type AnnouncedAddress,
  type AnnouncedAddresses,
} from "../../../../src/runtime/layer2/announced-addresses.js";
import { answerArp } from "../../../../src/runtime/layer2/arp-responder.js";
import { encodeArp, type ArpPacket } from "../../../../src/runtime/layer2/arp.js";
import { responderInterface } from "../../../../src/runtime/layer2/layer2-protocol.js";
import { answerNdp } from "../../../../src/runtime/layer2/ndp-responder.js";
import { encodeNdp, type NeighborDiscovery } from "../../../../src/runtime/layer2/ndp.js";
import { beginProbe, createProbes } from "../../../../src/runtime/layer2/probing.js";
import { formatMacHalves } from "../../../../src/runtime/net/mac.js";

const key = (address: string) => addressKey(address) ?? "";

function announced(...texts: string[]): AnnouncedAddresses {
  const addresses: AnnouncedAddresses = new Map();
  for (const text of texts) announceAddress(addresses, key(text), undefined);
  return addresses;
}

describe("noteClaim() counts each claim, and reports", () => {
  it.each<{ name: string; at: readonly number[]; changed?: number; reported: readonly number[] }>([
    { name: "nothing of a single one", at: [0], reported: [] },
    { name: "nothing of a burst, as when an address moves", at: [0, 1, 2, 1100, 1101], reported: [] },
    { name: "what goes on for two seconds", at: [0, 1100, 2200], reported: [2200] },
    { name: "what is said rarely, but again", at: [0, 59_000], reported: [59_000] },
    { name: "nothing where a minute is between", at: [0, 61_000, 62_000], reported: [] },
    {
      name: "once a minute what goes on",
      at: Array.from({ length: 140 }, (_, second) => second * 1000),
      reported: [2000, 62_000, 122_000],
    },
    {
      name: "no speaker that comes or goes, and who goes on ten seconds later",
      at: Array.from({ length: 20 }, (_, second) => second * 1000),
      changed: 1500,
      reported: [12_000],
    },
  ])("$name", ({ at, changed = -Infinity, reported }) => {
    const address = announced("192.0.2.1").get(key("192.0.2.1")) as AnnouncedAddress;
    expect(at.filter((now) => noteClaim(address, now, changed))).toEqual(reported);
    expect(address.claimsHeard).toBe(at.length);
  });

  it("anew after the address was withdrawn", () => {
    const addresses = announced("192.0.2.1");
    const address = addresses.get(key("192.0.2.1")) as AnnouncedAddress;
    noteClaim(address, 0, -Infinity);
    withdrawAddress(addresses, address.key);
    announceAddress(addresses, address.key, undefined);
    expect([noteClaim(address, 3000, -Infinity), noteClaim(address, 5000, -Infinity)]).toEqual([false, true]);
  });
});

it.each<{ name: string; at: readonly number[]; givenUpAt: number; milliseconds: number }>([
  { name: "a single claim", at: [0], givenUpAt: 90_000, milliseconds: 0 },
  {
    name: "one just before it is given up, as where a network is whole again",
    at: [0],
    givenUpAt: 300,
    milliseconds: 300,
  },
  { name: "all between the first claim and the last", at: [0, 1100, 2200], givenUpAt: 10_000, milliseconds: 2200 },
  { name: "all until it is given up", at: [0, 1100, 2200], givenUpAt: 3000, milliseconds: 3000 },
  {
    name: "not what is between two that have nothing to do with each other",
    at: [0, 61_000],
    givenUpAt: 90_000,
    milliseconds: 0,
  },
])("the time in which two machines announce an address is $name", ({ at, givenUpAt, milliseconds }) => {
  const address = announced("192.0.2.1").get(key("192.0.2.1")) as AnnouncedAddress;
  for (const now of at) noteClaim(address, now, -Infinity);
  noteGivenUp(address, givenUpAt);
  expect(address.contestedMilliseconds).toBe(milliseconds);
});

describe("answerClaim()", () => {
  const EACH_SECOND = Array.from({ length: 30 }, (_, second) => second * 1000);
  it.each<{ name: string; policy: ConflictPolicy; changed?: number; at?: readonly number[]; done: string[] }>([
    { name: "reports and does nothing", policy: "report", done: [] },
    { name: "defends once in ten seconds", policy: "defend", done: ["2000 defend", "12000 defend", "22000 defend"] },
    { name: "does not defend against a burst", policy: "defend", at: [0, 1100, 1101], done: [] },
    {
      name: "is lenient after a change of the fleet",
      policy: "defend",
      changed: 1500,
      done: ["12000 defend", "22000 defend"],
    },
    { name: "yields where it goes on", policy: "yield", at: [0, 1000, 2000], done: ["2000 yield"] },
    { name: "yields to no speaker that comes", policy: "yield", changed: 0, at: [0, 1000, 2000, 9999], done: [] },
  ])("$name", ({ policy, changed = -Infinity, at = EACH_SECOND, done }) => {
    const address = announced("192.0.2.1").get(key("192.0.2.1")) as AnnouncedAddress;
    const answers = at.flatMap((now) => {
      noteClaim(address, now, changed);
      const answer = answerClaim(address, now, policy, changed);
      return answer === undefined ? [] : [`${now} ${answer}`];
    });
    expect(answers).toEqual(done);
  });
});

const [OURS, THEIRS] = ["02:00:00:00:00:0b", "02:00:00:00:00:03"];
const ARP: ArpPacket = {
  ethernetDestination: "ff:ff:ff:ff:ff:ff",
  ethernetSource: THEIRS,
  operation: 1,
  senderHardwareAddress: THEIRS,
  senderProtocolAddress: "192.0.2.1",
  targetHardwareAddress: "00:00:00:00:00:00",
  targetProtocolAddress: "192.0.2.1",
};
const NA: Extract<NeighborDiscovery, { type: 136 }> = {
  type: 136,
  ethernetDestination: "33:33:00:00:00:01",
  ethernetSource: THEIRS,
  sourceAddress: "fe80::3",
  destinationAddress: "ff02::1",
  targetAddress: "2001:db8::1",
  linkLayerAddress: THEIRS,
  router: false,
  solicited: false,
  override: true,
};
const NS: NeighborDiscovery = {
  type: 135,
  ethernetDestination: "33:33:ff:00:00:09",
  ethernetSource: THEIRS,
  sourceAddress: "2001:db8::1",
  destinationAddress: "ff02::1:ff00:9",
  targetAddress: "2001:db8::9",
  linkLayerAddress: undefined,
};

describe("a claim of an announced address is", () => {
  it.each<{ name: string; frame: ReturnType<typeof encodeArp> | ReturnType<typeof encodeNdp>; claim: string[] }>([
    { name: "a gratuitous request", frame: encodeArp(ARP), claim: [`192.0.2.1 ${THEIRS}`] },
    { name: "a gratuitous reply", frame: encodeArp({ ...ARP, operation: 2 }), claim: [`192.0.2.1 ${THEIRS}`] },
    {
      name: "a request for somebody else's address",
      frame: encodeArp({ ...ARP, targetProtocolAddress: "192.0.2.9" }),
      claim: [`192.0.2.1 ${THEIRS}`],
    },
    { name: "not a probe", frame: encodeArp({ ...ARP, senderProtocolAddress: "0.0.0.0" }), claim: [] },
    { name: "not our own frame", frame: encodeArp({ ...ARP, senderHardwareAddress: OURS }), claim: [] },
    {
      name: "not that of an address that is announced on another interface",
      frame: encodeArp({ ...ARP, senderProtocolAddress: "192.0.2.2" }),
      claim: [],
    },
    {
      name: "not that of a withdrawn address",
      frame: encodeArp({ ...ARP, senderProtocolAddress: "192.0.2.3" }),
      claim: [],
    },
    { name: "an advertisement", frame: encodeNdp(NA), claim: [`2001:db8::1 ${THEIRS}`] },
    {
      name: "an advertisement without a link-layer address",
      frame: encodeNdp({ ...NA, linkLayerAddress: undefined }),
      claim: [`2001:db8::1 ${THEIRS}`],
    },
    { name: "not our own advertisement", frame: encodeNdp({ ...NA, linkLayerAddress: OURS }), claim: [] },
    { name: "a solicitation from it", frame: encodeNdp(NS), claim: [`2001:db8::1 ${THEIRS}`] },
    { name: "not a solicitation from another", frame: encodeNdp({ ...NS, sourceAddress: "2001:db8::7" }), claim: [] },
    {
      name: "an answer to a probe for the address",
      frame: encodeArp({ ...ARP, operation: 2, senderProtocolAddress: "192.0.2.4" }),
      claim: [`192.0.2.4 ${THEIRS}`],
    },
    { name: "not the detection of duplicates", frame: encodeNdp({ ...NS, sourceAddress: "::" }), claim: [] },
  ])("$name", ({ frame, claim }) => {
    if (!frame.ok) throw new Error(frame.fault);
    const addresses = announced("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1");
    announceAddress(addresses, key("192.0.2.2"), new Set(["eth1"]));
    withdrawAddress(addresses, key("192.0.2.3"));
    beginProbe(createProbes(), addressOf(addresses, key("192.0.2.4")), undefined, 0);
    const claims: string[] = [];
    const eth0 = responderInterface("eth0", OURS, false, (address, high, low) =>
      claims.push(`${formatAddressKey(address.key)} ${formatMacHalves(high, low)}`),
    );
    const memory = new Uint8Array(256);
    memory.set(frame.value);
    const answer = frame.value.length === 60 ? answerArp : answerNdp;
    answer(new DataView(memory.buffer), 0, frame.value.length, eth0, addresses, new DataView(new ArrayBuffer(128)), 0);
    expect(claims).toEqual(claim);
  });
});
