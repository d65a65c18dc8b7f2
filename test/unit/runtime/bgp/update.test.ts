import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeUpdate, isEndOfRib, type UpdateMessage } from "../../../../src/runtime/bgp/decode-update.js";
import {
  encodeAnnouncements,
  encodeEndOfRib,
  encodeUpdate,
  encodeWithdrawals,
  type RouteAttributes,
} from "../../../../src/runtime/bgp/encode-update.js";
import type { PathAttribute } from "../../../../src/runtime/bgp/path-attribute.js";
import { formatPrefix, type Prefix } from "../../../../src/runtime/net/address.js";
import { runs } from "../../runs.js";
import { fromHex, toHex, updateBody as body } from "./hex.js";
import { address, prefix } from "./prefixes.js";

const INTERNAL = { fourOctetAs: true, isInternal: true, extendedMessage: false };
const EXTERNAL = { fourOctetAs: true, isInternal: false, extendedMessage: false };

const update = (fields: Partial<UpdateMessage>): UpdateMessage => ({
  withdrawnRoutes: [],
  pathAttributes: [],
  nlri: [],
  ...fields,
});

const ORIGIN = "40 01 01 00";
const AS_PATH = "40 02 06 0201 0000fc00";
const NEXT_HOP = "40 03 04 0a000001";
const ROUTE = "20 c0000201"; // 192.0.2.1/32
const REACH = "80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8"; // 2001:db8::/32

const origin: PathAttribute = { name: "origin", origin: 0 };
const asPath: PathAttribute = { name: "asPath", segments: [{ type: 2, asns: [64_512] }] };
const nextHop: PathAttribute = { name: "nextHop", address: address("10.0.0.1") };
const MANDATORY = `${ORIGIN} ${AS_PATH} ${NEXT_HOP}`;
const mandatory = [origin, asPath, nextHop];

