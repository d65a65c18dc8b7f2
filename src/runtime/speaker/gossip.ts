import type { MemberChange, MembershipReport } from "../membership/effects.js";
import { explainReport } from "../membership/report-text.js";
import type { Endpoint } from "../membership/state.js";
import { canonicalAddress } from "../net/address.js";
import type { LogFields, Logger } from "../net/logger.js";
import { describeChange, describeFailures, explainRefusal, type JoinFailure } from "./gossip-text.js";
import type { MembershipClient, MembershipHandlers } from "./membership-client.js";
import type { MembershipCounters, MemberView } from "./membership.js";
import { GIVE_WAY_MILLISECONDS, SETTLE_MILLISECONDS } from "./settle-time.js";

/** Where another speaker may be: the address of its Pod. `expected`: it runs, as far as the API server knows. */
export type GossipPeer = Readonly<{ address: string; expected: boolean }>;

/** @param ours those of them whose speakers say that they are ours */
export type TellAlive = (alive: ReadonlySet<string>, ours: ReadonlySet<string>) => void;

export type GossipPorts = Readonly<{
  /** Opens the sockets and takes part, at first alone. */
  open: (handlers: MembershipHandlers) => Promise<MembershipClient>;
  /** Tells the other speakers that this one has given way. */
  giveWay: () => void;
  /** Calls once; returns what calls it off. */
  startTimer: (milliseconds: number, run: () => void) => () => void;
  log: Logger;
}>;

/**
 * One speaker's part in the gossip of all. It takes part only when it could serve, since from then on the others leave
 * addresses to it; and it tells who lives only when the others had the time to know of it.
 */
export type Gossip = Readonly<{
  /** All speakers that can be seen, this one among them or not. */
  usePeers: (peers: readonly GossipPeer[]) => void;
  /**
   * Takes part and joins the others. Fulfilled when this speaker may begin to answer, or when it leaves. Rejects, with a
   * remedy, where the sockets cannot be opened. Once.
   * @param tell who lives, before it is fulfilled, and after each change from then on
   */
  enter: (tell: TellAlive) => Promise<void>;
  /** Joins those of the peers that are no members; it happens every minute by itself. */
  joinMissing: () => void;
  /** Fulfilled when the others know of this speaker, ten seconds later at most; at once where it has not been told to take part. */
  settled: () => Promise<void>;
  /** Undefined while it takes no part. */
  counters: () => Promise<MembershipCounters | undefined>;
  members: () => Promise<readonly MemberView[]>;
  /** How often it had to begin anew. */
  restarts: () => number;
  /** Tells the others, for a second at most, and ends. Idempotent. */
  leave: () => Promise<void>;
}>;

/** Once one has answered, so much longer for the others: who is there answers within milliseconds. */
const REST_MILLISECONDS = 300;
/** While none answers that should, perhaps nobody can be heard yet. Not for ever, or nobody would serve. */
const ALONE_MILLISECONDS = 10_000;
const ASK_AGAIN_MILLISECONDS = 1_000;
const JOIN_MILLISECONDS = 60_000;
const LEAVE_MILLISECONDS = 1_000;
/** A thread that ended is there again by then. */
const FIRST_RESTART_MILLISECONDS = 200;
const LAST_RESTART_MILLISECONDS = 30_000;
/** Nobody takes part there yet; who begins to finds us, since we were there first. */
const NOBODY = "ECONNREFUSED";

