import { expect, it } from "vitest";
import { decodeMetadata, encodeMetadata } from "../../../../src/runtime/membership/metadata.js";
import { octets } from "./octets.js";

it.each([
  { abilities: { heartbeats: false }, hex: "534d4c 01 0000" },
  { abilities: { heartbeats: true }, hex: "534d4c 01 0001" },
])("$abilities is $hex, both ways", ({ abilities, hex }) => {
  expect(encodeMetadata(abilities)).toEqual(octets(hex));
  expect(decodeMetadata(octets(hex))).toEqual(abilities);
});

it.each([
  { name: "nothing, as the releases have", hex: "", abilities: undefined },
  { name: "what somebody else says", hex: "01534d4c 0001", abilities: undefined },
  { name: "what was cut off", hex: "534d4c 01 00", abilities: undefined },
  { name: "a later version, which says more", hex: "534d4c 02 0001 ffff", abilities: { heartbeats: true } },
  { name: "flags of later", hex: "534d4c 01 fffe", abilities: { heartbeats: false } },
])("decodeMetadata() of $name", ({ hex, abilities }) => {
  expect(decodeMetadata(octets(hex))).toEqual(abilities);
});
