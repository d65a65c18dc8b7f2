import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createHttpConnections, type HttpConnections } from "../../../../src/runtime/kubernetes/http-connections.js";
import { eventually } from "./fixtures.js";

let server: Server;
/** Connections that the server has, in the order in which they came, and what each has read. */
let peers: { socket: Socket; read: string }[];
/** Our ends of them. */
let sockets: Socket[];
beforeEach(async () => {
  [peers, sockets] = [[], []];
  server = createServer((socket) => {
    const peer = { socket, read: "" };
    peers.push(peer);
    socket.on("data", (octets) => void (peer.read += octets.toString()));
    socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  for (const { socket } of peers) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const connectionsTo = (port: number, maxSockets: number): HttpConnections =>
  createHttpConnections({
    open() {
      const socket = connect({ host: "127.0.0.1", port });
      sockets.push(socket);
      return socket;
    },
    maxSockets,
    maxBodyOctets: 1000,
  });
const connections = (maxSockets = 1): HttpConnections =>
  connectionsTo((server.address() as AddressInfo).port, maxSockets);

/** Sends a request that is its name, and notes what becomes of it. */
function sendTo(to: HttpConnections): (name: string) => { outcome: string[]; giveUp: () => void } {
  return (name) => {
    const outcome: string[] = [];
    const giveUp = to.send(name, {
      answered: ({ body }) => void outcome.push(`answered ${body}`),
      failed: (error, stale) => void outcome.push(`${stale ? "stale" : "failed"} ${error.message}`),
    });
    return { outcome, giveUp };
  };
}

const answer = (body: string, more = ""): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n${more}\r\n${body}`;
const peerAt = async (index: number, read: string) => {
  await eventually(() => peers[index]?.read === read);
  return (peers[index] as (typeof peers)[number]).socket;
};

it("sends one request after the other on each connection, in the order in which they came", async () => {
  const send = sendTo(connections(1));
  const sent = ["a", "b", "c"].map(send);
  (await peerAt(0, "a")).write(answer("A"));
  (await peerAt(0, "ab")).write(answer("B"));
  (await peerAt(0, "abc")).write(answer("C"));
  await eventually(() => sent.every(({ outcome }) => outcome.length === 1));
  expect(sent.map(({ outcome }) => outcome)).toEqual([["answered A"], ["answered B"], ["answered C"]]);
  expect(peers).toHaveLength(1);
});

it("has no more connections than it may, and opens none before it needs one", async () => {
  const send = sendTo(connections(2));
  const sent = ["a", "b", "c"].map(send);
  const [first] = [await peerAt(0, "a"), await peerAt(1, "b")];
  first.write(answer("A"));
  await peerAt(0, "ac");
  expect(peers).toHaveLength(2);
  expect(sent[2]?.outcome).toEqual([]);
});

it("takes the answer that ends a connection, and another connection for the next", async () => {
  const send = sendTo(connections(1));
  const [first, second, third] = ["a", "b", "c"].map(send);
  (await peerAt(0, "a")).write(answer("A", "connection: close\r\n"));
  (await peerAt(1, "b")).end("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  (await peerAt(2, "c")).write(answer("C"));
  await eventually(() => third?.outcome.length === 1);
  expect([first, second, third].map((sent) => sent?.outcome)).toEqual([
    ["answered A"],
    ["answered until the end"],
    ["answered C"],
  ]);
});

it.each([
  { what: "ended", end: (socket: Socket) => socket.end() },
  { what: "reset", end: (socket: Socket) => socket.resetAndDestroy() },
  { what: "given octets that nobody asked for", end: (socket: Socket) => socket.write(answer("?")) },
])("leaves a connection that was $what while nobody used it", async ({ end }) => {
  const send = sendTo(connections(1));
  const first = send("a");
  const peer = await peerAt(0, "a");
  peer.write(answer("A"));
  await eventually(() => first.outcome.length === 1);
  end(peer);
  await eventually(() => sockets[0]?.destroyed === true);
  const second = send("b");
  (await peerAt(1, "b")).write(answer("B"));
  await eventually(() => second.outcome.length === 1);
  expect([first.outcome, second.outcome]).toEqual([["answered A"], ["answered B"]]);
});

it("tells whether a request met a connection that had ended meanwhile", async () => {
  const send = sendTo(connections(1));
  const fresh = send("a");
  (await peerAt(0, "a")).resetAndDestroy();
  await eventually(() => fresh.outcome.length === 1);
  const used = send("b");
  (await peerAt(1, "b")).write(answer("B"));
  await eventually(() => used.outcome.length === 1);
  const late = send("c");
  (await peerAt(1, "bc")).resetAndDestroy();
  await eventually(() => late.outcome.length === 1);
  const halfway = send("d");
  (await peerAt(2, "d")).write(answer("D"));
  await eventually(() => halfway.outcome.length === 1);
  const cut = send("e");
  const peer = await peerAt(2, "de");
  peer.end(answer("12345").slice(0, -1));
  await eventually(() => cut.outcome.length === 1);
  expect([fresh, used, late, cut].map(({ outcome }) => outcome[0])).toEqual([
    expect.stringMatching(/^failed/),
    "answered B",
    expect.stringMatching(/^stale/),
    "failed the answer ends before it is complete",
  ]);
});

it("says what is wrong with an answer, and goes on elsewhere", async () => {
  const send = sendTo(connections(1));
  const [first, second] = ["a", "b"].map(send);
  (await peerAt(0, "a")).write("SSH-2.0-server\r\n\r\n");
  (await peerAt(1, "b")).write(answer("B"));
  await eventually(() => second?.outcome.length === 1);
  expect([first?.outcome, second?.outcome]).toEqual([["failed the answer is not HTTP/1.1"], ["answered B"]]);
});

it("gives up what waits without a word on the wire, and what is under way with its connection", async () => {
  const send = sendTo(connections(1));
  const [first, second, third] = ["a", "b", "c"].map(send);
  const peer = await peerAt(0, "a");
  second?.giveUp();
  first?.giveUp();
  await once(peer, "close");
  (await peerAt(1, "c")).write(answer("C"));
  await eventually(() => third?.outcome.length === 1);
  expect([first, second, third].map((sent) => sent?.outcome)).toEqual([[], [], ["answered C"]]);
});

it("tells each that there is no server, also those that wait", async () => {
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const sent = ["a", "b", "c"].map(sendTo(connectionsTo(port, 1)));
  await eventually(() => sent.every(({ outcome }) => outcome.length === 1));
  for (const { outcome } of sent) expect(outcome[0]).toMatch(/^failed .*ECONNREFUSED/);
  server.listen(0, "127.0.0.1");
});

it("tells of options that no connection can have", async () => {
  const to = createHttpConnections({
    open: () => {
      throw new TypeError("no such option");
    },
    maxSockets: 1,
    maxBodyOctets: 1000,
  });
  const sent = sendTo(to)("a");
  await eventually(() => sent.outcome.length === 1);
  expect(sent.outcome).toEqual(["failed no such option"]);
});

it("ends its connections when their requests have, once nothing more will come", async () => {
  const to = connections(2);
  const send = sendTo(to);
  const [first, second] = ["a", "b"].map(send);
  (await peerAt(0, "a")).write(answer("A"));
  await eventually(() => first?.outcome.length === 1);
  to.retire();
  const [idle, busy] = peers.map(({ socket }) => socket) as [Socket, Socket];
  if (!idle.destroyed) await once(idle, "close");
  expect(busy.destroyed).toBe(false);
  busy.write(answer("B"));
  await once(busy, "close");
  expect(second?.outcome).toEqual(["answered B"]);
});
