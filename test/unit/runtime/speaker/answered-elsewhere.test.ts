import { beforeEach, expect, it } from "vitest";
import { createAnsweredElsewhere, type AnsweredElsewhere } from "../../../../src/runtime/speaker/answered-elsewhere.js";

const [THEIRS, OTHERS] = ["02:00:00:00:00:03", "02:00:00:00:00:04"];
let now: number;
let timer: { at: number; run: () => void } | undefined;
let told: string[];
let answered: AnsweredElsewhere;

beforeEach(() => {
  [now, timer, told] = [0, undefined, []];
  answered = createAnsweredElsewhere({
    now: () => now,
    startTimer(milliseconds, run) {
      timer = { at: now + milliseconds, run };
      return () => (timer = undefined);
    },
    changed: (list) => told.push(list.map(({ address, machine }) => `${address}=${machine}`).join(" ")),
  });
});

function passTo(end: number): void {
  for (let next = timer; next !== undefined && next.at <= end; next = timer) {
    timer = undefined;
    now = next.at;
    next.run();
  }
  now = end;
}

it("tells of each address once while it goes on, and again when another machine has it", () => {
  for (const at of [0, 60_000, 120_000]) {
    passTo(at);
    answered.heard({ address: "192.0.2.2", mac: THEIRS });
  }
  answered.heard({ address: "192.0.2.1", mac: THEIRS });
  answered.heard({ address: "192.0.2.2", mac: OTHERS });
  expect(told).toEqual([
    `192.0.2.2=${THEIRS}`,
    `192.0.2.1=${THEIRS} 192.0.2.2=${THEIRS}`,
    `192.0.2.1=${THEIRS} 192.0.2.2=${OTHERS}`,
  ]);
});

it("forgets an address two and a half minutes after it was heard of last, and at once when it is announced again", () => {
  answered.heard({ address: "192.0.2.1", mac: THEIRS });
  passTo(60_000);
  answered.heard({ address: "192.0.2.2", mac: THEIRS });
  answered.heard({ address: "192.0.2.3", mac: THEIRS });
  passTo(149_999);
  expect(told).toHaveLength(3);
  passTo(150_000);
  expect(told.at(-1)).toBe(`192.0.2.2=${THEIRS} 192.0.2.3=${THEIRS}`);
  answered.regained("192.0.2.2");
  answered.regained("192.0.2.9");
  expect(told.slice(4)).toEqual([`192.0.2.3=${THEIRS}`]);
  passTo(2_000_000);
  expect(told.slice(5)).toEqual([""]);
  expect(timer).toBe(undefined);
});
