import { Worker } from "node:worker_threads";
import { addressKey, type AddressKey } from "../layer2/address-key.js";
import {
  packChanges,
  unpackAddressCounters,
  type AddressChange,
  type AddressConflict,
  type AddressCounters,
  type AnnouncerPolicy,
  type AskFirst,
  type InterfaceCounters,
  type Layer2Error,
  type Layer2Interface,
  type Layer2Report,
  type Layer2Request,
  type Layer2WorkerData,
  type LinksBack,
  type Stall,
} from "../layer2/messages.js";
import type { MembershipStart } from "./membership-messages.js";

export type Layer2Options = Readonly<{
  /** The bundled runtime/layer2-worker.ts. */
  workerUrl: URL;
  /** Interfaces whose name matches one of these are left alone, and not even listed. */
  excludes: readonly RegExp[];
  policy: AnnouncerPolicy;
  /** Each is said once, until it goes away or becomes another one. */
  onError: (error: Layer2Error) => void;
  /** The interfaces there are now, after each change. */
  onInterfaces?: (interfaces: readonly Layer2Interface[]) => void;
  /** Another machine has an address too; said once a minute while it goes on, and when something is done about it. */
  onConflict?: (conflict: AddressConflict) => void;
  /** An address that was given up to another machine is announced again. */
  onRegained?: (address: string) => void;
  /** Awaited by a thread that was started again before it answers: others may have its addresses meanwhile. Never rejects. */
  mayAnswer?: () => Promise<void>;
  /** The thread stood still, answered nothing until its addresses were sure to be its own, and answers again. */
  onStalled?: (stall: Stall) => void;
  /** Interfaces have a carrier again, and it is sure whose the addresses are. */
  onLinksBack?: (back: LinksBack) => void;
  /** These speakers have not said in time that they gave way; what is this node's own is answered all the same. */
  onNotGivenWay?: (names: readonly string[]) => void;
}>;

export type Layer2Counters = Readonly<{
  /** By address; addresses that were withdrawn keep theirs. */
  addresses: ReadonlyMap<string, AddressCounters>;
  interfaces: readonly InterfaceCounters[];
  /** How often the worker thread was started again. */
  restarts: number;
  /** How often it stood still for too long, since it was started. */
  stalls: number;
}>;

/**
 * Layer 2, ARP and NDP, on a worker thread of its own, as the main thread sees it. Promises of announce, withdraw and setAll
 * are fulfilled when requests are answered accordingly, or when it cannot be (stopped, or failed for good as `ready` says); they
 * never reject.
 */
export interface Layer2Driver {
  /** Fulfilled after the first scan of the interfaces; rejects where layer 2 cannot work at all (no native part). */
  readonly ready: Promise<void>;
  /**
   * Answers for an address on these interfaces ([]: all), and tells the link so, five times in 5 s by ARP, three times by
   * NDP. Announcing again does not tell sooner, but for longer. What is no address goes to onError.
   * @param probe ask the link first whether another machine has it, which takes 0.3 s: for an address that comes from nobody;
   *   "handover": ask it until nobody has answered for 150 ms
   */
  announce(address: string, interfaces: readonly string[], probe?: AskFirst): Promise<void>;
  withdraw(address: string): Promise<void>;
  /** Announces exactly these, by address; what is announced in this way already stays as it is. */
  setAll(interfacesByAddress: ReadonlyMap<string, readonly string[]>): Promise<void>;
  /** Speakers came or went: for a while claims of others may be theirs. */
  fleetChanged(): void;
  /**
   * Tells the other speakers that this one has given way, and what it has answered; once what was asked for before is in force,
   * and where so many changes of who lives are all there were.
   */
  handOver(changes: number): void;
  /** Empty where the worker is not running. */
  counters(): Promise<Layer2Counters>;
  /** As of the last scan; without the excluded ones. */
  interfaces(): readonly Layer2Interface[];
  /** Looks at the interfaces at once. It happens by itself every 10 s and after each change. */
  scan(): Promise<readonly Layer2Interface[]>;
  /**
   * Has the thread that answers take part in gossip too, until it is told on the port to stop, or ends; the port is moved
   * there. It is closed where the thread is not running just now.
   */
  startMembership(start: MembershipStart): void;
  /** Answers nothing any more; nothing is sent about it. Idempotent. */
  stop(): Promise<void>;
}

