import { createSecretKey } from "node:crypto";
import { expect, it } from "vitest";
import { deriveKeyRing } from "../../../../src/runtime/membership/keys.js";
import {
  createPeerKeys,
  hearKey,
  keyFor,
  keysDiffer,
  keysToTry,
  replaceRing,
} from "../../../../src/runtime/membership/peer-keys.js";

const RING = deriveKeyRing(new TextEncoder().encode("secret"), "new");
const [NEW_KEY, OLD_KEY] = RING as [(typeof RING)[number], (typeof RING)[number]];
const ADDED = createSecretKey(Buffer.alloc(32, 7));

it("a peer is spoken to in the primary key until it is heard, then in the key that it used last", () => {
  const peers = createPeerKeys(RING);
  expect(keyFor(peers, "10.0.0.2", 7946)).toBe(NEW_KEY);
  hearKey(peers, "10.0.0.2", 7946, OLD_KEY);
  expect(keyFor(peers, "10.0.0.2", 7946)).toBe(OLD_KEY);
  expect(keysToTry(peers, "10.0.0.2", 7946)).toEqual([OLD_KEY, NEW_KEY]);
  expect(keyFor(peers, "10.0.0.3", 7946)).toBe(NEW_KEY);
  hearKey(peers, "10.0.0.2", 7946, NEW_KEY);
  expect(keyFor(peers, "10.0.0.2", 7946)).toBe(NEW_KEY);
});

it("what came on a stream counts for the address, as long as no packet came from its port", () => {
  const peers = createPeerKeys(RING);
  hearKey(peers, "10.0.0.2", undefined, OLD_KEY);
  expect(keyFor(peers, "10.0.0.2", 7946)).toBe(OLD_KEY);
  hearKey(peers, "10.0.0.2", 7946, NEW_KEY);
  expect(keyFor(peers, "10.0.0.2", 7946)).toBe(NEW_KEY);
});

it("knows whether peers speak different keys", () => {
  const peers = createPeerKeys(RING);
  hearKey(peers, "10.0.0.2", 7946, NEW_KEY);
  hearKey(peers, "10.0.0.3", 7946, NEW_KEY);
  expect(keysDiffer(peers)).toBe(false);
  hearKey(peers, "10.0.0.2", 7946, OLD_KEY);
  expect(keysDiffer(peers)).toBe(true);
  replaceRing(peers, [NEW_KEY, ADDED]); // the old one is understood no more, and neither is who speaks it
  expect(keysDiffer(peers)).toBe(false);
  replaceRing(peers, RING);
  hearKey(peers, "10.0.0.2", 7946, OLD_KEY);
  expect(keysDiffer(peers)).toBe(true);
  hearKey(peers, "10.0.0.2", 7946, NEW_KEY);
  expect(keysDiffer(peers)).toBe(false);
});

it("without keys nothing is encrypted", () => {
  expect(keysToTry(createPeerKeys([]), "10.0.0.2", 7946)).toEqual([undefined]);
});

it("a new primary is used with everybody, a key that was taken away with nobody", () => {
  const peers = createPeerKeys([OLD_KEY]);
  hearKey(peers, "10.0.0.2", 7946, OLD_KEY);
  replaceRing(peers, [OLD_KEY, ADDED]);
  expect(keyFor(peers, "10.0.0.2", 7946)).toBe(OLD_KEY);
  replaceRing(peers, [ADDED, OLD_KEY]);
  expect(keyFor(peers, "10.0.0.2", 7946)).toBe(ADDED);
  hearKey(peers, "10.0.0.2", 7946, OLD_KEY); // it did not hear of the new key yet
  expect(keyFor(peers, "10.0.0.2", 7946)).toBe(OLD_KEY);
  replaceRing(peers, [ADDED]);
  expect(keyFor(peers, "10.0.0.2", 7946)).toBe(ADDED);
});

it("remembers no more peers than it is prepared to, the latest of them", () => {
  const peers = createPeerKeys(RING);
  for (let port = 0; port < 20_000; port += 1) hearKey(peers, "10.0.0.2", port, OLD_KEY);
  expect(peers.heard.size).toBe(16_384);
  expect(keyFor(peers, "10.0.0.2", 0)).toBe(NEW_KEY);
  expect(keyFor(peers, "10.0.0.2", 19_999)).toBe(OLD_KEY);
});
