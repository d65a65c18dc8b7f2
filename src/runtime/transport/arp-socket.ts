import type { FrameSlots } from "../net/frame-slots.js";
import { loadNativePart, type SystemError } from "./native.js";

const SLOTS = 64;
const SLOT_OCTETS = 128;

/** What the owner of an ARP socket is told. */
export type ArpSocketPorts = Readonly<{
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
export interface ArpSocket {
  readonly slots: FrameSlots;
  /**
   * Sends the first `count` frames to send.
   * @returns how many could not be sent; `sendErrors` says which and why
   * @throws SystemError where the socket is closed
   */
  send(count: number): number;
  /** Frames that were lost since the last call because they came faster than they were taken. */
  takeQueueOverflows(): number;
  /** Nothing is called afterwards; a second call does nothing. */
  close(): void;
}

/**
 * Opens a packet socket that receives the ARP requests arriving at one interface, and no other frame.
 * @throws SystemError (EPERM without CAP_NET_RAW, ENODEV where there is no such interface), NativePartError
 */
export function openArpSocket(interfaceIndex: number, { onBatch, onUnsent, onError }: ArpSocketPorts): ArpSocket {
  const native = loadNativePart();
  const socket = native.openPacketSocket(
    interfaceIndex,
    SLOTS,
    SLOT_OCTETS,
    (count) => onBatch(slots, count),
    (count) => onUnsent(slots, count),
    onError,
  );
  const slots = frameSlots(socket.buffer);
  return {
    slots,
    send: (count) => native.sendFrames(socket, count),
    takeQueueOverflows: () => native.droppedByKernel(socket),
    close: () => native.closePacketSocket(socket),
  };
}

function frameSlots(buffer: ArrayBuffer): FrameSlots {
  const framesOctets = SLOTS * SLOT_OCTETS;
  return {
    slots: SLOTS,
    slotOctets: SLOT_OCTETS,
    received: new DataView(buffer, 0, framesOctets),
    toSend: new DataView(buffer, framesOctets, framesOctets),
    receivedOctets: new Uint32Array(buffer, 2 * framesOctets, SLOTS),
    toSendOctets: new Uint32Array(buffer, 2 * framesOctets + 4 * SLOTS, SLOTS),
    sendErrors: new Int32Array(buffer, 2 * framesOctets + 8 * SLOTS, SLOTS),
  };
}
