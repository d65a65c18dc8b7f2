import type { KubernetesDocument } from "../config/documents.js";
import { documentOfObject, isRecord } from "../config/read-documents.js";
import { HIDDEN_VALUE, type Fault } from "./net/fault.js";
import { succeed, type Result } from "./net/result.js";

/**
 * A ConfigMap or a resource as a watch brings it, down to what configuration can be: of what an object is changed for
 * most of the time (status, bookkeeping, other keys of a ConfigMap) nothing is left, so that it is no change.
 */
export function readConfigDocument(object: unknown): Result<KubernetesDocument, Fault> {
  const document = documentOfObject(object);
  if (!document.ok) return document;
  const { apiVersion, kind, namespace, name, body } = document.value;
  const labels = isRecord(body["metadata"]) ? body["metadata"]["labels"] : undefined;
  const metadata = { namespace, name, ...(labels === undefined ? {} : { labels }) };
  const content = kind === "ConfigMap" ? dataOf(body) : specOf(body, kind);
  return succeed({ apiVersion, kind, namespace, name, body: { apiVersion, kind, metadata, ...content } });
}

function dataOf({ data }: KubernetesDocument["body"]): Readonly<Record<string, unknown>> {
  if (!isRecord(data)) return {};
  const { config, extras } = data;
  // Nobody reads the extras, and there may be passwords in them: that there is something is all that is told.
  const hasExtras = typeof extras === "string" && extras.trim() !== "";
  return { data: { ...(config === undefined ? {} : { config }), ...(hasExtras ? { extras: HIDDEN_VALUE } : {}) } };
}

type PeerSpec = Readonly<{ passwordSecret?: unknown }>;

function specOf(body: KubernetesDocument["body"], kind: string): Readonly<Record<string, unknown>> {
  const { spec } = body;
  if (spec === undefined) return {};
  if (kind !== "BGPPeer" || !isRecord(spec)) return { spec };
  // Nothing opens sessions yet: no permission on Secrets is needed, and a peer must not be refused for want of one.
  const { passwordSecret: _, ...others } = spec as PeerSpec;
  return { spec: others };
}
