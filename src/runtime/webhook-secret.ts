import type { ApiClient } from "./kubernetes/api-client.js";
import type { ApiFailure } from "./kubernetes/api-failure.js";
import { isPermitted } from "./kubernetes/permission.js";
import type { EdgePorts } from "./kubernetes/ports.js";
import { resourcePath, secretsResource } from "./kubernetes/resource.js";
import { watchResource } from "./kubernetes/watch.js";
import { isRecord } from "./kubernetes/watch-line.js";
import type { Fault } from "./net/fault.js";
import type { Result } from "./net/result.js";
import { refuse, succeed } from "./net/result.js";
import type { SeenSecret, WriteFailure } from "./webhook/certificate-keeper.js";
import type { CertificateSecret } from "./webhook/certificate-plan.js";
import { whenPermitted } from "./when-permitted.js";

/** Where the certificate is kept: under the first of these names that is there, else it is made under the first. */
export type WebhookSecretOptions = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  streamingList: boolean;
  namespace: string;
  /** At least one. */
  names: readonly string[];
  seen(secret: SeenSecret): void;
  /** @param isPermitted whether one of the names may be read and written */
  permitted(isPermitted: boolean): void;
}>;

const KEYS: Readonly<Record<keyof CertificateSecret, string>> = {
  caCertificates: "ca.crt",
  caKey: "ca.key",
  serverCertificate: "tls.crt",
  serverKey: "tls.key",
};
const EMPTY: CertificateSecret = { caCertificates: "", caKey: "", serverCertificate: "", serverKey: "" };

type NamedSecret = Readonly<{ name: string; resourceVersion: string; secret: CertificateSecret }>;

export type WebhookSecret = Readonly<{
  write(seen: SeenSecret, keys: Partial<CertificateSecret>): Promise<Result<SeenSecret, WriteFailure>>;
}>;

export function watchWebhookSecret(options: WebhookSecretOptions): WebhookSecret {
  const { client, ports, signal, streamingList, namespace, names } = options;
  const secrets = secretsResource(namespace);
  const states = new Map<string, NamedSecret | "absent" | "denied">(); // by name; BOUNDED by names

  function tell(): void {
    if (names.some((name) => !states.has(name))) return; // not known yet
    const found = names.map((name) => states.get(name)).find((state) => typeof state === "object");
    if (found !== undefined) return options.seen(found);
    if (home() !== undefined) options.seen({ resourceVersion: undefined, secret: EMPTY });
  }

  /** The name to make it under. */
  const home = (): string | undefined => names.find((name) => states.get(name) === "absent");

  function set(name: string, state: NamedSecret | "absent" | "denied"): void {
    states.set(name, state);
    if (states.size === names.length) options.permitted([...states.values()].some((one) => one !== "denied"));
    tell();
  }

  async function watch(name: string): Promise<void> {
    const resource = { ...secrets, fieldSelector: `metadata.name=${name}` };
    const verbs = ["list", "watch", "patch"] as const;
    const onDenied = (): "askAgain" | "giveUp" => {
      set(name, "denied");
      return name === names[0] ? "askAgain" : "giveUp";
    };
    if (!(await whenPermitted(options, { resource, verbs, name }, onDenied))) return;
    let isListed = false;
    let latest: NamedSecret | "absent" = "absent";
    watchResource({
      client,
      resource,
      read: readSecret,
      handlers: {
        changed(secret) {
          latest = secret;
          if (isListed) set(name, latest);
        },
        deleted() {
          latest = "absent";
          if (isListed) set(name, latest);
        },
        listed() {
          if (isListed) return;
          isListed = true;
          set(name, latest);
        },
      },
      ports,
      signal,
      streamingList,
    });
  }

  async function write(seen: SeenSecret, keys: Partial<CertificateSecret>): Promise<Result<SeenSecret, WriteFailure>> {
    const data = Object.fromEntries(
      Object.entries(keys).map(([key, text]) => [
        KEYS[key as keyof CertificateSecret],
        Buffer.from(text).toString("base64"),
      ]),
    );
    const written =
      seen.resourceVersion === undefined
        ? await create(home() ?? names[0] ?? "", data)
        : await client.request({
            method: "PATCH",
            path: `${resourcePath(secrets, (seen as NamedSecret).name)}?fieldManager=smelter`,
            contentType: "application/merge-patch+json",
            body: JSON.stringify({ metadata: { resourceVersion: seen.resourceVersion }, data }),
          });
    if (!written.ok) return refuse(writeFailure(written.fault));
    const read = readSecret(written.value);
    return read.ok
      ? read
      : refuse({ kind: "other", message: "Cannot read the webhook certificate: no Secret came back" });
  }

  async function create(name: string, data: object): Promise<Result<unknown, ApiFailure>> {
    const permitted = await isPermitted(client, secrets, ["create"]);
    if (!permitted.ok) return permitted;
    if (!permitted.value) {
      const remedy = "make it, empty, or grant create of secrets";
      const message = `Cannot keep the webhook certificate: Secret ${namespace}/${name} is not there: ${remedy}`;
      return refuse({ kind: "forbidden", message });
    }
    const metadata = { name, namespace, labels: { "app.kubernetes.io/managed-by": "smelter" } };
    const body = JSON.stringify({ apiVersion: "v1", kind: "Secret", type: "Opaque", metadata, data });
    return client.request({ method: "POST", path: `${resourcePath(secrets)}?fieldManager=smelter`, body });
  }

  for (const name of names) void watch(name);
  return { write };
}

export function writeFailure({ kind, message }: ApiFailure): WriteFailure {
  return { kind: kind === "conflict" ? "conflict" : "other", message };
}

/** Keys that are no base64 of a text are as good as absent: they are written anew. */
function readSecret(object: unknown): Result<NamedSecret, Fault> {
  const { metadata, data } = isRecord(object) ? object : {};
  const { name, resourceVersion } = isRecord(metadata) ? metadata : {};
  if (typeof name !== "string" || typeof resourceVersion !== "string") {
    const remedy = "report this";
    return refuse({ object: "a Secret", path: "/metadata", value: undefined, problem: "has no name", remedy });
  }
  const textOf = (key: keyof CertificateSecret): string => {
    const value = isRecord(data) ? data[KEYS[key]] : undefined;
    return typeof value === "string" ? Buffer.from(value, "base64").toString("utf8") : "";
  };
  const secret = {
    caCertificates: textOf("caCertificates"),
    caKey: textOf("caKey"),
    serverCertificate: textOf("serverCertificate"),
    serverKey: textOf("serverKey"),
  };
  return succeed({ name, resourceVersion, secret });
}
