import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import type { NextHops } from "#bgp-ts";
import { parseAddress } from "./net/address.js";
import type { Logger } from "./net/logger.js";
import type { BgpConnection, BgpPorts, ConnectionHandlers } from "./speaker/bgp-session.js";
import { connectTcp } from "./transport/tcp-connection.js";

/** A connection that takes so long to end in order is cut off. */
const END_MILLISECONDS = 1_000;

/** What BGP sessions need of this machine. */
export function createBgpPorts(log: Logger): BgpPorts {
  return {
    connect: connectTo,
    nextHops: nextHopsFor,
    setTimer(milliseconds, work) {
      const timer = setTimeout(work, milliseconds);
      return () => clearTimeout(timer);
    },
    random: Math.random,
    log,
  };
}

function connectTo(target: Parameters<BgpPorts["connect"]>[0], handlers: ConnectionHandlers): () => void {
  return connectTcp(target, {
    failed: (error) => handlers.closed(error.message),
    connected: (socket) => serve(socket, handlers),
  });
}

function serve(socket: Socket, handlers: ConnectionHandlers): void {
  let reason = "the peer closed it";
  let isEnded = false;
  const connection: BgpConnection = {
    localAddress: socket.localAddress ?? "",
    write: (octets) => socket.write(octets),
    end() {
      isEnded = true;
      socket.end();
      socket.resume(); // what still comes is not read by anyone
      setTimeout(() => socket.destroy(), END_MILLISECONDS).unref();
    },
  };
  const unlessEnded =
    <Values extends readonly unknown[]>(tell: (...values: Values) => void) =>
    (...values: Values): void => {
      if (!isEnded) tell(...values);
    };
  socket.setNoDelay(true);
  socket.on("error", (error: Error & { code?: string }) => (reason = error.code ?? error.message));
  socket.on("data", unlessEnded<[Uint8Array]>(handlers.received));
  socket.on("drain", unlessEnded(handlers.drained));
  socket.on("end", () => socket.end());
  socket.on(
    "close",
    unlessEnded(() => handlers.closed(reason)),
  );
  handlers.connected(connection);
}

/** Our own address, and for the other family one of the same interface. */
function nextHopsFor(localAddress: string): NextHops {
  const local = parseAddress(localAddress);
  if (local === undefined) return {};
  const siblings = Object.values(networkInterfaces()).find((list = []) =>
    list.some(({ address }) => address === localAddress),
  );
  const other = (siblings ?? [])
    .map(({ address }) => parseAddress(address))
    .find((address) => address !== undefined && address.family !== local.family && !isLinkLocal(address));
  return { [local.family]: [local], ...(other === undefined ? {} : { [other.family]: [other] }) };
}

/** fe80::/10 */
function isLinkLocal({ family, value }: Readonly<{ family: string; value: bigint }>): boolean {
  return family === "ipv6" && value >> 118n === 0x3fan;
}
