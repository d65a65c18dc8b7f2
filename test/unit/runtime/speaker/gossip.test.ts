import { beforeEach, describe, expect, it } from "vitest";
import type { MemberChange } from "../../../../src/runtime/membership/effects.js";
import type { Endpoint } from "../../../../src/runtime/membership/state.js";
import { createGossip, type Gossip, type GossipPeer } from "../../../../src/runtime/speaker/gossip.js";
import type { MembershipClient, MembershipHandlers } from "../../../../src/runtime/speaker/membership-client.js";
import type { Joined } from "../../../../src/runtime/speaker/membership.js";

const AT = { address: "10.0.0.1", port: 7946 };
const peer = (last: number, expected = true): GossipPeer => ({ address: `10.0.0.${last}`, expected });
const endpoint = (last: number): Endpoint => ({ address: `10.0.0.${last}`, port: 7946 });

type Timer = { at: number; run: () => void };
type Join = { to: readonly Endpoint[]; resolve: (joined: Joined) => void };

/** A thread that takes part as a test wants it; time passes as a test wants it. */
let now: number;
let timers: Timer[];
let joins: Join[];
let did: string[];
let lines: string[];
let alive: Set<string>;
let handlers: MembershipHandlers;
let refuse: Error | undefined;
let gossip: Gossip;
let entered: string | undefined;
let gaveWay: number[];
let allGaveWay: Promise<boolean>; // all others have given way to this one

beforeEach(() => {
  [now, timers, joins, did, lines, alive, refuse, entered] = [0, [], [], [], [], new Set(["n1"]), undefined, undefined];
  [allGaveWay, gaveWay] = [Promise.resolve(true), []];
  const client: MembershipClient = {
    alive: () => alive,
    ours: () => new Set([...alive].filter((name) => name !== "n3")),
    members: async () =>
      [...alive].map((name) => {
        const at = { address: `10.0.0.${name.slice(1)}`, port: 7946 };
        return { name, endpoint: at, state: "alive", metadata: new Uint8Array() };
      }),
    counters: async () => undefined,
    join: (to) => {
      if (to.length === 0) return Promise.resolve({ reached: 0, failed: [] });
      return new Promise((resolve) => joins.push({ to, resolve }));
    },
    setMetadata: () => {},
    allGaveWay: () => allGaveWay,
    leave: async (milliseconds) => void did.push(`leave ${milliseconds}`),
    stop: async () => void did.push("stop"),
  };
  const line =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>, text: string): void =>
      void lines.push(`${level} ${String(fields["component"])}: ${text}`);
  gossip = createGossip(AT, {
    async open(given) {
      did.push("open");
      if (refuse !== undefined) throw refuse;
      handlers = given;
      return client;
    },
    giveWay: () => void gaveWay.push(now),
    startTimer(milliseconds, run) {
      const timer = { at: now + milliseconds, run };
      timers.push(timer);
      return () => void (timers = timers.filter((one) => one !== timer));
    },
    log: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
  });
});

