import { expect, it } from "vitest";
import {
  holds,
  startOfElection,
  stepElection,
  wakeAt,
  type ElectionEffect,
  type ElectionEvent,
  type ElectionOptions,
  type ElectionState,
  type Lease,
} from "../../../../src/runtime/election/election.js";

const OPTIONS: ElectionOptions = {
  leaseDuration: 15_000,
  renewDeadline: 10_000,
  retryPeriod: 2_000,
  identity: "us_2",
  formerLives: "us_",
};
const lease = (holder: string, version: string, leaseDurationSeconds = 15): Lease => ({
  version,
  holder,
  leaseDurationSeconds,
  transitions: 3,
  object: undefined,
});

/** Runs the events; each effect as a word, `write HOLDER over VERSION` for a write. */
function play(events: readonly ElectionEvent[], options = OPTIONS, from = startOfElection(0)) {
  let state: ElectionState = from;
  const said: string[][] = [];
  for (const event of events) {
    const [after, effects] = stepElection(options, state, event);
    state = after;
    said.push(effects.map(wordOf));
  }
  return { state, said, last: said.at(-1) };
}

const wordOf = (effect: ElectionEffect): string => {
  if (effect.do === "end") return `end: ${effect.why}`;
  if (effect.do !== "write") return effect.do;
  const { holder, over, transitions } = effect.write;
  return `write ${holder === "" ? "nobody" : holder} over ${over?.version ?? "none"} #${transitions}`;
};

const time = (now: number): ElectionEvent => ({ type: "time", now });
const read = (now: number, found?: Lease): ElectionEvent => ({ type: "read", now, lease: found });
const seen = (now: number, found?: Lease): ElectionEvent => ({ type: "seen", now, lease: found });
const written = (sentAt: number, now: number, version: string): ElectionEvent => ({
  type: "written",
  now,
  sentAt,
  lease: lease("us_2", version),
});
const failed = (now: number, isConflict = false): ElectionEvent => ({ type: "writeFailed", now, isConflict });
const resign = (now: number): ElectionEvent => ({ type: "resign", now });

const LEADING = [time(0), read(5), written(10, 20, "1")];
const WAITING = [time(0), read(0, lease("other", "7"))];

