import { describe, expect, it } from "vitest";
import type { Capability } from "../../../../src/runtime/bgp/capability.js";
import type { AttributeContext } from "../../../../src/runtime/bgp/decode-attribute.js";
import { decodeUpdate } from "../../../../src/runtime/bgp/decode-update.js";
import { encodeAnnouncements, type RouteAttributes } from "../../../../src/runtime/bgp/encode-update.js";
import { decodeFrame, encodeFrame, MESSAGE_TYPE } from "../../../../src/runtime/bgp/frame.js";
import { step } from "../../../../src/runtime/bgp/fsm.js";
import { INITIAL_STATE, type BgpEffect, type BgpEvent } from "../../../../src/runtime/bgp/fsm-types.js";
import { createBgpPeer, type PeerAction } from "../../../../src/runtime/bgp/peer.js";
import { formatPrefix } from "../../../../src/runtime/net/address.js";
import { AS_PATH, EXTERNAL, INTERNAL, MANDATORY, NEXT_HOP, ORIGIN, ROUTE } from "./attributes.js";
import { fromHex, toHex, updateBody } from "./hex.js";
import { address, prefix } from "./prefixes.js";

/*
 * What RFC 4271 demands and the tests of the single parts do not show by the way. docs/rfc-coverage.md has all of it.
 */

describe("messages", () => {
  it("may have 4096 octets, and not one more", () => {
    const longest = encodeFrame(MESSAGE_TYPE.update, new Uint8Array(4096 - 19), false);
    if (!longest.ok) throw new Error("refused");
    expect(decodeFrame(longest.value, false)).toMatchObject({ kind: "frame", octets: 4096 });
    expect(encodeFrame(MESSAGE_TYPE.update, new Uint8Array(4097 - 19), false).ok).toBe(false);
  });

  it("of ours begin with all ones, and have no octets behind their fields", () => {
    const local = { asn: 64_512, bgpIdentifier: address("10.0.0.1"), holdTimeSeconds: 90, capabilities: [] } as const;
    const us = createBgpPeer({ local: { ...local, peerAs: 64_513 }, passive: false, connectRetrySeconds: 9 });
    us.start();
    const theirOpen = fromHex(`${"ff".repeat(16)} 001d 01 04 fc01 005a 0a000002 00`);
    const actions: PeerAction[] = [...us.connected("outgoing"), ...us.received("outgoing", theirOpen)];
    actions.push(...us.received("outgoing", fromHex(`${"ff".repeat(16)} 0013 04`)));
    actions.push(...us.stop({ errorCode: 6, errorSubcode: 2, data: new Uint8Array() }));
    const written = actions.flatMap((action) => (action.do === "write" ? [toHex(action.octets)] : []));
    expect(written).toEqual([
      `${"ff".repeat(16)}001d0104fc00005a0a00000100`,
      `${"ff".repeat(16)}001304`,
      `${"ff".repeat(16)}0015030602`,
    ]);
  });
});

/** Codes and flags of the path attributes of an UPDATE's body without withdrawn routes, as they stand there. */
function attributesIn(body: Uint8Array): readonly (readonly [code: number, flags: number])[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const end = 4 + view.getUint16(2);
  const found: [number, number][] = [];
  for (let at = 4; at < end;) {
    const [flags, code] = [view.getUint8(at), view.getUint8(at + 1)];
    const isExtended = (flags & 0x10) !== 0;
    found.push([code, flags]);
    at += isExtended ? 4 + view.getUint16(at + 2) : 3 + view.getUint8(at + 2);
  }
  return found;
}

