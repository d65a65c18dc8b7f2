import type { AddressKey } from "./address-key.js";
import type { AnnouncedAddress } from "./announced-addresses.js";

/** Between the two probes for an address. */
export const PROBE_INTERVAL_MILLISECONDS = 100;
/** Who has the address has so long to say so after the second. */
export const PROBE_WAIT_MILLISECONDS = 200;
/** An address that was given up is asked for again after this. */
export const PROBE_AGAIN_MILLISECONDS = 60_000;

/** Between the probes of a handover. */
export const HANDOVER_INTERVAL_MILLISECONDS = 50;
/** Nobody has it who is silent for so long: a container whose processor time is limited may stand still for a tenth of a second. */
export const HANDOVER_SILENCE_MILLISECONDS = 150;
/** Of waiting for each address under way: no more than 2,000 probes a second in all. */
const HANDOVER_PACE_MILLISECONDS = 0.5;
/** A speaker that has thousands of addresses may take minutes; what lasts longer is no handover, but a conflict. */
export const HANDOVER_LIMIT_MILLISECONDS = 600_000;

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
  /** Of a handover: when it ends whatever is heard, and when the first probe went out that nobody has answered. */
  handover?: { readonly endsAt: number; silentSince: number | undefined };
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
  /** Asked for until nobody answers, one probe after the other. */
  handover: Map<AddressKey, number>;
}>;

const STEPS = ["verdict", "second", "first", "again"] as const;

export function createProbes(): Probes {
  return { first: new Map(), second: new Map(), verdict: new Map(), again: new Map(), handover: new Map() };
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

/**
 * Asks the link for an address until nobody answers any more. For one that comes from a live speaker which knows by now that
 * it is to let go of it, and does so in its own time.
 */
export function beginHandover(
  probes: Probes,
  address: AnnouncedAddress,
  interfaces: ReadonlySet<string> | undefined,
  now: number,
): void {
  if (address.probe?.handover !== undefined) {
    address.probe.interfaces = interfaces;
    return;
  }
  endProbe(probes, address);
  const handover = { endsAt: now + HANDOVER_LIMIT_MILLISECONDS, silentSince: undefined };
  address.probe = { interfaces, claim: undefined, isRetry: false, handover };
  probes.handover.set(address.key, now);
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
  for (const step of Object.values(probes)) step.delete(address.key);
}

/** Begins all that are under way anew: answers to them may have been missed. */
export function restartProbes(probes: Probes, addresses: ReadonlyMap<AddressKey, AnnouncedAddress>, now: number): void {
  for (const key of probes.handover.keys()) {
    const handover = addresses.get(key)?.probe?.handover;
    if (handover !== undefined) handover.silentSince = undefined;
    probes.handover.set(key, now);
  }
  for (const step of ["second", "verdict"] as const) {
    for (const key of probes[step].keys()) probes.first.set(key, now);
    probes[step].clear();
  }
}

/** What is due of probes: addresses to send one for, and addresses that were asked for to the end, with what was heard. */
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
  const interval = Math.max(HANDOVER_INTERVAL_MILLISECONDS, probes.handover.size * HANDOVER_PACE_MILLISECONDS);
  for (const [key, at] of probes.handover) {
    if (at > now || toSend.length + ended.length === limit) break;
    probes.handover.delete(key);
    const probe = addresses.get(key)?.probe;
    if (probe?.handover === undefined) continue;
    const { handover, claim } = probe;
    if (claim !== undefined || handover.silentSince === undefined) handover.silentSince = now;
    if (now >= handover.endsAt || now - handover.silentSince >= HANDOVER_SILENCE_MILLISECONDS) {
      ended.push(key);
      continue;
    }
    probe.claim = undefined;
    toSend.push(key);
    probes.handover.set(key, now + interval);
  }
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
  for (const step of Object.values(probes)) {
    for (const at of step.values()) {
      if (next === undefined || at < next) next = at;
      break;
    }
  }
  return next;
}