/** @param at where this speaker takes part; the others do at the same port */
export function createGossip(at: Endpoint, ports: GossipPorts): Gossip {
  const log = componentLog(ports.log);
  const left = createLatch();
  let peers: readonly GossipPeer[] = []; // BOUNDED by the speakers' Pods
  let life: Life | undefined;
  const waiting = new Set<() => void>(); // to be settled. BOUNDED by the callers of settled()
  let isJoining = false;
  let toldFailures = ""; // so that the same is said once
  let restarts = 0;
  let tell: TellAlive = () => {};
  let running: Promise<void> | undefined;

  /** Waits that long, or until one of these. */
  async function pause(milliseconds: number, ...others: readonly Promise<unknown>[]): Promise<void> {
    const time = createLatch();
    const cancel = ports.startTimer(milliseconds, time.open);
    await Promise.race([time.opened, ...others]);
    cancel();
  }

  async function run(mayBegin: () => void): Promise<void> {
    let delay = FIRST_RESTART_MILLISECONDS;
    for (let isFirst = true; !left.isOpen(); isFirst = false) {
      const reason = await live(isFirst, () => {
        delay = FIRST_RESTART_MILLISECONDS;
        mayBegin();
      });
      if (left.isOpen()) return;
      log.error({ event: "restarting" }, `${reason}: taking part anew in ${delay} ms`);
      await pause(delay, left.opened);
      restarts += 1;
      delay = Math.min(2 * delay, LAST_RESTART_MILLISECONDS);
    }
  }

  /** From open sockets to their loss. @returns why it ended. Rejects where it is the first and they cannot be opened */
  async function live(isFirst: boolean, mayBegin: () => void): Promise<string> {
    const [contact, refuted, over] = [createLatch(), createLatch(), createLatch<string>()];
    void left.opened.then(() => over.open("leaving"));
    let client: MembershipClient | undefined;
    function changed(changes: readonly MemberChange[] = []): void {
      for (const change of changes) log.info({ event: change.what, member: change.name }, describeChange(change));
      if (client !== undefined && client.alive().size > 1) contact.open();
      if (life?.isSettled !== true) ports.giveWay(); // it answers for nothing yet; later it has to decide first
      tellAlive();
    }
    function onReport(report: MembershipReport): void {
      const { level, text } = explainReport(report);
      log[level]({ event: report.what }, text);
      if (report.what === "refuted") refuted.open();
    }
    try {
      client = await ports.open({ onChanges: changed, onReport, onLost: over.open });
    } catch (error) {
      const refusal = explainRefusal(at, error as NodeJS.ErrnoException);
      if (isFirst) throw new Error(refusal, { cause: error });
      return refusal;
    }
    const here: Life = { client, isSettled: false, over, contact, refuted };
    life = here;
    changed(); // somebody may have been there before us
    const cancelJoins = joinEveryMinute();
    await meetOthers(here, isFirst);
    if (!over.isOpen()) {
      here.isSettled = true;
      for (const resolve of waiting) resolve();
      waiting.clear();
      tellAlive();
      mayBegin();
    }
    const reason = await over.opened;
    life = undefined; // who lived last goes on doing so
    cancelJoins();
    if (left.isOpen()) await client.leave(LEAVE_MILLISECONDS);
    await client.stop();
    return reason;
  }

  /**
   * Waits until all others that are there know of this speaker. Those of the original give way without a word; what comes from them
   * is asked for on the link first, but what was announced before is not.
   */
  async function meetOthers({ client, over, contact, refuted }: Life, isFirst: boolean): Promise<void> {
    const [expected, others] = [endpointsOf((peer) => peer.expected), endpointsOf((peer) => !peer.expected)];
    const alone = createLatch();
    const cancel = ports.startTimer(ALONE_MILLISECONDS, alone.open);
    void client.join(others); // it may be that they live all the same
    let waiting = expected;
    while (waiting.length > 0 && !over.isOpen()) {
      const joining = client.join(waiting);
      await Promise.race([joining, contact.opened, alone.opened, over.opened]);
      if (contact.isOpen()) {
        await pause(REST_MILLISECONDS, joining, over.opened);
        break;
      }
      if (alone.isOpen() || over.isOpen()) break;
      const { failed } = await joining;
      const silent = failed.filter(({ reason }) => reason !== NOBODY);
      waiting = silent.map(({ to }) => to);
      if (waiting.length > 0) await pause(ASK_AGAIN_MILLISECONDS, contact.opened, alone.opened, over.opened);
      if (contact.isOpen()) break;
    }
    if (refuted.isOpen()) await pause(REST_MILLISECONDS, client.join(expected), over.opened);
    cancel();
    if (alone.isOpen() && !contact.isOpen()) {
      log.warn(
        { event: "alone" },
        `no other speaker has answered for ${ALONE_MILLISECONDS / 1000} s: going on without them`,
      );
    }
    if (!isFirst) await pause(SETTLE_MILLISECONDS, over.opened);
    await pause(GIVE_WAY_MILLISECONDS, client.allGaveWay(GIVE_WAY_MILLISECONDS), over.opened);
  }

  function endpointsOf(wanted: (peer: GossipPeer) => boolean): readonly Endpoint[] {
    return peers.filter(wanted).map(({ address }) => ({ address, port: at.port }));
  }

  function tellAlive(): void {
    if (life?.isSettled === true && !left.isOpen()) tell(life.client.alive(), life.client.ours());
  }

  function joinEveryMinute(): () => void {
    let cancel = (): void => {};
    const again = (): void => {
      cancel = ports.startTimer(JOIN_MILLISECONDS, again);
      joinMissing();
    };
    cancel = ports.startTimer(JOIN_MILLISECONDS, again);
    return () => cancel();
  }

  function joinMissing(): void {
    if (life?.isSettled !== true || isJoining) return;
    isJoining = true;
    void joinThrough(life.client).then(() => (isJoining = false));
  }

  async function joinThrough(client: MembershipClient): Promise<void> {
    const members = await client.members();
    const alive = client.alive();
    const there = new Set(members.filter(({ name }) => alive.has(name)).map(({ endpoint }) => endpoint.address));
    const missing = endpointsOf(({ address }) => !there.has(address));
    const { failed } = missing.length === 0 ? { failed: [] } : await client.join(missing);
    tellFailures(failed);
  }

  function tellFailures(failed: readonly JoinFailure[]): void {
    const text = describeFailures(failed);
    const isExpected = failed.some(({ to }) => peers.some((peer) => peer.expected && peer.address === to.address));
    if (text !== toldFailures && text !== "") log[isExpected ? "warn" : "debug"]({ event: "joinFailed" }, text);
    toldFailures = text;
  }

  /** The thread that takes part may have come to a stand: nobody waits for it for ever. */
  async function leave(): Promise<void> {
    left.open();
    const ended = running?.catch(() => {}); // whoever called enter() is told
    if (ended !== undefined) await pause(2 * LEAVE_MILLISECONDS, ended);
  }

  return {
    usePeers(all) {
      const isIPv6 = at.address.includes(":"); // one socket, one family
      peers = all.flatMap(({ address: text, expected }) => {
        const address = canonicalAddress(text);
        if (address === undefined || address === at.address || address.includes(":") !== isIPv6) return [];
        return [{ address, expected }];
      });
    },
    enter: (onAlive) =>
      new Promise((resolve, reject) => {
        tell = onAlive;
        running ??= run(resolve);
        running.then(resolve, reject);
      }),
    joinMissing,
    async settled() {
      if (running === undefined || life?.isSettled === true) return;
      const settled = new Promise<void>((resolve) => waiting.add(resolve));
      await pause(ALONE_MILLISECONDS, settled, left.opened);
    },
    counters: async () => life?.client.counters(),
    members: async () => life?.client.members() ?? [],
    restarts: () => restarts,
    leave,
  };
}

/** One membership, from its open sockets to their loss. */
type Life = {
  readonly client: MembershipClient;
  /** Opened with the first other that is known to live. */
  readonly contact: Latch<void>;
  /** Opened with why it ends. */
  readonly over: Latch<string>;
  /** Opened when others take it for what it was in an earlier life: what they were told before means nothing to them. */
  readonly refuted: Latch<void>;
  /** Others know of it, and may be believed about who lives. */
  isSettled: boolean;
};

type Latch<Value> = Readonly<{ opened: Promise<Value>; isOpen: () => boolean; open: (value: Value) => void }>;

/** A promise that is fulfilled from outside, once; and whether it is. */
function createLatch<Value = void>(): Latch<Value> {
  let isOpen = false;
  let open: (value: Value) => void = () => {};
  const opened = new Promise<Value>((resolve) => {
    open = (value) => {
      isOpen = true;
      resolve(value);
    };
  });
  return { opened, isOpen: () => isOpen, open: (value) => open(value) };
}

/** As lines about gossip are marked in the releases. */
function componentLog(log: Logger): Logger {
  const at =
    (level: keyof Logger) =>
    (fields: LogFields, message: string): void =>
      log[level]({ component: "Memberlist", ...fields }, message);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
