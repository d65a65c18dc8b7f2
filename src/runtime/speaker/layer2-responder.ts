import type { FrameSlots } from "../net/frame-slots.js";
import type { AddressKey } from "../layer2/address-key.js";
import { isAnnouncedOn, type AnnouncedAddress, type AnnouncedAddresses } from "../layer2/announced-addresses.js";
import type { ResponderTarget } from "../layer2/interface-choice.js";
import {
  answerBatch,
  createDropCounters,
  prepareFramesToSend,
  responderInterface,
  STALLED,
  type DropCounters,
  type Layer2Protocol,
  type ProtocolName,
  type ResponderInterface,
} from "../layer2/layer2-protocol.js";

/** A packet socket of one interface, as far as a responder needs it. */
export interface ResponderSocket {
  readonly slots: FrameSlots;
  send(count: number): number;
  takeQueueOverflows(): number;
  /** Throws away what has arrived by now and was not taken yet; tells how many frames. */
  discard(): number;
  close(): void;
}

export type OpenSocket = (
  protocol: ProtocolName,
  interfaceIndex: number,
  on: Readonly<{
    onBatch: (slots: FrameSlots, count: number) => number;
    onUnsent: (slots: FrameSlots, count: number) => void;
    onError: (error: unknown) => void;
  }>,
) => ResponderSocket;

export interface ResponderCounters {
  readonly drops: DropCounters;
  queueOverflows: number;
  unsent: number;
  errors: number;
}

export function createCounters(protocol: Layer2Protocol): ResponderCounters {
  return { drops: createDropCounters(protocol), queueOverflows: 0, unsent: 0, errors: 0 };
}

const NOTHING: AnnouncedAddresses = new Map();

/** Answers by one protocol on one interface. */
export interface Responder {
  target: ResponderTarget;
  readonly counters: ResponderCounters;
  /** The interface has another name or hardware address, or is a router now or no more. */
  rename(target: ResponderTarget): void;
  /** Sends one burst about each of these addresses that is announced here; those of the other family are passed over. */
  sendBursts(keys: readonly AddressKey[]): void;
  /** Sends one probe for each of these addresses that is to be announced here. */
  sendProbes(keys: readonly AddressKey[]): void;
  /** Answers a request that was remembered, if it is to be answered by now. */
  answerLate(view: DataView, offset: number, octets: number): void;
  /** Throws away, and counts as stalled, what waits in the socket. */
  discardWaiting(): void;
  countQueueOverflows(): void;
  close(): void;
}

/**
 * Opens a socket and answers what arrives there.
 * @throws what openSocket throws
 */
