import type { FrameSlots } from "../net/frame-slots.js";
import type { AddressKey } from "../layer2/address-key.js";
import { isAnnouncedOn, type AnnouncedAddress, type AnnouncedAddresses } from "../layer2/announced-addresses.js";
import type { ResponderTarget } from "../layer2/interface-choice.js";
import {
  answerBatch,
  createDropCounters,
  prepareFramesToSend,
  responderInterface,
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

/** Answers by one protocol on one interface. */
export interface Responder {
  target: ResponderTarget;
  readonly counters: ResponderCounters;
  /** The interface has another name or hardware address, or is a router now or no more. */
  rename(target: ResponderTarget): void;
  /** Sends one burst about each of these addresses that is announced here; those of the other family are passed over. */
  sendBursts(keys: readonly AddressKey[]): void;
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
    onBatch: (slots, count) => answerBatch(protocol, slots, count, from, addresses, counters.drops, answered),
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

  /** What cannot be sent is counted and not tried again: the next burst is 1.1 s away. */
  function sendBursts(keys: readonly AddressKey[]): void {
    const { burstFrames } = protocol;
    const filled: AnnouncedAddress[] = []; // BOUNDED by the slots
    const flush = (): void => {
      try {
        socket.send(filled.length * burstFrames);
      } catch (error) {
        fail(error);
        slots.sendErrors.fill(1);
      }
      for (let slot = 0; slot < filled.length * burstFrames; slot += 1) {
        const address = filled[Math.floor(slot / burstFrames)];
        if (slots.sendErrors[slot] !== 0) counters.unsent += 1;
        else if (address !== undefined) address.gratuitousSent += 1;
      }
      filled.length = 0;
    };
    for (const key of keys) {
      const address = addresses.get(key);
      if (!protocol.speaksFor(key) || address === undefined || !isAnnouncedOn(address, from.name)) continue;
      const offset = filled.length * burstFrames * slots.slotOctets;
      protocol.writeBurst(slots.toSend, offset, slots.slotOctets, from, key);
      filled.push(address);
      if ((filled.length + 1) * burstFrames > slots.slots) flush();
    }
    if (filled.length > 0) flush();
  }

  const responder: Responder = {
    target,
    counters,
    rename(next) {
      responder.target = next;
      from = interfaceOf(next);
    },
    sendBursts,
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
