import type { KubernetesDocument } from "../config/documents.js";
import { USUAL_NAME } from "../config/find-config-map.js";
import { documentOfObject } from "../config/read-documents.js";
import type { ApiClient } from "./kubernetes/api-client.js";
import { listPages } from "./kubernetes/list-pages.js";
import { isPermitted } from "./kubernetes/permission.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import {
  METALLB_GROUP,
  METALLB_KINDS,
  configMapResource,
  configMapsResource,
  resourceName,
  type Resource,
} from "./kubernetes/resource.js";
import type { Result } from "./net/result.js";
import { refuse, succeed } from "./net/result.js";
import { createFreshReads } from "./webhook/fresh-reads.js";
import type { ListObjects, ListedKind } from "./webhook/ports.js";
import { createWorkloadLook } from "./workload-look.js";

type Documents = Result<readonly KubernetesDocument[], string>;

/**
 * What reviews look at, asked of the API server itself: the object before this one may have been taken a moment ago, and
 * no watch be that fast. Reviews that come together share a list. Kinds that are not there have no objects. The old
 * ConfigMap counts where it may be listed; where nobody named it, with all that tells which one it is.
 */
export function createLiveLists(
  client: ApiClient,
  ports: Pick<EdgePorts, "log" | "counters">,
  { namespace, configMapName }: Readonly<{ namespace: string; configMapName?: string | undefined }>,
): ListObjects {
  const permitted = new Set<string>(); // by kind and selector. BOUNDED by the kinds, and one
  const workloads = createWorkloadLook(client, ports, namespace, () => undefined); // the watch says that it is denied

  async function mayList(resource: Resource, name?: string): Promise<Result<boolean, string>> {
    const id = `${resource.kind} ${name ?? ""}`;
    if (permitted.has(id)) return succeed(true);
    const answer = await isPermitted(client, resource, ["list"], name);
    if (!answer.ok) return refuse(answer.fault.message);
    if (answer.value) permitted.add(id);
    return answer;
  }

  async function list(kind: ListedKind): Promise<Documents> {
    if (kind === "ConfigMap") return listConfigMaps();
    const resource = metallbResource(kind, namespace);
    const may = await mayList(resource);
    if (!may.ok) return may;
    if (!may.value) return refuse(`list of ${resourceName(resource)} in ${namespace} is not permitted`);
    return listAll(resource);
  }

  async function listConfigMaps(): Promise<Documents> {
    const all = configMapName === undefined ? await mayList(configMapsResource(namespace)) : succeed(false);
    if (!all.ok) return all;
    const name = configMapName ?? USUAL_NAME;
    const named = configMapResource(namespace, name);
    const may = all.value ? all : await mayList(named, name);
    if (!may.ok) return may;
    if (!may.value) return succeed([]);
    const seen = configMapName === undefined ? await workloads.look() : "same";
    if (typeof seen !== "string") return refuse(seen.message);
    const listed = await listAll(all.value ? configMapsResource(namespace) : named);
    return listed.ok ? succeed([...listed.value, ...workloads.documents()]) : listed;
  }

  async function listAll(resource: Resource): Promise<Documents> {
    const documents: KubernetesDocument[] = []; // BOUNDED by the objects that exist
    const apiVersion = resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
    const listed = await listPages(client, resource, (object) => {
      const document = documentOfObject({ kind: resource.kind, apiVersion, ...object });
      if (document.ok) documents.push(document.value);
    });
    if (!listed.ok && listed.fault.kind !== "notFound") return refuse(listed.fault.message);
    return succeed(documents);
  }
  return createFreshReads(list);
}

function metallbResource(kind: Exclude<ListedKind, "ConfigMap">, namespace: string): Resource {
  const known = METALLB_KINDS.find((one) => one.kind === kind);
  const plural = known?.plural ?? "";
  return { group: METALLB_GROUP, version: known?.versions[0] ?? "", plural, kind, namespace };
}
