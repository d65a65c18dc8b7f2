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
  /** Whether this controller writes; once it does not the Secret is left to another. */
  isOurTurn(): boolean;
  /** At least 16 octets that nobody can guess, each time others. */
  randomOctets(count: number): Uint8Array;
}>;

const KEY = "secretkey";
const KEY_OCTETS = 16;

/** Between two looks whether it is still there. */
const LOOK_MILLISECONDS = 10_000;

/** A Secret's key as the API has it, in base64; undefined: it has none. */
type KeyText = string | undefined;
type Look = Readonly<{ outcome: "there" | "made"; key: KeyText }>;

/**
 * Makes the Secret with the key of the speakers' gossip where it is not there; speakers do not start without it. What is there is
 * left as it is. Whether it is there is asked by a list with its name, which is what the permissions of every install grant,
 * and again every ten seconds: deleted, it is made anew with the key that was seen in it last, since speakers that run go on
 * with that one, and would not hear those that start with another.
 *
 * Ends with the signal, when it is another controller's turn, or where it is not permitted, which is said once.
 */
export async function lookAfterMemberlistSecret(options: MemberlistSecretOptions): Promise<void> {
  const { ports, signal, namespace, name } = options;
  if (name === "") return;
  const secret = `Secret ${namespace}/${name}`;
  let attempt = 0; // in vain, since the last that was not
  let before: Look | undefined;
  while (!signal.aborted) {
    const look = await makeWhereAbsent(options, before);
    if (look.ok) {
      if (look.value.outcome === "made") {
        const why = before === undefined ? "the key of the gossip" : "somebody had deleted it; its key is as before";
        ports.log.info({ event: "memberlistSecretMade" }, `${secret} was made: ${why}`);
      }
      [before, attempt] = [look.value, 0];
      await pause(LOOK_MILLISECONDS, ports.clock, signal);
      if (!options.isOurTurn()) return;
      continue;
    }
    const { kind, message } = look.fault;
    if (kind === "cancelled") return; // it is another controller's turn
    if (kind === "forbidden") {
      return ports.log.warn({ event: "memberlistSecretOff" }, `${secret} is not looked after: ${message}`);
    }
    ports.log[attempt === 0 ? "warn" : "debug"]({ event: "memberlistSecretLate" }, `${message} (trying again)`);
    await pause(backoffDelay(REFUSED_BACKOFF, attempt, ports.random()), ports.clock, signal);
    attempt += 1;
  }
}

/** @param before what was seen last: the permission is known then, and the key to make it with */
async function makeWhereAbsent(
  options: MemberlistSecretOptions,
  before: Look | undefined,
): Promise<Result<Look, ApiFailure>> {
  const { client, namespace, name } = options;
  const secrets = secretsResource(namespace);
  const listable = before === undefined ? await isPermitted(client, secrets, ["list"], name) : succeed(true);
  if (!listable.ok) return listable;
  if (!listable.value) return forbidden(`not permitted: grant list of the Secret ${name}`);
  const listed = await client.request({
    method: "GET",
    path: `${resourcePath(secrets)}?fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`,
  });
  if (!listed.ok) return listed;
  const items = isRecord(listed.value) ? listed.value["items"] : undefined;
  if (Array.isArray(items) && items.length > 0) return succeed({ outcome: "there", key: keyOf(items[0]) });
  const creatable = await isPermitted(client, secrets, ["create"]);
  if (!creatable.ok) return creatable;
  if (!creatable.value) return forbidden(`it is not there: make it with the key ${KEY}, or grant create of secrets`);
  const owners = await findDeployment(options);
  if (!owners.ok) return owners;
  const key = before?.key ?? newKey(options);
  const body = JSON.stringify({
    apiVersion: "v1",
    kind: "Secret",
    type: "Opaque",
    metadata: { name, namespace, ownerReferences: owners.value },
    data: { [KEY]: key },
  });
  const made = await client.request({ method: "POST", path: resourcePath(secrets), body });
  // Somebody else was faster; the next look sees with which key.
  if (!made.ok && made.fault.kind === "conflict") return succeed({ outcome: "there", key: undefined });
  return made.ok ? succeed({ outcome: "made", key }) : made;
}

function newKey({ randomOctets }: MemberlistSecretOptions): string {
  const text = Buffer.from(randomOctets(KEY_OCTETS)).toString("base64").replaceAll("=", ""); // as it has always been
  return Buffer.from(text).toString("base64");
}

function keyOf(secret: unknown): KeyText {
  const data = isRecord(secret) ? secret["data"] : undefined;
  const key = isRecord(data) ? data[KEY] : undefined;
  return typeof key === "string" ? key : undefined;
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
