import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import type { NextHops } from "#bgp-ts";
import { parseAddress, type IpAddress } from "./net/address.js";
import type { Logger } from "./net/logger.js";
import type { BgpConnection, BgpPorts, ConnectionHandlers, IncomingConnection } from "./speaker/bgp-session.js";
import { startTimer } from "./transport/clock.js";
import { discoverRouters } from "./transport/router-discovery.js";
import { connectTcp } from "./transport/tcp-connection.js";
import { listenTcp, type TcpListener } from "./transport/tcp-listener.js";

/** A connection that takes so long to end in order is cut off. */
const END_MILLISECONDS = 1_000;

const MAX_TTL = 255;

/**
 * What BGP sessions need of this machine.
 * @param listener undefined: no router opens connections to us
 */
export function createBgpPorts(log: Logger, listener: TcpListener | undefined): BgpPorts {
  return {
    connect: connectTo,
    findRouter: (interfaceName, heard) => findRouter(interfaceName, heard, log),
    useKeys: (keys) => listener?.useKeys(keys),
    nextHops: nextHopsFor,
    // A process that stood still finds the peer's KEEPALIVEs in its sockets, and its hold timers over.
    setTimer: startTimer,
    defer: (work) => void setImmediate(work),
    random: Math.random,
    log,
  };
}

function findRouter(interfaceName: string, heard: (address: string) => void, log: Logger): () => void {
  let told: string | undefined; // so that what fails again and again is said once
  return discoverRouters(interfaceName, {
    heard(address) {
      told = undefined;
      heard(address);
    },
    failed(error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem === told) return;
      told = problem;
      const message = `Cannot look for the BGP router on ${interfaceName}: ${problem}: look whether the interface is there and up`;
      log.warn({ event: "routerNotFound", interface: interfaceName }, message);
    },
  });
}

/** @throws Error with a remedy where it cannot listen */
export function listenForBgp(
  { port, ttlSecurity }: Readonly<{ port: number; ttlSecurity: boolean }>,
  hear: (connection: IncomingConnection) => void,
  log: Pick<Logger, "error">,
): TcpListener {
  const options = { port, ttl: MAX_TTL, ...(ttlSecurity ? { minTtl: MAX_TTL } : {}) };
  return listenTcp(options, {
    accepted: (socket, remoteAddress) =>
      hear({
        remoteAddress,
        accept: (handlers) => serve(socket, handlers),
        refuse: () => void socket.destroy(),
      }),
    failed: ({ message }) => log.error({ event: "cannotAccept", port }, `Routers cannot open BGP sessions: ${message}`),
  });
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

/**
 * Our own address, and for the other family one of the same interface. For a link-local one there are IPv6 next hops alone,
 * with the interface's global address in front where it has one: IPv4 routes go by them too. RFC 2545 §3, RFC 8950
 */
function nextHopsFor(localAddress: string): NextHops {
  const [text = ""] = localAddress.split("%"); // the zone
  const local = parseAddress(text);
  if (local === undefined) return {};
  const siblings = Object.values(networkInterfaces())
    .find((list = []) => list.some(({ address }) => address === text))
    ?.map(({ address }) => parseAddress(address))
    .filter((address) => address !== undefined && isReachable(address));
  const first = (family: IpAddress["family"]): IpAddress[] =>
    (siblings ?? []).flatMap((address) => (address?.family === family ? address : [])).slice(0, 1);
  if (isLinkLocal(local)) return { ipv6: [...first("ipv6"), local] };
  const [other] = first(local.family === "ipv4" ? "ipv6" : "ipv4");
  return { [local.family]: [local], ...(other === undefined ? {} : { [other.family]: [other] }) };
}

/** fe80::/10 */
function isLinkLocal({ family, value }: IpAddress): boolean {
  return family === "ipv6" && value >> 118n === 0x3fan;
}

/** Can others send anything to it? Not to fe80::/10 of another link, ::1 and 127.0.0.0/8. */
function isReachable(address: IpAddress): boolean {
  if (address.family === "ipv4") return address.value >> 24n !== 127n;
  return !isLinkLocal(address) && address.value !== 1n;
}
