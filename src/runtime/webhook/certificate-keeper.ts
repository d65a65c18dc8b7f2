import type { Logger } from "../net/logger.js";
import type { Result } from "../net/result.js";
import { bundlePatch, calledNames, type BundlePatch, type BundleTarget } from "./ca-bundle.js";
import { makeAuthority, makeServerCertificate, type PemPair } from "./certificate.js";
import {
  planCertificates,
  type CertificatePlan,
  type CertificateSecret,
  type CertificateTerms,
} from "./certificate-plan.js";
import type { WebhookClock } from "./ports.js";

/** The Secret as it was seen last; `resourceVersion` is undefined where there is none. */
export type SeenSecret = Readonly<{ resourceVersion: string | undefined; secret: CertificateSecret }>;

/** Why a write was not done. "conflict": somebody else was faster, and what they wrote is on its way to us. */
export type WriteFailure = Readonly<{ kind: "conflict" | "other"; message: string }>;

export type KeeperPorts = Readonly<{
  log: Logger;
  clock: WebhookClock;
  /** 0 to 1. */
  random: () => number;
  /** Writes these keys, only where the Secret is still at the version that was seen. @returns it as it is now */
  writeSecret(seen: SeenSecret, keys: Partial<CertificateSecret>): Promise<Result<SeenSecret, WriteFailure>>;
  /** @returns the target as it is now */
  writeBundle(target: BundleTarget, patch: BundlePatch): Promise<Result<BundleTarget, WriteFailure>>;
  /** From now on this certificate is to be shown. */
  serve(pair: PemPair): void;
}>;

export type KeeperOptions = Readonly<{
  namespace: string;
  /** By which we are called as far as the targets do not say. At least one. */
  dnsNames: readonly string[];
  terms: CertificateTerms;
  /** Of the authorities that are made. Default: rsa. */
  authorityKey?: "rsa" | "ec";
}>;

/**
 * Keeps a good certificate in the Secret, in service and in the trust of the API server. Level-triggered: each look
 * begins with what was seen last, so several of these on one Secret come to the same, and what somebody else wrote is
 * gone on with. Nothing is written before it is known how we are called.
 */
export type CertificateKeeper = Readonly<{
  secretSeen(seen: SeenSecret): void;
  targetSeen(target: BundleTarget): void;
  targetGone(key: string): void;
  /** All targets that there are have been seen, or may not be. @param permitted whether those that matter may be written */
  targetsListed(permitted: boolean): void;
  stop(): void;
}>;

export const targetKey = ({ kind, name }: Pick<BundleTarget, "kind" | "name">): string => `${kind}/${name}`;

/** How often in a row a target is mended at once. While it is wrong every write of a resource fails. */
const FREE_HEALS = 5;
const FIRST_RETRY = 1_000;
const LAST_RETRY = 60_000;
const MAX_TIMER = 2_000_000_000; // what a timer takes, in milliseconds