export function openResponder(
  protocol: Layer2Protocol,
  target: ResponderTarget,
  addresses: AnnouncedAddresses,
  openSocket: OpenSocket,
  on: Readonly<{
    /** What befell the socket, and was counted; it goes on. */
    error: (responder: Responder, error: unknown) => void;
    claim: (name: string, address: AnnouncedAddress, macHigh: number, macLow: number) => void;
    /** Frames have arrived. @returns whether they may be answered, or in a moment, or only when it is sure, or are too old */
    batch: (interfaceIndex: number) => "answer" | "soon" | "keep" | "drop";
    /** A request came in by this interface that somebody else has to answer. */
    unanswered: (interfaceIndex: number, view: DataView, offset: number, octets: number) => void;
    answered: (view: DataView, offset: number) => void;
  }>,
): Responder {
  const counters = createCounters(protocol);
  const answered: AnnouncedAddress[] = []; // BOUNDED by the slots of the socket
  let from = interfaceOf(target);

  function interfaceOf({ name, mac, router }: ResponderTarget): ResponderInterface {
    return responderInterface(name, mac, router, (address, high, low) => on.claim(name, address, high, low));
  }
  const fail = (error: unknown): void => {
    counters.errors += 1;
    on.error(responder, error);
  };
  const socket = openSocket(protocol.name, target.index, {
    onBatch: (slots, count) => {
      const what = on.batch(target.index);
      if (what === "answer" || what === "soon") {
        const { drops } = counters;
        const mayAnswer = what === "answer";
        return answerBatch(protocol, slots, count, from, addresses, drops, answered, remember, on.answered, mayAnswer);
      }
      countStalled(count);
      // As if nothing were announced: so each request is remembered, and others may say that they have what was this one's.
      if (what !== "drop") answerBatch(protocol, slots, count, from, NOTHING, {}, answered, remember);
      return 0;
    },
    onUnsent: takeBack,
    onError: fail,
  });
  const { slots } = socket;
  prepareFramesToSend(protocol, slots);

  function takeBack({ sendErrors }: FrameSlots, count: number): void {
    for (let slot = 0; slot < count; slot += 1) {
      const address = answered[slot];
      if (sendErrors[slot] === 0 || address === undefined) continue;
      address.responsesSent -= 1;
      counters.unsent += 1;
    }
  }

  function remember(view: DataView, offset: number, octets: number): void {
    on.unanswered(target.index, view, offset, octets);
  }

  function countStalled(frames: number): void {
    counters.drops[STALLED] = (counters.drops[STALLED] ?? 0) + frames;
  }

  /** What cannot be sent is counted and not tried again: the next burst is 1.1 s away. */
  function sendAbout(
    keys: readonly AddressKey[],
    isMeant: (address: AnnouncedAddress) => boolean,
    { frames, octets, write }: Readonly<{ frames: number; octets: number; write: Layer2Protocol["writeBurst"] }>,
    sent: (address: AnnouncedAddress) => void,
  ): void {
    const filled: AnnouncedAddress[] = []; // BOUNDED by the slots
    const flush = (): void => {
      const count = filled.length * frames;
      slots.toSendOctets.fill(octets, 0, count);
      send(count);
      slots.toSendOctets.fill(protocol.frameOctets, 0, count);
      for (let slot = 0; slot < count; slot += 1) {
        const address = filled[Math.floor(slot / frames)];
        if (slots.sendErrors[slot] !== 0) counters.unsent += 1;
        else if (address !== undefined) sent(address);
      }
      filled.length = 0;
    };
    for (const key of keys) {
      const address = addresses.get(key);
      if (!protocol.speaksFor(key) || address === undefined || !isMeant(address)) continue;
      write(slots.toSend, filled.length * frames * slots.slotOctets, slots.slotOctets, from, key);
      filled.push(address);
      if ((filled.length + 1) * frames > slots.slots) flush();
    }
    if (filled.length > 0) flush();
  }

  /** Leaves in `sendErrors` what became of each frame. */
  function send(count: number): void {
    try {
      socket.send(count);
    } catch (error) {
      fail(error);
      slots.sendErrors.fill(1);
    }
  }

  const bursts = { frames: protocol.burstFrames, octets: protocol.frameOctets, write: protocol.writeBurst };
  const probes = {
    frames: 1,
    octets: protocol.probeOctets,
    write: (out: DataView, at: number, _slotOctets: number, by: ResponderInterface, key: AddressKey) =>
      protocol.writeProbe(out, at, by, key),
  };

  const responder: Responder = {
    target,
    counters,
    rename(next) {
      responder.target = next;
      from = interfaceOf(next);
    },
    sendBursts: (keys) =>
      sendAbout(
        keys,
        (address) => isAnnouncedOn(address, from.name),
        bursts,
        (address) => (address.gratuitousSent += 1),
      ),
    sendProbes: (keys) =>
      sendAbout(
        keys,
        ({ probe }) => probe !== undefined && (probe.interfaces?.has(from.name) ?? true),
        probes,
        () => {},
      ),
    answerLate(view, offset, octets) {
      const address = protocol.answer(view, offset, octets, from, addresses, slots.toSend, 0);
      if (typeof address === "string") return; // on other interfaces than this one; it was counted when it arrived
      address.requestsReceived += 1;
      on.answered(view, offset);
      send(1);
      if (slots.sendErrors[0] === 0) address.responsesSent += 1;
      else counters.unsent += 1;
    },
    discardWaiting() {
      try {
        countStalled(socket.discard());
      } catch (error) {
        fail(error);
      }
    },
    countQueueOverflows() {
      try {
        counters.queueOverflows += socket.takeQueueOverflows();
      } catch (error) {
        fail(error);
      }
    },
    close: () => socket.close(),
  };
  return responder;
}
