import type { Link } from "../net/link.js";
import { formatMacHalves, type MacAddress } from "../net/mac.js";
import type { AddressKey } from "../layer2/address-key.js";
import type { AnnouncedAddress, AnnouncedAddresses } from "../layer2/announced-addresses.js";
import { arpProtocol } from "../layer2/arp-responder.js";
import {
  chooseInterfaces,
  responderChanges,
  responderTargets,
  type InterfaceChoice,
  type ResponderTarget,
} from "../layer2/interface-choice.js";
import type { Layer2Protocol, ProtocolName } from "../layer2/layer2-protocol.js";
import {
  answersOf,
  createAnsweredByOthers,
  createAnsweredRequests,
  isAnsweredByOther,
  markRequest,
  noteAnswered,
  noteHandover,
  noteStrangers,
  type Handover,
} from "../layer2/answered-requests.js";
import type { InterfaceCounters, Layer2Error, Layer2Interface } from "../layer2/messages.js";
import { ndpProtocol } from "../layer2/ndp-responder.js";
import {
  createRecentRequests,
  forgetRequests,
  REMEMBER_MILLISECONDS,
  rememberRequest,
  takeRequests,
  type RecentRequests,
} from "../layer2/recent-requests.js";
import {
  createCounters,
  openResponder,
  type OpenSocket,
  type Responder,
  type ResponderCounters,
} from "./layer2-responder.js";
import { createSolicitedNodeGroups, type MembershipSocket } from "./solicited-node-groups.js";

/** What the responders need of the world. Whatever throws concerns one interface, or one scan. */
export type ResponderPorts = Readonly<{
  listLinks(): readonly Link[];
  openSocket: OpenSocket;
  openGroupSocket(interfaceIndex: number): MembershipSocket;
  /** The errno of a group as an error. */
  groupError(errno: number): Error;
  explain(error: unknown): Readonly<{ code: string; message: string }>;
  /** An error that was not there before, or is another one now. */
  onError(error: Layer2Error): void;
  onInterfaces(interfaces: readonly Layer2Interface[]): void;
  /** These interfaces, by index, answer that did not before, or under another hardware address: their links have to be told. */
  onAnswering(indexes: readonly number[]): void;
  /** Another machine says, on this interface, that it has an address that is announced or probed for. */
  onClaim(address: AnnouncedAddress, interfaceName: string, mac: MacAddress): void;
  /** Frames have arrived at this moment: whether they may be answered. */
  mayAnswer(now: number): boolean;
  /** Has the requests that were kept answered, once all that waits in other sockets has been taken, and if it may then. */
  answerSoon(): void;
  /** When this thread was last known to run: what arrives now may have waited since then. */
  ranAt(): number;
  /** Whether nothing may be answered or told on this interface just now. */
  isSilent(interfaceIndex: number): boolean;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** A socket is in trouble: the interfaces are worth looking at. */
  scanSoon(): void;
}>;

/** One responder for each interface where ARP is answered, and one where NDP is. */
export interface Responders {
  /** Opens and closes responders as the interfaces are now; one that fails keeps no other from working. */
  scan(): void;
  /** An address was announced or withdrawn, or announced on other interfaces. */
  addressChanged(key: AddressKey): void;
  /** Fulfilled when the multicast groups of all announced addresses are joined, as far as they can be. */
  settled(): Promise<void>;
  /** Sends one burst about each address on each interface where it is announced, or only on those of them with these indexes. */
  sendBursts(keys: readonly AddressKey[], only?: ReadonlySet<number>): void;
  /** Sends one probe for each address on each interface where it is to be announced. */
  sendProbes(keys: readonly AddressKey[]): void;
  /**
   * Answers what was asked for this address in the last 250 ms, now that it is announced; or in the time in which, as is known,
   * nobody has answered for it.
   */
  answerRemembered(key: AddressKey, milliseconds?: number): void;
  /** What this machine has answered lately, for those who take addresses over. */
  handover(): Handover;
  /** Another machine says what it has answered: nobody shall answer that once more. */
  handoverHeard(handover: Handover): void;
  /** Whether there are speakers that do not say what they answer: then nothing is answered late. */
  strangersLive(isSo: boolean): void;
  /** Throws away all requests that wait or are remembered: nobody knows how old they are. */
  discardWaiting(): void;
  counters(): InterfaceCounters[];
  /** Names of those of these interfaces, by index, on which something is answered. */
  names(indexes: readonly number[]): readonly string[];
  close(): void;
}

