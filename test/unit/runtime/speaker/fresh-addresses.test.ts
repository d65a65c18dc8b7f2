import { expect, it } from "vitest";
import { createFreshAddresses, type FreshAddresses } from "../../../../src/runtime/speaker/fresh-addresses.js";

it.each<{ name: string; story: (fresh: FreshAddresses) => void; isFresh: boolean }>([
  { name: "that comes while the speaker looks on", story: (fresh) => fresh.shown([], ["192.0.2.1"]), isFresh: true },
  { name: "that is written in another way", story: (fresh) => fresh.shown([], ["::ffff:192.0.2.1"]), isFresh: true },
  { name: "that nobody shows", story: () => undefined, isFresh: false },
  {
    name: "that another node announces",
    story(fresh) {
      fresh.shown([], ["192.0.2.9", "192.0.2.1"]);
      fresh.spend(["192.0.2.9", "192.0.2.1"]);
    },
    isFresh: false,
  },
  {
    name: "that stays while others come",
    story(fresh) {
      fresh.shown([], ["192.0.2.1"]);
      fresh.shown(["192.0.2.1"], ["192.0.2.1", "192.0.2.2"]);
      fresh.spend(["192.0.2.3"]);
    },
    isFresh: true,
  },
  {
    name: "that was taken already",
    story(fresh) {
      fresh.shown([], ["192.0.2.1"]);
      fresh.take("192.0.2.1");
    },
    isFresh: false,
  },
  {
    name: "that is gone again",
    story(fresh) {
      fresh.shown([], ["192.0.2.1"]);
      fresh.shown(["192.0.2.1"], []);
    },
    isFresh: false,
  },
])("an address $name: $isFresh", ({ story, isFresh }) => {
  const fresh = createFreshAddresses();
  fresh.begin();
  story(fresh);
  expect(fresh.take("192.0.2.1")).toBe(isFresh);
});

it("nothing is fresh that was there at the start, also where another Service comes to share it", () => {
  const fresh = createFreshAddresses();
  fresh.shown([], ["192.0.2.1"]);
  fresh.begin();
  fresh.shown([], ["192.0.2.1"]); // of another one
  expect(fresh.take("192.0.2.1")).toBe(false);
  fresh.shown(["192.0.2.1"], []);
  fresh.shown(["192.0.2.1"], []);
  fresh.shown([], ["192.0.2.1"]);
  expect(fresh.take("192.0.2.1")).toBe(true);
});
