import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import { loadAll } from "js-yaml";
import type { Logger } from "./net/logger.js";
import { bfdPorts } from "./bfd-edge.js";
import { createBgpPorts, listenForBgp } from "./bgp-edge.js";
import { createBfdMetrics } from "./metrics/bfd-metrics.js";
import { createBgpMetrics } from "./metrics/bgp-metrics.js";
import type { Registry } from "./metrics/registry.js";
import { aborted } from "./stop-on-signals.js";
import { createSpeakerMetrics, type SpeakerMetrics } from "./metrics/speaker-metrics.js";
import type { AnnouncerPolicy, Layer2Interface } from "./layer2/messages.js";
import { startLayer2, type Layer2Driver } from "./speaker/layer2-driver.js";
import { createAnsweredElsewhere } from "./speaker/answered-elsewhere.js";
import { createBfdPeers, type BfdPeerCounts, type BfdPeers } from "./speaker/bfd-peers.js";
import { createMembershipClient, type MembershipClient, type MembershipHandlers } from "./speaker/membership-client.js";
import type { HostedOptions } from "./speaker/membership-messages.js";
import type { BgpPeerView } from "./speaker/bgp-peer-view.js";
import { createBgpSessions } from "./speaker/bgp-sessions.js";
import { createSpeaker, type Speaker, type SpeakerOptions, type SpeakerPorts } from "./speaker/speaker.js";
import { monotonicMilliseconds, startTimer } from "./transport/clock.js";
import type { AnsweredView } from "./world/answered-elsewhere.js";

/** One node's speaker with all that it answers with: the same on a cluster and on manifests. */
export type SpeakerNode = Readonly<{
  speaker: Speaker;
  /** The BGP peers of this node as they are now. */
  bgpPeers(): readonly BgpPeerView[];
  metrics: SpeakerMetrics;
  /** Why this node can announce nothing just now; undefined where it can. */
  notReadyReason(): string | undefined;
  /** Asks the worker for its totals; before each scrape. */
  refreshMetrics(): Promise<void>;
  /** Takes part in gossip, on the thread that answers. Rejects where the sockets cannot be opened, or that thread is not there. */
  openMembership(options: HostedOptions, handlers: MembershipHandlers): Promise<MembershipClient>;
  /** What a thread that was started again waits for before it answers. */
  answerAgainAfter(ready: () => Promise<void>): void;
  /** Tells the other speakers that this one has given way to those it knows of. */
  handOver(): void;
  /** Withdraws everything. Fulfilled when nothing is answered any more. */
  silence(): Promise<void>;
  /** The same, and ends the thread. Idempotent. */
  stop(): Promise<void>;
}>;

/** A thread that came to a stand does not answer anybody either. */
const SILENCE_MILLISECONDS = 1_000;

/** How this node speaks BGP. */
export type BgpOptions = Readonly<{
  /** The port at which routers may open sessions; undefined: none. */
  bgpListen?: number;
  /** Nothing is heard of peers that are not next to this node, but of those with ebgpMultiHop. RFC 5082 */
  bgpTtlSecurity: boolean;
}>;

/** Where a bundle keeps the entry of the worker thread: beside the file that runs. */
const WORKER_URL = new URL("./layer2-worker.js", import.meta.url);

