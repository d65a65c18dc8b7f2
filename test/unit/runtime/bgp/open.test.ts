import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Capability } from "../../../../src/runtime/bgp/capability.js";
import { decodeOpen, encodeOpen, type OpenMessage } from "../../../../src/runtime/bgp/open.js";
import { runs } from "../../runs.js";
import { fromHex, toHex } from "./hex.js";

const identifier = { family: "ipv4", value: 0x0a000001n } as const;
const open = (capabilities: readonly Capability[], fields: Partial<OpenMessage> = {}): OpenMessage => ({
  myAs: 64_512,
  holdTimeSeconds: 90,
  bgpIdentifier: identifier,
  capabilities,
  ...fields,
});

const HEAD = "04 fc00 005a 0a000001";
const IPV4: Capability = { kind: "multiprotocol", afi: 1, safi: 1 };
const IPV6: Capability = { kind: "multiprotocol", afi: 2, safi: 1 };

describe("OPEN", () => {
  it.each<{ name: string; hex: string; message: OpenMessage }>([
    { name: "without parameters", hex: `${HEAD} 00`, message: open([]) },
    { name: "hold time 0", hex: "04 fc00 0000 0a000001 00", message: open([], { holdTimeSeconds: 0 }) },
    {
      name: "of the speaker that we stand in for",
      hex: `${HEAD} 14 02 12 0104 00010001 0104 00020001 4104 0000fc00`,
      message: open([IPV4, IPV6, { kind: "fourOctetAs", asn: 64_512 }]),
    },
    {
      name: "AS_TRANS and the number that it stands for",
      hex: "04 5ba0 005a 0a000001 08 02 06 4104 00010000",
      message: open([{ kind: "fourOctetAs", asn: 65_536 }], { myAs: 23_456 }),
    },
    {
      name: "refresh of both kinds, long messages",
      hex: `${HEAD} 08 02 06 0200 4600 0600`,
      message: open([{ kind: "routeRefresh" }, { kind: "enhancedRouteRefresh" }, { kind: "extendedMessage" }]),
    },
    {
      name: "IPv4 over an IPv6 next hop",
      hex: `${HEAD} 0a 02 08 0506 0001 0001 0002`,
      message: open([{ kind: "extendedNextHop", entries: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }]),
    },
    {
      name: "graceful restart",
      hex: `${HEAD} 0e 02 0c 400a c078 00010180 00020100`,
      message: open([
        {
          kind: "gracefulRestart",
          restarting: true,
          notification: true,
          restartTimeSeconds: 120,
          families: [
            { afi: 1, safi: 1, forwardingPreserved: true },
            { afi: 2, safi: 1, forwardingPreserved: false },
          ],
        },
      ]),
    },
    {
      name: "a capability that nobody knows",
      hex: `${HEAD} 06 02 04 f002 beef`,
      message: open([{ kind: "unknown", code: 0xf0, value: fromHex("beef") }]),
    },
  ])("both ways: $name", ({ hex, message }) => {
    expect(decodeOpen(fromHex(hex))).toEqual({ ok: true, value: message });
    expect(toHex(encodeOpen(message))).toBe(hex.replaceAll(" ", ""));
  });

  it.each<{ name: string; hex: string; capabilities: readonly Capability[] }>([
    { name: "a parameter for each capability", hex: `${HEAD} 0c 02 04 01 02 0001 02 04 01 02 0001`, capabilities: [] },
    { name: "the extended form", hex: `${HEAD} ff ff 0009 02 0006 0104 00010001`, capabilities: [IPV4] },
    {
      name: "the extended form behind another length",
      hex: `${HEAD} 01 ff 0009 02 0006 0104 00010001`,
      capabilities: [IPV4],
    },
    { name: "the extended form, empty", hex: `${HEAD} ff ff 0000`, capabilities: [] },
  ])("reads $name", ({ hex, capabilities }) => {
    const decoded = decodeOpen(fromHex(hex));
    if (!decoded.ok) throw new Error(decoded.fault.message);
    expect(decoded.value.capabilities.filter(({ kind }) => kind !== "unknown")).toEqual(capabilities);
  });

  it("passes over a known capability whose length is wrong", () => {
    const decoded = decodeOpen(fromHex(`${HEAD} 05 02 03 4101 00`));
    expect(decoded).toMatchObject({ ok: true, value: { capabilities: [{ kind: "unknown", code: 65 }] } });
  });

  // RFC 4271 §6.2, RFC 6286 §2.2, RFC 7607 §2
  it.each([
    { name: "version 3", hex: "03 fc00 005a 0a000001 00", subcode: 1, data: "0004" },
    { name: "AS 0", hex: "04 0000 005a 0a000001 00", subcode: 2, data: "" },
    { name: "AS 0 in four octets", hex: `${HEAD} 08 02 06 4104 00000000`, subcode: 2, data: "" },
    { name: "identifier 0", hex: "04 fc00 005a 00000000 00", subcode: 3, data: "" },
    { name: "a parameter that is not known", hex: `${HEAD} 03 01 01 00`, subcode: 4, data: "" },
    { name: "hold time 1", hex: "04 fc00 0001 0a000001 00", subcode: 6, data: "" },
    { name: "hold time 2", hex: "04 fc00 0002 0a000001 00", subcode: 6, data: "" },
    { name: "parameters longer than the message", hex: `${HEAD} 04 02 00`, subcode: 0, data: "" },
    { name: "octets behind the parameters", hex: `${HEAD} 00 00`, subcode: 0, data: "" },
    { name: "a parameter that is cut off", hex: `${HEAD} 01 02`, subcode: 0, data: "" },
    { name: "a parameter longer than all", hex: `${HEAD} 02 02 01`, subcode: 0, data: "" },
    { name: "a capability that is cut off", hex: `${HEAD} 03 02 01 41`, subcode: 0, data: "" },
    { name: "a capability longer than its parameter", hex: `${HEAD} 05 02 03 4104 00`, subcode: 0, data: "" },
    { name: "an extended length that is cut off", hex: `${HEAD} ff ff 00`, subcode: 0, data: "" },
  ])("refuses $name", ({ hex, subcode, data }) => {
    const decoded = decodeOpen(fromHex(hex));
    if (decoded.ok) throw new Error("accepted");
    expect([decoded.fault.errorCode, decoded.fault.errorSubcode, toHex(decoded.fault.data)]).toEqual([
      2,
      subcode,
      data,
    ]);
    expect(decoded.fault.message).toMatch(/^Cannot accept BGP OPEN: /);
  });

  it("goes over to the extended form where the short one is too small, and back", () => {
    const capabilities = Array.from({ length: 60 }, (_, code): Capability => ({
      kind: "unknown",
      code: 128 + code,
      value: fromHex("0102030405"),
    }));
    expect(decodeOpen(encodeOpen(open(capabilities)))).toEqual({ ok: true, value: open(capabilities) });
    expect(toHex(encodeOpen(open(capabilities))).slice(18, 22)).toBe("ffff");
  });

  it("never throws, whatever arrives, and what it takes it can say again", () => {
    const mutated = fc.tuple(
      fc.constantFrom(
        `${HEAD} 14 02 12 0104 00010001 0104 00020001 4104 0000fc00`,
        `${HEAD} ff ff 0009 02 0006 0104 00010001`,
      ),
      fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 6 }),
      fc.nat(40),
    );
    fc.assert(
      fc.property(mutated, ([hex, changes, cut]) => {
        const octets = fromHex(hex);
        for (const [at, value] of changes) octets[at % octets.length] = value;
        const decoded = decodeOpen(octets.subarray(0, Math.max(10, octets.length - cut)));
        if (!decoded.ok) return;
        expect(decodeOpen(encodeOpen(decoded.value))).toEqual(decoded);
      }),
      { numRuns: runs(2000) },
    );
  });
});
