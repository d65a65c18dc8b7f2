import { describeObject, type KubernetesDocument } from "../../config/documents.js";
import type { LoadOptions } from "../../config/load.js";
import { documentOfObject } from "../../config/read-documents.js";
import { describeFault, type Fault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { AdmissionRequest, Verdict } from "./admission-review.js";
import type { ListObjects, ListedKind } from "./ports.js";
import { isRecord } from "./untyped.js";
import { RULES_LOOK_AT, allowed, denied, validateObject, type ValidatedKind } from "./validate.js";

/**
 * Answers one review: what is created has to be in the namespace of the configuration, what is created or changed must
 * break no rule of its kind, and a BFDProfile stays while a BGPPeer names it. Anything else may be deleted. What cannot
 * be looked up is not let through.
 */
export async function reviewAdmission(
  request: AdmissionRequest,
  kind: ValidatedKind,
  options: LoadOptions,
  list: ListObjects,
): Promise<Verdict> {
  if (request.kind !== kind) {
    const remedy = "correct the webhook configuration";
    return failed(400, `Cannot check ${request.kind} ${request.name}: this webhook is for ${kind} only: ${remedy}`);
  }
  if (request.operation === "DELETE") return kind === "BFDProfile" ? reviewDeletion(request, list) : allowed();
  if (request.operation === "CONNECT") return allowed();
  const incoming = readObject(request);
  if (!incoming.ok) return denied(describeFault(incoming.fault));
  if (request.operation === "CREATE" && request.namespace !== options.namespace) {
    return denied(describeFault(elsewhere(incoming.value, options.namespace)));
  }
  const current = await listAll(RULES_LOOK_AT[kind], list);
  if (!current.ok) return cannotLookUp(describeObject(incoming.value), current.fault);
  return validateObject(incoming.value, current.value, options);
}

/** The object, in the namespace and with the name that the request says. */
function readObject({ object, kind, name, namespace }: AdmissionRequest): Result<KubernetesDocument, Fault> {
  const metadata = isRecord(object) && isRecord(object["metadata"]) ? object["metadata"] : {};
  const complete = isRecord(object)
    ? { ...object, kind, metadata: { ...metadata, namespace, name: name || metadata["name"] || "(unnamed)" } }
    : object;
  return documentOfObject(complete);
}

function elsewhere(document: KubernetesDocument, namespace: string): Fault {
  return {
    object: describeObject(document),
    path: "/metadata/namespace",
    value: document.namespace,
    problem: `is not the namespace that configuration is read from (${namespace})`,
    remedy: `create it in ${namespace}`,
  };
}

async function reviewDeletion({ name, namespace }: AdmissionRequest, list: ListObjects): Promise<Verdict> {
  const profile = describeObject({ kind: "BFDProfile", namespace, name });
  const peers = await list("BGPPeer");
  if (!peers.ok) return cannotLookUp(profile, peers.fault);
  const users = peers.value.filter((peer) => {
    const spec = peer.body["spec"];
    return peer.namespace === namespace && isRecord(spec) && spec["bfdProfile"] === name;
  });
  const [first] = users;
  if (first === undefined) return allowed();
  const others = users.length === 1 ? "" : ` and ${users.length - 1} more`;
  const remedy = "take it out of their /spec/bfdProfile first";
  return denied(`Cannot delete ${profile}: it is in use by ${describeObject(first)}${others}: ${remedy}`);
}

async function listAll(kinds: readonly ListedKind[], list: ListObjects): ReturnType<ListObjects> {
  const lists = await Promise.all(kinds.map(list));
  const documents: KubernetesDocument[] = [];
  for (const one of lists) {
    if (!one.ok) return refuse(one.fault);
    documents.push(...one.value);
  }
  return succeed(documents);
}

function cannotLookUp(object: string, why: string): Verdict {
  return failed(500, `Cannot check ${object} against the others: ${why}: try again`);
}

function failed(code: number, message: string): Verdict {
  return { allowed: false, code, reason: code === 500 ? "InternalError" : "BadRequest", message, warnings: [] };
}
