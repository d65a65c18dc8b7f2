import { formatAddressKey, KEY_WORDS, packKey, unpackKey, type AddressKey } from "./address-key.js";
import type { ConflictPolicy } from "./address-conflict.js";
import type { InterfaceChoice } from "./interface-choice.js";
import type { MacAddress } from "../net/mac.js";
import type { DropCounters, ProtocolName } from "./layer2-protocol.js";

/** What the worker thread gets when it starts. */
export type Layer2WorkerData = Readonly<{ excludes: readonly RegExp[]; policy: AnnouncerPolicy }>;

/** How addresses are looked after while they are announced. */
export type AnnouncerPolicy = Readonly<{
  conflicts: ConflictPolicy;
  /** Between two gratuitous announcements of each address, for switches whose tables age; 0: none but the first ones. */
  refreshMilliseconds: number;
}>;

/**
 * A list of changes in the order in which they happened, in a form that passes between threads without being copied or
 * read object by object: change N is about the address packed in `keys[4 * N]` to `keys[4 * N + 3]`; `scopes[N]` is -1 to withdraw, 0 to announce on all interfaces,
 * otherwise to announce on those of `interfaceSets[scopes[N] - 1]`; `probes[N]` is 1 where the link is to be asked
 * first whether somebody has it, 2 where it is to be asked until nobody has it any more.
 */
export type AddressChanges = Readonly<{
  keys: Int32Array<ArrayBuffer>;
  scopes: Int32Array<ArrayBuffer>;
  probes: Uint8Array<ArrayBuffer>;
  interfaceSets: readonly (readonly string[])[];
}>;

/** From the main thread. Everything with an `id` is answered with the same id, when it has taken effect. */
export type Layer2Request =
  | Readonly<{ type: "change"; id: number; changes: AddressChanges }>
  /** Withdraws what is not in the list too; what is announced already in the same way is left as it is. */
  | Readonly<{ type: "replace"; id: number; changes: AddressChanges }>
  | Readonly<{ type: "scan"; id: number }>
  | Readonly<{ type: "counters"; id: number }>
  /** Speakers came or went: for a while claims of others may be theirs. */
  | Readonly<{ type: "fleetChanged" }>
  /**
   * What was asked for before this is in force, and with it what follows from so many changes of who lives: other speakers
   * are told so where these are all there were, and what was answered.
   */
  | Readonly<{ type: "handOver"; changes: number }>
  | Readonly<{ type: "stop" }>;

/** What went wrong on one interface, or with all of layer 2 where `interface` is undefined. `message` has a remedy. */
export type Layer2Error = Readonly<{ interface: string | undefined; code: string; message: string }>;

/**
 * Another machine has an address too: it has said so for a while, on this interface, or in answer to a probe before the first
 * announcement (`probed`). `action`: nothing, the address is (or goes on being) announced; it was defended; it was given up,
 * until nobody answers a probe for it.
 */
export type AddressConflict = Readonly<{
  address: string;
  interface: string;
  mac: MacAddress;
  probed: boolean;
  action: "nothing" | "defended" | "yielded";
}>;

/**
 * The thread stood still for so long, and answered nothing from then on for so long, until its addresses were sure. 0: it did
 * not stand still, but another speaker found it dead.
 */
export type Stall = Readonly<{ stalledMilliseconds: number; heldMilliseconds: number }>;

/** These interfaces have a carrier again, and answered nothing for so long, until it was sure whose the addresses are. */
export type LinksBack = Readonly<{ interfaces: readonly string[]; heldMilliseconds: number }>;

/** An interface, and what keeps its responder for ARP, or NDP, from working where there should be one. */
export type Layer2Interface = InterfaceChoice &
  Readonly<{ error: Layer2Error | undefined; ndpError: Layer2Error | undefined }>;

/**
 * What happened to one protocol on one interface since its responder began. `interface` is "" for the sum of those that are
 * gone.
 */
export type InterfaceCounters = Readonly<{
  interface: string;
  protocol: ProtocolName;
  drops: DropCounters;
  /** Frames that the kernel threw away because they came faster than they were answered. */
  queueOverflows: number;
  /** Frames that could not be sent. */
  unsent: number;
  /** What befell its socket, opening included. */
  errors: number;
}>;

/** Nine numbers an address: its packed key, and its counters in the order of AddressCounters. */
export type PackedAddressCounters = Float64Array<ArrayBuffer>;
const COUNTER_WORDS = KEY_WORDS + 5;

