import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import { isRecord } from "./untyped.js";

export type Operation = "CREATE" | "UPDATE" | "DELETE" | "CONNECT";

/** What the API server asks of a validating webhook (admission.k8s.io/v1, and v1beta1 that is read alike). */
export type AdmissionRequest = Readonly<{
  apiVersion: string;
  uid: string;
  kind: string;
  operation: Operation;
  /** "" where the object is yet to get one. */
  name: string;
  namespace: string;
  /** As it is to be; undefined for DELETE. */
  object: unknown;
  /** As it is; undefined for CREATE. */
  oldObject: unknown;
}>;

/** The answer: `message` says why not. `code` is the HTTP status that the API server answers with. */
export type Verdict = Readonly<
  ({ allowed: true } | { allowed: false; code: number; reason: string; message: string }) & {
    /** Shown by kubectl, each within 256 characters; BOUNDED by MAX_WARNINGS. */
    warnings: readonly string[];
  }
>;

const VERSIONS: ReadonlySet<unknown> = new Set(["admission.k8s.io/v1", "admission.k8s.io/v1beta1"]);
const OPERATIONS: ReadonlySet<unknown> = new Set(["CREATE", "UPDATE", "DELETE", "CONNECT"]);
const MAX_WARNINGS = 10;
const MAX_WARNING_CHARACTERS = 256; // the API server cuts longer ones
const MAX_MESSAGE_CHARACTERS = 8_000;

/** Reads an AdmissionReview. Never throws. @returns or what is wrong with it, in words that end a sentence */
export function decodeAdmissionReview(text: string): Result<AdmissionRequest, string> {
  const review = parse(text);
  if (!isRecord(review)) return refuse("is no JSON object");
  const { apiVersion, kind, request } = review;
  if (kind !== "AdmissionReview" || typeof apiVersion !== "string" || !VERSIONS.has(apiVersion)) {
    return refuse("is no AdmissionReview of a version that is known here");
  }
  if (!isRecord(request)) return refuse("has no request");
  const { uid, operation, name = "", namespace = "", object, oldObject } = request;
  const requestKind = isRecord(request["kind"]) ? request["kind"]["kind"] : undefined;
  if (typeof uid !== "string" || uid === "") return refuse("has no uid in its request");
  if (typeof requestKind !== "string") return refuse("has no kind in its request");
  if (!OPERATIONS.has(operation)) return refuse("has no operation that is known here");
  if (typeof name !== "string" || typeof namespace !== "string")
    return refuse("has a name or namespace that is no text");
  return succeed({
    apiVersion,
    uid,
    kind: requestKind,
    operation: operation as Operation,
    name,
    namespace,
    object: object ?? undefined,
    oldObject: oldObject ?? undefined,
  });
}

/** The answer to a request as the AdmissionReview that the API server reads. */
export function encodeAdmissionReview({ apiVersion, uid }: AdmissionRequest, verdict: Verdict): string {
  const warnings = verdict.warnings.slice(0, MAX_WARNINGS).map((text) => cut(text, MAX_WARNING_CHARACTERS));
  const status = verdict.allowed
    ? {}
    : {
        status: {
          code: verdict.code,
          reason: verdict.reason,
          message: cut(verdict.message, MAX_MESSAGE_CHARACTERS),
        },
      };
  const response = { uid, allowed: verdict.allowed, ...status, ...(warnings.length === 0 ? {} : { warnings }) };
  return JSON.stringify({ apiVersion, kind: "AdmissionReview", response });
}

/** @returns undefined for what is no JSON */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function cut(text: string, characters: number): string {
  return text.length <= characters ? text : `${text.slice(0, characters - 1)}…`;
}
