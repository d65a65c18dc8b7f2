import { describe, expect, it } from "vitest";
import type { Capability } from "../../../../src/runtime/bgp/capability.js";
import { decodeAttribute } from "../../../../src/runtime/bgp/decode-attribute.js";
import { decodeUpdate } from "../../../../src/runtime/bgp/decode-update.js";
import { decodeFrame, encodeFrame, MESSAGE_TYPE } from "../../../../src/runtime/bgp/frame.js";
import { ATTRIBUTE_CODE, CATEGORY, type AttributeName } from "../../../../src/runtime/bgp/path-attribute.js";
import { createBgpPeer, type BgpPeer } from "../../../../src/runtime/bgp/peer.js";
import { formatPrefix } from "../../../../src/runtime/net/address.js";
import { AS_PATH, EXTERNAL, INTERNAL, MANDATORY, NEXT_HOP, ORIGIN, ROUTE } from "./attributes.js";
import { fromHex, toHex, updateBody } from "./hex.js";
import { address, prefix } from "./prefixes.js";

/*
 * What RFC 7606 demands and the tests of the single parts do not show by the way. docs/rfc-coverage.md has all of it.
 */

const REACH = "80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8"; // 2001:db8::/32
const UNREACH = "80 0f 08 0002 01 20 20010db9"; // 2001:db9::/32
const octets = (length: number): Uint8Array => new Uint8Array(length).fill(0xff);

describe("an attribute that is wrong", () => {
  const SELECTING: readonly AttributeName[] = [
    "origin",
    "asPath",
    "nextHop",
    "multiExitDisc",
    "localPref",
    "communities",
    "originatorId",
    "clusterList",
    "extendedCommunities",
    "largeCommunities",
    "mpReachNlri",
    "mpUnreachNlri",
  ];

  it.each(SELECTING)("is never just left out where routes are chosen by it: %s", (name) => {
    const treatments = Array.from({ length: 30 }, (_, length) => {
      const decoded = decodeAttribute(name, octets(length), INTERNAL);
      return decoded.ok ? undefined : decoded.fault.treatment;
    });
    expect(treatments.some((treatment) => treatment !== undefined)).toBe(true);
    expect(treatments).not.toContain("attributeDiscard");
  });

  const NEVER_EMPTY = Object.keys(ATTRIBUTE_CODE).filter((name) => name !== "asPath" && name !== "atomicAggregate");
  it.each(NEVER_EMPTY as AttributeName[])("is one without octets: %s", (name) => {
    for (const context of [INTERNAL, EXTERNAL, { fourOctetAs: false, isInternal: true }]) {
      expect(decodeAttribute(name, new Uint8Array(), context).ok).toBe(false);
    }
  });

  it.each(["asPath", "atomicAggregate"] as const)("is not one without octets that may be so: %s", (name) => {
    expect(decodeAttribute(name, new Uint8Array(), EXTERNAL).ok).toBe(true);
  });

  it("is AGGREGATOR with 8 octets from a peer of two-octet AS numbers", () => {
    const body = updateBody(`${ORIGIN} 40 02 04 0201 fc00 ${NEXT_HOP} c0 07 08 0000fc00 0a000002`, ROUTE);
    const decoded = decodeUpdate(body, { fourOctetAs: false, isInternal: false });
    expect(decoded).toMatchObject({ kind: "update", problems: [{ treatment: "attributeDiscard" }] });
  });

  it("is no extended community of a type that nobody knows", () => {
    const decoded = decodeUpdate(updateBody(`${MANDATORY} c0 10 08 7fff000000000000`, ROUTE), EXTERNAL);
    expect(decoded).toMatchObject({ kind: "update", problems: [] });
  });
});

