import { backoffDelay, type Backoff } from "./kubernetes/backoff.js";
import { createCollection } from "./kubernetes/collection.js";
import { isStatusServed } from "./kubernetes/discovery.js";
import { pause } from "./kubernetes/pause.js";
import { isPermitted } from "./kubernetes/permission.js";
import { configurationStatesResource } from "./kubernetes/resource.js";
import { watchResource } from "./kubernetes/watch.js";
import type { ClusterWatch } from "./speaker-pods.js";
import { readAnswered, type AnsweredView } from "./world/answered-elsewhere.js";

const ASK_AGAIN: Backoff = { baseMilliseconds: 60_000, limitMilliseconds: 600_000 };

/**
 * Follows the addresses that other machines answer for, as the speakers say in their ConfigurationStates, where the server
 * has those and they may be watched; without, which is said once, nobody tells of such addresses.
 * @param changed all of them, whenever one of them differs
 */
export async function followAnsweredElsewhere(
  edge: ClusterWatch,
  namespace: string,
  changed: (answered: readonly AnsweredView[]) => void,
): Promise<void> {
  const { client, ports, signal } = edge;
  const resource = configurationStatesResource(namespace);
  let isSaid = false;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const isServed = await isStatusServed(client, resource);
    const mayWatch = await isPermitted(client, resource, ["list", "watch"]);
    if (signal.aborted) return;
    if (isServed.ok && isServed.value && mayWatch.ok && mayWatch.value) {
      const labelSelector = "metallb.io/component-type=speaker";
      let told = "[]";
      const states = createCollection<readonly AnsweredView[]>(() => {
        if (!states.listed()) return;
        const answered = states.values().flat();
        const text = JSON.stringify(answered); // most of what changes there is about the configuration
        if (text === told || signal.aborted) return;
        told = text;
        changed(answered);
      });
      void watchResource({
        ...edge,
        resource: { ...resource, labelSelector },
        read: readAnswered,
        handlers: states.handlers,
      });
      return;
    }
    if (mayWatch.ok && !mayWatch.value && !isSaid) {
      isSaid = true;
      const message =
        "list and watch of ConfigurationStates are not permitted, going on without: grant them, or addresses that other " +
        "machines answer for may be given to Services";
      ports.log.info({ resource: "configurationstates" }, message);
    }
    await pause(backoffDelay(ASK_AGAIN, attempt, ports.random()), ports.clock, signal);
  }
}
