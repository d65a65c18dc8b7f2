/** Equal-cost routes of a router's kernel in resilient next-hop groups: flows stay where they are when another hop goes. */
import type { Host } from "./host.js";

export type ResilientRoutes = Readonly<{
  /** The gateways of each prefix, sorted, as the kernel forwards by them now. */
  gateways: () => ReadonlyMap<string, readonly string[]>;
  /** Removes routes and groups. */
  stop: () => Promise<void>;
}>;

/** So many parts of the flows are spread over the next hops. */
const BUCKETS = 96;
/** Seconds for which a bucket has to be without a packet before another next hop may have it: longer than any test. */
const IDLE_SECONDS = 3600;
const FIRST_ID = 1000;
const LOOK_MILLISECONDS = 500;

type KernelRoute = Readonly<{ dst: string; gateway?: string; nexthops?: readonly Readonly<{ gateway?: string }>[] }>;

/**
 * Follows the IPv4 routes that a routing daemon writes into `table`, which nobody looks up, and has the host forward by
 * them with resilient groups. BIRD 2.0 and FRR 8.4 write what they learn by BGP as plain multipath routes, in which a next
 * hop that goes moves flows of the others, too; routers that are made for this, and the kernel, can do better.
 */
export async function startResilientRoutes(host: Host, table: number): Promise<ResilientRoutes> {
  const monitor = host.spawn(["ip", "-4", "-o", "monitor", "route"], { name: `routes of ${host.name}` });
  const ids = new Map<string, number>(); // of gateways and, as `group PREFIX`, of groups; BOUNDED by those there ever were
  let held: ReadonlyMap<string, readonly string[]> = new Map();
  const over = new AbortController();

  const idOf = (name: string): number => {
    const id = ids.get(name) ?? FIRST_ID + ids.size;
    ids.set(name, id);
    return id;
  };

  function changesTo(wanted: ReadonlyMap<string, readonly string[]>): readonly string[] {
    const lines: string[] = [];
    for (const [prefix, gateways] of wanted) {
      if (held.get(prefix)?.join() === gateways.join()) continue;
      for (const gateway of gateways) {
        if (!ids.has(gateway)) lines.push(`nexthop replace id ${idOf(gateway)} via ${gateway} dev eth0`);
      }
      const group = idOf(`group ${prefix}`);
      const timers = `buckets ${BUCKETS} idle_timer ${IDLE_SECONDS} unbalanced_timer 0`;
      lines.push(`nexthop replace id ${group} group ${gateways.map(idOf).join("/")} type resilient ${timers}`);
      if (!held.has(prefix)) lines.push(`route replace ${prefix} nhid ${group}`);
    }
    for (const prefix of held.keys()) {
      if (!wanted.has(prefix)) lines.push(`nexthop delete id ${idOf(`group ${prefix}`)}`); // and its route with it
    }
    return lines;
  }

  async function apply(wanted: ReadonlyMap<string, readonly string[]>): Promise<void> {
    const lines = changesTo(wanted);
    if (lines.length > 0) await host.exec(["ip", "-batch", "-"], lines.map((line) => `${line}\n`).join(""));
    held = wanted;
  }

  async function look(): Promise<void> {
    const { stdout, stderr, code } = await host.attempt(["ip", "-4", "-j", "route", "show", "table", `${table}`]);
    const isEmpty = stdout.trim() === "" || stderr.includes("FIB table does not exist");
    if (code !== 0 && !isEmpty) throw new Error(`Cannot read the routes of ${host.name}: ${stderr}`);
    const routes = (isEmpty ? [] : JSON.parse(stdout)) as readonly KernelRoute[];
    const wanted = new Map<string, readonly string[]>();
    for (const { dst, gateway, nexthops } of routes) {
      const gateways = (nexthops?.map((hop) => hop.gateway) ?? [gateway]).flatMap((one) => one ?? []).toSorted();
      if (gateways.length > 0) wanted.set(dst, gateways);
    }
    await apply(wanted);
  }

  let failure: unknown;
  const following = (async () => {
    while (!over.signal.aborted) {
      const since = monitor.mark();
      await look();
      // What happened before the monitor listened it never tells: so look now and then.
      await monitor.waitForOutput(/\n/, { since, deadlineMs: LOOK_MILLISECONDS }).catch((error: unknown) => {
        if (!monitor.running() && !over.signal.aborted) throw error;
      });
    }
  })().catch((error: unknown) => void (failure = error));

  return {
    gateways() {
      if (failure !== undefined) throw failure as Error;
      return held;
    },
    async stop() {
      over.abort();
      await monitor.kill();
      await following;
      await apply(new Map());
      const gateways = [...ids].filter(([name]) => !name.startsWith("group ")).map(([, id]) => id);
      await host.exec(["ip", "-batch", "-"], gateways.map((id) => `nexthop delete id ${id}\n`).join(""));
    },
  };
}
