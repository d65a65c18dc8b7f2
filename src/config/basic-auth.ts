import type { Result } from "../runtime/net/result.js";
import { refuse, succeed } from "../runtime/net/result.js";
import type { KubernetesDocument } from "./documents.js";
import { Password } from "./password.js";
import { isRecord } from "./read-documents.js";

export const BASIC_AUTH = "kubernetes.io/basic-auth";

/**
 * Takes the password out of a Secret of type kubernetes.io/basic-auth, octet for octet as UTF-8. `stringData` wins
 * over `data`, as it does when the API server stores the object.
 * @returns undefined for an empty password, which is none; else what the Secret, called by its name, is or lacks
 */
export function basicAuthPassword({
  body,
}: KubernetesDocument): Result<Password | undefined, Readonly<{ problem: string; remedy: string }>> {
  const { type, data, stringData } = body;
  if (type !== BASIC_AUTH) {
    const remedy = `make it anew with type: ${BASIC_AUTH}`;
    return refuse({ problem: `names a Secret that is not of type ${BASIC_AUTH}`, remedy });
  }
  const text = isRecord(stringData) ? stringData["password"] : undefined;
  if (typeof text === "string") return succeed(passwordOf(text));
  const base64 = isRecord(data) ? data["password"] : undefined;
  if (typeof base64 !== "string") {
    return refuse({ problem: "names a Secret without the key password", remedy: "add the key password to it" });
  }
  const compact = base64.replaceAll(/\s/g, "");
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) {
    const remedy = "write the password in base64 under data, or as it is under stringData";
    return refuse({ problem: "names a Secret whose password is not base64", remedy });
  }
  const octets = Buffer.from(compact, "base64");
  const decoded = octets.toString("utf8");
  if (!Buffer.from(decoded, "utf8").equals(octets)) {
    const remedy = "write a password that is a UTF-8 text on both sides of the session";
    return refuse({ problem: "names a Secret whose password is not UTF-8", remedy });
  }
  return succeed(passwordOf(decoded));
}

function passwordOf(text: string): Password | undefined {
  return text === "" ? undefined : new Password(text);
}
