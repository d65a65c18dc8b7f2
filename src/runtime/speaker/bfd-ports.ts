import type { BfdReport } from "../bfd/messages.js";
import type { Family } from "../net/address.js";
import type { Datagram, DatagramReceiver, DatagramSender, EchoSocket } from "../net/datagram.js";
import type { FrameSlots } from "../net/frame-slots.js";

/** What BFD needs of the thread that it runs on. Times are in milliseconds, with fractions. */
export type BfdPorts = Readonly<{
  openReceiver(
    options: Readonly<{ family: Family; port: number; device: string; sharesPort: boolean }>,
    ports: Readonly<{ onDatagram: (datagram: Datagram) => void; onError: (error: unknown) => void }>,
  ): DatagramReceiver;
  openSender(
    options: Readonly<{
      remoteAddress: string;
      remotePort: number;
      localAddress: string;
      localPort: number;
      device: string;
      hopLimit: number;
    }>,
  ): DatagramSender;
  /** @returns undefined where the way to the neighbour is not known now. Throws where there can be no such socket. */
  openEchoSocket(
    remoteAddress: string,
    interfaceIndex: number,
    onFrames: (slots: FrameSlots, count: number) => void,
  ): EchoSocket | undefined;
  /** The index that the interface has now; undefined: there is none of this name. */
  interfaceIndex(device: string): number | undefined;
  explain(error: unknown): Readonly<{ code: string; message: string }>;
  /** Calls `work` once, not before the time is over and not before what has arrived by then was taken. @returns what stops it */
  startTimer(milliseconds: number, work: () => void): () => void;
  now(): number;
  /** A whole number from 0 to 2**32 - 1 that nobody can guess. */
  randomUint32(): number;
  /** 0 to 1. */
  random(): number;
  report(report: BfdReport): void;
}>;
