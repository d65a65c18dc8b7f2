import { beforeEach, describe, expect, it } from "vitest";
import type { MembershipEffect } from "../../../../src/runtime/membership/effects.js";
import type { Message } from "../../../../src/runtime/membership/messages.js";
import { encodeMetadata } from "../../../../src/runtime/membership/metadata.js";
import { LAN_PARAMETERS } from "../../../../src/runtime/membership/parameters.js";
import {
  createMembershipState,
  nextTimeoutAt,
  type MembershipState,
} from "../../../../src/runtime/membership/state.js";
import { step } from "../../../../src/runtime/membership/step.js";
import {
  decodeWatchMessage,
  encodeWatchMessage,
  type WatchMessage,
} from "../../../../src/runtime/membership/watch-messages.js";
import { ringKey } from "../../../../src/runtime/membership/watch-ring.js";
import { alive, at, dead, sent, suspect } from "./rumours.js";

const metadata = encodeMetadata({ heartbeats: true });
const parameters = { ...LAN_PARAMETERS, probeIntervalMilliseconds: 0, gossipIntervalMilliseconds: 0 };

let state: MembershipState;
let now: number;
let sequence: number;

function hear(message: Message, from = at(9)): readonly MembershipEffect[] {
  return step(state, { type: "message", from, message }, now);
}

function tell(message: WatchMessage, from = at(9)): readonly MembershipEffect[] {
  return hear({ type: "user", body: encodeWatchMessage(message).subarray(1) }, from);
}

/** A heartbeat of nN to all that watch it in a fleet of three. */
function beat(last: number, more: Partial<Extract<WatchMessage, { kind: "beat" }>> = {}): readonly MembershipEffect[] {
  sequence += 1;
  const watchers = [1, 2, 3].filter((one) => one !== last).map((one) => ringKey(`n${one}`));
  return tell({ kind: "beat", incarnation: 1, epoch: 1, sequence, name: `n${last}`, watchers, ...more }, at(last));
}

function wait(milliseconds: number): MembershipEffect[] {
  const effects: MembershipEffect[] = [];
  const end = now + milliseconds;
  for (let next = nextTimeoutAt(state); next <= end; next = nextTimeoutAt(state)) {
    now = Math.max(now, next);
    effects.push(...step(state, { type: "tick" }, now));
  }
  now = end;
  return effects;
}

/** The same, while n2 lives. */
function waitWithBeats(milliseconds: number): MembershipEffect[] {
  return Array.from({ length: milliseconds / 50 }, () => [...wait(50), ...beat(2)]).flat();
}

/** What our speakers say to each other: what, about whom, to whom. */
function whispers(effects: readonly MembershipEffect[]): string[] {
  return sent(effects).flatMap((message) => {
    if (message.type !== "user") return [];
    const read = decodeWatchMessage(message.body);
    if (!read.ok) throw new Error(read.fault);
    const about = "subject" in read.value ? ` of ${read.value.subject}` : "";
    return [`${read.value.kind}${about} to ${message.to}`];
  });
}
const verdicts = (effects: readonly MembershipEffect[]): string[] =>
  sent(effects).flatMap((message) => (message.type === "dead" ? [`${message.node} to ${message.to}`] : []));
const drops = (effects: readonly MembershipEffect[]): string[] =>
  effects.flatMap((effect) => (effect.do === "drop" ? [effect.reason] : []));

beforeEach(() => {
  [now, sequence] = [1000, 0];
  const { address, port } = at(1);
  state = createMembershipState(
    { name: "n1", address, port, metadata, parameters, packetOverheadOctets: 34, seed: 1 },
    now,
  );
  step(state, { type: "start" }, now);
});

