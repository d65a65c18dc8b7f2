import { beforeEach, describe, expect, it } from "vitest";
import type { MembershipEffect } from "../../../../src/runtime/membership/effects.js";
import type { Alive, Message, PushedMember } from "../../../../src/runtime/membership/messages.js";
import { LAN_PARAMETERS } from "../../../../src/runtime/membership/parameters.js";
import { localState } from "../../../../src/runtime/membership/rumours.js";
import {
  createMembershipState,
  nextTimeoutAt,
  OUR_VERSIONS,
  type MembershipState,
} from "../../../../src/runtime/membership/state.js";
import { step } from "../../../../src/runtime/membership/step.js";
import { octets } from "./octets.js";
import { alive, at, changes, dead, kinds, sent, suspect } from "./rumours.js";

let state: MembershipState;
let now: number;

function hear(message: Message, from = at(9)): readonly MembershipEffect[] {
  return step(state, { type: "message", from, message }, now);
}

/** Lets time pass, with a tick whenever one is due. */
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

beforeEach(() => {
  now = 1000;
  const { address, port } = at(1);
  state = createMembershipState(
    { name: "n1", address, port, parameters: LAN_PARAMETERS, packetOverheadOctets: 34, seed: 1 },
    now,
  );
});

describe("what is said of members", () => {
  it("a new member joins, and is told to others", () => {
    expect(changes(hear(alive(2)))).toEqual(["joined n2"]);
    expect(hear(alive(3)).length).toBe(1);
    const [to, ...rumours] = sent(wait(1)).map(({ type }) => type);
    expect([to, ...rumours]).toEqual(["alive", "alive", "alive", "alive"]);
  });

  it("is passed on four times in all, then forgotten", () => {
    hear(alive(2));
    expect(sent(wait(5000)).filter(({ type }) => type === "alive")).toHaveLength(4);
    expect(nextTimeoutAt(state)).toBe(Number.POSITIVE_INFINITY);
  });

  it("is passed on three times as often while members speak different keys, and few pass it on to all", () => {
    step(state, { type: "keys", differ: true }, now);
    hear(alive(2));
    expect(sent(wait(5000)).filter(({ type }) => type === "alive")).toHaveLength(12);
    step(state, { type: "keys", differ: false }, now);
    hear(alive(3));
    expect(sent(wait(5000)).filter(({ type }) => type === "alive")).toHaveLength(4);
  });

  it.each<{ name: string; messages: readonly Message[]; expected: readonly string[]; reason?: string }>([
    { name: "the same again", messages: [alive(2)], expected: [], reason: "stale" },
    {
      name: "other metadata with a larger incarnation",
      messages: [alive(2, 2, { metadata: octets("01") })],
      expected: ["updated n2"],
    },
    { name: "a death of an earlier life", messages: [alive(2, 5), dead("n2", "n3", 4)], expected: [], reason: "stale" },
    { name: "a death", messages: [dead("n2", "n3")], expected: ["failed n2"] },
    { name: "a farewell", messages: [dead("n2", "n2")], expected: ["left n2"] },
    { name: "a death twice", messages: [dead("n2", "n3"), dead("n2", "n4")], expected: ["failed n2"], reason: "stale" },
    {
      name: "a life after death",
      messages: [dead("n2", "n3"), alive(2, 2)],
      expected: ["failed n2", "joined n2"],
    },
    { name: "a death of nobody", messages: [dead("n7", "n3")], expected: [], reason: "memberUnknown" },
    {
      name: "another address for one who lives",
      messages: [alive(2, 2, { address: Uint8Array.of(10, 0, 0, 77) })],
      expected: [],
      reason: "conflict",
    },
    {
      name: "another address for one who left",
      messages: [dead("n2", "n2"), alive(2, 1, { address: Uint8Array.of(10, 0, 0, 77) })],
      expected: ["left n2", "joined n2"],
    },
    {
      name: "the same address, mapped into IPv6",
      messages: [alive(2, 2, { address: octets("00000000000000000000ffff0a000002") })],
      expected: [],
    },
    {
      name: "something of an application",
      messages: [{ type: "user", body: octets("010203") }],
      expected: [],
      reason: "userMessage",
    },
  ])("$name", ({ messages, expected, reason }) => {
    hear(alive(2));
    const effects = messages.flatMap((message) => hear(message));
    expect(changes(effects)).toEqual(expected);
    const reasons = effects.flatMap((effect) => (effect.do === "drop" ? [effect.reason] : []));
    expect(reasons).toEqual(reason === undefined ? [] : [reason]);
  });

  it.each<{ name: string; message: Message; incarnation: number }>([
    { name: "suspected", message: suspect("n1", "n3", 1), incarnation: 2 },
    { name: "dead", message: dead("n1", "n3", 7), incarnation: 8 },
    { name: "told with an incarnation of a former life", message: alive(1, 4), incarnation: 5 },
    { name: "told with other metadata", message: alive(1, 1, { metadata: octets("01") }), incarnation: 2 },
    {
      name: "accused with the largest incarnation",
      message: suspect("n1", "n3", 0xffff_fffd),
      incarnation: 0xffff_fffe,
    },
  ])(
    "who is $name protests with a larger incarnation, and takes it for a sign that it is slow",
    ({ message, incarnation }) => {
      hear(alive(2));
      expect(kinds(hear(message))).toContain("report");
      const protest = sent(wait(1)).find((said) => said.type === "alive" && said.node === "n1");
      expect(protest).toMatchObject({ incarnation, port: 7946 });
      expect(state.healthScore).toBe(1);
    },
  );

  it.each([
    { name: "alone", members: 3, accusers: 1, milliseconds: 4000 },
    { name: "of many, by one", members: 6, accusers: 1, milliseconds: 24_000 },
    { name: "of many, by two", members: 6, accusers: 2, milliseconds: 11_381 },
    { name: "of many, by three", members: 6, accusers: 3, milliseconds: 4000 },
  ])("a suspect $name is dead after $milliseconds ms", ({ members, accusers, milliseconds }) => {
    for (let last = 2; last <= members; last += 1) hear(alive(last));
    for (let index = 0; index < accusers; index += 1) hear(suspect("n2", `n${3 + index}`));
    hear(suspect("n2", "n3")); // nobody counts twice
    expect(changes(wait(milliseconds - 1))).toEqual([]);
    expect(changes(wait(1))).toEqual(["failed n2"]);
  });

  it("an accuser is passed on once", () => {
    for (let last = 2; last <= 6; last += 1) hear(alive(last));
    hear(suspect("n2", "n3"));
    hear(suspect("n2", "n4"));
    wait(2000); // told often enough
    for (const from of ["n3", "n4"]) hear(suspect("n2", from));
    expect(sent(wait(500))).toEqual([]);
    hear(suspect("n2", "n5"));
    expect(sent(wait(1))).toContainEqual(expect.objectContaining({ type: "suspect", from: "n5" }));
  });

  it("a suspect that protests is trusted again, also where it is accused once more of the same life", () => {
    hear(alive(2));
    hear(suspect("n2", "n3"));
    hear(alive(2, 2));
    hear(suspect("n2", "n3"));
    expect(changes(wait(60_000))).toEqual([]);
  });
});