/** Whoever did not run for longer does not know when what it reads then has arrived. */
const PAUSE_MILLISECONDS = 10;
/** An idle thread looks at the clock each 50 ms; one that did not run for longer was kept from it. */
const HEAR_FIRST_MILLISECONDS = 75;

/** The responders of one protocol. */
type ResponderSet = Readonly<{
  protocol: Layer2Protocol;
  /** By index of the interface; BOUNDED by the interfaces that exist. */
  responders: Map<number, Responder>;
  /** By name of the interface; BOUNDED by the interfaces that exist. */
  troubles: Map<string, Layer2Error>;
  /** The same: how often it could not be opened. */
  openErrors: Map<string, number>;
  gone: ResponderCounters;
  recent: RecentRequests;
}>;

const createSet = (protocol: Layer2Protocol): ResponderSet => ({
  protocol,
  responders: new Map(),
  troubles: new Map(),
  openErrors: new Map(),
  gone: createCounters(protocol),
  recent: createRecentRequests(protocol.requestForm),
});

export function createResponders(
  addresses: AnnouncedAddresses,
  excludes: readonly RegExp[],
  ports: ResponderPorts,
): Responders {
  const [arp, ndp] = [createSet(arpProtocol), createSet(ndpProtocol)];
  const sets = [arp, ndp];
  const answeredHere = createAnsweredRequests();
  const answeredByOthers = createAnsweredByOthers();
  const groupTroubles = new Map<string, Layer2Error>(); // by name of the interface; BOUNDED by the interfaces that exist
  const groups = createSolicitedNodeGroups(addresses, {
    openSocket: ports.openGroupSocket,
    groupError: ports.groupError,
    onTrouble: (index, error) => groupTrouble(ndp.responders.get(index), error),
  });
  let ownMacs: ReadonlySet<MacAddress> = new Set(); // BOUNDED by the interfaces that exist
  let batchAt = 0; // when the frames were taken that are looked at
  let sentAfter = 0; // and the earliest that they may have arrived
  let pause = { from: -Infinity, to: -Infinity }; // the last in which this thread did not run
  let hasDiscarded = false; // since then
  let listTrouble: string | undefined;
  let reported = "";
  let choices: readonly InterfaceChoice[] = [];

  /** Tells about it where it is new. */
  function reportError(protocol: ProtocolName, troubles: Map<string, Layer2Error>, name: string, error: unknown): void {
    const { code, message } = ports.explain(error);
    const trouble = { interface: name, code, message: `Cannot answer ${protocol} on ${name}: ${message}` };
    const before = troubles.get(name);
    troubles.set(name, trouble);
    if (before?.code !== code) ports.onError(trouble);
  }

  function groupTrouble(responder: Responder | undefined, error: unknown): void {
    if (responder === undefined) return;
    const { name } = responder.target;
    if (error === undefined) {
      if (!groupTroubles.delete(name)) return;
    } else {
      responder.counters.errors += 1;
      reportError("NDP", groupTroubles, name, error);
    }
    tellInterfaces();
  }

  /**
   * What arrived before the thread stood still is dropped, what comes until it is sure is kept. After a shorter pause what others
   * said meanwhile is heard first: they may have found this machine dead.
   */
  function startBatch(index: number): "answer" | "soon" | "keep" | "drop" {
    batchAt = ports.now();
    const ranAt = ports.ranAt();
    if (batchAt - ranAt > PAUSE_MILLISECONDS) pause = { from: ranAt, to: batchAt };
    sentAfter = batchAt - pause.to <= PAUSE_MILLISECONDS ? pause.from : ranAt; // several sockets have waited alike
    hasDiscarded = false;
    if (ports.mayAnswer(batchAt) && !ports.isSilent(index)) {
      const isFresh = batchAt - sentAfter <= HEAR_FIRST_MILLISECONDS;
      if (isFresh || answeredByOthers.strangersLive) return "answer"; // beside those nothing is answered late
      ports.answerSoon();
      return "soon";
    }
    return hasDiscarded ? "drop" : "keep";
  }

  function open({ protocol, responders, troubles, openErrors, recent }: ResponderSet, target: ResponderTarget): void {
    try {
      const responder = openResponder(protocol, target, addresses, ports.openSocket, {
        error: (broken, error) => {
          reportError(protocol.name, troubles, broken.target.name, error);
          ports.scanSoon();
        },
        claim: noteClaimBy,
        batch: startBatch,
        answered: (view, offset) =>
          noteAnswered(answeredHere, markRequest(protocol.requestForm, view, offset), batchAt),
        unanswered: (index, view, offset, octets) =>
          rememberRequest(recent, protocol.requestedAddress(view, offset), view, offset, octets, index, sentAfter),
      });
      responders.set(target.index, responder);
      troubles.delete(target.name);
      responder.counters.errors = openErrors.get(target.name) ?? 0;
      openErrors.delete(target.name);
    } catch (error) {
      openErrors.set(target.name, (openErrors.get(target.name) ?? 0) + 1);
      reportError(protocol.name, troubles, target.name, error);
    }
  }

  function noteClaimBy(name: string, address: AnnouncedAddress, macHigh: number, macLow: number): void {
    const mac = formatMacHalves(macHigh, macLow);
    if (ownMacs.has(mac)) return; // two interfaces on one link hear one another
    ports.onClaim(address, name, mac);
  }

  function close({ responders, gone }: ResponderSet, index: number): void {
    const responder = responders.get(index);
    if (responder === undefined) return;
    responder.countQueueOverflows();
    responder.close();
    responders.delete(index);
    const { drops, queueOverflows, unsent, errors } = responder.counters;
    for (const [reason, count] of Object.entries(drops)) gone.drops[reason] = (gone.drops[reason] ?? 0) + count;
    gone.queueOverflows += queueOverflows;
    gone.unsent += unsent;
    gone.errors += errors;
  }

  /** @returns indexes of the interfaces that answer and did not before, or otherwise */
  function apply(set: ResponderSet): readonly number[] {
    const { protocol, responders } = set;
    const present = new Map([...responders].map(([index, { target }]) => [index, target]));
    const changes = responderChanges(present, responderTargets(protocol.name, choices));
    for (const index of changes.close) close(set, index);
    for (const target of changes.rename) responders.get(target.index)?.rename(target);
    for (const target of changes.open) open(set, target);
    return [...changes.rename, ...changes.open].map(({ index }) => index).filter((index) => responders.has(index));
  }

  function forgetTroubles({ protocol, responders, troubles, openErrors, gone }: ResponderSet): void {
    const wanted = new Set(responderTargets(protocol.name, choices).map(({ name }) => name));
    const working = new Set([...responders.values()].map(({ target }) => target.name));
    for (const name of troubles.keys()) if (!wanted.has(name) || working.has(name)) troubles.delete(name);
    for (const [name, errors] of openErrors) {
      if (wanted.has(name)) continue;
      gone.errors += errors;
      openErrors.delete(name);
    }
  }

  function tellInterfaces(): void {
    const interfaces = choices.map((choice) => {
      const [error, ndpError] = [arp, ndp].map(({ troubles }) => troubles.get(choice.name));
      return Object.assign({}, choice, { error, ndpError: ndpError ?? groupTroubles.get(choice.name) });
    });
    const text = JSON.stringify(interfaces);
    if (text === reported) return;
    reported = text;
    ports.onInterfaces(interfaces);
  }

  function listTroubleIs(error: unknown): void {
    const { code, message } = ports.explain(error);
    if (listTrouble !== code) ports.onError({ interface: undefined, code, message });
    listTrouble = code;
  }

  return {
    scan() {
      try {
        const links = ports.listLinks();
        ownMacs = new Set(links.flatMap(({ mac }) => mac ?? []));
        choices = chooseInterfaces(links, excludes);
      } catch (error) {
        return listTroubleIs(error); // the responders there are go on
      }
      listTrouble = undefined;
      const answerAnew = [...new Set(sets.flatMap(apply))];
      const names = new Map([...ndp.responders].map(([index, { target }]) => [index, target.name]));
      groups.interfacesChanged(names);
      groups.retry();
      if (answerAnew.length > 0) ports.onAnswering(answerAnew);
      for (const set of sets) forgetTroubles(set);
      const answering = new Set(names.values());
      for (const name of groupTroubles.keys()) if (!answering.has(name)) groupTroubles.delete(name);
      tellInterfaces();
    },
    addressChanged: groups.addressChanged,
    settled: groups.settled,
    sendBursts(keys, only) {
      if (keys.length === 0) return;
      for (const { responders } of sets) {
        for (const [index, responder] of responders) {
          if (!ports.isSilent(index) && only?.has(index) !== false) responder.sendBursts(keys);
        }
      }
    },
    sendProbes(keys) {
      for (const { responders } of sets) for (const responder of responders.values()) responder.sendProbes(keys);
    },
    answerRemembered(key, milliseconds) {
      const { responders, recent } = arpProtocol.speaksFor(key) ? arp : ndp;
      batchAt = ports.now();
      const answerLate = (index: number, view: DataView, offset: number, octets: number): boolean => {
        if (ports.isSilent(index)) return false;
        responders.get(index)?.answerLate(view, offset, octets);
        return true;
      };
      if (milliseconds !== undefined) takeRequests(recent, key, batchAt, answerLate, () => false, milliseconds);
      else takeRequests(recent, key, batchAt, answerLate, (mark, at) => isAnsweredByOther(answeredByOthers, mark, at));
    },
    handover: () => answersOf(answeredHere, ports.now(), REMEMBER_MILLISECONDS),
    handoverHeard: (handover) => noteHandover(answeredByOthers, handover, ports.now()),
    strangersLive: (isSo) => noteStrangers(answeredByOthers, isSo, ports.now()),
    discardWaiting() {
      hasDiscarded = true;
      for (const { responders, recent } of sets) {
        for (const responder of responders.values()) responder.discardWaiting();
        forgetRequests(recent);
      }
    },
    counters: () => sets.flatMap(countersOf),
    names: (indexes) =>
      choices.flatMap(({ index, name }) =>
        indexes.includes(index) && sets.some(({ responders }) => responders.has(index)) ? [name] : [],
      ),
    close() {
      groups.close();
      for (const set of sets) for (const index of set.responders.keys()) close(set, index);
    },
  };
}

function countersOf({ protocol, responders, openErrors, gone }: ResponderSet): InterfaceCounters[] {
  const { name } = protocol;
  for (const responder of responders.values()) responder.countQueueOverflows();
  return [
    ...Array.from(responders.values(), ({ target, counters }) => named(target.name, name, counters)),
    ...Array.from(openErrors, ([each, errors]) => named(each, name, { ...createCounters(protocol), errors })),
    named("", name, gone),
  ];
}

function named(name: string, protocol: ProtocolName, counters: ResponderCounters): InterfaceCounters {
  return { interface: name, protocol, ...counters };
}
