import type { KubernetesDocument } from "../config/documents.js";
import { documentOfObject } from "../config/read-documents.js";
import type { ApiClient } from "./kubernetes/api-client.js";
import { listPages } from "./kubernetes/list-pages.js";
import { isPermitted } from "./kubernetes/permission.js";
import { METALLB_GROUP, METALLB_KINDS, configMapResource, resourceName, type Resource } from "./kubernetes/resource.js";
import type { Result } from "./net/result.js";
import { refuse, succeed } from "./net/result.js";
import { createFreshReads } from "./webhook/fresh-reads.js";
import type { ListObjects, ListedKind } from "./webhook/ports.js";

/**
 * What reviews look at, asked of the API server itself: the object before this one may have been taken a moment ago, and
 * no watch be that fast. Reviews that come together share a list. Kinds that are not there have no objects; the old
 * ConfigMap counts where it may be listed.
 */
export function createLiveLists(
  client: ApiClient,
  { namespace, configMapName }: Readonly<{ namespace: string; configMapName: string }>,
): ListObjects {
  const permitted = new Set<ListedKind>(); // BOUNDED by the kinds

  async function mayList(kind: ListedKind, resource: Resource): Promise<Result<boolean, string>> {
    if (permitted.has(kind)) return succeed(true);
    const name = kind === "ConfigMap" ? configMapName : undefined;
    const answer = await isPermitted(client, resource, ["list"], name);
    if (!answer.ok) return refuse(answer.fault.message);
    if (answer.value) permitted.add(kind);
    return answer;
  }

  async function list(kind: ListedKind): Promise<Result<readonly KubernetesDocument[], string>> {
    const resource =
      kind === "ConfigMap" ? configMapResource(namespace, configMapName) : metallbResource(kind, namespace);
    const may = await mayList(kind, resource);
    if (!may.ok) return may;
    if (!may.value && kind === "ConfigMap") return succeed([]);
    if (!may.value) return refuse(`list of ${resourceName(resource)} in ${namespace} is not permitted`);
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
