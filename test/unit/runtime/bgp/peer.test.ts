import { describe, expect, it } from "vitest";
import type { Capability } from "../../../../src/runtime/bgp/capability.js";
import { decodeUpdate, isEndOfRib } from "../../../../src/runtime/bgp/decode-update.js";
import { decodeFrame, encodeFrame, MESSAGE_TYPE } from "../../../../src/runtime/bgp/frame.js";
import type { PeerOptions, Side } from "../../../../src/runtime/bgp/fsm-types.js";
import {
  createBgpPeer,
  type AnnouncedAttributes,
  type BgpPeer,
  type PeerAction,
} from "../../../../src/runtime/bgp/peer.js";
import { decodeRouteRefresh } from "../../../../src/runtime/bgp/route-refresh.js";
import { formatAddress, formatPrefix } from "../../../../src/runtime/net/address.js";
import { fromHex, toHex } from "./hex.js";
import { address, prefix } from "./prefixes.js";

const CAPABILITIES: readonly Capability[] = [
  { kind: "multiprotocol", afi: 1, safi: 1 },
  { kind: "multiprotocol", afi: 2, safi: 1 },
  { kind: "routeRefresh" },
  { kind: "enhancedRouteRefresh" },
];
const options = (asn: number, peerAs: number, identifier: string, capabilities = CAPABILITIES): PeerOptions => ({
  local: {
    asn,
    peerAs,
    bgpIdentifier: address(identifier),
    holdTimeSeconds: 90,
    capabilities: [...capabilities, { kind: "fourOctetAs", asn }],
  },
  passive: false,
  connectRetrySeconds: 120,
});
const PLAIN: AnnouncedAttributes = { localPref: 150, communities: [0xfc000001], largeCommunities: [], prepend: 0 };
const NEXT_HOPS = { ipv4: [address("10.0.0.1")], ipv6: [address("2001:db8::1")] };

const written = (actions: readonly PeerAction[]): Uint8Array[] =>
  actions.flatMap((action) => (action.do === "write" ? [action.octets] : []));

/** A session between two peers, octets handed over in pieces of `piece`. */
function connect(ours: BgpPeer, theirs: BgpPeer, piece = 7): void {
  ours.start();
  theirs.start();
  let [toThem, toUs] = [written(ours.connected("outgoing")), written(theirs.connected("incoming"))];
  const hand = (peer: BgpPeer, side: Side, all: readonly Uint8Array[]): Uint8Array[] =>
    all.flatMap((octets) => {
      const answers: Uint8Array[] = [];
      for (let at = 0; at < octets.length; at += piece)
        answers.push(...written(peer.received(side, octets.subarray(at, at + piece))));
      return answers;
    });
  while (toThem.length + toUs.length > 0) {
    [toUs, toThem] = [hand(theirs, "incoming", toThem), hand(ours, "outgoing", toUs)];
  }
}

/** What frames say, one text for each. */
function say(frames: readonly Uint8Array[], isInternal = false): string[] {
  return frames.map((octets) => {
    const frame = decodeFrame(octets, true);
    if (frame.kind !== "frame") throw new Error(frame.kind);
    if (frame.type === MESSAGE_TYPE.routeRefresh) {
      const refresh = decodeRouteRefresh(frame.body, true);
      return refresh.ok ? `refresh ${refresh.value.afi} ${refresh.value.subtype}` : "refused";
    }
    const decoded = decodeUpdate(frame.body, { fourOctetAs: true, isInternal });
    if (decoded.kind !== "update") throw new Error(decoded.kind);
    const { update } = decoded;
    if (isEndOfRib(update)) return "end of RIB";
    const parts = [
      ...update.withdrawnRoutes.map((one) => `-${formatPrefix(one)}`),
      ...update.nlri.map((one) => `+${formatPrefix(one)}`),
    ];
    for (const one of update.pathAttributes) {
      if (one.name === "mpReachNlri")
        parts.push(...one.nlri.map((each) => `+${formatPrefix(each)} by ${one.nextHops.map(formatAddress).join()}`));
      if (one.name === "mpUnreachNlri") parts.push(...one.withdrawnRoutes.map((each) => `-${formatPrefix(each)}`));
      if (one.name === "nextHop") parts.push(`by ${formatAddress(one.address)}`);
      if (one.name === "asPath") parts.push(`path ${one.segments.flatMap(({ asns }) => asns).join(" ")}`);
      if (one.name === "localPref") parts.push(`localPref ${one.value}`);
    }
    return parts.join(", ");
  });
}

