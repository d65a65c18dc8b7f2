import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  BFD_DROPS,
  createDemultiplexer,
  type BfdArrival,
  type BfdPath,
} from "../../../../src/runtime/bfd/demultiplexer.js";
import { fromHex } from "../bgp/hex.js";
import { runs } from "../../runs.js";

const address = (text: string): Uint8Array => Uint8Array.from(text.split("."), Number);
const [PEER, OWN, OTHER_OWN, STRANGER] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9"].map(address) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

const path = (fields: Partial<BfdPath> = {}): BfdPath => ({
  remoteAddress: PEER,
  localAddress: undefined,
  isMultihop: false,
  device: "",
  minimumTtl: 255,
  ...fields,
});
const payload = (yours: string, state = "40"): Uint8Array =>
  fromHex(`20 ${state} 03 18 00000007 ${yours} 000f4240 000493e0 00000000`);
const arrival = (fields: Partial<BfdArrival> = {}): BfdArrival => ({
  payload: payload("00000000"),
  source: PEER,
  destination: OWN,
  hopLimit: 255,
  isMultihop: false,
  device: "",
  isLink: false,
  ...fields,
});

/** Sessions of every kind, with the names that the rows below expect. */
function everyKind() {
  const sessions = createDemultiplexer<string>();
  sessions.add(1, path(), "single hop");
  sessions.add(2, path({ isMultihop: true, minimumTtl: 250 }), "multihop");
  sessions.add(3, path({ device: "red" }), "single hop by red");
  sessions.add(4, path({ remoteAddress: STRANGER, localAddress: OWN, isMultihop: true, minimumTtl: 1 }), "to OWN");
  sessions.add(
    5,
    path({ remoteAddress: STRANGER, localAddress: OTHER_OWN, isMultihop: true, minimumTtl: 1 }),
    "to OTHER",
  );
  return sessions;
}

// RFC 5880 §6.3, §6.8.6; RFC 5881 §3, §5; RFC 5883 §3, §4
it.each<{ name: string; arrival: BfdArrival; expected: string }>([
  { name: "the first packet by its source", arrival: arrival(), expected: "single hop" },
  { name: "the first packet on a device", arrival: arrival({ device: "red" }), expected: "single hop by red" },
  {
    name: "the first packet of several hops",
    arrival: arrival({ isMultihop: true, hopLimit: 250 }),
    expected: "multihop",
  },
  {
    name: "the first packet by its destination, where it makes a difference",
    arrival: arrival({ source: STRANGER, destination: OTHER_OWN, isMultihop: true, hopLimit: 9 }),
    expected: "to OTHER",
  },
  {
    name: "later packets by our discriminator",
    arrival: arrival({ payload: payload("00000001") }),
    expected: "single hop",
  },
  {
    name: "the first packet on a link that only others have a session by",
    arrival: arrival({ device: "eth0", isLink: true }),
    expected: "single hop",
  },
  {
    name: "later packets on such a link",
    arrival: arrival({ device: "eth0", isLink: true, payload: payload("00000001") }),
    expected: "single hop",
  },
  {
    name: "the first packet on a link, by the session of this link where there is one",
    arrival: arrival({ device: "red", isLink: true }),
    expected: "single hop by red",
  },
  {
    name: "later packets of one hop whatever their source",
    arrival: arrival({ payload: payload("00000001"), source: STRANGER }),
    expected: "single hop",
  },
])("finds the session for $name", ({ arrival: given, expected }) => {
  const accepted = everyKind().accept(given);
  expect(accepted).toMatchObject({ ok: true, value: { session: expected, packet: { myDiscriminator: 7 } } });
});

it.each<{ name: string; arrival: BfdArrival; fault: string }>([
  { name: "what came over a router", arrival: arrival({ hopLimit: 254 }), fault: "hopLimit" },
  {
    name: "what came over a router, before it is read",
    arrival: arrival({ hopLimit: 254, payload: fromHex("00") }),
    fault: "hopLimit",
  },
  { name: "what came over too many", arrival: arrival({ isMultihop: true, hopLimit: 249 }), fault: "hopLimit" },
  { name: "what is no packet", arrival: arrival({ payload: fromHex("20 40") }), fault: "length" },
  { name: "who is no peer", arrival: arrival({ source: STRANGER }), fault: "noSession" },
  { name: "a discriminator that is not ours", arrival: arrival({ payload: payload("00000063") }), fault: "noSession" },
  {
    name: "a single hop's discriminator on the port of many",
    arrival: arrival({ payload: payload("00000001"), isMultihop: true }),
    fault: "noSession",
  },
  { name: "another device's discriminator", arrival: arrival({ payload: payload("00000003") }), fault: "noSession" },
  {
    name: "another device's discriminator on a link",
    arrival: arrival({ device: "eth0", isLink: true, payload: payload("00000003") }),
    fault: "noSession",
  },
  { name: "in a VRF what is for sessions outside", arrival: arrival({ device: "blue" }), fault: "noSession" },
  {
    name: "in a VRF the discriminator of a session outside",
    arrival: arrival({ device: "blue", payload: payload("00000001") }),
    fault: "noSession",
  },
  {
    name: "a stranger who knows the discriminator, from afar",
    arrival: arrival({ payload: payload("00000002"), isMultihop: true, source: STRANGER }),
    fault: "source",
  },
  {
    name: "an address of ours that nobody is to speak to",
    arrival: arrival({ source: STRANGER, destination: PEER, isMultihop: true }),
    fault: "noSession",
  },
])("passes over $name", ({ arrival: given, fault }) => {
  expect(everyKind().accept(given)).toEqual({ ok: false, fault });
});

it("forgets a session, and follows its minimum TTL", () => {
  const sessions = everyKind();
  const far = arrival({ isMultihop: true, hopLimit: 3 });
  expect(sessions.accept(far).ok).toBe(false);
  sessions.setMinimumTtl(2, 3);
  expect(sessions.accept(far).ok).toBe(true);
  sessions.remove(2);
  expect(sessions.accept(far)).toEqual({ ok: false, fault: "noSession" });
  expect([sessions.has(1), sessions.has(2)]).toEqual([true, false]);
});

it("takes or drops whatever arrives, each for a reason that is counted", () => {
  const sessions = everyKind();
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(fc.nat(23), fc.nat(255), fc.constantFrom("00000000", "00000001", "00000002")).map(([at, octet, yours]) => {
      const changed = payload(yours);
      changed[at] = octet;
      return changed;
    }),
  );
  const hops = fc.constantFrom(0, 1, 249, 254, 255);
  fc.assert(
    fc.property(octets, hops, fc.boolean(), fc.constantFrom(PEER, STRANGER), (given, hopLimit, isMultihop, source) => {
      const accepted = sessions.accept(arrival({ payload: given, hopLimit, isMultihop, source }));
      if (!accepted.ok) expect(BFD_DROPS).toContain(accepted.fault);
    }),
    { numRuns: runs(5000) },
  );
});
