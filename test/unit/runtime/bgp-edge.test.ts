import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseAddress } from "../../../src/runtime/net/address.js";
import type { LogFields, Logger } from "../../../src/runtime/net/logger.js";
import { createBgpPorts } from "../../../src/runtime/bgp-edge.js";
import type { BgpConnection, BgpPorts } from "../../../src/runtime/speaker/bgp-session.js";
import { createBgpSessions, type BgpSessions } from "../../../src/runtime/speaker/bgp-sessions.js";
import { openOf, playPeer, type PlayedSession } from "../../bgp/played-peer.js";
import { message, TYPE } from "../../bgp/wire-update.js";
import { until } from "../../lab/until.js";
import { peer as basePeer } from "./announce/fixtures.js";

/*
 * Sessions over real TCP connections of this machine, with routers that the test plays.
 */

const OUR_AS = 64_500; // of the fixtures
const THEIR_AS = 64_501;
const ID = parseAddress("10.0.0.9") ?? { family: "ipv4", value: 0n };
const KEEPALIVE = message(TYPE.keepalive, []);
const BAD_PEER_AS = message(TYPE.notification, [2, 2]);
const HOLD_MILLISECONDS = 90_000;
const SEND_HOLD_MILLISECONDS = 480_000;

let lines: string[];
let sessions: BgpSessions | undefined;
let servers: (() => void)[];
beforeEach(() => {
  lines = [];
  servers = [];
});
afterEach(async () => {
  sessions?.usePeers([], ID);
  await sessions?.stop();
  sessions = undefined;
  for (const close of servers) close();
});

const write =
  (level: string) =>
  ({ event, reason = "" }: LogFields): void =>
    void lines.push(`${level} ${String(event)} ${String(reason)}`);
const log: Logger = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };

async function listening(server: Server): Promise<number> {
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}

/** A router that does this with each connection. */
async function serve(use: (socket: Socket) => void): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.on("error", () => undefined));
    use(socket);
  }).listen(0, "127.0.0.1");
  servers.push(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return listening(server);
}

/** A session with the router at this port. */
function open(port: number, change: (ports: BgpPorts) => Partial<BgpPorts> = () => ({})): BgpSessions {
  const ports = createBgpPorts(log, undefined);
  const mine = createBgpSessions({ ...ports, ...change(ports) });
  sessions = mine;
  const address = parseAddress("127.0.0.1");
  if (address === undefined) throw new Error("no address");
  mine.usePeers([{ ...basePeer("tor"), address, port, myAsn: OUR_AS, peerAsn: THEIR_AS }], ID);
  return mine;
}

describe("a router's last words are heard", () => {
  it.each<{ name: string; end: (socket: Socket) => void }>([
    { name: "with the end of the connection", end: (socket) => void socket.end(BAD_PEER_AS) },
    {
      name: "before a reset",
      end: (socket) => void socket.write(BAD_PEER_AS, () => socket.resetAndDestroy()),
    },
    {
      name: "behind its OPEN, before a reset",
      end: (socket) =>
        void socket.write(Buffer.concat([openOf(THEIR_AS, 90), BAD_PEER_AS]), () => socket.resetAndDestroy()),
    },
  ])("$name", async ({ end }) => {
    const port = await serve((socket) => void socket.once("data", () => end(socket)));
    open(port);
    await until(() => lines.length > 0, { what: "a word about it" });
    expect(lines[0]).toBe("warn sessionFailed the peer ended the session: OPEN Message Error: Bad Peer AS");
  });

  it("though it closed the connection in the middle of our OPEN and a KEEPALIVE", async () => {
    // It says its OPEN at once, and why it refuses ours before it has read anything of what follows.
    const port = await serve((socket) => {
      socket.write(openOf(THEIR_AS, 90));
      socket.once("data", () => {
        socket.pause();
        socket.write(BAD_PEER_AS, () => socket.resetAndDestroy());
      });
    });
    open(port);
    await until(() => lines.length > 0, { what: "a word about it" });
    expect(lines[0]).toBe("warn sessionFailed the peer ended the session: OPEN Message Error: Bad Peer AS");
  });
});