function established(theirAs = 64_513, capabilities = CAPABILITIES): Readonly<{ us: BgpPeer; them: BgpPeer }> {
  const us = createBgpPeer(options(64_512, theirAs, "10.0.0.1"));
  const them = createBgpPeer(options(theirAs, 64_512, "10.0.0.2", capabilities));
  connect(us, them);
  return { us, them };
}

it("establishes a session with octets in any pieces", () => {
  for (const piece of [1, 3, 19, 4096]) {
    const us = createBgpPeer(options(64_512, 64_513, "10.0.0.1"));
    const them = createBgpPeer(options(64_513, 64_512, "10.0.0.2"));
    connect(us, them, piece);
    expect([us.state(), them.state()]).toEqual(["Established", "Established"]);
  }
});

/** ROUTE-REFRESH for IPv4. */
const REQUEST = fromHex(`${"ff".repeat(16)}001705 00010001`);

describe("routes", () => {
  it("are announced with the path of the AS, and then the ends of the lists", () => {
    const { us } = established();
    us.routes.announce(prefix("192.0.2.1/32"), PLAIN);
    us.routes.announce(prefix("2001:db8:1::1/128"), PLAIN);
    expect(say(us.takeUpdates(100, NEXT_HOPS))).toEqual([
      "+192.0.2.1/32, path 64512, by 10.0.0.1",
      "+2001:db8:1::1/128 by 2001:db8::1, path 64512",
      "end of RIB",
      "end of RIB",
    ]);
    expect(us.takeUpdates(100, NEXT_HOPS)).toEqual([]);
  });

  it("have a local preference and no path within the AS, and a longer path where it is prepended", () => {
    const inside = established(64_512).us;
    inside.routes.announce(prefix("192.0.2.1/32"), PLAIN);
    expect(say(inside.takeUpdates(100, NEXT_HOPS), true)[0]).toBe("+192.0.2.1/32, path , by 10.0.0.1, localPref 150");
    const outside = established().us;
    outside.routes.announce(prefix("192.0.2.1/32"), { ...PLAIN, prepend: 2 });
    expect(say(outside.takeUpdates(100, NEXT_HOPS))[0]).toBe("+192.0.2.1/32, path 64512 64512 64512, by 10.0.0.1");
  });

  it("are withdrawn, and come a few at a time to a peer that reads slowly", () => {
    const { us } = established();
    for (const last of [1, 2, 3]) us.routes.announce(prefix(`192.0.2.${last}/32`), PLAIN);
    expect(say(us.takeUpdates(2, NEXT_HOPS))).toEqual(["+192.0.2.1/32, +192.0.2.2/32, path 64512, by 10.0.0.1"]);
    us.routes.withdraw(prefix("192.0.2.2/32"));
    us.routes.withdraw(prefix("192.0.2.3/32"));
    expect(say(us.takeUpdates(100, NEXT_HOPS))).toEqual(["-192.0.2.2/32", "end of RIB", "end of RIB"]);
  });

  it("of a family that the peer does not speak of are not said", () => {
    const { us } = established(64_513, [{ kind: "multiprotocol", afi: 1, safi: 1 }]);
    us.routes.announce(prefix("2001:db8:1::1/128"), PLAIN);
    expect(say(us.takeUpdates(100, NEXT_HOPS))).toEqual(["end of RIB"]);
    us.routes.withdraw(prefix("2001:db8:1::1/128"));
    expect(us.takeUpdates(100, NEXT_HOPS)).toEqual([]);
  });

  it("are all said again to the next session", () => {
    const { us } = established();
    us.routes.announce(prefix("192.0.2.1/32"), PLAIN);
    us.takeUpdates(100, NEXT_HOPS);
    us.disconnected("outgoing", "ECONNRESET");
    expect([us.state(), us.takeUpdates(100, NEXT_HOPS)]).toEqual(["Active", []]);
    us.expired("ConnectRetryTimer");
    const them = createBgpPeer(options(64_513, 64_512, "10.0.0.2"));
    connect(us, them);
    expect(say(us.takeUpdates(100, NEXT_HOPS))).toContain("+192.0.2.1/32, path 64512, by 10.0.0.1");
  });

  it("are said again where the peer asks for them, between begin and end", () => {
    const { us } = established();
    us.routes.announce(prefix("192.0.2.1/32"), PLAIN);
    us.takeUpdates(100, NEXT_HOPS);
    expect(written(us.received("outgoing", REQUEST))).toEqual([]);
    expect(say(us.takeUpdates(100, NEXT_HOPS))).toEqual([
      "refresh 1 1",
      "+192.0.2.1/32, path 64512, by 10.0.0.1",
      "refresh 1 2",
    ]);
  });

  it("are said again once to a peer that has asked a thousand times, and not before all have been said", () => {
    const { us } = established();
    us.routes.announce(prefix("192.0.2.1/32"), PLAIN);
    for (let count = 0; count < 1000; count += 1) us.received("outgoing", REQUEST);
    const route = "+192.0.2.1/32, path 64512, by 10.0.0.1";
    expect(say(us.takeUpdates(100, NEXT_HOPS))).toEqual([route, "end of RIB", "end of RIB"]);
    expect(say(us.takeUpdates(100, NEXT_HOPS))).toEqual(["refresh 1 1", route, "refresh 1 2"]);
    expect(us.takeUpdates(100, NEXT_HOPS)).toEqual([]);
  });
});