/** From the worker thread. */
export type Layer2Report =
  | Readonly<{ type: "done"; id: number }>
  | Readonly<{
      type: "counters";
      id: number;
      addresses: PackedAddressCounters;
      interfaces: readonly InterfaceCounters[];
      /** How often the thread stood still for too long. */
      stalls: number;
    }>
  /** After each scan that changed something, the first one always; before the "done" of a scan that was asked for. */
  | Readonly<{ type: "interfaces"; interfaces: readonly Layer2Interface[] }>
  /** Said once, until it goes away or becomes another one. */
  | Readonly<{ type: "error"; error: Layer2Error }>
  /** For an address once a minute, and where something is done about it. */
  | Readonly<{ type: "conflict"; conflict: AddressConflict }>
  /** An address that was given up is announced again. */
  | Readonly<{ type: "regained"; address: string }>
  | Readonly<{ type: "stalled"; stall: Stall }>
  | Readonly<{ type: "linksBack"; back: LinksBack }>
  /** These speakers have not said that they gave way; this one answers all the same. */
  | Readonly<{ type: "notGivenWay"; names: readonly string[] }>
  /** Nothing can work at all; the worker ends. */
  | Readonly<{ type: "failed"; error: Layer2Error }>;

/**
 * Whether the link is asked before an address is announced: true, whether somebody has it, since it comes from nobody;
 * "handover", until nobody has it any more, since it comes from a speaker that lets go of it in its own time.
 */
export type AskFirst = boolean | "handover";

/** One change as the main thread knows it; `interfaces` undefined withdraws, an empty list is all interfaces. */
export type AddressChange = Readonly<{
  key: AddressKey;
  interfaces: readonly string[] | undefined;
  probe?: AskFirst;
}>;

export function packChanges(changes: readonly AddressChange[]): AddressChanges {
  const keys = new Int32Array(changes.length * KEY_WORDS);
  const scopes = new Int32Array(changes.length);
  const probes = new Uint8Array(changes.length);
  const interfaceSets: (readonly string[])[] = []; // BOUNDED by the different lists in the changes
  const scopeByNames = new Map<string, number>();
  for (const [position, { key, interfaces, probe = false }] of changes.entries()) {
    packKey(keys, position * KEY_WORDS, key);
    probes[position] = probe === "handover" ? 2 : probe ? 1 : 0;
    if (interfaces === undefined) {
      scopes[position] = -1;
    } else if (interfaces.length > 0) {
      const names = interfaces.join("/"); // which no interface has in its name
      let scope = scopeByNames.get(names);
      if (scope === undefined) {
        scope = interfaceSets.push(interfaces);
        scopeByNames.set(names, scope);
      }
      scopes[position] = scope;
    }
  }
  return { keys, scopes, probes, interfaceSets };
}

/** What happened to one address since it was announced for the first time. */
export type AddressCounters = Readonly<{
  requestsReceived: number;
  responsesSent: number;
  gratuitousSent: number;
  /** Frames by which another machine said that it has the address, while it was announced here. */
  claimsHeard: number;
  /** For how long both announced it, as far as these frames tell. */
  contestedMilliseconds: number;
}>;

export function packAddressCounters(
  addresses: Iterable<AddressCounters & Readonly<{ key: AddressKey }>>,
  count: number,
): PackedAddressCounters {
  const packed = new Float64Array(count * COUNTER_WORDS);
  let at = 0;
  for (const {
    key,
    requestsReceived,
    responsesSent,
    gratuitousSent,
    claimsHeard,
    contestedMilliseconds,
  } of addresses) {
    packKey(packed, at, key);
    packed.set([requestsReceived, responsesSent, gratuitousSent, claimsHeard, contestedMilliseconds], at + KEY_WORDS);
    at += COUNTER_WORDS;
  }
  return packed;
}

/** By address in its canonical text. */
export function unpackAddressCounters(packed: PackedAddressCounters): Map<string, AddressCounters> {
  const counters = new Map<string, AddressCounters>();
  for (let at = 0; at + COUNTER_WORDS <= packed.length; at += COUNTER_WORDS) {
    counters.set(formatAddressKey(unpackKey(packed, at)), {
      requestsReceived: packed[at + KEY_WORDS] ?? 0,
      responsesSent: packed[at + KEY_WORDS + 1] ?? 0,
      gratuitousSent: packed[at + KEY_WORDS + 2] ?? 0,
      claimsHeard: packed[at + KEY_WORDS + 3] ?? 0,
      contestedMilliseconds: packed[at + KEY_WORDS + 4] ?? 0,
    });
  }
  return counters;
}
