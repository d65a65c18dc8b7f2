import { createServer, type Server, type Socket } from "node:net";
import { createBgpPeer, HEADER_OCTETS, MESSAGE_TYPE, parseAddress, type PeerAction } from "#bgp-ts";
import type { LanHost } from "../test/lab/index.js";

const FIRST_PORT = 1790;
const PREFIX_OCTETS = 5; // all are /32

/** Peers of AS 64513 in this process, at ports of one host, that take sessions and count the routes that they hear of. */
export type Receivers = Readonly<{
  ports: readonly number[];
  /** Sessions that each has had, and prefixes that it has heard of in the last one. */
  heard: () => readonly Readonly<{ sessions: number; prefixes: number }>[];
  /** When the last of all has heard that this address is announced, by performance.now(). */
  announced: (address: string) => Promise<number>;
  /** Cuts the session of one of them. */
  reset: (index: number) => void;
  close: () => Promise<void>;
}>;

type Receiver = { sessions: number; prefixes: number; socket: Socket | undefined };
type Hear = (nlri: Buffer, receiver: Receiver) => void;

export async function startReceivers(host: LanHost, count: number): Promise<Receivers> {
  const receivers: Receiver[] = [];
  const servers: Server[] = [];
  const ports = Array.from({ length: count }, (_, index) => FIRST_PORT + index);
  let hear: Hear = () => undefined;
  for (const port of ports) {
    const receiver: Receiver = { sessions: 0, prefixes: 0, socket: undefined };
    receivers.push(receiver);
    const server = createServer((socket) => serve(socket, host.ipv4, receiver, (nlri) => hear(nlri, receiver)));
    server.listen(await host.sockets.listen({ host: host.ipv4, port }));
    servers.push(server);
  }
  return {
    ports,
    heard: () => receivers.map(({ sessions, prefixes }) => ({ sessions, prefixes })),
    announced(address) {
      const prefix = Buffer.from([32, ...address.split(".").map(Number)]);
      const missing = new Set(receivers);
      return new Promise((resolve) => {
        hear = (nlri, receiver) => {
          if (!nlri.includes(prefix) || !missing.delete(receiver) || missing.size > 0) return;
          resolve(performance.now());
        };
      });
    },
    reset: (index) => void receivers[index]?.socket?.resetAndDestroy(),
    async close() {
      for (const { socket } of receivers) socket?.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

function serve(socket: Socket, address: string, receiver: Receiver, hear: (nlri: Buffer) => void): void {
  Object.assign(receiver, { sessions: receiver.sessions + 1, prefixes: 0, socket });
  const identifier = parseAddress(address);
  if (identifier === undefined) throw new Error(`unreachable: ${address}`);
  const peer = createBgpPeer({
    local: {
      asn: 64_513,
      peerAs: 64_512,
      bgpIdentifier: identifier,
      holdTimeSeconds: 90,
      capabilities: [{ kind: "fourOctetAs", asn: 64_513 }],
    },
    passive: true,
    connectRetrySeconds: 120,
  });
  const timers = new Map<string, NodeJS.Timeout>(); // BOUNDED by the timers of a session
  const perform = (actions: readonly PeerAction[]): void => {
    for (const action of actions) {
      if (action.do === "write") socket.write(action.octets);
      else if (action.do === "close") socket.end();
      else if (action.do === "startTimer") {
        const { timer, side, seconds } = action;
        clearTimeout(timers.get(timer));
        timers.set(
          timer,
          setTimeout(() => perform(peer.expired(timer, side)), seconds * 1000),
        );
      } else if (action.do === "stopTimer") clearTimeout(timers.get(action.timer));
    }
  };
  const read = createUpdateReader((nlri) => {
    receiver.prefixes += nlri.length / PREFIX_OCTETS;
    hear(nlri);
  });
  socket.setNoDelay(true);
  socket.on("data", (octets) => {
    read(octets);
    perform(peer.received("incoming", octets));
  });
  socket.on("error", () => undefined); // what is cut
  socket.on("close", () => {
    for (const timer of timers.values()) clearTimeout(timer);
  });
  perform([...peer.start(), ...peer.connected("incoming")]);
}

/** Finds the NLRI field of each UPDATE in a stream of messages. */
function createUpdateReader(take: (nlri: Buffer) => void): (octets: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0); // BOUNDED by a message and a read
  return (octets) => {
    rest = Buffer.concat([rest, octets]);
    while (rest.length >= HEADER_OCTETS) {
      const length = rest.readUInt16BE(HEADER_OCTETS - 3);
      if (rest.length < length) return;
      if (rest[HEADER_OCTETS - 1] === MESSAGE_TYPE.update) take(nlriOf(rest.subarray(HEADER_OCTETS, length)));
      rest = rest.subarray(length);
    }
  };
}

function nlriOf(body: Buffer): Buffer {
  const withdrawn = body.readUInt16BE(0);
  const attributes = body.readUInt16BE(2 + withdrawn);
  return body.subarray(4 + withdrawn + attributes);
}