describe("leaving", () => {
  /** Communities and local preference of the only route in these frames. */
  const told = (frames: readonly Uint8Array[], isInternal: boolean): readonly unknown[] =>
    frames.map((octets) => {
      const frame = decodeFrame(octets, true);
      const decoded = decodeUpdate(frame.kind === "frame" ? frame.body : octets, { fourOctetAs: true, isInternal });
      if (decoded.kind !== "update") throw new Error(decoded.kind);
      return decoded.update.pathAttributes.flatMap((one): readonly unknown[] =>
        one.name === "communities" ? [one.communities] : one.name === "localPref" ? [one.value] : [],
      );
    });

  it.each([
    { name: "to another AS", as: 64_513, expected: [[0xfc000001, 0xffff0000]] },
    { name: "within the AS, with the least preference", as: 64_512, expected: [0, [0xfc000001, 0xffff0000]] },
  ])("tells all routes again as such that are about to go: $name", ({ as, expected }) => {
    const { us } = established(as);
    us.routes.announce(prefix("192.0.2.1/32"), PLAIN);
    us.takeUpdates(100, NEXT_HOPS);
    us.leave();
    expect(told(us.takeUpdates(100, NEXT_HOPS), as === 64_512)).toEqual([expected]);
    expect(us.takeUpdates(100, NEXT_HOPS)).toEqual([]);
  });
});

it("says in the OPENs up to its first session, and not afterwards, that it may have restarted", () => {
  const families = [{ afi: 1, safi: 1, forwardingPreserved: true }];
  const graceful = { kind: "gracefulRestart", restarting: false, notification: false, restartTimeSeconds: 9, families };
  const us = createBgpPeer(options(64_512, 64_513, "10.0.0.1", [...CAPABILITIES, graceful as Capability]));
  const restarting = (them: BgpPeer): boolean | undefined => them.session()?.gracefulRestart?.restarting;
  const [first, second] = [1, 2].map(() => createBgpPeer(options(64_513, 64_512, "10.0.0.2"))) as [BgpPeer, BgpPeer];
  connect(us, first);
  us.disconnected("outgoing", "ECONNRESET");
  us.expired("ConnectRetryTimer");
  connect(us, second);
  expect([restarting(first), restarting(second)]).toEqual([true, false]);
});

