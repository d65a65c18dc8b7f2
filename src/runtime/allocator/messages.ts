import type { ObjectKey } from "../world/views.js";
import type { PoolRefusal } from "./decision.js";
import type { SharingConflict } from "./sharing.js";

/*
 * Texts of Events and reasons. People grep for the words of the system that is replaced, so those come first and stay
 * as they were; what is wrong in particular and the remedy follow.
 */

const MAX_NAMED = 5; // objects named one by one in a text; Kubernetes takes Event messages of up to 1024 characters

/** `["192.0.2.1" "2001:db8::1"]` */
export function quoteList(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(" ")}]`;
}

/** `a, b, c and 7 more` */
export function nameSome(names: readonly string[]): string {
  const named = names.slice(0, MAX_NAMED).join(", ");
  return names.length > MAX_NAMED ? `${named} and ${names.length - MAX_NAMED} more` : named;
}

/** Why all pools together could not help. */
export function describeRefusals(refusals: readonly PoolRefusal[]): string {
  const named = refusals.slice(0, MAX_NAMED).map(({ pool, reason }) => `pool ${JSON.stringify(pool)}: ${reason}`);
  const more = refusals.length - named.length;
  return more > 0 ? `${named.join("; ")} and ${more} more` : named.join("; ");
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

export function describeNotInConfig(texts: readonly string[]): string {
  const remedy = texts.length > 1 ? "add both to one pool" : "add it to a pool";
  const problem = texts.length > 1 ? "no pool has both" : "no pool has it";
  return `${quoteList(texts)} is not allowed in config: ${problem}: ${remedy}, or ask for an address of a pool`;
}
