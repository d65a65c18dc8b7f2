import { isRecord } from "./watch-line.js";

/** Why a request has no good answer. `message` is one sentence with a remedy, for people. */
export type ApiFailure = Readonly<{
  kind: ApiFailureKind;
  /** HTTP status, where there was an answer. */
  status?: number;
  message: string;
  /** What the server asked us to wait (Retry-After of 429 and 503). */
  retryAfterMilliseconds?: number;
}>;

export type ApiFailureKind =
  | "unreachable" // no connection, or it broke
  | "timeout" // no answer in time
  | "cancelled" // by us
  | "credentials" // ours cannot be read: a file, a plugin
  | "unauthorized" // 401, also with renewed credentials
  | "forbidden" // 403
  | "notFound" // 404
  | "conflict" // 409
  | "expired" // 410
  | "invalid" // 400, 422 and other refusals of what we asked
  | "busy" // 429
  | "server" // 5xx
  | "malformed"; // the answer is not what the API answers with

/** Reads the answer of a failed request: an HTTP status and a body that holds a Status object, usually. */
export function failureOfAnswer(
  request: string,
  answer: Readonly<{ status: number; body: string; retryAfter: string | undefined }>,
): ApiFailure {
  const kind = kindOfStatus(answer.status);
  const seconds = Number(answer.retryAfter ?? Number.NaN);
  return {
    kind,
    status: answer.status,
    message: `Cannot ${request}: the API server answers ${answer.status}, ${statusMessage(answer.body)}${remedyOf(kind)}`,
    ...(Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMilliseconds: Math.min(seconds, 300) * 1000 } : {}),
  };
}

function kindOfStatus(status: number): ApiFailureKind {
  switch (status) {
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "notFound";
    case 409:
      return "conflict";
    case 410:
      return "expired";
    case 429:
      return "busy";
    default:
      return status >= 500 ? "server" : "invalid";
  }
}

const MAX_MESSAGE_CHARACTERS = 300;

function statusMessage(body: string): string {
  let text = body.trim();
  try {
    const status: unknown = JSON.parse(body);
    if (isRecord(status) && typeof status["message"] === "string") text = status["message"];
  } catch {
    // not a Status: a proxy's page or plain text, which is shown as it is
  }
  if (text === "") return "without a word why";
  return text.length > MAX_MESSAGE_CHARACTERS ? `${text.slice(0, MAX_MESSAGE_CHARACTERS)}…` : text;
}

function remedyOf(kind: ApiFailureKind): string {
  switch (kind) {
    case "unauthorized":
      return ": the token or certificate is not valid there: renew it, or name another kubeconfig";
    case "forbidden":
      return ": grant this in a Role or ClusterRole of the ServiceAccount";
    default:
      return "";
  }
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** Why there was no answer at all, out of what Node's sockets raise. */
export function failureOfError(server: string, error: unknown): ApiFailure {
  const { code = "", message } = error as Readonly<{ code?: string; message?: string }>;
  const cannot = `Cannot reach the API server ${server}`;
  if (code === TIMEOUT_CODE)
    return { kind: "timeout", message: `${cannot}: ${message}: check the network and its load` };
  if (code === "ABORT_ERR") return { kind: "cancelled", message: `${cannot}: the request was given up` };
  const reason = code === "ECONNRESET" ? "it closed the connection" : message || code || "unknown error";
  return { kind: "unreachable", message: `${cannot}: ${reason}: ${remedyOfCode(code)}` };
}

const TIMEOUT_CODE = "SMELTER_TIMEOUT";

/** For failureOfError(). */
export function timeoutError(milliseconds: number): Error {
  return Object.assign(new Error(`no answer within ${milliseconds / 1000} s`), { code: TIMEOUT_CODE });
}

/** For failureOfError(). */
export function cancelledError(): Error {
  return Object.assign(new Error("closed"), { code: "ABORT_ERR" });
}

export function malformed(request: string): ApiFailure {
  const message = `Cannot ${request}: the answer is not JSON: check that the server is a Kubernetes API server`;
  return { kind: "malformed", message };
}

export function unescapedPath(request: string): ApiFailure {
  const message = `Cannot ${request}: the path has a character that is not escaped: report this`;
  return { kind: "invalid", message };
}

/** @param description where the credentials come from */
export function unsendable(request: string, description: string, reason: string): ApiFailure {
  const remedy = "check the certificates, the key and the token there";
  return {
    kind: "credentials",
    message: `Cannot ${request} with the credentials of ${description}: ${reason}: ${remedy}`,
  };
}

function remedyOfCode(code: string): string {
  if (UNTRUSTED.has(code)) return "give the certificate authority of this cluster in the kubeconfig";
  switch (code) {
    case "ECONNREFUSED":
      return "check that it runs and that the port is right";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "check the host name and the name service";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
      return "check the address and the routes to it";
    default:
      return "check that it runs";
  }
}
