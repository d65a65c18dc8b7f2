import { gunzipSync, gzipSync } from "node:zlib";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { REFUSED_BACKOFF, backoffDelay } from "./backoff.js";
import { pause } from "./pause.js";
import { isPermitted, type Verb } from "./permission.js";
import type { EdgePorts } from "./ports.js";
import { resourcePath, secretsResource } from "./resource.js";
import { isRecord } from "./watch-line.js";

/**
 * A text in a Secret of our namespace, compressed. Level-triggered: what was given last is what is to be there; nothing
 * is written where it is there already. Where permissions are missing it is said once, and nothing else suffers.
 */
export type KeptSecret = Readonly<{
  /** @returns undefined where there is none, or it may not or cannot be read, which is logged */
  read(): Promise<string | undefined>;
  keep(text: string): void;
}>;

export type KeptSecretOptions = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  namespace: string;
  name: string;
}>;

const KEY = "configuration.json.gz";
const MAX_TEXT_OCTETS = 64 * 1024 * 1024; // a bound of what is unpacked
const MAX_SECRET_OCTETS = 1_000_000; // the API server takes 1 MiB
const ATTEMPTS_TO_READ = 5;

type Stored = Readonly<{ text: string | undefined; resourceVersion: string }>;

export function createKeptSecret({ client, ports, signal, namespace, name }: KeptSecretOptions): KeptSecret {
  const secrets = secretsResource(namespace);
  const collection = resourcePath(secrets);
  const path = resourcePath(secrets, name);
  let wanted: string | undefined; // BOUNDED: one
  let running = false;
  let mayWrite = false; // it has been granted
  let said = "";

  function say(message: string): void {
    if (message !== said) ports.log.warn({ event: "configNotKept", secret: `${namespace}/${name}` }, message);
    said = message;
  }

  /** @returns undefined: there is no such Secret */
  async function get(): Promise<Result<Stored | undefined, ApiFailure>> {
    const answer = await client.request({ method: "GET", path });
    if (!answer.ok) return answer.fault.kind === "notFound" ? succeed(undefined) : answer;
    const object = isRecord(answer.value) ? answer.value : {};
    const metadata = isRecord(object["metadata"]) ? object["metadata"] : {};
    const data = isRecord(object["data"]) ? object["data"][KEY] : undefined;
    return succeed({ text: unpack(data), resourceVersion: String(metadata["resourceVersion"] ?? "") });
  }

  /** What is not granted is not tried. */
  async function may(verbs: readonly Verb[], ofAnyName: readonly Verb[]): Promise<Result<true, ApiFailure>> {
    const answers = await Promise.all([
      isPermitted(client, secrets, verbs, name),
      ofAnyName.length === 0 ? succeed(true) : isPermitted(client, secrets, ofAnyName),
    ]);
    for (const answer of answers) {
      if (!answer.ok) return answer;
      if (answer.value) continue;
      const remedy = `grant ${verbs.join(" and ")} of it${ofAnyName.map((verb) => `, and ${verb} of secrets`).join("")}`;
      return refuse({ kind: "forbidden", message: `Secret ${namespace}/${name} is not permitted: ${remedy}` });
    }
    return succeed(true);
  }

  async function write(text: string): Promise<Result<unknown, ApiFailure>> {
    if (!mayWrite) {
      const permitted = await may(["get", "update"], ["create"]);
      if (!permitted.ok) return permitted;
      mayWrite = true;
    }
    const stored = await get();
    if (!stored.ok || stored.value?.text === text) return stored;
    const packed = gzipSync(text).toString("base64");
    if (packed.length > MAX_SECRET_OCTETS) {
      say(`Cannot keep the configuration in Secret ${namespace}/${name}: it is larger than a Secret may be`);
      return succeed(undefined);
    }
    const { resourceVersion } = stored.value ?? {};
    const body = JSON.stringify({
      apiVersion: "v1",
      kind: "Secret",
      type: "Opaque",
      metadata: { name, namespace, resourceVersion, labels: { "app.kubernetes.io/managed-by": "smelter" } },
      data: { [KEY]: packed },
    });
    if (stored.value === undefined) return client.request({ method: "POST", path: collection, body });
    return client.request({ method: "PUT", path, body });
  }

  async function run(): Promise<void> {
    running = true;
    for (let attempt = 0; wanted !== undefined && !signal.aborted; attempt += 1) {
      const text = wanted;
      const written = await write(text);
      const isForbidden = !written.ok && written.fault.kind === "forbidden"; // tried again with the next text
      if (isForbidden) say(`The last good configuration is not kept for a restart: ${written.fault.message}`);
      if (written.ok || isForbidden) {
        if (wanted === text) wanted = undefined;
        attempt = -1;
        continue;
      }
      if (written.fault.kind !== "conflict") say(`${written.fault.message} (trying again)`);
      await pause(backoffDelay(REFUSED_BACKOFF, attempt, ports.random()), ports.clock, signal);
    }
    running = false;
  }

  return {
    async read() {
      for (let attempt = 0; ; attempt += 1) {
        const permitted = await may(["get"], []);
        const stored = permitted.ok ? await get() : permitted;
        if (stored.ok) return stored.value?.text;
        say(`Cannot read the last good configuration: ${stored.fault.message}`);
        if (stored.fault.kind === "forbidden" || attempt + 1 === ATTEMPTS_TO_READ || signal.aborted) return undefined;
        await pause(backoffDelay(REFUSED_BACKOFF, attempt, ports.random()), ports.clock, signal);
      }
    },
    keep(text) {
      wanted = text;
      if (!running) void run();
    },
  };
}

/** @returns undefined: it is none of ours, and is written anew */
function unpack(data: unknown): string | undefined {
  if (typeof data !== "string") return undefined;
  try {
    return gunzipSync(Buffer.from(data, "base64"), { maxOutputLength: MAX_TEXT_OCTETS }).toString("utf8");
  } catch {
    return undefined;
  }
}
