import { expect, it } from "vitest";
import {
  announceAddress,
  forgetWithdrawn,
  isAnnouncedOn,
  withdrawAddress,
  type AnnouncedAddresses,
} from "../../../../src/runtime/layer2/announced-addresses.js";

const names = (...list: string[]): ReadonlySet<string> => new Set(list);

it("announceAddress() says whether something changed", () => {
  const addresses: AnnouncedAddresses = new Map();
  expect([
    announceAddress(addresses, 1, undefined),
    announceAddress(addresses, 1, undefined),
    announceAddress(addresses, 1, names("eth0", "eth1")),
    announceAddress(addresses, 1, names("eth1", "eth0")),
    announceAddress(addresses, 1, names("eth1", "eth2")),
    announceAddress(addresses, 1, undefined),
    withdrawAddress(addresses, 1),
    withdrawAddress(addresses, 1),
    withdrawAddress(addresses, 2),
    announceAddress(addresses, 1, undefined),
  ]).toEqual([true, false, true, false, true, true, true, false, false, true]);
});

it.each([
  { interfaces: undefined, on: "eth0", expected: true },
  { interfaces: names("eth0"), on: "eth0", expected: true },
  { interfaces: names("eth0"), on: "eth1", expected: false },
  { interfaces: names(), on: "eth0", expected: false },
])("isAnnouncedOn() with $interfaces on $on is $expected", ({ interfaces, on, expected }) => {
  const addresses: AnnouncedAddresses = new Map();
  announceAddress(addresses, 1, interfaces);
  const address = addresses.get(1);
  expect(address !== undefined && isAnnouncedOn(address, on)).toBe(expected);
});

it("an address that comes back has its counters still", () => {
  const addresses: AnnouncedAddresses = new Map();
  announceAddress(addresses, 1, undefined);
  Object.assign(addresses.get(1) ?? {}, { responsesSent: 42 });
  withdrawAddress(addresses, 1);
  announceAddress(addresses, 1, undefined);
  expect(addresses.get(1)).toMatchObject({ announced: true, responsesSent: 42 });
});

it("of too many withdrawn addresses those are forgotten that were withdrawn first", () => {
  const addresses: AnnouncedAddresses = new Map();
  for (const key of [1, 2, 3, 4, 5]) announceAddress(addresses, key, undefined);
  for (const key of [4, 2, 1]) withdrawAddress(addresses, key);
  forgetWithdrawn(addresses, 2);
  expect([...addresses.keys()].toSorted()).toEqual([1, 2, 3, 5]);
  forgetWithdrawn(addresses, 0);
  expect([...addresses.keys()].toSorted()).toEqual([3, 5]);
});