describe("several errors", () => {
  const DISCARD = "40 06 01 00"; // ATOMIC_AGGREGATE with a value
  const WITHDRAW = "80 04 03 000007"; // MULTI_EXIT_DISC of 3 octets
  const RESET = "80 0f 02 0002"; // MP_UNREACH_NLRI without SAFI

  it.each([
    { name: "two that leave out", attributes: `${MANDATORY} ${DISCARD} c0 07 01 00`, kind: "update", count: 2 },
    {
      name: "two that withdraw",
      attributes: `${MANDATORY} ${WITHDRAW} c0 08 01 00`,
      kind: "treatAsWithdraw",
      count: 2,
    },
    {
      name: "to leave out, to withdraw",
      attributes: `${MANDATORY} ${DISCARD} ${WITHDRAW}`,
      kind: "treatAsWithdraw",
      count: 2,
    },
    {
      name: "to withdraw, to leave out",
      attributes: `${MANDATORY} ${WITHDRAW} ${DISCARD}`,
      kind: "treatAsWithdraw",
      count: 2,
    },
    { name: "to withdraw, to end the session", attributes: `${MANDATORY} ${WITHDRAW} ${RESET}`, kind: "sessionReset" },
    { name: "to end the session, to withdraw", attributes: `${RESET} ${MANDATORY} ${WITHDRAW}`, kind: "sessionReset" },
    {
      name: "cut off behind one that ends the session",
      attributes: `${RESET} ${MANDATORY} 80 04`,
      kind: "sessionReset",
    },
  ])("count as the worst of them: $name", ({ attributes, kind, count }) => {
    const decoded = decodeUpdate(updateBody(attributes, ROUTE), EXTERNAL);
    expect(decoded.kind).toBe(kind);
    if (decoded.kind !== "sessionReset") expect(decoded.problems).toHaveLength(count ?? 0);
  });

  it.each([
    { name: "one that is known", first: "c0 08 04 fc000001", second: "c0 08 04 fc000002", kept: "communities" },
    { name: "one that nobody knows", first: "c0 63 01 01", second: "c0 63 01 02", kept: "unknown" },
  ])("by repetition: the first counts, $name", ({ first, second, kept }) => {
    const decoded = decodeUpdate(updateBody(`${MANDATORY} ${first} ${second}`, ROUTE), EXTERNAL);
    if (decoded.kind !== "update") throw new Error(decoded.kind);
    const attribute = decoded.update.pathAttributes.find(({ name }) => name === kept);
    expect(decoded.update.pathAttributes).toHaveLength(4);
    expect(attribute?.name === "communities" ? attribute.communities : attribute).toEqual(
      kept === "communities" ? [0xfc000001] : { name: "unknown", flags: 0xc0, code: 0x63, value: Uint8Array.of(1) },
    );
    expect(decoded.problems).toMatchObject([{ treatment: "attributeDiscard" }]);
  });

  it("by repetition of one with routes end the session", () => {
    const decoded = decodeUpdate(updateBody(`${UNREACH} ${UNREACH}`), EXTERNAL);
    expect(decoded).toMatchObject({ kind: "sessionReset", fault: { errorCode: 3, errorSubcode: 1 } });
  });
});