describe("probes", () => {
  beforeEach(() => {
    for (let last = 2; last <= 6; last += 1) hear(alive(last));
    wait(5000);
    step(state, { type: "start" }, now);
  });

  /** The ping that goes out next, at the moment when it does. */
  function ping() {
    for (let ticks = 0; ticks < 20; ticks += 1) {
      const found = sent(wait(Math.max(0, nextTimeoutAt(state) - now))).find(({ type }) => type === "ping");
      if (found?.type === "ping") return found;
    }
    throw new Error("no ping went out");
  }

  it("goes to one member each second, to all in five, and says who asks", () => {
    const pinged = Array.from({ length: 5 }, () => {
      const { node, sequence, asker } = ping();
      expect(asker).toMatchObject({ node: "n1", port: 7946 });
      hear({ type: "ack", sequence });
      return node;
    });
    expect(pinged.toSorted()).toEqual(["n2", "n3", "n4", "n5", "n6"]);
  });

  it("asks three others and a stream when there is no answer, and suspects after a second", () => {
    const { node, sequence } = ping();
    const effects = wait(500);
    const asked = sent(effects).filter(({ type }) => type === "indirectPing");
    expect(asked).toHaveLength(3);
    expect(asked[0]).toMatchObject({ node, sequence, nack: true, port: 7946 });
    expect(effects).toContainEqual(expect.objectContaining({ do: "pingByStream", node, sequence }));
    for (let count = 0; count < 3; count += 1) hear({ type: "nack", sequence });
    const later = wait(500);
    expect(later).toContainEqual({ do: "report", report: { what: "suspected", name: node, from: "n1" } });
    expect(state.healthScore).toBe(0); // all three heard nothing either
  });

  it.each([
    { nacks: 0, score: 3 },
    { nacks: 1, score: 2 },
    { nacks: 2, score: 1 },
  ])(
    "takes it for slow itself where only $nacks of three others answer, and gives the next probe more time",
    ({ nacks, score }) => {
      const { sequence } = ping();
      wait(500);
      for (let count = 0; count < nacks; count += 1) hear({ type: "nack", sequence });
      wait(500);
      expect(state.healthScore).toBe(score);
      expect((state.probe?.deadline ?? 0) - (state.probe?.answerBy ?? 0)).toBe(500 + score * 1000);
    },
  );

  it("is content with an answer by another member or by stream", () => {
    const { sequence } = ping();
    wait(700);
    expect(kinds(hear({ type: "ack", sequence }, at(3)))).toEqual([]);
    const second = ping();
    wait(700);
    step(state, { type: "streamAck", sequence: second.sequence }, now);
    expect(wait(300)).toContainEqual({ do: "report", report: { what: "onlyByStream", name: second.node } });
    expect(state.suspects.size).toBe(0);
  });

  it("answers pings where they say, else where they came from, and not those for another", () => {
    expect(sent(hear({ type: "ping", sequence: 9, node: "n1" }, at(5)))).toEqual([
      { type: "ack", sequence: 9, to: "10.0.0.5" },
    ]);
    const asker = { address: Uint8Array.of(10, 0, 0, 6), port: 7000, node: "n6" };
    expect(sent(hear({ type: "ping", sequence: 9, node: "", asker }, at(5)))).toMatchObject([{ to: "10.0.0.6" }]);
    expect(hear({ type: "ping", sequence: 9, node: "n2" })).toEqual([{ do: "drop", reason: "pingForAnother" }]);
  });

  it("pings for another, and tells it the answer, or that there is none", () => {
    const request = {
      type: "indirectPing",
      sequence: 77,
      node: "n3",
      target: Uint8Array.of(10, 0, 0, 3),
      port: 7946,
    } as const;
    const [relayed] = sent(hear({ ...request, nack: true }, at(2)));
    expect(relayed).toMatchObject({ type: "ping", node: "n3", to: "10.0.0.3" });
    const { sequence } = relayed as { sequence: number };
    expect(sent(hear({ type: "ack", sequence }, at(3)))).toEqual([{ type: "ack", sequence: 77, to: "10.0.0.2" }]);
    expect(hear({ type: "ack", sequence }, at(3))).toEqual([{ do: "drop", reason: "ackUnknown" }]);

    hear({ ...request, nack: true }, at(2));
    hear({ ...request, nack: false }, at(4));
    const nacks = sent(wait(500)).filter(({ type }) => type === "nack");
    expect(nacks).toEqual([{ type: "nack", sequence: 77, to: "10.0.0.2" }]);
  });

  it("pings for others only as often as it is prepared to", () => {
    const request = {
      type: "indirectPing",
      sequence: 1,
      node: "n3",
      target: Uint8Array.of(10, 0, 0, 3),
      port: 7946,
      nack: true,
    } as const;
    for (let count = 0; count < 1024; count += 1) hear(request);
    expect(hear(request)).toEqual([{ do: "drop", reason: "relaysFull" }]);
  });

  it("exchanges all that is known with another twice a minute", () => {
    state = { ...state, nextProbeAt: Number.POSITIVE_INFINITY };
    const effects = wait(120_000).filter(({ do: what }) => what === "pushPull");
    expect(effects).toHaveLength(3); // the first after 30 to 60 s
    expect(effects[0]).toMatchObject({ to: { port: 7946 } });
  });
});

