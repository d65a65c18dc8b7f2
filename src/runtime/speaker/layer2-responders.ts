import type { FrameSlots } from "../net/frame-slots.js";
import type { Link } from "../net/link.js";
import { isAnnouncedOn, type AnnouncedAddress, type AnnouncedAddresses } from "../layer2/announced-addresses.js";
import { ARP_REPLY, ARP_REQUEST } from "../layer2/arp.js";
import {
  answerBatch,
  createDropCounters,
  DROP_REASONS,
  prepareFramesToSend,
  responderInterface,
  writeGratuitousArp,
  type DropCounters,
  type ResponderInterface,
} from "../layer2/arp-responder.js";
import {
  chooseInterfaces,
  responderChanges,
  type InterfaceChoice,
  type ResponderTarget,
} from "../layer2/interface-choice.js";
import type { Ipv4Key } from "../layer2/ipv4-key.js";
import type { InterfaceCounters, Layer2Error, Layer2Interface } from "../layer2/messages.js";

/** A packet socket of one interface, as far as a responder needs it. */
export interface ResponderSocket {
  readonly slots: FrameSlots;
  send(count: number): number;
  takeQueueOverflows(): number;
  close(): void;
}

/** What the responders need of the world. Whatever throws concerns one interface, or one scan. */
export type ResponderPorts = Readonly<{
  listLinks(): readonly Link[];
  openSocket(
    interfaceIndex: number,
    on: Readonly<{
      onBatch: (slots: FrameSlots, count: number) => number;
      onUnsent: (slots: FrameSlots, count: number) => void;
      onError: (error: unknown) => void;
    }>,
  ): ResponderSocket;
  explain(error: unknown): Readonly<{ code: string; message: string }>;
  /** An error that was not there before, or is another one now. */
  onError(error: Layer2Error): void;
  onInterfaces(interfaces: readonly Layer2Interface[]): void;
  /** An interface answers that did not before, or under another hardware address: its link has to be told. */
  onAnswering(): void;
  /** A socket is in trouble: the interfaces are worth looking at. */
  scanSoon(): void;
}>;

interface Responder {
  target: ResponderTarget;
  from: ResponderInterface;
  readonly socket: ResponderSocket;
  readonly answered: AnnouncedAddress[]; // BOUNDED by the slots of the socket
  readonly counters: MutableCounters;
}

interface MutableCounters {
  readonly drops: DropCounters;
  queueOverflows: number;
  unsent: number;
  errors: number;
}

/** One responder for each interface where ARP is answered. */
export interface Responders {
  /** Opens and closes responders as the interfaces are now; one that fails keeps no other from working. */
  scan(): void;
  /** Sends one burst about each address: two frames on each interface where it is announced. */
  sendBursts(keys: readonly Ipv4Key[]): void;
  counters(): InterfaceCounters[];
  close(): void;
}

