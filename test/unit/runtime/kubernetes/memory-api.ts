import type { ApiCall, ApiClient, ApiStream } from "../../../../src/runtime/kubernetes/api-client.js";
import { failureOfAnswer } from "../../../../src/runtime/kubernetes/api-failure.js";
import type { Clock } from "../../../../src/runtime/kubernetes/ports.js";
import { refuse, succeed } from "../../../../src/runtime/net/result.js";

export type Stored = {
  metadata: { name: string; namespace?: string; resourceVersion?: string; [field: string]: unknown };
} & Record<string, unknown>;

export type Answer = Readonly<{ status: number; body: unknown; retryAfter?: string }>;

/** As much of an API server as the edge talks to, in memory: it takes no time, and its watches live by a test's clock. */
export type MemoryApi = Readonly<{
  client: ApiClient;
  /** Every request in order, without watches and questions for permissions. */
  requests: readonly Readonly<{ line: string; body: unknown }>[];
  /** `PUT /api/v1/…`: the requests that would store something. */
  writes(): readonly string[];
  /** Makes or replaces an object, as somebody else's request would. @param collection as `/api/v1/services` */
  put(collection: string, object: Stored): Stored;
  remove(collection: string, key: string): void;
  get(collection: string, key: string): Stored | undefined;
  /** Answers instead of the server, where it gives an answer. */
  fault?: (method: string, path: string, body: unknown) => Answer | undefined;
  /** Whether something is granted, by `verb plural/subresource`; default: everything. */
  isGranted?: (permission: string) => boolean;
}>;

type Watcher = Readonly<{ collection: string; matches(object: Stored): boolean; send(event: unknown): void }>;

