import { expect, it } from "vitest";
import { packAddressCounters, packChanges, unpackAddressCounters } from "../../../../src/runtime/layer2/messages.js";

it("packChanges() keeps the order, and each list of interfaces once", () => {
  expect(
    packChanges([
      { key: 5, interfaces: [] },
      { key: -6, interfaces: ["eth0", "eth1"] },
      { key: 5, interfaces: undefined },
      { key: "\u2001\u0db8\0\0\0\0\uffff\u0001", interfaces: ["eth1"] },
      { key: 8, interfaces: ["eth0", "eth1"], probe: true },
    ]),
  ).toEqual({
    keys: Int32Array.from(
      [
        [0, 0, 0xffff, 5],
        [0, 0, 0xffff, -6],
        [0, 0, 0xffff, 5],
        [0x20010db8, 0, 0, 0xffff0001 | 0],
        [0, 0, 0xffff, 8],
      ].flat(),
    ),
    scopes: Int32Array.of(0, 1, -1, 2, 1),
    probes: Uint8Array.of(0, 0, 0, 0, 1),
    interfaceSets: [["eth0", "eth1"], ["eth1"]],
  });
});

it("unpackAddressCounters() names the addresses", () => {
  const counted = [
    {
      key: -1062731280,
      requestsReceived: 1,
      responsesSent: 2,
      gratuitousSent: 3,
      claimsHeard: 7,
      contestedMilliseconds: 2,
    },
    {
      key: "\u2001\u0db8\0\0\0\0\uffff\u0001",
      requestsReceived: 4,
      responsesSent: 5,
      gratuitousSent: 2 ** 40,
      claimsHeard: 0,
      contestedMilliseconds: 0,
    },
  ];
  expect(unpackAddressCounters(packAddressCounters(counted, 2))).toEqual(
    new Map([
      [
        "192.168.1.240",
        { requestsReceived: 1, responsesSent: 2, gratuitousSent: 3, claimsHeard: 7, contestedMilliseconds: 2 },
      ],
      [
        "2001:db8::ffff:1",
        { requestsReceived: 4, responsesSent: 5, gratuitousSent: 2 ** 40, claimsHeard: 0, contestedMilliseconds: 0 },
      ],
    ]),
  );
});
