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
  const content = kind === "ConfigMap" ? dataOf(body) : kind === "Secret" ? passwordOf(body) : specOf(body);
  return succeed({ apiVersion, kind, namespace, name, body: { apiVersion, kind, metadata, ...content } });
}

function dataOf({ data }: KubernetesDocument["body"]): Readonly<Record<string, unknown>> {
  if (!isRecord(data)) return {};
  const { config, extras } = data;
  // Nobody reads the extras, and there may be passwords in them: that there is something is all that is told.
  const hasExtras = typeof extras === "string" && extras.trim() !== "";
  return { data: { ...(config === undefined ? {} : { config }), ...(hasExtras ? { extras: HIDDEN_VALUE } : {}) } };
}

function specOf({ spec }: KubernetesDocument["body"]): Readonly<Record<string, unknown>> {
  return spec === undefined ? {} : { spec };
}

/** Of a Secret nothing is kept but what a peer may name it for. */
function passwordOf({ type, data }: KubernetesDocument["body"]): Readonly<Record<string, unknown>> {
  const password = isRecord(data) ? data["password"] : undefined;
  return { type, data: password === undefined ? {} : { password } };
}

type PeerSpec = Readonly<{ passwordSecret?: unknown }>;

/** For one that cannot read Secrets, or need not: a peer is not to be refused for want of one. */
export function withoutPasswordSecret(document: KubernetesDocument): KubernetesDocument {
  const { kind, body } = document;
  const { spec } = body;
  if (kind !== "BGPPeer" || !isRecord(spec) || spec["passwordSecret"] === undefined) return document;
  const { passwordSecret: _, ...others } = spec as PeerSpec;
  return { ...document, body: { ...body, spec: others } };
}