it("announces IPv4 routes by an IPv6 next hop where both sides can and there is no other", () => {
  const both: readonly Capability[] = [
    ...CAPABILITIES,
    { kind: "extendedNextHop", entries: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
  ];
  for (const theirs of [both, CAPABILITIES]) {
    const us = createBgpPeer(options(64_512, 64_513, "10.0.0.1", both));
    connect(us, createBgpPeer(options(64_513, 64_512, "10.0.0.2", theirs)));
    us.routes.announce(prefix("192.0.2.1/32"), PLAIN);
    const said = say(us.takeUpdates(100, { ipv6: NEXT_HOPS.ipv6 }));
    const expected = theirs === both ? ["+192.0.2.1/32 by 2001:db8::1, path 64512"] : [];
    expect(said).toEqual([...expected, "end of RIB", "end of RIB"]);
  }
});

describe("what the peer sends", () => {
  const update = (hex: string): Uint8Array => {
    const encoded = encodeFrame(MESSAGE_TYPE.update, fromHex(hex), false);
    if (!encoded.ok) throw new Error("too long");
    return encoded.value;
  };

  it("may be wrong in a way that the session survives, which is reported", () => {
    const { us } = established();
    // A route with an ORIGIN that does not exist: RFC 7606 §7.1
    const actions = us.received(
      "outgoing",
      update("0000 0014 40010103 400206 0201 0000fc01 400304 0a000002 20c0000201"),
    );
    expect(actions.filter(({ do: what }) => what === "report")).toEqual([
      {
        do: "report",
        problem: "ORIGIN is 3, not 0 to 2",
        routes: [prefix("192.0.2.1/32")],
        update: fromHex("0000 0014 40010103 400206 0201 0000fc01 400304 0a000002 20c0000201"),
      },
    ]);
    expect(us.state()).toBe("Established");
  });

  it.each([
    { name: "an UPDATE whose lengths are wrong", octets: update("0000 0001"), answer: "0301" },
    { name: "octets that are no message", octets: fromHex("00"), answer: "0101" },
    { name: "a second OPEN", octets: fromHex(`${"ff".repeat(16)}001d01 04 fc01 005a 0a000002 00`), answer: "0503" },
    {
      name: "a ROUTE-REFRESH of a wrong length",
      octets: fromHex(`${"ff".repeat(16)}001805 0001010100`),
      answer: "0701",
    },
  ])("ends the session where it is $name", ({ octets, answer }) => {
    const { us } = established();
    const actions = us.received("outgoing", octets);
    expect(written(actions).map((one) => toHex(one.subarray(19, 21)))).toEqual([answer]);
    expect(actions.some(({ do: what }) => what === "down")).toBe(true);
    expect(us.state()).toBe("Active");
  });

  it("starts the hold timer once for many messages in one read", () => {
    const { us } = established();
    const keepalive = fromHex(`${"ff".repeat(16)}001304`);
    const actions = us.received("outgoing", Uint8Array.from([...keepalive, ...keepalive, ...keepalive]));
    expect(actions).toEqual([{ do: "startTimer", timer: "HoldTimer", side: "outgoing", seconds: 90, jitter: false }]);
  });

  it("is not read after the end of its connection", () => {
    const { us } = established();
    const cease = fromHex(`${"ff".repeat(16)}001503 0602`);
    const actions = us.received("outgoing", Uint8Array.from([...cease, ...cease]));
    expect(actions.filter(({ do: what }) => what === "down")).toEqual([
      { do: "down", wasEstablished: true, reason: "the peer ended the session: Cease: Administrative Shutdown" },
    ]);
  });
});
