import { expect, it } from "vitest";
import {
  addToRing,
  createWatchRing,
  followers,
  removeFromRing,
  ringKey,
} from "../../../../src/runtime/membership/watch-ring.js";

const ringOf = (count: number) => {
  const ring = createWatchRing();
  for (let index = 0; index < count; index += 1) addToRing(ring, `n${index}`);
  return ring;
};

it("a member's place depends on its name alone", () => {
  expect(ringKey("n1")).toBe("676b8bb84ce7267d");
  expect(ringOf(50)).toEqual(
    (() => {
      const ring = createWatchRing();
      for (let index = 49; index >= 0; index -= 1) addToRing(ring, `n${index}`);
      return { keys: ring.keys, names: new Map([...ring.names].toReversed()) };
    })(),
  );
});

it("is on the ring once, and gone at once", () => {
  const ring = ringOf(3);
  expect(addToRing(ring, "n1")).toBe(false);
  expect(removeFromRing(ring, "n1")).toBe(true);
  expect(removeFromRing(ring, "n1")).toBe(false);
  expect([...ring.names.values()].toSorted()).toEqual(["n0", "n2"]);
  expect(ring.keys).toHaveLength(2);
});

it.each([
  { members: 1, watchers: 0 },
  { members: 2, watchers: 1 },
  { members: 3, watchers: 2 },
  { members: 4, watchers: 3 },
  { members: 200, watchers: 3 },
])("each of $members is watched by $watchers others, and watches as many", ({ members, watchers }) => {
  const ring = ringOf(members);
  const watched = new Map<string, number>();
  for (const key of ring.keys) {
    const found = followers(ring, key, 3);
    expect(found).toHaveLength(watchers);
    expect(found).not.toContain(key);
    for (const watcher of found) watched.set(watcher, (watched.get(watcher) ?? 0) + 1);
  }
  for (const count of watched.values()) expect(count).toBe(watchers);
});

it("who goes changes the watchers of three others", () => {
  const ring = ringOf(100);
  const before = new Map(ring.keys.map((key) => [key, followers(ring, key, 3).join()]));
  removeFromRing(ring, "n50");
  expect(ring.keys.filter((key) => followers(ring, key, 3).join() !== before.get(key))).toHaveLength(3);
  // Also who is gone has watchers, who look for it.
  expect(followers(ring, ringKey("n50"), 3)).toHaveLength(3);
});
