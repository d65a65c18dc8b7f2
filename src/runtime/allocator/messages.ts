import type { ObjectKey } from "../world/views.js";
import type { PoolRefusal } from "./decision.js";
import type { SharingConflict } from "./sharing.js";

/*
 * Texts of Events and reasons. People grep for the words of the system that is replaced, so those come first and stay
 * as they were; what is wrong in particular and the remedy follow.
 */

const MAX_NAMED = 5; // objects named one by one in a text
/** What Kubernetes takes as the message of an Event. */
export const MAX_EVENT_OCTETS = 1024;

/** `["192.0.2.1" "2001:db8::1"]` */
export function quoteList(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(" ")}]`;
}

/** `a, b, c and 7 more` */
export function nameSome(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED).join(", ");
  return names.length > MAX_NAMED ? `${named} and ${names.length - MAX_NAMED} more` : named;
}

/**
 * Why all pools together could not help: every pool by name, those with the same reason together.
 * @param octets room for the text; pools that have none in it are counted
 */
export function describeRefusals(refusals: readonly PoolRefusal[], octets: number): string {
  const namesBy = new Map<string, string[]>(); // by reason. BOUNDED by what has room
  let room = octets - octetsOf(" and 1000000 more pools");
  let named = 0;
  for (const { pool, reason } of refusals) {
    const name = JSON.stringify(pool);
    const names = namesBy.get(reason);
    room -= octetsOf(name) + (names === undefined ? octetsOf(`; pools : ${reason}`) : 2);
    if (room < 0) break;
    if (names === undefined) namesBy.set(reason, [name]);
    else names.push(name);
    named += 1;
  }
  const groups = [...namesBy].map(
    ([reason, names]) => `pool${names.length > 1 ? "s" : ""} ${names.join(", ")}: ${reason}`,
  );
  const more = refusals.length - named;
  const rest = more === 0 ? [] : [`${named === 0 ? "" : "and "}${more} more pool${more > 1 ? "s" : ""}`];
  return [groups.join("; "), ...rest].filter((text) => text !== "").join(" ");
}

const encoder = new TextEncoder();

export function octetsOf(text: string): number {
  return encoder.encode(text).length;
}

/** A message as long as Kubernetes takes it; what is too long ends in an ellipsis. */
export function fitMessage(message: string): string {
  if (message.length * 3 <= MAX_EVENT_OCTETS || octetsOf(message) <= MAX_EVENT_OCTETS) return message;
  const octets = new Uint8Array(MAX_EVENT_OCTETS - 3);
  const { read } = encoder.encodeInto(message, octets); // whole characters only
  return `${message.slice(0, read)}…`;
}

export function describeConflict(key: ObjectKey, address: string, conflict: SharingConflict): string {
  const others = nameSome(conflict.others);
  if (conflict.kind === "port") {
    const remedy = "give it another port or another address";
    return `port ${conflict.port} is already in use on ${JSON.stringify(address)} by ${others}: ${remedy}`;
  }
  return (
    `can't change sharing key for ${JSON.stringify(key)}, address also in use by ${others}: to share ` +
    `${JSON.stringify(address)} give all of them the same annotation metallb.io/allow-shared-ip, and with ` +
    `externalTrafficPolicy Local the same selector; or use another address`
  );
}

/** Two Services hold one address since before we looked; taking it from either would cut it off. */
export function describeKeptConflict(key: ObjectKey, address: string, conflict: SharingConflict): string {
  const remedy =
    conflict.kind === "port"
      ? "give one of them another port"
      : "give all of them the same annotation metallb.io/allow-shared-ip";
  const problem = conflict.kind === "port" ? `port ${conflict.port} too` : "no right to share it";
  return (
    `${JSON.stringify(key)} keeps ${JSON.stringify(address)}, which ${nameSome(conflict.others)} has with ` +
    `${problem}: ${remedy}, or ask for another address for one`
  );
}

export function describeForeign(address: string, holders: readonly ObjectKey[]): string {
  return (
    `${JSON.stringify(address)} is in use by ${nameSome(holders)}, which belongs to another load balancer class: ` +
    `ask for another address`
  );
}

export function describeKeptForeign(key: ObjectKey, address: string, holders: readonly ObjectKey[]): string {
  return (
    `${JSON.stringify(key)} keeps ${JSON.stringify(address)}, which ${nameSome(holders)} of another load balancer class ` +
    `has too: ask for another address for one`
  );
}

export function describeDisplaced(key: ObjectKey, address: string, other: ObjectKey): string {
  return (
    `${JSON.stringify(address)} was given to ${JSON.stringify(key)} and, in the same moment, by another controller to ` +
    `${other}, which keeps it: will attempt for new IP assignment`
  );
}

/** It turned out in the moment between the decision and the status. */
export function describeTakenBack(key: ObjectKey, address: string, owner: string): string {
  return `${JSON.stringify(address)} was given to ${JSON.stringify(key)} and is ${owner}: will attempt for new IP assignment`;
}

/** `owner` as in `is an address of node n1`. */
export function describeWithheld(address: string, owner: string): string {
  return `${JSON.stringify(address)} is ${owner}: ask for another address, and take it out of the pool`;
}

/** The Service had the address before it was known that somebody else has it too. */
export function describeKeptWithheld(key: ObjectKey, address: string, owner: string): string {
  const remedy = "take it out of the pool and ask for another address";
  return `${JSON.stringify(key)} keeps ${JSON.stringify(address)}, which is ${owner}: ${remedy}`;
}

export function describeNotInConfig(texts: readonly string[]): string {
  const remedy = texts.length > 1 ? "add both to one pool" : "add it to a pool";
  const problem = texts.length > 1 ? "no pool has both" : "no pool has it";
  return `${quoteList(texts)} is not allowed in config: ${problem}: ${remedy}, or ask for an address of a pool`;
}