/** @param served plurals of metallb.io/v1beta1, those of subresources too */
export function createMemoryApi(
  clock: Pick<Clock, "setTimer">,
  served: readonly string[] = [],
): MemoryApi & { fault?: MemoryApi["fault"]; isGranted?: MemoryApi["isGranted"] } {
  const collections = new Map<string, Map<string, Stored>>();
  const log: Readonly<{ type: string; collection: string; object: Stored; version: number }>[] = [];
  const requests: { line: string; body: unknown }[] = [];
  const watchers = new Set<Watcher>();
  let version = 100;
  let uids = 0;

  const objectsOf = (collection: string): Map<string, Stored> => {
    const objects = collections.get(collection) ?? new Map<string, Stored>();
    collections.set(collection, objects);
    return objects;
  };
  const keyOf = ({ metadata }: Stored): string =>
    metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;

  function tell(type: string, collection: string, object: Stored): void {
    log.push({ type, collection, object, version });
    for (const watcher of watchers)
      if (watcher.collection === collection && watcher.matches(object)) watcher.send({ type, object });
  }

  function put(collection: string, given: Stored): Stored {
    const objects = objectsOf(collection);
    const before = objects.get(keyOf(given));
    version += 1;
    const uid = before?.metadata["uid"] ?? `uid-${(uids += 1)}`;
    const object = structuredClone({ ...given, metadata: { uid, ...given.metadata, resourceVersion: `${version}` } });
    objects.set(keyOf(object), object);
    tell(before === undefined ? "ADDED" : "MODIFIED", collection, object);
    return object;
  }

  function remove(collection: string, key: string): void {
    const object = objectsOf(collection).get(key);
    if (object === undefined) return;
    objectsOf(collection).delete(key);
    version += 1;
    tell("DELETED", collection, { ...object, metadata: { ...object.metadata, resourceVersion: `${version}` } });
  }

  function answer(method: string, url: URL, body: unknown): Answer {
    if (url.pathname === "/version") return { status: 200, body: { major: "1", minor: "36", gitVersion: "v1.36.0" } };
    if (url.pathname === "/apis/metallb.io") return { status: 200, body: { versions: [{ version: "v1beta1" }] } };
    if (url.pathname === "/apis/metallb.io/v1beta1")
      return { status: 200, body: { resources: served.map((name) => ({ name })) } };
    if (url.pathname.endsWith("/selfsubjectaccessreviews")) return { status: 201, body: review(body) };
    const { collection, namespace, name, subresource } = partsOf(url.pathname);
    const objects = objectsOf(collection);
    const key = namespace === undefined ? name : `${namespace}/${name}`;
    if (method === "POST") {
      const object = body as Stored;
      if (objects.has(keyOf(object))) return { status: 409, body: { message: "it exists already" } };
      return { status: 201, body: put(collection, withoutStatus(object)) };
    }
    if (name === "") {
      const items = [...objects.values()].filter(selectorOf(namespace, url));
      return { status: 200, body: { metadata: { resourceVersion: `${version}` }, items: structuredClone(items) } };
    }
    const before = objects.get(key);
    if (before === undefined) return { status: 404, body: { message: "not found" } };
    if (method === "GET") return { status: 200, body: structuredClone(before) };
    if (method === "DELETE") {
      const { uid } = (body as { preconditions?: { uid?: string } } | undefined)?.preconditions ?? {};
      if (uid !== undefined && uid !== before.metadata["uid"]) return { status: 409, body: { message: "another one" } };
      remove(collection, key);
      return { status: 200, body: { kind: "Status", status: "Success" } };
    }
    const sent = body as Stored;
    if (method === "PATCH") return { status: 200, body: put(collection, { ...before, ...sent }) };
    const { resourceVersion } = sent.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion)
      return { status: 409, body: { message: "it was changed" } };
    // Services keep the metadata of a status update; nothing here depends on who else does.
    const after =
      subresource === "status"
        ? { ...before, metadata: { ...before.metadata, ...sent.metadata }, status: sent["status"] }
        : { ...sent, status: before["status"] };
    return { status: 200, body: put(collection, after) };
  }

  function review(body: unknown): unknown {
    const { verb, resource, subresource } = (
      body as { spec: { resourceAttributes: { verb: string; resource: string; subresource?: string } } }
    ).spec.resourceAttributes;
    const permission = `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}`;
    return { status: { allowed: api.isGranted?.(permission) ?? true } };
  }

  async function requestText({ method, path, body: text }: ApiCall) {
    await Promise.resolve(); // no caller gets its answer while it asks
    const url = new URL(path, "http://memory");
    const body: unknown = text === undefined ? undefined : JSON.parse(text);
    if (!url.pathname.includes("/selfsubject")) requests.push({ line: `${method} ${url.pathname}`, body });
    const made = api.fault?.(method, url.pathname, body) ?? answer(method, url, body);
    const content = JSON.stringify(made.body);
    if (made.status < 300) return succeed(content);
    const { status, retryAfter } = made;
    return refuse(failureOfAnswer(`${method} ${url.pathname}`, { status, body: content, retryAfter }));
  }

  function stream({ path, signal, onChunk }: ApiStream): ReturnType<ApiClient["stream"]> {
    const url = new URL(path, "http://memory");
    const { collection, namespace } = partsOf(url.pathname);
    const matches = selectorOf(namespace, url);
    return new Promise((resolve) => {
      const send = (event: unknown): void => {
        if (!onChunk(Buffer.from(`${JSON.stringify(event)}\n`))) end();
      };
      const watcher: Watcher = { collection, matches, send };
      const seconds = Number(url.searchParams.get("timeoutSeconds"));
      const end = (): void => {
        watchers.delete(watcher);
        cancel();
        signal.removeEventListener("abort", end);
        resolve(succeed(undefined));
      };
      const cancel = clock.setTimer(seconds * 1000, () => {
        send(bookmark({}));
        end();
      });
      signal.addEventListener("abort", end);
      watchers.add(watcher);
      if (url.searchParams.has("sendInitialEvents")) {
        for (const object of objectsOf(collection).values()) if (matches(object)) send({ type: "ADDED", object });
        send(bookmark({ "k8s.io/initial-events-end": "true" }));
      } else {
        const from = Number(url.searchParams.get("resourceVersion"));
        for (const event of log)
          if (event.collection === collection && event.version > from && matches(event.object)) send(event);
      }
    });
  }

  const bookmark = (annotations: Readonly<Record<string, string>>) => ({
    type: "BOOKMARK",
    object: { metadata: { resourceVersion: `${version}`, annotations } },
  });

  const api: ReturnType<typeof createMemoryApi> = {
    client: {
      server: "http://memory",
      requestText,
      async request(call) {
        const text = await requestText(call);
        return text.ok ? succeed(JSON.parse(text.value) as unknown) : text;
      },
      stream,
      close: () => undefined,
    },
    requests,
    writes: () => requests.map(({ line }) => line).filter((line) => !line.startsWith("GET ")),
    put,
    remove,
    get: (collection, key) => objectsOf(collection).get(key),
  };
  return api;
}

/** `/api/v1/namespaces/default/services/web/status`; a Namespace's own path is not asked for. */
function partsOf(path: string) {
  const [, root = "", namespace, plural = "", name = "", subresource] =
    /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/.))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      path,
    ) ?? [];
  return { collection: `${root}/${plural}`, namespace, name, subresource };
}

function selectorOf(namespace: string | undefined, url: URL): (object: Stored) => boolean {
  const field = url.searchParams.get("fieldSelector");
  const labels = url.searchParams.get("labelSelector")?.split(",") ?? [];
  return ({ metadata }) =>
    (namespace === undefined || metadata.namespace === namespace) &&
    (field === null || field === `metadata.name=${metadata.name}`) &&
    labels.every((pair) => {
      const [key = "", value] = pair.split("=");
      return (metadata["labels"] as Record<string, string> | undefined)?.[key] === value;
    });
}

function withoutStatus(object: Stored): Stored {
  const { status: _, ...rest } = object;
  return rest;
}
