import { expect, it } from "vitest";
import {
  addressKey,
  formatAddressKey,
  packKey,
  readIpv6Key,
  solicitedNodeGroup,
  unpackKey,
  writeIpv6Key,
  type AddressKey,
} from "../../../../src/runtime/layer2/address-key.js";
import { ipv4Key } from "../../../../src/runtime/layer2/ipv4-key.js";

it.each<[string, AddressKey]>([
  ["0.0.0.0", 0],
  ["0.0.0.1", 1],
  ["127.255.255.255", 2 ** 31 - 1],
  ["128.0.0.0", -(2 ** 31)],
  ["192.168.1.240", -1062731280],
  ["255.255.255.255", -1],
  ["::", "\0".repeat(8)],
  ["::1", "\0".repeat(7) + "\u0001"],
  ["2001:db8::8000:ffff", "\u2001\u0db8\0\0\0\0\u8000\uffff"],
  ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "\uffff".repeat(8)],
])("the key of %s, and back, in a message too", (address, key) => {
  expect(addressKey(address)).toBe(key);
  expect(formatAddressKey(key)).toBe(address);
  const [words, doubles] = [new Int32Array(6), new Float64Array(6)];
  packKey(words, 1, key);
  packKey(doubles, 1, key);
  expect([unpackKey(words, 1), unpackKey(doubles, 1)]).toEqual([key, key]);
  if (typeof key === "number") return expect(ipv4Key(address)).toBe(key);
  const view = new DataView(new ArrayBuffer(20));
  writeIpv6Key(view, 2, key);
  expect(readIpv6Key(view, 2)).toBe(key);
});

it.each(["", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", " 1.2.3.4", "fe80::1%eth0", "::g", "web"])(
  "%j has no key",
  (text) => expect(addressKey(text)).toBeUndefined(),
);

it("there is one key for each address, however it is written", () => {
  expect(addressKey("2001:DB8:0:0::1")).toBe(addressKey("2001:db8::1"));
  expect(addressKey("::ffff:1.2.3.4")).toBe(addressKey("1.2.3.4"));
});

it.each([
  ["2001:db8::1:2", 0x010002],
  ["fe80::200:ff:feab:cdef", 0xabcdef],
  ["2001:db8::ff00:0", 0],
])("the solicited-node group of %s", (address, group) => {
  expect(solicitedNodeGroup(String(addressKey(address)))).toBe(group);
});
