import { CONTROL_PORT } from "../bfd/packet.js";
import { SINGLE_HOP_TTL } from "../bfd/demultiplexer.js";
import type { BfdSessionSpec } from "../bfd/messages.js";
import type { DatagramSender } from "../net/datagram.js";
import type { BfdPorts } from "./bfd-ports.js";

/** Sends the packets of one session from a port of its own. RFC 5881 §4 */
export interface BfdSender {
  send(octets: Uint8Array): void;
  sent(): number;
  unsent(): number;
  close(): void;
}

const FIRST_PORT = 49_152;
const LAST_PORT = 65_535;
const PORTS_TRIED_AT_ONCE = 8;
/** A socket that could not be opened, or whose interface is gone, is opened again no more often than this. */
const RETRY_MILLISECONDS = 1000;

type Ports = Pick<BfdPorts, "openSender" | "explain" | "now" | "randomUint32">;

/**
 * @param tell hears of each kind of trouble once, until it is over
 * @throws never: what is not sent is counted
 */
export function createBfdSender(
  { remoteAddress, localAddress, device, isMultihop }: BfdSessionSpec,
  ports: Ports,
  tell: (error: Readonly<{ code: string; message: string }>) => void,
): BfdSender {
  let socket: DatagramSender | undefined;
  let openedAt = -Infinity;
  let port: number | undefined;
  let toldCode: string | undefined;
  let isClosed = false;
  let [sent, unsent] = [0, 0];

  function open(): void {
    const now = ports.now();
    if (isClosed || now - openedAt < RETRY_MILLISECONDS) return;
    openedAt = now;
    for (let tried = 1; socket === undefined; tried += 1) {
      port ??= FIRST_PORT + (ports.randomUint32() % (LAST_PORT - FIRST_PORT + 1));
      try {
        const remotePort = isMultihop ? CONTROL_PORT.multihop : CONTROL_PORT.singleHop;
        socket = ports.openSender({
          remoteAddress,
          remotePort,
          localAddress,
          localPort: port,
          device,
          hopLimit: SINGLE_HOP_TTL,
        });
      } catch (error) {
        const explained = ports.explain(error);
        if (explained.code === "EADDRINUSE" && tried < PORTS_TRIED_AT_ONCE) {
          port = undefined; // somebody else has it
          continue;
        }
        fail(explained.code, explained.message);
        return;
      }
    }
  }

  function fail(code: string, message: string): void {
    if (code === toldCode) return;
    toldCode = code;
    tell({ code, message: `BFD cannot send to ${remoteAddress}: ${message}` });
  }

  return {
    send(octets) {
      if (socket === undefined) open();
      const code = socket === undefined ? toldCode : socket.send(octets);
      if (socket !== undefined && code === undefined) {
        sent += 1;
        toldCode = undefined;
        return;
      }
      unsent += 1;
      if (socket === undefined || code === undefined) return;
      fail(code, REMEDIES[code] ?? `${code}: look at the network between`);
      if (device === "") return;
      socket.close(); // it may be bound to an interface that is another one by now
      socket = undefined;
    },
    sent: () => sent,
    unsent: () => unsent,
    close() {
      isClosed = true;
      socket?.close();
      socket = undefined;
    },
  };
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENETUNREACH: "ENETUNREACH: give this node a route to it",
  EHOSTUNREACH: "EHOSTUNREACH: look whether the peer is there",
  EINVAL: "EINVAL: give this node the source address, or the peer a device",
  EPERM: "EPERM: let UDP out through the firewall of this node",
};