describe("UPDATE, both ways", () => {
  it.each<{ name: string; hex: Uint8Array; message: UpdateMessage; context?: typeof INTERNAL }>([
    { name: "nothing", hex: body(""), message: update({}) },
    {
      name: "withdrawn routes of every length of octets",
      hex: body("", "", "00 08 0a 0c ac10 18 c00002 20 c0000201"),
      message: update({
        withdrawnRoutes: ["0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "192.0.2.0/24", "192.0.2.1/32"].map(prefix),
      }),
    },
    {
      name: "a route",
      hex: body(MANDATORY, ROUTE),
      message: update({ pathAttributes: mandatory, nlri: [prefix("192.0.2.1/32")] }),
    },
    {
      name: "an AS path of two octets each, with a set",
      context: { ...EXTERNAL, fourOctetAs: false },
      hex: body(`${ORIGIN} 40 02 0a 0201 fc00 0102 0001 0002 ${NEXT_HOP}`, ROUTE),
      message: update({
        pathAttributes: [
          origin,
          {
            name: "asPath",
            segments: [
              { type: 2, asns: [64_512] },
              { type: 1, asns: [1, 2] },
            ],
          },
          nextHop,
        ],
        nlri: [prefix("192.0.2.1/32")],
      }),
    },
    {
      name: "every attribute of a route within an AS",
      context: INTERNAL,
      hex: body(
        `${ORIGIN} 40 02 00 ${NEXT_HOP} 80 04 04 00000007 40 05 04 00000064 40 06 00 c0 07 08 0000fc00 0a000002
         c0 08 08 fc000001 ffffff01 80 09 04 0a000003 80 0a 08 0a000004 0a000005 c0 10 08 0002fc0000000001
         c0 20 0c 0000fc00 00000001 00000002`,
        ROUTE,
      ),
      message: update({
        pathAttributes: [
          origin,
          { name: "asPath", segments: [] },
          nextHop,
          { name: "multiExitDisc", value: 7 },
          { name: "localPref", value: 100 },
          { name: "atomicAggregate" },
          { name: "aggregator", asn: 64_512, address: address("10.0.0.2") },
          { name: "communities", communities: [0xfc000001, 0xffffff01] },
          { name: "originatorId", address: address("10.0.0.3") },
          { name: "clusterList", addresses: [address("10.0.0.4"), address("10.0.0.5")] },
          { name: "extendedCommunities", octets: fromHex("0002fc0000000001") },
          { name: "largeCommunities", communities: [[64_512, 1, 2]] },
        ],
        nlri: [prefix("192.0.2.1/32")],
      }),
    },
    {
      name: "an IPv6 route",
      hex: body(`${REACH} ${ORIGIN} ${AS_PATH}`),
      message: update({
        pathAttributes: [
          { name: "mpReachNlri", family: "ipv6", nextHops: [address("2001:db8::1")], nlri: [prefix("2001:db8::/32")] },
          origin,
          asPath,
        ],
      }),
    },
    {
      name: "an IPv4 route with two IPv6 next hops",
      hex: body(
        `80 0e 2a 0001 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 00 20 c0000201
         ${ORIGIN} ${AS_PATH}`,
      ),
      message: update({
        pathAttributes: [
          {
            name: "mpReachNlri",
            family: "ipv4",
            nextHops: [address("2001:db8::1"), address("fe80::1")],
            nlri: [prefix("192.0.2.1/32")],
          },
          origin,
          asPath,
        ],
      }),
    },
    {
      name: "withdrawn IPv6 routes",
      hex: body("80 0f 08 0002 01 20 20010db8"),
      message: update({
        pathAttributes: [{ name: "mpUnreachNlri", family: "ipv6", withdrawnRoutes: [prefix("2001:db8::/32")] }],
      }),
    },
    {
      name: "an optional attribute that nobody knows",
      hex: body(`${MANDATORY} e0 63 02 beef`, ROUTE),
      message: update({
        pathAttributes: [...mandatory, { name: "unknown", flags: 0xe0, code: 0x63, value: fromHex("beef") }],
        nlri: [prefix("192.0.2.1/32")],
      }),
    },
  ])("$name", ({ hex, message, context = EXTERNAL }) => {
    expect(decodeUpdate(hex, context)).toEqual({ kind: "update", update: message, problems: [] });
    expect(toHex(encodeUpdate(message, context))).toBe(toHex(hex));
  });

  it("reads what is written otherwise: extended lengths, bits behind a prefix, flags that mean nothing", () => {
    const decoded = decodeUpdate(body(`5f 01 0001 00 ${AS_PATH} ${NEXT_HOP}`, "0c acff"), EXTERNAL);
    expect(decoded).toEqual({
      kind: "update",
      update: update({ pathAttributes: mandatory, nlri: [prefix("172.240.0.0/12")] }),
      problems: [],
    });
  });

  it("passes over routes of families that are not ours", () => {
    const decoded = decodeUpdate(body(`80 0e 0a 0019 46 04 0a000001 00 ff ${ORIGIN} ${AS_PATH}`), EXTERNAL);
    expect(decoded).toMatchObject({
      kind: "update",
      update: { pathAttributes: [{ name: "otherFamily", afi: 25, safi: 70 }, origin, asPath] },
    });
  });
});

describe("an UPDATE that is wrong", () => {
  const longPath = `40 02 06 0202 0000fc00`;

  it.each<{ rfc: string; name: string; hex: Uint8Array; context?: typeof INTERNAL }>([
    {
      rfc: "7606 §3 c",
      name: "well-known attribute with the optional bit",
      hex: body(`c0 01 01 00 ${AS_PATH} ${NEXT_HOP}`, ROUTE),
    },
    {
      rfc: "7606 §3 c",
      name: "COMMUNITIES without the transitive bit",
      hex: body(`${MANDATORY} 80 08 04 fc000001`, ROUTE),
    },
    { rfc: "7606 §3 d", name: "no ORIGIN", hex: body(`${AS_PATH} ${NEXT_HOP}`, ROUTE) },
    { rfc: "7606 §3 d", name: "no AS_PATH", hex: body(`${ORIGIN} ${NEXT_HOP}`, ROUTE) },
    { rfc: "7606 §3 d", name: "no NEXT_HOP", hex: body(`${ORIGIN} ${AS_PATH}`, ROUTE) },
    { rfc: "7606 §4", name: "last attribute longer than all", hex: body(`${MANDATORY} 80 04 05 00000007`, ROUTE) },
    { rfc: "7606 §4", name: "two octets left for an attribute", hex: body(`${MANDATORY} 80 04`, ROUTE) },
    { rfc: "7606 §4", name: "three octets left for an extended one", hex: body(`${MANDATORY} 90 04 00`, ROUTE) },
    { rfc: "7606 §7.1", name: "ORIGIN of 3", hex: body(`40 01 01 03 ${AS_PATH} ${NEXT_HOP}`, ROUTE) },
    { rfc: "7606 §7.1", name: "ORIGIN of no octets", hex: body(`40 01 00 ${AS_PATH} ${NEXT_HOP}`, ROUTE) },
    {
      rfc: "7606 §7.2",
      name: "AS_PATH segment that is cut off",
      hex: body(`${ORIGIN} ${longPath} ${NEXT_HOP}`, ROUTE),
    },
    {
      rfc: "7606 §7.2",
      name: "AS_PATH segment of no numbers",
      hex: body(`${ORIGIN} 40 02 02 0200 ${NEXT_HOP}`, ROUTE),
    },
    {
      rfc: "7606 §7.2",
      name: "AS_PATH segment of type 5",
      hex: body(`${ORIGIN} 40 02 06 0501 00000001 ${NEXT_HOP}`, ROUTE),
    },
    {
      rfc: "7606 §7.2",
      name: "AS_PATH with one octet behind",
      hex: body(`${ORIGIN} 40 02 07 0201 00000001 02 ${NEXT_HOP}`, ROUTE),
    },
    { rfc: "7607 §2", name: "AS 0 in AS_PATH", hex: body(`${ORIGIN} 40 02 06 0201 00000000 ${NEXT_HOP}`, ROUTE) },
    {
      rfc: "5065 §5",
      name: "a confederation in AS_PATH from another AS",
      hex: body(`${ORIGIN} 40 02 06 0301 0000fc01 ${NEXT_HOP}`, ROUTE),
    },
    {
      rfc: "4271 §6.3",
      name: "NEXT_HOP that is no host's",
      hex: body(`${ORIGIN} ${AS_PATH} 40 03 04 e0000001`, ROUTE),
    },
    { rfc: "7606 §7.3", name: "NEXT_HOP of 3 octets", hex: body(`${ORIGIN} ${AS_PATH} 40 03 03 0a0000`, ROUTE) },
    { rfc: "7606 §7.4", name: "MULTI_EXIT_DISC of 3 octets", hex: body(`${MANDATORY} 80 04 03 000007`, ROUTE) },
    {
      rfc: "7606 §7.5",
      name: "LOCAL_PREF of 3 octets within an AS",
      hex: body(`${MANDATORY} 40 05 03 000007`, ROUTE),
      context: INTERNAL,
    },
    { rfc: "7606 §7.8", name: "COMMUNITIES of 5 octets", hex: body(`${MANDATORY} c0 08 05 fc00000100`, ROUTE) },
    { rfc: "7606 §7.8", name: "COMMUNITIES of none", hex: body(`${MANDATORY} c0 08 00`, ROUTE) },
    {
      rfc: "7606 §7.9",
      name: "ORIGINATOR_ID of 3 octets",
      hex: body(`${MANDATORY} 80 09 03 000007`, ROUTE),
      context: INTERNAL,
    },
    {
      rfc: "7606 §7.10",
      name: "CLUSTER_LIST of 5 octets",
      hex: body(`${MANDATORY} 80 0a 05 0000000700`, ROUTE),
      context: INTERNAL,
    },
    {
      rfc: "7606 §7.14",
      name: "extended communities of 7 octets",
      hex: body(`${MANDATORY} c0 10 07 00000007000000`, ROUTE),
    },
    {
      rfc: "8092 §5",
      name: "large communities of 11 octets",
      hex: body(`${MANDATORY} c0 20 0b 0000000700000000000000`, ROUTE),
    },
  ])("counts as withdrawing its routes: RFC $rfc, $name", ({ hex, context = EXTERNAL }) => {
    const decoded = decodeUpdate(hex, context);
    if (decoded.kind !== "treatAsWithdraw") throw new Error(decoded.kind);
    expect(decoded.withdrawnRoutes.map(formatPrefix)).toEqual(["192.0.2.1/32"]);
    expect(decoded.problems.some(({ treatment }) => treatment === "treatAsWithdraw")).toBe(true);
  });

  it("counts all its routes, of both families and of all fields", () => {
    const decoded = decodeUpdate(body(`${REACH} ${AS_PATH} ${NEXT_HOP}`, ROUTE, "08 0a"), EXTERNAL);
    if (decoded.kind !== "treatAsWithdraw") throw new Error(decoded.kind);
    expect(decoded.withdrawnRoutes.map(formatPrefix)).toEqual(["10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"]);
  });

  it.each<{ rfc: string; name: string; extra: string; context?: typeof INTERNAL }>([
    { rfc: "7606 §3 g", name: "an attribute that is there twice", extra: ORIGIN },
    { rfc: "7606 §7.5", name: "LOCAL_PREF from another AS", extra: "40 05 04 00000064" },
    { rfc: "7606 §7.6", name: "ATOMIC_AGGREGATE with a value", extra: "40 06 01 00" },
    { rfc: "7606 §7.7", name: "AGGREGATOR of 6 octets", extra: "c0 07 06 fc00 0a000002" },
    { rfc: "7607 §2", name: "AS 0 in AGGREGATOR", extra: "c0 07 08 00000000 0a000002" },
    { rfc: "7606 §7.9", name: "ORIGINATOR_ID from another AS", extra: "80 09 04 0a000003" },
    { rfc: "7606 §7.10", name: "CLUSTER_LIST from another AS", extra: "80 0a 04 0a000003" },
    { rfc: "6793 §6", name: "AS4_PATH from a speaker with four-octet numbers", extra: "c0 11 06 0201 00010000" },
  ])("leaves out RFC $rfc, $name", ({ extra, context = EXTERNAL }) => {
    const decoded = decodeUpdate(body(`${MANDATORY} ${extra}`, ROUTE), context);
    if (decoded.kind !== "update") throw new Error(decoded.kind);
    expect(decoded.update).toEqual(update({ pathAttributes: mandatory, nlri: [prefix("192.0.2.1/32")] }));
    expect(decoded.problems.map(({ treatment }) => treatment)).toEqual(["attributeDiscard"]);
  });

  it.each<{ rfc: string; name: string; hex: Uint8Array; subcode: number; data?: string }>([
    { rfc: "7606 §3 a", name: "withdrawn routes longer than the message", hex: fromHex("0005 0000"), subcode: 1 },
    { rfc: "7606 §3 a", name: "attributes longer than the message", hex: fromHex("0000 0001"), subcode: 1 },
    { rfc: "7606 §3 a", name: "no length of attributes", hex: fromHex("0000"), subcode: 1 },
    { rfc: "7606 §3 g", name: "MP_REACH_NLRI twice", hex: body(`${REACH} ${REACH} ${ORIGIN} ${AS_PATH}`), subcode: 1 },
    { rfc: "7606 §3 i", name: "withdrawn prefix of 33 bits", hex: body("", "", "21 c000020100"), subcode: 10 },
    { rfc: "7606 §5.3", name: "prefix of 33 bits", hex: body(MANDATORY, "21 c000020100"), subcode: 10 },
    { rfc: "7606 §5.3", name: "prefix that is cut off", hex: body(MANDATORY, "20 c00002"), subcode: 10 },
    {
      rfc: "7606 §5.2",
      name: "wrong attributes and no routes",
      hex: body("40 01 01 03"),
      subcode: 6,
      data: "40010103",
    },
    {
      rfc: "7606 §5.2",
      name: "wrong flags and no routes",
      hex: body("c0 01 01 00"),
      subcode: 4,
      data: "c0010100",
    },
    {
      rfc: "7606 §5.3",
      name: "MP_REACH_NLRI of which two octets are there",
      hex: body(`${MANDATORY} 80 0e`, ROUTE),
      subcode: 9,
      data: "800e",
    },
    {
      rfc: "7606 §7.11",
      name: "next hop of 5 octets",
      hex: body("80 0e 0a 0002 01 05 0a00000100 00"),
      subcode: 9,
      data: "800e0a00020105 0a0000010000",
    },
    {
      rfc: "7606 §5.3",
      name: "IPv6 prefix of 129 bits",
      hex: body(`80 0f 04 0002 01 81 ${ORIGIN}`),
      subcode: 9,
      data: "800f0400020181",
    },
    {
      rfc: "7606 §5.3",
      name: "MP_REACH_NLRI longer than all",
      hex: body("80 0e 09 0002 01 00"),
      subcode: 9,
      data: "800e0900020100",
    },
    {
      rfc: "4271 §6.3",
      name: "well-known attribute that is not known",
      hex: body(`${MANDATORY} 40 63 01 aa`, ROUTE),
      subcode: 2,
      data: "406301aa",
    },
  ])("ends the session: RFC $rfc, $name", ({ hex, subcode, data = "" }) => {
    const decoded = decodeUpdate(hex, EXTERNAL);
    if (decoded.kind !== "sessionReset") throw new Error(decoded.kind);
    const { errorCode, errorSubcode, data: told, message } = decoded.fault;
    expect([errorCode, errorSubcode, toHex(told)]).toEqual([3, subcode, data.replaceAll(" ", "")]);
    expect(message).toMatch(/^Cannot accept BGP UPDATE: /);
  });
});

describe("announcing", () => {
  const attributes: RouteAttributes = {
    asPath: [64_512],
    nextHops: [address("10.0.0.1")],
    communities: [],
    largeCommunities: [],
  };
  const context = { fourOctetAs: true, extendedMessage: false };
  const read = (octets: Uint8Array, of = EXTERNAL): UpdateMessage => {
    const decoded = decodeUpdate(octets, of);
    if (decoded.kind !== "update" || decoded.problems.length > 0) throw new Error(JSON.stringify(decoded.kind));
    return decoded.update;
  };

  it("writes an IPv4 route with its attributes in order", () => {
    const full = {
      ...attributes,
      localPref: 200,
      communities: [0xffffff01, 1],
      largeCommunities: [
        [2, 0, 0],
        [1, 2, 3],
      ] as const,
    };
    const [octets, ...more] = [...encodeAnnouncements("ipv4", full, [prefix("192.0.2.1/32")], context)];
    expect(more).toEqual([]);
    expect(read(octets ?? new Uint8Array(), INTERNAL)).toEqual(
      update({
        pathAttributes: [
          ...mandatory,
          { name: "localPref", value: 200 },
          { name: "communities", communities: [1, 0xffffff01] },
          {
            name: "largeCommunities",
            communities: [
              [1, 2, 3],
              [2, 0, 0],
            ],
          },
        ],
        nlri: [prefix("192.0.2.1/32")],
      }),
    );
  });

  it("puts IPv6 routes, and IPv4 ones over IPv6, into MP_REACH_NLRI, first", () => {
    for (const [family, text] of [
      ["ipv6", "2001:db8::1/128"],
      ["ipv4", "192.0.2.1/32"],
    ] as const) {
      const nextHops = [address("2001:db8::1"), address("fe80::1")];
      const [octets = new Uint8Array()] = encodeAnnouncements(
        family,
        { ...attributes, nextHops },
        [prefix(text)],
        context,
      );
      expect(read(octets).pathAttributes).toEqual([
        { name: "mpReachNlri", family, nextHops, nlri: [prefix(text)] },
        origin,
        asPath,
      ]);
    }
  });

  it("says a long AS number to a peer of two octets by AS_TRANS and AS4_PATH", () => {
    const [octets = new Uint8Array()] = encodeAnnouncements(
      "ipv4",
      { ...attributes, asPath: [4_200_000_000] },
      [prefix("192.0.2.1/32")],
      { ...context, fourOctetAs: false },
    );
    expect(read(octets, { ...EXTERNAL, fourOctetAs: false }).pathAttributes).toEqual([
      origin,
      { name: "asPath", segments: [{ type: 2, asns: [23_456] }] },
      nextHop,
      { name: "as4Path", segments: [{ type: 2, asns: [4_200_000_000] }] },
    ]);
  });

  it.each([
    { family: "ipv4", extendedMessage: false, messages: 3 },
    { family: "ipv6", extendedMessage: false, messages: 9 },
    { family: "ipv4", extendedMessage: true, messages: 1 },
  ] as const)(
    "packs 2,000 $family routes into $messages messages, long ones: $extendedMessage",
    ({ family, extendedMessage, messages }) => {
      const base = family === "ipv4" ? 0x0a000000n : 0x20010db8n << 96n;
      const prefixes = Array.from({ length: 2000 }, (_, index): Prefix => ({
        family,
        value: base + BigInt(index),
        length: family === "ipv4" ? 32 : 128,
      }));
      const nextHops = [address(family === "ipv4" ? "10.0.0.1" : "2001:db8::1")];
      const packing = { fourOctetAs: true, extendedMessage };
      const announced = [...encodeAnnouncements(family, { ...attributes, nextHops }, prefixes, packing)];
      const withdrawn = [...encodeWithdrawals(family, prefixes, packing)];
      const routesOf = (octets: Uint8Array): Prefix[] => {
        const { nlri, withdrawnRoutes, pathAttributes } = read(octets);
        return [
          ...nlri,
          ...withdrawnRoutes,
          ...pathAttributes.flatMap((one) =>
            one.name === "mpReachNlri" ? one.nlri : one.name === "mpUnreachNlri" ? one.withdrawnRoutes : [],
          ),
        ];
      };
      for (const bodies of [announced, withdrawn]) {
        expect(bodies.length).toBe(messages);
        expect(Math.max(...bodies.map(({ length }) => length + 19))).toBeLessThanOrEqual(
          extendedMessage ? 65_535 : 4096,
        );
        expect(bodies.flatMap(routesOf)).toEqual(prefixes);
      }
    },
  );

  it("ends a list of routes, and knows such an end", () => {
    expect([toHex(encodeEndOfRib("ipv4")), toHex(encodeEndOfRib("ipv6"))]).toEqual([
      "00000000",
      "00000006800f03000201",
    ]);
    expect(isEndOfRib(read(encodeEndOfRib("ipv4")))).toBe(true);
    expect(isEndOfRib(read(encodeEndOfRib("ipv6")))).toBe(true);
    expect(isEndOfRib(read(body("", "", "08 0a")))).toBe(false);
    expect(isEndOfRib(read(body(MANDATORY, ROUTE)))).toBe(false);
  });

  it("refuses attributes that leave no room for a route", () => {
    const communities = Array.from({ length: 1100 }, (_, index) => index);
    const encode = (): unknown => [
      ...encodeAnnouncements("ipv4", { ...attributes, communities }, [prefix("192.0.2.1/32")], context),
    ];
    expect(encode).toThrow(/leave -?\d+ octets for routes/);
  });
});

it("never throws, whatever arrives, and what it takes it can say again", () => {
  const seeds = [
    body(MANDATORY, ROUTE),
    body(`${REACH} ${ORIGIN} ${AS_PATH} c0 08 04 fc000001 c0 20 0c 0000fc00 00000001 00000002`, "", "08 0a"),
    body("80 0f 08 0002 01 20 20010db8"),
    body(
      `${ORIGIN} 40 02 00 ${NEXT_HOP} 80 04 04 00000007 40 05 04 00000064 40 06 00 c0 07 08 0000fc00 0a000002`,
      ROUTE,
    ),
  ];
  const mutation = fc.tuple(fc.nat(200), fc.nat(255));
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.array(mutation, { maxLength: 5 }),
      fc.nat(80),
      fc.boolean(),
      (seed, changes, cut, isInternal) => {
        const octets = seed.slice();
        for (const [at, value] of changes) octets[at % octets.length] = value;
        const context = { fourOctetAs: true, isInternal };
        const decoded = decodeUpdate(
          octets.subarray(0, cut < 40 ? octets.length : octets.length - (cut - 40)),
          context,
        );
        if (decoded.kind !== "update" || decoded.problems.length > 0) return;
        if (decoded.update.pathAttributes.some(({ name }) => name === "otherFamily")) return; // not kept whole
        expect(decodeUpdate(encodeUpdate(decoded.update, context), context)).toEqual(decoded);
      },
    ),
    { numRuns: runs(3000) },
  );
});