it.each([
  { name: "looks first", events: [time(0)], last: ["read"] },
  { name: "makes a Lease that is not there", events: [time(0), read(5)], last: ["write us_2 over none #0"] },
  { name: "begins with the answer", events: LEADING, last: ["begin"] },
  {
    name: "takes one that was given back, at once",
    events: [time(0), read(5, lease("", "7", 1))],
    last: ["write us_2 over 7 #4"],
  },
  {
    name: "takes one of a former life of this Pod, at once",
    events: [time(0), read(5, lease("us_1", "7"))],
    last: ["write us_2 over 7 #4"],
  },
  {
    name: "renews its own, whose writing was not answered",
    events: [time(0), read(5), failed(6), time(2006), failed(2007, true), read(2008, lease("us_2", "8"))],
    last: ["write us_2 over 8 #3"],
  },
  { name: "waits for another's", events: WAITING, last: [] },
  { name: "looks again meanwhile", events: [...WAITING, time(2_000)], last: ["read"] },
  { name: "waits until it ends", events: [...WAITING, time(2_000), read(14_000, lease("other", "7"))], last: [] },
  {
    name: "takes it when it has not changed for its time",
    events: [...WAITING, time(2_000), read(14_999, lease("other", "7")), time(15_000)],
    last: ["write us_2 over 7 #4"],
  },
  {
    name: "counts anew from each renewal that it sees",
    events: [
      ...WAITING,
      seen(14_000, lease("other", "8")),
      time(15_000),
      read(15_001, lease("other", "8")),
      time(28_999),
    ],
    last: ["read"],
  },
  {
    name: "waits as long as the holder was told to",
    events: [time(0), read(0, lease("other", "7", 40)), time(20_000)],
    last: ["read"],
  },
  {
    name: "waits for the holder of a Lease that was deleted",
    events: [...WAITING, seen(1_000, undefined), time(14_999)],
    last: ["read"],
  },
  {
    name: "makes a deleted one when its holder must have stopped",
    events: [...WAITING, seen(1_000, undefined), time(15_000)],
    last: ["write us_2 over none #0"],
  },
  {
    name: "looks who was faster",
    events: [time(0), read(5), failed(6, true)],
    last: ["read"],
  },
  { name: "lets a server rest that does not answer", events: [time(0), read(5), failed(6), time(2_005)], last: [] },
  { name: "and asks it again", events: [time(0), read(5), failed(6), time(2_006)], last: ["write us_2 over none #0"] },
  {
    name: "looks again after a look that failed",
    events: [time(0), { type: "readFailed", now: 5 } as const, time(2_005)],
    last: ["read"],
  },
  {
    name: "does not begin with what it was too late to hear",
    events: [time(0), read(5), written(10, 10_010, "1")],
    last: [],
  },
  { name: "renews", events: [...LEADING, time(2_010)], last: ["write us_2 over 1 #3"] },
  { name: "does not renew earlier", events: [...LEADING, time(2_009)], last: [] },
  {
    name: "renews over the newest",
    events: [...LEADING, time(2_010), written(2_010, 2_020, "2"), time(4_010)],
    last: ["write us_2 over 2 #3"],
  },
  {
    name: "ends when it could not renew, however often it tried",
    events: [...LEADING, time(2_010), failed(4_000), time(6_000), failed(8_000), time(10_010)],
    last: ["end: it could not be renewed in time"],
  },
  {
    name: "ends while a renewal has no answer",
    events: [...LEADING, time(2_010), time(10_010)],
    last: ["end: it could not be renewed in time"],
  },
  {
    name: "begins again when that renewal is answered after all",
    events: [...LEADING, time(9_000), time(10_010), written(9_000, 10_020, "2")],
    last: ["begin"],
  },
  {
    name: "ends when it sees that another took it",
    events: [...LEADING, time(2_010), failed(2_020, true), read(2_030, lease("other", "9"))],
    last: ["end: other holds it now"],
  },
  {
    name: "ends when somebody emptied it",
    events: [...LEADING, seen(500, lease("", "9")), read(510, lease("", "9"))],
    last: ["end: nobody holds it now"],
  },
  {
    name: "goes on over what somebody else changed in it",
    events: [...LEADING, time(2_010), failed(2_020, true), read(2_030, lease("us_2", "9"))],
    last: ["write us_2 over 9 #3"],
  },
  {
    name: "makes its Lease again when it was deleted",
    events: [...LEADING, seen(500), read(510)],
    last: ["write us_2 over none #0"],
  },
  {
    name: "looks for itself when a watch says otherwise",
    events: [...LEADING, seen(500, lease("other", "9"))],
    last: ["read"],
  },
  {
    name: "is not misled by a watch that is late",
    events: [...LEADING, seen(500, lease("other", "0")), read(510, lease("us_2", "1"))],
    last: ["write us_2 over 1 #3"],
  },
  {
    name: "stops before it gives the Lease back",
    events: [...LEADING, resign(3_000)],
    last: ["end: it is given back", "write nobody over 1 #3"],
  },
  { name: "is done then", events: [...LEADING, resign(3_000), written(3_000, 3_010, "2")], last: ["ended"] },
  {
    name: "gives back what a renewal in flight has made of it",
    events: [...LEADING, time(2_010), resign(2_011), written(2_010, 2_020, "2")],
    last: ["write nobody over 2 #3"],
  },
  {
    name: "gives back what a renewal without an answer may have made of it",
    events: [...LEADING, time(2_010), resign(2_011), failed(2_020), read(2_030, lease("us_2", "2"))],
    last: ["write nobody over 2 #3"],
  },
  {
    name: "gives back what it took in the last moment",
    events: [time(0), read(5), resign(6), written(6, 10, "1")],
    last: ["write nobody over 1 #3"],
  },
  {
    name: "leaves alone what is another's by now",
    events: [...LEADING, resign(3_000), failed(3_010, true), read(3_020, lease("other", "9"))],
    last: ["ended"],
  },
  { name: "has nothing to give back as a standby", events: [...WAITING, resign(5)], last: ["ended"] },
])("$name", ({ events, last }) => {
  expect(play(events).last).toEqual(last);
});

it("counts from before it asked: it holds until the deadline, not an instant longer, whatever it has heard", () => {
  const { state } = play(LEADING); // asked for at 10, answered at 20
  expect([holds(OPTIONS, state, 10_009), holds(OPTIONS, state, 10_010)]).toEqual([true, false]);
  expect(holds(OPTIONS, play([...LEADING, resign(30)]).state, 31)).toBe(false);
});

it.each([
  { name: "the next look of a standby", events: WAITING, at: 2_000 },
  {
    name: "the end of another's time",
    events: [...WAITING, time(2_000), read(14_000, lease("other", "7"))],
    at: 15_000,
  },
  { name: "the next renewal", events: LEADING, at: 2_010 },
  { name: "the deadline, while a renewal is in flight", events: [...LEADING, time(2_010)], at: 10_010 },
  { name: "an answer", events: [time(0)], at: undefined },
])("waits for $name", ({ events, at }) => {
  expect(wakeAt(OPTIONS, play(events).state)).toBe(at);
});
