import { readAddressEntry } from "../../config/address-entry.js";
import { addressPoolSchema } from "../../config/address-pool-schema.js";
import { describeObject, type KubernetesDocument } from "../../config/documents.js";
import { loadWithReading, type LoadOptions } from "../../config/load.js";
import type { Notice } from "../../config/model.js";
import { checkAgainst } from "../../config/schema-faults.js";
import { HIDDEN_VALUE, describeFault, describeRemark, type Fault } from "../net/fault.js";
import type { Verdict } from "./admission-review.js";
import type { ListedKind } from "./ports.js";
import { isRecord } from "./untyped.js";

/** The kinds with a validating webhook. */
export type ValidatedKind =
  "IPAddressPool" | "L2Advertisement" | "BGPAdvertisement" | "BGPPeer" | "Community" | "BFDProfile" | "AddressPool";

/**
 * What the rules of a kind look at beside the object itself. Objects that the others refer to are left out, as they
 * may come later, and so is what would forbid to mend one of two objects first: a pool is not held against the
 * advertisements for it.
 */
export const RULES_LOOK_AT: Readonly<Record<ValidatedKind, readonly ListedKind[]>> = {
  IPAddressPool: ["IPAddressPool", "ConfigMap"],
  L2Advertisement: [],
  BGPAdvertisement: ["BGPAdvertisement", "IPAddressPool", "Community"],
  BGPPeer: [],
  Community: ["Community"],
  BFDProfile: [],
  AddressPool: [],
};

const MAX_FAULTS = 10; // told of one object
/** What is worth a word to whoever writes the object; what others lack (a pool no advertisement) is said elsewhere. */
const WARNED: ReadonlySet<Notice["class"]> = new Set(["ignored", "generation"]);

export const denied = (message: string, warnings: readonly string[] = []): Verdict => ({
  allowed: false,
  code: 403,
  reason: "Forbidden",
  message,
  warnings,
});
export const allowed = (warnings: readonly string[] = []): Verdict => ({ allowed: true, warnings });

/**
 * Judges an object by what it makes wrong: it is denied for faults that are not there without it. What was wrong before
 * and stays so does not keep anybody from changing something else; of the object itself it is told as a warning.
 * Faults that pass when another object comes (an alias, a profile, a Secret) are none here. Pure; may throw for objects
 * that are nested deeper than the stack.
 * @param current the objects that the rules look at as they are, the one that is replaced among them
 */
export function validateObject(
  incoming: KubernetesDocument,
  current: readonly KubernetesDocument[],
  options: LoadOptions,
): Verdict {
  if (incoming.kind === "AddressPool") return validateAddressPool(incoming);
  const isReplaced = ({ kind, name, namespace }: KubernetesDocument): boolean =>
    kind === incoming.kind && name === incoming.name && namespace === incoming.namespace;
  const before = loadWithReading(current, options);
  const after = loadWithReading([...current.filter((document) => !isReplaced(document)), incoming], options);
  const faults = finalFaults(after.result);
  const known = new Set(finalFaults(before.result).map(identityOf));
  const made = faults.filter((fault) => !known.has(identityOf(fault)));
  const object = describeObject(incoming);
  const kept = faults.filter((fault) => fault.object === object && known.has(identityOf(fault)));
  const remarks = after.notices.filter((notice) => notice.object === object && WARNED.has(notice.class));
  const warnings = [...kept, ...remarks, ...remarksOn(incoming)].map(describeRemark);
  if (made.length === 0) return allowed(warnings);
  // With faults of two objects the one whose name comes later is blamed, and that need not be the one that is written.
  const isBlamed = made.some((fault) => fault.object === object);
  return denied(`${isBlamed ? "" : `With ${object}: `}${describeFaults(made)}`, warnings);
}

function finalFaults(result: ReturnType<typeof loadWithReading>["result"]): readonly Fault[] {
  return result.ok ? [] : result.fault.filter(({ transient }) => transient !== true);
}

function identityOf({ object, path, value, problem }: Fault): string {
  const shown = typeof value === "bigint" ? value.toString() : value;
  return JSON.stringify([object, path, shown ?? "", problem]);
}

function describeFaults(faults: readonly Fault[]): string {
  const told = faults.slice(0, MAX_FAULTS).map(describeFault);
  const more = faults.length - told.length;
  return [...told, ...(more === 0 ? [] : [`and ${more} more`])].join("\n");
}

/** What the original warned of, in its webhooks alone. */
function remarksOn({ kind, body, ...document }: KubernetesDocument): readonly Fault[] {
  const spec = isRecord(body["spec"]) ? body["spec"] : {};
  if (kind !== "BGPPeer" || spec["disableMP"] !== true) return [];
  const problem = "has no effect any more";
  const remedy = "remove it";
  return [{ object: describeObject({ kind, ...document }), path: "/spec/disableMP", value: true, problem, remedy }];
}

const checkAddressPool = checkAgainst(addressPoolSchema);

/** It does nothing any more; but whoever still writes one is to know what is wrong in it, and that it does nothing. */
function validateAddressPool(document: KubernetesDocument): Verdict {
  const object = describeObject(document);
  const schemaFaults = checkAddressPool(document.body).filter(({ unknownKey }) => !unknownKey);
  const faults: Fault[] = schemaFaults.map(({ path, value, problem, remedy }) => ({
    object,
    path,
    value,
    problem,
    remedy,
  }));
  const spec = isRecord(document.body["spec"]) ? document.body["spec"] : {};
  const addresses: readonly unknown[] = Array.isArray(spec["addresses"]) ? spec["addresses"] : [];
  for (const [index, address] of addresses.entries()) {
    const entry = typeof address === "string" ? readAddressEntry(address) : undefined;
    if (entry === undefined || entry.ok) continue;
    faults.push({ object, path: `/spec/addresses/${index}`, value: address, ...entry.fault });
  }
  const remark: Fault = {
    object,
    path: "/kind",
    value: HIDDEN_VALUE,
    problem: "is a kind that nothing serves from",
    remedy: "convert it with smelter migrate convert",
  };
  const warnings = [describeRemark(remark)];
  return faults.length === 0 ? allowed(warnings) : denied(describeFaults(faults), warnings);
}