/** Rejects, with a remedy, where this process may not or cannot answer on any interface. Waits no longer than the signal. */
export async function startSpeakerNode(
  options: SpeakerOptions &
    BgpOptions &
    Readonly<{ excludes: readonly RegExp[]; layer2: AnnouncerPolicy; registry: Registry; signal: AbortSignal }>,
  log: Logger,
  tell: Pick<SpeakerPorts, "recordEvent" | "configResult" | "announces" | "decided"> &
    Readonly<{ answeredElsewhere?(answered: readonly AnsweredView[]): void }>,
): Promise<SpeakerNode> {
  const metrics = createSpeakerMetrics(options.registry, options.node);
  let onInterfaces = (): void => {};
  let interfaceNames: ReadonlySet<string> = new Set(); // also while the thread that tells of them is started again
  let heard: Pick<Speaker, "conflictHeard" | "regained"> | undefined = undefined; // nothing is announced yet
  const answered = createAnsweredElsewhere({
    now: monotonicMilliseconds,
    startTimer,
    changed: (list) => tell.answeredElsewhere?.(list),
  });
  let mayAnswer = (): Promise<void> => Promise.resolve();
  const layer2: Layer2Driver = startLayer2({
    workerUrl: WORKER_URL,
    excludes: options.excludes,
    policy: options.layer2,
    mayAnswer: () => mayAnswer(),
    onError: (error) => log.error({ interface: error.interface, code: error.code }, error.message),
    onInterfaces: (interfaces) => {
      interfaceNames = new Set(interfaces.map(({ name }) => name));
      onInterfaces();
      const answering = interfaces.filter(answers).map(({ name }) => name);
      log.info({ event: "interfaces", interfaces: answering }, "answering on these interfaces");
    },
    onConflict(conflict) {
      heard?.conflictHeard(conflict);
      answered.heard(conflict);
    },
    onRegained(address) {
      heard?.regained(address);
      answered.regained(address);
    },
    onStalled: ({ stalledMilliseconds, heldMilliseconds }) => logStall(log, stalledMilliseconds, heldMilliseconds),
    onLinksBack: (back) =>
      log.info(
        { event: "linksBack", ...back },
        `${back.interfaces.join(", ")} ${back.interfaces.length === 1 ? "has" : "have"} a carrier again: nothing was answered ` +
          `there for ${Math.round(back.heldMilliseconds)} ms more, until it was sure whose the addresses are`,
      ),
    onNotGivenWay: (names) =>
      log.warn(
        { event: "notGivenWay", nodes: names },
        `addresses are answered for, though this is not known to have ended on ${names.join(", ")}: nothing to do unless it is told often`,
      ),
  });
  await Promise.race([layer2.ready, aborted(options.signal)]);
  const refusal = forbidden(layer2.interfaces());
  if (refusal !== undefined) {
    await layer2.stop(); // or this node would win elections and answer nothing
    throw new Error(refusal);
  }
  const { bgpListen: port, bgpTtlSecurity: ttlSecurity } = options;
  let listener: ReturnType<typeof listenForBgp> | undefined;
  try {
    if (port !== undefined)
      listener = listenForBgp({ port, ttlSecurity }, (connection) => sessions.incoming(connection), log);
  } catch (error) {
    await layer2.stop();
    throw error;
  }
  const routerFound: BfdPeers["routerFound"] = (...found) => bfd.routerFound(...found);
  const sessions = createBgpSessions({ ...createBgpPorts(log, listener), routerFound }, ttlSecurity);
  const bfd: BfdPeers = createBfdPeers({ ...bfdPorts, peerDown: sessions.bfdDown, peerUp: sessions.bfdUp, log });
  const setBgp = createBgpMetrics(options.registry);
  const setBfd = createBfdMetrics(options.registry);
  let livingChanges = (): number => 0; // that the thread has told of since it takes part
  const speaker = createSpeaker(options, {
    bgp: sessions,
    bfd,
    announce: (address, interfaces, probe) => void layer2.announce(address, interfaces, probe),
    withdraw: (address) => void layer2.withdraw(address),
    ...tell,
    fleetChanged: layer2.fleetChanged,
    interfaceNames: () => interfaceNames,
    gaugeAnnounced: metrics.setAnnounced,
    gaugeConfig: (state) => metrics.setConfig(state),
    gaugeRefusedRequests: metrics.setRefusedRequests,
    defer: (work) => void setImmediate(work),
    log,
  });
  heard = speaker;
  onInterfaces = () => speaker.interfacesChanged();
  let sessionsEnded: Promise<void> | undefined;
  async function silence(): Promise<void> {
    speaker.stop();
    sessionsEnded ??= sessions.stop(); // takes its time, which answers to ARP have not
    void layer2.setAll(new Map());
    const limit = new AbortController();
    // The thread does one thing after the other: what it counts now it counts in silence.
    await Promise.race([
      layer2.counters(),
      delay(SILENCE_MILLISECONDS, undefined, { signal: limit.signal }).catch(() => {}),
    ]);
    limit.abort();
  }
  return {
    speaker,
    bgpPeers: sessions.views,
    notReadyReason: () => (layer2.interfaces().some(answers) ? undefined : "no interface to answer on"),
    metrics,
    async refreshMetrics() {
      setBgp(sessions.counts(), sessions.refused(), sessions.routesCut());
      const { peers, drops: bfdDrops } = await bfd.counters();
      setBfd(peers.map(countsOf), bfdDrops ?? {});
      const { addresses, interfaces, restarts, stalls } = await layer2.counters();
      const links = interfaces.map(({ protocol, drops, queueOverflows, unsent, errors }) => ({
        protocol: protocol.toLowerCase(),
        drops: { ...drops, queueOverflow: queueOverflows, unsent },
        errors,
      }));
      metrics.setLayer2(addresses, links, { restarts, stalls });
    },
    openMembership(membership, handlers) {
      const { port1, port2 } = new MessageChannel();
      let told = 0;
      const count = (): number => told;
      livingChanges = count;
      const opened = createMembershipClient(port1, {
        ...handlers,
        onChanges(changes) {
          told += 1;
          const number = told;
          handlers.onChanges(changes);
          // Behind the speaker's own, by which it decides; and not where it takes part anew meanwhile.
          const tellOthers = (): void => void (livingChanges === count && layer2.handOver(number));
          setImmediate(() => speaker.whenDecided(tellOthers));
        },
      });
      layer2.startMembership({ type: "membership", port: port2, options: membership });
      return opened;
    },
    answerAgainAfter: (ready) => void (mayAnswer = ready),
    handOver: () => layer2.handOver(livingChanges()),
    silence,
    async stop() {
      await silence();
      answered.stop();
      await Promise.all([layer2.stop(), sessionsEnded]);
      listener?.close();
      await bfd.stop(); // behind the sessions, so that peers hear why they end
    },
  };
}