describe("with two others", () => {
  beforeEach(() => {
    for (const last of [2, 3]) hear(alive(last, 1, { metadata }));
    beat(2);
    beat(3);
  });

  it("sends each a heartbeat every 60 ms, and to nobody who does not say that it knows them", () => {
    hear(alive(4));
    const told = whispers(wait(600));
    for (const last of [2, 3]) expect(told.filter((one) => one === `beat to 10.0.0.${last}`)).toHaveLength(10);
    expect(told.filter((one) => one.endsWith("10.0.0.4"))).toEqual([]);
  });

  it("accuses who is silent for 340 ms, each 60 ms, before the other one and before itself", () => {
    wait(300);
    beat(2);
    expect(whispers(wait(39)).filter((one) => !one.startsWith("beat"))).toEqual([]);
    const accusation = ["accusation of n3 to 10.0.0.2", "accusation of n3 to 10.0.0.3"];
    expect(whispers(wait(1)).filter((one) => !one.startsWith("beat"))).toEqual(accusation);
    expect(whispers(wait(120)).filter((one) => !one.startsWith("beat"))).toEqual([...accusation, ...accusation]);
    beat(3);
    expect(whispers(wait(120)).filter((one) => !one.startsWith("beat"))).toEqual([]);
  });

  it.each([
    // The hash of n2 is smaller than that of n1, that of n3 larger.
    { other: 3, dead: 2, name: "speaks at once where its hash is the smaller one" },
    { other: 2, dead: 3, name: "leaves the word to the other one, for a round" },
  ])("$name", ({ other, dead: silent }) => {
    wait(300);
    beat(other);
    wait(45);
    const accusation = { kind: "accusation", incarnation: 1, subject: `n${silent}`, from: `n${other}` } as const;
    const isFirst = ringKey("n1") < ringKey(`n${other}`);
    const verdict = [2, 3].map((last) => `n${silent} to 10.0.0.${last}`);
    expect(verdicts(tell(accusation, at(other)))).toEqual(isFirst ? verdict : []);
    expect(verdicts(wait(60)).length > 0).toBe(!isFirst);
    expect(state.members.get(`n${silent}`)?.state).toBe("dead");
  });

  it("does not go by an accusation that is older than 150 ms", () => {
    wait(180);
    beat(2);
    tell({ kind: "accusation", incarnation: 1, subject: "n3", from: "n2" }, at(2));
    expect(verdicts(wait(200))).toEqual([]);
  });

  it("denies what it hears, and says nothing while it does not know", () => {
    const accusation = { kind: "accusation", incarnation: 1, subject: "n3", from: "n2" } as const;
    expect(whispers(tell(accusation, at(2)))).toEqual(["denial of n3 to 10.0.0.2"]);
    now += 60_000; // stood still
    expect(whispers(tell(accusation, at(2)))).toEqual([]);
    expect(whispers(beat(3))).toEqual(["denial of n3 to 10.0.0.2"]);
  });

  it("waits while the other one denies, asks once in a second then, and is alone when no answer comes any more", () => {
    const deny = (): void => void tell({ kind: "denial", incarnation: 1, subject: "n3", from: "n2" }, at(2));
    let accusations = 0;
    for (let round = 0; round < 100; round += 1) {
      beat(2);
      const effects = wait(60);
      expect(verdicts(effects)).toEqual([]);
      accusations = whispers(effects).filter((one) => one.startsWith("accusation")).length;
      if (accusations > 0) deny();
    }
    expect(whispers(wait(1000)).filter((one) => one === "accusation of n3 to 10.0.0.2").length).toBeLessThanOrEqual(2);
  });

  it("takes back what it said when it hears the one again, and does not agree any more", () => {
    wait(300);
    beat(2);
    wait(60);
    tell({ kind: "question", incarnation: 1, nonce: 9, from: "n3" }, at(3)); // it stood still, and asks
    expect(whispers(tell({ kind: "accusation", incarnation: 1, subject: "n3", from: "n2" }, at(2)))).toEqual([
      "denial of n3 to 10.0.0.2",
    ]);
    beat(2);
    expect(verdicts(wait(300))).toEqual([]);
    beat(2);
    wait(100);
    expect(whispers(beat(3))).toEqual(["denial of n3 to 10.0.0.2"]); // it accused once more
  });

  it("tells who accuses of a verdict that has not reached him", () => {
    hear(dead("n3", "n2"));
    const accusation = { kind: "accusation", incarnation: 1, subject: "n3", from: "n2" } as const;
    expect(verdicts(tell(accusation, at(2)))).toEqual(["n3 to 10.0.0.2"]);
  });

  it("answers an accusation of itself with a heartbeat", () => {
    const accusation = { kind: "accusation", incarnation: 1, subject: "n1", from: "n2" } as const;
    expect(whispers(tell(accusation, at(2)))).toEqual(["beat to 10.0.0.2"]);
  });

  it("reads what waited first, and accuses nobody then, be the last heartbeat old or new", () => {
    now += 2000;
    for (let count = 0; count < 30; count += 1) beat(2);
    // A quarter longer than else, for it was slow itself.
    expect(whispers(wait(424)).filter((one) => !one.startsWith("beat"))).toEqual([]);
    expect(whispers(wait(1)).some((one) => one.startsWith("accusation of n3"))).toBe(true);
  });

  it("answers who is dead, and does not know it, with that, twenty times a second at the most", () => {
    hear(dead("n3", "n2"));
    const told = Array.from({ length: 10 }, () => {
      now += 10;
      return verdicts(beat(3));
    }).flat();
    expect(told).toEqual(["n3 to 10.0.0.3", "n3 to 10.0.0.3"]);
  });

  it("looks for who was found dead four times a second, for an hour", () => {
    hear(dead("n3", "n2"));
    const looked = verdicts(waitWithBeats(2000));
    expect(looked).toEqual(Array(8).fill("n3 to 10.0.0.3"));
    state.watch.lost.forEach((lost, name) => state.watch.lost.set(name, { ...lost, since: now - 3_600_001 }));
    wait(300);
    expect(state.watch.nextSeekAt).toBe(Number.POSITIVE_INFINITY);
  });

  it("does not look for who left", () => {
    hear(dead("n3", "n3"));
    expect(verdicts(waitWithBeats(2000))).toEqual([]);
  });

  it("protests to all at once, and to who accused it, be that old news", () => {
    const told = (effects: readonly MembershipEffect[]): string[] =>
      sent(effects).flatMap((message) => (message.type === "alive" ? [`${message.incarnation} to ${message.to}`] : []));
    expect(told(hear(dead("n1", "n2"), at(2)))).toEqual(["2 to 10.0.0.2", "2 to 10.0.0.3", "2 to 10.0.0.2"]);
    expect(told(hear(dead("n1", "n2"), at(2)))).toEqual(["2 to 10.0.0.2"]);
  });

  it.each<{ name: string; message: Message; from: number; expected: readonly number[] }>([
    { name: "by who says so himself, who may have taken over", message: dead("n1", "n2"), from: 2, expected: [1] },
    { name: "by one whose word another passes on", message: dead("n1", "n2"), from: 3, expected: [] },
    { name: "by nobody who is known", message: dead("n1", "n7"), from: 7, expected: [] },
    { name: "by itself, as it left in an earlier life", message: dead("n1", "n1"), from: 1, expected: [] },
    { name: "as what it is now", message: dead("n1", "n2", 2), from: 2, expected: [2] },
    { name: "only as somebody else", message: dead("n3", "n2", 0), from: 2, expected: [] },
  ])("found dead as what it was before it protested last, $name: $expected", ({ message, from, expected }) => {
    hear(suspect("n1", "n3"), at(3));
    expect(state.self.incarnation).toBe(2);
    const told = hear(message, at(from)).flatMap((effect) =>
      effect.do === "takenForDead" ? [effect.incarnation] : [],
    );
    expect(told).toEqual(expected);
  });

  it("ends all of it when it leaves", () => {
    step(state, { type: "leave" }, now);
    expect(whispers(wait(5000))).toEqual([]);
    expect(drops(beat(2))).toEqual(["stale"]);
  });
});

