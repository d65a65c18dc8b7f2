import { answerClaim, noteClaim, noteGivenUp } from "../layer2/address-conflict.js";
import { formatAddressKey, KEY_WORDS, unpackKey, type AddressKey } from "../layer2/address-key.js";
import {
  addressOf,
  announceAddress,
  forgetWithdrawn,
  withdrawAddress,
  type AnnouncedAddress,
  type AnnouncedAddresses,
} from "../layer2/announced-addresses.js";
import { arpProtocol } from "../layer2/arp-responder.js";
import {
  BURST_INTERVAL_MILLISECONDS,
  createGratuitousSchedule,
  nextBurstAt,
  scheduleGratuitous,
  takeDueBursts,
  unscheduleGratuitous,
} from "../layer2/gratuitous-schedule.js";
import type { AddressChanges, AddressConflict, AnnouncerPolicy } from "../layer2/messages.js";
import { ndpProtocol } from "../layer2/ndp-responder.js";
import {
  beginHandover,
  beginProbe,
  createProbes,
  endProbe,
  nextProbeAt,
  probeAgainLater,
  restartProbes,
  takeDueProbes,
} from "../layer2/probing.js";
import type { Responders } from "./layer2-responders.js";

export type AnnouncerPorts = Readonly<{
  responders(): Pick<Responders, "addressChanged" | "answerRemembered" | "sendBursts" | "sendProbes">;
  onConflict(conflict: AddressConflict): void;
  /** Some addresses are answered for no more: whoever does next is to know what was answered. */
  onWithdrawn(): void;
  /** An address that was given up is announced again. */
  onRegained(address: string): void;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** @returns what calls it off */
  startTimer(milliseconds: number, run: () => void): () => void;
  /** Runs `work` after frames have been looked for. */
  defer(work: () => void): void;
}>;

/**
 * What is announced, from the changes that are asked for: probes before, bursts afterwards, and what is done about other
 * machines that have the same. Long work is done in parts of a tenth of a millisecond or so.
 */
export interface Announcer {
  /** Performs the changes in their order; to be continued until it is done. `onlyNew`: what is announced stays untold. */
  change(changes: AddressChanges, onlyNew: boolean): Generator<void>;
  /** Withdraws all but these keys, packed. */
  withdrawOthers(keys: Int32Array): Generator<void>;
  /**
   * Fulfilled when no first announcement waits for an answer to its probes; addresses that were given up, or that another
   * speaker is to let go of, do not count.
   */
  settled(): Promise<void>;
  /** Tells of all that is announced on these interfaces, by index, where it can be heard for the first time. */
  tellTheLink(indexes: readonly number[]): void;
  /** Answers what was kept, unless it is held. */
  answerKept(): void;
  /** Interfaces that were silent are so no more: what was kept is answered, and their links are told. */
  interfacesBack(indexes: readonly number[]): void;
  /** Another machine says that it has this address. */
  claimHeard(address: AnnouncedAddress, interfaceName: string, mac: string): void;
  /** Speakers came or went: for a while nobody is fought, nor is an address given up. */
  fleetChanged(): void;
  /** Sends nothing until release(): the thread does not know whether the addresses are its own. */
  hold(): void;
  /**
   * The addresses are this node's own: what was asked meanwhile is answered; others may have said otherwise, so the link is
   * told.
   */
  release(): void;
  stop(): void;
}

const CHANGES_PER_TURN = 200;
const FRAMES_PER_TURN = 32;

