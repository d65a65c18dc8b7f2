import { describe, expect, it } from "vitest";
import { createBgpPeer, type BgpPeer } from "#bgp-ts";
import { Password } from "../../../../src/config/password.js";
import type { Peer } from "../../../../src/config/model.js";
import {
  identifierOf,
  sessionOptionsOf,
  type BgpNode,
  type BgpTarget,
} from "../../../../src/runtime/speaker/bgp-peer-options.js";
import type { BgpConnection, ConnectionHandlers } from "../../../../src/runtime/speaker/bgp-session.js";
import { createBgpSessions } from "../../../../src/runtime/speaker/bgp-sessions.js";
import { attribute, CODE, message, TYPE, updateBody } from "../../../bgp/wire-update.js";
import { peer as basePeer } from "../announce/fixtures.js";
import { address } from "../bgp/prefixes.js";

const ID = address("10.0.0.9");
const NODE = { identifier: ID, ttlSecurity: false };
const optionsOf = (one: Peer, node: BgpNode) => sessionOptionsOf(one, one.address ?? address("fe80::1"), node);
const peer = (name: string, fields: Partial<Peer> = {}): Peer => ({ ...basePeer(name), ...fields });

function byInterface(name: string, link: string): Peer {
  const { address: left, ...unnumbered } = peer(name);
  void left;
  return { ...unnumbered, interface: link };
}

/**
 * Sessions whose network is this test: what is opened, written and closed, and routers that answer.
 * @param inTurns what is put off waits for settle()
 */
