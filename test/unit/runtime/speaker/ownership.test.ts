import { beforeEach, expect, it } from "vitest";
import type { Ownership } from "../../../../src/runtime/membership/effects.js";
import type { Membership } from "../../../../src/runtime/speaker/membership.js";
import { confirmOwnership } from "../../../../src/runtime/speaker/ownership.js";

let waits: string[];
beforeEach(() => void (waits = []));
const hostThatSays = (ownership: Ownership) => {
  const confirm = async (unsureMilliseconds: number | undefined): Promise<Ownership> => {
    waits.push(`asked ${unsureMilliseconds}`);
    return ownership;
  };
  return { membership: () => ({ confirm }) as unknown as Membership };
};
const startTimer = (milliseconds: number, run: () => void): void => {
  waits.push(`${milliseconds} ms`);
  run();
};
const giveWayOf = (all: boolean) => ({
  byAll: async (milliseconds: number) => waits.push(`all gave way, ${milliseconds} ms`) > 0 && all,
  missing: () => ["n2"],
});
const onMissing = (names: readonly string[]): void => void waits.push(`without ${names.join()}`);

it.each([
  { name: "there is no gossip", host: undefined, expected: true, waited: [] },
  { name: "it takes no part yet", host: { membership: () => undefined }, expected: false, waited: [] },
  {
    name: "it was alive all the time, once all gave way",
    host: hostThatSays("alive"),
    expected: true,
    waited: ["asked 1000", "all gave way, 1000 ms"],
  },
  {
    name: "nobody else is there",
    host: hostThatSays("alone"),
    expected: true,
    waited: ["asked 1000", "all gave way, 1000 ms"],
  },
  { name: "nobody answers", host: hostThatSays("unanswered"), expected: false, waited: ["asked 1000"] },
  {
    name: "it was dead to others, who give back what they took",
    host: hostThatSays("returned"),
    expected: true,
    waited: ["asked 1000", "50 ms", "all gave way, 1000 ms"],
  },
])("confirmOwnership() is $expected where $name", async ({ host, expected, waited }) => {
  expect(await confirmOwnership(host, 1000, giveWayOf(true), startTimer, onMissing)).toBe(expected);
  expect(waits).toEqual(waited);
});

it("confirmOwnership() is true without the word of all when it has waited for it, and tells whose is missing", async () => {
  expect(await confirmOwnership(hostThatSays("alive"), 1000, giveWayOf(false), startTimer, onMissing)).toBe(true);
  expect(waits).toEqual(["asked 1000", "all gave way, 1000 ms", "without n2"]);
});
