import { isDeepStrictEqual } from "node:util";
import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { REFUSED_BACKOFF, backoffDelay } from "./backoff.js";
import { stateLabels, stateName, stateStatus, type StateWriter } from "./configuration-condition.js";
import { isStatusServed } from "./discovery.js";
import { createOwnerFinder } from "./owner.js";
import { pause } from "./pause.js";
import { isPermitted } from "./permission.js";
import type { EdgePorts } from "./ports.js";
import { configurationStatesResource, resourcePath } from "./resource.js";
import { isRecord, type RawObject } from "./watch-line.js";

/**
 * Says in a ConfigurationState what this process thinks of the configuration. Level-triggered: what was reported last is
 * what it is to say; nothing is written where it does, so that a start without news writes nothing but its new owner.
 * Off, which is said once, where the server does not know the kind or does not permit it; the next report tries anew.
 */
export interface ConfigurationState {
  /** @param problems in sentences; [] where the newest configuration is in use, or there is none */
  report(problems: readonly string[]): void;
  /** What else it is to say from the next report on, or at once where there was one; "" takes an annotation away. */
  annotate(annotations: Readonly<Record<string, string>>): void;
  /** To be called when `mayWrite()` has become true: somebody else may have written meanwhile. */
  resume(): void;
}

export type ConfigurationStateOptions = Readonly<{
  client: ApiClient;
  ports: EdgePorts;
  signal: AbortSignal;
  namespace: string;
  writer: StateWriter;
  /** Our own Pod, with which the object goes; "": it stays. */
  podName: string;
  /** Somebody else writes while this is false. Default: always true. */
  mayWrite?(): boolean;
}>;

const LOOK_AGAIN_MILLISECONDS = 600_000; // and up to twice as long, so that a fleet does not look together
const INTERVAL_MILLISECONDS = 1_000; // between two writes, so that many edits in a row do not become as many writes