describe("path attributes that are sent", () => {
  const everything: RouteAttributes = {
    asPath: [4_200_000_000],
    nextHops: [address("10.0.0.1")],
    localPref: 7,
    communities: [1],
    largeCommunities: [[1, 2, 3]],
  };
  const sent = (family: "ipv4" | "ipv6", fourOctetAs: boolean) => {
    const nextHops = [address(family === "ipv4" ? "10.0.0.1" : "2001:db8::1")];
    const one = prefix(family === "ipv4" ? "192.0.2.1/32" : "2001:db8:1::1/128");
    const [body = new Uint8Array()] = encodeAnnouncements(family, { ...everything, nextHops }, [one], {
      fourOctetAs,
      extendedMessage: false,
    });
    return attributesIn(body);
  };

  it.each([
    { family: "ipv4", fourOctetAs: true, expected: { 1: 0x40, 2: 0x40, 3: 0x40, 5: 0x40, 8: 0xc0, 32: 0xc0 } },
    {
      family: "ipv4",
      fourOctetAs: false,
      expected: { 1: 0x40, 2: 0x40, 3: 0x40, 5: 0x40, 8: 0xc0, 17: 0xc0, 32: 0xc0 },
    },
    { family: "ipv6", fourOctetAs: true, expected: { 1: 0x40, 2: 0x40, 5: 0x40, 8: 0xc0, 14: 0x90, 32: 0xc0 } },
  ] as const)(
    "have the flags of their kind and no other bit, each once: $family, AS numbers of four octets: $fourOctetAs",
    ({ family, fourOctetAs, expected }) => {
      const found = sent(family, fourOctetAs);
      expect(new Set(found.map(([code]) => code)).size).toBe(found.length);
      expect(Object.fromEntries(found)).toEqual(expected);
    },
  );

  it.each([
    { name: "to another AS", asPath: [64_512], context: EXTERNAL },
    { name: "within the AS", asPath: [], context: INTERNAL },
  ])("are all there that a route needs, $name", ({ asPath, context }) => {
    for (const [family, hop, route] of [
      ["ipv4", "10.0.0.1", "192.0.2.1/32"],
      ["ipv6", "2001:db8::1", "2001:db8:1::1/128"],
      ["ipv4", "2001:db8::1", "192.0.2.1/32"],
    ] as const) {
      const attributes = { asPath, nextHops: [address(hop)], communities: [], largeCommunities: [] };
      const encoding = { fourOctetAs: true, extendedMessage: false };
      const [body = new Uint8Array()] = encodeAnnouncements(family, attributes, [prefix(route)], encoding);
      expect(decodeUpdate(body, context)).toMatchObject({ kind: "update", problems: [] });
      const codes = attributesIn(body).map(([code]) => code);
      expect(codes.toSorted((a, b) => a - b)).toEqual(hop.includes(":") ? [1, 2, 14] : [1, 2, 3]);
    }
  });
});

