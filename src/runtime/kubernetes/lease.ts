import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import type { Clock } from "./ports.js";
import { resourcePath, type Resource } from "./resource.js";
import { isRecord } from "./watch-line.js";

/** What matters of a Lease. `object` is all of it, to be given back with a write, so that nothing else in it is lost. */
export type LeaseView = Readonly<{
  /** Its resourceVersion. */
  version: string;
  /** "": nobody. */
  holder: string;
  leaseDurationSeconds: number;
  transitions: number;
  object: unknown;
}>;

export type LeaseUpdate = Readonly<{
  /** Fences the write; undefined: the Lease is to be made. */
  over: LeaseView | undefined;
  holder: string;
  leaseDurationSeconds: number;
  transitions: number;
  acquires: boolean;
}>;

/** One Lease on the server. Never rejects. A write over what is not the newest, or is there already, is a `conflict`. */
export type LeaseStore = Readonly<{
  read(): Promise<Result<LeaseView | undefined, ApiFailure>>;
  write(update: LeaseUpdate): Promise<Result<LeaseView, ApiFailure>>;
}>;

/** The one Lease of that name, for a watch too. */
export function leaseResource(namespace: string, name: string): Resource & Readonly<{ namespace: string }> {
  const fieldSelector = `metadata.name=${name}`;
  return { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease", namespace, fieldSelector };
}

export type LeaseStoreOptions = Readonly<{
  client: ApiClient;
  clock: Pick<Clock, "date">;
  namespace: string;
  name: string;
  /** Until an answer must be there; a write may be stored later nevertheless. */
  timeoutMilliseconds: number;
}>;

export function createLeaseStore(options: LeaseStoreOptions): LeaseStore {
  const { client, clock, namespace, name, timeoutMilliseconds } = options;
  const resource = leaseResource(namespace, name);
  const path = resourcePath(resource, name);
  return {
    async read() {
      const answer = await client.request({ method: "GET", path, timeoutMilliseconds });
      if (answer.ok) return viewOf(answer.value);
      return answer.fault.kind === "notFound" ? succeed(undefined) : answer;
    },
    async write({ over, ...update }) {
      const body = JSON.stringify(leaseObject(namespace, name, over, update, microTime(clock.date())));
      const call = over === undefined ? { method: "POST", path: resourcePath(resource) } : { method: "PUT", path };
      const answer = await client.request({ ...call, body, timeoutMilliseconds } as Parameters<
        ApiClient["request"]
      >[0]);
      if (answer.ok) return viewOf(answer.value);
      // One that was deleted meanwhile is a conflict too: somebody changed it.
      return answer.fault.kind === "notFound" && over !== undefined
        ? refuse({ ...answer.fault, kind: "conflict" })
        : answer;
    },
  };
}

/** @returns as a `malformed` failure what is no Lease */
function viewOf(object: unknown): Result<LeaseView, ApiFailure> {
  const lease = readLease(object);
  if (lease !== undefined) return succeed(lease);
  return refuse({
    kind: "malformed",
    message: "Cannot read the Lease: the answer has no resourceVersion: check what stands between us and the server",
  });
}

/** @returns undefined where it is no object of the API */
export function readLease(object: unknown): LeaseView | undefined {
  const metadata = isRecord(object) ? object["metadata"] : undefined;
  if (!isRecord(object) || !isRecord(metadata) || typeof metadata["resourceVersion"] !== "string") return undefined;
  const spec = isRecord(object["spec"]) ? object["spec"] : {};
  const { holderIdentity, leaseDurationSeconds, leaseTransitions } = spec;
  return {
    version: metadata["resourceVersion"],
    holder: typeof holderIdentity === "string" ? holderIdentity : "",
    leaseDurationSeconds: typeof leaseDurationSeconds === "number" ? leaseDurationSeconds : 0,
    transitions: typeof leaseTransitions === "number" ? leaseTransitions : 0,
    object,
  };
}

/** The times in it are for people: nobody compares them. */
function leaseObject(
  namespace: string,
  name: string,
  over: LeaseView | undefined,
  { holder, leaseDurationSeconds, transitions, acquires }: Omit<LeaseUpdate, "over">,
  now: string,
): object {
  const before = isRecord(over?.object) ? over.object : {};
  const metadata = isRecord(before["metadata"]) ? before["metadata"] : {};
  const { managedFields: _, ...kept } = metadata;
  const spec = isRecord(before["spec"]) ? before["spec"] : {};
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { ...kept, namespace, name },
    spec: {
      ...spec,
      holderIdentity: holder,
      leaseDurationSeconds,
      leaseTransitions: transitions,
      renewTime: now,
      ...(acquires ? { acquireTime: now } : {}),
    },
  };
}

/** The API takes exactly six digits of a second here. */
function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}