function begin(inTurns = false) {
  const opened: {
    target: BgpTarget;
    handlers: ConnectionHandlers;
    router: BgpPeer;
    isOpen: boolean;
    written: number[];
  }[] = [];
  const timers: { milliseconds: number; work: () => void }[] = [];
  const lines: string[] = [];
  const routers = new Map<string, (address: string) => void>();
  const keyed: ReadonlyMap<string, Uint8Array>[] = [];
  const turns: (() => void)[] = [];
  let room = Infinity;
  const sessions = createBgpSessions({
    connect(target, handlers) {
      const router = createBgpPeer({
        local: {
          asn: 64_513,
          peerAs: 64_512,
          bgpIdentifier: address("10.0.0.1"),
          holdTimeSeconds: 90,
          capabilities: [],
        },
        passive: true,
        connectRetrySeconds: 120,
      });
      router.start();
      opened.push({ target, handlers, router, isOpen: true, written: [] });
      return () => lines.push("gave up");
    },
    findRouter(interfaceName, heard) {
      routers.set(interfaceName, heard);
      return () => void routers.delete(interfaceName);
    },
    useKeys: (keys) => void keyed.push(new Map(keys)),
    nextHops: () => ({ ipv4: [ID] }),
    setTimer(milliseconds, work) {
      const timer = { milliseconds, work };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
    defer: (work) => (inTurns ? void turns.push(work) : work()),
    random: () => 0,
    log: {
      debug: (fields) => lines.push(`debug ${String((fields as { event: unknown }).event)}`),
      info: (fields) => lines.push(`info ${String((fields as { event: unknown }).event)}`),
      warn: (fields) => lines.push(`warn ${String((fields as { event: unknown }).event)}`),
      error: (fields, text) => lines.push(`error ${String((fields as { event: unknown }).event)}: ${text}`),
    },
  });
  /** The router takes the newest connection, and both talk until they have said everything. */
  const answer = (index = opened.length - 1): void => {
    const one = opened[index];
    if (one === undefined) throw new Error("nothing was opened");
    const toUs: Uint8Array[] = [];
    const hear = (actions: ReturnType<BgpPeer["start"]>): void => {
      for (const action of actions) if (action.do === "write") toUs.push(action.octets);
    };
    const connection: BgpConnection = {
      localAddress: "10.0.0.9",
      write(octets) {
        one.written.push(octets[18] ?? 0);
        hear(one.router.received("incoming", octets));
        room -= 1;
        return room > 0;
      },
      end: () => void (one.isOpen = false),
    };
    hear(one.router.connected("incoming"));
    one.handlers.connected(connection);
    while (toUs.length > 0) {
      const octets = toUs.shift();
      if (octets !== undefined && one.isOpen) one.handlers.received(octets);
    }
  };
  /** The router opens a connection itself. @returns whether it was taken, and what became of it */
  const call = (remoteAddress: string) => {
    const seen = { accepted: false, refused: false, written: [] as number[], isOpen: true };
    sessions.incoming({
      remoteAddress,
      accept(handlers) {
        seen.accepted = true;
        const write = (octets: Uint8Array): boolean => seen.written.push(octets[18] ?? 0) > 0;
        handlers.connected({ localAddress: "10.0.0.9", write, end: () => void (seen.isOpen = false) });
      },
      refuse: () => void (seen.refused = true),
    });
    return seen;
  };
  return {
    sessions,
    opened,
    timers,
    lines,
    answer,
    call,
    keyed,
    routers,
    setRoom: (count: number) => void (room = count),
    /** What was put off happens. @returns in how many turns */
    settle(): number {
      let count = 0;
      for (let next = turns.shift(); next !== undefined; next = turns.shift(), count += 1) next();
      return count;
    },
  };
}

const UPDATE = 2;
const NOTIFICATION = 3;
const REFRESH = message(TYPE.routeRefresh, [0, 1, 0, 1]);

describe("sessions", () => {
  it("are opened for each peer, and announce what there is", () => {
    const { sessions, opened, answer, lines } = begin();
    sessions.setRoutes("ns/web", [{ prefix: "192.0.2.1/32", localPref: 0, communities: [], peers: ["tor-a"] }]);
    sessions.usePeers([peer("tor-a")], ID);
    expect(opened.map(({ target }) => target)).toEqual([{ address: "10.0.0.1", port: 179, ttl: 255 }]);
    answer();
    expect(lines).toEqual(["info sessionUp"]);
    expect(opened[0]?.written.filter((type) => type === UPDATE)).toHaveLength(2); // the route, End-of-RIB
    const [[target, counts] = []] = sessions.counts();
    expect([target, counts]).toMatchObject(["10.0.0.1:179", { isUp: true, wanted: 1, announced: 1, wrongUpdates: 0 }]);
    expect(counts?.messages).toEqual({
      sent: { open: 1, update: 2, notification: 0, keepalive: 1, routeRefresh: 0 },
      received: { open: 1, update: 0, notification: 0, keepalive: 1, routeRefresh: 0 },
      notifications: [],
    });
  });

  it("tell a peer of thousands of routes in turns, and that these were all behind the last of them alone", () => {
    const { sessions, opened, answer, settle } = begin(true);
    const all = ["tor-a", "tor-b"];
    const setRoutes = (name: string, index: number): void =>
      sessions.setRoutes(name, [
        { prefix: `10.0.${index >> 8}.${index & 255}/32`, localPref: 0, communities: [], peers: all },
      ]);
    const updatesTo = (index: number): number => opened[index]?.written.filter((type) => type === UPDATE).length ?? 0;
    sessions.usePeers([peer("tor-a")], ID);
    for (let index = 0; index < 4000; index += 1) setRoutes(`ns/s${index}`, index);
    sessions.hold();
    settle();
    answer(0); // established while there is more to come
    expect(updatesTo(0)).toBe(0);
    sessions.flush();
    expect(updatesTo(0)).toBe(0); // it is told of 2,500 prefixes
    expect(settle()).toBe(1);
    const whole = Math.ceil(4000 / 800) + 1; // and End-of-RIB
    expect(updatesTo(0)).toBe(whole);
    for (let index = 4000; index < 6000; index += 1) setRoutes(`ns/s${index}`, index);
    sessions.flush();
    settle();
    const more = updatesTo(0);
    sessions.usePeers([peer("tor-a"), peer("tor-b", { address: address("10.0.0.2") })], ID);
    answer(1);
    expect(updatesTo(1)).toBe(0);
    opened[0]?.handlers.received(REFRESH); // who asks meanwhile is answered, too
    expect(updatesTo(0)).toBe(more);
    expect(settle()).toBe(2);
    expect(updatesTo(1)).toBe(Math.ceil(6000 / 800) + 1);
    expect(updatesTo(0)).toBe(more + Math.ceil(6000 / 800));
  });

  it("of many peers are told in turns, each of them", () => {
    const { sessions, opened, answer, settle } = begin(true);
    const names = Array.from({ length: 120 }, (_, index) => `tor-${index}`);
    sessions.usePeers(
      names.map((name, index) => peer(name, { address: address(`10.1.0.${index}`) })),
      ID,
    );
    settle();
    for (const index of names.keys()) answer(index);
    const updates = (): number => opened.filter(({ written }) => written.at(-1) === UPDATE).length;
    for (const { written } of opened) written.push(0);
    sessions.setRoutes("ns/web", [{ prefix: "192.0.2.1/32", localPref: 0, communities: [], peers: names }]);
    sessions.flush();
    expect(updates()).toBe(100);
    settle();
    expect(updates()).toBe(120);
  });

  it.each<{ name: string; change: Partial<Peer>; isNew: boolean }>([
    { name: "nothing", change: {}, isNew: false },
    {
      name: "the nodes that it is for",
      change: { nodeSelectors: [{ matchLabels: [["a", "b"]], matchExpressions: [] }] },
      isNew: false,
    },
    { name: "how its path is watched", change: { bfdProfile: "fast" }, isNew: false },
    { name: "its hold time", change: { holdTimeSeconds: 30 }, isNew: true },
    { name: "its password", change: { password: new Password("new") }, isNew: true },
    { name: "its port", change: { port: 1790 }, isNew: true },
  ])("begin anew where the peer changes: $name", ({ change, isNew }) => {
    const { sessions, opened, answer } = begin();
    const before = peer("tor-a", { password: new Password("old") });
    sessions.usePeers([before, peer("tor-b", { address: address("10.0.0.2") })], ID);
    answer(0);
    answer(1);
    sessions.usePeers([{ ...before, ...change }, peer("tor-b", { address: address("10.0.0.2") })], ID);
    expect(opened.map(({ isOpen }) => isOpen)).toEqual(isNew ? [false, true, true] : [true, true]);
    expect(opened[1]?.written).not.toContain(NOTIFICATION);
  });

  it("end with a NOTIFICATION, or without a word where the peer is to keep the routes", () => {
    for (const gracefulRestart of [false, true]) {
      const { sessions, opened, answer } = begin();
      sessions.usePeers([peer("tor-a", { gracefulRestart })], ID);
      answer();
      void sessions.stop();
      expect([opened[0]?.isOpen, opened[0]?.written.includes(NOTIFICATION)]).toEqual([false, !gracefulRestart]);
      expect([...sessions.counts()]).toEqual([]);
    }
  });

  it("that stop tell routers to go round first, then withdraw, then say why", async () => {
    const { sessions, opened, answer, timers } = begin();
    sessions.setRoutes("ns/web", [{ prefix: "192.0.2.1/32", localPref: 0, communities: [], peers: ["tor-a"] }]);
    sessions.usePeers([peer("tor-a")], ID);
    answer();
    const before = opened[0]?.written.length;
    const stopped = sessions.stop();
    expect(opened[0]?.written.slice(before)).toEqual([UPDATE]); // the community
    sessions.usePeers([peer("tor-a"), peer("tor-b")], ID); // what still changes is not followed
    expect(opened).toHaveLength(1);
    timers.find(({ milliseconds }) => milliseconds === 500)?.work();
    await stopped;
    expect(opened[0]?.written.slice(before)).toEqual([UPDATE, UPDATE, NOTIFICATION]);
    expect(opened[0]?.isOpen).toBe(false);
  });

  it("may be opened by the router, each with its key; others are refused and counted", () => {
    const { sessions, call, keyed } = begin();
    sessions.usePeers([peer("tor-a", { password: new Password("k") })], ID);
    expect(keyed.at(-1)).toEqual(new Map([["10.0.0.1", Uint8Array.of(0x6b)]]));
    expect(call("10.0.0.1")).toMatchObject({ accepted: true, written: [1] });
    expect(call("10.0.0.1")).toMatchObject({ accepted: false, refused: true });
    expect(call("10.0.0.7")).toMatchObject({ accepted: false, refused: true });
    expect(sessions.refused()).toEqual({ unknownPeer: 1, anotherIsThere: 1, flapping: 0 });
    sessions.usePeers([], ID);
    expect(keyed.at(-1)).toEqual(new Map());
  });

  it("by interface are opened with the router that is found there, and with another one when that is gone", () => {
    const { sessions, opened, answer, routers } = begin();
    sessions.setRoutes("ns/web", [{ prefix: "192.0.2.1/32", localPref: 0, communities: [], peers: ["tor-a"] }]);
    sessions.usePeers([byInterface("tor-a", "eth1")], ID);
    expect(opened).toEqual([]);
    routers.get("eth1")?.("fe80::1");
    routers.get("eth1")?.("fe80::1");
    expect(opened.map(({ target }) => target)).toEqual([{ address: "fe80::1", port: 179, device: "eth1", ttl: 255 }]);
    answer();
    routers.get("eth1")?.("fe80::2"); // there is a session
    expect(opened).toHaveLength(1);
    expect([...sessions.counts()].map(([name, { announced }]) => [name, announced])).toEqual([["eth1:179", 1]]);
    opened[0]?.handlers.closed("ECONNRESET");
    routers.get("eth1")?.("fe80::2");
    expect(opened.at(-1)?.target.address).toBe("fe80::2");
    sessions.usePeers([], ID);
    expect([...routers.keys()]).toEqual([]);
  });

  it("that are there already close a second connection of the router's", () => {
    const { sessions, answer, call, opened } = begin();
    sessions.usePeers([peer("tor-a")], ID);
    answer();
    const second = call("10.0.0.1");
    expect(second.written).toEqual([1]); // an OPEN: which connection goes is settled by both of them
    expect(opened[0]?.isOpen).toBe(true);
  });

  it("are tried again, which is said once, and stop being tried when the peer goes", () => {
    const { sessions, opened, timers, lines } = begin();
    sessions.usePeers([peer("tor-a")], ID);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      opened.at(-1)?.handlers.closed("ECONNREFUSED");
      timers.splice(-1)[0]?.work();
    }
    expect(opened).toHaveLength(4);
    expect(lines).toEqual(["warn sessionFailed", "debug sessionFailed", "debug sessionFailed"]);
    sessions.usePeers([], ID);
    expect(lines.slice(-2)).toEqual(["gave up", "info sessionEnded"]);
    expect(timers).toEqual([]);
  });

  it("give up an attempt that nobody answers, and say so", () => {
    const { sessions, timers, lines } = begin();
    sessions.usePeers([peer("tor-a")], ID);
    timers.find(({ milliseconds }) => milliseconds === 10_000)?.work();
    expect(lines).toEqual(["gave up", "warn sessionFailed"]);
    expect(timers.map(({ milliseconds }) => milliseconds)).toEqual([1000]); // the next attempt
  });

  it("are refused without a word, which is news unless the router has said why before", () => {
    const { sessions, opened, timers, lines } = begin();
    const attempt = (end: (one: ConnectionHandlers) => void): string | undefined => {
      const handlers = opened.at(-1)?.handlers;
      if (handlers === undefined) throw new Error("nothing was opened");
      end(handlers);
      timers.splice(-1)[0]?.work(); // the next attempt
      return lines.at(-1);
    };
    const connect = (one: ConnectionHandlers): void =>
      one.connected({ localAddress: "10.0.0.9", write: () => true, end: () => {} });
    const refuse =
      (reason: string) =>
      (one: ConnectionHandlers): void => {
        connect(one);
        one.closed(reason);
      };
    sessions.usePeers([peer("tor-a")], ID);
    expect(attempt((one) => one.closed("ECONNREFUSED"))).toBe("warn sessionFailed");
    expect(attempt(refuse("closed by the peer"))).toBe("warn sessionFailed");
    expect(attempt(refuse("closed by the peer"))).toBe("debug sessionFailed");
    const badPeerAs = message(NOTIFICATION, [2, 2]);
    const sayWhy = (one: ConnectionHandlers): void => {
      connect(one);
      one.received(badPeerAs);
    };
    expect(attempt(sayWhy)).toBe("warn sessionFailed");
    expect(attempt(refuse("ECONNRESET"))).toBe("debug sessionFailed");
  });

  it("are told of as they are, and why there is none in words that say what to do", () => {
    const { sessions, opened, answer, routers } = begin();
    sessions.setRoutes("ns/web", [
      { prefix: "192.0.2.1/32", localPref: 0, communities: [], peers: ["tor-a", "tor-b"] },
    ]);
    sessions.usePeers([peer("tor-b"), byInterface("tor-c", "eth1"), peer("tor-a", { localAsn: 64_999 })], ID);
    const views = () => sessions.views().map((view) => Object.values(view));
    const waiting = ["10.0.0.1:179", "Connect"];
    expect(views()).toEqual([
      ["tor-a", ...waiting, 64_999, 64_513, 1, 0],
      ["tor-b", ...waiting, 64_512, 64_513, 1, 0],
      ["tor-c", "eth1:179", "LookingForRouter", 64_512, 64_513, 0, 0],
    ]);
    routers.get("eth1")?.("fe80::1");
    answer(0); // tor-b
    opened[1]?.handlers.connected({ localAddress: "10.0.0.9", write: () => true, end: () => {} });
    opened[1]?.handlers.received(message(TYPE.notification, [2, 2]));
    expect(sessions.views().map(({ state, lastError }) => [state, lastError])).toEqual([
      ["Active", "the peer refused our ASN 64999: bad peer AS; check peerASN on both sides"],
      ["Established", undefined],
      ["Connect", undefined],
    ]);
    opened[0]?.handlers.received(message(TYPE.notification, [6, 2]));
    expect(sessions.views()[1]).toMatchObject({
      announcedPrefixes: 0,
      lastError: expect.stringContaining("shut the session down"),
    });
    expect(sessions.counts().get("10.0.0.1:179")?.messages.notifications).toEqual([
      { direction: "received", errorCode: 2, errorSubcode: 2, count: 1 },
    ]);
  });

  it("count wrong messages of a router, also the one that ends the session", () => {
    const { sessions, opened, answer, lines } = begin();
    sessions.usePeers([peer("tor-a")], ID);
    answer();
    opened[0]?.handlers.received(message(TYPE.update, [0, 9, 0, 0])); // its withdrawn routes go beyond its end
    expect(lines.at(-1)).toBe("error sessionDown: BGP session lost");
    expect([...sessions.counts().values()]).toMatchObject([{ isUp: false, wrongUpdates: 1 }]);
  });

  it("wait with what the connection has no room for", () => {
    const { sessions, opened, answer, setRoom } = begin();
    sessions.usePeers([peer("tor-a")], ID);
    answer();
    setRoom(1);
    const updates = (): number => opened[0]?.written.filter((type) => type === UPDATE).length ?? 0;
    const before = updates();
    for (const last of [1, 2, 3]) {
      sessions.setRoutes(`ns/s${last}`, [
        { prefix: `192.0.2.${last}/32`, localPref: 0, communities: [`1:${last}`], peers: ["tor-a"] },
      ]);
      sessions.flush();
    }
    expect(updates()).toBe(before + 1);
    setRoom(Infinity);
    opened[0]?.handlers.drained();
    expect(updates()).toBe(before + 3);
  });

  it("tell each of many peers of 5,000 routes in as few messages as hold them, and when all of them come back in turn", () => {
    const { sessions, opened, timers, answer } = begin();
    const peers = Array.from({ length: 50 }, (_, index) =>
      peer(`tor-${index}`, { address: address(`10.0.1.${index}`) }),
    );
    sessions.usePeers(peers, ID);
    for (let index = 0; index < 5000; index += 1) {
      const route = { prefix: `198.18.${index >> 8}.${index & 255}/32`, localPref: 0, communities: [] };
      sessions.setRoutes(`ns/s${index}`, [{ ...route, peers: peers.map(({ name }) => name) }]);
    }
    sessions.flush();
    for (const index of peers.keys()) answer(index);
    const updates = (): readonly number[] =>
      opened.map(({ written }) => written.filter((type) => type === UPDATE).length);
    expect(updates()).toEqual(peers.map(() => 8)); // 7 of up to 811 routes each, and End-of-RIB
    for (const index of peers.keys()) {
      opened[index]?.handlers.closed("ECONNRESET");
      timers.findLast(({ milliseconds }) => milliseconds === 0)?.work();
      answer();
    }
    expect(updates()).toEqual([...peers, ...peers].map(() => 8));
    const counts = [...sessions.counts().values()];
    expect(counts.map(({ isUp, announced }) => [isUp, announced])).toEqual(peers.map(() => [true, 5000]));
  });

  it("are left after the send hold time where the router takes nothing, unless it takes something again", () => {
    for (const drains of [true, false]) {
      const { sessions, opened, answer, setRoom, timers, lines } = begin();
      sessions.usePeers([peer("tor-a")], ID);
      answer();
      setRoom(1);
      sessions.setRoutes("ns/web", [{ prefix: "192.0.2.1/32", localPref: 0, communities: [], peers: ["tor-a"] }]);
      sessions.flush();
      const expiry = timers.find(({ milliseconds }) => milliseconds === 480_000);
      setRoom(Infinity);
      if (drains) opened[0]?.handlers.drained();
      expect(timers.some(({ milliseconds }) => milliseconds === 480_000)).toBe(!drains);
      if (!drains) expiry?.work();
      expect([opened[0]?.isOpen, opened[0]?.written.at(-1) === NOTIFICATION]).toEqual([drains, !drains]);
      expect(lines.at(-1)).toBe(drains ? "info sessionUp" : "error sessionDown: BGP session lost");
    }
  });

  it("tell a router its routes again when it asks for them", () => {
    const { sessions, opened, answer } = begin();
    sessions.setRoutes("ns/web", [{ prefix: "192.0.2.1/32", localPref: 0, communities: [], peers: ["tor-a"] }]);
    sessions.usePeers([peer("tor-a")], ID);
    answer();
    const before = opened[0]?.written.length;
    opened[0]?.handlers.received(message(TYPE.routeRefresh, [0, 1, 0, 1]));
    expect(opened[0]?.written.slice(before)).toEqual([UPDATE]);
  });

  it("say of a router that does wrong again and again so a few times, and count it", () => {
    const { sessions, opened, answer, lines } = begin();
    sessions.usePeers([peer("tor-a")], ID);
    answer();
    const wrong = (origin: number): Uint8Array => {
      const attributes = [
        attribute(CODE.origin, [origin]),
        attribute(CODE.asPath, []),
        attribute(CODE.nextHop, [10, 0, 0, 1]),
      ];
      return message(TYPE.update, updateBody({ withdrawn: [], attributes, nlri: [[8, 10]] }));
    };
    for (let round = 0; round < 3; round += 1) {
      for (let origin = 3; origin < 103; origin += 1) opened[0]?.handlers.received(wrong(origin));
    }
    expect(lines.filter((line) => line.startsWith("warn"))).toHaveLength(10);
    expect([...sessions.counts().values()][0]).toMatchObject({ isUp: true, wrongUpdates: 300 });
  });

  it("are not opened by a router whose sessions come and go, and that is counted", () => {
    const { sessions, opened, answer, call, timers } = begin();
    sessions.usePeers([peer("tor-a")], ID);
    for (let flap = 0; flap < 2; flap += 1) {
      answer();
      opened.at(-1)?.handlers.closed("ECONNRESET");
      if (flap === 0) timers.findLast(({ milliseconds }) => milliseconds === 0)?.work();
    }
    expect(call("10.0.0.1")).toMatchObject({ accepted: false, refused: true });
    expect(sessions.refused()).toMatchObject({ flapping: 1 });
    sessions.bfdUp("tor-a"); // the path is there again
    expect(opened).toHaveLength(3);
  });

  it("end with a Cease for BFD when it has lost the path, and are opened again once it is back", () => {
    const { sessions, opened, answer, lines } = begin();
    sessions.usePeers([peer("tor-a"), peer("tor-b", { address: address("10.0.0.2") })], ID);
    answer(0);
    answer(1);
    const before = opened[0]?.router.state();
    sessions.bfdDown("tor-a");
    expect([before, opened[0]?.router.state()]).toEqual(["Established", "Active"]);
    expect(opened.map(({ isOpen, written }) => [isOpen, written.includes(NOTIFICATION)])).toEqual([
      [false, true],
      [true, false],
    ]);
    expect(lines.at(-1)).toBe("error sessionDown: BGP session lost");
    sessions.bfdUp("tor-a");
    sessions.bfdUp("tor-a"); // which is at it
    sessions.bfdUp("tor-b"); // which has nothing to wait for
    sessions.bfdUp("unknown");
    expect(opened.map(({ target }) => target.address)).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
  });

  it("say of a peer why there can be none, and go on with the others", () => {
    const { sessions, opened, lines } = begin();
    const long = peer("long", { password: new Password("x".repeat(81)) });
    sessions.usePeers([long, peer("tor-a")], ID);
    expect(opened).toHaveLength(1);
    expect(lines[0]).toMatch(/^error peerUnusable: Cannot open a session with peer long: its password has more than/);
    expect(lines.join()).not.toContain("xxx");
  });
});

