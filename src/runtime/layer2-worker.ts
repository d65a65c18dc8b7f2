// Entry of the worker thread that answers ARP and NDP: joins the layer 2 room with the sockets. Nothing in it waits for the main
// thread, and no single piece of work takes long, so that an answer never waits for anything but answers before it. Gossip is
// here too: whoever says that this node lives is the thread that answers for it.
import { parentPort, workerData } from "node:worker_threads";
import { KEY_WORDS, unpackKey, type AddressKey } from "./layer2/address-key.js";
import {
  announceAddress,
  forgetWithdrawn,
  withdrawAddress,
  type AnnouncedAddresses,
} from "./layer2/announced-addresses.js";
import { arpProtocol } from "./layer2/arp-responder.js";
import {
  createGratuitousSchedule,
  nextBurstAt,
  scheduleGratuitous,
  takeDueBursts,
  unscheduleGratuitous,
} from "./layer2/gratuitous-schedule.js";
import {
  packAddressCounters,
  type AddressChanges,
  type Layer2Report,
  type Layer2Request,
  type Layer2WorkerData,
} from "./layer2/messages.js";
import { ndpProtocol } from "./layer2/ndp-responder.js";
import { membershipPorts } from "./membership-edge.js";
import { createResponders } from "./speaker/layer2-responders.js";
import { startMembershipHost, type MembershipHost } from "./speaker/membership-host.js";
import type { MembershipStart } from "./speaker/membership-messages.js";
import { monotonicMilliseconds } from "./transport/clock.js";
import { openFrameSocket } from "./transport/frame-socket.js";
import { groupError, openGroupSocket } from "./transport/group-socket.js";
import { listLinks, watchLinks } from "./transport/links.js";
import { explainSystemError } from "./transport/native.js";

const SCAN_INTERVAL_MILLISECONDS = 10_000;
/** Interfaces change in swarms (a Pod starts): one scan for all of it, and no more than one a second. */
const SCAN_PAUSE_MILLISECONDS = 1000;
const SCAN_DELAY_MILLISECONDS = 20;
/** Work in one turn of the event loop, a tenth of a millisecond or so; frames are looked for in between. */
const CHANGES_PER_TURN = 200;
const BURSTS_PER_TURN = 32;

if (parentPort === null) throw new Error("Cannot start layer 2: this file is the entry of a worker thread");
const port = parentPort;
const addresses: AnnouncedAddresses = new Map();
const schedule = createGratuitousSchedule();
const responders = createResponders(addresses, (workerData as Layer2WorkerData).excludes, {
  listLinks,
  openSocket: openFrameSocket,
  openGroupSocket,
  groupError,
  explain: explainSystemError,
  onError: (error) => report({ type: "error", error }),
  onInterfaces: (interfaces) => report({ type: "interfaces", interfaces }),
  onAnswering: tellTheLink,
  onConflict: (conflict) => report({ type: "conflict", conflict }),
  now: monotonicMilliseconds,
  scanSoon,
});

let membership: MembershipHost | undefined;
let stopWatching = (): void => {};
let scanTimer: NodeJS.Timeout | undefined;
let scanAt = Infinity;
let lastScan = -Infinity;
let burstTimer: NodeJS.Timeout | undefined;
let pumping = false;
let stopped = false;

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

/** What is announced already is told anew where it can be heard for the first time. */
function tellTheLink(): void {
  const now = monotonicMilliseconds();
  for (const { key, announced } of addresses.values()) if (announced) tellSoon(key, now);
  pumpBursts();
}

function tellSoon(key: AddressKey, now: number): void {
  const { burstPeriodMilliseconds } = arpProtocol.speaksFor(key) ? arpProtocol : ndpProtocol;
  scheduleGratuitous(schedule, key, now, burstPeriodMilliseconds);
}

/** Sends the bursts that are due, a part in each turn. */
function pumpBursts(): void {
  clearTimeout(burstTimer);
  if (stopped || pumping) return;
  const now = monotonicMilliseconds();
  const next = nextBurstAt(schedule);
  if (next === undefined) return;
  if (next > now) {
    burstTimer = setTimeout(pumpBursts, next - now);
    return;
  }
  responders.sendBursts(takeDueBursts(schedule, now, BURSTS_PER_TURN));
  pumping = true;
  setImmediate(() => {
    pumping = false;
    pumpBursts();
  });
}

/** Requests in the order in which they came. BOUNDED by what the main thread sends before it waits for an answer. */
const inbox: Layer2Request[] = [];
let working: Generator<void> | undefined;

function* perform(request: Layer2Request): Generator<void> {
  switch (request.type) {
    case "replace":
      yield* withdrawOthers(request.changes.keys);
      yield* change(request.changes, true);
      return doneOnceHeard(request.id);
    case "change":
      yield* change(request.changes, false);
      return doneOnceHeard(request.id);
    case "scan":
      scan();
      return report({ type: "done", id: request.id });
    case "counters":
      return reportCounters(request.id);
    case "stop":
      return stop();
  }
}

/** What comes next does not wait for the groups to be joined, which may take long where there are thousands. */
function doneOnceHeard(id: number): void {
  void responders.settled().then(() => report({ type: "done", id }));
}

function* change({ keys, scopes, interfaceSets }: AddressChanges, onlyNew: boolean): Generator<void> {
  const sets = interfaceSets.map((names) => new Set(names));
  for (const [position, scope] of scopes.entries()) {
    if (position % CHANGES_PER_TURN === CHANGES_PER_TURN - 1) yield;
    const key = unpackKey(keys, position * KEY_WORDS);
    if (scope < 0) {
      withdraw(key);
    } else if (announceAddress(addresses, key, sets[scope - 1])) {
      responders.addressChanged(key);
      tellSoon(key, monotonicMilliseconds());
    } else if (!onlyNew) {
      tellSoon(key, monotonicMilliseconds());
    }
  }
  forgetWithdrawn(addresses);
  pumpBursts();
}

function withdraw(key: AddressKey): void {
  if (withdrawAddress(addresses, key)) responders.addressChanged(key);
  unscheduleGratuitous(schedule, key);
}

function* withdrawOthers(keys: Int32Array): Generator<void> {
  const wanted = new Set<AddressKey>();
  for (let at = 0; at < keys.length; at += KEY_WORDS) wanted.add(unpackKey(keys, at));
  let looked = 0;
  for (const { key, announced } of addresses.values()) {
    looked += 1;
    if (looked % CHANGES_PER_TURN === 0) yield;
    if (announced && !wanted.has(key)) withdraw(key);
  }
}

function reportCounters(id: number): void {
  const packed = packAddressCounters(addresses.values(), addresses.size);
  report({ type: "counters", id, addresses: packed, interfaces: responders.counters() }, [packed.buffer]);
}

function stop(): void {
  stopped = true;
  clearTimeout(scanTimer);
  clearTimeout(burstTimer);
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
    membership = startMembershipHost(request.port, request.options, membershipPorts);
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