/** Lets all promises that can be fulfilled be so. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function passTime(milliseconds: number): Promise<void> {
  const end = now + milliseconds;
  await settle();
  for (;;) {
    const [next] = timers.toSorted((a, b) => a.at - b.at);
    if (next === undefined || next.at > end) break;
    timers = timers.filter((one) => one !== next);
    now = next.at;
    next.run();
    await settle();
  }
  now = end;
}

async function enter(...peers: readonly GossipPeer[]): Promise<void> {
  gossip.usePeers(peers);
  const tell = (names: ReadonlySet<string>, ours: ReadonlySet<string>): void =>
    void did.push(`alive ${[...names].map((name) => (ours.has(name) ? name : `${name} (old)`)).join(" ")}`);
  gossip.enter(tell).then(
    () => (entered = `at ${now}`),
    (error: Error) => (entered = error.message),
  );
  await settle();
}

async function hear(what: MemberChange["what"], name: string): Promise<void> {
  if (what === "joined") alive = new Set([...alive, name]);
  else alive = new Set([...alive].filter((one) => one !== name));
  handlers.onChanges([{ what, name }]);
  await settle();
}

async function answer({ to, resolve }: Join, reasons: Readonly<Record<string, string>> = {}): Promise<void> {
  const failed = to.flatMap((one) => {
    const reason = reasons[one.address];
    return reason === undefined ? [] : [{ to: one, reason }];
  });
  resolve({ reached: to.length - failed.length, failed });
  await settle();
}

describe("enter()", () => {
  it("joins all at once, and tells who lives when all have answered and given way, before it is fulfilled", async () => {
    await enter(peer(1), peer(2), peer(3), { address: "fd00::2", expected: true });
    expect(joins.map(({ to }) => to)).toEqual([[endpoint(2), endpoint(3)]]);
    await hear("joined", "n2");
    await hear("joined", "n3");
    await passTime(40);
    expect([did, entered]).toEqual([["open"], undefined]);
    await answer(joins[0] as Join);
    expect([did, entered]).toEqual([["open", "alive n1 n2 n3 (old)"], "at 40"]);
  });

  it("waits until all others of ours have given way", async () => {
    let all: (haveAll: boolean) => void = () => {};
    allGaveWay = new Promise((resolve) => (all = resolve));
    await enter(peer(2), peer(3), peer(4));
    for (const name of ["n2", "n3", "n4"]) await hear("joined", name);
    await answer(joins[0] as Join);
    await passTime(200);
    expect(entered).toBeUndefined();
    all(true);
    await settle();
    expect([did, entered]).toEqual([["open", "alive n1 n2 n3 (old) n4"], "at 200"]);
  });

  it("waits no longer than a second for all of ours to give way", async () => {
    allGaveWay = new Promise(() => {});
    await enter(peer(2));
    await hear("joined", "n2");
    await answer(joins[0] as Join);
    await passTime(1000);
    expect(entered).toBe("at 1000");
  });

  it("gives way to each that comes before it has begun, and then leaves it to who decides", async () => {
    await enter(peer(2));
    await hear("joined", "n2");
    await answer(joins[0] as Join);
    await passTime(50);
    const before = gaveWay.length;
    expect(before).toBeGreaterThan(0);
    await hear("joined", "n4");
    expect(gaveWay.length).toBe(before);
  });

  it("waits 300 ms for the others after the first answer, and no longer", async () => {
    await enter(peer(2), peer(3));
    await passTime(5);
    await hear("joined", "n2");
    await passTime(299);
    expect(entered).toBeUndefined();
    await passTime(1);
    expect([did, entered]).toEqual([["open", "alive n1 n2"], "at 305"]);
  });

  it("begins alone where nobody is expected, or nobody takes part yet", async () => {
    await enter(peer(2), peer(3, false));
    await answer(joins.find(({ to }) => to[0]?.address === "10.0.0.2") as Join, { "10.0.0.2": "ECONNREFUSED" });
    expect([did, entered]).toEqual([["open", "alive n1"], "at 0"]);
    expect(joins).toHaveLength(2); // who is not expected is asked all the same
  });

  it("asks those again that should answer and do not, for 10 s, before it begins without them", async () => {
    await enter(peer(2), peer(3));
    await answer(joins[0] as Join, { "10.0.0.2": "ETIMEDOUT", "10.0.0.3": "ECONNREFUSED" });
    await passTime(1000);
    expect(joins[1]?.to).toEqual([endpoint(2)]);
    await passTime(8999);
    expect(entered).toBeUndefined();
    await passTime(1);
    expect([did, entered]).toEqual([["open", "alive n1"], "at 10000"]);
    expect(lines).toEqual(["warn Memberlist: no other speaker has answered for 10 s: going on without them"]);
  });

  it("asks again who took it for what it was before: only then they know that it lives", async () => {
    await enter(peer(2), peer(3));
    handlers.onReport({ what: "refuted", as: "dead", from: "n1" });
    await hear("joined", "n2");
    await hear("joined", "n3");
    await answer(joins[0] as Join);
    await passTime(100);
    expect([joins.map(({ to }) => to), did]).toEqual([
      [
        [endpoint(2), endpoint(3)],
        [endpoint(2), endpoint(3)],
      ],
      ["open"],
    ]);
    await answer(joins[1] as Join);
    expect([did, entered]).toEqual([["open", "alive n1 n2 n3 (old)"], "at 100"]);
  });

  it("joins also where somebody was there before it asked", async () => {
    alive = new Set(["n1", "n2"]);
    await enter(peer(2), peer(3));
    expect(joins.map(({ to }) => to)).toEqual([[endpoint(2), endpoint(3)]]);
  });

  it("knows of others by their joining it, too", async () => {
    await enter(peer(2));
    await answer(joins[0] as Join, { "10.0.0.2": "EHOSTUNREACH" });
    await passTime(500);
    await hear("joined", "n2");
    await passTime(50);
    expect([did, entered]).toEqual([["open", "alive n1 n2"], "at 500"]);
  });

  it.each([
    { code: "EADDRINUSE", expected: /^Cannot gossip at 10\.0\.0\.1 port 7946: somebody has that port: / },
    { code: "EADDRNOTAVAIL", expected: /^Cannot gossip at 10\.0\.0\.1 port 7946: this machine has no such address: / },
    { code: "EMFILE", expected: /^Cannot gossip at 10\.0\.0\.1 port 7946: too many$/ },
  ])("rejects, with a remedy, where the sockets cannot be opened: $code", async ({ code, expected }) => {
    refuse = Object.assign(new Error("too many"), { code });
    await enter();
    expect(entered).toMatch(expected);
    await gossip.leave();
    expect(did).toEqual(["open"]);
  });
});

describe("after enter()", () => {
  beforeEach(async () => {
    await enter(peer(2), peer(3));
    await hear("joined", "n2");
    await hear("joined", "n3");
    await answer(joins[0] as Join);
    await passTime(50);
    [did, joins, lines] = [[], [], []];
  });

  it("tells each change of who lives, and logs it as the releases mark it", async () => {
    await hear("failed", "n2");
    await hear("left", "n3");
    await hear("joined", "n2");
    expect(did).toEqual(["alive n1 n3 (old)", "alive n1", "alive n1 n2"]);
    expect(lines).toEqual([
      "info Memberlist: the speaker of n2 is dead",
      "info Memberlist: the speaker of n3 has left",
      "info Memberlist: the speaker of n2 is here",
    ]);
  });

  it("logs what is worth telling", () => {
    handlers.onReport({ what: "suspected", name: "n2", from: "n3" });
    expect(lines).toEqual(["info Memberlist: n3 gets no answer from n2, which is suspected to be dead"]);
  });

  it("joins who is no member each minute and when asked, one round at a time; a failure is told once", async () => {
    gossip.usePeers([peer(2), peer(3), peer(4), peer(5, false)]);
    await passTime(60_000);
    expect(joins.map(({ to }) => to)).toEqual([[endpoint(4), endpoint(5)]]);
    gossip.joinMissing();
    await settle();
    expect(joins).toHaveLength(1);
    await answer(joins[0] as Join, { "10.0.0.4": "ETIMEDOUT", "10.0.0.5": "ETIMEDOUT" });
    gossip.joinMissing();
    await settle();
    expect(joins).toHaveLength(2);
    await answer(joins[1] as Join, { "10.0.0.4": "ETIMEDOUT", "10.0.0.5": "ETIMEDOUT" });
    expect(lines).toEqual([
      expect.stringMatching(/^warn Memberlist: Cannot join .* 10\.0\.0\.4 port 7946 \(ETIMEDOUT\), 10\.0\.0\.5 port/),
    ]);
  });

  it("asks nobody while all are members", async () => {
    await passTime(180_000);
    expect(joins).toEqual([]);
  });

  it("a loss changes nobody's life: it takes part anew, and tells who lives when others were asked", async () => {
    alive = new Set(["n1"]);
    handlers.onLost("the socket is gone");
    await passTime(199);
    expect(did).toEqual(["stop"]);
    await passTime(1);
    expect(did).toEqual(["stop", "open"]);
    await hear("joined", "n2");
    await passTime(350);
    expect(did).toEqual(["stop", "open", "alive n1 n2"]);
    expect(gossip.restarts()).toBe(1);
  });

  it("settled() waits after a loss until the others know of this speaker again, ten seconds at most", async () => {
    const settled: string[] = [];
    const ask = (): void => void gossip.settled().then(() => settled.push(`at ${now}`));
    const start = now;
    ask();
    await settle();
    handlers.onLost("the socket is gone");
    await settle();
    ask();
    await passTime(200 + 349);
    expect(settled).toEqual([`at ${start}`]);
    await passTime(1);
    expect(settled).toEqual([`at ${start}`, `at ${start + 550}`]);
    handlers.onLost("the socket is gone");
    refuse = new Error("no");
    await settle();
    ask();
    await passTime(10_000);
    expect(settled[2]).toBe(`at ${start + 10_550}`);
  });

  it("tries again, each time later, while it cannot take part", async () => {
    handlers.onLost("the socket is gone");
    refuse = Object.assign(new Error("in use"), { code: "EADDRINUSE" });
    await passTime(200 + 400 + 800 + 799);
    expect(did).toEqual(["stop", "open", "open", "open"]);
    expect(lines.at(-1)).toMatch(/^error Memberlist: Cannot gossip at .*: taking part anew in 1600 ms$/);
  });

  it("leave() tells the others, then ends; nothing is told or done afterwards", async () => {
    await Promise.all([gossip.leave(), gossip.leave()]);
    expect(did).toEqual(["leave 1000", "stop"]);
    await hear("left", "n1");
    await passTime(120_000);
    expect(did).toEqual(["leave 1000", "stop"]);
    expect(timers).toEqual([]);
  });
});

it("leave() on the way in ends the waiting", async () => {
  await enter(peer(2));
  await gossip.leave();
  await settle();
  expect([did, entered]).toEqual([["open", "leave 1000", "stop"], "at 0"]);
  expect(timers).toEqual([]);
});

it("leave() before enter() leaves nothing to do", async () => {
  await gossip.leave();
  await enter(peer(2));
  expect([did, entered]).toEqual([[], "at 0"]);
});
