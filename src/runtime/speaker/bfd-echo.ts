import { decodeEchoFrame, ECHO_FRAME_OCTETS, encodeEchoFrame, type EchoRoute } from "../bfd/echo-packet.js";
import type { FrameSlots } from "../net/frame-slots.js";
import type { EchoSocket } from "../net/datagram.js";
import type { BfdPorts } from "./bfd-ports.js";

/** The Echo function of one session on one hop: packets that the peer's forwarding alone brings back. RFC 5880 §6.8.8 */
export interface BfdEcho {
  /** The session is up, and the peer takes Echo packets as often as this at most; 0: none. Where it came from says which way. */
  allow(intervalMilliseconds: number, arrival: EchoArrival): void;
  /** The session is not up any more, or ends. */
  stop(): void;
  /** Packets come back: Control packets may be rarer. */
  isActive(): boolean;
  sent(): number;
  received(): number;
}

/** What is known of the way to the peer by one of its Control packets: the interface, and our address on it (4 octets). */
export type EchoArrival = Readonly<{ interfaceIndex: number; destination: Uint8Array }>;

export type BfdEchoOptions = Readonly<{
  discriminator: number;
  /** As text. */
  remoteAddress: string;
  intervalMilliseconds: number;
  detectMult: number;
  /** The packets begin to come back, or are not waited for any more. */
  onChange(): void;
  /** There can be no socket; once. */
  onError(error: unknown): void;
  /** They came back, and do not any more. */
  onFailed(): void;
}>;

type Ports = Pick<BfdPorts, "openEchoSocket" | "startTimer" | "now" | "random" | "randomUint32">;
type Running = Readonly<{ route: EchoRoute; socket: EchoSocket }>;

const FIRST_PORT = 49_152;
const PORTS = 65_535 - FIRST_PORT + 1;
/** Where the way to the peer is not known yet, it is looked for again with a later Control packet. */
const LOOK_MILLISECONDS = 1000;

/**
 * A peer that never brought a packet back is not missed: its Control packets say that it is there, and it may not forward.
 * @throws never
 */
export function createBfdEcho(options: BfdEchoOptions, ports: Ports): BfdEcho {
  const { discriminator, detectMult } = options;
  const secret = ports.randomUint32();
  let running: Running | undefined;
  let lookedAt = -Infinity;
  let interval = options.intervalMilliseconds;
  let stopTimer = (): void => {};
  let heardAt: number | undefined; // undefined: nothing has come back yet
  let isExcused = false;
  let hasToldError = false;
  let [sequence, sent, received] = [0, 0, 0];

  function begin(arrival: EchoArrival): void {
    const now = ports.now();
    if (now - lookedAt < LOOK_MILLISECONDS) return;
    lookedAt = now;
    let socket: EchoSocket | undefined;
    try {
      socket = ports.openEchoSocket(options.remoteAddress, arrival.interfaceIndex, heard);
    } catch (error) {
      if (!hasToldError) options.onError(error);
      hasToldError = true;
    }
    if (socket === undefined) return;
    const sourcePort = FIRST_PORT + (ports.randomUint32() % PORTS);
    const { ownMac, peerMac } = socket;
    running = { route: { ownMac, peerMac, address: arrival.destination.slice(), sourcePort }, socket };
    tick();
  }

  function tick(): void {
    if (running === undefined) return;
    if (heardAt !== undefined) {
      const silence = ports.now() - heardAt;
      if (silence > interval * (detectMult + 1) && !isExcused) {
        isExcused = true; // it was we who did not run: one interval more
        heardAt = ports.now() - interval * (detectMult - 1);
      } else if (silence >= interval * detectMult) {
        end();
        return options.onFailed();
      }
    }
    const { route, socket } = running;
    sequence = (sequence + 1) >>> 0;
    encodeEchoFrame(socket.slots.toSend, route, { discriminator, secret, sequence });
    socket.slots.toSendOctets[0] = ECHO_FRAME_OCTETS;
    if (socket.send(1) === 0) sent += 1;
    stopTimer = ports.startTimer(interval * (0.75 + ports.random() / 4), tick);
  }

  function heard(slots: FrameSlots, count: number): void {
    for (let slot = 0; slot < count; slot += 1) {
      const view = new DataView(
        slots.received.buffer,
        slots.received.byteOffset + slot * slots.slotOctets,
        slots.slotOctets,
      );
      const decoded = decodeEchoFrame(view, slots.receivedOctets[slot] ?? 0);
      // Of another session, or of a machine that goes through us: none of ours.
      if (!decoded.ok || decoded.value.discriminator !== discriminator || decoded.value.secret !== secret) continue;
      received += 1;
      isExcused = false;
      const isFirst = heardAt === undefined;
      heardAt = ports.now();
      if (isFirst) options.onChange();
    }
  }

  function end(): void {
    stopTimer();
    running?.socket.close();
    running = undefined;
    const wasActive = heardAt !== undefined;
    heardAt = undefined;
    if (wasActive) options.onChange();
  }

  return {
    allow(peersInterval, arrival) {
      if (peersInterval === 0) return end();
      interval = Math.max(options.intervalMilliseconds, peersInterval);
      if (running === undefined) begin(arrival);
    },
    stop: end,
    isActive: () => heardAt !== undefined,
    sent: () => sent,
    received: () => received,
  };
}
