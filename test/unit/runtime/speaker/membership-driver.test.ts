import { beforeEach, describe, expect, it, vi } from "vitest";
import { deriveKeyRing } from "../../../../src/runtime/membership/keys.js";
import { encodeMessage, encodePushPull } from "../../../../src/runtime/membership/messages.js";
import { decodePacket, encodePacket } from "../../../../src/runtime/membership/packet.js";
import { encodeMetadata } from "../../../../src/runtime/membership/metadata.js";
import { LAN_PARAMETERS } from "../../../../src/runtime/membership/parameters.js";
import { OUR_VERSIONS } from "../../../../src/runtime/membership/state.js";
import { createStreamReader, encodeStream } from "../../../../src/runtime/membership/stream.js";
import { createMembership } from "../../../../src/runtime/speaker/membership-driver.js";
import type { MembershipOptions } from "../../../../src/runtime/speaker/membership.js";
import type { MembershipPorts, StreamTalk } from "../../../../src/runtime/speaker/membership-ports.js";

const RING = deriveKeyRing(new TextEncoder().encode("secret"), "new");
const [NEW_KEY, OLD_KEY] = RING as [(typeof RING)[number], (typeof RING)[number]];
const CLEAR = { compress: false, crc: false, encryption: undefined, label: "" };
const THEM = { address: "10.0.0.2", port: 7946 };

const member = (last: number) => ({
  node: `n${last}`,
  address: Uint8Array.of(10, 0, 0, last),
  port: 7946,
  metadata: new Uint8Array(),
  incarnation: 1,
  versions: OUR_VERSIONS,
});
const nonce = new Uint8Array(12);

/** The world as faults need it: nothing goes out, time stands still, a dialled peer says what a test has it say. */
let sent: Uint8Array[];
let now: number;
let timers: { at: number; run: () => void }[];
let closed: string[];
let said: string[];
let onPacket: (octets: Uint8Array, from: typeof THEM) => void;
let onStream: (address: string) => StreamTalk;
let dialled: Uint8Array[];
let peer: (question: Uint8Array) => Uint8Array | string;

let ports: MembershipPorts;
let options: MembershipOptions;
beforeEach(() => {
  [sent, timers, closed, said, dialled, now] = [[], [], [], [], [], 1000];
  peer = () => "ECONNREFUSED";
  ports = {
    now: () => now,
    startTimer(milliseconds, run) {
      const timer = { at: now + milliseconds, run };
      timers.push(timer);
      return () => void (timers = timers.filter((one) => one !== timer));
    },
    randomOctets: (count) => new Uint8Array(count).fill(7),
    async openPackets(_, given) {
      ({ onPacket } = given);
      return { send: (octets) => void sent.push(octets), close: () => void closed.push("packets") };
    },
    async listenStreams(_, given) {
      ({ onStream } = given);
      return { close: async () => void closed.push("streams") };
    },
    async dialStream(_, question, reader) {
      dialled.push(question);
      const answer = peer(question);
      if (typeof answer === "string") return answer;
      reader.onOctets(answer);
      return undefined;
    },
  };
  options = {
    name: "n1",
    bindAddress: "10.0.0.1",
    port: 7946,
    parameters: LAN_PARAMETERS,
    keys: [],
    onChange: ({ what, name }) => said.push(`${what} ${name}`),
    onReport: ({ what }) => said.push(what),
    onError: (error) => said.push(error.message),
  };
});

function passTime(milliseconds: number): void {
  const end = now + milliseconds;
  for (;;) {
    const [next] = timers.toSorted((a, b) => a.at - b.at);
    if (next === undefined || next.at > end) break;
    timers = timers.filter((one) => one !== next);
    now = Math.max(now, next.at);
    next.run();
  }
  now = end;
}

const hear = (...messages: Parameters<typeof encodeMessage>[0][]): void =>
  onPacket(encodePacket(messages.map(encodeMessage), CLEAR), THEM);

it("tellOurs() says something to all of ours that live, and hearOurs() hears it and nothing else", async () => {
  const heard: string[] = [];
  const hearOurs = (body: Uint8Array): boolean => heard.push(Buffer.from(body).toString("hex")) > 0 && body[0] === 7;
  const membership = await createMembership({ ...options, hearOurs }, ports);
  const ours = encodeMetadata({ heartbeats: false });
  const alive = (last: number, metadata: Uint8Array) => ({ type: "alive", ...member(last), metadata }) as const;
  hear(alive(2, ours), alive(3, new Uint8Array()), alive(4, ours), {
    type: "dead",
    node: "n4",
    incarnation: 1,
    from: "n4",
  });
  sent = [];
  membership.tellOurs((name, incarnation) => (name === "n2" ? [Uint8Array.of(7, incarnation)] : []));
  expect(sent).toHaveLength(1);
  onPacket(sent[0] ?? new Uint8Array(), THEM);
  expect(heard).toEqual(["0701"]);
  expect(membership.counters().dropped.size).toBe(0);
  onPacket(encodePacket([Uint8Array.of(8, 9)], CLEAR), THEM);
  expect([...membership.counters().dropped.keys()]).toEqual(["userMessage"]);
  await membership.stop();
  membership.tellOurs(() => [Uint8Array.of(7, 2)]);
  expect(sent).toHaveLength(1);
});

