// Entry of the worker thread that answers ARP and NDP: joins the layer 2 room with the sockets. Nothing in it waits for the main
// thread, and no single piece of work takes long, so that an answer never waits for anything but answers before it. Gossip is
// here too: whoever says that this node lives is the thread that answers for it.
import { parentPort, workerData } from "node:worker_threads";
import { type AnnouncedAddresses } from "./layer2/announced-addresses.js";
import { decodeHandover, encodeHandover } from "./layer2/handover-message.js";
import {
  packAddressCounters,
  type Layer2Report,
  type Layer2Request,
  type Layer2WorkerData,
} from "./layer2/messages.js";
import { membershipPorts } from "./membership-edge.js";
import { createAnnouncer } from "./speaker/layer2-announcer.js";
import { createResponders } from "./speaker/layer2-responders.js";
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
if (parentPort === null) throw new Error("Cannot start layer 2: this file is the entry of a worker thread");
const port = parentPort;
const { excludes, policy } = workerData as Layer2WorkerData;
const addresses: AnnouncedAddresses = new Map();
let membership: MembershipHost | undefined;
const announcer = createAnnouncer(addresses, policy, {
  responders: () => responders,
  onConflict(conflict) {
    membership?.membership()?.seek(); // it may be a speaker that is back, and does not know that it was dead
    report({ type: "conflict", conflict });
  },
  onWithdrawn: handOver,
  onRegained: (address) => report({ type: "regained", address }),
  now: monotonicMilliseconds,
  startTimer,
  defer: (work) => void setImmediate(work),
});
const guard = createStallGuard({
  now: monotonicMilliseconds,
  startTimer,
  confirmOwnership: (stalledMilliseconds) => confirmOwnership(membership, stalledMilliseconds, startTimer),
  onUnconfirmed: (error) => report({ type: "error", error: { interface: undefined, ...explainSystemError(error) } }),
  onClosed() {
    announcer.hold();
    responders.discardWaiting();
  },
  onOpened(stall) {
    announcer.release();
    report({ type: "stalled", stall });
  },
});
const responders = createResponders(addresses, excludes, {
  listLinks,
  openSocket: openFrameSocket,
  openGroupSocket,
  groupError,
  explain: explainSystemError,
  onError: (error) => report({ type: "error", error }),
  onInterfaces: (interfaces) => report({ type: "interfaces", interfaces }),
  onAnswering: announcer.tellTheLink,
  onClaim: announcer.claimHeard,
  mayAnswer: guard.mayAnswer,
  now: monotonicMilliseconds,
  scanSoon,
});

let stopWatching = (): void => {};
let scanTimer: NodeJS.Timeout | undefined;
let scanAt = Infinity;
let lastScan = -Infinity;
let stopped = false;

function handOver(): void {
  for (const body of encodeHandover(responders.handover())) membership?.membership()?.tellOurs(body);
}

/** @returns whether it could be read */
function hearOurs(body: Uint8Array): boolean {
  const handover = decodeHandover(body);
  if (handover.ok) responders.handoverHeard(handover.value);
  return handover.ok;
}

function report(message: Layer2Report, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
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
      return handOver();
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
  announcer.stop();
  guard.stop();
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
    membership = startMembershipHost(request.port, request.options, membershipPorts, {
      hearOurs,
      onLiving: ({ alive, ours }) => responders.strangersLive(alive.size > ours.size),
    });
    return;
  }
  inbox.push(request);
  if (working === undefined && inbox.length === 1) work();
});

try {
  stopWatching = watchLinks(scanSoon);
} catch (error) {
  const { code, message } = explainSystemError(error);
  const missing = code.startsWith("ERR_NATIVE_PART");
  report({ type: missing ? "failed" : "error", error: { interface: undefined, code, message } });
  if (missing) stop(); // without the other: interfaces are still looked at every 10 s
}
scan();
