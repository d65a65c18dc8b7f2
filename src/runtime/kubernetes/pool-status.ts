import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { RECONNECT_BACKOFF, backoffDelay } from "./backoff.js";
import { isStatusServed } from "./discovery.js";
import { isPermitted } from "./permission.js";
import { countersOf, readCountedPool, type CountedPool, type PoolCount } from "./pool-counters.js";
import type { EdgePorts } from "./ports.js";
import { poolsResource, resourcePath } from "./resource.js";
import { watchResource } from "./watch.js";

/**
 * Writes into the status of each IPAddressPool how many of its addresses are in use and free. Level-triggered: what the
 * counts are now is what the status is to say, and a status that says so already is not written. However often they
 * change, a pool is written once in INTERVAL_MILLISECONDS at most, and one write is in flight at a time. Pools of the
 * ConfigMap have no such object; a pool that is not in use yet keeps the status that it has.
 *
 * Off, which is said once, where the server does not know these fields or does not permit the write; with the first
 * change after OFF_MILLISECONDS that is tried anew.
 */
export interface PoolStatus {
  /** Counts may be others than before, or `mayWrite()` has become true. Costs nothing however often it is said. */
  changed(): void;
}

export type PoolStatusOptions = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  /** Ends it; a write in flight is not waited for. */
  signal: AbortSignal;
  streamingList: boolean;
  namespace: string;
  /** Of each pool in use, by name; asked when it is time to write. */
  usage(): readonly PoolCount[];
  /** Something more important is on its way: counts wait, but not for ever. */
  busy(): boolean;
  /** Somebody else writes while this is false. Default: always true. */
  mayWrite?(): boolean;
}>;

const INTERVAL_MILLISECONDS = 1_000;
const PATIENCE_MILLISECONDS = 10_000; // of other work without a pause
const OFF_MILLISECONDS = 600_000;