function logStall(log: Logger, stalledMilliseconds: number, heldMilliseconds: number): void {
  const held = Math.round(heldMilliseconds);
  if (stalledMilliseconds === 0) {
    const message = `another speaker found this one dead: nothing was answered for ${held} ms, until its addresses were sure`;
    return log.warn({ event: "foundDead", heldMilliseconds }, message);
  }
  log.warn(
    { event: "stalled", stalledMilliseconds, heldMilliseconds },
    `the thread that answers ARP and NDP stood still for ${Math.round(stalledMilliseconds)} ms: what was asked meanwhile ` +
      `was not answered, and nothing for ${held} ms more, until its addresses were sure`,
  );
}

function countsOf({ counters: { state, ...counters }, ...counts }: BfdPeerCounts) {
  return { ...counters, ...counts, isUp: state === "Up" };
}

function answers({ noResponder, error, noNdp, ndpError }: Layer2Interface): boolean {
  return (noResponder === undefined && error === undefined) || (noNdp === undefined && ndpError === undefined);
}

/** Why this process may not answer on any interface, where that is so. */
function forbidden(interfaces: readonly Layer2Interface[]): string | undefined {
  const wanted = interfaces.filter(({ noResponder, noNdp }) => noResponder === undefined || noNdp === undefined);
  const refused = wanted.every((each) => !answers(each) && (each.error ?? each.ndpError)?.code === "EPERM");
  return refused ? (wanted[0]?.error ?? wanted[0]?.ndpError)?.message : undefined;
}

/**
 * The interfaces that are never answered on: the list `announcedInterfacesToExclude` of regular expressions, in the
 * file that the original ships. A missing file excludes nothing.
 * @throws Error with a remedy where the file is there and cannot be read as such a list
 */
export async function readExcludedInterfaces(file: string): Promise<readonly RegExp[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new Error(`Cannot read ${file}: ${(error as Error).message}: make it readable, or remove it`, {
      cause: error,
    });
  }
  try {
    const [document] = loadAll(text); // none in an empty file
    const content = (document ?? {}) as { announcedInterfacesToExclude?: unknown };
    const list = content.announcedInterfacesToExclude ?? [];
    if (!Array.isArray(list)) throw new Error("announcedInterfacesToExclude is not a list");
    return list.map((expression) => new RegExp(String(expression)));
  } catch (error) {
    const problem = (error as Error).message;
    throw new Error(`Cannot use ${file}: ${problem}: write announcedInterfacesToExclude as a list of expressions`, {
      cause: error,
    });
  }
}