it.each<{ name: string; fields: Partial<Peer>; target: BgpTarget }>([
  {
    name: "a source address",
    fields: { sourceAddress: address("10.0.0.8") },
    target: { address: "10.0.0.1", port: 179, ttl: 255, localAddress: "10.0.0.8" },
  },
  { name: "a VRF", fields: { vrf: "red" }, target: { address: "10.0.0.1", port: 179, ttl: 255, device: "red" } },
  {
    name: "a password",
    fields: { password: new Password("é") },
    target: { address: "10.0.0.1", port: 179, ttl: 255, md5Key: Uint8Array.of(0xc3, 0xa9) },
  },
])("connects with $name", ({ fields, target }) => {
  expect(optionsOf(peer("tor-a", fields), NODE)).toMatchObject({ ok: true, value: { target } });
});

it.each<{ name: string; fields: Partial<Peer>; options: object }>([
  { name: "no more", fields: {}, options: { connectRetrySeconds: 120, local: { bgpIdentifier: ID } } },
  { name: "connectTime", fields: { connectTimeSeconds: 7 }, options: { connectRetrySeconds: 7 } },
  {
    name: "holdTime and keepaliveTime",
    fields: { holdTimeSeconds: 3, keepaliveTimeSeconds: 1 },
    options: { local: { holdTimeSeconds: 3, keepaliveTimeSeconds: 1 } },
  },
  { name: "holdTime 0", fields: { holdTimeSeconds: 0 }, options: { local: { holdTimeSeconds: 0 } } },
  {
    name: "routerID",
    fields: { routerId: address("192.0.2.77") },
    options: { local: { bgpIdentifier: address("192.0.2.77") } },
  },
  {
    name: "enableGracefulRestart",
    fields: { gracefulRestart: true },
    options: {
      local: { capabilities: expect.arrayContaining([expect.objectContaining({ kind: "gracefulRestart" })]) },
    },
  },
])("goes by what the peer says: $name", ({ fields, options }) => {
  expect(optionsOf(peer("tor-a", fields), NODE)).toMatchObject({ ok: true, value: { peer: options } });
});