export function createConfigurationState(options: ConfigurationStateOptions): ConfigurationState {
  const { client, ports, signal, namespace, writer, mayWrite = () => true } = options;
  const name = stateName(writer);
  const resource = configurationStatesResource(namespace);
  const findOwner = createOwnerFinder(client, namespace, options.podName);
  let reported = false;
  let wanted: Wanted = { problems: [], annotations: {} }; // BOUNDED: of the newest configuration alone
  let pending = false;
  let running = false;
  let isOn = false; // served and permitted
  let said = "";
  let cancelLook = (): void => undefined;
  signal.addEventListener("abort", () => cancelLook());

  async function run(): Promise<void> {
    running = true;
    for (let attempt = 0; pending && mayWrite() && !signal.aborted; attempt += 1) {
      const saying = wanted;
      const written = await write(saying);
      const isOff = !written.ok && (written.fault.kind === "forbidden" || written.fault.kind === "invalid");
      if (isOff) say(`The ConfigurationState ${name} is not written: ${written.fault.message}`);
      if (written.ok || isOff) {
        if (wanted === saying) pending = false;
        attempt = -1;
        await pause(INTERVAL_MILLISECONDS, ports.clock, signal);
      } else {
        const delay = backoffDelay(REFUSED_BACKOFF, attempt, ports.random());
        await pause(Math.max(delay, written.fault.retryAfterMilliseconds ?? 0), ports.clock, signal);
      }
    }
    running = false;
    if (isOn) lookAgainLater();
  }

  /** Somebody may delete it, or write into it. */
  function lookAgainLater(): void {
    cancelLook();
    if (signal.aborted) return;
    cancelLook = ports.clock.setTimer(LOOK_AGAIN_MILLISECONDS * (1 + ports.random()), resume);
  }

  function say(message: string): void {
    // An install of old has neither the definition nor the permission, and is none the worse for it.
    if (message !== said) ports.log[isOn ? "warn" : "info"]({ event: "configurationStateOff" }, message);
    said = message;
  }

  async function write({ problems, annotations }: Wanted): Promise<Result<unknown, ApiFailure>> {
    if (!isOn) {
      const begun = await begin();
      if (!begun.ok) return begun;
      isOn = true;
    }
    const owner = await findOwner();
    if (!owner.ok) return owner;
    const metadata = { labels: stateLabels(writer), ownerReferences: owner.value };
    const stored = await store(metadata, annotations);
    if (!stored.ok) return stored;
    const status = stateStatus(writer, problems, stored.value["status"], ports.clock.date());
    if (status === undefined) return stored;
    const body = JSON.stringify({ ...stored.value, status });
    return client.request({ method: "PUT", path: `${resourcePath(resource, name)}/status`, body });
  }

  async function begin(): Promise<Result<true, ApiFailure>> {
    const served = await isStatusServed(client, resource);
    if (!served.ok) return served;
    if (!served.value) return off("the server does not know the kind: apply the definitions of manifests/crds");
    const answers = await Promise.all([
      isPermitted(client, resource, ["get", "update"], name),
      isPermitted(client, resource, ["create"]),
      isPermitted(client, { ...resource, plural: `${resource.plural}/status` }, ["update"], name),
    ]);
    for (const answer of answers) {
      if (!answer.ok) return answer;
      if (!answer.value)
        return off("not permitted: grant create, get and update of configurationstates, and update of their status");
    }
    return succeed(true);
  }

  /** The object as it is stored, made or given its labels and owner where that is needed. */
  async function store(
    metadata: Readonly<{ labels: Readonly<Record<string, string>>; ownerReferences: readonly unknown[] }>,
    wantedAnnotations: Readonly<Record<string, string>>,
  ): Promise<Result<RawObject, ApiFailure>> {
    const got = await client.request({ method: "GET", path: resourcePath(resource, name) });
    if (!got.ok && got.fault.kind !== "notFound") return got;
    const before = got.ok ? asObject(got.value) : undefined;
    if (before === undefined) {
      const head = { apiVersion: `${resource.group}/${resource.version}`, kind: resource.kind };
      const annotations = annotated({}, wantedAnnotations);
      const body = JSON.stringify({ ...head, metadata: { name, namespace, ...metadata, annotations } });
      return asStored(await client.request({ method: "POST", path: resourcePath(resource), body }));
    }
    const labels = { ...(isRecord(before.metadata["labels"]) ? before.metadata["labels"] : {}), ...metadata.labels };
    const annotations = annotated(before.metadata["annotations"], wantedAnnotations);
    const after = { ...before.metadata, ...metadata, labels, annotations };
    if (isDeepStrictEqual({ ownerReferences: [], annotations: {}, ...before.metadata }, after)) return succeed(before);
    const body = JSON.stringify({ ...before, metadata: after });
    return asStored(await client.request({ method: "PUT", path: resourcePath(resource, name), body }));
  }

  function start(): void {
    if (!running) void run();
  }

  function resume(): void {
    pending = reported;
    start();
  }

  return {
    report(problems) {
      if (reported && isDeepStrictEqual(wanted.problems, problems)) return;
      reported = true;
      wanted = { ...wanted, problems };
      pending = true;
      start();
    },
    annotate(annotations) {
      wanted = { ...wanted, annotations };
      resume();
    },
    resume,
  };
}

type Wanted = Readonly<{ problems: readonly string[]; annotations: Readonly<Record<string, string>> }>;

function annotated(before: unknown, wanted: Readonly<Record<string, string>>): Record<string, unknown> {
  const all = Object.entries({ ...(isRecord(before) ? before : {}), ...wanted });
  return Object.fromEntries(all.filter(([key, value]) => value !== "" || wanted[key] === undefined));
}

function off(message: string): Result<never, ApiFailure> {
  return refuse({ kind: "forbidden", message });
}

function asObject(value: unknown): RawObject | undefined {
  return isRecord(value) && isRecord(value["metadata"]) ? (value as RawObject) : undefined;
}

function asStored(answer: Result<unknown, ApiFailure>): Result<RawObject, ApiFailure> {
  if (!answer.ok) return answer;
  const object = asObject(answer.value);
  if (object !== undefined) return succeed(object);
  const message = "Cannot store the ConfigurationState: the answer is no object: check what stands before the server";
  return refuse({ kind: "malformed", message });
}