/** The worker holds tables and buffers of a few megabytes; a leak shall not take the node's memory. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };
/** In one message: where a node has died, the first addresses need not wait for the last of thousands to be decided on. */
const MAX_CHANGES = 100;
const FIRST_RESTART_MILLISECONDS = 100;
const LAST_RESTART_MILLISECONDS = 10_000;
const STOP_MILLISECONDS = 2000;

type Answer = (report: Layer2Report | undefined) => void;

export function startLayer2(options: Layer2Options): Layer2Driver {
  const { onError, onInterfaces } = options;
  const desired = new Map<AddressKey, readonly string[]>(); // by key; BOUNDED by the announced addresses
  const asked = new Map<number, Answer>(); // by id; BOUNDED by the callers that wait
  const changing = new Set<() => void>(); // waits for a change to be in force, across restarts; BOUNDED likewise
  let unsent: AddressChange[] = []; // BOUNDED by MAX_CHANGES, and while it is held by what is announced in one turn of the event loop
  let sentEarly: Promise<void>[] = []; // of this turn. BOUNDED as what is announced in it
  let flushed: Promise<void> | undefined;
  let interfaces: readonly Layer2Interface[] = [];
  let worker: Worker | undefined;
  let nextId = 1;
  let restarts = 0;
  let restartDelay = FIRST_RESTART_MILLISECONDS;
  let restartTimer: NodeJS.Timeout | undefined;
  let stopping: Promise<void> | undefined;
  let failed = false; // for good
  let isHeld = false; // until it may answer, a thread that was started again is told of nothing
  const first = createDeferred();

  function start(): void {
    const workerData: Layer2WorkerData = { excludes: options.excludes, policy: options.policy };
    const started = new Worker(options.workerUrl, { workerData, resourceLimits: RESOURCE_LIMITS, name: "layer2" });
    worker = started;
    let cause: unknown;
    started.on("error", (error) => (cause = error));
    started.on("exit", (code) => ended(cause ?? `exit code ${code}`));
    started.on("message", receive);
  }

  function receive(report: Layer2Report): void {
    switch (report.type) {
      case "interfaces":
        interfaces = report.interfaces;
        restartDelay = FIRST_RESTART_MILLISECONDS;
        first.resolve();
        return onInterfaces?.(interfaces);
      case "failed":
        failed = true;
        first.reject(new Error(report.error.message));
        return onError(report.error);
      case "error":
        return onError(report.error);
      case "conflict":
        return options.onConflict?.(report.conflict);
      case "regained":
        return options.onRegained?.(report.address);
      case "stalled":
        return options.onStalled?.(report.stall);
      case "linksBack":
        return options.onLinksBack?.(report.back);
      case "notGivenWay":
        return options.onNotGivenWay?.(report.names);
      case "done":
      case "counters":
        asked.get(report.id)?.(report);
        asked.delete(report.id);
    }
  }

  function ended(cause: unknown): void {
    worker = undefined;
    interfaces = [];
    for (const answer of asked.values()) answer(undefined);
    asked.clear();
    if (failed) settleChanges();
    if (failed || stopping !== undefined) return;
    const message = `Cannot answer ARP and NDP: the layer 2 thread ended, ${String(cause)}: nothing to do, it is started again`;
    onError({ interface: undefined, code: "ERR_LAYER2_THREAD", message });
    restartTimer = setTimeout(() => void restart(), restartDelay);
    restartDelay = Math.min(2 * restartDelay, LAST_RESTART_MILLISECONDS);
  }

  async function restart(): Promise<void> {
    restarts += 1;
    start();
    const started = worker;
    isHeld = true;
    await options.mayAnswer?.();
    if (worker !== started) return; // it has ended too, and its successor waits by itself
    isHeld = false;
    await replaceAll();
  }

  function inForceLater(): Promise<void> {
    return new Promise((resolve) => changing.add(resolve));
  }

  function ask(
    request: (id: number) => Layer2Request,
    transfer: ArrayBuffer[] = [],
  ): Promise<Layer2Report | undefined> {
    if (worker === undefined) return Promise.resolve(undefined);
    const id = nextId;
    nextId += 1;
    worker.postMessage(request(id), transfer);
    return new Promise((resolve) => asked.set(id, resolve));
  }

  /** Fulfilled once in force; where the thread ends before, by the list that its successor begins with. */
  async function send(type: "change" | "replace", list: readonly AddressChange[]): Promise<void> {
    const changes = packChanges(list);
    const moved = [changes.keys.buffer, changes.scopes.buffer, changes.probes.buffer];
    const report = await ask((id) => ({ type, id, changes }), moved);
    if (report !== undefined || failed || stopping !== undefined) return;
    await inForceLater();
  }

  async function replaceAll(): Promise<void> {
    unsent = []; // desired has it all
    const earlier = [...changing];
    changing.clear();
    await send("replace", listOf(desired));
    for (const resolve of earlier) resolve();
  }

  /** The changes of one turn of the event loop make a message for each hundred of them. */
  function change(address: string, names: readonly string[] | undefined, probe: AskFirst = false): Promise<void> {
    if (stopping !== undefined) return Promise.resolve();
    const key = requireKey(address);
    if (key === undefined) return Promise.resolve();
    if (names === undefined) desired.delete(key);
    else desired.set(key, names);
    unsent.push({ key, interfaces: names, probe });
    if (unsent.length >= MAX_CHANGES && !isHeld) sentEarly.push(sendChanges()); // the thread begins while we go on
    flushed ??= Promise.resolve().then(flush);
    return flushed;
  }

  async function flush(): Promise<void> {
    flushed = undefined;
    const earlier = sentEarly;
    sentEarly = [];
    await Promise.all([...earlier, isHeld ? inForceLater() : sendChanges()]);
  }

  function sendChanges(): Promise<void> {
    const list = unsent;
    unsent = [];
    return list.length === 0 ? Promise.resolve() : send("change", list);
  }

  function requireKey(address: string): AddressKey | undefined {
    const key = addressKey(address);
    if (key !== undefined) return key;
    const message = `Cannot announce ${JSON.stringify(address)} on layer 2: it is not an address: leave it out`;
    onError({ interface: undefined, code: "ERR_NOT_AN_ADDRESS", message });
    return undefined;
  }

  async function stop(): Promise<void> {
    clearTimeout(restartTimer);
    if (worker !== undefined) {
      const stopped = worker;
      const exited = new Promise<void>((resolve) => stopped.once("exit", () => resolve()));
      stopped.postMessage({ type: "stop" } satisfies Layer2Request, []);
      const timer = setTimeout(() => void stopped.terminate(), STOP_MILLISECONDS);
      await exited;
      clearTimeout(timer);
    }
    settleChanges();
    first.resolve();
  }

  function settleChanges(): void {
    for (const resolve of changing) resolve();
    changing.clear();
  }

  start();
  return {
    ready: first.promise,
    announce: (address, names, probe) => change(address, names, probe),
    withdraw: (address) => change(address, undefined),
    setAll(interfacesByAddress) {
      if (stopping !== undefined) return Promise.resolve();
      desired.clear();
      for (const [address, names] of interfacesByAddress) {
        const key = requireKey(address);
        if (key !== undefined) desired.set(key, names);
      }
      return isHeld ? inForceLater() : replaceAll();
    },
    handOver: (changes) =>
      void (flushed ?? Promise.resolve()).then(() =>
        worker?.postMessage({ type: "handOver", changes } satisfies Layer2Request, []),
      ),
    fleetChanged: () => worker?.postMessage({ type: "fleetChanged" } satisfies Layer2Request, []),
    async counters() {
      const report = await ask((id) => ({ type: "counters", id }));
      if (report?.type !== "counters") {
        return { addresses: new Map(), interfaces: [], restarts, stalls: 0 };
      }
      const { interfaces: counted, stalls } = report;
      return { addresses: unpackAddressCounters(report.addresses), interfaces: counted, restarts, stalls };
    },
    interfaces: () => interfaces,
    async scan() {
      await ask((id) => ({ type: "scan", id }));
      return interfaces;
    },
    startMembership(start) {
      if (worker === undefined || stopping !== undefined) start.port.close();
      else worker.postMessage(start, [start.port]);
    },
    stop: () => (stopping ??= stop()),
  };
}

function listOf(desired: ReadonlyMap<AddressKey, readonly string[]>): AddressChange[] {
  return Array.from(desired, ([key, interfaces]) => ({ key, interfaces }));
}

function createDeferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let [resolve, reject]: [() => void, (error: Error) => void] = [() => {}, () => {}];
  const promise = new Promise<void>((onResolve, onReject) => ([resolve, reject] = [onResolve, onReject]));
  promise.catch(() => {}); // whoever does not wait for it is told by onError
  return { promise, resolve, reject };
}