describe("all that another member knows", () => {
  const pushed = (member: Alive, state: PushedMember["state"]): PushedMember => {
    const { type: _, ...subject } = member;
    return { ...subject, state };
  };
  const merge = (...members: PushedMember[]) => step(state, { type: "remoteState", members }, now);

  it("is taken over; who is dead there is suspected here first", () => {
    hear(alive(3));
    hear(alive(4));
    const effects = merge(pushed(alive(2), "alive"), pushed(alive(3), "dead"), pushed(alive(4), "left"));
    expect(changes(effects)).toEqual(["joined n2", "left n4"]);
    expect([...state.suspects].map(({ name }) => name)).toEqual(["n3"]);
  });

  it("is no mere suspicion where this member itself is dead there: others may have taken over", () => {
    hear(alive(2));
    const takenForDead = (effects: readonly MembershipEffect[]) =>
      effects.filter((effect) => effect.do === "takenForDead");
    const effects = merge(pushed(alive(2), "alive"), pushed(alive(1, 3), "dead"));
    expect(takenForDead(effects)).toEqual([{ do: "takenForDead", incarnation: 3 }]);
    expect(state.self).toMatchObject({ state: "alive", incarnation: 4 });
    expect(takenForDead(merge(pushed(alive(1, 3), "dead")))).toEqual([]);
    expect(takenForDead(merge(pushed(alive(1, 4), "suspect")))).toEqual([]);
  });

  it("is not taken where a member speaks what not all understand", () => {
    const versions = { ...OUR_VERSIONS, current: 6 };
    expect(merge(pushed(alive(2), "alive"), pushed(alive(3, 1, { versions }), "alive"))).toEqual([
      { do: "report", report: { what: "incompatible", name: "n3" } },
      { do: "drop", reason: "incompatible" },
    ]);
  });

  it("is told as it is known here, this member first of all", () => {
    hear(alive(2));
    hear(dead("n2", "n2"));
    const known = localState(state).map(({ node, state: said }) => `${node} ${said}`);
    expect(known.toSorted()).toEqual(["n1 alive", "n2 left"]);
  });
});

