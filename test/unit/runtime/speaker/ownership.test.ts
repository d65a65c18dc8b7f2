import { expect, it } from "vitest";
import type { Ownership } from "../../../../src/runtime/membership/effects.js";
import type { Membership } from "../../../../src/runtime/speaker/membership-driver.js";
import { confirmOwnership } from "../../../../src/runtime/speaker/ownership.js";

const hostThatSays = (outcome: Ownership["outcome"]) => {
  const confirm = async (): Promise<Ownership> => ({ outcome, incarnation: 2, by: [] });
  return { membership: () => ({ confirm }) as unknown as Membership };
};
const waits: number[] = [];
const startTimer = (milliseconds: number, run: () => void): void => {
  waits.push(milliseconds);
  run();
};

it.each([
  { name: "there is no gossip", host: undefined, expected: true, waited: [] },
  { name: "it takes no part yet", host: { membership: () => undefined }, expected: false, waited: [] },
  { name: "it was alive all the time", host: hostThatSays("alive"), expected: true, waited: [] },
  { name: "nobody else is there", host: hostThatSays("alone"), expected: true, waited: [] },
  { name: "nobody answers", host: hostThatSays("unanswered"), expected: false, waited: [] },
  {
    name: "it was dead to others, who give back what they took",
    host: hostThatSays("returned"),
    expected: true,
    waited: [50],
  },
])("confirmOwnership() is $expected where $name", async ({ host, expected, waited }) => {
  waits.length = 0;
  expect(await confirmOwnership(host, 1000, startTimer)).toBe(expected);
  expect(waits).toEqual(waited);
});