describe("an UPDATE", () => {
  const read = (body: Uint8Array, context: AttributeContext = EXTERNAL) => decodeUpdate(body, context);

  it("may withdraw and announce the same prefix", () => {
    const decoded = read(updateBody(MANDATORY, ROUTE, ROUTE));
    if (decoded.kind !== "update") throw new Error(decoded.kind);
    const { withdrawnRoutes, nlri } = decoded.update;
    expect([withdrawnRoutes, nlri, decoded.problems].map((list) => list.length)).toEqual([1, 1, 0]);
    expect([...withdrawnRoutes, ...nlri].map(formatPrefix)).toEqual(["192.0.2.1/32", "192.0.2.1/32"]);
  });

  it("may have its attributes in any order", () => {
    const decoded = read(updateBody(`c0 08 04 fc000001 ${NEXT_HOP} ${AS_PATH} ${ORIGIN}`, ROUTE));
    if (decoded.kind !== "update") throw new Error(decoded.kind);
    expect(decoded.problems).toEqual([]);
    const names = decoded.update.pathAttributes.map(({ name }) => name);
    expect(names).toEqual(["communities", "nextHop", "asPath", "origin"]);
  });

  it.each([
    { name: "transitive", flags: "c0" },
    { name: "not transitive", flags: "80" },
    { name: "partial", flags: "e0" },
  ])("may have optional attributes that nobody knows: $name", ({ flags }) => {
    expect(read(updateBody(`${MANDATORY} ${flags} 63 02 beef`, ROUTE))).toMatchObject({ kind: "update", problems: [] });
  });

  it("may have attributes and no routes", () => {
    expect(read(updateBody(MANDATORY))).toMatchObject({ kind: "update", problems: [] });
  });

  it.each(["00000000", "00000001", "e0000001", "efffffff", "ffffffff"])(
    "has a next hop that is a host's address, and not %s",
    (hex) => {
      const decoded = read(updateBody(`${ORIGIN} ${AS_PATH} 40 03 04 ${hex}`, ROUTE));
      expect(decoded).toMatchObject({ kind: "treatAsWithdraw", problems: [{ errorSubcode: 8 }] });
    },
  );

  // Without routes the session ends (RFC 7606 §5.2), with what RFC 4271 §6.3 says of the attribute.
  it.each([
    { name: "flags of another kind", attribute: "c0 01 01 00", subcode: 4 },
    { name: "a wrong length", attribute: "80 04 03 000007", subcode: 5 },
    { name: "an undefined ORIGIN", attribute: "40 01 01 07", subcode: 6 },
    { name: "a next hop that is no host", attribute: "40 03 04 e0000001", subcode: 8 },
    { name: "a length beyond the end", attribute: "80 04 05 00000007", subcode: 5 },
  ])("that ends the session for $name is answered with that attribute", ({ attribute, subcode }) => {
    const decoded = read(updateBody(`c0 08 04 fc000001 ${attribute}`));
    if (decoded.kind !== "sessionReset") throw new Error(decoded.kind);
    const { errorCode, errorSubcode, data } = decoded.fault;
    expect([errorCode, errorSubcode, toHex(data)]).toEqual([3, subcode, attribute.replaceAll(" ", "")]);
  });

  it("that ends the session for a wrong AS_PATH is answered without data", () => {
    const decoded = read(updateBody("40 02 02 0500"));
    expect(decoded).toMatchObject({ fault: { errorCode: 3, errorSubcode: 11, data: new Uint8Array() } });
  });

  it.each([
    { name: "ORIGIN", attributes: `${AS_PATH} ${NEXT_HOP}`, code: "01" },
    { name: "AS_PATH", attributes: `${ORIGIN} ${NEXT_HOP}`, code: "02" },
    { name: "NEXT_HOP", attributes: `${ORIGIN} ${AS_PATH}`, code: "03" },
  ])("without $name is wrong by subcode 3, with the code that is missing", ({ attributes, code }) => {
    const decoded = read(updateBody(attributes, ROUTE));
    if (decoded.kind !== "treatAsWithdraw") throw new Error(decoded.kind);
    expect(decoded.problems.map(({ errorSubcode, data }) => [errorSubcode, toHex(data)])).toEqual([[3, code]]);
  });
});

// RFC 4271 §4.4, §10: a random quarter is taken off, and the rest is still a second.
it.each([
  { ours: 3, theirs: 3, wanted: undefined },
  { ours: 90, theirs: 3, wanted: 10 },
  { ours: 4, theirs: 90, wanted: undefined },
  { ours: 90, theirs: 90, wanted: 1 },
  { ours: 90, theirs: 90, wanted: undefined },
])(
  "KEEPALIVEs are a second apart and more: hold times $ours and $theirs, every $wanted",
  ({ ours, theirs, wanted }) => {
    const capabilities: readonly Capability[] = [];
    const local = {
      asn: 64_512,
      peerAs: 64_513,
      bgpIdentifier: address("10.0.0.1"),
      holdTimeSeconds: ours,
      capabilities,
      ...(wanted === undefined ? {} : { keepaliveTimeSeconds: wanted }),
    };
    const open = { myAs: 64_513, holdTimeSeconds: theirs, bgpIdentifier: address("10.0.0.2"), capabilities };
    const events: readonly BgpEvent[] = [
      { type: "ManualStart" },
      { type: "TcpConnectionConfirmed", side: "outgoing" },
      { type: "BGPOpen", side: "outgoing", open },
      { type: "KeepaliveTimer_Expires", side: "outgoing" },
    ];
    let state = INITIAL_STATE;
    const effects: BgpEffect[] = [];
    for (const event of events) {
      const [next, more] = step({ local, passive: false, connectRetrySeconds: 9 }, state, event);
      state = next;
      effects.push(...more);
    }
    const timers = effects.filter((effect) => effect.do === "startTimer" && effect.timer === "KeepaliveTimer");
    expect(timers).toHaveLength(2);
    for (const timer of timers) {
      if (timer.do !== "startTimer") continue;
      const shortest = timer.seconds * (timer.jitter ? 0.75 : 1);
      expect(shortest).toBeGreaterThanOrEqual(1);
      expect(timer.seconds).toBeLessThanOrEqual(Math.min(ours, theirs) / 3);
    }
  },
);
