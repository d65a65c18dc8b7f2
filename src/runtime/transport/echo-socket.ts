import { readFileSync } from "node:fs";
import type { EchoSocket } from "../net/datagram.js";
import type { FrameSlots } from "../net/frame-slots.js";
import { macOctets, parseMac } from "../net/mac.js";
import { openFrameSocket } from "./frame-socket.js";
import { listLinks } from "./links.js";

/**
 * Opens a socket for BFD Echo packets of one interface.
 * @param remoteAddress of IPv4, as text: the neighbour that is to send them back
 * @returns undefined where the interface is not Ethernet, or the kernel does not know the neighbour's MAC address now
 * @throws SystemError, NativePartError
 */
export function openEchoSocket(
  remoteAddress: string,
  interfaceIndex: number,
  onFrames: (slots: FrameSlots, count: number) => void,
): EchoSocket | undefined {
  const link = listLinks().find(({ index }) => index === interfaceIndex);
  const peerMac = link === undefined ? undefined : neighborMac(remoteAddress, link.name);
  if (link?.mac === undefined || peerMac === undefined) return undefined;
  const socket = openFrameSocket("echo", interfaceIndex, {
    onBatch(slots, count) {
      onFrames(slots, count);
      return 0;
    },
    onUnsent: () => {},
    onError: () => {}, // the link is down, as the session will notice
  });
  return {
    ownMac: macOctets(link.mac),
    peerMac: macOctets(peerMac),
    slots: socket.slots,
    send: (count) => socket.send(count),
    close: () => socket.close(),
  };
}

const COMPLETE = 0x2;

/** Of the kernel's ARP table: address, hardware type, flags, MAC address, mask, device. */
function neighborMac(address: string, device: string): string | undefined {
  for (const line of readFileSync("/proc/net/arp", "utf8").split("\n")) {
    const [ip, , flags, mac = "", , name] = line.trim().split(/\s+/);
    if (ip === address && name === device && (Number(flags) & COMPLETE) !== 0) return parseMac(mac);
  }
  return undefined;
}