describe("routes", () => {
  it("may stand in all fields at once, and in attributes anywhere among the others", () => {
    const decoded = decodeUpdate(
      updateBody(`${ORIGIN} ${UNREACH} ${AS_PATH} ${NEXT_HOP} ${REACH}`, ROUTE, "08 0a"),
      EXTERNAL,
    );
    if (decoded.kind !== "update") throw new Error(decoded.kind);
    expect(decoded.problems).toEqual([]);
    expect(decoded.update.pathAttributes.map(({ name }) => name)).toContain("mpReachNlri");
  });

  it.each([
    { name: "MP_REACH_NLRI that is transitive", attribute: REACH.replace("80", "c0"), rest: `${ORIGIN} ${AS_PATH}` },
    { name: "MP_REACH_NLRI that is well-known", attribute: REACH.replace("80", "40"), rest: `${ORIGIN} ${AS_PATH}` },
    { name: "MP_UNREACH_NLRI that is transitive", attribute: UNREACH.replace("80", "c0"), rest: "" },
    { name: "MP_REACH_NLRI of 4 octets", attribute: "80 0e 04 0002 01 00", rest: `${ORIGIN} ${AS_PATH}` },
    { name: "MP_UNREACH_NLRI of 2 octets", attribute: "80 0f 02 0002", rest: "" },
    { name: "an IPv6 prefix that is cut off", attribute: "80 0f 06 0002 01 20 2001", rest: "" },
    { name: "an IPv4 prefix of 33 bits among those over IPv6", attribute: "80 0f 09 0001 01 21 c000020100", rest: "" },
    {
      name: "a next hop longer than its attribute",
      attribute: "80 0e 06 0002 01 10 0000",
      rest: `${ORIGIN} ${AS_PATH}`,
    },
  ])("that cannot be told end the session: $name", ({ attribute, rest }) => {
    const decoded = decodeUpdate(updateBody(`${attribute} ${rest}`), EXTERNAL);
    if (decoded.kind !== "sessionReset") throw new Error(decoded.kind);
    const { errorCode, errorSubcode, data } = decoded.fault;
    expect([errorCode, errorSubcode, toHex(data)]).toEqual([3, 9, attribute.replaceAll(" ", "")]);
  });

  it.each([
    { name: "none at all", attributes: "80 04 03 000007", kind: "sessionReset" },
    { name: "withdrawn ones alone", attributes: `${UNREACH} 80 04 03 000007`, kind: "sessionReset" },
    { name: "withdrawn ones of another family", attributes: "80 0f 03 0019 46 80 04 03 000007", kind: "sessionReset" },
    {
      name: "announced ones of another family",
      attributes: "80 0e 05 0019 46 00 00 80 04 03 000007",
      kind: "treatAsWithdraw",
    },
    { name: "none, and what is wrong can be left out", attributes: "40 06 01 00", kind: "update" },
  ])("are missing beside an error: $name", ({ attributes, kind }) => {
    expect(decodeUpdate(updateBody(attributes), EXTERNAL).kind).toBe(kind);
  });

  it("are found by the length of all attributes, where the last one is cut off", () => {
    const decoded = decodeUpdate(updateBody(`${MANDATORY} c0 08 ff`, `${ROUTE} 08 0a`), EXTERNAL);
    if (decoded.kind !== "treatAsWithdraw") throw new Error(decoded.kind);
    expect(decoded.withdrawnRoutes.map(formatPrefix)).toEqual(["192.0.2.1/32", "10.0.0.0/8"]);
  });
});

const FAMILIES: readonly Capability[] = [
  { kind: "multiprotocol", afi: 1, safi: 1 },
  { kind: "multiprotocol", afi: 2, safi: 1 },
];

/** A session that the peer's octets have been made up for. */
function established(): BgpPeer {
  const bgpIdentifier = address("10.0.0.1");
  const local = { asn: 64_512, peerAs: 64_513, bgpIdentifier, holdTimeSeconds: 90, capabilities: FAMILIES };
  const us = createBgpPeer({ local, passive: false, connectRetrySeconds: 9 });
  us.start();
  us.connected("outgoing");
  const capabilities = "0e 02 0c 0104 00010001 0104 00020001";
  us.received("outgoing", fromHex(`${"ff".repeat(16)} 002b 01 04 fc01 005a 0a000002 ${capabilities}`));
  us.received("outgoing", fromHex(`${"ff".repeat(16)} 0013 04`));
  expect(us.state()).toBe("Established");
  return us;
}

