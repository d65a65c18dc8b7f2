import type { FrameSlots } from "./frame-slots.js";

/** A UDP datagram that arrived. Its views are good until the next one. Addresses are of 4 or 16 octets. */
export type Datagram = Readonly<{
  /** Its beginning, where it is longer than what is of interest. */
  payload: Uint8Array;
  source: Uint8Array;
  destination: Uint8Array;
  sourcePort: number;
  /** Time to live, or hop limit, as it arrived: 0 to 255. */
  hopLimit: number;
  interfaceIndex: number;
}>;

/** An open socket that takes datagrams in. */
export interface DatagramReceiver {
  /** Nothing is called afterwards; a second call does nothing. */
  close(): void;
}

/** An open socket that sends datagrams to one place. */
export interface DatagramSender {
  /** @returns the code of what kept it from being sent, such as ENETUNREACH */
  send(octets: Uint8Array): string | undefined;
  close(): void;
}

/** An open socket for frames that a neighbour is to send back. Addresses are of 6 octets. */
export interface EchoSocket {
  readonly ownMac: Uint8Array;
  readonly peerMac: Uint8Array;
  readonly slots: FrameSlots;
  /** Sends the first `count` frames to send. @returns how many could not be sent */
  send(count: number): number;
  close(): void;
}
