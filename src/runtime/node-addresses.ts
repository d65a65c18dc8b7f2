import type { NodeAddresses } from "./allocator/withheld.js";
import { backoffDelay, type Backoff } from "./kubernetes/backoff.js";
import { createCollection } from "./kubernetes/collection.js";
import { listPages } from "./kubernetes/list-pages.js";
import { pause } from "./kubernetes/pause.js";
import { isPermitted } from "./kubernetes/permission.js";
import { NODES } from "./kubernetes/resource.js";
import { watchResource } from "./kubernetes/watch.js";
import { succeed } from "./net/result.js";
import type { ClusterWatch } from "./speaker-pods.js";
import { readNode } from "./world/read.js";

/** What was granted at times is a list alone: Nodes come and go slowly. */
const POLL_MILLISECONDS = 60_000;
/** What changes in many Nodes at once is looked at once; the first list is waited for, and told as it comes. */
const GATHER_MILLISECONDS = 50;
const ASK_AGAIN: Backoff = { baseMilliseconds: 2_000, limitMilliseconds: 60_000 };

/**
 * Follows the addresses of the Nodes as far as the permissions reach: by a watch; by a list every minute; or not at
 * all, said once, which is how it is in installs of the ConfigMap era.
 * @param changed all Nodes, with nothing of them but their addresses, whenever one of those differs; [] where they cannot
 *   be seen
 */
export async function followNodeAddresses(
  edge: ClusterWatch,
  changed: (nodes: readonly NodeAddresses[]) => void,
): Promise<void> {
  const { client, ports, signal } = edge;
  let told: string | undefined;
  const tell = (nodes: readonly NodeAddresses[]): void => {
    const text = JSON.stringify(nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
    if (signal.aborted || text === told) return; // most of what changes in a Node is its conditions
    told = text;
    changed(nodes);
  };
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const mayWatch = await isPermitted(client, NODES, ["list", "watch"]);
    const mayList = mayWatch.ok && mayWatch.value ? mayWatch : await isPermitted(client, NODES, ["list"]);
    if (signal.aborted) return;
    if (mayWatch.ok && mayWatch.value) return watch(edge, tell);
    if (mayList.ok && mayList.value) return poll(edge, tell);
    if (mayWatch.ok && mayList.ok && told === undefined) {
      const remedy = "grant them, or keep the Nodes' own addresses out of the pools";
      ports.log.info({ resource: "nodes" }, `list and watch of Nodes are not permitted, going on without: ${remedy}`);
      tell([]);
    }
    await pause(backoffDelay(ASK_AGAIN, attempt, ports.random()), ports.clock, signal);
  }
}

function watch(edge: ClusterWatch, tell: (nodes: readonly NodeAddresses[]) => void): void {
  let cancelGathering: (() => void) | undefined;
  let isFirst = true;
  const gathered = (): void => {
    cancelGathering = undefined;
    isFirst = false;
    tell(nodes.values());
  };
  const nodes = createCollection<NodeAddresses>(() => {
    if (!nodes.listed()) return;
    if (isFirst) gathered();
    else cancelGathering ??= edge.ports.clock.setTimer(GATHER_MILLISECONDS, gathered);
  });
  edge.signal.addEventListener("abort", () => cancelGathering?.(), { once: true });
  void watchResource({
    ...edge,
    resource: NODES,
    read: (object) => {
      const node = readNode(object);
      return node.ok ? succeed(addressesOf(node.value)) : node;
    },
    handlers: nodes.handlers,
  });
}

async function poll(edge: ClusterWatch, tell: (nodes: readonly NodeAddresses[]) => void): Promise<void> {
  const { client, ports, signal } = edge;
  ports.log.info({ resource: "nodes" }, `listing the Nodes every ${POLL_MILLISECONDS / 1000} s: no watch is permitted`);
  let failing = false;
  while (!signal.aborted) {
    const nodes: NodeAddresses[] = []; // BOUNDED by the Nodes that exist
    const listed = await listPages(client, NODES, (object) => {
      const node = readNode({ kind: "Node", apiVersion: "v1", ...object });
      if (node.ok) nodes.push(addressesOf(node.value));
      else ports.counters.dropped("unreadable_object");
    });
    if (signal.aborted) return;
    if (listed.ok) tell(nodes);
    else if (!failing) ports.log.warn({ resource: "nodes", reason: listed.fault.kind }, listed.fault.message);
    failing = !listed.ok; // what was seen last stays
    await pause(POLL_MILLISECONDS, ports.clock, signal);
  }
}

function addressesOf({ name, internalIPs, externalIPs }: NodeAddresses): NodeAddresses {
  return { name, internalIPs, ...(externalIPs !== undefined && { externalIPs }) };
}