describe("asks what it is to the others", () => {
  const owned = (effects: readonly MembershipEffect[]) =>
    effects.flatMap((effect) => (effect.do === "owned" ? [effect.ownership] : []));
  /** Asks n2, and has it answer. */
  function ask(...states: ("alive" | "dead" | "unknown")[]) {
    hear(alive(2, 1, { metadata }));
    const effects = [...step(state, { type: "confirm", unsureMilliseconds: 300 }, now)];
    expect(whispers(effects)).toContain("question to 10.0.0.2");
    for (const said of states) {
      const nonce = state.watch.question?.nonce ?? 0;
      effects.push(...tell({ kind: "verdict", incarnation: 1, nonce, from: "n2", state: said }, at(2)));
    }
    return effects;
  }

  it.each([
    { name: "alive", states: ["alive"] as const, outcome: "alive", incarnation: 1 },
    { name: "dead, so that it protests", states: ["dead", "alive"] as const, outcome: "returned", incarnation: 2 },
    {
      name: "nobody, so that it says who it is",
      states: ["unknown", "alive"] as const,
      outcome: "returned",
      incarnation: 1,
    },
  ])("$name", ({ states, outcome, incarnation }) => {
    const effects = ask(...states);
    expect(owned(effects)).toEqual([outcome]);
    expect(state.self.incarnation).toBe(incarnation);
    const said = sent(effects).filter((message) => message.type === "alive" && message.to === "10.0.0.2");
    expect(said.length > 0).toBe(outcome === "returned");
  });

  it("all who watch it: one alone may have heard it while the other is about to find it dead", () => {
    hear(alive(3, 1, { metadata }));
    const effects = ask("alive");
    expect(owned(effects)).toEqual([]);
    const nonce = state.watch.question?.nonce ?? 0;
    effects.push(...tell({ kind: "verdict", incarnation: 1, nonce, from: "n3", state: "alive" }, at(3)));
    expect(owned(effects)).toEqual(["alive"]);
  });

  it("and is content with one where the other says nothing, when nobody is silent for so long and alive", () => {
    hear(alive(3, 1, { metadata }));
    ask("alive");
    expect(owned(wait(599))).toEqual([]);
    expect(owned(wait(60))).toEqual(["alive"]);
  });

  describe("found dead by n2, a while after n3 was", () => {
    const verdict = (from: number) => {
      const nonce = state.watch.question?.nonce ?? 0;
      return tell({ kind: "verdict", incarnation: 1, nonce, from: `n${from}`, state: "alive" }, at(from));
    };
    beforeEach(() => {
      for (const last of [2, 3]) hear(alive(last, 1, { metadata }));
      hear(dead("n3", "n2"), at(2));
      waitWithBeats(2000);
    });
    const confirm = () => step(state, { type: "confirm", unsureMilliseconds: undefined }, now);

    it("it waits for nobody else where n2 was there all the time", () => {
      hear(dead("n1", "n2"), at(2));
      confirm();
      expect(owned(verdict(2))).toEqual(["returned"]);
    });

    it("it waits for those who were lost with n2, where that was lost, and not for who was lost before", () => {
      for (const last of [4, 5]) hear(alive(last, 1, { metadata }));
      waitWithBeats(100);
      for (const last of [4, 2]) hear(dead(`n${last}`, "n5"), at(5));
      hear(dead("n1", "n2"), at(2));
      confirm();
      hear(alive(2, 2, { metadata }), at(2));
      expect(owned([...verdict(2), ...verdict(5)])).toEqual([]);
      hear(alive(4, 2, { metadata }), at(4));
      expect(owned(verdict(4))).toEqual(["returned"]);
    });

    it("it waits for all who were lost where n2 is there again since just now", () => {
      hear(dead("n2", "n3"), at(3));
      hear(alive(2, 2, { metadata }), at(2));
      hear(dead("n1", "n2"), at(2));
      confirm();
      expect(owned(verdict(2))).toEqual([]);
      expect(owned(wait(1100))).toEqual(["returned"]);
    });
  });

  it("however often its interfaces come and go meanwhile", () => {
    hear(alive(2, 1, { metadata }));
    hear(dead("n2", "n3"), at(3));
    const effects: MembershipEffect[] = [];
    for (let times = 0; times < 20; times += 1) {
      effects.push(...step(state, { type: "confirm", unsureMilliseconds: 500, ranOn: true }, now), ...wait(150));
    }
    expect(owned(effects).length).toBeGreaterThan(0);
    expect(owned(effects)[0]).toBe("alone");
  });

  it("once each 60 ms, until there is an answer to this question", () => {
    ask();
    tell({
      kind: "verdict",
      incarnation: 1,
      nonce: ((state.watch.question?.nonce ?? 0) ^ 1) >>> 0,
      from: "n2",
      state: "alive",
    });
    expect(whispers(wait(300)).filter((one) => one.startsWith("question"))).toHaveLength(5);
  });

  it("and asked, it says what it knows", () => {
    hear(alive(2, 1, { metadata }));
    const question = { kind: "question", incarnation: 1, nonce: 9, from: "n2" } as const;
    expect(whispers(tell(question, at(2)))).toEqual(["verdict to 10.0.0.2"]);
    expect(whispers(tell({ ...question, from: "n8" }, at(8)))).toEqual(["verdict to 10.0.0.8"]);
  });
});

