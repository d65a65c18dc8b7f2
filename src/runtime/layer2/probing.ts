import type { AddressKey } from "./address-key.js";
import type { AnnouncedAddress } from "./announced-addresses.js";

/** Between the two probes for an address. */
export const PROBE_INTERVAL_MILLISECONDS = 100;
/** Who has the address has so long to say so after the second. */
export const PROBE_WAIT_MILLISECONDS = 200;
/** An address that was given up is asked for again after this. */
export const PROBE_AGAIN_MILLISECONDS = 60_000;

/** Who answered a probe, and where it was heard. */
export type ProbeClaim = Readonly<{ interface: string; mac: string }>;

/** An address that is to be announced once it is known that nobody else has it. */
export interface Probe {
  /** Names of the interfaces on which it is to be announced; undefined is all of them. */
  interfaces: ReadonlySet<string> | undefined;
  /** Of the time since the last probe: an owner that gives the address up hears the first one, and is silent then. */
  claim: ProbeClaim | undefined;
  /** It was given up before. */
  isRetry: boolean;
}

/**
 * The probes that are under way, a map for each step, with the time at which it is due: all wait equally long in each, so the
 * earliest is first. BOUNDED by the addresses that are to be announced.
 */
export type Probes = Readonly<{
  first: Map<AddressKey, number>;
  second: Map<AddressKey, number>;
  verdict: Map<AddressKey, number>;
  /** Given up, until they are asked for again. */
  again: Map<AddressKey, number>;
}>;

const STEPS = ["verdict", "second", "first", "again"] as const;

export function createProbes(): Probes {
  return { first: new Map(), second: new Map(), verdict: new Map(), again: new Map() };
}

/**
 * Asks the link for an address before it is announced, in a short form of RFC 5227 §2.1.1 and RFC 4862 §5.4: two probes.
 * One that is under way goes on, for the interfaces that are wanted now.
 */
export function beginProbe(
  probes: Probes,
  address: AnnouncedAddress,
  interfaces: ReadonlySet<string> | undefined,
  now: number,
): void {
  if (address.probe !== undefined) {
    address.probe.interfaces = interfaces;
    return;
  }
  address.probe = { interfaces, claim: undefined, isRetry: false };
  probes.first.set(address.key, now);
}

/** Gives an address up for a while, after which it is asked for once more. */
export function probeAgainLater(
  probes: Probes,
  address: AnnouncedAddress,
  interfaces: ReadonlySet<string> | undefined,
  now: number,
): void {
  endProbe(probes, address);
  address.probe = { interfaces, claim: undefined, isRetry: true };
  probes.again.set(address.key, now + PROBE_AGAIN_MILLISECONDS);
}

export function endProbe(probes: Probes, address: AnnouncedAddress): void {
  if (address.probe === undefined) return;
  address.probe = undefined;
  for (const step of STEPS) probes[step].delete(address.key);
}

/** Begins all that are under way anew: answers to them may have been missed. */
export function restartProbes(probes: Probes, now: number): void {
  for (const step of ["second", "verdict"] as const) {
    for (const key of probes[step].keys()) probes.first.set(key, now);
    probes[step].clear();
  }
}

/** What is due of probes: addresses to send one for, and addresses that were asked for twice, with what was heard. */
export type DueProbes = Readonly<{ toSend: readonly AddressKey[]; ended: readonly AddressKey[] }>;

/**
 * Takes what is due, and plans what comes next; those that ended are to be ended or given up by the caller.
 * @param limit the most to take, so that a long list is worked off in parts
 */
export function takeDueProbes(
  probes: Probes,
  addresses: ReadonlyMap<AddressKey, AnnouncedAddress>,
  now: number,
  limit: number,
): DueProbes {
  const [toSend, ended]: [AddressKey[], AddressKey[]] = [[], []];
  for (const step of STEPS) {
    for (const [key, at] of probes[step]) {
      if (at > now || toSend.length + ended.length === limit) break;
      probes[step].delete(key);
      const probe = addresses.get(key)?.probe;
      if (probe === undefined) continue;
      if (step === "verdict") {
        ended.push(key);
        continue;
      }
      probe.claim = undefined;
      toSend.push(key);
      if (step === "second") probes.verdict.set(key, now + PROBE_WAIT_MILLISECONDS);
      else probes.second.set(key, now + PROBE_INTERVAL_MILLISECONDS);
    }
  }
  return { toSend, ended };
}

/** When takeDueProbes has something to do next; undefined where nothing is under way. May lie in the past. */
export function nextProbeAt(probes: Probes): number | undefined {
  let next: number | undefined;
  for (const step of STEPS) {
    for (const at of probes[step].values()) {
      if (next === undefined || at < next) next = at;
      break;
    }
  }
  return next;
}
