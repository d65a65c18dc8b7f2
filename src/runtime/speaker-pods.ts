import type { ApiClient } from "./kubernetes/api-client.js";
import { backoffDelay, type Backoff } from "./kubernetes/backoff.js";
import { createCollection } from "./kubernetes/collection.js";
import { listPages } from "./kubernetes/list-pages.js";
import { pause } from "./kubernetes/pause.js";
import { isPermitted } from "./kubernetes/permission.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import type { Resource } from "./kubernetes/resource.js";
import { watchResource } from "./kubernetes/watch.js";
import { readPod } from "./world/read.js";
import type { PodView } from "./world/views.js";

export type ClusterWatch = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  streamingList: boolean;
}>;

const POLL_MILLISECONDS = 5_000;
const ASK_AGAIN: Backoff = { baseMilliseconds: 2_000, limitMilliseconds: 60_000 };

/**
 * Follows the speakers' Pods as far as the permissions reach: by a watch; by a list every 5 s, which is what every
 * install so far grants; or not at all, said once.
 * @param changed all Pods there are, or undefined where they cannot be seen
 */
export async function followSpeakerPods(
  { client, ports, signal, streamingList }: ClusterWatch,
  resource: Resource,
  changed: (pods: readonly PodView[] | undefined) => void,
): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const mayWatch = await isPermitted(client, resource, ["list", "watch"]);
    const mayList = mayWatch.ok && mayWatch.value ? mayWatch : await isPermitted(client, resource, ["list"]);
    if (signal.aborted) return;
    if (mayWatch.ok && mayWatch.value) {
      const pods = createCollection<PodView>(() => {
        if (pods.listed()) changed(pods.values());
      });
      watchResource({ client, resource, read: readPod, handlers: pods.handlers, ports, signal, streamingList });
      return;
    }
    if (mayList.ok && mayList.value) return poll({ client, ports, signal, streamingList }, resource, changed);
    if (mayWatch.ok && mayList.ok && attempt === 0) {
      ports.log.warn(
        { resource: "pods", namespace: resource.namespace },
        `Cannot see the speakers' Pods in ${resource.namespace}: their list is not permitted: grant it, or every Ready node counts as alive`,
      );
      changed(undefined);
    }
    await pause(backoffDelay(ASK_AGAIN, attempt, ports.random()), ports.clock, signal);
  }
}

async function poll(
  { client, ports, signal }: ClusterWatch,
  resource: Resource,
  changed: (pods: readonly PodView[]) => void,
): Promise<void> {
  ports.log.info(
    { resource: "pods" },
    `listing the speakers' Pods every ${POLL_MILLISECONDS / 1000} s: no watch is permitted`,
  );
  let failing = false;
  while (!signal.aborted) {
    const pods: PodView[] = []; // BOUNDED by the Pods with the speakers' labels
    const listed = await listPages(client, resource, (object) => {
      const pod = readPod({ kind: "Pod", apiVersion: "v1", ...object });
      if (pod.ok) pods.push(pod.value);
      else ports.counters.dropped("unreadable_object");
    });
    if (signal.aborted) return;
    if (listed.ok) changed(pods);
    else if (!failing) ports.log.warn({ resource: "pods", reason: listed.fault.kind }, listed.fault.message);
    failing = !listed.ok; // what was seen last stays
    await pause(POLL_MILLISECONDS, ports.clock, signal);
  }
}
