import type { KubernetesDocument } from "../config/documents.js";
import { documentOfObject } from "../config/read-documents.js";
import { isWorkload, trimWorkload } from "../config/workload.js";
import type { ApiClient } from "./kubernetes/api-client.js";
import type { ApiFailure } from "./kubernetes/api-failure.js";
import { listPages } from "./kubernetes/list-pages.js";
import { isPermitted } from "./kubernetes/permission.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import { resourceName, workloadResources, type Resource } from "./kubernetes/resource.js";

/** The Deployments and DaemonSets of controllers and speakers in a namespace, as they were at the last look. */
export type WorkloadLook = Readonly<{
  documents(): readonly KubernetesDocument[];
  /** @returns what kept it from seeing them for the first time; "different": others are there than at the last look */
  look(): Promise<"same" | "different" | ApiFailure>;
}>;

/**
 * Looks by lists: what a workload is started with hardly ever changes, and its status, which a watch would bring to
 * each speaker of the cluster, does all the time. Without the permission nothing is seen.
 * @param denied called at each look that is not permitted
 */
export function createWorkloadLook(
  client: ApiClient,
  ports: Pick<EdgePorts, "log" | "counters">,
  namespace: string,
  denied: () => void,
): WorkloadLook {
  const seen = new Map<string, readonly KubernetesDocument[]>(); // by resource. BOUNDED by the two, and what exists
  const permitted = new Set<string>(); // BOUNDED by the two
  let told = "[]";

  async function lookAt(resource: Resource): Promise<ApiFailure | undefined> {
    const id = resourceName(resource);
    if (!permitted.has(id)) {
      const answer = await isPermitted(client, resource, ["list"]);
      if (!answer.ok) return answer.fault;
      if (!answer.value) {
        denied();
        return undefined;
      }
      permitted.add(id);
    }
    const documents: KubernetesDocument[] = [];
    const listed = await listPages(client, resource, (object) => {
      const { kind, group, version } = resource;
      const document = documentOfObject({ kind, apiVersion: `${group}/${version}`, ...object });
      if (!document.ok) ports.counters.dropped("unreadable_object");
      else if (isWorkload(document.value)) documents.push(trimWorkload(document.value));
    });
    if (listed.ok) {
      seen.set(id, documents);
      return undefined;
    }
    if (listed.fault.kind === "forbidden") permitted.delete(id); // it has been taken away: it is asked for again
    ports.log.debug({ resource: id, reason: listed.fault.kind }, listed.fault.message);
    return seen.has(id) ? undefined : listed.fault;
  }

  const documents = (): readonly KubernetesDocument[] => [...seen.values()].flat();
  return {
    documents,
    async look() {
      const failures = await Promise.all(workloadResources(namespace).map(lookAt));
      const failure = failures.find((one) => one !== undefined);
      if (failure !== undefined) return failure;
      const text = JSON.stringify(documents());
      const isSame = text === told;
      told = text;
      return isSame ? "same" : "different";
    },
  };
}
