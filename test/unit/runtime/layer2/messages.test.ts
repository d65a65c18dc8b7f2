import { expect, it } from "vitest";
import { formatIpv4Key, ipv4Key } from "../../../../src/runtime/layer2/ipv4-key.js";
import { packChanges, unpackAddressCounters } from "../../../../src/runtime/layer2/messages.js";

it.each([
  ["0.0.0.0", 0],
  ["0.0.0.1", 1],
  ["127.255.255.255", 2 ** 31 - 1],
  ["128.0.0.0", -(2 ** 31)],
  ["192.168.1.240", -1062731280],
  ["255.255.255.255", -1],
])("the key of %s is %i, and back", (address, key) => {
  expect(ipv4Key(address)).toBe(key);
  expect(formatIpv4Key(key)).toBe(address);
});

it.each(["", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "::ffff:1.2.3.4", " 1.2.3.4"])("%j has no key", (text) =>
  expect(ipv4Key(text)).toBeUndefined(),
);

it("packChanges() keeps the order, and each list of interfaces once", () => {
  expect(
    packChanges([
      { key: 5, interfaces: [] },
      { key: -6, interfaces: ["eth0", "eth1"] },
      { key: 5, interfaces: undefined },
      { key: 7, interfaces: ["eth1"] },
      { key: 8, interfaces: ["eth0", "eth1"] },
    ]),
  ).toEqual({
    keys: Int32Array.of(5, -6, 5, 7, 8),
    scopes: Int32Array.of(0, 1, -1, 2, 1),
    interfaceSets: [["eth0", "eth1"], ["eth1"]],
  });
});

it("unpackAddressCounters() names the addresses", () => {
  expect(unpackAddressCounters(Float64Array.of(-1062731280, 1, 2, 3, 1, 4, 5, 6))).toEqual(
    new Map([
      ["192.168.1.240", { requestsReceived: 1, responsesSent: 2, gratuitousSent: 3 }],
      ["0.0.0.1", { requestsReceived: 4, responsesSent: 5, gratuitousSent: 6 }],
    ]),
  );
});
