import type { Fault } from "../net/fault.js";
import type { Result } from "../net/result.js";
import { succeed } from "../net/result.js";
import { readService } from "../world/read.js";
import { objectKey, type ObjectKey, type ServiceView } from "../world/views.js";
import type { ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { SERVICES, resourcePath } from "./resource.js";
import { isRecord } from "./watch-line.js";

/** What of a Service's status and annotations is to be written. An annotation of undefined is removed. */
export type ServiceStatusWrite = Readonly<{
  /** As it was read; its resourceVersion makes the server refuse the write when the Service has changed since. */
  service: ServiceView;
  addresses: readonly string[];
  annotations: Readonly<Record<string, string | undefined>>;
}>;

export type ServiceStatusOutcome =
  | Readonly<{ outcome: "written"; resourceVersion: string }>
  | Readonly<{ outcome: "conflict" }>
  | Readonly<{ outcome: "gone" }>
  | Readonly<{ outcome: "refused"; message: string }>
  /** Either for all Services, which isPermitted() tells, or for this one by an admission plugin. */
  | Readonly<{ outcome: "forbidden"; message: string }>
  | Readonly<{ outcome: "unavailable"; message: string; retryAfterMilliseconds?: number }>;

/**
 * Writes Service statuses by PUT on `services/status`: the RBAC of old installs grants `update` there and no `patch`,
 * and the server stores metadata with it, so that the annotation travels in the same request. A PUT replaces, so
 * everything of the metadata that a view leaves out is kept here, as one text for each Service that may be written.
 */
export interface ServiceStatusWriter {
  /**
   * The reader for the watch of Services; remembers what a write needs. Of a Service that has nothing to do with load
   * balancing only its name is kept: in most clusters those are nearly all, and what is edited in one is no change then.
   */
  read(object: unknown): Result<ServiceView, Fault>;
  /** To be called when the Service is deleted. */
  forget(key: ObjectKey): void;
  /** Never rejects. */
  write(write: ServiceStatusWrite): Promise<ServiceStatusOutcome>;
}

/** JSON of what a PUT has to repeat besides the view. Absent: nothing. */
type Remainder = Readonly<{
  annotations?: Readonly<Record<string, string>>;
  finalizers?: unknown;
  ownerReferences?: unknown;
  generateName?: unknown;
  conditions?: unknown;
}>;

export function createServiceStatusWriter(client: ApiClient): ServiceStatusWriter {
  const remainders = new Map<ObjectKey, string>(); // BOUNDED by the Services that need one
  return {
    read(object) {
      const view = readService(object);
      if (!view.ok) return view;
      const key = objectKey(view.value);
      const isOfConcern = concerns(view.value);
      const remainder = isOfConcern ? remainderOf(object, view.value) : undefined;
      if (remainder === undefined) remainders.delete(key);
      else remainders.set(key, remainder);
      return isOfConcern ? view : succeed({ ...view.value, ...NOTHING });
    },
    forget: (key) => void remainders.delete(key),
    async write(write) {
      const service = resourcePath({ ...SERVICES, namespace: write.service.namespace }, write.service.name);
      const path = `${service}/status?fieldValidation=Ignore`; // a tenth less work for the server: we know our fields
      const answer = await client.requestText({
        method: "PUT",
        path,
        body: statusBody(write, remainders.get(objectKey(write.service))),
      });
      if (!answer.ok) return outcomeOf(answer.fault);
      return { outcome: "written", resourceVersion: RESOURCE_VERSION.exec(answer.value)?.[1] ?? "" };
    },
  };
}

/**
 * Found without parsing the answer, which is the whole Service: thousands may be written in a row. Within a string of
 * the JSON the quotes would have backslashes before them, and nothing else of a Service has a field of this name.
 */
const RESOURCE_VERSION = /"resourceVersion":\s*"([^"]*)"/;

/** What is left out of a Service that is not looked at, and therefore never compared. */
const NOTHING = Object.freeze({
  resourceVersion: "",
  loadBalancerIP: "",
  labels: Object.freeze({}),
  annotations: Object.freeze({}),
  ports: Object.freeze([]),
  selector: Object.freeze({}),
  clusterIPs: Object.freeze([]),
  ipFamilies: Object.freeze([]),
  ingress: Object.freeze([]),
});

/** A Service that never had nor wants an address is never written. */
function concerns({ type, ingress, annotations }: ServiceView): boolean {
  return type === "LoadBalancer" || ingress.length > 0 || Object.keys(annotations).length > 0;
}

function remainderOf(object: unknown, view: ServiceView): string | undefined {
  const metadata = isRecord(object) && isRecord(object["metadata"]) ? object["metadata"] : {};
  const status = isRecord(object) && isRecord(object["status"]) ? object["status"] : {};
  const { finalizers, ownerReferences, generateName } = metadata;
  const others = Object.entries(isRecord(metadata["annotations"]) ? metadata["annotations"] : {}).filter(
    ([key]) => !Object.hasOwn(view.annotations, key),
  );
  const remainder = {
    ...(others.length === 0 ? {} : { annotations: Object.fromEntries(others) }),
    ...(finalizers === undefined ? {} : { finalizers }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
    ...(generateName === undefined ? {} : { generateName }),
    ...(status["conditions"] === undefined ? {} : { conditions: status["conditions"] }),
  };
  return Object.keys(remainder).length === 0 ? undefined : JSON.stringify(remainder);
}

function statusBody({ service, addresses, annotations }: ServiceStatusWrite, text: string | undefined): string {
  const { annotations: others, conditions, ...metadata } = (text === undefined ? {} : JSON.parse(text)) as Remainder;
  const { name, namespace, uid, resourceVersion, labels } = service;
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      ...metadata,
      name,
      namespace,
      uid,
      resourceVersion,
      labels,
      annotations: { ...others, ...service.annotations, ...annotations }, // JSON leaves out what is undefined
    },
    // The server keeps its spec; of this one it takes the type, to know that an entry needs its default ipMode.
    spec: { type: service.type },
    status: {
      loadBalancer: addresses.length === 0 ? {} : { ingress: addresses.map((ip) => ({ ip })) },
      ...(conditions === undefined ? {} : { conditions }),
    },
  });
}

function outcomeOf({ kind, status, message, retryAfterMilliseconds }: ApiFailure): ServiceStatusOutcome {
  switch (kind) {
    case "conflict":
      return { outcome: "conflict" };
    case "notFound":
      return { outcome: "gone" };
    case "forbidden":
      return { outcome: "forbidden", message };
    case "invalid":
      return { outcome: "refused", message };
    case "server":
      // 500 is about this object (a webhook that fails), 503 and 504 are about the server.
      if (status === 500) return { outcome: "refused", message };
  }
  return {
    outcome: "unavailable",
    message,
    ...(retryAfterMilliseconds === undefined ? {} : { retryAfterMilliseconds }),
  };
}
