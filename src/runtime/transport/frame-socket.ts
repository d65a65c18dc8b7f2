import type { FrameSlots } from "../net/frame-slots.js";
import { loadNativePart, type SystemError } from "./native.js";

const SLOTS = 64;

/** EtherType, and octets of the longest frame that is of interest whole. */
const PROTOCOLS = {
  ARP: { etherType: 0x0806, slotOctets: 128 },
  NDP: { etherType: 0x86dd, slotOctets: 1536 },
  echo: { etherType: 0x0800, slotOctets: 128 },
} as const;

/** What the owner of a frame socket is told. */
export type FrameSocketPorts = Readonly<{
  /**
   * `count` frames (1 to 64) were received into the slots.
   * @returns how many frames to send are filled in; they are sent at once
   */
  onBatch: (slots: FrameSlots, count: number) => number;
  /** Of the first `count` frames that onBatch filled in some could not be sent: `sendErrors` says which. */
  onUnsent: (slots: FrameSlots, count: number) => void;
  /** Something befell the socket, such as ENETDOWN; it stays open and works again once the interface is up again. */
  onError: (error: SystemError) => void;
}>;

/** An open packet socket of one interface. */
export interface FrameSocket {
  readonly slots: FrameSlots;
  /**
   * Sends the first `count` frames to send.
   * @returns how many could not be sent; `sendErrors` says which and why
   * @throws SystemError where the socket is closed
   */
  send(count: number): number;
  /** Frames that were lost since the last call because they came faster than they were taken. */
  takeQueueOverflows(): number;
  /** Throws away what has arrived by now and was not taken yet; tells how many frames. */
  discard(): number;
  /** Nothing is called afterwards; a second call does nothing. */
  close(): void;
}

/**
 * Opens a packet socket that receives ARP requests and replies, or neighbour solicitations and advertisements with a hop limit
 * of 255, or BFD Echo packets over IPv4, arriving at one interface, and no other frame.
 * @throws SystemError (EPERM without CAP_NET_RAW, ENODEV where there is no such interface), NativePartError
 */
export function openFrameSocket(
  protocol: keyof typeof PROTOCOLS,
  interfaceIndex: number,
  { onBatch, onUnsent, onError }: FrameSocketPorts,
): FrameSocket {
  const native = loadNativePart();
  const { etherType, slotOctets } = PROTOCOLS[protocol];
  const socket = native.openPacketSocket(
    etherType,
    interfaceIndex,
    SLOTS,
    slotOctets,
    (count) => onBatch(slots, count),
    (count) => onUnsent(slots, count),
    onError,
  );
  const slots = frameSlots(socket.buffer, slotOctets);
  return {
    slots,
    send: (count) => native.sendFrames(socket, count),
    takeQueueOverflows: () => native.droppedByKernel(socket),
    discard: () => native.discardFrames(socket),
    close: () => native.closePacketSocket(socket),
  };
}

function frameSlots(buffer: ArrayBuffer, slotOctets: number): FrameSlots {
  const framesOctets = SLOTS * slotOctets;
  return {
    slots: SLOTS,
    slotOctets,
    received: new DataView(buffer, 0, framesOctets),
    toSend: new DataView(buffer, framesOctets, framesOctets),
    receivedOctets: new Uint32Array(buffer, 2 * framesOctets, SLOTS),
    toSendOctets: new Uint32Array(buffer, 2 * framesOctets + 4 * SLOTS, SLOTS),
    sendErrors: new Int32Array(buffer, 2 * framesOctets + 8 * SLOTS, SLOTS),
  };
}