describe("createMembership()", () => {
  it("opens nothing for good where one socket cannot be opened", async () => {
    const listenStreams = () => Promise.reject(new Error("EADDRINUSE"));
    await expect(createMembership(options, { ...ports, listenStreams })).rejects.toThrow("EADDRINUSE");
    expect(closed).toEqual(["packets"]);
  });

  it.each(["0.0.0.0", "::", "node1"])("refuses %s, where nobody can reach it", async (bindAddress) => {
    await expect(createMembership({ ...options, bindAddress }, ports)).rejects.toThrow(RangeError);
  });

  it("refuses metadata that others would not take", async () => {
    const metadata = new Uint8Array(513);
    await expect(createMembership({ ...options, metadata }, ports)).rejects.toThrow("512 is the most");
    const membership = await createMembership(options, ports);
    expect(() => membership.setMetadata(metadata)).toThrow("512 is the most");
  });
});

it("alive() has those who live and this one, and is the same set until that changes", async () => {
  const membership = await createMembership(options, ports);
  const alone = membership.alive();
  expect([...alone]).toEqual(["n1"]);
  hear({ type: "alive", ...member(2) }, { type: "alive", ...member(3) });
  const three = membership.alive();
  expect([...three].toSorted()).toEqual(["n1", "n2", "n3"]);
  hear({ type: "suspect", incarnation: 1, node: "n2", from: "n3" });
  expect(membership.alive()).toBe(three);
  passTime(4000);
  expect([...membership.alive()].toSorted()).toEqual(["n1", "n3"]);
  // n3 does not answer either.
  expect(said).toEqual(["joined n2", "joined n3", "suspected", "suspected", "failed n2"]);
});

it("join() tells how many were reached, and why the others were not", async () => {
  const membership = await createMembership(options, ports);
  const answers = [encodePushPull(true, [{ ...member(2), state: "alive" }]), "ETIMEDOUT", Uint8Array.of(0x63)];
  peer = () => answers.shift() ?? "ECONNREFUSED";
  const others = [3, 4, 5].map((last) => ({ address: `10.0.0.${last}`, port: 7946 }));
  expect(await membership.join([THEM, ...others])).toEqual({
    reached: 1,
    failed: [
      { to: others[0], reason: "ETIMEDOUT" },
      { to: others[1], reason: "messageType" },
      { to: others[2], reason: "ECONNREFUSED" },
    ],
  });
  expect([...membership.alive()]).toEqual(["n1", "n2"]);
});

it("a peer that does not understand the first key is asked with the other, and spoken to in that from then on", async () => {
  const membership = await createMembership({ ...options, keys: RING }, ports);
  const theirs = { keys: [OLD_KEY], verifyIncoming: true, label: "" };
  const answer = encodePushPull(true, [{ ...member(2), state: "alive" }]);
  peer = (question) => {
    if (createStreamReader(theirs).read(question).kind !== "message") return "ERR_EARLY_END";
    return encodeStream(answer, { compress: true, encryption: { key: OLD_KEY, nonce }, label: "" });
  };
  expect((await membership.join([THEM])).reached).toBe(1);
  expect(dialled).toHaveLength(2);
  expect((await membership.join([THEM])).reached).toBe(1);
  expect(dialled).toHaveLength(3); // and is not asked in vain again
  passTime(3000);
  expect(sent.length).toBeGreaterThan(1);
  for (const packet of sent) expect(decodePacket(packet, theirs).faults).toEqual([]);
  membership.setKeys([NEW_KEY]);
  sent.length = 0;
  passTime(3000);
  for (const packet of sent) expect(decodePacket(packet, theirs).faults).toEqual(["key"]);
  expect(membership.counters().dropped.get("ERR_EARLY_END")).toBe(1);
});

it("a peer that cannot be reached is not tried with each key", async () => {
  const membership = await createMembership({ ...options, keys: RING }, ports);
  expect((await membership.join([THEM])).failed).toEqual([{ to: THEM, reason: "ECONNREFUSED" }]);
  expect(dialled).toHaveLength(1);
});

