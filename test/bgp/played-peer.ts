/**
 * A router that a test plays, over TCP and with octets of the test's own: it takes the connections that a speaker opens,
 * brings each into a session, and hands it to whoever waits.
 */
import type { Server, Socket } from "node:net";
import { message, TYPE, u16 } from "./wire-update.js";
import { fourOctetAs } from "./wrong-opens.js";

export type Frame = Readonly<{ type: number; octets: Uint8Array }>;

export type PlayedSession = Readonly<{
  socket: Socket;
  send: (octets: Uint8Array) => void;
  /** The next message, or undefined once the connection has ended. They are kept until they are asked for. */
  next: () => Promise<Frame | undefined>;
  isOpen: () => boolean;
}>;

export type PlayedPeer = Readonly<{
  /** The next session; sessions are kept until they are asked for. */
  session: () => Promise<PlayedSession>;
  /** How many sessions there were. */
  count: () => number;
  close: () => void;
}>;

export type PlayedOptions = Readonly<{
  asn: number;
  holdTimeSeconds: number;
  /** Does with each session as soon as it is there; it is not handed out then. */
  use?: (session: PlayedSession) => void;
}>;

const KEEPALIVE = message(TYPE.keepalive, []);

/** @param server which listens, or is about to */
export function playPeer(server: Server, { asn, holdTimeSeconds, use }: PlayedOptions): PlayedPeer {
  const ready: PlayedSession[] = []; // BOUNDED by the sessions of a test
  const waiting: ((session: PlayedSession) => void)[] = [];
  const sockets = new Set<Socket>();
  let count = 0;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    begin(socket, openOf(asn, holdTimeSeconds), (session) => {
      count += 1;
      if (use !== undefined) return use(session);
      const waiter = waiting.shift();
      if (waiter === undefined) ready.push(session);
      else waiter(session);
    });
  });
  return {
    session() {
      const session = ready.shift();
      return session === undefined ? new Promise((resolve) => void waiting.push(resolve)) : Promise.resolve(session);
    },
    count: () => count,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** IPv4 and IPv6 unicast, route refresh in both forms, AS numbers of four octets. */
export function openOf(asn: number, holdTimeSeconds: number): Uint8Array {
  const families = [1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1];
  const capabilities = [...families, 2, 0, 70, 0, ...fourOctetAs(asn)];
  const parameters = [2, capabilities.length, ...capabilities];
  return message(TYPE.open, [4, ...u16(asn), ...u16(holdTimeSeconds), 10, 0, 9, 9, parameters.length, ...parameters]);
}

/** Says the OPEN, answers the other one, and tells of the session with the first KEEPALIVE. */
function begin(socket: Socket, open: Uint8Array, established: (session: PlayedSession) => void): void {
  const kept: Frame[] = []; // BOUNDED by what the test does not ask for
  const waiting: ((frame: Frame | undefined) => void)[] = [];
  let rest: Uint8Array<ArrayBufferLike> = new Uint8Array();
  let isThere = false;
  let isOpen = true;
  const session: PlayedSession = {
    socket,
    send: (octets) => void socket.write(octets),
    next() {
      const frame = kept.shift();
      if (frame !== undefined || !isOpen) return Promise.resolve(frame);
      return new Promise((resolve) => void waiting.push(resolve));
    },
    isOpen: () => isOpen,
  };
  const take = (frame: Frame): void => {
    if (!isThere && frame.type === TYPE.open) socket.write(KEEPALIVE);
    else if (!isThere && frame.type === TYPE.keepalive) {
      isThere = true;
      established(session);
    } else {
      const waiter = waiting.shift();
      if (waiter === undefined) kept.push(frame);
      else waiter(frame);
    }
  };
  const end = (): void => {
    isOpen = false;
    for (const waiter of waiting.splice(0)) waiter(undefined);
  };
  socket.setNoDelay(true);
  socket.on("error", () => undefined); // close follows
  socket.on("data", (octets) => {
    rest = Buffer.concat([rest, octets]);
    for (let length = lengthOf(rest); length !== undefined; length = lengthOf(rest)) {
      const frame = rest.subarray(0, length);
      rest = rest.subarray(length);
      take({ type: frame[18] ?? 0, octets: frame });
    }
  });
  socket.on("end", end);
  socket.on("close", end);
  socket.write(open);
}

/** Of the message at the beginning, where it is there as a whole. */
function lengthOf(octets: Uint8Array): number | undefined {
  if (octets.length < 19) return undefined;
  const length = ((octets[16] ?? 0) << 8) | (octets[17] ?? 0);
  return octets.length < length ? undefined : length;
}
