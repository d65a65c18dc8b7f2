import {
  holds,
  startOfElection,
  stepElection,
  wakeAt,
  type ElectionEffect,
  type ElectionEvent,
  type ElectionOptions,
  type LeaseWrite,
} from "./election/election.js";
import type { ApiClient } from "./kubernetes/api-client.js";
import { REFUSED_BACKOFF, backoffDelay } from "./kubernetes/backoff.js";
import { createLeaseStore, leaseResource, readLease } from "./kubernetes/lease.js";
import { pause } from "./kubernetes/pause.js";
import { isPermitted } from "./kubernetes/permission.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import { watchResource } from "./kubernetes/watch.js";
import { succeed } from "./net/result.js";

/** Whether this process is the one that writes. */
export type Leadership = Readonly<{
  /** To be asked at each write. */
  holds(): boolean;
  /** Writes no more, and lets the next one begin at once. Resolves when that has been said, or could not be; once is enough. */
  resign(): Promise<void>;
}>;

export type LeaderElectionOptions = Readonly<{
  /** auto: on in a Pod that may use Leases. */
  mode: "on" | "off" | "auto";
  leaseName: string;
  leaseDurationMilliseconds: number;
  renewDeadlineMilliseconds: number;
  retryPeriodMilliseconds: number;
  namespace: string;
  /** Our own Pod; "": not known. */
  podName: string;
  /** The machine, where the Pod is not known; for people. */
  hostName: string;
}>;

export type LeaderElectionNeed = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  /**
   * Our turn begins. `isElected`: another may have written until now.
   * Does not reject.
   */
  begin(isElected: boolean): Promise<void> | void;
  /** It is over. Called as soon as that is known; holds() may be false before. */
  end(): void;
}>;

const RESIGN_MILLISECONDS = 2_000;

/** Takes part in the election until resign(); without one it is our turn from the beginning. */
export function startLeaderElection(options: LeaderElectionOptions, need: LeaderElectionNeed): Leadership {
  const stop = new AbortController();
  let election: Election | undefined;
  let isAlone = false;
  let resigned: Promise<void> | undefined;

  async function start(): Promise<void> {
    const why = await askWhyOff(options, need, stop.signal);
    if (stop.signal.aborted) return;
    if (why === undefined) {
      election = runElection(options, need, stop.signal);
      return;
    }
    need.ports.log.info({ event: "leaderElectionOff" }, `leader election is off: ${why}`);
    isAlone = true;
    void need.begin(false);
  }

  void start();
  return {
    holds: () => isAlone || election?.holds() === true,
    resign: () => (resigned ??= resign()),
  };

  async function resign(): Promise<void> {
    stop.abort();
    if (isAlone) need.end();
    isAlone = false;
    await election?.resign();
  }
}

/** @returns undefined: it is on. Waits until the server says what is permitted, and where it is wanted, until it is. */
async function askWhyOff(
  { mode, podName, namespace, leaseName }: LeaderElectionOptions,
  { client, ports }: LeaderElectionNeed,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (mode === "off") return "as it was asked for";
  if (mode === "auto" && podName === "") return "this is no Pod that knows its name (METALLB_POD_NAME)";
  const leases = leaseResource(namespace, leaseName);
  const remedy = `get and update of the Lease ${namespace}/${leaseName} and create of leases are not permitted`;
  let isSaid = false;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const answers = await Promise.all([
      isPermitted(client, leases, ["get", "update"], leaseName),
      isPermitted(client, leases, ["create"]),
    ]);
    const permitted = answers.every((answer) => answer.ok && answer.value);
    const denied = answers.some((answer) => answer.ok && !answer.value);
    if (permitted) return undefined;
    if (denied && mode === "auto") return remedy;
    if (denied && !isSaid)
      ports.log.error({ event: "leaderElectionDenied" }, `Cannot elect a leader: ${remedy}: grant them`);
    isSaid ||= denied;
    await pause(backoffDelay(REFUSED_BACKOFF, attempt, ports.random()), ports.clock, signal);
  }
  return undefined;
}

type Election = Leadership;

