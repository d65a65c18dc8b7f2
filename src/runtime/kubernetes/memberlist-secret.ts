import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { REFUSED_BACKOFF, backoffDelay } from "./backoff.js";
import type { OwnerReference } from "./owner.js";
import { pause } from "./pause.js";
import { isPermitted } from "./permission.js";
import type { EdgePorts } from "./ports.js";
import { resourcePath, secretsResource } from "./resource.js";
import { isRecord } from "./watch-line.js";

export type MemberlistSecretOptions = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  namespace: string;
  /** Of the Secret; "": none is made. */
  name: string;
  /** Our own Deployment, with which the Secret goes; "": it stays. */
  deployment: string;
  /** At least 16 octets that nobody can guess, each time others. */
  randomOctets(count: number): Uint8Array;
}>;

const KEY = "secretkey";
const KEY_OCTETS = 16;

/**
 * Makes the Secret with the key of the speakers' gossip where it is not there yet; speakers do not start without it. What is
 * there is left as it is, and its value is not read. Whether it is there is asked by a list with its name, which is what
 * the permissions of every install grant.
 *
 * Ends when it is there, by whomever, or where that is not permitted, which is said once.
 */
export async function ensureMemberlistSecret(options: MemberlistSecretOptions): Promise<void> {
  const { ports, signal, namespace, name } = options;
  if (name === "") return;
  const secret = `Secret ${namespace}/${name}`;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const made = await makeWhereAbsent(options);
    if (made.ok) {
      if (made.value) ports.log.info({ event: "memberlistSecretMade" }, `${secret} was made: the key of the gossip`);
      return;
    }
    const { kind, message } = made.fault;
    if (kind === "cancelled") return; // it is another controller's turn
    if (kind === "forbidden") {
      return ports.log.warn({ event: "memberlistSecretOff" }, `${secret} is not looked after: ${message}`);
    }
    ports.log[attempt === 0 ? "warn" : "debug"]({ event: "memberlistSecretLate" }, `${message} (trying again)`);
    await pause(backoffDelay(REFUSED_BACKOFF, attempt, ports.random()), ports.clock, signal);
  }
}

/** @returns whether we have made it */
async function makeWhereAbsent(options: MemberlistSecretOptions): Promise<Result<boolean, ApiFailure>> {
  const { client, namespace, name } = options;
  const secrets = secretsResource(namespace);
  const listable = await isPermitted(client, secrets, ["list"], name);
  if (!listable.ok) return listable;
  if (!listable.value) return forbidden(`not permitted: grant list of the Secret ${name}`);
  const listed = await client.request({
    method: "GET",
    path: `${resourcePath(secrets)}?fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`,
  });
  if (!listed.ok) return listed;
  const items = isRecord(listed.value) ? listed.value["items"] : undefined;
  if (Array.isArray(items) && items.length > 0) return succeed(false);
  const creatable = await isPermitted(client, secrets, ["create"]);
  if (!creatable.ok) return creatable;
  if (!creatable.value) return forbidden(`it is not there: make it with the key ${KEY}, or grant create of secrets`);
  const owners = await findDeployment(options);
  if (!owners.ok) return owners;
  const text = Buffer.from(options.randomOctets(KEY_OCTETS)).toString("base64").replaceAll("=", ""); // as it has always been
  const body = JSON.stringify({
    apiVersion: "v1",
    kind: "Secret",
    type: "Opaque",
    metadata: { name, namespace, ownerReferences: owners.value },
    data: { [KEY]: Buffer.from(text).toString("base64") },
  });
  const made = await client.request({ method: "POST", path: resourcePath(secrets), body });
  if (!made.ok && made.fault.kind === "conflict") return succeed(false); // somebody else was faster
  return made.ok ? succeed(true) : made;
}

/** @returns [] where none is named, it is not there, or may not be seen: the Secret stays, then */
async function findDeployment(
  options: MemberlistSecretOptions,
): Promise<Result<readonly OwnerReference[], ApiFailure>> {
  const { client, namespace, deployment } = options;
  if (deployment === "") return succeed([]);
  const deployments = { group: "apps", version: "v1", plural: "deployments", namespace };
  const permitted = await isPermitted(client, deployments, ["get"], deployment);
  if (!permitted.ok) return permitted;
  if (!permitted.value) return succeed([]);
  const got = await client.request({ method: "GET", path: resourcePath(deployments, deployment) });
  if (!got.ok) return got.fault.kind === "notFound" ? succeed([]) : got;
  const metadata = isRecord(got.value) ? got.value["metadata"] : undefined;
  const uid = isRecord(metadata) ? metadata["uid"] : undefined;
  return succeed(typeof uid === "string" ? [{ apiVersion: "apps/v1", kind: "Deployment", name: deployment, uid }] : []);
}

function forbidden(message: string): Result<never, ApiFailure> {
  return refuse({ kind: "forbidden", message });
}