export function createResponders(
  addresses: AnnouncedAddresses,
  excludes: readonly RegExp[],
  ports: ResponderPorts,
): Responders {
  const responders = new Map<number, Responder>(); // by index of the interface; BOUNDED by the interfaces that exist
  const troubles = new Map<string, Layer2Error>(); // by name of the interface; BOUNDED by the interfaces that exist
  const openErrors = new Map<string, number>(); // the same
  const gone = createCounters();
  let reported = "";

  function reportError(name: string | undefined, error: unknown): void {
    const { code, message } = ports.explain(error);
    const where = name === undefined ? "" : `Cannot answer ARP on ${name}: `;
    const trouble = { interface: name, code, message: where + message };
    const before = troubles.get(name ?? "");
    troubles.set(name ?? "", trouble);
    if (before?.code !== code) ports.onError(trouble);
  }

  function open(target: ResponderTarget): void {
    const counters = createCounters();
    const answered: AnnouncedAddress[] = [];
    const from = responderInterface(target.name, target.mac);
    try {
      const socket = ports.openSocket(target.index, {
        onBatch: (slots, count) => answerBatch(slots, count, responder.from, addresses, counters.drops, answered),
        onUnsent: (slots, count) => takeBack(responder, slots, count),
        onError: (error) => {
          counters.errors += 1;
          reportError(responder.target.name, error);
          ports.scanSoon();
        },
      });
      prepareFramesToSend(socket.slots);
      const responder: Responder = { target, from, socket, answered, counters };
      responders.set(target.index, responder);
      troubles.delete(target.name);
      counters.errors = openErrors.get(target.name) ?? 0;
      openErrors.delete(target.name);
    } catch (error) {
      openErrors.set(target.name, (openErrors.get(target.name) ?? 0) + 1);
      reportError(target.name, error);
    }
  }

  function close(index: number): void {
    const responder = responders.get(index);
    if (responder === undefined) return;
    countQueueOverflows(responder);
    responder.socket.close();
    responders.delete(index);
    for (const reason of DROP_REASONS) gone.drops[reason] += responder.counters.drops[reason];
    gone.queueOverflows += responder.counters.queueOverflows;
    gone.unsent += responder.counters.unsent;
    gone.errors += responder.counters.errors;
  }

  function countQueueOverflows({ socket, counters, target }: Responder): void {
    try {
      counters.queueOverflows += socket.takeQueueOverflows();
    } catch (error) {
      counters.errors += 1;
      reportError(target.name, error);
    }
  }

  function apply(choices: readonly InterfaceChoice[]): void {
    const targets = new Map([...responders].map(([index, { target }]) => [index, target]));
    const changes = responderChanges(targets, choices);
    for (const index of changes.close) close(index);
    for (const target of changes.rename) {
      const responder = responders.get(target.index);
      if (responder === undefined) continue;
      responder.target = target;
      responder.from = responderInterface(target.name, target.mac);
    }
    for (const target of changes.open) open(target);
    const opened = changes.open.some(({ index }) => responders.has(index));
    if (opened || changes.rename.length > 0) ports.onAnswering();
  }

  function tellInterfaces(choices: readonly InterfaceChoice[]): void {
    const interfaces = choices.map((choice) => ({ ...choice, error: troubles.get(choice.name) }));
    const text = JSON.stringify(interfaces);
    if (text === reported) return;
    reported = text;
    ports.onInterfaces(interfaces);
  }

  function forgetTroubles(choices: readonly InterfaceChoice[]): void {
    const wanted = new Set(choices.filter(({ noResponder }) => noResponder === undefined).map(({ name }) => name));
    const working = new Set([...responders.values()].map(({ target }) => target.name));
    for (const name of troubles.keys()) if (!wanted.has(name) || working.has(name)) troubles.delete(name);
    for (const [name, errors] of openErrors) {
      if (wanted.has(name)) continue;
      gone.errors += errors;
      openErrors.delete(name);
    }
  }

  return {
    scan() {
      let choices: readonly InterfaceChoice[];
      try {
        choices = chooseInterfaces(ports.listLinks(), excludes);
      } catch (error) {
        return reportError(undefined, error); // the responders there are go on
      }
      apply(choices);
      forgetTroubles(choices);
      tellInterfaces(choices);
    },
    sendBursts(keys) {
      for (const responder of responders.values()) sendBursts(responder, keys, addresses, reportError);
    },
    counters() {
      for (const responder of responders.values()) countQueueOverflows(responder);
      const present = Array.from(responders.values(), ({ target, counters }) => countersOf(target.name, counters));
      const failing = Array.from(openErrors, ([name, errors]) => countersOf(name, { ...createCounters(), errors }));
      return [...present, ...failing, countersOf("", gone)];
    },
    close() {
      for (const index of responders.keys()) close(index);
    },
  };
}

function createCounters(): MutableCounters {
  return { drops: createDropCounters(), queueOverflows: 0, unsent: 0, errors: 0 };
}

function countersOf(name: string, counters: MutableCounters): InterfaceCounters {
  return { interface: name, ...counters };
}

function takeBack({ answered, counters }: Responder, slots: FrameSlots, count: number): void {
  for (let slot = 0; slot < count; slot += 1) {
    const address = answered[slot];
    if (slots.sendErrors[slot] === 0 || address === undefined) continue;
    address.responsesSent -= 1;
    counters.unsent += 1;
  }
}

/** What cannot be sent is counted and not tried again: the next burst is 1.1 s away. */
function sendBursts(
  responder: Responder,
  keys: readonly Ipv4Key[],
  addresses: AnnouncedAddresses,
  reportError: (name: string, error: unknown) => void,
): void {
  const { socket, from, target, counters } = responder;
  const { slots } = socket;
  const pairs: AnnouncedAddress[] = []; // BOUNDED by half the slots
  const flush = (): void => {
    try {
      socket.send(pairs.length * 2);
    } catch (error) {
      counters.errors += 1;
      reportError(target.name, error);
      slots.sendErrors.fill(1);
    }
    for (const [pair, address] of pairs.entries()) {
      for (const slot of [pair * 2, pair * 2 + 1]) {
        if (slots.sendErrors[slot] === 0) address.gratuitousSent += 1;
        else counters.unsent += 1;
      }
    }
    pairs.length = 0;
  };
  for (const key of keys) {
    const address = addresses.get(key);
    if (address === undefined || !isAnnouncedOn(address, target.name)) continue;
    const offset = pairs.length * 2 * slots.slotOctets;
    writeGratuitousArp(slots.toSend, offset, from, key, ARP_REQUEST);
    writeGratuitousArp(slots.toSend, offset + slots.slotOctets, from, key, ARP_REPLY);
    pairs.push(address);
    if (pairs.length * 2 + 2 > slots.slots) flush();
  }
  if (pairs.length > 0) flush();
}