/** A router that says KEEPALIVE again and again, so that our hold timer is content. */
async function talkative(use: (session: PlayedSession) => void, everyMilliseconds = 20): Promise<number> {
  const timers = new Set<NodeJS.Timeout>();
  const server = createServer();
  const router = playPeer(server, {
    asn: THEIR_AS,
    holdTimeSeconds: 90,
    use(session) {
      const timer = setInterval(() => session.send(KEEPALIVE), everyMilliseconds);
      timers.add(timer);
      session.socket.on("close", () => clearInterval(timer));
      use(session);
    },
  });
  servers.push(() => {
    for (const timer of timers) clearInterval(timer);
    router.close();
  });
  return listening(server.listen(0, "127.0.0.1"));
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const isUp = (): boolean => lines.some((line) => line.includes("sessionUp"));

describe("a router that reads nothing", () => {
  const ROUTES = 500;

  /** All routes, each with attributes of its own, other ones in each round. */
  function changeAll(mine: BgpSessions, round: number): void {
    for (let index = 0; index < ROUTES; index += 1) {
      const prefix = `198.18.${index >> 8}.${index & 255}/32`;
      mine.setRoutes(`ns/s${index}`, [{ prefix, localPref: 0, communities: [`${round}:${index}`], peers: ["tor"] }]);
    }
    mine.flush();
  }

  /** A session in whose connection there is no room for anything, and what is seen of it. */
  async function standstill() {
    const seen = { octetsWritten: 0, expire: undefined as (() => void) | undefined, sockets: [] as Socket[] };
    let connection: BgpConnection | undefined;
    const port = await talkative(({ socket }) => void seen.sockets.push(socket.pause()));
    const mine = open(port, (ports) => ({
      connect: (target, handlers) =>
        ports.connect(target, {
          ...handlers,
          connected(real) {
            connection = real;
            const write = (octets: Uint8Array): boolean => {
              seen.octetsWritten += octets.length;
              return real.write(octets);
            };
            handlers.connected({ ...real, write });
          },
        }),
      setTimer(milliseconds, work) {
        if (milliseconds !== SEND_HOLD_MILLISECONDS) return ports.setTimer(milliseconds, work);
        seen.expire = work; // when the test says so
        return () => (seen.expire = undefined);
      },
    }));
    await until(isUp, { what: "the session" });
    // The kernels' buffers, ours and the router's, are full of KEEPALIVEs.
    const many = Buffer.concat(Array<Uint8Array>(2000).fill(KEEPALIVE));
    for (let inVain = 0; inVain < 20; inVain += 1) {
      if (connection?.write(many) === true) inVain = 0;
      await turn();
    }
    return { mine, seen };
  }

  it("costs no memory however often routes change, and is left after the send hold time", async () => {
    const { mine, seen } = await standstill();
    const before = seen.octetsWritten;
    changeAll(mine, 0);
    const batch = seen.octetsWritten;
    for (let round = 1; round < 20; round += 1) changeAll(mine, round);
    expect([batch > before, seen.octetsWritten]).toEqual([true, batch]);
    seen.expire?.();
    await until(() => lines.some((line) => line.includes("sessionDown")), { what: "the end of the session" });
    expect(lines.find((line) => line.includes("sessionDown"))).toMatch(/took nothing of what was sent/);
    await until(() => lines.filter((line) => line.includes("sessionUp")).length > 1, { what: "the next session" });
    expect([...mine.counts().values()][0]).toMatchObject({ isUp: true, messages: { sent: { notification: 1 } } });
  });

  it("is told of everything once it reads again", async () => {
    const { mine, seen } = await standstill();
    changeAll(mine, 0);
    expect(seen.expire).toBeDefined();
    const before = seen.octetsWritten;
    changeAll(mine, 1);
    for (const socket of seen.sockets) socket.resume();
    await until(() => seen.octetsWritten > before + ROUTES * 40, { what: "the routes of the last round" });
    await until(() => seen.expire === undefined, { what: "the send hold timer to be stopped" });
    expect(lines).toEqual(["info sessionUp "]);
  });
});

it("does not take a router for silent that spoke while this process stood still", async () => {
  let session: PlayedSession | undefined;
  const port = await talkative((one) => void (session = one));
  const mine = open(port, ({ setTimer }) => ({
    setTimer: (milliseconds, work) => setTimer(milliseconds === HOLD_MILLISECONDS ? 150 : milliseconds, work),
  }));
  await until(() => session !== undefined && isUp(), { what: "the session" });
  await turn(); // behind the sockets: timers come next
  session?.send(KEEPALIVE); // it is in our socket before we look
  for (const end = performance.now() + 250; performance.now() < end;); // nothing runs meanwhile
  for (let count = 0; count < 5; count += 1) await turn();
  expect([lines, [...mine.counts().values()][0]?.isUp]).toEqual([["info sessionUp "], true]);
});

it("knows no clock: a date that jumps by hours changes nothing", async () => {
  const port = await talkative(() => undefined);
  const mine = open(port);
  await until(isUp, { what: "the session" });
  vi.useFakeTimers({ toFake: ["Date"] });
  const now = Date.now();
  for (const hours of [5, -5, 0]) {
    vi.setSystemTime(now + hours * 3_600_000);
    for (let count = 0; count < 100; count += 1) await turn();
  }
  vi.useRealTimers();
  expect([lines, [...mine.counts().values()][0]?.isUp]).toEqual([["info sessionUp "], true]);
});