export function createCertificateKeeper(options: KeeperOptions, ports: KeeperPorts): CertificateKeeper {
  const { namespace, terms } = options;
  const { log, clock } = ports;
  const targets = new Map<string, BundleTarget>(); // BOUNDED by those that are watched
  const heals = new Map<string, Readonly<{ count: number; at: number }>>(); // by target: how often in a row, and when
  const said = new Map<string, string>(); // what was logged last, by what it is about. BOUNDED by the targets, and two
  let seen: SeenSecret | undefined;
  let targetsPermitted: boolean | undefined; // undefined: not all targets have been seen
  let served: PemPair | undefined;
  let trusted: Readonly<{ trust: string; since: number }> | undefined; // by all targets
  let failures = 0; // of writes of the Secret, in a row
  let notBefore = 0; // on the wall clock: when the Secret may be written again, whatever wakes us
  let looking = false;
  let lookAgain = false;
  let stopped = false;
  let cancelTimer: (() => void) | undefined;

  function say(about: string, message: string): void {
    if (said.get(about) === message) return;
    said.set(about, message);
    log.warn({ event: "webhookCertificate", about }, message);
  }

  function request(): void {
    lookAgain = true;
    if (!looking) void run();
  }

  async function run(): Promise<void> {
    looking = true;
    while (lookAgain) {
      if (stopped) break;
      lookAgain = false;
      cancelTimer?.();
      const delay = await look();
      if (!stopped) cancelTimer = clock.setTimer(Math.min(Math.max(delay, 0), MAX_TIMER), request);
    }
    looking = false;
  }

  /** @returns when to look again, if nothing happens before; milliseconds */
  async function look(): Promise<number> {
    const current = seen; // a plan is for this state alone, and so is the fence of what it writes
    if (current === undefined) return terms.look;
    const { plan, dnsNames } = planOf(current);
    if (plan.serve !== undefined) show(plan.serve);
    const retryIn = plan.trust === undefined ? terms.look : await tellTargets(plan.trust);
    const stepIn = targetsPermitted === undefined ? terms.look : await perform(plan, current, dnsNames);
    return Math.min(retryIn, stepIn);
  }

  function planOf({ secret }: SeenSecret): Readonly<{ plan: CertificatePlan; dnsNames: readonly string[] }> {
    const names = calledNames(targets.values(), namespace);
    const dnsNames = names.length === 0 ? options.dnsNames : names;
    return { plan: planCertificates(secret, clock.date(), dnsNames, terms), dnsNames };
  }

  function show(pair: PemPair): void {
    if (served?.certificate === pair.certificate && served.key === pair.key) return;
    served = pair;
    ports.serve(pair);
  }

  /** Writes the bundle where it is not. @returns when to try again what failed or is done too often */
  async function tellTargets(trust: string): Promise<number> {
    let retryIn = terms.look;
    let wasEverywhere = true;
    for (const [key, target] of targets) {
      const patch = bundlePatch(target, namespace, trust);
      if (patch === undefined) continue;
      wasEverywhere = false;
      const before = heals.get(key) ?? { count: 0, at: 0 };
      const now = clock.date();
      const isCalm = now - before.at > LAST_RETRY;
      const isFree = isCalm || before.count < FREE_HEALS; // then somebody keeps wiping it, and is not to be raced
      const waitFor = isFree ? 0 : before.at + retryDelay(before.count - FREE_HEALS) - now;
      if (waitFor > 0) {
        retryIn = Math.min(retryIn, waitFor);
        continue;
      }
      heals.set(key, { count: isCalm ? 1 : before.count + 1, at: now });
      const written = await ports.writeBundle(target, patch);
      if (written.ok) {
        targets.set(key, written.value);
        said.delete(key);
        log.info({ event: "caBundleWritten", target: key }, `told the API server in ${key} whom to trust`);
      } else if (written.fault.kind === "other") {
        say(key, `${written.fault.message} (trying again)`);
      }
      if (!written.ok) retryIn = Math.min(retryIn, retryDelay(before.count));
    }
    const everywhere = [...targets.values()].every((target) => bundlePatch(target, namespace, trust) === undefined);
    const isKnown = everywhere && targetsPermitted === true;
    if (!isKnown) trusted = undefined;
    else if (trusted?.trust !== trust || !wasEverywhere) trusted = { trust, since: clock.date() };
    return retryIn;
  }

  /** Does the next step. @returns when to look again */
  async function perform(
    { step, trust = "" }: CertificatePlan,
    current: SeenSecret,
    dnsNames: readonly string[],
  ): Promise<number> {
    if (step.do === "wait") return step.milliseconds;
    if (step.do === "renewServer" && step.whenTrustedUntil !== undefined) {
      const settled = trusted === undefined ? Infinity : trusted.since + terms.settle; // what makes it trusted wakes us
      const waitFor = Math.min(settled, step.whenTrustedUntil) - clock.date();
      if (waitFor > 0) return Math.min(waitFor, terms.look);
    }
    const waitFor = notBefore - clock.date();
    if (waitFor > 0 && waitFor <= LAST_RETRY) return waitFor; // more: the clock was set back
    const keys = await makeKeys(step, trust, [...new Set([...dnsNames, ...options.dnsNames])]);
    const written = await ports.writeSecret(current, keys);
    if (!written.ok) {
      if (written.fault.kind === "other") say("secret", `${written.fault.message} (trying again)`);
      return writeFailed();
    }
    if (seen === current) seen = written.value; // else the watch was faster
    const { do: next } = planCertificates(written.value.secret, clock.date(), dnsNames, terms).step;
    if (next === step.do) {
      say("secret", "Cannot keep the webhook certificate: the Secret does not hold what is written to it");
      return writeFailed();
    }
    failures = 0;
    said.delete("secret");
    const { why } = step;
    const what = step.do === "renewServer" ? "certificate" : step.do === "addAuthority" ? "authority" : "both";
    log.info({ event: "webhookCertificateMade", what, why }, `made a webhook certificate (${what}): ${why}`);
    lookAgain = true;
    return terms.look;
  }

  function writeFailed(): number {
    const delay = retryDelay(failures);
    failures += 1;
    notBefore = clock.date() + delay;
    return delay;
  }

  async function makeKeys(
    step: Exclude<CertificatePlan["step"], { do: "wait" }>,
    trust: string,
    dnsNames: readonly string[],
  ): Promise<Partial<CertificateSecret>> {
    const from = clock.date() - terms.backdate;
    const serverOf = async (authority: PemPair): Promise<Partial<CertificateSecret>> => {
      const { certificate, key } = await makeServerCertificate(authority, dnsNames, {
        from,
        until: clock.date() + terms.server,
      });
      return { serverCertificate: certificate, serverKey: key };
    };
    if (step.do === "renewServer") return serverOf(step.authority);
    const authority = await makeAuthority({ from, until: clock.date() + terms.authority }, options.authorityKey);
    const { certificate, key: caKey } = authority;
    if (step.do === "addAuthority") return { caCertificates: certificate + trust, caKey };
    return { caCertificates: certificate, caKey, ...(await serverOf(authority)) };
  }

  /** Between half of it and the whole, so that several of us do not come at once. */
  function retryDelay(count: number): number {
    const whole = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(count, 10));
    return Math.round(whole * (0.5 + ports.random() / 2));
  }

  return {
    secretSeen(next) {
      seen = next;
      // At once: we may be making keys, which takes its time, while somebody else has made a certificate.
      const { serve } = planOf(next).plan;
      if (serve !== undefined) show(serve);
      request();
    },
    targetSeen(target) {
      targets.set(targetKey(target), target);
      request();
    },
    targetGone(key) {
      targets.delete(key);
      heals.delete(key);
      request();
    },
    targetsListed(permitted) {
      if (targetsPermitted === permitted) return;
      targetsPermitted = permitted;
      request();
    },
    stop() {
      stopped = true;
      cancelTimer?.();
    },
  };
}