describe("leaving", () => {
  it("tells all at once, and goes on answering", () => {
    hear(alive(2));
    hear(alive(3));
    wait(5000);
    const effects = step(state, { type: "leave" }, now);
    const told = sent(effects).toSorted((a, b) => a.to.localeCompare(b.to));
    const farewell = dead("n1", "n1");
    expect(told).toEqual([
      { ...farewell, to: "10.0.0.2" },
      { ...farewell, to: "10.0.0.3" },
    ]);
    expect(changes(effects)).toEqual(["left n1"]);
    expect(kinds(effects)).not.toContain("left");
    expect(kinds(wait(1000))).toContain("left");
    expect(sent(hear({ type: "ping", sequence: 1, node: "n1" }))).toHaveLength(1);
    expect(changes(hear(alive(1, 9)))).toEqual([]); // no way back
  });

  it("is done at once where there is nobody to tell", () => {
    expect(kinds(step(state, { type: "leave" }, now))).toEqual(["changed", "left"]);
  });
});

it("packets stay within the size that is asked for", () => {
  for (let last = 2; last <= 120; last += 1) hear(alive(last));
  const effects = wait(3000).filter((effect) => effect.do === "sendPacket");
  expect(effects.length).toBeGreaterThan(10);
  for (const { messages } of effects) {
    const size = messages.reduce((sum, { length }) => sum + length + 2, 2) + 34;
    expect(size).toBeLessThanOrEqual(1400);
    expect(size).toBeGreaterThan(1250); // and make use of it
  }
});

it("a step that comes late means that this process stood still: others get that much more time", () => {
  hear(alive(2));
  hear(suspect("n2", "n3"));
  now += 60_000;
  expect(step(state, { type: "tick" }, now)).toContainEqual({
    do: "report",
    report: { what: "stalled", milliseconds: 60_000 },
  });
  expect(changes(hear(alive(2, 2)))).toEqual([]);
  expect(changes(wait(60_000))).toEqual([]);
});