export function createPoolStatus(options: PoolStatusOptions): PoolStatus {
  const { client, ports, signal, streamingList, namespace, mayWrite = () => true } = options;
  const { clock, log } = ports;
  const resource = poolsResource(namespace);
  const pools = new Map<string, CountedPool>(); // by name, as the server has them. BOUNDED by those that exist
  const written = new Map<string, string>(); // exactly, where numbers would not show a difference. BOUNDED as pools
  const refused = new Map<string, string>(); // what was not taken, of which version. BOUNDED as pools
  let isWatched = false;
  let isListed = false;
  let dirtySince: number | undefined; // undefined: nothing to look at
  let looking = false;
  let failures = 0; // in a row
  let notBefore = 0;
  let offUntil = 0;
  let said = "";
  let cancelTimer: (() => void) | undefined;

  function changed(): void {
    dirtySince ??= clock.now();
    lookSoon();
  }

  function lookSoon(): void {
    const now = clock.now();
    if (cancelTimer !== undefined || looking || signal.aborted || now < offUntil) return;
    cancelTimer = clock.setTimer(Math.max(0, notBefore - now), () => {
      cancelTimer = undefined;
      void look();
    });
  }

  async function look(): Promise<void> {
    const now = clock.now();
    if (dirtySince === undefined || signal.aborted || !mayWrite()) return;
    if (options.busy() && now - dirtySince < PATIENCE_MILLISECONDS) {
      notBefore = now + INTERVAL_MILLISECONDS;
      return lookSoon();
    }
    looking = true;
    const failure = isWatched ? await writeAll() : await begin();
    looking = false;
    if (failure === undefined) {
      failures = 0;
      notBefore = clock.now() + INTERVAL_MILLISECONDS;
    } else {
      holdOff(failure);
    }
    if (dirtySince !== undefined && (isListed || failure !== undefined)) lookSoon(); // else its list says changed()
  }

  /** Watches the pools, once that is known to be of use. */
  async function begin(): Promise<ApiFailure | undefined> {
    const answers = await Promise.all([
      isStatusServed(client, resource),
      isPermitted(client, { ...resource, plural: `${resource.plural}/status` }, ["update"]),
      isPermitted(client, resource, ["list", "watch"]),
    ]);
    for (const answer of answers) if (!answer.ok) return answer.fault;
    const [isServed, ...permitted] = answers.map((answer) => answer.ok && answer.value);
    if (isServed !== true) return off("the server has no status of them: apply the definitions of manifests/crds");
    if (permitted.includes(false))
      return off("not permitted: grant list and watch of ipaddresspools, and update of ipaddresspools/status");
    isWatched = true;
    watchResource({
      client,
      resource,
      read: readCountedPool,
      handlers: {
        changed(pool) {
          if (pools.get(pool.name)?.numbers !== pool.numbers) written.delete(pool.name);
          pools.set(pool.name, pool);
          if (isListed) changed();
        },
        deleted(key) {
          const name = key.slice(key.indexOf("/") + 1);
          for (const known of [pools, written, refused]) known.delete(name);
        },
        listed() {
          isListed = true;
          changed();
        },
      },
      ports,
      signal,
      streamingList,
    });
    return undefined;
  }

  async function writeAll(): Promise<ApiFailure | undefined> {
    dirtySince = undefined;
    for (const count of options.usage()) {
      const failure = mayWrite() && !signal.aborted ? await write(count) : undefined;
      if (failure === undefined) continue;
      dirtySince ??= clock.now();
      return failure;
    }
    return undefined;
  }

  async function write(count: PoolCount): Promise<ApiFailure | undefined> {
    const { pool: name } = count;
    const pool = pools.get(name);
    const { json, numbers } = countersOf(count);
    if (pool === undefined || (pool.numbers === numbers && (written.get(name) ?? json) === json)) return undefined;
    const { resourceVersion } = pool;
    if (refused.get(name) === resourceVersion + json) return undefined;
    const head = { apiVersion: `${resource.group}/${resource.version}`, kind: resource.kind };
    const object = JSON.stringify({ ...head, metadata: { name, namespace, resourceVersion } });
    const path = `${resourcePath(resource, name)}/status`;
    const body = `${object.slice(0, -1)},"status":${json}}`; // numbers of 64 bits are none of JSON.stringify's
    const answer = await client.request({ method: "PUT", path, body });
    if (answer.ok) {
      const stored = readCountedPool(answer.value);
      if (!stored.ok || stored.value.numbers !== numbers)
        return off("the server drops these fields: apply the definitions of manifests/crds");
      pools.set(name, stored.value);
      written.set(name, json);
      return undefined;
    }
    const { kind, message } = answer.fault;
    switch (kind) {
      case "conflict": // its change is on the way to us, or here already
        dirtySince ??= clock.now();
        return undefined;
      case "notFound": // so is its deletion
        return undefined;
      case "invalid":
        log.warn({ event: "poolStatusRefused", pool: name }, message);
        refused.set(name, resourceVersion + json);
        return undefined;
      default:
        return answer.fault;
    }
  }

  function off(why: string): ApiFailure {
    return { kind: "forbidden", message: `The status of IPAddressPools is not written: ${why}` };
  }

  function holdOff({ kind, message, retryAfterMilliseconds }: ApiFailure): void {
    const now = clock.now();
    if (kind === "forbidden") {
      // An install of old has neither the definitions nor the permission, and is none the worse for it.
      if (message !== said) log[isWatched ? "warn" : "info"]({ event: "poolStatusOff" }, message);
      said = message;
      offUntil = now + OFF_MILLISECONDS;
      return;
    }
    log.debug({ event: "poolStatusLate" }, `${message} (trying again)`); // others say so, too
    failures += 1;
    const pause = backoffDelay(RECONNECT_BACKOFF, failures, ports.random());
    notBefore = now + Math.max(INTERVAL_MILLISECONDS, pause, retryAfterMilliseconds ?? 0);
  }

  return { changed };
}
