import { expect, it } from "vitest";
import { createPoolFinder, poolFinderWithoutIndex } from "../../../../src/runtime/announce/pool-finder.js";
import { parseAddress } from "../../../../src/runtime/net/address.js";
import { pool } from "./fixtures.js";

const model = {
  pools: [
    pool("z", ["192.0.2.128/25", "2001:db8::/64"]),
    pool("a", ["192.0.2.0/26", "10.0.0.0/8"]),
    pool("one", ["192.0.2.100/32"]),
  ],
  peers: [],
  bfdProfiles: [],
};

it.each([
  ["192.0.2.0", "a"],
  ["192.0.2.63", "a"],
  ["192.0.2.64", undefined],
  ["192.0.2.99", undefined],
  ["192.0.2.100", "one"],
  ["192.0.2.101", undefined],
  ["192.0.2.128", "z"],
  ["192.0.2.255", "z"],
  ["192.0.3.0", undefined],
  ["9.255.255.255", undefined],
  ["10.0.0.0", "a"],
  ["2001:db8::ffff:ffff:ffff:ffff", "z"],
  ["2001:db8:0:1::", undefined],
  ["::192.0.2.1", undefined],
])("%s lies in pool %s", (text, name) => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error("not an address");
  expect(createPoolFinder(model)(address)?.name).toBe(name);
  expect(poolFinderWithoutIndex(model)(address)?.name).toBe(name);
});