export function createAnnouncer(
  addresses: AnnouncedAddresses,
  policy: AnnouncerPolicy,
  ports: AnnouncerPorts,
): Announcer {
  const schedule = createGratuitousSchedule();
  const newcomers = new Set<number>(); // interfaces whose links are yet to hear of all. BOUNDED by those that exist, or did just now
  const forNewcomers = createGratuitousSchedule();
  const probes = createProbes();
  const waiting = new Set<() => void>(); // BOUNDED by the callers that wait
  let fleetChangedAt = -Infinity;
  let cancelTimer = (): void => {};
  let cancelRefresh = (): void => {};
  let pumping = false;
  let hasWithdrawn = false;
  let held = false;
  let stopped = false;

  function tellSoon(key: AddressKey, periodMilliseconds = periodOf(key)): void {
    scheduleGratuitous(schedule, key, ports.now(), periodMilliseconds);
  }

  function tellOfAll(periodMilliseconds: number): void {
    for (const { key, announced } of addresses.values()) if (announced) tellSoon(key, periodMilliseconds);
    pump();
  }

  function tellOn(indexes: readonly number[]): void {
    for (const index of indexes) newcomers.add(index);
    for (const { key, announced } of addresses.values()) {
      if (announced) scheduleGratuitous(forNewcomers, key, ports.now(), periodOf(key));
    }
    pump();
  }

  function answerKept(): void {
    if (held) return;
    for (const { key, announced } of addresses.values()) if (announced) ports.responders().answerRemembered(key);
  }

  /** Sends what is due, a part in each turn. */
  function pump(): void {
    cancelTimer();
    if (stopped || held || pumping) return;
    const now = ports.now();
    const bursts = Math.min(...[schedule, forNewcomers].map((each) => nextBurstAt(each) ?? Infinity));
    const next = Math.min(bursts, nextProbeAt(probes) ?? Infinity);
    if (next === Infinity) return;
    if (next > now) {
      cancelTimer = ports.startTimer(next - now, pump);
      return;
    }
    const { toSend, ended } = takeDueProbes(probes, addresses, now, FRAMES_PER_TURN);
    for (const key of ended) conclude(addressOf(addresses, key), now);
    ports.responders().sendProbes(toSend);
    const bursting = takeDueBursts(schedule, now, FRAMES_PER_TURN);
    ports.responders().sendBursts(bursting);
    ports.responders().sendBursts(takeDueBursts(forNewcomers, now, FRAMES_PER_TURN - bursting.length), newcomers);
    if (nextBurstAt(forNewcomers) === undefined) newcomers.clear();
    pumping = true;
    ports.defer(() => {
      pumping = false;
      pump();
    });
  }

  /** Nobody has more to say to the probes for an address. */
  function conclude(address: AnnouncedAddress, now: number): void {
    const { probe, key } = address;
    if (probe === undefined) return;
    const { interfaces, claim, isRetry, handover } = probe;
    const yields = claim !== undefined && policy.conflicts === "yield";
    if (yields) probeAgainLater(probes, address, interfaces, now);
    else announce(key, interfaces, handover?.silentSince === undefined ? undefined : now - handover.silentSince);
    if (claim !== undefined) {
      const action = yields ? "yielded" : "nothing";
      ports.onConflict({ address: formatAddressKey(key), ...claim, probed: true, action });
    } else if (isRetry) {
      ports.onRegained(formatAddressKey(key));
    }
    settle();
  }

  /**
   * @param silentMilliseconds for so long nobody has answered for it, where that is known
   * @returns true where it was not announced before, or not on these interfaces
   */
  function announce(
    key: AddressKey,
    interfaces: ReadonlySet<string> | undefined,
    silentMilliseconds?: number,
  ): boolean {
    endProbe(probes, addressOf(addresses, key));
    if (!announceAddress(addresses, key, interfaces)) return false;
    ports.responders().addressChanged(key);
    if (!held) ports.responders().answerRemembered(key, silentMilliseconds);
    tellSoon(key);
    return true;
  }

  function withdraw(key: AddressKey): void {
    const address = addresses.get(key);
    if (address !== undefined) {
      endProbe(probes, address);
      noteGivenUp(address, ports.now());
    }
    if (withdrawAddress(addresses, key)) {
      ports.responders().addressChanged(key);
      hasWithdrawn = true;
    }
    for (const each of [schedule, forNewcomers]) unscheduleGratuitous(each, key);
  }

  function tellWithdrawn(): void {
    if (hasWithdrawn) ports.onWithdrawn();
    hasWithdrawn = false;
  }

  function isAnnounced(key: AddressKey): boolean {
    return addresses.get(key)?.announced === true;
  }

  function settle(): void {
    if (probes.first.size + probes.second.size + probes.verdict.size > 0 && !stopped) return;
    for (const resolve of waiting) resolve();
    waiting.clear();
  }

  function refreshLater(): void {
    if (policy.refreshMilliseconds === 0) return;
    cancelRefresh = ports.startTimer(policy.refreshMilliseconds, () => {
      tellOfAll(0); // one burst; what is on its way through its first ones has enough of them
      refreshLater();
    });
  }

  refreshLater();
  return {
    *change({ keys, scopes, probes: asks, interfaceSets }, onlyNew) {
      const sets = interfaceSets.map((names) => new Set(names));
      for (const [position, scope] of scopes.entries()) {
        if (position % CHANGES_PER_TURN === CHANGES_PER_TURN - 1) yield;
        const key = unpackKey(keys, position * KEY_WORDS);
        if (scope < 0) withdraw(key);
        else if (asks[position] !== 0 && !isAnnounced(key)) {
          const begin = asks[position] === 2 ? beginHandover : beginProbe;
          begin(probes, addressOf(addresses, key), sets[scope - 1], ports.now());
        } else if (!announce(key, sets[scope - 1]) && !onlyNew) tellSoon(key);
      }
      tellWithdrawn();
      forgetWithdrawn(addresses);
      settle();
      pump();
    },
    *withdrawOthers(keys) {
      const wanted = new Set<AddressKey>();
      for (let at = 0; at < keys.length; at += KEY_WORDS) wanted.add(unpackKey(keys, at));
      let looked = 0;
      for (const { key, announced, probe } of addresses.values()) {
        looked += 1;
        if (looked % CHANGES_PER_TURN === 0) yield;
        if ((announced || probe !== undefined) && !wanted.has(key)) withdraw(key);
      }
    },
    settled() {
      return new Promise((resolve) => {
        waiting.add(resolve);
        settle();
      });
    },
    tellTheLink: tellOn,
    answerKept,
    interfacesBack(indexes) {
      restartProbes(probes, addresses, ports.now()); // nobody was heard there
      answerKept();
      tellOn(indexes);
    },
    claimHeard(address, interfaceName, mac) {
      const { probe, key } = address;
      if (probe !== undefined) {
        probe.claim = { interface: interfaceName, mac };
        return;
      }
      const now = ports.now();
      const isNews = noteClaim(address, now, fleetChangedAt);
      const answer = answerClaim(address, now, policy.conflicts, fleetChangedAt);
      if (answer === "yield") {
        const { interfaces } = address;
        withdraw(key);
        probeAgainLater(probes, address, interfaces, now);
      } else if (answer === "defend") {
        tellSoon(key, 0);
      }
      if (answer !== undefined) pump();
      if (!isNews && answer !== "yield") return;
      const action = ACTIONS[answer ?? "report"];
      ports.onConflict({ address: formatAddressKey(key), interface: interfaceName, mac, probed: false, action });
    },
    fleetChanged: () => void (fleetChangedAt = ports.now()),
    hold() {
      held = true;
      cancelTimer();
    },
    release() {
      held = false;
      restartProbes(probes, addresses, ports.now()); // what was answered to them was thrown away
      answerKept();
      tellOfAll(BURST_INTERVAL_MILLISECONDS);
    },
    stop() {
      stopped = true;
      cancelTimer();
      cancelRefresh();
      settle();
    },
  };
}

const ACTIONS = { defend: "defended", yield: "yielded", report: "nothing" } as const;

function periodOf(key: AddressKey): number {
  return (arpProtocol.speaksFor(key) ? arpProtocol : ndpProtocol).burstPeriodMilliseconds;
}
