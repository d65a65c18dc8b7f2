// Entry of the worker thread that answers ARP and NDP: joins the layer 2 room with the sockets. Nothing in it waits for the main
// thread, and no single piece of work takes long, so that an answer never waits for anything but answers before it. Gossip is
// here too: whoever says that this node lives is the thread that answers for it.
import { parentPort, workerData } from "node:worker_threads";
import { type AnnouncedAddresses } from "./layer2/announced-addresses.js";
import { exclusionOf } from "./layer2/interface-choice.js";
import { decodeHandover, encodeHandover, type Addressed } from "./layer2/handover-message.js";
import {
  packAddressCounters,
  type Layer2Report,
  type Layer2Request,
  type Layer2WorkerData,
} from "./layer2/messages.js";
import { membershipPorts } from "./membership-edge.js";
import { createGiveWay, type GiveWay, type GiveWayPorts } from "./speaker/give-way.js";
import type { Link } from "./net/link.js";
import { createAnnouncer } from "./speaker/layer2-announcer.js";
import { createResponders } from "./speaker/layer2-responders.js";
import { createLinkGuard } from "./speaker/link-guard.js";
import { confirmOwnership } from "./speaker/ownership.js";
import { startMembershipHost, type MembershipHost } from "./speaker/membership-host.js";
import type { MembershipStart } from "./speaker/membership-messages.js";
import { createStallGuard } from "./speaker/stall-guard.js";
import { monotonicMilliseconds, startTimer } from "./transport/clock.js";
import { openFrameSocket } from "./transport/frame-socket.js";
import { groupError, openGroupSocket } from "./transport/group-socket.js";
import { listLinks, watchLinks } from "./transport/links.js";
import { explainSystemError } from "./transport/native.js";

const SCAN_INTERVAL_MILLISECONDS = 10_000;
/** Interfaces change in swarms (a Pod starts): one scan for all of it, and no more than one a second. */
const SCAN_PAUSE_MILLISECONDS = 1000;
const SCAN_DELAY_MILLISECONDS = 20;
/** Carriers are looked at more often: nobody takes over from a node that was cut off for less than some of these. */
const LOOK_PAUSE_MILLISECONDS = 50;
if (parentPort === null) throw new Error("Cannot start layer 2: this file is the entry of a worker thread");
const port = parentPort;
const { excludes, policy } = workerData as Layer2WorkerData;
const addresses: AnnouncedAddresses = new Map();
let membership: MembershipHost | undefined;
let giveWay: GiveWay | undefined; // without gossip nobody waits for anybody
const onMissing = (names: readonly string[]): void => report({ type: "notGivenWay", names });
const confirm = (unsureMilliseconds: number | undefined, ranOn = false): Promise<boolean> =>
  confirmOwnership(membership, unsureMilliseconds, giveWay, startTimer, onMissing, ranOn);
const onUnconfirmed = (error: unknown): void =>
  report({ type: "error", error: { interface: undefined, ...explainSystemError(error) } });
const announcer = createAnnouncer(addresses, policy, {
  responders: () => responders,
  onConflict(conflict) {
    membership?.membership()?.seek(); // it may be a speaker that is back, and does not know that it was dead
    report({ type: "conflict", conflict });
  },
  onWithdrawn: () => tellOurs("answered"),
  onRegained: (address) => report({ type: "regained", address }),
  now: monotonicMilliseconds,
  startTimer,
  defer: (work) => void setImmediate(work),
});
const guard = createStallGuard({
  now: monotonicMilliseconds,
  startTimer,
  beatDueAt: () => membership?.membership()?.nextBeatAt() ?? Infinity,
  confirmOwnership: confirm,
  onUnconfirmed,
  onClosed(stalled) {
    announcer.hold();
    if (stalled) responders.discardWaiting();
  },
  onOpened(stall) {
    announcer.release();
    report({ type: "stalled", stall });
  },
});
const linkGuard = createLinkGuard({
  now: monotonicMilliseconds,
  startTimer,
  confirmOwnership: (unsureMilliseconds) => confirm(unsureMilliseconds, true),
  onUnconfirmed,
  onSure(indexes, heldMilliseconds) {
    const interfaces = responders.names(indexes);
    if (interfaces.length === 0) return; // one that begins to answer later tells its link then
    announcer.interfacesBack(indexes);
    report({ type: "linksBack", back: { interfaces, heldMilliseconds } });
  },
  isExcluded: exclusionOf(excludes),
});
const responders = createResponders(addresses, excludes, {
  listLinks: lookAtLinks,
  openSocket: openFrameSocket,
  openGroupSocket,
  groupError,
  explain: explainSystemError,
  onError: (error) => report({ type: "error", error }),
  onInterfaces: (interfaces) => report({ type: "interfaces", interfaces }),
  onAnswering: announcer.tellTheLink,
  onClaim: announcer.claimHeard,
  mayAnswer: guard.mayAnswer,
  ranAt: guard.ranAt,
  answerSoon: () => void setImmediate(announcer.answerKept),
  isSilent: linkGuard.isSilent,
  now: monotonicMilliseconds,
  scanSoon,
});

let stopWatching = (): void => {};
let scanTimer: NodeJS.Timeout | undefined;
let scanAt = Infinity;
let lastScan = -Infinity;
let lookTimer: NodeJS.Timeout | undefined;
let lastLook = -Infinity;
let stopped = false;

