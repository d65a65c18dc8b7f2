import { expect, it } from "vitest";
import { convert } from "../../../src/migrate/convert.js";
import { decodeText } from "../../../src/migrate/decode-text.js";

const TEXT = "address-pools: [{name: Ä𝄞, protocol: layer2, addresses: [10.0.0.0/24]}]\n";
const LITTLE = Buffer.from(`\uFEFF${TEXT}`, "utf16le");

it.each([
  { name: "UTF-8", octets: Buffer.from(TEXT), expected: TEXT },
  { name: "UTF-8 with a mark", octets: Buffer.from(`\uFEFF${TEXT}`), expected: `\uFEFF${TEXT}` },
  { name: "UTF-16, as Windows writes it", octets: LITTLE, expected: `\uFEFF${TEXT}` },
  { name: "UTF-16, big end first", octets: Buffer.from(LITTLE).swap16(), expected: `\uFEFF${TEXT}` },
  { name: "octets that are no text", octets: Uint8Array.of(0x61, 0xff, 0x62), expected: "a\uFFFDb" },
  { name: "nothing", octets: new Uint8Array(), expected: "" },
])("decodeText() reads $name", ({ octets, expected }) => expect(decodeText(octets)).toBe(expected));

it("what is decoded of each can be converted", () => {
  const options = { file: "f", output: "yaml" } as const;
  const [one, other] = [convert(TEXT, options), convert(decodeText(LITTLE), options)];
  expect(one.ok && other.ok && other.value.text).toBe(one.ok && one.value.text);
});