function runElection(options: LeaderElectionOptions, need: LeaderElectionNeed, stopped: AbortSignal): Election {
  const { client, ports } = need;
  const { clock, log } = ports;
  const { namespace, leaseName } = options;
  const election = electionOptions(options, ports.random());
  const store = createLeaseStore({
    client,
    clock,
    namespace,
    name: leaseName,
    timeoutMilliseconds: election.renewDeadline / 2, // so that there is time for another
  });
  let state = startOfElection(clock.now());
  let cancelTimer: (() => void) | undefined;
  let failed = false; // the last request; only the first in a row is logged
  let whenEnded: (() => void) | undefined;
  const fields = { lease: `${namespace}/${leaseName}`, identity: election.identity };

  function dispatch(event: ElectionEvent): void {
    const [after, effects] = stepElection(election, state, event);
    state = after;
    for (const effect of effects) perform(effect);
    cancelTimer?.();
    const wake = wakeAt(election, state);
    cancelTimer =
      wake === undefined
        ? undefined
        : clock.setTimer(Math.max(0, wake - clock.now()), () => dispatch({ type: "time", now: clock.now() }));
  }

  /** What it answers with comes later: no event is raised before this returns. */
  function perform(effect: ElectionEffect): void {
    switch (effect.do) {
      case "read":
        return void read();
      case "write":
        return void write(effect.write);
      case "begin":
        log.info({ event: "leaderElected", ...fields }, "the Lease is ours: this controller gives the addresses now");
        return void need.begin(true);
      case "end":
        log.info({ event: "leaderEnded", ...fields }, `the Lease is not ours any more: ${effect.why}`);
        return need.end();
      case "ended":
        return whenEnded?.();
    }
  }

  async function read(): Promise<void> {
    const answer = await store.read();
    const now = clock.now();
    noteFailure(answer.ok ? undefined : answer.fault.message);
    dispatch(answer.ok ? { type: "read", now, lease: answer.value } : { type: "readFailed", now });
  }

  async function write(write: LeaseWrite): Promise<void> {
    const sentAt = clock.now();
    const answer = await store.write(write as Parameters<typeof store.write>[0]);
    const now = clock.now();
    const isConflict = !answer.ok && answer.fault.kind === "conflict";
    noteFailure(answer.ok || isConflict ? undefined : answer.fault.message);
    dispatch(
      answer.ok ? { type: "written", now, sentAt, lease: answer.value } : { type: "writeFailed", now, isConflict },
    );
  }

  function noteFailure(message: string | undefined): void {
    if (message !== undefined && !failed)
      log.warn({ event: "leaseUnavailable", ...fields }, `${message} (trying again)`);
    failed = message !== undefined;
  }

  async function watch(): Promise<void> {
    const resource = leaseResource(namespace, leaseName);
    const permitted = await isPermitted(client, resource, ["list", "watch"], leaseName);
    if (stopped.aborted || !permitted.ok || !permitted.value) return; // it is looked at all the same, less often
    watchResource({
      client,
      resource,
      read: (object) => succeed(readLease(object)),
      handlers: {
        changed: (lease) => dispatch({ type: "seen", now: clock.now(), lease }),
        deleted: () => dispatch({ type: "seen", now: clock.now(), lease: undefined }),
        listed: () => undefined,
      },
      ports,
      signal: stopped,
      streamingList: false,
    });
  }

  log.info({ event: "leaderElectionOn", ...fields }, "waiting for the Lease");
  dispatch({ type: "time", now: clock.now() });
  void watch();
  return {
    holds: () => holds(election, state, clock.now()),
    async resign() {
      await new Promise<void>((resolve) => {
        const cancel = clock.setTimer(RESIGN_MILLISECONDS, resolve);
        whenEnded = () => {
          cancel();
          resolve();
        };
        dispatch({ type: "resign", now: clock.now() });
      });
      cancelTimer?.();
    },
  };
}

/** The names of this process and of its former lives: in a Pod, a container begins when the one before has ended. */
function electionOptions(options: LeaderElectionOptions, random: number): ElectionOptions {
  const { podName, hostName } = options;
  const chance = Math.floor(random * 2 ** 48).toString(36);
  return {
    leaseDuration: options.leaseDurationMilliseconds,
    renewDeadline: options.renewDeadlineMilliseconds,
    retryPeriod: options.retryPeriodMilliseconds,
    identity: `${podName === "" ? hostName : podName}_${chance}`,
    ...(podName === "" ? {} : { formerLives: `${podName}_` }),
  };
}