/** @param names undefined: to all of ours that live */
function tellOurs(kind: Addressed["kind"], names?: ReadonlySet<string>): void {
  const handover = kind === "asks" ? { coveredMilliseconds: 0, answered: [] } : responders.handover();
  membership
    ?.membership()
    ?.tellOurs((name, incarnation) =>
      names?.has(name) === false ? [] : encodeHandover(handover, { kind, incarnation }),
    );
}

/** @returns whether it could be read */
function hearOurs(body: Uint8Array, sender: string | undefined): boolean {
  const read = decodeHandover(body);
  if (!read.ok) return false;
  const { kind, incarnation } = read.value;
  if (kind !== "asks") responders.handoverHeard(read.value);
  else if (sender !== undefined) giveWay?.asked(sender);
  if (kind === "gaveWay" && sender !== undefined) giveWay?.gaveWay(sender, incarnation);
  return true;
}

/** Another speaker found this one dead; it has protested, but that one may have taken over. */
function takenForDead(incarnation: number): void {
  giveWay?.takenForDead(incarnation);
  for (const { announced } of addresses.values()) if (announced) return guard.doubt();
}

function report(message: Layer2Report, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

/** @throws what listLinks() throws */
function lookAtLinks(): readonly Link[] {
  lastLook = monotonicMilliseconds();
  const links = listLinks();
  linkGuard.look(links);
  return links;
}

function look(): void {
  if (stopped) return;
  lookTimer = undefined;
  try {
    lookAtLinks();
  } catch {
    // The scan that follows has the same trouble, and tells of it.
  }
}

function linksChanged(): void {
  const rest = lastLook + LOOK_PAUSE_MILLISECONDS - monotonicMilliseconds();
  if (rest <= 0) look();
  else lookTimer ??= setTimeout(look, rest);
  scanSoon();
}

function scan(): void {
  if (stopped) return;
  lastScan = monotonicMilliseconds();
  scanAt = Infinity;
  responders.scan();
  planScan(SCAN_INTERVAL_MILLISECONDS);
}

function scanSoon(): void {
  const rest = lastScan + SCAN_PAUSE_MILLISECONDS - monotonicMilliseconds();
  planScan(Math.max(SCAN_DELAY_MILLISECONDS, rest));
}

function planScan(delayMilliseconds: number): void {
  const at = monotonicMilliseconds() + delayMilliseconds;
  if (stopped || at >= scanAt) return;
  clearTimeout(scanTimer);
  scanAt = at;
  scanTimer = setTimeout(scan, delayMilliseconds);
}

/** Requests in the order in which they came. BOUNDED by what the main thread sends before it waits for an answer. */
const inbox: Layer2Request[] = [];
let working: Generator<void> | undefined;

function* perform(request: Layer2Request): Generator<void> {
  switch (request.type) {
    case "replace":
      yield* announcer.withdrawOthers(request.changes.keys);
      yield* announcer.change(request.changes, true);
      return doneOnceHeard(request.id);
    case "change":
      yield* announcer.change(request.changes, false);
      return doneOnceHeard(request.id);
    case "scan":
      scan();
      return report({ type: "done", id: request.id });
    case "counters":
      return reportCounters(request.id);
    case "handOver":
      return giveWay?.decided(request.changes);
    case "fleetChanged":
      return announcer.fleetChanged();
    case "stop":
      return stop();
  }
}

/** What comes next does not wait for probes and for groups to be joined, which may take long where there are thousands. */
function doneOnceHeard(id: number): void {
  void Promise.all([responders.settled(), announcer.settled()]).then(() => report({ type: "done", id }));
}

function reportCounters(id: number): void {
  const packed = packAddressCounters(addresses.values(), addresses.size);
  const stalls = guard.stalls();
  report({ type: "counters", id, addresses: packed, interfaces: responders.counters(), stalls }, [packed.buffer]);
}

function stop(): void {
  stopped = true;
  clearTimeout(scanTimer);
  clearTimeout(lookTimer);
  announcer.stop();
  guard.stop();
  linkGuard.stop();
  giveWay?.stop();
  stopWatching();
  void membership?.stop();
  responders.close();
  port.close(); // nothing is left then that keeps the thread alive
}

function work(): void {
  if (working === undefined) {
    const request = inbox.shift();
    if (request === undefined) return;
    working = perform(request);
  }
  if (working.next().done === true) working = undefined;
  if (working !== undefined || inbox.length > 0) setImmediate(work);
}

port.on("message", (request: Layer2Request | MembershipStart) => {
  if (request.type === "membership") {
    giveWay?.stop();
    const ports: GiveWayPorts = {
      tell: (names) => tellOurs("gaveWay", names),
      ask: (names) => tellOurs("asks", names),
      startTimer,
    };
    const of = (giveWay = createGiveWay(request.options.name, ports));
    membership = startMembershipHost(request.port, request.options, membershipPorts, {
      hearOurs,
      async allGaveWay(milliseconds) {
        const all = await of.byAll(milliseconds);
        if (!all && !stopped) onMissing(of.missing());
        return all;
      },
      onTakenForDead: takenForDead,
      onLiving(living) {
        of.livingChanged(living);
        responders.strangersLive(living.alive.size > living.ours.size);
      },
    });
    return;
  }
  inbox.push(request);
  if (working === undefined && inbox.length === 1) work();
});

try {
  stopWatching = watchLinks(linksChanged);
} catch (error) {
  const { code, message } = explainSystemError(error);
  const missing = code.startsWith("ERR_NATIVE_PART");
  report({ type: missing ? "failed" : "error", error: { interface: undefined, code, message } });
  if (missing) stop(); // without the other: interfaces are still looked at every 10 s
}
scan();