describe("on a stream that comes in", () => {
  const talk = (octets: Uint8Array) => onStream("10.0.0.2").onOctets(octets);

  it("all that is known is answered with all that is known", async () => {
    const membership = await createMembership(options, ports);
    const step = talk(encodePushPull(true, [{ ...member(2), state: "alive" }]));
    const read = createStreamReader({ keys: [], verifyIncoming: true, label: "" });
    const answer = step.kind === "answer" ? read.read(step.octets) : undefined;
    expect(answer).toMatchObject({ message: { type: "pushPull", members: [{ node: "n1", state: "alive" }] } });
    expect([...membership.alive()]).toEqual(["n1", "n2"]);
  });

  it("a ping is answered, one for another is not, and nothing that is no question", async () => {
    const membership = await createMembership(options, ports);
    expect(talk(encodeMessage({ type: "ping", sequence: 5, node: "n1" })).kind).toBe("answer");
    expect(talk(encodeMessage({ type: "ping", sequence: 5, node: "n2" }))).toEqual({ kind: "close" });
    expect(talk(encodeMessage({ type: "ack", sequence: 5 }))).toEqual({ kind: "close" });
    expect(talk(Uint8Array.of(0x63))).toEqual({ kind: "close" });
    expect(talk(Uint8Array.of(0)).kind).toBe("wait");
    expect(Object.fromEntries(membership.counters().dropped)).toEqual({ pingForAnother: 1, messageType: 2 });
  });
});

it("what cannot be read is counted by its reason", async () => {
  const membership = await createMembership({ ...options, keys: RING }, ports);
  hear({ type: "ack", sequence: 1 });
  onPacket(new Uint8Array(), THEM);
  expect(Object.fromEntries(membership.counters().dropped)).toEqual({ encryptionVersion: 1, empty: 1 });
  expect(membership.counters().packetsReceived).toBe(2);
});

it("two members of one name are reported once a minute, and counted each time", async () => {
  const membership = await createMembership(options, ports);
  hear({ type: "alive", ...member(2) });
  for (let count = 0; count < 5; count += 1) {
    hear({ type: "alive", ...member(2), address: Uint8Array.of(10, 0, 0, 77), incarnation: 9 });
  }
  expect(said.filter((what) => what === "conflict")).toHaveLength(1);
  expect(membership.counters().reports).toEqual(new Map([["conflict", 5]]));
});

describe("confirm()", () => {
  it("has the answer of an exchange with a member of a release, and all who ask get it", async () => {
    const membership = await createMembership(options, ports);
    hear({ type: "alive", ...member(2) });
    peer = () =>
      encodePushPull(false, [
        { ...member(2), state: "alive" },
        { ...member(1), state: "alive" },
      ]);
    const asked = [membership.confirm(300), membership.confirm(300)];
    expect(await Promise.all(asked)).toEqual(["alive", "alive"]);
    expect(dialled).toHaveLength(2);
  });

  it("is answered at once where nobody else is there, and as unanswered after stop()", async () => {
    const membership = await createMembership(options, ports);
    expect(await membership.confirm(300)).toBe("alone");
    hear({ type: "alive", ...member(2) });
    peer = () => "ETIMEDOUT";
    const asked = membership.confirm(300);
    await membership.stop();
    expect(await asked).toBe("unanswered");
    expect(await membership.confirm(300)).toBe("unanswered");
  });
});

describe("the end", () => {
  it("leave() resolves once the others were told often enough, and nobody is alive for this member but they", async () => {
    const membership = await createMembership(options, ports);
    hear({ type: "alive", ...member(2) });
    passTime(500);
    const left = vi.fn();
    const leaving = membership.leave(5000).then(left);
    passTime(900);
    await leaving;
    expect([...membership.alive()]).toEqual(["n2"]);
    expect(timers.every(({ at }) => at - now <= 60_000)).toBe(true);
  });

  it("leave() resolves when its time is over, and at once where nobody is there to be told", async () => {
    const parameters = { ...LAN_PARAMETERS, gossipIntervalMilliseconds: 100_000 };
    const membership = await createMembership({ ...options, parameters }, ports);
    hear({ type: "alive", ...member(2) });
    const leaving = membership.leave(1000);
    passTime(1000);
    await leaving;
    const alone = await createMembership(options, ports);
    await alone.leave(1000);
  });

  it("stop() closes all, ends what is under way, and leaves no timer", async () => {
    const membership = await createMembership(options, ports);
    hear({ type: "alive", ...member(2) });
    await membership.stop();
    await membership.stop();
    expect(closed).toEqual(["packets", "streams"]);
    expect(timers).toEqual([]);
    hear({ type: "alive", ...member(3) });
    expect(timers).toEqual([]);
    await membership.leave(1000);
  });
});
