import type { Result } from "../net/result.js";
import { succeed } from "../net/result.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { isPermitted } from "./permission.js";
import { resourcePath } from "./resource.js";
import { isRecord } from "./watch-line.js";

/** For metadata.ownerReferences: the object is collected as garbage once its owner is gone. */
export type OwnerReference = Readonly<{ apiVersion: string; kind: string; name: string; uid: string }>;

/**
 * Finds our own Pod, once.
 * @param podName "" where it is not known
 * @returns [] where we have none or may not look at it
 */
export function createOwnerFinder(
  client: ApiClient,
  namespace: string,
  podName: string,
): () => Promise<Result<readonly OwnerReference[], ApiFailure>> {
  const pods = { group: "", version: "v1", plural: "pods", namespace };
  let found: readonly OwnerReference[] | undefined = podName === "" ? [] : undefined;
  return async () => {
    if (found !== undefined) return succeed(found);
    const permitted = await isPermitted(client, pods, ["get"], podName);
    if (!permitted.ok) return permitted;
    if (!permitted.value) return succeed([]);
    const pod = await client.request({ method: "GET", path: resourcePath(pods, podName) });
    if (!pod.ok) return pod.fault.kind === "notFound" ? succeed([]) : pod;
    const metadata = isRecord(pod.value) ? pod.value["metadata"] : undefined;
    const uid = isRecord(metadata) ? metadata["uid"] : undefined;
    found = typeof uid === "string" ? [{ apiVersion: "v1", kind: "Pod", name: podName, uid }] : [];
    return succeed(found);
  };
}
