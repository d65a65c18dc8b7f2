import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { decodeUpdate } from "../../../../src/runtime/bgp/decode-update.js";
import { encodeUpdate } from "../../../../src/runtime/bgp/encode-update.js";
import { decodeFrame, encodeFrame, MESSAGE_TYPE } from "../../../../src/runtime/bgp/frame.js";
import { decodeOpen, encodeOpen } from "../../../../src/runtime/bgp/open.js";
import { fromHex, toHex } from "./hex.js";
import { sayMessage } from "./say-message.js";

const CONTEXTS = {
  external: { fourOctetAs: true, isInternal: false },
  internal: { fourOctetAs: true, isInternal: true },
  "two octets": { fourOctetAs: false, isInternal: false },
} as const;

/** The messages of captured.txt. */
const CAPTURED = readFileSync(new URL("captured.txt", import.meta.url), "utf8")
  .split("\n\n")
  .slice(1)
  .map((block) => {
    const [head = "", hex = "", said = ""] = block.split("\n");
    const [router = "", session = "", what = ""] = head.split(" | ");
    const context = CONTEXTS[session as keyof typeof CONTEXTS];
    const octets = fromHex(`${"ff".repeat(16)}${hex}`);
    return { router, session, what, type: octets[18], octets, context, said: said === "" ? [] : said.split("; ") };
  });

const frameOf = (octets: Uint8Array) => {
  const frame = decodeFrame(octets, false);
  if (frame.kind !== "frame") throw new Error(frame.kind);
  return frame;
};

it.each(CAPTURED)("$router, $session, says $what", ({ octets, context, said }) => {
  const frame = frameOf(octets);
  expect(frame.octets).toBe(octets.length);
  expect(sayMessage(frame.type, frame.body, context)).toEqual(said);
  const again = encodeFrame(frame.type, frame.body, false);
  expect(again.ok && toHex(again.value)).toBe(toHex(octets));
});

it.each(CAPTURED.filter(({ type }) => type === MESSAGE_TYPE.open))(
  "can say what $router, $session, says: $what",
  (one) => {
    const open = decodeOpen(frameOf(one.octets).body);
    expect(open.ok && decodeOpen(encodeOpen(open.value))).toEqual(open);
  },
);

it.each(CAPTURED.filter(({ type }) => type === MESSAGE_TYPE.update))(
  "can say what $router, $session, says: $what",
  ({ octets, context }) => {
    const update = decodeUpdate(frameOf(octets).body, context);
    if (update.kind !== "update") throw new Error(update.kind);
    expect(decodeUpdate(encodeUpdate(update.update, context), context)).toEqual(update);
  },
);

it.each(["FRR", "BIRD", "GoBGP", "ExaBGP", "OpenBGPD"])(
  "there is an OPEN, UPDATE, NOTIFICATION and KEEPALIVE of %s",
  (make) => {
    const types = new Set(CAPTURED.filter(({ router }) => router.startsWith(make)).map(({ type }) => type));
    expect([1, 2, 3, 4].filter((type) => !types.has(type))).toEqual([]);
  },
);