it.each<{ name: string; say: () => readonly MembershipEffect[]; reason: string }>([
  { name: "a heartbeat of nobody", say: () => beat(7), reason: "memberUnknown" },
  { name: "a heartbeat of itself", say: () => beat(1), reason: "stale" },
  { name: "the same heartbeat twice", say: () => [...beat(2), ...beat(2, { sequence })], reason: "stale" },
  {
    name: "an accusation by nobody",
    say: () => tell({ kind: "accusation", incarnation: 1, subject: "n2", from: "n7" }),
    reason: "memberUnknown",
  },
  {
    name: "a denial of what nobody said",
    say: () => tell({ kind: "denial", incarnation: 1, subject: "n2", from: "n3" }),
    reason: "stale",
  },
  {
    name: "an answer to no question",
    say: () => tell({ kind: "verdict", incarnation: 1, nonce: 5, from: "n2", state: "dead" }),
    reason: "answerUnknown",
  },
  {
    name: "what is cut off",
    say: () => hear({ type: "user", body: Uint8Array.of(0x53, 0x57, 1, 1) }),
    reason: "watchTruncated",
  },
])("$name comes to nothing", ({ say, reason }) => {
  hear(alive(2, 1, { metadata }));
  expect(drops(say())).toEqual([reason]);
  expect(state.members.get("n2")?.state).toBe("alive");
});

it("watches as many as there is room for", () => {
  const count = 70;
  for (let last = 2; last < count + 2; last += 1) hear(alive(last, 1, { metadata }));
  const effects = Array.from({ length: count }, (_, index) => beat(index + 2, { watchers: [state.watch.key] })).flat();
  expect(state.watch.watched.size).toBe(64);
  expect(drops(effects)).toEqual(Array(6).fill("watchesFull"));
});

it("does none of it while it does not say that it takes part", () => {
  const { address, port } = at(1);
  state = createMembershipState({ name: "n1", address, port, parameters, packetOverheadOctets: 34, seed: 1 }, now);
  step(state, { type: "start" }, now);
  hear(alive(2, 1, { metadata }));
  expect(drops(beat(2))).toEqual(["stale"]);
  expect(whispers(wait(1000))).toEqual([]);
  step(state, { type: "setMetadata", metadata }, now);
  expect(whispers(wait(60))).toContain("beat to 10.0.0.2");
});
