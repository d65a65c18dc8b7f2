import { X509Certificate } from "node:crypto";
import { validateHeaderName, validateHeaderValue } from "node:http";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Credentials } from "./cluster-access.js";

/**
 * Tries what Node would otherwise raise in the middle of a request, where a file was cut short by its renewal, say.
 * @param description where the credentials come from, for the message
 * @returns undefined, or one sentence with a remedy that names the file but nothing of its content
 */
export function findCredentialsFault(credentials: Credentials, description: string): string | undefined {
  const { headers, tls, files = {} } = credentials;
  const cannot = `Cannot use the credentials of ${description}`;
  const at = (file: string | undefined): string => (file === undefined ? "" : ` ${file}`);
  for (const [name, value] of Object.entries(headers)) {
    if (isHeader(name, value)) continue;
    const object = name === "authorization" ? `the token${at(files.token)}` : `the header ${JSON.stringify(name)}`;
    return `${cannot}: ${object} has a character that no HTTP header may have: write it anew, in ASCII and on one line`;
  }
  if (files.token !== undefined && !/^Bearer ./.test(headers["authorization"] ?? ""))
    return `${cannot}: the token${at(files.token)} is empty: write it anew`;

  // Node would raise this with a connection half made, whose own error would then meet nobody.
  if (tls["servername"] !== undefined && typeof tls["servername"] !== "string")
    return `${cannot}: tls-server-name is no text: write it in quotes`;

  const { ca, cert, key, passphrase } = tls as SecureContextOptions;
  const problems: readonly (readonly [object: string, problem: string | undefined])[] = [
    [
      `the certificate authority${at(files.ca)}`,
      tls["rejectUnauthorized"] === false ? undefined : problemOfAuthority(ca),
    ],
    [`the client certificate${at(files.cert)}`, problemOf(() => createSecureContext({ cert }))],
    [`the client key${at(files.key)}`, problemOf(() => createSecureContext({ key, passphrase }))],
    [`the client certificate${at(files.cert)} with its key${at(files.key)}`, problemOf(() => createSecureContext(tls))],
  ];
  const found = problems.find(([, problem]) => problem !== undefined);
  return found && `${cannot}: ${found[0]} cannot be read (${found[1]}): write it anew, whole and as PEM`;
}

function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

/** A context takes an authority that is none without a word, and then trusts nobody. */
function problemOfAuthority(ca: SecureContextOptions["ca"]): string | undefined {
  if (ca === undefined || Array.isArray(ca)) return undefined;
  return problemOf(() => new X509Certificate(ca));
}

function problemOf(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** What OpenSSL or Node finds wrong, without the message: that of a wrong type shows the value, which may be a secret. */
export function reasonOf(error: unknown): string {
  const { reason, code } = error as Readonly<{ reason?: string; code?: string }>;
  return reason ?? code ?? "unknown error";
}