it("is heeded in what is sent: an UPDATE has one kind of routes, and an attribute with routes is the first", () => {
  const us = established();
  const hops = { ipv4: [address("10.0.0.1")], ipv6: [address("2001:db8::1")] };
  const [low, high] = [1, 2].map((one) => ({ localPref: one, communities: [one], largeCommunities: [], prepend: 0 }));
  if (low === undefined || high === undefined) throw new Error("unreachable");
  const [going, changing] = [
    ["192.0.2.1/32", "2001:db8:1::1/128"].map(prefix),
    ["192.0.2.2/32", "2001:db8:1::2/128"].map(prefix),
  ] as const;
  for (const route of [...going, ...changing]) us.routes.announce(route, low);
  us.takeUpdates(100, hops);
  for (const route of going) us.routes.withdraw(route);
  for (const route of changing) us.routes.announce(route, high);
  const frames = us.takeUpdates(100, hops);
  expect(frames).toHaveLength(4);
  for (const octetsOfFrame of frames) {
    const frame = decodeFrame(octetsOfFrame, false);
    if (frame.kind !== "frame") throw new Error(frame.kind);
    const decoded = decodeUpdate(frame.body, { fourOctetAs: false, isInternal: false });
    if (decoded.kind !== "update") throw new Error(decoded.kind);
    const { withdrawnRoutes, nlri, pathAttributes } = decoded.update;
    const multiprotocol = pathAttributes.map(({ name }) => name === "mpReachNlri" || name === "mpUnreachNlri");
    const kinds = [withdrawnRoutes.length > 0, nlri.length > 0, ...multiprotocol].filter(Boolean);
    expect(kinds).toHaveLength(1);
    expect(multiprotocol.indexOf(true)).toBeLessThanOrEqual(0);
  }
});

describe("what is wrong is reported with the message and its routes", () => {
  const heard = (us: BgpPeer, body: Uint8Array) => {
    const encoded = encodeFrame(MESSAGE_TYPE.update, body, false);
    if (!encoded.ok) throw new Error("too long");
    return us.received("outgoing", encoded.value);
  };

  it.each([
    {
      name: "left out",
      attributes: `${ORIGIN} 40 02 04 0201 fc01 ${NEXT_HOP} 40 06 01 00 c0 07 01 00`,
      problem: /^atomicAggregate has 1 octets; aggregator/,
    },
    { name: "withdrawn", attributes: `40 01 01 07 40 02 04 0201 fc01 ${NEXT_HOP}`, problem: /^ORIGIN is 7/ },
  ])("$name", ({ attributes, problem }) => {
    const us = established();
    const body = updateBody(attributes, ROUTE);
    const reports = heard(us, body).filter((action) => action.do === "report");
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ routes: [prefix("192.0.2.1/32")], update: body });
    expect(reports[0]).toMatchObject({ problem: expect.stringMatching(problem) as string });
    expect(us.state()).toBe("Established");
  });

  it("in a few words, however many problems there are", () => {
    const body = updateBody(`${ORIGIN} 40 02 04 0201 fc01 ${NEXT_HOP} ${`${ORIGIN} `.repeat(500)}`, ROUTE);
    const report = heard(established(), body).find((action) => action.do === "report");
    expect(report?.problem).toMatch(/^(attribute 1 is there twice; ){8}and 492 more$/);
  });

  it("also where it ends the session, before that", () => {
    const us = established();
    const body = updateBody("80 04 03 000007");
    const actions = heard(us, body).map((action) => action.do);
    expect(actions.indexOf("report")).toBeGreaterThan(-1);
    expect(actions.indexOf("report")).toBeLessThan(actions.indexOf("write"));
  });

  it("and nothing where nothing is wrong", () => {
    const body = updateBody(`${ORIGIN} 40 02 04 0201 fc01 ${NEXT_HOP}`, ROUTE);
    expect(heard(established(), body).some((action) => action.do === "report")).toBe(false);
  });
});

it("knows the flags of every attribute that it reads", () => {
  expect(Object.keys(CATEGORY).toSorted()).toEqual(Object.keys(ATTRIBUTE_CODE).toSorted());
});
