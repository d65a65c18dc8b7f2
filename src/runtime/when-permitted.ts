import type { ApiClient } from "./kubernetes/api-client.js";
import { backoffDelay, type Backoff } from "./kubernetes/backoff.js";
import { pause } from "./kubernetes/pause.js";
import { isPermitted, type Verb } from "./kubernetes/permission.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import type { Resource } from "./kubernetes/resource.js";

/** Permissions may be granted later; while they are not, the question costs little. */
const ASK_AGAIN: Backoff = { baseMilliseconds: 2_000, limitMilliseconds: 60_000 };

/**
 * Waits until all these verbs are granted on the resource, or on the one object of that name.
 * @param onDenied called once, when they are not granted for the first time; "giveUp": do not ask again
 * @returns false: the signal came first, or it was given up
 */
export async function whenPermitted(
  { client, ports, signal }: Readonly<{ client: ApiClient; ports: EdgePorts; signal: AbortSignal }>,
  { resource, verbs, name }: Readonly<{ resource: Resource; verbs: readonly Verb[]; name: string }>,
  onDenied: () => "askAgain" | "giveUp",
): Promise<boolean> {
  let isDenied = false;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const permitted = await isPermitted(client, resource, verbs, name);
    if (signal.aborted) break;
    if (permitted.ok && permitted.value) return true;
    if (permitted.ok && !isDenied) {
      isDenied = true;
      if (onDenied() === "giveUp") break;
    }
    await pause(backoffDelay(ASK_AGAIN, attempt, ports.random()), ports.clock, signal);
  }
  return false;
}