it("offers no graceful restart unless the peer says so", () => {
  const options = optionsOf(peer("tor-a"), NODE);
  if (!options.ok) throw new Error(options.fault);
  expect(options.value.peer.local.capabilities.map(({ kind }) => kind)).not.toContain("gracefulRestart");
});

it.each([
  { name: "not of peers that may be far", ebgpMultiHop: true, minTtl: undefined },
  { name: "of all others", ebgpMultiHop: false, minTtl: 255 },
])("limits the hops on request, $name", ({ ebgpMultiHop, minTtl }) => {
  const options = optionsOf(peer("tor-a", { ebgpMultiHop }), { ...NODE, ttlSecurity: true });
  expect(options.ok && [options.value.target.ttl, options.value.target.minTtl]).toEqual([255, minTtl]);
});

it("speaks of both families on a link without addresses, and of IPv4 by way of IPv6", () => {
  const options = optionsOf(byInterface("tor-a", "eth1"), NODE);
  if (!options.ok) throw new Error(options.fault);
  const said = options.value.peer.local.capabilities.map(({ kind }) => kind);
  expect(said.filter((kind) => kind === "multiprotocol")).toHaveLength(2);
  expect(said).toContain("extendedNextHop");
});

it("shows a peer the AS number that it alone is to see", () => {
  const options = optionsOf(peer("tor-a", { localAsn: 4_200_000_001 }), NODE);
  if (!options.ok) throw new Error(options.fault);
  const { asn, capabilities } = options.value.peer.local;
  expect([asn, capabilities.find(({ kind }) => kind === "fourOctetAs")]).toEqual([
    4_200_000_001,
    { kind: "fourOctetAs", asn: 4_200_000_001 },
  ]);
});

it.each<{ name: string; fields: Partial<Peer>; families: readonly number[] }>([
  { name: "its own", fields: {}, families: [1] },
  { name: "IPv6 over IPv6", fields: { address: address("2001:db8::1") }, families: [2] },
  { name: "both where it says so", fields: { dualStackAddressFamily: true }, families: [1, 2] },
  { name: "none where it is to hear of none", fields: { disableMP: true }, families: [] },
])("speaks of the family of the peer: $name", ({ fields, families }) => {
  const options = optionsOf(peer("tor-a", fields), NODE);
  if (!options.ok) throw new Error(options.fault);
  const said = options.value.peer.local.capabilities.flatMap((one) => (one.kind === "multiprotocol" ? [one.afi] : []));
  expect(said).toEqual(families);
});

it.each([
  { name: "node1", ips: [], identifier: "64.37.239.133" }, // as the original makes it
  { name: "node1", ips: ["2001:db8::1", "10.0.0.7", "10.0.0.8"], identifier: "10.0.0.7" },
])("has $identifier for its identifier on $name with $ips", ({ name, ips, identifier }) => {
  expect(identifierOf(name, ips)).toEqual(address(identifier));
});
