import { getSystemErrorName } from "node:util";
import type { Family } from "../net/address.js";
import type { Datagram, DatagramReceiver, DatagramSender } from "../net/datagram.js";
import { loadNativePart, type SystemError } from "./native.js";

const SLOTS = 64;
/** The shortest payload that no packet of interest exceeds. */
const SLOT_OCTETS = 128;
const ADDRESS_OCTETS = 16;
const FACTS = 4;
const OCTETS_OF: Readonly<Record<Family, number>> = { ipv4: 4, ipv6: 16 };

export type ReceiverOptions = Readonly<{
  family: Family;
  /** 1 to 65535. */
  port: number;
  /** Takes what arrives by this interface, or VRF, alone; "": by any. */
  device: string;
  /** Another receiver of ours has the port. If left out, the port is to be free. */
  sharesPort?: boolean;
}>;

export type ReceiverPorts = Readonly<{
  /** The datagram's views are of this call only. */
  onDatagram: (datagram: Datagram) => void;
  /** Something befell the socket, which stays open. */
  onError: (error: SystemError) => void;
}>;

/**
 * Opens a UDP socket that tells the hop limit and the destination of what arrives.
 * @throws SystemError (EADDRINUSE, ENODEV, EPERM), NativePartError
 */
export function openDatagramReceiver(
  { family, port, device, sharesPort = false }: ReceiverOptions,
  { onDatagram, onError }: ReceiverPorts,
): DatagramReceiver {
  const native = loadNativePart();
  const addressOctets = OCTETS_OF[family];
  const isIpv6 = family === "ipv6" ? 1 : 0;
  const onBatch = (count: number): void => {
    for (let slot = 0; slot < count; slot += 1) {
      const fact = (number: number): number => facts[slot * FACTS + number] ?? 0;
      const payload = slot * SLOT_OCTETS;
      const source = SLOTS * SLOT_OCTETS + slot * ADDRESS_OCTETS;
      const destination = source + SLOTS * ADDRESS_OCTETS;
      onDatagram({
        payload: memory.subarray(payload, payload + Math.min(fact(0), SLOT_OCTETS)),
        source: memory.subarray(source, source + addressOctets),
        destination: memory.subarray(destination, destination + addressOctets),
        hopLimit: fact(1),
        interfaceIndex: fact(2),
        sourcePort: fact(3),
      });
    }
  };
  const socket = native.openUdpReceiver(isIpv6, port, device, sharesPort ? 1 : 0, SLOTS, SLOT_OCTETS, onBatch, onError);
  const memory = new Uint8Array(socket.buffer);
  const facts = new Uint32Array(socket.buffer, SLOTS * (SLOT_OCTETS + 2 * ADDRESS_OCTETS), SLOTS * FACTS);
  return { close: () => native.closeUdpReceiver(socket) };
}

export type SenderOptions = Readonly<{
  /** As text. */
  remoteAddress: string;
  remotePort: number;
  /** As text; "": what the route of the moment says. */
  localAddress: string;
  localPort: number;
  /** "": what the route says. */
  device: string;
  /** 1 to 255. */
  hopLimit: number;
}>;

/**
 * Opens a UDP socket that sends to one place, and hears nothing.
 * @throws SystemError (EADDRINUSE, EADDRNOTAVAIL, ENODEV), NativePartError
 */
export function openDatagramSender(options: SenderOptions): DatagramSender {
  const native = loadNativePart();
  const { remoteAddress, remotePort, localAddress, localPort, device, hopLimit } = options;
  const socket = native.openUdpSender(remoteAddress, remotePort, localAddress, localPort, device, hopLimit);
  return {
    send(octets) {
      const error = native.sendDatagram(socket, octets);
      return error === 0 ? undefined : getSystemErrorName(-error);
    },
    close: () => native.closeUdpSender(socket),
  };
}
